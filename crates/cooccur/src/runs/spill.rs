//! Batches of runs, and the list of runs of a finished stage.
//!
//! A *batch* is what was counted in memory at once. It is spilled as one run per partition and
//! becomes valid when its record, `spill/batch-BBBBB.json`, is published: that names its runs and
//! the units (token shards) that it covers. Runs without a record were interrupted by a crash; they
//! are removed and their units are counted again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wordmill_formats::{FormatError, FrameFile, Kind, RunDir, read_file, write_file};

const LIST_LIMIT_BYTES: u64 = 1 << 30;

/// A spill file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRow {
    /// The partition of its rows.
    pub partition: u32,
    /// File name inside `spill/`.
    pub file: String,
    /// Its cells.
    pub cells: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// The runs of a finished stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpillRuns {
    /// Fingerprint of the stage that wrote them.
    pub fingerprint: String,
    /// The runs, by partition.
    pub runs: Vec<RunRow>,
    /// Pairs of words counted.
    pub pairs: u64,
    /// Batches that they come from.
    pub batches: u64,
}

/// The record of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRow {
    pub fingerprint: String,
    pub covers: Vec<u64>,
    pub pairs: u64,
    pub runs: Vec<RunRow>,
}

impl SpillRuns {
    /// The path of the list: `spill/counted.json`.
    pub(crate) fn path(dir: &RunDir) -> PathBuf {
        dir.path("spill/counted.json")
    }

    /// Reads the list; `None` if there is none of this fingerprint.
    pub fn read(dir: &RunDir, fingerprint: &str) -> Result<Option<Self>, FormatError> {
        let list: Option<Self> = read_json(dir, &Self::path(dir))?;
        Ok(list.filter(|list| list.fingerprint == fingerprint))
    }

    /// Publishes the list.
    pub(crate) fn write(&self, dir: &RunDir) -> Result<(), FormatError> {
        write_json(dir, &Self::path(dir), self)
    }

    /// Cells in all runs; a cell may be in several.
    pub fn cells(&self) -> u64 {
        self.runs.iter().map(|run| run.cells).sum()
    }

    /// Bytes of all runs.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// Opens the runs of a partition.
    pub(crate) fn open(
        &self,
        dir: &RunDir,
        partition: usize,
    ) -> Result<Vec<FrameFile>, FormatError> {
        let ours = self.runs.iter().filter(|run| run.partition as usize == partition);
        ours.map(|run| open_run(dir, &run.file)).collect()
    }
}

/// Opens a spill file.
pub(crate) fn open_run(dir: &RunDir, file: &str) -> Result<FrameFile, FormatError> {
    let run = FrameFile::open(dir.storage(), &run_path(dir, file), Kind::RUN)?;
    match run.version() >= 2 {
        true => Ok(run),
        false => Err(FormatError::Version {
            path: run.path().to_path_buf(),
            found: u64::from(run.version()),
            known: u64::from(Kind::RUN.version),
        }),
    }
}

/// The path of a spill file.
pub(crate) fn run_path(dir: &RunDir, file: &str) -> PathBuf {
    dir.path("spill").join(file)
}

/// The name of the run of a batch in a partition.
pub(crate) fn run_name(partition: usize, batch: u64) -> String {
    format!("p{partition:03}-b{batch:05}.run")
}

/// The path of the record of a batch.
pub(crate) fn batch_path(dir: &RunDir, batch: u64) -> PathBuf {
    dir.path(&format!("spill/batch-{batch:05}.json"))
}

impl BatchRow {
    /// Reads the record of a batch; `None` if there is none, or a damaged one.
    pub fn read(dir: &RunDir, batch: u64) -> Result<Option<Self>, FormatError> {
        match read_json(dir, &batch_path(dir, batch)) {
            Err(error) if error.is_bad_artefact() => Ok(None),
            other => other,
        }
    }

    /// Publishes the record: from here on the batch counts.
    pub fn write(&self, dir: &RunDir, batch: u64) -> Result<(), FormatError> {
        write_json(dir, &batch_path(dir, batch), self)
    }
}

/// Batches on disk.
pub(crate) struct Recovered {
    /// Units that they cover.
    pub covered: BTreeSet<u64>,
    /// The number of the next batch.
    pub next_batch: u64,
    /// Their runs.
    pub list: SpillRuns,
}

/// Reads the records of batches. Records of other fingerprints, and runs without a record, are
/// removed.
pub(crate) fn recover(dir: &RunDir, fingerprint: &str) -> Result<Recovered, FormatError> {
    let folder = dir.path("spill");
    let files = dir.storage().list(&folder).map_err(|e| FormatError::io(&folder, "listing", e))?;
    let mut found = Recovered {
        covered: BTreeSet::new(),
        next_batch: 0,
        list: SpillRuns { fingerprint: fingerprint.into(), runs: Vec::new(), pairs: 0, batches: 0 },
    };
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("batch-").and_then(|rest| rest.strip_suffix(".json"));
        let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
            continue;
        };
        let batch = match read_json::<BatchRow>(dir, &path) {
            Err(error) if !error.is_bad_artefact() => return Err(error),
            other => other.ok().flatten(),
        };
        let Some(batch) = batch.filter(|batch| batch.fingerprint == fingerprint) else {
            dir.remove(&path)?;
            continue;
        };
        found.next_batch = found.next_batch.max(number + 1);
        found.covered.extend(batch.covers);
        found.list.pairs += batch.pairs;
        found.list.batches += 1;
        found.list.runs.extend(batch.runs);
    }
    found.list.runs.sort_by(|a, b| (a.partition, &a.file).cmp(&(b.partition, &b.file)));
    let is_ours = |name: &str| found.list.runs.iter().any(|run| run.file == name);
    dir.sweep("spill", |name| name.ends_with(".run") && !is_ours(name))?;
    Ok(found)
}

fn read_json<T: DeserializeOwned>(dir: &RunDir, path: &Path) -> Result<Option<T>, FormatError> {
    let json = match read_file(dir.storage(), path, LIST_LIMIT_BYTES) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let parsed = serde_json::from_slice(&json);
    parsed.map(Some).map_err(|e| FormatError::corrupt(path, 0, format!("not a list of runs: {e}")))
}

fn write_json(dir: &RunDir, path: &Path, value: &impl Serialize) -> Result<(), FormatError> {
    let json = serde_json::to_vec_pretty(value).expect("plain data is JSON");
    write_file(dir.storage(), path, &json).map(drop)
}
