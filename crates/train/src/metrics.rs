//! Learning curves: a row an epoch, in `models/NAME/metrics.jsonl`.

use serde::{Deserialize, Serialize};
use wordmill_formats::{FormatError, RunDir, write_file};

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
    /// How often the rate was halved before, because training had diverged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub halvings: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Replaces the metrics file.
pub(crate) fn write_metrics(
    dir: &RunDir,
    name: &str,
    rows: &[EpochRow],
) -> Result<(), FormatError> {
    let mut text = String::new();
    for row in rows {
        text += &serde_json::to_string(row).expect("plain data is JSON");
        text.push('\n');
    }
    let path = dir.path(&format!("models/{name}/metrics.jsonl"));
    write_file(dir.storage(), &path, text.as_bytes()).map(drop)
}
