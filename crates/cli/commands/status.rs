//! `wordmill status`: a line a stage: done, partial or stale, and why.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{DiskStorage, FormatError, RunDir, StageRow, StageState, read_file};

use crate::args::StatusArgs;
use crate::config::{Config, Sources};
use crate::ledger::{Ledger, Stage};
use crate::wiring::Origin;
use crate::wiring::import::is_imported;
use crate::{session, wiring};

/// The longest learning curve that is looked at.
const METRICS_BYTES_MAX: u64 = 1 << 30;

/// Prints the state of every stage of a run directory.
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let dir = RunDir::new(Arc::new(DiskStorage), &args.run_dir);
    let ledger = Ledger::open(&dir)?;
    if ledger.manifest().stages.is_empty() {
        let what = "there is no run.json; `wordmill run --run-dir DIR` makes one";
        return Err(FormatError::foreign(&args.run_dir, "a run directory", what).into());
    }
    let stages = match wanted(&ledger) {
        Ok(stages) => stages,
        Err(error) => {
            writeln!(
                out,
                "the pipeline of the last run cannot be read, settings are not compared: {error:#}"
            )?;
            Vec::new()
        }
    };
    let changes = ledger.changes(&stages);
    let stale = session::stale_stages(&changes, &stages);
    for row in &ledger.manifest().stages {
        let mut reasons: Vec<String> = changes
            .iter()
            .filter(|change| change.stage == row.name)
            .map(|change| format!("{} was {}, is {}", change.key, change.old, change.new))
            .collect();
        reasons.extend(ledger.missing(row)?.iter().map(|path| format!("{path} is missing or cut")));
        if reasons.is_empty() && stale.contains(&row.name.as_str()) {
            reasons.push("a stage before it is stale".into());
        }
        if reasons.is_empty() && row.state == StageState::Partial {
            progress_of(&dir, &ledger, row, out)?;
            continue;
        }
        print_row(row, &reasons, out)?;
    }
    for stage in &stages {
        if ledger.manifest().stage(&stage.name).is_none() {
            writeln!(out, "{:<16} {:<8}", stage.name, "waiting")?;
        }
    }
    Ok(())
}

/// How far a stage has come that is not finished: what of it is on disk.
fn progress_of(
    dir: &RunDir,
    ledger: &Ledger<'_>,
    row: &StageRow,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    print_row(row, &[], out)?;
    let mut there = Vec::new();
    if let Some(name) = row.name.strip_prefix("train:") {
        let metrics = dir.path(&format!("models/{name}/metrics.jsonl"));
        let epochs = match read_file(dir.storage(), &metrics, METRICS_BYTES_MAX) {
            Ok(text) => text.iter().filter(|byte| **byte == b'\n').count(),
            Err(_) => 0,
        };
        there.push(format!("{epochs} epochs"));
    }
    let (files, bytes) = ledger.on_disk(&row.name)?;
    there.push(format!("{files} files, {}", format_bytes(bytes)));
    writeln!(out, "{:17}so far {}; run again to go on", "", there.join(", "))?;
    Ok(())
}

/// The stages that the pipeline of the last run asks for now.
fn wanted(ledger: &Ledger<'_>) -> anyhow::Result<Vec<Stage>> {
    let source = &ledger.manifest().pipeline;
    let config = Config::load(&Sources {
        file: source.file.as_ref().map(PathBuf::from),
        sets: source.set.clone(),
        seed: source.seed,
        ..Sources::default()
    })?;
    if is_imported(ledger) {
        return Ok(wiring::stages(&config, Origin::Counts));
    }
    let inputs = session::inputs(&config)?;
    Ok(wiring::stages(&config, Origin::Text(&inputs)))
}

fn print_row(row: &StageRow, reasons: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    let state = match row.state {
        _ if !reasons.is_empty() => "stale",
        StageState::Done => "done",
        StageState::Partial => "partial",
    };
    let bytes: u64 = row.outputs.iter().map(|output| output.bytes).sum();
    let (time, peak) = (format_duration(row.seconds), format_bytes(row.peak_bytes));
    writeln!(
        out,
        "{:<16} {state:<8} {time:>8} {peak:>10} {:>10}{}",
        row.name,
        format_bytes(bytes),
        counts(&row.counts)
    )?;
    for reason in reasons {
        writeln!(out, "{:17}{reason}", "")?;
    }
    Ok(())
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(key, count)| format!("  {key} {count}")).collect()
}
