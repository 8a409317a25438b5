//! The built-in sample: English-like text of any size, from a seed.
//!
//! A *sample* is an endless sequence of lines with planted relations (capitals, genders, plurals,
//! tenses, degrees, topics), so that vectors learned from ten megabytes can be scored with
//! [`analogies`] and [`similarities`]. Every word is lower case and every punctuation mark is a
//! separate token, so all tokenizers agree on the words. It is not a model of English: its
//! sentences are drawn from a few patterns.
//!
//! Reading order: `tables` and `templates` contain the words and the patterns, `lexicon` forms the
//! words, `grammar` writes lines, `sample` writes texts, `questions` asks about them. `distinct`
//! writes another text, of many different words, to measure with.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod distinct;
mod grammar;
mod lexicon;
mod questions;
mod sample;
mod tables;
mod templates;

pub use distinct::{DistinctCounts, write_distinct};
pub use questions::{analogies, similarities};
pub use sample::{DEFAULT_SAMPLE_BYTES, Sample, SampleReader};
