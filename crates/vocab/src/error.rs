//! Errors of token shards, vocabularies and the stages on them.
//!
//! One enum for the crate. A message names the path first, then what was tried, the cause and the
//! way out. The binary maps errors to exit codes by [`VocabError::kind`].

use wordmill_flow::{NoThreads, OverBudget, Stopped};
use wordmill_formats::{FormatError, counted};
use wordmill_text::{ErrorKind, TextError};

/// An error of the vocabulary crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabError {
    /// An error of the text that the words are from.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A setting that cannot be used.
    #[error("{key}: {problem}; {way_out}")]
    Config {
        /// The dotted name of the setting.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        way_out: String,
    },
    /// A user's file that is malformed: a model of pieces, a list of phrases.
    #[error("{path}: {tried}: {problem}; {way_out}")]
    Input {
        /// The file as the user named it.
        path: String,
        /// What was tried.
        tried: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        way_out: &'static str,
    },
    /// The inputs have no word at all.
    #[error(
        "corpus.inputs: counting words: there is no word in {} of text; check the files and corpus.tokenizer",
        counted(*shards as u64, "chunk")
    )]
    EmptyCorpus {
        /// How many chunks were read.
        shards: usize,
    },
    /// No word is frequent enough.
    #[error(
        "vocabulary.min_count: no word occurs {}; the most frequent, \"{word}\", occurs {}: \
         lower vocabulary.min_count or give more text",
        counted(*min_count, "time"),
        counted(*count, "time")
    )]
    NoFrequentWord {
        /// The setting.
        min_count: u64,
        /// The most frequent word.
        word: String,
        /// Its count.
        count: u64,
    },
    /// A file of the run that could not be written or read, or is malformed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The memory budget is too small.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The system started no more threads.
    #[error(transparent)]
    NoThreads(#[from] NoThreads),
    /// The run was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl VocabError {
    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Text(error) => error.kind(),
            Self::Config { .. } | Self::NoFrequentWord { .. } => ErrorKind::Config,
            Self::Input { .. } | Self::EmptyCorpus { .. } => ErrorKind::Input,
            Self::Format(error) if error.is_bad_artefact() || error.is_not_found() => {
                ErrorKind::Corrupt
            }
            Self::Format(_) | Self::OverBudget(_) | Self::NoThreads(_) => ErrorKind::Exhausted,
            Self::Stopped(_) => ErrorKind::Stopped,
        }
    }
}
