//! Records: texts in fields of a larger format, extracted as lines.
//!
//! A *record* is an object of a JSON Lines file, a row of a table, a page of a crawl or a wiki, a file of an archive, a
//! document. Its text becomes lines: a line break within it is a line end, and so is its end, so no window reaches from
//! one record into the next. A record that cannot be read is *broken*: it is left out and counted, and the first few
//! are reported; a strict reader refuses it. A taker works on bytes as they come and buffers no more than one record,
//! or less if the format allows it. This module knows nothing of words.

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
