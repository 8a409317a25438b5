//! Words: how a line of text is cut into tokens, and where a line may be cut without changing them.
//!
//! A *token* is a word as the vocabulary will know it. A *tokeniser* is a chain of normalisers (`normal`) and a splitter:
//! a file each, and a line in [`TOKENIZERS`]. The splitter `whitespace` cuts at Unicode white space only; `words` cuts at ASCII
//! white space first and then at the word boundaries of Unicode's UAX 29 (one token a Han character). Lines of pure ASCII take a
//! fast path with the same result. Which words stay is not known here.

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
