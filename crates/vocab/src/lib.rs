//! Words: token shards, the vocabulary, and the stages that rewrite shards before pairs are counted.
//!
//! [`tokenize`] makes token shards from inputs (`numbering`, `interner`), [`TokenShards`] lists them, and
//! [`compare`] checks whether a text is their source. [`vocabulary`] counts their words. Three stages rewrite
//! shards (`rewrite`): [`dedup`] without repeated lines, [`pieces`] with words cut, [`phrases`] with words
//! joined. [`import_vocabulary`] and [`CountsFile`] import the counts of another program. This crate knows
//! nothing of reading text, pairs, training or the command line.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bench_api;
mod compare;
pub mod dedup;
mod description;
mod error;
mod import;
mod interner;
mod numbering;
pub mod phrases;
pub mod pieces;
mod rewrite;
mod shard;
mod shards;
mod text_writer;
mod tokenize;
mod vocabulary;

pub use compare::compare;
pub use description::Description;
pub use error::VocabError;
pub use import::{Count, CountWords, CountsFile, CountsForm, CountsRead, import_vocabulary};
pub use rewrite::MADE_OF;
pub use shard::{ShardRow, TokenCounts};
pub use shards::TokenShards;
pub use tokenize::{LinesConfig, TokenizeJob, need as tokenize_need, tokenize, tokenize_units};
pub use vocabulary::{
    LeftOut, Vocabulary, VocabularyConfig, VocabularyCounts, VocabularyJob, WordLists,
    need as vocabulary_need, vocabulary,
};
pub use wordmill_text::ErrorKind;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
