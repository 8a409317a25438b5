//! `wordmill verify`: reads everything and compares it with what it says of itself and of others.
//!
//! A file that is damaged is told with the stage that makes it anew. What nobody lists, such as the remains
//! of a process that was killed, is told too, and is no damage.

use std::io::Write;
use std::sync::Arc;

use wordmill_flow::format_bytes;
use wordmill_formats::{DiskStorage, FormatError, RunDir, StageState, Storage, counted};

use crate::args::VerifyArgs;
use wordmill_pipeline::artefacts::verify as verify_file;
use wordmill_pipeline::stages::import::IMPORT;
use wordmill_pipeline::verify::{self, Problem, Verified};

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
    let Verified { stages, problems, strangers } = verify::verify_run(dir)?;
    for row in &stages {
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
    for (path, bytes) in strangers {
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
