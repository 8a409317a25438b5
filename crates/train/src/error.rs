//! What can go wrong while training.

use wordmill_flow::{OverBudget, Stopped};
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
    /// A stop was asked for; the last checkpoint is kept.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The loss is no number any more.
    #[error(
        "{name}: the loss is no longer finite in epoch {epoch}, rotation {rotation}, round {round}: \
         training diverged; lower the rate of {name} (now {rate}) and run again"
    )]
    Diverged {
        /// The trainer.
        name: String,
        /// Epoch, from 1.
        epoch: u32,
        /// Rotation inside the epoch, from 1.
        rotation: u32,
        /// Round of the rotation, from 1.
        round: u32,
        /// The initial rate.
        rate: f64,
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
