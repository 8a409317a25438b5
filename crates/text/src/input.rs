//! Inputs: what `corpus.inputs` names, in order, and how each is opened.
//!
//! An *input* is one text: a file, the standard input, or the built-in sample. A *reader* returns
//! its unpacked bytes without a byte order mark. This module knows nothing of lines and words.

mod glob;
mod list;
mod memory;
mod open;
mod pipe;
mod plain;
mod source;
mod unpack;

pub use list::{resolve, resolve_in};
pub use memory::{greediest, unpack_first, unpacking_bytes};
pub use open::InputReader;
pub use pipe::Waiting;
pub use plain::PlainText;
pub use source::{Input, Packed, Source};

#[cfg(test)]
mod tests;
