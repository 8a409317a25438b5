//! What a document, a word and a vocabulary are.
//!
//! This room reads text and makes two finished artefacts: the token shards ([`tokenize`]) and the
//! vocabulary ([`vocabulary`]). On the way stand inputs ([`input`]), chunks ([`chunk`]) and tokens
//! ([`tokenizer`]); texts in fields of other formats are taken out on the way ([`records`]); [`sample`]
//! is the text that is built in. What another program has counted comes in by [`import_vocabulary`] and
//! [`CountsFile`]. It knows nothing of pairs, of training or of the command line.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
mod bench;
pub mod chunk;
mod compare;
pub mod dedup;
pub mod encoding;
mod error;
mod foreign;
pub mod hot;
pub mod input;
mod interner;
mod lines;
mod lists;
mod numbering;
pub mod phrases;
pub mod pieces;
mod preview;
#[cfg(test)]
mod reader;
pub mod records;
mod rewrite;
pub mod sample;
mod scan;
mod shard;
mod text;
mod tokenize;
pub mod tokenizer;
mod vocabulary;

pub use compare::compare;
pub use encoding::Encoding;
pub use error::{CorpusError, ErrorKind};
pub use foreign::{Count, CountWords, CountsFile, CountsForm, CountsRead};
pub use input::{Input, Source};
pub use lines::InvalidUtf8;
pub use lists::{CONTINUES, WordLists, WordSet, read_list};
pub use preview::{Preview, PreviewLine, preview};
pub use records::{Column, MostlyForeign, RecordCounts, RecordFormat, Records};
pub use rewrite::MADE_OF;
pub use shard::{ShardRow, TokenCounts};
pub use tokenize::{
    TokenShards, TokenizeConfig, greediest, tokenize, unpack_first, unpacking_bytes,
};
pub use vocabulary::{
    Vocabulary, VocabularyConfig, VocabularyCounts, import_vocabulary, vocabulary,
};

#[cfg(test)]
mod tests;
