//! `wordmill status`: a line a stage: done, partial or stale, and why.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{DiskStorage, FormatError, RunDir, StageRow, StageState};
use wordmill_train::read_metrics;

use crate::args::StatusArgs;
use crate::config::{Config, Sources};
use crate::ledger::{Ledger, Stage};
use crate::look::{Look, Tone, count};
use crate::wiring::Origin;
use crate::wiring::import::is_imported;
use crate::{session, wiring};

/// Prints the state of every stage of a run directory.
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let dir = RunDir::new(Arc::new(DiskStorage), &args.run_dir);
    let ledger = Ledger::open(&dir)?;
    if ledger.manifest().stages.is_empty() {
        let what = "there is no run.json; `wordmill run --run-dir DIR` makes one";
        return Err(FormatError::foreign(&args.run_dir, "a run directory", what).into());
    }
    let stages = match wanted(&dir, &ledger) {
        Ok(stages) => stages,
        Err(error) => {
            writeln!(
                out,
                "the pipeline of the last run cannot be read, settings are not compared: {error:#}"
            )?;
            Vec::new()
        }
    };
    let look = Look::of_output();
    let [stage, state, time, memory, made] = ["stage", "state", "time", "memory", "made"];
    let head = format!("{stage:<16} {state:<8} {time:>8} {memory:>10} {made:>10}  counted");
    writeln!(out, "{}", look.paint(Tone::Quiet, &head))?;
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
            progress_of((look, &dir), &ledger, row, out)?;
            continue;
        }
        print_row(look, row, &reasons, out)?;
    }
    for stage in &stages {
        if ledger.manifest().stage(&stage.name).is_none() {
            let state = look.paint(Tone::Quiet, &format!("{:<8}", "waiting"));
            writeln!(out, "{:<16} {state}", stage.name)?;
        }
    }
    let rows = &ledger.manifest().stages;
    let done = rows.iter().filter(|row| row.state == StageState::Done).count();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let files: usize = rows.iter().map(|row| row.outputs.len()).sum();
    let bytes = format_bytes(rows.iter().map(bytes_of).sum());
    let waiting = match stages.len().saturating_sub(done) {
        0 => String::new(),
        some => format!(", {some} to go"),
    };
    let time = format_duration(seconds);
    writeln!(out, "\n{done} stages done in {time}{waiting}: {files} files, {bytes}")?;
    Ok(())
}

/// How far a stage has come that is not finished: what of it is on disk.
fn progress_of(
    (look, dir): (Look, &RunDir),
    ledger: &Ledger<'_>,
    row: &StageRow,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    print_row(look, row, &[], out)?;
    let mut there = Vec::new();
    if let Some(name) = row.name.strip_prefix("train:") {
        let epochs = read_metrics(dir, name).len();
        there.push(format!("{epochs} epochs"));
    }
    let (files, bytes) = ledger.on_disk(&row.name)?;
    there.push(format!("{files} files, {}", format_bytes(bytes)));
    writeln!(out, "{:17}so far {}; run again to go on", "", there.join(", "))?;
    Ok(())
}

/// The configuration of the last run in a directory.
///
/// # Errors
/// A directory that is none of a run; a pipeline that cannot be read any more.
pub fn last_config(dir: &RunDir, ledger: &Ledger<'_>) -> anyhow::Result<Config> {
    if ledger.manifest().stages.is_empty() {
        let what = "there is no run.json; `wordmill run --run-dir DIR` makes one";
        return Err(FormatError::foreign(dir.root(), "a run directory", what).into());
    }
    let source = &ledger.manifest().pipeline;
    Ok(Config::load(&Sources {
        file: source.file.as_ref().map(PathBuf::from),
        sets: source.set.clone(),
        seed: source.seed,
        ..Sources::default()
    })?)
}

/// The stages that the pipeline of the last run asks for now.
fn wanted(dir: &RunDir, ledger: &Ledger<'_>) -> anyhow::Result<Vec<Stage>> {
    let config = last_config(dir, ledger)?;
    let given = wiring::GivenFiles::read(&config, dir)?;
    if is_imported(ledger) {
        return Ok(wiring::stages(&config, Origin::Counts, &given));
    }
    let inputs = session::inputs(&config)?;
    Ok(wiring::stages(&config, Origin::Text(&inputs), &given))
}

fn print_row(
    look: Look,
    row: &StageRow,
    reasons: &[String],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (state, tone) = match row.state {
        _ if !reasons.is_empty() => ("stale", Tone::Bad),
        StageState::Done => ("done", Tone::Good),
        StageState::Partial => ("partial", Tone::Open),
    };
    let (time, peak) = (format_duration(row.seconds), format_bytes(row.peak_bytes));
    let state = look.paint(tone, &format!("{state:<8}"));
    let made = match bytes_of(row) {
        0 => String::new(),
        bytes => format_bytes(bytes),
    };
    let counts = look.paint(Tone::Quiet, &counts(&row.counts));
    writeln!(out, "{:<16} {state} {time:>8} {peak:>10} {made:>10}{counts}", row.name)?;
    for reason in reasons {
        writeln!(out, "{:17}{}", "", look.paint(Tone::Bad, reason))?;
    }
    Ok(())
}

fn bytes_of(row: &StageRow) -> u64 {
    row.outputs.iter().map(|output| output.bytes).sum()
}

/// What was counted, without what was not there.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let there = counts.iter().filter(|(_, count)| **count > 0);
    let each = there.map(|(key, n)| match key.as_str() {
        "bytes" => format!("  {}", format_bytes(*n)),
        key => format!("  {key} {}", count(*n)),
    });
    each.collect()
}
