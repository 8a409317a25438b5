//! `wordmill run`: from text to vectors, through every stage that is not done yet.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use wordmill_flow::{Context, format_bytes, format_duration};
use wordmill_formats::{DiskStorage, FormatError, MeteredStorage, RunDir};

use crate::args::RunArgs;
use crate::config::ConfigError;
use crate::ledger::{Ledger, Stage};
use crate::past::Past;
use crate::session::{Settlement, Texts};
use crate::wiring::Origin;
use crate::wiring::import::{imported_row, is_imported};
use crate::{results, session, wiring};

/// Runs the command.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = session::config(&args.pipeline)?;
    let kernels = session::kernels()?;
    let meter = Arc::new(MeteredStorage::new(DiskStorage));
    let dir = RunDir::new(Arc::clone(&meter) as _, &config.run.dir);
    // Looked at before the inputs, which an import does not have; and again, with all that may be
    // wrong with it, when nobody else can change it.
    let before = Ledger::open(&dir).ok();
    let imported = before.as_ref().is_some_and(is_imported);
    let past = before.map_or_else(Past::default, |ledger| Past::of(ledger.manifest()));
    let mut texts = if imported { Texts::default() } else { Texts::find(&config, &past)? };
    let given = wiring::GivenFiles::read(&config, &dir, &past)?;
    let stages = wiring::stages(&config, origin(imported, &texts), &given, &past);
    let until = args.until.as_deref().map(|name| session::last_stage(name, &stages)).transpose()?;
    let deadline = args.max_time.map(|time| started + time);
    let ctx = session::context(&config, args.progress.into(), deadline)?;
    let counted = meter.count(folders(&config.run.dir));
    counted.map_err(|e| FormatError::io(dir.root(), "listing", e))?;
    let _lock = dir.lock()?;
    let mut ledger = Ledger::open(&dir)?;
    if is_imported(&ledger) != imported {
        let what = "it was changed while this run began; run again";
        return Err(ConfigError::new(dir.root().display(), what).into());
    }
    if imported {
        imported_row(&dir, &ledger)?;
        ctx.progress.say(&format!(
            "{}: counts were imported here; [corpus], [vocabulary] and [cooccur] do not apply",
            dir.root().display()
        ));
    }
    if !imported {
        session::check_lists(&config, |stage| ledger.has(&stages, stage))?;
    }
    let settlement = Settlement {
        ctx: &ctx,
        dir: &dir,
        config: &config,
        stages: &stages,
        rebuild: args.rebuild,
    };
    settlement.settle(&mut ledger, &mut texts)?;
    ledger.write_source(session::source(&args.pipeline, &config))?;
    if ledger.manifest().stages.is_empty() {
        let inputs = texts.inputs.as_deref().unwrap_or_default();
        session::refuse_what_cannot_fit(&config, inputs, until)?;
    }
    say_orphans(&ctx, &ledger, &stages);
    let pipeline = wiring::Pipeline {
        ctx: &ctx,
        dir: &dir,
        config: &config,
        origin: origin(imported, &texts),
        given: &given,
        past: &past,
        stages: &stages,
        kernels,
        until,
    };
    pipeline.run(&mut ledger)?;
    if until.is_none() {
        ledger.unmark()?;
    }
    say_stages(&ctx, &ledger, started);
    if until.is_none() {
        results::print(&dir, &ledger, &config, out)?;
    }
    Ok(())
}

/// Where the matrix comes from.
fn origin(imported: bool, texts: &Texts) -> Origin<'_> {
    if imported { Origin::Counts } else { Origin::Text(texts) }
}

/// Names the stages that take up disk for nothing.
fn say_orphans(ctx: &Context, ledger: &Ledger<'_>, stages: &[Stage]) {
    let orphans: Vec<&str> = ledger.orphans(stages).map(|row| row.name.as_str()).collect();
    if !orphans.is_empty() {
        ctx.progress.say(&format!(
            "the pipeline no longer has {}; `wordmill clean {}` shows how to remove them",
            orphans.join(", "),
            ledger.root().display()
        ));
    }
}

/// The folders of a run directory; none if it is not there yet.
fn folders(run: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = run.is_dir().then(|| run.to_path_buf()).into_iter().collect();
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    found
}

/// A table of the stages: time, memory, what they made and the most that lay on the disk.
fn say_stages(ctx: &Context, ledger: &Ledger<'_>, started: Instant) {
    if ctx.progress.is_silent() {
        return;
    }
    let head = ["time", "memory", "made", "B/cell", "disk peak"];
    let line = |name: &str, columns: [String; 5]| {
        let columns: Vec<String> = columns.iter().map(|text| format!("{text:>10}")).collect();
        format!("{name:<16}{}\n", columns.join(" "))
    };
    let mut text = line("stage", head.map(str::to_owned));
    for row in &ledger.manifest().stages {
        let listed: u64 = row.outputs.iter().map(|output| output.bytes).sum();
        // Spill runs are counted, not listed: they go when they are merged.
        let bytes = row.counts.get("bytes").filter(|_| listed == 0).copied().unwrap_or(listed);
        let a_cell = row.counts.get("cells").filter(|cells| **cells > 0);
        let columns = [
            format_duration(row.seconds),
            format_bytes(row.peak_bytes),
            format_bytes(bytes),
            a_cell.map_or("".into(), |cells| format!("{:.2}", bytes as f64 / *cells as f64)),
            format_bytes(row.peak_disk_bytes),
        ];
        text += &line(&row.name, columns);
    }
    text += &format!("this run took {}", format_duration(started.elapsed().as_secs_f64()));
    ctx.progress.say(&text);
}
