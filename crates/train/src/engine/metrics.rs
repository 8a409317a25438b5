//! Learning curves in `models/NAME/metrics.jsonl`: one row per epoch, after the rows of its rounds, which have a field
//! `round`.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
pub use wordmill_flow::EpochRow;
use wordmill_formats::{FileReader, FormatError, RunDir};

/// `log_every` consecutive rounds. Rounds overlap in time, so they have no seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundRow {
    /// Rounds done since the beginning.
    pub round: u64,
    /// The epoch of the last of them, from 1.
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

/// The longest line that is read; rows are far shorter.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// The epochs of a trainer so far; empty if there is no readable curve.
pub fn read_metrics(dir: &RunDir, name: &str) -> Vec<EpochRow> {
    let mut rows = Vec::new();
    // Rows of rounds have no seconds. Rows before a damaged line are still returned.
    let _ = for_each_line(dir, name, |line| {
        rows.extend(serde_json::from_slice(line));
        Ok(())
    });
    rows
}

/// The rounds of a trainer so far, as at most `most` points (2 or more); if there are more, neighbouring rows are
/// merged.
pub fn read_rounds(dir: &RunDir, name: &str, most: usize) -> Vec<RoundRow> {
    let (mut rows, mut open): (Vec<RoundRow>, Option<RoundRow>) = (Vec::new(), None);
    let (mut per_point, mut in_open) = (1, 0);
    // Rows before a damaged line are still returned.
    let _ = for_each_line(dir, name, |line| {
        let Ok(row) = serde_json::from_slice::<RoundRow>(line) else {
            return Ok(());
        };
        open = Some(match open.take() {
            Some(open) => RoundRow::merged(&[open, row]),
            None => row,
        });
        in_open += 1;
        if in_open == per_point {
            rows.extend(open.take());
            in_open = 0;
        }
        if rows.len() == most {
            rows = rows.chunks(2).map(RoundRow::merged).collect();
            per_point *= 2;
        }
        Ok(())
    });
    rows.extend(open);
    rows
}

pub(super) fn metrics_path(dir: &RunDir, name: &str) -> PathBuf {
    dir.path(&format!("models/{name}/metrics.jsonl"))
}

/// Reads the file line by line, as there may be many millions of rounds.
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
    /// Merges consecutive rows into one.
    fn merged(rows: &[Self]) -> Self {
        let last = rows.last().expect("some rows");
        let weight: f64 = rows.iter().map(|row| row.weight).sum();
        let loss: f64 = rows.iter().map(|row| row.loss * row.weight).sum();
        let visits = rows.iter().map(|row| row.visits).sum();
        Self {
            loss: if weight > 0.0 { loss / weight } else { last.loss },
            weight,
            visits,
            ..last.clone()
        }
    }

    /// The row as numbers, for a checkpoint; floats as bits, which are exact.
    pub(crate) fn to_numbers(&self) -> [u64; ROUND_NUMBERS] {
        let Self { round, epoch, loss, weight, visits, rate } = self;
        [*round, u64::from(*epoch), loss.to_bits(), weight.to_bits(), *visits, rate.to_bits()]
    }

    /// The row of these numbers; `None` if the epoch is impossible.
    pub(crate) fn of_numbers(
        [round, epoch, loss, weight, visits, rate]: [u64; ROUND_NUMBERS],
    ) -> Option<Self> {
        let [loss, weight, rate] = [loss, weight, rate].map(f64::from_bits);
        Some(Self { round, epoch: u32::try_from(epoch).ok()?, loss, weight, visits, rate })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wordmill_formats::{MemoryStorage, Storage, write_file};

    use super::*;

    #[test]
    fn many_rounds_become_few_points() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let dir = RunDir::new(Arc::clone(&storage), "run");
        let row = |round: u64| {
            let (weight, rate) = (round as f64, 0.1);
            RoundRow { round, epoch: 1, loss: 1.0 / weight, weight, visits: 2, rate }
        };
        for (rows, most, least) in [(3, 4, 3), (4, 4, 2), (5, 4, 3), (100, 10, 5), (0, 4, 0)] {
            let lines: Vec<u8> = (1..=rows).flat_map(|round| line_of(&row(round))).collect();
            write_file(&storage, &metrics_path(&dir, "v"), &lines).unwrap();
            let found = read_rounds(&dir, "v", most);
            assert!((least..=most).contains(&found.len()), "{rows} rows, at most {most} points");
            // Each row has loss · weight = 1.
            let sum: f64 = found.iter().map(|row| row.loss * row.weight).sum();
            assert!((sum - rows as f64).abs() < 1e-9, "{sum} of {rows}");
            assert_eq!(found.iter().map(|row| row.visits).sum::<u64>(), 2 * rows);
            assert_eq!(found.last().map_or(0, |row| row.round), rows);
        }
    }
}
