//! Groups of runs, and the list of runs that a finished stage leaves behind.
//!
//! A worker counts units (token shards, row ranges) into its memory and writes a run whenever that
//! is full. The runs that it writes until it commits form a group, named after its first unit; the
//! last run of a group says in its footer which units the group covers. A group without such a run
//! was cut short by a crash: its runs are removed and its units are counted again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wordmill_formats::{FormatError, FrameFile, Kind, RunDir, read_file, write_file};

use crate::cell::Cell;
use crate::error::CooccurError;
use crate::ranges::RowRanges;
use crate::run::RunWriter;

const LIST_LIMIT_BYTES: u64 = 1 << 30;

/// The runs of a finished stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpillRuns {
    /// Fingerprint of the stage that wrote them.
    pub fingerprint: String,
    /// File names inside `spill/`.
    pub runs: Vec<String>,
    /// Pairs of words counted.
    pub pairs: u64,
    /// Cells in all runs; a cell may stand in several.
    pub cells: u64,
    /// Bytes of all runs.
    pub bytes: u64,
}

impl SpillRuns {
    /// The path of a list: `spill/NAME.json`.
    pub(crate) fn path(dir: &RunDir, name: &str) -> PathBuf {
        dir.path(&format!("spill/{name}.json"))
    }

    /// Reads the list `NAME`; `None` if there is none of this fingerprint.
    pub fn read(dir: &RunDir, name: &str, fingerprint: &str) -> Result<Option<Self>, FormatError> {
        let path = Self::path(dir, name);
        let json = match read_file(dir.storage(), &path, LIST_LIMIT_BYTES) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let list: Self = serde_json::from_slice(&json)
            .map_err(|e| FormatError::corrupt(&path, 0, format!("not a list of runs: {e}")))?;
        Ok((list.fingerprint == fingerprint).then_some(list))
    }

    /// Publishes the list.
    pub(crate) fn write(&self, dir: &RunDir, name: &str) -> Result<(), FormatError> {
        let json = serde_json::to_vec_pretty(self).expect("plain data is JSON");
        write_file(dir.storage(), &Self::path(dir, name), &json).map(drop)
    }

    /// Opens all runs.
    pub(crate) fn open(&self, dir: &RunDir) -> Result<Vec<FrameFile>, FormatError> {
        let open = |name: &String| {
            FrameFile::open(dir.storage(), &dir.path(&format!("spill/{name}")), Kind::RUN)
        };
        self.runs.iter().map(open).collect()
    }
}

/// Writes the runs of one worker, group by group. `prefix` tells the stage.
pub(crate) struct GroupWriter<'a> {
    dir: &'a RunDir,
    ranges: &'a RowRanges,
    fingerprint: &'a str,
    prefix: &'static str,
    units: Vec<u64>,
    runs: u32,
}

impl<'a> GroupWriter<'a> {
    /// A writer without a group.
    pub fn new(
        dir: &'a RunDir,
        ranges: &'a RowRanges,
        fingerprint: &'a str,
        prefix: &'static str,
    ) -> Self {
        Self { dir, ranges, fingerprint, prefix, units: Vec::new(), runs: 0 }
    }

    /// A unit is about to be counted.
    pub fn begin(&mut self, unit: u64) {
        self.units.push(unit);
    }

    /// Whether a unit was begun since the last commit.
    pub fn has_units(&self) -> bool {
        !self.units.is_empty()
    }

    /// Writes a run in the middle of the group.
    pub fn spill(
        &mut self,
        pairs: u64,
        cells: impl FnOnce(&mut dyn FnMut(Cell) -> Result<(), CooccurError>) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError> {
        self.write(pairs, None, cells)
    }

    /// Writes the last run of the group: all units begun are covered.
    pub fn commit(
        &mut self,
        pairs: u64,
        cells: impl FnOnce(&mut dyn FnMut(Cell) -> Result<(), CooccurError>) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError> {
        let covers: Vec<String> = self.units.iter().map(u64::to_string).collect();
        self.write(pairs, Some(covers.join(" ")), cells)?;
        self.units.clear();
        self.runs = 0;
        Ok(())
    }

    fn write(
        &mut self,
        pairs: u64,
        covers: Option<String>,
        cells: impl FnOnce(&mut dyn FnMut(Cell) -> Result<(), CooccurError>) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError> {
        let name = format!("spill/{}{:05}-r{:05}.run", self.prefix, self.units[0], self.runs);
        let mut writer = RunWriter::create(self.dir.storage(), &self.dir.path(&name), self.ranges)?;
        cells(&mut |cell| Ok(writer.push(cell)?))?;
        writer.set("fingerprint", self.fingerprint);
        writer.set("group", self.units[0]);
        writer.set("pairs", pairs);
        writer.set("cells", writer.cells());
        covers.iter().for_each(|covers| writer.set("covers", covers));
        writer.finish()?;
        self.runs += 1;
        Ok(())
    }
}

/// What committed groups of a prefix are on disk: the covered units and the list of runs. Runs of
/// unfinished groups and of other fingerprints are removed.
pub(crate) fn recover(
    dir: &RunDir,
    prefix: &str,
    fingerprint: &str,
) -> Result<(BTreeSet<u64>, SpillRuns), FormatError> {
    let folder = dir.path("spill");
    let files = dir.storage().list(&folder).map_err(|e| FormatError::io(&folder, "listing", e))?;
    let mut covered = BTreeSet::new();
    let mut groups = BTreeSet::new();
    let mut kept: Vec<(u64, String, FrameFile)> = Vec::new();
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_ours =
            name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(char::is_numeric));
        if !is_ours || !name.ends_with(".run") {
            continue;
        }
        match FrameFile::open(dir.storage(), &path, Kind::RUN) {
            Ok(file) if file.setting("fingerprint") == Some(fingerprint) => {
                let group = file.number("group")?;
                if let Some(covers) = file.setting("covers") {
                    covered.extend(covers.split(' ').filter_map(|unit| unit.parse::<u64>().ok()));
                    groups.insert(group);
                }
                kept.push((group, name, file));
            }
            Err(error) if !error.is_bad_artefact() => return Err(error),
            _ => dir.remove(&path)?,
        }
    }
    let mut list = SpillRuns {
        fingerprint: fingerprint.into(),
        runs: Vec::new(),
        pairs: 0,
        cells: 0,
        bytes: 0,
    };
    for (group, name, file) in kept {
        if !groups.contains(&group) {
            dir.remove(file.path())?;
            continue;
        }
        list.pairs += file.number("pairs")?;
        list.cells += file.number("cells")?;
        list.bytes += file.bytes();
        list.runs.push(name);
    }
    Ok((covered, list))
}
