//! Errors of training.

use wordmill_flow::{NoThreads, OverBudget, Stopped};
use wordmill_formats::FormatError;

/// An error of training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file could not be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The memory budget does not suffice.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The system started no more threads.
    #[error(transparent)]
    NoThreads(#[from] NoThreads),
    /// A stop was requested; the last checkpoint is kept.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A loss or a vector is no longer finite. Checkpoints have finite numbers only.
    #[error(
        "{name}: no longer finite in epoch {epoch}, rotation {rotation}{place}: training diverged at a \
         rate of {rate}; lower the rate of {name} and run again with --rebuild, or set its \
         on_divergence = \"halve-rate\" to go on from what is kept"
    )]
    Diverged {
        /// The trainer.
        name: String,
        /// Epoch, from 1.
        epoch: u32,
        /// Rotation inside the epoch, from 1.
        rotation: u32,
        /// The tile and the vector, as far as they are known; empty or beginning with a comma.
        place: String,
        /// The rate at the start.
        rate: f64,
    },
    /// The same for trainers that read the text. Checkpoints have finite numbers only.
    #[error(
        "{name}: no longer finite in epoch {epoch}{place}: training diverged at a rate of {rate}; lower \
         the rate of {name} and run again with --rebuild, or set its on_divergence = \"halve-rate\" to \
         go on from what is kept"
    )]
    DivergedInText {
        /// The trainer.
        name: String,
        /// Epoch, from 1.
        epoch: u32,
        /// The vector, as far as it is known; empty or beginning with a comma.
        place: String,
        /// The rate at the start.
        rate: f64,
    },
    /// A file of initial vectors or frozen words does not fit.
    #[error("{}: {what}", path.display())]
    Given {
        /// The file.
        path: std::path::PathBuf,
        /// Why, and what to do.
        what: String,
    },
    /// Nothing was left to train on.
    #[error("{name}: no visit in a whole epoch: {what}")]
    Empty {
        /// The trainer.
        name: String,
        /// Why, and what to do.
        what: String,
    },
}
