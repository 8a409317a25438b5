//! The context that every stage gets.

use crate::budget::Budget;
use crate::cancel::Cancel;
use crate::need::Room;
use crate::progress::Progress;

/// Threads, memory, cancellation, and progress.
#[derive(Clone, Debug)]
pub struct Context {
    /// Number of worker threads of a stage, at least 1. No result depends on it.
    pub threads: usize,
    /// The memory budget. No result depends on it.
    pub budget: Budget,
    /// The switch that is checked between two units of work.
    pub cancel: Cancel,
    /// Where progress is reported.
    pub progress: Progress,
}

impl Context {
    /// The resources of a stage: the rest of the budget, and the threads.
    #[must_use]
    pub fn room(&self) -> Room {
        Room { bytes: self.budget.left(), threads: self.threads as u64 }
    }

    /// A context without limits or output, for tests and examples.
    pub fn for_tests(threads: usize) -> Self {
        Self {
            threads,
            budget: Budget::new(1 << 40),
            cancel: Cancel::new(None),
            progress: Progress::silent(),
        }
    }
}
