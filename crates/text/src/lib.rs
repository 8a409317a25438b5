//! Reads text and cuts it into tokens.
//!
//! The first bytes of an input ([`input`]) show how to open it (`packing`, `sniff`): it is unpacked, converted to UTF-8
//! ([`encoding`]) and, if its texts are in fields of another format ([`RecordFormat`]), taken out of these (`records`).
//! The text is cut into chunks ([`chunk`]), and lines into tokens ([`tokenizer`]); [`scan`] finds most words without
//! the tokenizer. [`WordSet`] is a list of words in the form of the text, [`preview()`] shows how a text is read and
//! cut. This crate knows nothing of counts, vocabularies or the command line.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod chunk;
pub mod encoding;
mod error;
mod format;
mod guess;
pub mod input;
mod lines;
mod lists;
mod packing;
mod preview;
mod records;
mod reread;
pub mod scan;
mod sniff;
mod tar_header;
pub mod tokenizer;

/// Features that a build may have, and whether this one has them.
pub const FEATURES: [(&str, bool); 4] = [
    ("cjk", cfg!(feature = "cjk")),
    ("hf", cfg!(feature = "hf")),
    ("parquet", cfg!(feature = "parquet")),
    ("xz", cfg!(feature = "xz")),
];

pub use encoding::Encoding;
pub use error::{ErrorKind, TextError};
pub use format::{Column, ColumnName, KeyPath, MostlyForeign, RecordCounts, RecordFormat, Records};
pub use guess::Guess;
pub use input::{Input, Source, greediest, unpack_first, unpacking_bytes};
pub use lines::{InvalidUtf8, WrongLines, make_valid};
pub use lists::{CONTINUES, WordSet};
pub use preview::{Preview, PreviewConfig, PreviewLine, preview};
pub use reread::read_list;
pub use sniff::not_text;
