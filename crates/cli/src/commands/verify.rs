//! `wordmill verify`: reads everything and compares it with what it says of itself and of others.
//!
//! The command reports a damaged file with the stage that rebuilds it. It also reports files that nobody lists, such as the remains
//! of a process that was killed; these are no damage.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use wordmill_flow::format_bytes;
use wordmill_formats::{DiskStorage, FormatError, RunDir, StageRow, StageState, Storage, counted};

use crate::args::VerifyArgs;
use wordmill_pipeline::artefacts::verify as verify_file;
use wordmill_pipeline::stages::import::IMPORT;
use wordmill_pipeline::verify::{self, Verified};

/// Checks run directories and files; prints every problem, then fails with the first.
pub fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    let mut first = None;
    let mut all = Vec::new();
    for path in &args.paths {
        let dir = RunDir::new(Arc::clone(&storage), path);
        let is_run = storage.size(&dir.manifest()).ok().flatten().is_some();
        let (about, problems) = match is_run {
            true => verify_run(&dir)?,
            false => (About::default(), verify_file(&storage, path).err().into_iter().collect()),
        };
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if args.json {
            all.push(json!({
                "path": path, "whole": told.is_empty(), "problems": told, "stages": about.stages,
                "strangers": about.strangers,
            }));
        } else {
            print(path, &about, &told, out)?;
        }
        first = first.or(problems.into_iter().next());
    }
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    }
    first.map_or(Ok(()), |problem| Err(problem.into()))
}

/// What is said of a run directory beside its problems.
#[derive(Default)]
struct About {
    stages: Vec<Stage>,
    strangers: Vec<Stranger>,
}

#[derive(Serialize)]
struct Stage {
    name: String,
    state: &'static str,
    files: usize,
    /// For people.
    #[serde(skip)]
    what: String,
}

/// A file that nobody lists.
#[derive(Serialize)]
struct Stranger {
    path: String,
    bytes: u64,
}

fn print(path: &Path, about: &About, told: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    for Stage { name, what, .. } in &about.stages {
        writeln!(out, "{name:<16} {what}")?;
    }
    for Stranger { path, bytes } in &about.strangers {
        let bytes = format_bytes(*bytes);
        writeln!(out, "{path}: {bytes}, no part of the run; it may be deleted")?;
    }
    if told.is_empty() {
        writeln!(out, "{}: whole", path.display())?;
    }
    told.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
    Ok(())
}

/// Checks every file of the ledger and how they fit together.
fn verify_run(dir: &RunDir) -> anyhow::Result<(About, Vec<FormatError>)> {
    let Verified { stages, problems, strangers } = verify::verify_run(dir)?;
    let stage = |row: &StageRow| {
        let is_damaged = problems.iter().any(|problem| problem.0 == row.name);
        let whole = format!("{} whole", counted(row.outputs.len() as u64, "file"));
        let (state, what) = match row.state {
            _ if is_damaged => ("damaged", format!("damaged; {}", way_out(&row.name))),
            StageState::Done if row.to_rebuild => {
                ("whole", format!("{whole}; it is rebuilt when its turn comes"))
            }
            StageState::Done => ("whole", whole),
            StageState::Partial => {
                ("partial", "not finished; what there is of it is whole".to_owned())
            }
        };
        Stage { name: row.name.clone(), state, files: row.outputs.len(), what }
    };
    let stages = stages.iter().map(stage).collect();
    let strangers = strangers.into_iter().map(|(path, bytes)| Stranger { path, bytes }).collect();
    Ok((About { stages, strangers }, problems.into_iter().map(|(_, problem)| problem).collect()))
}

/// The stage that rebuilds a damaged file.
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
