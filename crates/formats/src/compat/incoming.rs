//! Reads vectors that another program has written, row by row.
//!
//! A [`VectorForm`] is one of seven formats; the first bytes of a file show which one it has. A
//! [`VectorFile`] is a file whose header was read; a [`VectorReader`] iterates over its rows and keeps
//! one; [`ListedWords`] are the words of all rows, for callers that need them at once.
//!
//! | form | header | row |
//! |---|---|---|
//! | word2vec, binary | `ROWS DIM` | word, space, d f32 little-endian; a line feed may follow |
//! | word2vec, text (fastText's `.vec`) | `ROWS DIM` | `word v1 … vd`, spaces or tabs between |
//! | GloVe | none | the same; at least two numbers, or it would look like a list of counts |
//! | finalfusion | `FiFu`, chunks | words and numbers in separate chunks; norms of the rows in a third |
//! | npy | NumPy's, versions 1 to 3 | d f2, f4 or f8, little-endian; the words are in FILE`.vocab.txt` |
//! | Arrow, Parquet | the libraries' | columns of words, vectors, perhaps counts; behind the feature `parquet` |
//!
//! In text the last d fields of a line are the numbers, and everything before them is the word, so a word may have
//! spaces in it. A byte order mark at the beginning of a text is skipped.
//!
//! A bad row has a word that is empty, not UTF-8, longer than 1 MiB or that of an earlier row; a number that is not
//! finite as f32, since it has no neighbours; too many or too few numbers; or is a last line without an end, because a
//! number that is cut off is still a number. [`BadRows`] says what to do with them, and [`RowCounts`] counts them. A
//! number of rows that differs from the header is refused, unless bad rows of a text are allowed. Lengths in a file are
//! checked before they are used, so memory grows with a row, and a row is limited.

mod bad;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(not(feature = "parquet"))]
#[path = "incoming/no_columns.rs"]
mod columns;
mod file;
mod finalfusion;
mod form;
mod npy;
mod reader;
mod sniff;
mod source;
mod words;

pub use bad::{BadRows, RowCounts};
pub use file::{RowConfig, VectorFile};
pub use form::{DIM_MAX, VectorForm};
pub use reader::VectorReader;
pub use words::ListedWords;

#[cfg(test)]
mod bad_tests;
#[cfg(test)]
#[cfg(feature = "parquet")]
mod columns_tests;
#[cfg(test)]
mod tests;
