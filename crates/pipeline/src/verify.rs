//! Whether the files of a run are whole, those that the ledger lists, and fit together.

mod links;

use std::collections::BTreeSet;

use wordmill_formats::{FormatError, RunDir, StageRow, StageState};

use crate::artefacts::{has_checksums, verify as verify_file};
use crate::ledger::Ledger;
use crate::stages::{folders_of_stage, kind_of_stage};
pub use links::Problem;

/// What was found in a run directory.
#[derive(Debug)]
pub struct Verified {
    /// The rows of the ledger.
    pub stages: Vec<StageRow>,
    /// Files that are damaged, missing, or do not fit to others, each with its stage.
    pub problems: Vec<Problem>,
    /// Files in the folders of finished stages that none of them lists, with their sizes.
    pub strangers: Vec<(String, u64)>,
}

/// Reads every file of the ledger, and compares them with one another if each of them is whole.
///
/// # Errors
/// A ledger that cannot be read; a folder that cannot be listed.
pub fn verify_run(dir: &RunDir) -> Result<Verified, FormatError> {
    let ledger = Ledger::open(dir, kind_of_stage)?;
    let mut problems = Vec::new();
    for row in &ledger.manifest().stages {
        verify_stage(dir, row, &mut problems);
    }
    // Files that are damaged by themselves would be reported again by all that they are compared with.
    if problems.is_empty() {
        links::check(dir, &ledger, &mut problems);
    }
    let strangers = strangers(dir, &ledger)?;
    Ok(Verified { stages: ledger.manifest().stages.clone(), problems, strangers })
}

/// Checks the files of a stage one by one: those that are listed, or, where it is not finished, those that are
/// there.
fn verify_stage(dir: &RunDir, row: &StageRow, problems: &mut Vec<Problem>) {
    let mut note = |problem| problems.push((row.name.clone(), problem));
    if row.state == StageState::Partial {
        unfinished(dir, &row.name).unwrap_or_else(|error| vec![error]).into_iter().for_each(note);
        return;
    }
    for output in &row.outputs {
        let path = dir.path(&output.path);
        let size = dir.storage().size(&path).map_err(|e| FormatError::io(&path, "looking at", e));
        let checked = size.and_then(|size| match size {
            None => Err(FormatError::corrupt(&path, 0, "the file is missing")),
            Some(size) if size != output.bytes => {
                let what = format!("{size} bytes long, the ledger says {}", output.bytes);
                Err(FormatError::corrupt(&path, size.min(output.bytes), what))
            }
            Some(_) => verify_file(dir.storage(), &path),
        });
        match checked {
            Err(problem) => note(problem),
            Ok(digest) if format!("{digest:016x}") != output.xxh3 => {
                let what = "it is whole, but not the file that the ledger lists";
                note(FormatError::corrupt(&path, 0, what));
            }
            Ok(_) => {}
        }
    }
}

/// What is wrong with the files of a stage that is not finished.
fn unfinished(dir: &RunDir, stage: &str) -> Result<Vec<FormatError>, FormatError> {
    let mut wrong = Vec::new();
    for folder in folders_of_stage(stage) {
        let path = dir.path(&folder);
        let files = dir.storage().list(&path).map_err(|e| FormatError::io(&path, "listing", e))?;
        for file in files.iter().filter(|file| has_checksums(file)) {
            wrong.extend(verify_file(dir.storage(), file).err());
        }
    }
    Ok(wrong)
}

/// Files in the folders of finished stages that none of them lists, with their sizes.
fn strangers(dir: &RunDir, ledger: &Ledger<'_>) -> Result<Vec<(String, u64)>, FormatError> {
    let stages = &ledger.manifest().stages;
    let listed: BTreeSet<&str> =
        stages.iter().flat_map(|row| &row.outputs).map(|output| output.path.as_str()).collect();
    let partial = stages.iter().filter(|row| row.state == StageState::Partial);
    let busy: BTreeSet<String> = partial.flat_map(|row| folders_of_stage(&row.name)).collect();
    let folders: BTreeSet<String> =
        stages.iter().flat_map(|row| folders_of_stage(&row.name)).collect();
    let mut found = Vec::new();
    for folder in folders.difference(&busy) {
        let path = dir.path(folder);
        for file in dir.storage().list(&path).map_err(|e| FormatError::io(&path, "listing", e))? {
            let name = dir.relative(&file);
            // Runs and their list are there until they are merged.
            let is_known = name.ends_with("metrics.jsonl")
                || (folder == "spill" && ledger.manifest().stage("merge").is_none());
            if !is_known && !listed.contains(name.as_str()) {
                let bytes = dir.storage().size(&file).ok().flatten().unwrap_or(0);
                found.push((name, bytes));
            }
        }
    }
    Ok(found)
}
