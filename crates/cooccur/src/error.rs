//! Errors of counting, merging and shuffling.

use wordmill_flow::{NoThreads, OverBudget, Stopped};
use wordmill_formats::FormatError;

/// An error of counting, merging or shuffling.
#[derive(Debug, thiserror::Error)]
pub enum CooccurError {
    /// A file could not be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The memory budget does not suffice.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The system started no more threads.
    #[error(transparent)]
    NoThreads(#[from] NoThreads),
    /// A stop was requested.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The caller that feeds cells to `gather` failed.
    #[error("{0}")]
    Feed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A setting is out of range.
    #[error("{key}: {what}")]
    Config {
        /// The key in pipeline.toml.
        key: &'static str,
        /// What is wrong and what to do.
        what: String,
    },
    /// No two words of the vocabulary co-occur.
    #[error(
        "no pair of words within a window of {window}: every line has fewer than two words of the \
         vocabulary; lower vocabulary.min_count or check how the corpus is cut into lines"
    )]
    NoPairs {
        /// The window in words.
        window: u32,
    },
}
