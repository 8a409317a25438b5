//! Events: what an observer of a run receives.

use serde::{Deserialize, Serialize};

/// What happens in a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message for people.
    Message(String),
    /// Something was lost or ignored that the user may want to keep: to be shown even where progress is not.
    Warning(String),
    /// A message for people who look for the cause of something, such as the name of each unit of work.
    Detail(String),
    /// A line that a command of the settings printed.
    Output(String),
    /// A stage of the ledger begins. Work that follows belongs to it, until it ends.
    StageBegan {
        /// Its name in the ledger, such as `cooccur` or `train:sgns`.
        stage: String,
    },
    /// A stage of the ledger has ended.
    StageEnded {
        /// Its name in the ledger.
        stage: String,
        /// Seconds since it began, without those of earlier runs.
        seconds: f64,
        /// Whether it is done; otherwise it failed or was stopped, and the next run resumes it.
        is_done: bool,
    },
    /// An epoch of a trainer is complete.
    Epoch {
        /// The name of the stage in the ledger.
        stage: String,
        /// What was measured.
        row: EpochRow,
    },
    /// Work begins.
    Started(Work),
    /// Work goes on; reported about ten times a second.
    Working(Work),
    /// Work has ended, whether it is complete or not.
    Ended(Work),
}

/// Work in units, such as the tokens of a stage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Work {
    /// Tells this work from all other work of the process.
    pub id: u64,
    /// What the work is called, such as `cooccur` or `train sgns`; a stage may consist of several works.
    pub stage: String,
    /// What is counted, in the plural.
    pub unit: &'static str,
    /// Finished units, those of earlier runs included.
    pub done: u64,
    /// All units, at least `done`.
    pub total: u64,
    /// Whether it is known how many units there are; until then `total` is `done`.
    pub is_total_known: bool,
    /// Seconds since the work began.
    pub seconds: f64,
    /// Units a second since the work began. Units that an earlier run finished do not count.
    pub rate: f64,
    /// Seconds that are left at this rate; `None` where that is not known.
    pub seconds_left: Option<f64>,
    /// The loss of a trainer.
    pub loss: Option<f64>,
    /// Resident memory of the process in bytes; 0 where the system does not say.
    pub resident_bytes: u64,
}

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean loss: the sum of losses divided by the sum of weights, both f64.
    pub loss: f64,
    /// Sum of weights.
    pub weight: f64,
    /// Gradient steps.
    pub visits: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Gradient steps a second.
    #[serde(default)]
    pub visits_per_second: f64,
    /// The rate at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Mean loss of what is held out, after the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_loss: Option<f64>,
    /// The root of the mean squared length of gradients of vectors, Σ ‖∂L/∂w‖² + ‖∂L/∂c‖² by the sum of weights: over the cells that
    /// are held out, or else a sample of all cells. Trainers that read the text do not tell it: they know no gradient of a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// How often the rate was halved before, because training had diverged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub halvings: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
