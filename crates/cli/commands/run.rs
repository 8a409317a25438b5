//! `wordmill run`: from text to vectors, through every stage that is not done yet.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use wordmill_flow::{Context, format_bytes, format_duration};
use wordmill_formats::{DiskStorage, MeteredStorage, RunDir};

use crate::args::RunArgs;
use crate::ledger::Ledger;
use crate::{results, session, wiring};

/// Runs the command.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = session::config(&args.pipeline)?;
    let kernels = session::kernels()?;
    let inputs = session::inputs(&config)?;
    let stages = wiring::stages(&config, &inputs);
    let until = args.until.as_deref().map(|name| session::last_stage(name, &stages)).transpose()?;
    let deadline = args.max_time.map(|time| started + time);
    let ctx = session::context(&config, args.progress.into(), deadline)?;
    let dir = RunDir::new(Arc::new(metered(&config.run.dir)?), &config.run.dir);
    let _lock = dir.lock()?;
    let mut ledger = Ledger::open(&dir)?;
    ledger.set_source(session::source(&args.pipeline));
    session::settle(&ctx.progress, &config.run.dir, &mut ledger, &stages, args.rebuild)?;
    let pipeline = wiring::Pipeline {
        ctx: &ctx,
        dir: &dir,
        config: &config,
        inputs: &inputs,
        stages: &stages,
        kernels,
        until,
    };
    pipeline.run(&mut ledger)?;
    say_stages(&ctx, &ledger, started);
    if until.is_none() {
        results::print(&dir, &config, &inputs, out)?;
    }
    Ok(())
}

/// The disk, with a meter that knows what the run directory holds already.
fn metered(run: &Path) -> anyhow::Result<MeteredStorage<DiskStorage>> {
    let storage = MeteredStorage::new(DiskStorage);
    let mut folders: Vec<_> = run.is_dir().then(|| run.to_path_buf()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
        let counted = storage.count([folder.clone()]);
        counted.with_context(|| format!("{}: counting what is there", folder.display()))?;
    }
    Ok(storage)
}

/// A table of the stages: time, memory, what they made and the most that lay on the disk.
fn say_stages(ctx: &Context, ledger: &Ledger<'_>, started: Instant) {
    if ctx.progress.is_silent() {
        return;
    }
    let mut text = format!(
        "{:<16} {:>9} {:>10} {:>10} {:>10}\n",
        "stage", "time", "memory", "made", "disk peak"
    );
    for row in &ledger.manifest().stages {
        let bytes: u64 = row.outputs.iter().map(|output| output.bytes).sum();
        text += &format!(
            "{:<16} {:>9} {:>10} {:>10} {:>10}\n",
            row.name,
            format_duration(row.seconds),
            format_bytes(row.peak_bytes),
            format_bytes(bytes),
            format_bytes(row.peak_disk_bytes)
        );
    }
    text += &format!("this run took {}", format_duration(started.elapsed().as_secs_f64()));
    ctx.progress.say(&text);
}
