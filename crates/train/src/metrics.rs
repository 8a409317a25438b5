//! Learning curves: a row an epoch, in `models/NAME/metrics.jsonl`, and before it those of its rounds, which say `round`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wordmill_formats::{FormatError, RunDir, read_file, write_file};

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

/// Some rounds, `log_every` of them. They run into one another, so there are no seconds of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundRow {
    /// Rounds done since the beginning.
    pub round: u64,
    /// The epoch in which the last of them lies, from 1.
    pub epoch: u32,
    /// Mean loss over them.
    pub loss: f64,
    /// Sum of weights.
    pub weight: f64,
    /// Gradient steps.
    pub visits: u64,
    /// The rate of the last of them.
    pub rate: f64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The longest metrics file that is read.
const METRICS_BYTES_MAX: u64 = 1 << 30;

/// The epochs of a trainer so far; none where there is no curve that can be read.
pub fn read_metrics(dir: &RunDir, name: &str) -> Vec<EpochRow> {
    let text = read_file(dir.storage(), &metrics_path(dir, name), METRICS_BYTES_MAX);
    // Rows of rounds say no seconds.
    let rows = text.unwrap_or_default();
    rows.split(|byte| *byte == b'\n').filter_map(|row| serde_json::from_slice(row).ok()).collect()
}

fn metrics_path(dir: &RunDir, name: &str) -> PathBuf {
    dir.path(&format!("models/{name}/metrics.jsonl"))
}

/// Replaces the metrics file: rows of epochs, each after those of its rounds.
pub(crate) fn write_metrics(
    dir: &RunDir,
    name: &str,
    rows: &[EpochRow],
    rounds: &[RoundRow],
) -> Result<(), FormatError> {
    let mut text = String::new();
    let mut add = |row: Result<String, serde_json::Error>| {
        text += &row.expect("plain data is JSON");
        text.push('\n');
    };
    let mut rounds = rounds.iter().peekable();
    for row in rows {
        while let Some(round) = rounds.next_if(|round| round.epoch <= row.epoch) {
            add(serde_json::to_string(round));
        }
        add(serde_json::to_string(row));
    }
    rounds.for_each(|round| add(serde_json::to_string(round)));
    write_file(dir.storage(), &metrics_path(dir, name), text.as_bytes()).map(drop)
}
