//! Errors of inputs, records and tokenisers.
//!
//! One enum for the crate. A message names the path first, then what was tried, the cause and the
//! way out. The binary maps errors to exit codes by [`TextError::kind`].

use std::io;

use wordmill_flow::{NoThreads, Stopped};

/// The class of an error, which determines the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting is wrong or contradicts the text.
    Config,
    /// An input is missing, unreadable, damaged or not text.
    Input,
    /// A file written by wordmill is malformed.
    Corrupt,
    /// Disk or memory ran out, or a file could not be written.
    Exhausted,
    /// The run was asked to stop.
    Stopped,
}

/// An error of the text crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
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
    /// An input that is missing or not text.
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
        /// The error of the system.
        source: io::Error,
    },
    /// A packed input that needs more memory than its first bytes say.
    #[error(
        "{path}: unpacking: a part of it needs more than {bytes} bytes of memory, which its first bytes do not say; unpack it first, for \
         example with zstd -dc --long=31 into a pipe and inputs = [\"-\"]"
    )]
    Window {
        /// The input as the user named it.
        path: String,
        /// The limit of memory.
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
        /// The offset of the first wrong byte, counted in unpacked bytes from the start of the
        /// input.
        offset: u64,
    },
    /// The system started no more threads.
    #[error(transparent)]
    NoThreads(#[from] NoThreads),
    /// The run was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl TextError {
    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config { .. } => ErrorKind::Config,
            Self::Input { .. } | Self::Read { .. } | Self::InvalidUtf8 { .. } => ErrorKind::Input,
            Self::NoThreads(_) | Self::Window { .. } => ErrorKind::Exhausted,
            Self::Stopped(_) => ErrorKind::Stopped,
        }
    }
}
