//! What a word is: token shards, the vocabulary, and what is made of them before words are counted together.
//!
//! [`tokenize`] makes token shards of inputs (`numbering`, `interner`), [`TokenShards`] lists them, and
//! [`compare`] tells whether a text is theirs. [`vocabulary`] counts their words. Three stages write shards anew
//! (`rewrite`): [`dedup`] without repeated lines, [`pieces`] with words cut, [`phrases`] with words joined. What
//! another program has counted comes in by [`import_vocabulary`] and [`CountsFile`]. It knows nothing of how text
//! is read, of pairs, of training or of the command line.

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
