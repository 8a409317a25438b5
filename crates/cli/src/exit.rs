//! Exit codes and the last message: the one place where errors of all rooms become a number.
//!
//! 0 done; 2 wrong usage or configuration; 3 bad input data; 4 corrupt or foreign artefact; 5 out of
//! disk or memory budget; 6 training diverged; 75 stopped early on request; 1 anything else (a bug).

use std::error::Error as StdError;
use std::io::{self, Write};

use wordmill_pipeline::{ErrorKind, kind_of, way_out};

use crate::commands::answers::Unanswered;

const DONE: u8 = 0;
const BUG: u8 = 1;
const USAGE: u8 = 2;
const BAD_INPUT: u8 = 3;
/// A corrupt or foreign artefact.
pub const BAD_ARTEFACT: u8 = 4;
const EXHAUSTED: u8 = 5;
const DIVERGED: u8 = 6;
const STOPPED: u8 = 75;

/// What is said where a file that is mapped is cut short by others.
pub const CUT_MAP: &str = "wordmill: a file was cut short, or its disk failed, while it was being read; make sure that nothing else \
                           writes to it, and run again\n";

/// Standard output, whose errors are known as such wherever they come out.
pub struct Output<W>(pub W);

/// An error of standard output.
#[derive(Debug, thiserror::Error)]
#[error("standard output: writing: {0}")]
struct OutputError(io::Error);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer).map_err(of_output)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(of_output)
    }
}

fn of_output(error: io::Error) -> io::Error {
    match error.kind() {
        // Whoever writes tries again.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, OutputError(error)),
    }
}

/// An error that has been reported where events go.
#[derive(Debug, thiserror::Error)]
#[error("reported")]
pub struct Reported;

/// The exit code of an error: that of the outermost cause that is known.
pub fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(BUG)
}

/// What to print: every cause once. An error that already quotes its cause is not followed by it.
pub fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    match error.chain().find_map(way_out) {
        Some(way_out) => format!("{message}; {way_out}"),
        None => message,
    }
}

fn code_of(error: &(dyn StdError + 'static)) -> Option<u8> {
    if error.is::<Unanswered>() {
        return Some(USAGE);
    }
    match kind_of(error) {
        Some(kind) => Some(of_kind(kind)),
        None => error.downcast_ref().map(of_io),
    }
}

/// The exit code of a kind of error.
fn of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage | ErrorKind::Stale | ErrorKind::Busy => USAGE,
        ErrorKind::BadInput => BAD_INPUT,
        ErrorKind::BadArtefact => BAD_ARTEFACT,
        ErrorKind::Exhausted => EXHAUSTED,
        ErrorKind::Diverged => DIVERGED,
        ErrorKind::Stopped => STOPPED,
        // `| head` has seen enough.
        ErrorKind::ClosedPipe => DONE,
        _ => BUG,
    }
}

/// Errors of files have types of their own: what is left is standard output, or a mistake of this program.
fn of_io(error: &io::Error) -> u8 {
    let is_output = error.get_ref().is_some_and(|inner| inner.is::<OutputError>());
    match error.kind() {
        // `| head` has seen enough.
        io::ErrorKind::BrokenPipe if is_output => DONE,
        _ if is_output => EXHAUSTED,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EXHAUSTED,
        _ => BUG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use wordmill_cooccur::CooccurError;
    use wordmill_flow::Stopped;
    use wordmill_formats::FormatError;
    use wordmill_pipeline::Error;
    use wordmill_pipeline::config::ConfigError;
    use wordmill_query::QueryError;
    use wordmill_train::TrainError;
    use wordmill_vocab::VocabError;

    fn check(error: impl Into<anyhow::Error>, expected: u8) {
        let error = error.into();
        assert_eq!(code(&error), expected, "{error}");
        let wrapped = error.context("while doing more");
        assert_eq!(code(&wrapped), expected, "{wrapped} with context");
    }

    #[test]
    fn every_class_of_error_has_its_code() {
        let path = Path::new("a");
        let io = |kind: io::ErrorKind| FormatError::io(path, "writing", kind.into());
        check(ConfigError::new("a", "b"), 2);
        check(Error::from(ConfigError::new("a", "b")), 2);
        check(FormatError::corrupt(path, 0, "x"), 4);
        check(FormatError::foreign(path, "x", "y"), 4);
        check(io(io::ErrorKind::StorageFull), 5);
        check(io(io::ErrorKind::NotFound), 2);
        check(QueryError::from(io(io::ErrorKind::StorageFull)), 5);
        check(QueryError::ExportFormat("x".into()), 2);
        let (path, what) = ("q".to_owned(), String::new());
        check(QueryError::BadLine { path, line: 1, what }, 3);
        check(wordmill_flow::Budget::new(1).reserve(2, "x").unwrap_err(), 5);
        check(CooccurError::Feed(Box::new(VocabError::EmptyCorpus { shards: 1 })), 3);
        check(CooccurError::Feed(Box::new(VocabError::from(Stopped))), 75);
        check(Stopped, 75);
        check(of_output(io::ErrorKind::BrokenPipe.into()), 0);
        check(of_output(io::ErrorKind::StorageFull.into()), 5);
        check(io::Error::from(io::ErrorKind::BrokenPipe), 1);
        check(io(io::ErrorKind::BrokenPipe), 0);
        check(io(io::ErrorKind::PermissionDenied), 2);
        check(CooccurError::from(io(io::ErrorKind::PermissionDenied)), 5);
        check(TrainError::from(io(io::ErrorKind::PermissionDenied)), 5);
        check(anyhow::anyhow!("who knows"), 1);
    }

    #[test]
    fn errors_that_are_not_of_standard_output_are_not_said_to_be() {
        let other = io::Error::from(io::ErrorKind::TimedOut);
        assert!(!message(&other.into()).contains("standard output"));
        let ours = of_output(io::ErrorKind::StorageFull.into());
        assert!(message(&ours.into()).starts_with("standard output: writing: "));
    }

    #[test]
    fn a_cause_is_said_once() {
        let error = FormatError::io(Path::new("a"), "writing", io::ErrorKind::StorageFull.into());
        let plain = error.to_string();
        assert_eq!(message(&error.into()), plain);
        let layered = anyhow::anyhow!("inner").context("outer");
        assert_eq!(message(&layered), "outer: inner");
    }
}
