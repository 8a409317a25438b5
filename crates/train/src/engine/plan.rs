//! When things happen in a training: epochs, rates, checkpoints.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::curve::{CurvePlan, OnEpoch};
use super::metrics::EpochRow;
use crate::optim::steps::Schedule;

/// When things happen: the same for every objective.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the trainer.
    pub name: String,
    /// Epochs.
    pub epochs: u32,
    /// Rotations an epoch.
    pub rotations: u32,
    /// Initial rate.
    pub rate: f64,
    /// How the rate falls.
    pub schedule: Schedule,
    /// Seed.
    pub seed: u64,
    /// Identifies settings and inputs; checkpoints of another fingerprint are not read.
    pub fingerprint: String,
    /// A checkpoint is written at the end of an epoch, and between two tasks if the last is this
    /// old; zero writes one after every task.
    pub checkpoint_every: Duration,
    /// What happens when a number is no longer finite.
    pub divergence: Divergence,
    /// What of a learning curve is wanted.
    pub curve: CurvePlan,
    /// What is called after each epoch.
    pub on_epoch: Option<OnEpoch>,
}

/// What happens when training diverges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Divergence {
    /// It ends. The last checkpoint stays; every checkpoint holds finite numbers only.
    Stop,
    /// It goes back to the beginning of the epoch and on from there with half the rate, a few times at
    /// most. The epoch, not the last checkpoint: when that was written depends on the clock.
    HalveRate,
}

impl Plan {
    /// Tells of an epoch.
    pub(crate) fn tell(&self, row: Option<&EpochRow>) {
        if let (Some(OnEpoch(call)), Some(row)) = (&self.on_epoch, row) {
            call(row);
        }
    }
}
