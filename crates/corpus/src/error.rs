//! What can go wrong between a text and its vocabulary.
//!
//! One enum for the crate. A message names the path first, then what was tried, the cause and the
//! way out. Mapping to exit codes is the binary's work; [`CorpusError::kind`] is what it needs for
//! that.

use std::io;

use wordmill_flow::{NoThreads, OverBudget, Stopped};
use wordmill_formats::{FormatError, counted};

/// The class of an error, as the command line tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting is wrong or contradicts the text.
    Config,
    /// An input is missing, unreadable, damaged or no text.
    Input,
    /// A file written by wordmill does not hold what it should.
    Corrupt,
    /// Disk or memory ran out, or a file could not be written.
    Exhausted,
    /// The run was asked to stop.
    Stopped,
}

/// An error of the corpus room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A setting that cannot be followed.
    #[error("{key}: {problem}; {way_out}")]
    Config {
        /// The dotted name of the setting.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        way_out: String,
    },
    /// An input that is missing or no text.
    #[error("{path}: {tried}: {problem}; {way_out}")]
    Input {
        /// The input as the user named it.
        path: String,
        /// What was tried.
        tried: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        way_out: &'static str,
    },
    /// An input that the system could not read.
    #[error("{path}: {tried}: {source}; check that the file is there and may be read")]
    Read {
        /// The input as the user named it.
        path: String,
        /// What was tried.
        tried: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A packed input that needs more memory than its first bytes tell.
    #[error(
        "{path}: unpacking: a part of it needs more than {bytes} bytes of memory, which its begin does not tell; unpack it first, for \
         example with zstd -dc --long=31 into a pipe and inputs = [\"-\"]"
    )]
    Window {
        /// The input as the user named it.
        path: String,
        /// What may be used.
        bytes: u64,
    },
    /// A line that is not UTF-8 where `invalid_utf8 = "fail"`.
    #[error(
        "{path}: reading text: byte {offset} of the unpacked text is not UTF-8; convert the file or set \
         corpus.invalid_utf8 to \"replace\" or \"skip\""
    )]
    InvalidUtf8 {
        /// The input as the user named it.
        path: String,
        /// Where the first wrong byte stands, counted in unpacked bytes from the start of the
        /// input.
        offset: u64,
    },
    /// The inputs hold no word at all.
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
    /// A file of the run that could not be written or read, or does not hold what it should.
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

impl CorpusError {
    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } | Self::NoFrequentWord { .. } => ErrorKind::Config,
            Self::Input { .. }
            | Self::Read { .. }
            | Self::InvalidUtf8 { .. }
            | Self::EmptyCorpus { .. } => ErrorKind::Input,
            Self::Format(error) if error.is_bad_artefact() || error.is_not_found() => {
                ErrorKind::Corrupt
            }
            Self::Format(_) | Self::OverBudget(_) | Self::NoThreads(_) | Self::Window { .. } => {
                ErrorKind::Exhausted
            }
            Self::Stopped(_) => ErrorKind::Stopped,
        }
    }
}
