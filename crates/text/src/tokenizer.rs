//! Cuts a line of text into tokens, and determines where a line may be cut without changing them.
//!
//! A *token* is a word in the form of the vocabulary. A *tokeniser* is a chain of normalisers (`normal`) and a
//! splitter, which is a file and an entry in [`TOKENIZERS`]. The splitter `whitespace` cuts only at Unicode white
//! space; `words` cuts at ASCII white space first and then at the word boundaries of Unicode's UAX 29 (one token per
//! Han character). Lines of pure ASCII take a fast path with the same result. This module does not know which words are
//! kept.

pub(crate) mod ascii;
mod chain;
mod cjk;
mod config;
mod entries;
mod hf;
mod lines;
mod normal;
mod program;
mod simple;
mod whitespace;
mod words;

pub use chain::{Spans, Tokenizer};
pub use config::{
    Accents, Case, Digits, FormConfig, Mark, Normalize, Segmentation, TokenizerConfig,
    TokenizerName, WordRules,
};
pub use entries::{Entry, TOKENIZERS, missing_feature};
pub use hf::HfFile;
pub use lines::{Item, Lines, Stop};
pub use program::words_of;

#[cfg(test)]
mod tests;
