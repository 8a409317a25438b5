//! The ledger at work: which stages are done, which are stale and why, and what a stage left behind.
//!
//! A stage is *done* when its row says so, its settings and inputs are those of now, and its files
//! are there in their full length. It is *stale* when a setting differs; then the run stops unless
//! it was asked to rebuild. Nothing is deleted then: the row is marked, and the stage is cleared when its
//! turn comes, if its settings or inputs still differ. An *orphan* is a stage that the configuration no
//! longer has.

use std::collections::BTreeMap;
use std::time::Instant;

use wordmill_flow::peak_resident_bytes;
use wordmill_formats::{
    FormatError, Manifest, Meter, OutputRow, PipelineSource, Published, RunDir, StageRow,
    StageState, xxh3,
};

use crate::artefacts;
use crate::kind::{Folder, IMPORT, Kinds, Listed, Settings};

/// Keys of settings that are digests of other stages' outputs.
const INPUT: &str = "input.";

/// A setting that differs from that of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The stage.
    pub stage: String,
    /// The key.
    pub key: String,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// The ledger of a run directory.
pub struct Ledger<'a> {
    dir: &'a RunDir,
    manifest: Manifest,
    kinds: Kinds,
}

/// A stage being worked on.
pub struct OpenStage {
    row: StageRow,
    started: Instant,
}

impl<'a> Ledger<'a> {
    /// Reads `run.json`; a directory without one has an empty ledger. `kinds` knows the versions and the folders of the stages.
    pub fn open(dir: &'a RunDir, kinds: Kinds) -> Result<Self, FormatError> {
        let program = concat!("wordmill ", env!("CARGO_PKG_VERSION"));
        let manifest = Manifest::read(dir.storage(), &dir.manifest())?;
        Ok(Self { dir, manifest: manifest.unwrap_or_else(|| Manifest::new(program)), kinds })
    }

    /// Notes where the settings of this run come from, in `run.json`.
    pub fn write_source(&mut self, source: PipelineSource) -> Result<(), FormatError> {
        let is_written = self.manifest.pipeline == source || self.manifest.stages.is_empty();
        self.manifest.pipeline = source;
        if is_written { Ok(()) } else { self.write() }
    }

    /// The rows.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Every setting that differs from what the directory holds.
    pub fn changes(&self, stages: &[Listed]) -> Vec<Change> {
        stages.iter().flat_map(|stage| self.changes_of(stage)).collect()
    }

    fn changes_of(&self, stage: &Listed) -> Vec<Change> {
        let Some(row) = self.manifest.stage(&stage.name).filter(|row| !row.to_rebuild) else {
            return Vec::new();
        };
        let keys: std::collections::BTreeSet<&String> =
            row.settings.keys().chain(stage.settings.keys()).collect();
        let change = |key: &String| {
            let text = |settings: &Settings| {
                settings.get(key).cloned().unwrap_or_else(|| "not set".into())
            };
            let (old, new) = (text(&row.settings), text(&stage.settings));
            let differs = !key.starts_with(INPUT) && old != new;
            differs.then(|| Change { stage: stage.name.clone(), key: key.clone(), old, new })
        };
        let mut changes: Vec<Change> = keys.into_iter().filter_map(change).collect();
        if changes.is_empty() && row.fingerprint != self.fingerprint(&stage.name, &row.settings) {
            let (old, new) = ("that of another version".to_owned(), "that of this one".to_owned());
            let (stage, key) = (stage.name.clone(), "the computation".to_owned());
            changes.push(Change { stage, key, old, new });
        }
        changes
    }

    /// The files of a stage that are missing or have another length than the ledger says.
    ///
    /// # Errors
    /// A disk that does not say: what cannot be seen is not missing.
    pub fn missing(&self, row: &StageRow) -> Result<Vec<String>, FormatError> {
        let mut missing = Vec::new();
        for output in &row.outputs {
            let path = self.dir.path(&output.path);
            let size = self.dir.storage().size(&path);
            if size.map_err(|e| FormatError::io(&path, "looking at", e))? != Some(output.bytes) {
                missing.push(output.path.clone());
            }
        }
        Ok(missing)
    }

    /// Fails unless the files of a stage are the ones that the ledger lists, by their digests: what is made
    /// from another file, of another vocabulary say, would be wrong without a word.
    pub fn check(&self, stage: &str) -> Result<(), FormatError> {
        for output in self.manifest.stage(stage).map_or(&[][..], |row| &row.outputs) {
            let path = self.dir.path(&output.path);
            let digest = artefacts::digest(self.dir.storage(), &path)?;
            if format!("{digest:016x}") != output.xxh3 {
                let what = "it is not the file that run.json lists";
                return Err(FormatError::corrupt(&path, 0, what));
            }
        }
        Ok(())
    }

    /// The row of a stage that is done with these settings, inputs included, its files in place.
    pub fn done(&self, name: &str, settings: &Settings) -> Result<Option<&StageRow>, FormatError> {
        // A row of another version of the program has the same settings and another fingerprint.
        let is_done = |row: &&StageRow| {
            row.state == StageState::Done
                && row.settings == *settings
                && row.fingerprint == self.fingerprint(name, settings)
        };
        match self.manifest.stage(name).filter(is_done) {
            Some(row) if self.missing(row)?.is_empty() => Ok(Some(row)),
            _ => Ok(None),
        }
    }

    /// Notes that a stage is being worked on. What an attempt with other settings or inputs has left is cleared,
    /// but for vectors: they stay until others take their place.
    pub fn begin(&mut self, name: &str, settings: Settings) -> Result<OpenStage, FormatError> {
        let of_others = |row: &StageRow| row.fingerprint != self.fingerprint(name, &settings);
        if self.manifest.stage(name).is_some_and(of_others) {
            let is_emptied = |it: &Folder| it.only.is_none() && it.is_cleared && !it.is_read;
            for folder in self.folders(name).into_iter().filter(is_emptied) {
                self.dir.sweep(&folder.path, |_| true)?;
            }
        }
        let spent = match self.manifest.stage(name) {
            Some(row) if row.state == StageState::Partial && row.settings == settings => {
                row.seconds
            }
            _ => 0.0,
        };
        let row = StageRow {
            name: name.into(),
            fingerprint: self.fingerprint(name, &settings),
            settings,
            state: StageState::Partial,
            to_rebuild: false,
            outputs: Vec::new(),
            counts: BTreeMap::new(),
            seconds: spent,
            peak_bytes: 0,
            peak_disk_bytes: 0,
        };
        self.manifest.put(row.clone());
        self.write()?;
        reset_peak();
        if let Some(meter) = self.dir.storage().meter() {
            meter.reset_peak();
        }
        Ok(OpenStage { row, started: Instant::now() })
    }

    /// Notes that a stage is done.
    pub fn finish(
        &mut self,
        stage: OpenStage,
        outputs: impl IntoIterator<Item = Published>,
        counts: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> Result<&StageRow, FormatError> {
        let mut row = stage.row;
        row.state = StageState::Done;
        row.seconds += stage.started.elapsed().as_secs_f64();
        row.peak_bytes = peak_resident_bytes();
        row.peak_disk_bytes = self.dir.storage().meter().map_or(0, Meter::peak_bytes);
        let output = |file: Published| OutputRow {
            path: self.dir.relative(&file.path),
            bytes: file.bytes,
            xxh3: format!("{:016x}", file.xxh3),
        };
        row.outputs = outputs.into_iter().map(output).collect();
        row.counts = counts.into_iter().map(|(key, count)| (key.to_owned(), count)).collect();
        let name = row.name.clone();
        self.manifest.put(row);
        self.write()?;
        Ok(self.manifest.stage(&name).expect("put above"))
    }

    /// Hands on what the work on a stage has given. Where that is an error, the time it took is noted, if
    /// that can still be written: the first error is the one to report.
    pub fn or_pause<T, E>(
        &mut self,
        stage: OpenStage,
        result: Result<T, E>,
    ) -> Result<(OpenStage, T), E> {
        match result {
            Ok(done) => Ok((stage, done)),
            Err(error) => {
                let mut row = stage.row;
                row.seconds += stage.started.elapsed().as_secs_f64();
                row.peak_bytes = peak_resident_bytes();
                row.peak_disk_bytes = self.dir.storage().meter().map_or(0, Meter::peak_bytes);
                self.manifest.put(row);
                let _ = self.write();
                Err(error)
            }
        }
    }

    /// Marks stages whose rebuilding the user agreed to.
    pub fn mark(&mut self, stages: &[&str]) -> Result<(), FormatError> {
        for row in &mut self.manifest.stages {
            row.to_rebuild |= stages.contains(&row.name.as_str());
        }
        self.write()
    }

    /// Takes the marks away, once every stage had its turn.
    pub fn unmark(&mut self) -> Result<(), FormatError> {
        if !self.manifest.stages.iter().any(|row| row.to_rebuild) {
            return Ok(());
        }
        self.manifest.stages.iter_mut().for_each(|row| row.to_rebuild = false);
        self.write()
    }

    /// Gives a finished stage other settings, which were found to mean the same.
    pub fn renew(&mut self, name: &str, settings: &Settings) -> Result<(), FormatError> {
        let fingerprint = self.fingerprint(name, settings);
        if let Some(row) = self.manifest.stages.iter_mut().find(|row| row.name == name) {
            row.settings.clone_from(settings);
            row.fingerprint = fingerprint;
        }
        self.write()
    }

    /// Whether a stage is done with the settings that the pipeline wants, its inputs aside, or there is none.
    pub fn has(&self, stages: &[Listed], name: &str) -> bool {
        let Some(stage) = stages.iter().find(|stage| stage.name == name) else { return true };
        let settled = self.manifest.stage(name).is_some_and(StageRow::is_settled);
        settled && self.changes_of(stage).is_empty()
    }

    /// The run directory.
    pub fn root(&self) -> &std::path::Path {
        self.dir.root()
    }

    /// The rows of stages that are none of these; an import is never one of them.
    pub fn orphans(&self, stages: &[Listed]) -> impl Iterator<Item = &StageRow> {
        let is_known = |name: &str| name == IMPORT || stages.iter().any(|it| it.name == name);
        self.manifest.stages.iter().filter(move |row| !is_known(&row.name))
    }

    /// Files in the folders of a stage, and their bytes.
    pub fn on_disk(&self, name: &str) -> Result<(u64, u64), FormatError> {
        let storage = self.dir.storage();
        let (mut files, mut bytes) = (0, 0);
        for Folder { path, only, .. } in self.folders(name) {
            let path = self.dir.path(&path);
            let list = storage.list(&path).map_err(|e| FormatError::io(&path, "listing", e))?;
            let is_ours = |file: &&std::path::PathBuf| {
                only.as_deref().is_none_or(|only| file.ends_with(only))
            };
            for file in list.iter().filter(is_ours) {
                let size =
                    storage.size(file).map_err(|e| FormatError::io(file, "looking at", e))?;
                (files, bytes) = (files + 1, bytes + size.unwrap_or(0));
            }
        }
        Ok((files, bytes))
    }

    /// Forgets a stage and removes its files.
    pub fn forget(&mut self, name: &str) -> Result<(), FormatError> {
        self.manifest.stages.retain(|row| row.name != name);
        self.write()?;
        for Folder { path, only, .. } in self.folders(name).into_iter().filter(|it| it.is_cleared) {
            self.dir.sweep(&path, |file| only.as_deref().is_none_or(|only| only == file))?;
        }
        Ok(())
    }

    /// Removes what finished stages have left behind beside their outputs. It was removed when they ended,
    /// but a power cut may have brought it back.
    pub fn tidy(&self) -> Result<(), FormatError> {
        let done = self.manifest.stages.iter().filter(|row| row.state == StageState::Done);
        for row in done {
            let is_output = |folder: &str, file: &str| {
                row.outputs.iter().any(|output| output.path == format!("{folder}/{file}"))
            };
            for Folder { path, only, is_scratch, .. } in self.folders(&row.name) {
                let is_ours =
                    |file: &str| only.as_deref().is_none_or(|only| file.starts_with(only));
                self.dir.sweep(&path, |file| {
                    is_ours(file) && (is_scratch || is_left_over(file)) && !is_output(&path, file)
                })?;
            }
        }
        Ok(())
    }

    /// The fingerprint of a stage with these settings and inputs.
    #[must_use]
    pub fn fingerprint(&self, name: &str, settings: &Settings) -> String {
        fingerprint((self.kinds)(name).version, name, settings)
    }

    fn folders(&self, stage: &str) -> Vec<Folder> {
        ((self.kinds)(stage).folders)(stage)
    }

    fn write(&self) -> Result<(), FormatError> {
        self.manifest.write(self.dir.storage(), &self.dir.manifest()).map(drop)
    }
}

/// Whether a file is of use only while a stage is at work.
fn is_left_over(file: &str) -> bool {
    let endings = [".partial", ".scratch", ".cells", ".hashes", ".dropped"];
    endings.iter().any(|ending| file.ends_with(ending))
        || ["checkpoint-", "merge-", "pass-"].iter().any(|begin| file.starts_with(begin))
}

/// Fails unless the matrix's index is the one that the row lists; returns its digest.
///
/// # Errors
/// An index that cannot be read, or another one.
pub fn check_index(dir: &RunDir, row: &StageRow) -> Result<String, FormatError> {
    let path = dir.matrix_index();
    let digest = format!("{:016x}", artefacts::digest(dir.storage(), &path)?);
    if !row.outputs.iter().any(|output| output.xxh3 == digest) {
        let what = "its checksum is not the one in run.json";
        return Err(FormatError::corrupt(&path, 0, what));
    }
    Ok(digest)
}

/// The fingerprint of a stage: a hash of its name, its version, its configuration and the digests of its inputs.
#[must_use]
pub fn fingerprint(version: u32, name: &str, settings: &Settings) -> String {
    let mut text = format!("{name}\n{version}\n");
    for (key, value) in settings {
        text += &format!("{key}={value}\n");
    }
    format!("{:016x}", xxh3(text.as_bytes()))
}

/// Resets the measured peak, where the system can.
fn reset_peak() {
    // Linux: 5 resets VmHWM. Elsewhere the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
