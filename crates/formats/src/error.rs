//! Errors of files. A message names the path first, then what was tried, the cause, the way out.
//!
//! `Corrupt`, `Foreign` and `Version` differ from `Io`: bytes that were read but are wrong need another remedy than a
//! failing disk. The remedy depends on the owner: files of a run can be rebuilt, others belong to the user. So
//! `Corrupt` and `Foreign` name no way out; the caller adds it.

use std::io;
use std::path::{Path, PathBuf};

/// An error about one file.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The storage refused an operation.
    #[error("{}: {attempt}: {source}{}", path.display(), way_out(attempt, source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The file is damaged: it ends early or a checksum, length or order is wrong.
    #[error(
        "{}: damaged at byte {offset}: {what}",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damage was detected.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A file of another program is damaged, or has content that cannot be converted.
    #[error(
        "{}: reading {form}: byte {offset}: {what}; get a whole copy of the file, or write it again with \
         the program that made it",
        path.display()
    )]
    Incoming {
        /// The file.
        path: PathBuf,
        /// What the file is read as.
        form: &'static str,
        /// The offset of the row, the line or the header.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A row of another program's file cannot be used as it is.
    #[error("{}: reading {form}: {place}: {what}{}", path.display(), after(advice))]
    Row {
        /// The file.
        path: PathBuf,
        /// What the file is read as.
        form: &'static str,
        /// The place of the row: a byte and a line, or a number.
        place: String,
        /// What is wrong.
        what: String,
        /// How to have such rows left out; may be empty.
        advice: &'static str,
    },
    /// The file is complete, but of another kind.
    #[error(
        "{}: not {expected}: {what}",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The expected kind.
        expected: String,
        /// What was found instead.
        what: String,
    },
    /// The file is whole, and of a kind that is known and cannot be read.
    #[error("{}: not vectors: it is {what}; {way_out}", path.display())]
    Stranger {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// How to get vectors out of it.
        way_out: String,
    },
    /// The file was written by another version of the format.
    #[error(
        "{}: format version {found}, this program reads version {known}; \
         use the version of wordmill that wrote it, or make the file again with this one",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found in the file.
        found: u64,
        /// The version that this program reads.
        known: u64,
    },
    /// The data cannot be written in the requested format.
    #[error("{}: cannot be written as {format}: {what}", path.display())]
    Unwritable {
        /// The file to be written.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// Why, and what to do.
        what: String,
    },
}

impl FormatError {
    /// A storage error.
    pub fn io(path: &Path, attempt: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), attempt, source }
    }

    /// Damage at `offset`.
    pub fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), offset, what: what.into() }
    }

    /// A file of another kind.
    pub fn foreign(path: &Path, expected: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Foreign { path: path.to_path_buf(), expected: expected.into(), what: what.into() }
    }

    /// The same with `path` in place of `place`, so that it shows the name that the user gave.
    #[must_use]
    pub fn called(mut self, place: &Path, path: &Path) -> Self {
        let (Self::Io { path: shown, .. }
        | Self::Corrupt { path: shown, .. }
        | Self::Incoming { path: shown, .. }
        | Self::Row { path: shown, .. }
        | Self::Foreign { path: shown, .. }
        | Self::Stranger { path: shown, .. }
        | Self::Version { path: shown, .. }
        | Self::Unwritable { path: shown, .. }) = &mut self;
        if shown == place {
            *shown = path.to_path_buf();
        }
        self
    }

    /// Whether the bytes of an existing file are at fault (and not the disk or the caller).
    pub fn is_bad_artefact(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Incoming { .. }
                | Self::Row { .. }
                | Self::Foreign { .. }
                | Self::Stranger { .. }
                | Self::Version { .. }
        )
    }

    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the storage failed or is full (and not, say, a path that does not exist).
    pub fn is_storage_failure(&self) -> bool {
        use io::ErrorKind as K;
        let Self::Io { source, .. } = self else {
            return false;
        };
        !matches!(
            source.kind(),
            K::NotFound | K::InvalidInput | K::InvalidData | K::UnexpectedEof | K::IsADirectory
        )
    }
}

/// Appends advice to a cause, if there is any.
fn after(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!("; {advice}") }
}

/// The advice for a cause; empty if there is none.
fn way_out(attempt: &str, source: &io::Error) -> &'static str {
    use io::ErrorKind as K;
    let is_read = ["opening", "reading", "mapping"].iter().any(|word| attempt.starts_with(word));
    match source.kind() {
        K::PermissionDenied if is_read => "; check who may read it",
        K::StorageFull => {
            "; free some space, or put the run directory on a larger disk, and run again"
        }
        K::QuotaExceeded => "; raise the quota or move the run directory, and run again",
        K::FileTooLarge => "; raise the file size limit (ulimit -f), and run again",
        K::PermissionDenied | K::ReadOnlyFilesystem => "; choose a directory that you may write to",
        K::NotFound => "; check the path",
        K::IsADirectory => "; name a file",
        K::Interrupted => "; a signal came between: run again",
        _ if source.raw_os_error() == Some(5) => {
            "; the device failed (see the system's log): check it, or use another, and run again"
        }
        _ if source.raw_os_error() == Some(24) => "; raise the open-file limit (ulimit -n)",
        _ => "",
    }
}
