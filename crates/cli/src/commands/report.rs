//! `wordmill report`: the page of a run, made anew.

use std::io::Write;
use std::sync::Arc;

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
    writeln!(out, "{}", page.path.display())?;
    Ok(())
}
