//! `wordmill verify`: reads everything and compares it with what it says of itself and of others.
//!
//! A file that is damaged is told with the stage that makes it anew. What nobody lists, such as the remains
//! of a process that was killed, is told too, and is no damage.

mod links;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use wordmill_flow::format_bytes;
use wordmill_formats::{DiskStorage, FormatError, RunDir, StageRow, StageState, Storage, counted};

use crate::args::VerifyArgs;
use links::Problem;
use wordmill_pipeline::artefacts::verify as verify_file;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::stages::import::IMPORT;
use wordmill_pipeline::stages::{folders_of_stage, kind_of_stage};

/// Checks run directories and files; prints every problem, then fails with the first.
pub fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    let mut first = None;
    for path in &args.paths {
        let dir = RunDir::new(Arc::clone(&storage), path);
        let is_run = storage.size(&dir.manifest()).ok().flatten().is_some();
        let problems: Vec<FormatError> = match is_run {
            true => verify_run(&dir, out)?,
            false => verify_file(&storage, path).err().into_iter().collect(),
        };
        if problems.is_empty() {
            writeln!(out, "{}: whole", path.display())?;
        }
        for problem in problems {
            writeln!(out, "{problem}")?;
            first.get_or_insert(problem);
        }
    }
    first.map_or(Ok(()), |problem| Err(problem.into()))
}

/// Checks every file of the ledger and how they fit together.
fn verify_run(dir: &RunDir, out: &mut dyn Write) -> anyhow::Result<Vec<FormatError>> {
    let ledger = Ledger::open(dir, kind_of_stage)?;
    let mut problems = Vec::new();
    for row in &ledger.manifest().stages {
        verify_stage(dir, row, &mut problems);
    }
    // Files that are damaged by themselves would be told again by all that they are compared with.
    if problems.is_empty() {
        links::check(dir, &ledger, &mut problems);
    }
    for row in &ledger.manifest().stages {
        let ours = |problem: &&Problem| problem.0 == row.name;
        let damaged = problems.iter().filter(ours).count();
        let state = match row.state {
            _ if damaged > 0 => format!("damaged; {}", way_out(&row.name)),
            StageState::Done if row.to_rebuild => {
                format!(
                    "{} whole; it is rebuilt when its turn comes",
                    counted(row.outputs.len() as u64, "file")
                )
            }
            StageState::Done => format!("{} whole", counted(row.outputs.len() as u64, "file")),
            StageState::Partial => "not finished; what there is of it is whole".into(),
        };
        writeln!(out, "{:<16} {state}", row.name)?;
    }
    for (path, bytes) in strangers(dir, &ledger)? {
        let bytes = format_bytes(bytes);
        writeln!(out, "{path}: {bytes}, no part of the run; it may be deleted")?;
    }
    Ok(problems.into_iter().map(|(_, problem)| problem).collect())
}

/// From which stage on a damaged file is made anew.
fn way_out(stage: &str) -> String {
    let from = match stage {
        IMPORT => return "delete the files named below and import the counts again".into(),
        // What was counted is removed as it is merged.
        "merge" => "cooccur",
        "cooccur" => "cooccur",
        stage => stage,
    };
    format!(
        "delete the files named below and run again: the pipeline goes on from the stage {from}"
    )
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
    let endings =
        ["tok", "words", "hashes", "dropped", "bin", "run", "cells", "tiles", "safetensors"];
    let mut wrong = Vec::new();
    for folder in folders_of_stage(stage) {
        let path = dir.path(&folder);
        let files = dir.storage().list(&path).map_err(|e| FormatError::io(&path, "listing", e))?;
        let known = |ending: &str| endings.contains(&ending);
        for file in files {
            if file.extension().and_then(|ending| ending.to_str()).is_some_and(known) {
                wrong.extend(verify_file(dir.storage(), &file).err());
            }
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
            // Runs and their list stand there until they are merged.
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
