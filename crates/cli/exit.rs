//! Exit codes and the last message: the one place where errors of all rooms become a number.
//!
//! 0 done; 2 wrong usage or configuration; 3 bad input data; 4 corrupt or foreign artefact; 5 out of
//! disk or memory budget; 6 training diverged; 75 stopped early on request; 1 anything else (a bug).

use std::error::Error as StdError;
use std::io;

use wordmill_cooccur::CooccurError;
use wordmill_corpus::{CorpusError, ErrorKind};
use wordmill_flow::{OverBudget, Stopped};
use wordmill_formats::{FormatError, LockError};
use wordmill_query::QueryError;
use wordmill_train::TrainError;

use crate::config::ConfigError;
use crate::estimate::DoesNotFit;

const DONE: u8 = 0;
const BUG: u8 = 1;
const USAGE: u8 = 2;
const BAD_INPUT: u8 = 3;
const BAD_ARTEFACT: u8 = 4;
const EXHAUSTED: u8 = 5;
const DIVERGED: u8 = 6;
const STOPPED: u8 = 75;

/// The exit code of an error: that of the outermost cause that is known.
pub fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(BUG)
}

/// What to print: every cause once. An error that already quotes its cause is not followed by it.
pub fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    if error.is::<io::Error>() {
        message = "standard output: writing".to_owned();
    }
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

fn code_of(error: &(dyn StdError + 'static)) -> Option<u8> {
    if error.is::<ConfigError>() {
        return Some(USAGE);
    }
    if error.is::<OverBudget>() || error.is::<DoesNotFit>() {
        return Some(EXHAUSTED);
    }
    if error.is::<Stopped>() {
        return Some(STOPPED);
    }
    let code = None
        .or_else(|| error.downcast_ref().map(of_format))
        .or_else(|| error.downcast_ref().map(of_query))
        .or_else(|| error.downcast_ref().map(of_lock))
        .or_else(|| error.downcast_ref().map(of_corpus))
        .or_else(|| error.downcast_ref().map(of_cooccur))
        .or_else(|| error.downcast_ref().map(of_train));
    code.or_else(|| error.downcast_ref().map(of_output))
}

fn of_format(error: &FormatError) -> u8 {
    use io::ErrorKind as K;
    match error {
        FormatError::Unwritable { .. } => USAGE,
        FormatError::Io { source, .. } => match source.kind() {
            // A name on the command line that leads nowhere.
            K::NotFound | K::IsADirectory | K::NotADirectory => USAGE,
            K::InvalidInput | K::AlreadyExists => USAGE,
            K::PermissionDenied => USAGE,
            K::UnexpectedEof | K::InvalidData => BAD_ARTEFACT,
            _ => EXHAUSTED,
        },
        _ => BAD_ARTEFACT,
    }
}

fn of_query(error: &QueryError) -> u8 {
    match error {
        QueryError::Format(error) => of_format(error),
        error if error.is_bad_input() => BAD_INPUT,
        _ => USAGE,
    }
}

fn of_corpus(error: &CorpusError) -> u8 {
    match error.kind() {
        ErrorKind::Config => USAGE,
        ErrorKind::Input => BAD_INPUT,
        ErrorKind::Corrupt => BAD_ARTEFACT,
        ErrorKind::Exhausted => EXHAUSTED,
        ErrorKind::Stopped => STOPPED,
    }
}

fn of_cooccur(error: &CooccurError) -> u8 {
    match error {
        CooccurError::Format(error) => of_stage_file(error),
        CooccurError::OverBudget(_) | CooccurError::NoThreads(_) => EXHAUSTED,
        CooccurError::Stopped(_) => STOPPED,
        CooccurError::Config { .. } => USAGE,
        CooccurError::NoPairs { .. } => BAD_INPUT,
        CooccurError::Feed(error) => code_of(error.as_ref()).unwrap_or(BUG),
    }
}

fn of_train(error: &TrainError) -> u8 {
    match error {
        TrainError::Format(error) => of_stage_file(error),
        TrainError::OverBudget(_) | TrainError::NoThreads(_) => EXHAUSTED,
        TrainError::Stopped(_) => STOPPED,
        TrainError::Diverged { .. } | TrainError::DivergedInText { .. } => DIVERGED,
        TrainError::Empty { .. } | TrainError::Given { .. } => USAGE,
    }
}

/// A file that an earlier stage should have left behind: if it is not there, the run is damaged.
fn of_stage_file(error: &FormatError) -> u8 {
    if error.is_not_found() { BAD_ARTEFACT } else { of_format(error) }
}

fn of_lock(error: &LockError) -> u8 {
    match error {
        LockError::Held { .. } => USAGE,
        LockError::Format(error) => of_format(error),
    }
}

/// Errors of files have types of their own, so what is left is standard output.
fn of_output(error: &io::Error) -> u8 {
    match error.kind() {
        // `| head` has seen enough.
        io::ErrorKind::BrokenPipe => DONE,
        _ => EXHAUSTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

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
        check(FormatError::corrupt(path, 0, "x"), 4);
        check(FormatError::foreign(path, "x", "y"), 4);
        check(io(io::ErrorKind::StorageFull), 5);
        check(io(io::ErrorKind::NotFound), 2);
        check(QueryError::from(io(io::ErrorKind::StorageFull)), 5);
        check(QueryError::ExportFormat("x".into()), 2);
        let (path, what) = ("q".to_owned(), String::new());
        check(QueryError::BadLine { path, line: 1, what }, 3);
        check(wordmill_flow::Budget::new(1).reserve(2, "x").unwrap_err(), 5);
        check(CooccurError::Feed(Box::new(CorpusError::EmptyCorpus { shards: 1 })), 3);
        check(CooccurError::Feed(Box::new(CorpusError::from(Stopped))), 75);
        check(Stopped, 75);
        check(io::Error::from(io::ErrorKind::BrokenPipe), 0);
        check(io::Error::from(io::ErrorKind::StorageFull), 5);
        check(anyhow::anyhow!("who knows"), 1);
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
