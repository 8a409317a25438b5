//! Records: texts that stand in fields of a larger format, taken out as lines.
//!
//! A *record* is an object of a JSON Lines file, a row of a table, a page of a crawl or a wiki, a file of an archive, a document. Its text
//! becomes lines: a line break within it is a line end, and so is its end, so no window reaches from one
//! record into the next. What cannot be read as a record is *broken*: left out, counted, the first few told,
//! or refused where the reader is strict. A taker works on bytes as they come and holds no more of them than
//! one record, or less where the format allows it. Words are not known here.

mod delimited;
mod documents;
mod jsonl;
mod mediawiki;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod sink;
mod tar;
mod text;
mod wet;

pub(crate) use text::RecordText;

#[cfg(test)]
mod tar_tests;
#[cfg(test)]
mod tests;
