//! Learning curves: a row an epoch, in `models/NAME/metrics.jsonl`, and before it those of its rounds, which say `round`.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
pub use wordmill_flow::EpochRow;
use wordmill_formats::{FileReader, FormatError, RunDir};

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

/// The longest line of the file that is read: rows are far shorter.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// The epochs of a trainer so far; none where there is no curve that can be read.
pub fn read_metrics(dir: &RunDir, name: &str) -> Vec<EpochRow> {
    let mut rows = Vec::new();
    // Rows of rounds say no seconds. What comes before damage is shown all the same.
    let _ = for_each_line(dir, name, |line| {
        rows.extend(serde_json::from_slice(line));
        Ok(())
    });
    rows
}

pub(super) fn metrics_path(dir: &RunDir, name: &str) -> PathBuf {
    dir.path(&format!("models/{name}/metrics.jsonl"))
}

/// Reads the file line by line: of rounds there may be many millions.
pub(super) fn for_each_line(
    dir: &RunDir,
    name: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let path = metrics_path(dir, name);
    let file = match dir.storage().open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|e| FormatError::io(&path, "opening", e))?,
    };
    let bytes = file.len();
    let mut reader = BufReader::new(FileReader::new(file, 0, bytes));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match read.map_err(|e| FormatError::io(&path, "reading", e))? {
            0 => return Ok(()),
            _ => each(&line)?,
        }
    }
}

pub(super) fn line_of(row: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(row).expect("plain data is JSON");
    line.push(b'\n');
    line
}

/// Numbers of a row in a checkpoint.
pub(crate) const ROUND_NUMBERS: usize = 6;

impl RoundRow {
    /// As numbers, for a checkpoint: bits leave no doubt.
    pub(crate) fn to_numbers(&self) -> [u64; ROUND_NUMBERS] {
        let Self { round, epoch, loss, weight, visits, rate } = self;
        [*round, u64::from(*epoch), loss.to_bits(), weight.to_bits(), *visits, rate.to_bits()]
    }

    /// The row of these numbers; `None` for an epoch that there cannot be.
    pub(crate) fn of_numbers(
        [round, epoch, loss, weight, visits, rate]: [u64; ROUND_NUMBERS],
    ) -> Option<Self> {
        let [loss, weight, rate] = [loss, weight, rate].map(f64::from_bits);
        Some(Self { round, epoch: u32::try_from(epoch).ok()?, loss, weight, visits, rate })
    }
}
