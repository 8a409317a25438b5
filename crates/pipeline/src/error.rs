//! What can go wrong in a run, and which kind of problem it is.
//!
//! Every room has an error of its own, which says path, attempt, cause and way out. [`Error`] is any of them, and
//! [`Error::kind`] says what a caller can do about it. [`kind_of`] does the same for an error that somebody else has wrapped.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use wordmill_cooccur::CooccurError;
use wordmill_flow::{NoThreads, OverBudget, Stopped};
use wordmill_formats::{FormatError, LockError};
use wordmill_query::QueryError;
use wordmill_text::{ErrorKind as TextKind, TextError};
use wordmill_train::TrainError;
use wordmill_vocab::VocabError;

use crate::config::ConfigError;

/// An error of a run or of a question.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot be followed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A run directory whose stages are those of other settings or of another text.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// A run that cannot end with the memory, the disk or the open files that there are.
    #[error(transparent)]
    DoesNotFit(#[from] DoesNotFit),
    /// An error about text or lists.
    #[error(transparent)]
    Text(#[from] TextError),
    /// An error about words.
    #[error(transparent)]
    Vocab(#[from] VocabError),
    /// An error of counting.
    #[error(transparent)]
    Cooccur(#[from] CooccurError),
    /// An error of training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A question that cannot be answered.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A file that cannot be read or written, or is not what it should be.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A run directory in which another process works.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The memory budget has no room.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The system starts no more threads.
    #[error(transparent)]
    NoThreads(#[from] NoThreads),
    /// The run was asked to stop. Run it again to resume.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Wrong usage or configuration: change what was asked for.
    Usage,
    /// The run directory holds stages of other settings or of another text: agree to rebuild them, restore the settings, or choose
    /// another directory.
    Stale,
    /// Another process works in the run directory: wait for it.
    Busy,
    /// The text or another input is bad: change the input.
    BadInput,
    /// A file is damaged, or another kind of file than expected.
    BadArtefact,
    /// Out of memory budget, disk, open files or threads: give more, or ask for less.
    Exhausted,
    /// Training diverged: lower the rate.
    Diverged,
    /// The run was asked to stop: run it again to resume.
    Stopped,
    /// Whoever reads an output has seen enough.
    ClosedPipe,
    /// Anything else: a mistake of this program.
    Bug,
}

impl Error {
    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Usage,
            Self::Stale(_) => ErrorKind::Stale,
            Self::DoesNotFit(_) | Self::OverBudget(_) | Self::NoThreads(_) => ErrorKind::Exhausted,
            Self::Stopped(_) => ErrorKind::Stopped,
            Self::Text(error) => of_text(error.kind()),
            Self::Vocab(error) => of_text(error.kind()),
            Self::Cooccur(error) => of_cooccur(error),
            Self::Train(error) => of_train(error),
            Self::Query(error) => of_query(error),
            Self::Format(error) => of_format(error),
            Self::Lock(error) => of_lock(error),
        }
    }

    /// The error about a file, if it is one.
    pub(crate) fn as_format(&self) -> Option<&FormatError> {
        match self {
            Self::Format(error)
            | Self::Query(QueryError::Format(error))
            | Self::Cooccur(CooccurError::Format(error))
            | Self::Train(TrainError::Format(error))
            | Self::Lock(LockError::Format(error))
            | Self::Vocab(VocabError::Format(error)) => Some(error),
            _ => None,
        }
    }
}

/// The kind of an error of any room; `None` if it is none of them.
#[must_use]
pub fn kind_of(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(error.kind());
    }
    if error.is::<Stale>() {
        return Some(ErrorKind::Stale);
    }
    if error.is::<ConfigError>() {
        return Some(ErrorKind::Usage);
    }
    if error.is::<OverBudget>() || error.is::<DoesNotFit>() || error.is::<NoThreads>() {
        return Some(ErrorKind::Exhausted);
    }
    if error.is::<Stopped>() {
        return Some(ErrorKind::Stopped);
    }
    None.or_else(|| error.downcast_ref().map(of_format))
        .or_else(|| error.downcast_ref().map(of_query))
        .or_else(|| error.downcast_ref().map(of_lock))
        .or_else(|| error.downcast_ref().map(|error: &TextError| of_text(error.kind())))
        .or_else(|| error.downcast_ref().map(|error: &VocabError| of_text(error.kind())))
        .or_else(|| error.downcast_ref().map(of_cooccur))
        .or_else(|| error.downcast_ref().map(of_train))
}

fn of_format(error: &FormatError) -> ErrorKind {
    use io::ErrorKind as K;
    match error {
        FormatError::Unwritable { .. } => ErrorKind::Usage,
        FormatError::Io { source, .. } => match source.kind() {
            // A name that leads nowhere.
            K::NotFound | K::IsADirectory | K::NotADirectory => ErrorKind::Usage,
            K::InvalidInput | K::AlreadyExists => ErrorKind::Usage,
            K::PermissionDenied | K::Unsupported => ErrorKind::Usage,
            // ENXIO, ENODEV, ENAMETOOLONG, ELOOP: a path that nothing can be read from or written to.
            _ if matches!(source.raw_os_error(), Some(6 | 19 | 36 | 40)) => ErrorKind::Usage,
            K::BrokenPipe => ErrorKind::ClosedPipe,
            K::UnexpectedEof | K::InvalidData => ErrorKind::BadArtefact,
            _ => ErrorKind::Exhausted,
        },
        _ => ErrorKind::BadArtefact,
    }
}

fn of_query(error: &QueryError) -> ErrorKind {
    match error {
        QueryError::Format(error) => of_format(error),
        error if error.is_bad_input() => ErrorKind::BadInput,
        _ => ErrorKind::Usage,
    }
}

fn of_text(kind: TextKind) -> ErrorKind {
    match kind {
        TextKind::Config => ErrorKind::Usage,
        TextKind::Input => ErrorKind::BadInput,
        TextKind::Corrupt => ErrorKind::BadArtefact,
        TextKind::Exhausted => ErrorKind::Exhausted,
        TextKind::Stopped => ErrorKind::Stopped,
    }
}

fn of_cooccur(error: &CooccurError) -> ErrorKind {
    match error {
        CooccurError::Format(error) => of_stage_file(error),
        CooccurError::OverBudget(_) | CooccurError::NoThreads(_) => ErrorKind::Exhausted,
        CooccurError::Stopped(_) => ErrorKind::Stopped,
        CooccurError::Config { .. } => ErrorKind::Usage,
        CooccurError::NoPairs { .. } => ErrorKind::BadInput,
        CooccurError::Feed(error) => kind_of(error.as_ref()).unwrap_or(ErrorKind::Bug),
    }
}

fn of_train(error: &TrainError) -> ErrorKind {
    match error {
        TrainError::Format(error) => of_stage_file(error),
        TrainError::OverBudget(_) | TrainError::NoThreads(_) => ErrorKind::Exhausted,
        TrainError::Stopped(_) => ErrorKind::Stopped,
        TrainError::Diverged { .. } | TrainError::DivergedInText { .. } => ErrorKind::Diverged,
        TrainError::Empty { .. } | TrainError::Given { .. } => ErrorKind::Usage,
    }
}

/// A file that an earlier stage should have left behind: if it is not there, the run is damaged. One that may not be read or written
/// is the system's doing, not that of whoever asked.
fn of_stage_file(error: &FormatError) -> ErrorKind {
    match error {
        error if error.is_not_found() => ErrorKind::BadArtefact,
        FormatError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            ErrorKind::Exhausted
        }
        error => of_format(error),
    }
}

fn of_lock(error: &LockError) -> ErrorKind {
    match error {
        LockError::Held { .. } => ErrorKind::Busy,
        LockError::Format(error) => of_format(error),
    }
}

/// A stage that cannot do its work with what there is.
#[derive(Debug)]
pub struct DoesNotFit(String);

impl DoesNotFit {
    /// What does not fit, and what would help.
    pub(crate) fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl StdError for DoesNotFit {}

/// A run directory whose stages are those of other settings or of another text, and nobody agreed to rebuild them.
#[derive(Debug)]
pub struct Stale {
    place: String,
    what: String,
}

impl Stale {
    pub(crate) fn new(place: impl fmt::Display, what: String) -> Self {
        Self { place: place.to_string(), what }
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.what)
    }
}

impl StdError for Stale {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use wordmill_flow::Budget;

    fn check(error: impl Into<Error>, expected: ErrorKind) {
        let error = error.into();
        assert_eq!(error.kind(), expected, "{error}");
        assert_eq!(kind_of(&error), Some(expected), "{error}");
    }

    #[test]
    fn every_class_of_error_has_its_kind() {
        let path = Path::new("a");
        let io = |kind: io::ErrorKind| FormatError::io(path, "writing", kind.into());
        check(ConfigError::new("a", "b"), ErrorKind::Usage);
        check(FormatError::corrupt(path, 0, "x"), ErrorKind::BadArtefact);
        check(FormatError::foreign(path, "x", "y"), ErrorKind::BadArtefact);
        check(io(io::ErrorKind::StorageFull), ErrorKind::Exhausted);
        check(io(io::ErrorKind::NotFound), ErrorKind::Usage);
        check(QueryError::from(io(io::ErrorKind::StorageFull)), ErrorKind::Exhausted);
        check(QueryError::ExportFormat("x".into()), ErrorKind::Usage);
        let (path, what) = ("q".to_owned(), String::new());
        check(QueryError::BadLine { path, line: 1, what }, ErrorKind::BadInput);
        check(Budget::new(1).reserve(2, "x").unwrap_err(), ErrorKind::Exhausted);
        let fed = |error| CooccurError::Feed(Box::new(error));
        check(fed(VocabError::EmptyCorpus { shards: 1 }), ErrorKind::BadInput);
        check(fed(VocabError::from(Stopped)), ErrorKind::Stopped);
        check(Stopped, ErrorKind::Stopped);
        check(io(io::ErrorKind::BrokenPipe), ErrorKind::ClosedPipe);
        check(io(io::ErrorKind::PermissionDenied), ErrorKind::Usage);
        check(CooccurError::from(io(io::ErrorKind::PermissionDenied)), ErrorKind::Exhausted);
        check(TrainError::from(io(io::ErrorKind::PermissionDenied)), ErrorKind::Exhausted);
        assert_eq!(kind_of(&io::Error::other("who knows")), None);
    }
}
