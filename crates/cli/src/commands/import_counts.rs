//! `wordmill import-counts`: a run that begins with the counts of another program.

use std::io::Write;

use wordmill_formats::RunDir;

use crate::args::ImportCountsArgs;
use crate::commands::disk;
use crate::display::Display;
use crate::session;
use std::sync::Arc;
use wordmill_pipeline::config::threads_or_all;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::stages::import::{Import, Imported};
use wordmill_pipeline::stages::kind_of_stage;

/// Makes the vocabulary and the matrix of the run directory.
pub fn run(args: &ImportCountsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    session::watched(&args.show, "import-counts", |display| import(args, display, out))
}

fn import(
    args: &ImportCountsArgs,
    display: &Arc<Display>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let sizes = (threads_or_all(args.threads), args.memory);
    let ctx = session::context_of(sizes, display, None)?;
    let dir = RunDir::new(disk(), &args.run_dir);
    let import = Import { ctx: &ctx, dir: &dir, vocabulary: &args.vocab, counts: &args.counts };
    // A slip in a path leaves no directory behind.
    import.settings()?;
    let _lock = dir.lock()?;
    let mut ledger = Ledger::open(&dir, kind_of_stage)?;
    let root = args.run_dir.display();
    match import.run(&mut ledger)? {
        None => writeln!(out, "{root}: these counts have been imported before")?,
        Some(imported) => print(&imported, &root.to_string(), out)?,
    }
    writeln!(out, "go on with `wordmill run PIPELINE.toml --run-dir {root}`")?;
    Ok(())
}

fn print(imported: &Imported, root: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let Imported { index, unit, counts, symmetric } = imported;
    writeln!(
        out,
        "{root}: {counts} counts of {} words made {} cells of weight {} in all; the matrix is {}",
        index.words,
        index.cells,
        index.weight as f64 / index.unit as f64,
        if *symmetric { "symmetric" } else { "not symmetric" }
    )?;
    writeln!(
        out,
        "weights are whole multiples of 1/{}; the largest rounding error is {:.1e} of a weight{}",
        index.unit,
        unit.largest_error,
        match unit.rounded {
            0 => String::new(),
            rounded => format!(", and {rounded} weights are off by more than a millionth"),
        }
    )?;
    Ok(())
}
