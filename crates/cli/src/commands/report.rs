//! `wordmill report`: writes the page of a run again.

use std::io::Write;
use std::sync::Arc;

use serde_json::json;
use wordmill_formats::{DiskStorage, FormatError, RunDir};

use crate::args::ReportArgs;
use crate::commands::status::last_config;
use crate::report;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::scores;
use wordmill_pipeline::stages::kind_of_stage;

/// Writes the page and says where it is.
pub fn run(args: &ReportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let dir = RunDir::new(Arc::new(DiskStorage), &args.run_dir);
    let ledger = Ledger::open(&dir, kind_of_stage)?;
    let config = last_config(&dir, &ledger)?;
    for trainer in &config.train {
        let vectors = dir.vectors(&trainer.name);
        if dir.storage().size(&vectors).ok().flatten().is_none() {
            let what = "its vectors are not there yet; `wordmill run` makes them";
            return Err(FormatError::foreign(&vectors, "a finished run", what).into());
        }
    }
    let scores = scores(&dir, &config)?;
    let page = report::write(&dir, ledger.manifest(), &config, &scores)?;
    if args.json {
        let trainers: Vec<&str> = config.train.iter().map(|it| it.name.as_str()).collect();
        let stages = ledger.manifest().stages.iter().map(|row| &row.name);
        let all = json!({
            "report": page.path, "bytes": page.bytes, "stages": stages.collect::<Vec<_>>(),
            "trainers": trainers, "scores": scores,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    writeln!(out, "{}", page.path.display())?;
    Ok(())
}
