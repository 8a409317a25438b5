//! The plan of a training: epochs, rates, checkpoints.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::curve::{CurvePlan, OnEpoch};
use super::metrics::EpochRow;
use crate::optim::steps::Schedule;

/// The plan of a training, the same for every objective.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the trainer.
    pub name: String,
    /// Number of epochs.
    pub epochs: u32,
    /// Rotations per epoch.
    pub rotations: u32,
    /// Initial rate.
    pub rate: f64,
    /// How the rate falls.
    pub schedule: Schedule,
    /// Seed.
    pub seed: u64,
    /// Identifies settings and inputs; checkpoints with another fingerprint are ignored.
    pub fingerprint: String,
    /// A checkpoint is written at the end of an epoch, and between two tasks if the last one is
    /// this old; zero writes one after every task.
    pub checkpoint_every: Duration,
    /// What happens when a number is no longer finite.
    pub divergence: Divergence,
    /// Settings of the learning curve.
    pub curve: CurvePlan,
    /// Called after each epoch.
    pub on_epoch: Option<OnEpoch>,
}

/// What happens when training diverges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Divergence {
    /// Stop. The last checkpoint stays; checkpoints have finite numbers only.
    Stop,
    /// Go back to the beginning of the epoch and continue with half the rate, a few times at most. The
    /// epoch, not the last checkpoint: the clock decides when that is written.
    HalveRate,
}

impl Plan {
    /// Calls the callback of epochs.
    pub(crate) fn notify(&self, row: Option<&EpochRow>) {
        if let (Some(OnEpoch(call)), Some(row)) = (&self.on_epoch, row) {
            call(row);
        }
    }
}
