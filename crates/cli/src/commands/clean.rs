//! `wordmill clean`: removes stages that the pipeline of a run no longer has.
//!
//! Such a stage, an *orphan*, keeps its files so that they are used again if its setting returns. Without a name the command
//! lists orphans and removes nothing; stages of the pipeline are never removed.

use std::io::Write;

use wordmill_flow::format_bytes;
use wordmill_formats::{RunDir, counted};

use crate::args::CleanArgs;
use crate::commands::disk;
use crate::commands::status::wanted;
use wordmill_pipeline::config::ConfigError;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::stages::kind_of_stage;

/// Lists orphans, or removes those that are named.
pub fn run(args: &CleanArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let root = std::path::absolute(&args.run_dir)?;
    let dir = RunDir::new(disk(), &root);
    // A directory without a ledger is refused before a lock file is made there.
    let stages = wanted(&dir, &Ledger::open(&dir, kind_of_stage)?)?.stages;
    let _lock = dir.lock()?;
    let mut ledger = Ledger::open(&dir, kind_of_stage)?;
    let orphans: Vec<String> = ledger.orphans(&stages).map(|row| row.name.clone()).collect();
    for name in &args.stages {
        if !orphans.contains(name) {
            let is_wanted = stages.iter().any(|stage| stage.name == *name);
            let what = match (is_wanted, orphans.is_empty()) {
                (true, _) => format!("the pipeline has the stage {name}; only others are removed"),
                (false, true) => format!("there is no stage {name} to remove, nor any other"),
                (false, false) => format!("no stage {name}; choose {}", orphans.join(", ")),
            };
            return Err(ConfigError::new(args.run_dir.display(), what).into());
        }
    }
    if args.stages.is_empty() {
        for name in &orphans {
            let (files, bytes) = ledger.on_disk(name)?;
            writeln!(out, "{name:<16} {files:>6} files {:>10}", format_bytes(bytes))?;
        }
        match orphans.is_empty() {
            true => writeln!(out, "the pipeline has every stage of this run; nothing to remove")?,
            false => writeln!(
                out,
                "\nthe pipeline no longer has these; to remove them: wordmill clean {} {}",
                args.run_dir.display(),
                orphans.join(" ")
            )?,
        }
    }
    for name in &args.stages {
        let (files, bytes) = ledger.on_disk(name)?;
        ledger.forget(name)?;
        writeln!(out, "{name}: {}, {} removed", counted(files, "file"), format_bytes(bytes))?;
    }
    Ok(())
}
