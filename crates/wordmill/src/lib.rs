//! wordmill turns a text corpus larger than memory into word vectors.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
