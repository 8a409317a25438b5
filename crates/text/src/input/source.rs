//! An input, and how its errors are reported.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::Stopped;

use super::pipe::Begun;
use super::unpack::UnpackError;
use crate::error::TextError;
use crate::format::Records;
use crate::sniff::{self, NO_NUL};

/// The source of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A regular file.
    File(PathBuf),
    /// The standard input; it can be read only once.
    Stdin,
    /// A named pipe, a device, a pipe of the shell such as `/dev/fd/63`; it can be read only once.
    Pipe(PathBuf),
    /// A text in memory.
    Memory(Arc<[u8]>),
    /// The built-in sample.
    Sample {
        /// Its minimum size; the sample continues to the end of the line.
        bytes: u64,
        /// Its seed.
        seed: u64,
    },
}

/// One text of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its source.
    pub source: Source,
    /// Its name in messages: the path, `-` or `builtin:sample`.
    pub name: String,
    /// Its stored size in bytes, if known.
    pub bytes: Option<u64>,
    /// The time of its last change, in nanoseconds since 1970, if known.
    pub modified_ns: Option<u64>,
    /// The format of its unpacked bytes.
    pub records: Arc<Records>,
    /// What was skipped in its folder or pattern, and why; only the first input has it.
    pub left_out: Arc<[String]>,
    /// Bytes that were read to see whether it is empty.
    pub(super) begun: Begun,
}

/// Whether a file is to be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// If its first bytes show that it is packed.
    ByContent,
    /// Its bytes are taken as they are.
    No,
}

impl Input {
    /// An input of which only the source is known.
    pub(super) fn new(source: Source, name: String) -> Self {
        let (records, begun) = <(Arc<Records>, Begun)>::default();
        let left_out = Arc::default();
        Self { source, name, bytes: None, modified_ns: None, records, left_out, begun }
    }

    /// A text in memory; `name` is its name in messages.
    #[must_use]
    pub fn in_memory(text: Vec<u8>, name: &str) -> Self {
        let bytes = Some(text.len() as u64);
        Self { bytes, ..Self::new(Source::Memory(text.into()), name.to_owned()) }
    }

    /// Whether it can be read only once.
    #[must_use]
    pub fn is_read_once(&self) -> bool {
        matches!(self.source, Source::Stdin | Source::Pipe(_))
    }

    /// An error about the content of the input.
    #[must_use]
    pub fn error(&self, tried: &'static str, problem: String, way_out: &'static str) -> TextError {
        TextError::Input { path: self.name.clone(), tried, problem, way_out }
    }

    pub(super) fn read_error(&self, tried: &'static str, source: io::Error) -> TextError {
        TextError::Read { path: self.name.clone(), tried, source }
    }

    /// The error of a NUL within a text.
    pub(crate) fn nul_error(&self, offset: u64) -> TextError {
        self.error("reading text", sniff::nul_at(offset), NO_NUL)
    }

    /// Distinguishes errors of the system from those of the unpackers, which carry no error number.
    pub(super) fn unpack_error(&self, source: io::Error) -> TextError {
        if source.raw_os_error().is_some() {
            return self.read_error("reading", source);
        }
        if source.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
            return TextError::Stopped(Stopped);
        }
        match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(UnpackError::Memory { bytes }) => {
                let path = self.name.clone();
                return TextError::Window { path, bytes: *bytes };
            }
            Some(UnpackError::Behind { offset }) => {
                let problem = format!(
                    "from byte {offset} on it is not packed: the file is damaged, or something was appended to it"
                );
                let way_out =
                    "get a whole copy of the file, or unpack it with a pipe and inputs = [\"-\"]";
                return self.error("unpacking", problem, way_out);
            }
            None => {}
        }
        let problem = match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                "the packed data end too early: the file is cut off".to_owned()
            }
            _ => format!("the packed data are damaged ({source})"),
        };
        self.error(
            "unpacking",
            problem,
            "get a whole copy of the file, or leave it out of corpus.inputs",
        )
    }
}
