//! `run.json`: the ledger of a run directory, one row per stage, replaced last.
//!
//! It is also a log: seconds and peak memory are in it, so it is the one file of a run that differs
//! from one run to the next.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::artefact::{Published, read_file, write_file};
use crate::error::FormatError;
use crate::storage::Storage;

/// Version 2 stores the whole configuration of the last run, and which stages are to be rebuilt.
const VERSION: u64 = 2;
const LIMIT_BYTES: u64 = 1 << 30;

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageState {
    /// Begun; its finished units are on disk.
    Partial,
    /// Finished; its outputs are listed.
    Done,
}

/// A finished file, relative to the run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRow {
    /// Path relative to the run directory.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest, in hex.
    pub xxh3: String,
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRow {
    /// Name of the stage, e.g. `merge` or `train:sgns`.
    pub name: String,
    /// Hash of its settings, its format version and its inputs' fingerprints, in hex.
    pub fingerprint: String,
    /// The settings behind the fingerprint, so that a changed one can be named.
    pub settings: BTreeMap<String, String>,
    /// Its state.
    pub state: StageState,
    /// Whether the user agreed to rebuild it when its turn comes, if its settings or inputs differ then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub to_rebuild: bool,
    /// Its finished files.
    pub outputs: Vec<OutputRow>,
    /// Its counts: lines, tokens, cells, skipped items.
    pub counts: BTreeMap<String, u64>,
    /// Wall time of all attempts together.
    pub seconds: f64,
    /// Highest resident memory of the process while it ran, in bytes.
    pub peak_bytes: u64,
    /// Peak size of all files of the run while it ran, in bytes; 0 if it was not measured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub peak_disk_bytes: u64,
}

impl StageRow {
    /// Whether the stage is done and need not be rebuilt.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.state == StageState::Done && !self.to_rebuild
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// The settings of the last run: the whole configuration, and its layers, so that they can be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSource {
    /// The pipeline file, as an absolute path; `None` for the built-in template.
    pub file: Option<String>,
    /// Settings from the command line, `KEY=VALUE`.
    pub set: Vec<String>,
    /// The seed from the command line.
    pub seed: Option<u64>,
    /// Settings from the environment, by the names of the variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The folder in which the program was started, which relative paths are based on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The whole configuration as a pipeline file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
}

/// The ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version.
    pub version: u64,
    /// The program that wrote it.
    pub program: String,
    /// The source of the settings of the last run.
    #[serde(default)]
    pub pipeline: PipelineSource,
    /// Stages in the order in which they first ran.
    pub stages: Vec<StageRow>,
}

impl Manifest {
    /// An empty ledger.
    pub fn new(program: &str) -> Self {
        Self { version: VERSION, program: program.into(), ..Self::default() }
    }

    /// Reads a ledger; `None` if it does not exist.
    pub fn read(storage: &Arc<dyn Storage>, path: &Path) -> Result<Option<Self>, FormatError> {
        let json = match read_file(storage, path, LIMIT_BYTES) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let corrupt =
            |e: serde_json::Error| FormatError::corrupt(path, 0, format!("not a ledger: {e}"));
        let Version { version: found } = serde_json::from_slice(&json).map_err(corrupt)?;
        if !(1..=VERSION).contains(&found) {
            return Err(FormatError::Version { path: path.to_path_buf(), found, known: VERSION });
        }
        let manifest: Self = serde_json::from_slice(&json).map_err(corrupt)?;
        Ok(Some(Self { version: VERSION, ..manifest }))
    }

    /// Replaces the ledger.
    pub fn write(&self, storage: &Arc<dyn Storage>, path: &Path) -> Result<Published, FormatError> {
        let json = serde_json::to_vec_pretty(self).expect("plain data is JSON");
        write_file(storage, path, &json)
    }

    /// The row of a stage.
    pub fn stage(&self, name: &str) -> Option<&StageRow> {
        self.stages.iter().find(|row| row.name == name)
    }

    /// Replaces the row of a stage, or adds it at the end.
    pub fn put(&mut self, row: StageRow) {
        match self.stages.iter_mut().find(|old| old.name == row.name) {
            Some(old) => *old = row,
            None => self.stages.push(row),
        }
    }
}
