//! `wordmill status`: a line a stage: done, partial or stale, and why.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{DiskStorage, FormatError, Manifest, RunDir, StageRow, StageState, counted};
use wordmill_train::read_metrics;

use crate::args::StatusArgs;
use crate::session;
use crate::style::{Meaning, Style, count};
use wordmill_pipeline::config::{Config, Sources};
use wordmill_pipeline::graph::Graph;
use wordmill_pipeline::ledger::{Change, Ledger};
use wordmill_pipeline::past::{Past, names_text, resolved};
use wordmill_pipeline::stage::Listed;
use wordmill_pipeline::stages::GivenFiles;
use wordmill_pipeline::stages::import::is_imported;
use wordmill_pipeline::stages::kind_of_stage;
use wordmill_pipeline::texts::Texts;
use wordmill_pipeline::{settlement, texts};

/// What is shown of a stage.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    state: &'static str,
    seconds: f64,
    peak_bytes: u64,
    peak_disk_bytes: u64,
    bytes: u64,
    files: usize,
    counts: BTreeMap<String, u64>,
    /// Why it is stale.
    reasons: Vec<String>,
    /// What else there is to know.
    notes: Vec<String>,
}

/// Prints the state of every stage of a run directory.
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let root = std::path::absolute(&args.run_dir)?;
    let dir = RunDir::new(Arc::new(DiskStorage), &root);
    // Asked before the ledger is read: a run that ends in between is one that is done.
    let holder = dir.holder()?;
    let ledger = Ledger::open(&dir, kind_of_stage)?;
    let (stages, notes) = match wanted(&dir, &ledger) {
        Ok(Wanted { stages, notes }) => (Some(stages), notes),
        Err(error) if ledger.manifest().stages.is_empty() => return Err(error),
        Err(error) => (None, vec![format!("settings are not compared: {error:#}")]),
    };
    let orphans: Vec<&str> = match &stages {
        Some(stages) => ledger.orphans(stages).map(|row| row.name.as_str()).collect(),
        None => Vec::new(),
    };
    let stages = stages.unwrap_or_default();
    let compared = Compared::new(&ledger, &stages);
    let mut rows = Vec::new();
    for row in &ledger.manifest().stages {
        let mut shown = shown(row, compared.reasons(&ledger, row)?);
        if shown.state == "partial" {
            shown.notes.push(progress_of(&dir, &ledger, row, holder.is_some())?);
            shown.state = if holder.is_some() { "running" } else { "partial" };
        }
        if orphans.contains(&row.name.as_str()) {
            let (_, bytes) = ledger.on_disk(&row.name)?;
            let (run_dir, name, size) = (args.run_dir.display(), &row.name, format_bytes(bytes));
            let text = format!("`wordmill clean {run_dir} {name}` removes {size}");
            shown.notes.push(format!("the pipeline no longer has it; {text}"));
        }
        for Change { key, old, new, .. } in compared.texts_of(row) {
            let next = "the next run compares the text with the tokens";
            shown.notes.push(format!("{key} was {old}, is {new}; {next}"));
        }
        rows.push(shown);
    }
    let is_begun = |stage: &&Listed| ledger.manifest().stage(&stage.name).is_some();
    rows.extend(stages.iter().filter(|stage| !is_begun(stage)).map(waiting));
    let at_work = rows.iter().find(|row| row.state == "running").map(|row| row.name.clone());
    if args.json {
        let running = holder.map(|holder| json!({ "holder": holder, "stage": at_work }));
        let all = json!({
            "run_dir": root, "running": running, "notes": notes, "stages": rows,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    notes.iter().try_for_each(|note| writeln!(out, "{note}"))?;
    if let Some(holder) = holder {
        let at = at_work.map_or(String::new(), |stage| format!(", at the stage {stage}"));
        writeln!(out, "running: {holder}{at}")?;
    }
    print(&rows, ledger.manifest(), stages.len(), out)
}

fn print(
    rows: &[Shown],
    manifest: &Manifest,
    stages: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let style = Style::of_output();
    let [stage, state, time, memory, made] = ["stage", "state", "time", "memory", "made"];
    let head = format!("{stage:<16} {state:<8} {time:>8} {memory:>10} {made:>10}  counted");
    writeln!(out, "{}", style.paint(Meaning::Quiet, &head))?;
    rows.iter().try_for_each(|row| print_row(style, row, out))?;
    print_sums(manifest, stages, out)
}

/// What differs from what the pipeline asks for now.
struct Compared<'a> {
    changes: Vec<Change>,
    /// Changes of texts alone, whose content may be the same.
    texts: Vec<Change>,
    stale: Vec<&'a str>,
}

impl<'a> Compared<'a> {
    fn new(ledger: &Ledger<'_>, stages: &'a [Listed]) -> Self {
        let mut changes = ledger.changes(stages);
        let is_of_text = |change: &Change| names_text(&change.key);
        let is_only_text = changes.iter().all(|it| it.stage != "tokenize" || is_of_text(it));
        let texts = match is_only_text {
            true => changes.extract_if(.., |change| is_of_text(change)).collect(),
            false => Vec::new(),
        };
        let stale = settlement::stale_stages(&changes, stages);
        Self { changes, texts, stale }
    }

    /// Why a stage is stale; nothing if it is not.
    fn reasons(&self, ledger: &Ledger<'_>, row: &StageRow) -> Result<Vec<String>, FormatError> {
        let ours = self.changes.iter().filter(|change| change.stage == row.name);
        let mut reasons: Vec<String> = ours
            .map(|change| format!("{} was {}, is {}", change.key, change.old, change.new))
            .collect();
        reasons.extend(ledger.missing(row)?.iter().map(|path| format!("{path} is missing or cut")));
        if reasons.is_empty() && self.stale.contains(&row.name.as_str()) {
            reasons.push("a stage before it is stale".into());
        }
        if row.to_rebuild {
            reasons.push("it is rebuilt when its turn comes; run again to go on".into());
        }
        Ok(reasons)
    }

    fn texts_of(&self, row: &StageRow) -> impl Iterator<Item = &Change> {
        self.texts.iter().filter(|change| change.stage == row.name)
    }
}

/// Sums over the stages that were begun.
fn print_sums(manifest: &Manifest, stages: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let rows = &manifest.stages;
    let done = rows.iter().filter(|row| row.state == StageState::Done).count();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let files: usize = rows.iter().map(|row| row.outputs.len()).sum();
    let bytes = format_bytes(rows.iter().map(bytes_of).sum());
    let waiting = match stages.saturating_sub(done) {
        0 => String::new(),
        some => format!(", {some} to go"),
    };
    let time = format_duration(seconds);
    writeln!(
        out,
        "\n{} done in {time}{waiting}: {}, {bytes}",
        counted(done as u64, "stage"),
        counted(files as u64, "file")
    )?;
    Ok(())
}

/// How far a stage has come that is not finished: what of it is on disk.
fn progress_of(
    dir: &RunDir,
    ledger: &Ledger<'_>,
    row: &StageRow,
    is_running: bool,
) -> Result<String, FormatError> {
    let mut there = Vec::new();
    if let Some(name) = row.name.strip_prefix("train:") {
        let epochs = read_metrics(dir, name).len();
        there.push(counted(epochs as u64, "epoch"));
    }
    let (files, bytes) = ledger.on_disk(&row.name)?;
    there.push(format!("{}, {}", counted(files, "file"), format_bytes(bytes)));
    let next = if is_running { "" } else { "; run again to go on" };
    Ok(format!("so far {}{next}", there.join(", ")))
}

/// The configuration with which a directory was run last; its files are found from where the run was started.
///
/// # Errors
/// A directory that is none of a run; a pipeline of an earlier version that cannot be read any more.
pub fn last_config(dir: &RunDir, ledger: &Ledger<'_>) -> anyhow::Result<Config> {
    check_run(dir, ledger)?;
    let config = match resolved(ledger.manifest()) {
        Some(config) => config,
        None => Config::load(&sources(ledger))?,
    };
    Ok(config.based_on(folder(ledger)))
}

/// The folder in which the run was started, where relative paths in its settings begin; empty if it is the current one, or is gone:
/// then so are the files in it, unless this is where it was moved.
fn folder(ledger: &Ledger<'_>) -> PathBuf {
    let folder = ledger.manifest().pipeline.folder.as_ref().map(PathBuf::from);
    let is_elsewhere =
        |folder: &PathBuf| folder.is_dir() && std::env::current_dir().ok().as_ref() != Some(folder);
    folder.filter(is_elsewhere).unwrap_or_default()
}

fn check_run(dir: &RunDir, ledger: &Ledger<'_>) -> Result<(), FormatError> {
    if ledger.manifest().stages.is_empty() {
        let what = "there is no run.json; `wordmill run --run-dir DIR` makes one";
        return Err(FormatError::foreign(dir.root(), "a run directory", what));
    }
    Ok(())
}

/// The layers from which the configuration of the last run came.
fn sources(ledger: &Ledger<'_>) -> Sources {
    let source = &ledger.manifest().pipeline;
    let settings = source.variables.iter().map(|(name, text)| (name.into(), text.into()));
    let variables = settings.chain(std::env::var_os("HOME").map(|home| ("HOME".into(), home)));
    let usual = folder(ledger).join("pipeline.toml");
    let usual = (usual.parent() != Some("".as_ref()) && usual.is_file()).then_some(usual);
    Sources {
        file: source.file.as_ref().map(PathBuf::from).or(usual),
        variables: variables.collect(),
        sets: source.set.clone(),
        seed: source.seed,
        ..Sources::default()
    }
}

/// The stages that a pipeline asks for now.
pub struct Wanted {
    /// The stages.
    pub stages: Vec<Listed>,
    /// What could not be compared with what is there now, for people.
    pub notes: Vec<String>,
}

/// The stages that the pipeline of the last run asks for now: by its file as it is now, with the settings that the run
/// was given besides; or, without a file, by the settings of the run.
pub fn wanted(dir: &RunDir, ledger: &Ledger<'_>) -> anyhow::Result<Wanted> {
    check_run(dir, ledger)?;
    let mut notes = Vec::new();
    let config = match (resolved(ledger.manifest()), &ledger.manifest().pipeline.file) {
        (Some(config), None) => config,
        (last, _) => match (Config::load(&sources(ledger)), last) {
            (Ok(config), _) => config,
            (Err(error), Some(config)) => {
                notes.push(format!("{error}\nthe settings of the last run are compared"));
                config
            }
            (Err(error), None) => return Err(error.into()),
        },
    };
    let config = config.based_on(folder(ledger));
    let past = Past::of(ledger.manifest());
    let given = GivenFiles::read(&config, dir, &past)?;
    if is_imported(ledger) {
        let stages = Graph::new(&config, None, &given, &past).listed().cloned().collect();
        return Ok(Wanted { stages, notes });
    }
    let texts = find_texts(&config, &past, &mut notes)?;
    let stages = Graph::new(&config, Some(&texts), &given, &past).listed().cloned().collect();
    Ok(Wanted { stages, notes })
}

/// The texts, or what was recorded of them if they are gone. A list on the standard input was read by the run.
fn find_texts(config: &Config, past: &Past, notes: &mut Vec<String>) -> anyhow::Result<Texts> {
    let is_piped = config.corpus.inputs.iter().any(|input| input == "@-");
    let recorded = past.texts(config);
    if let Some(recorded) = recorded.filter(|_| is_piped) {
        return Ok(Texts { recorded, ..Texts::default() });
    }
    let texts = Texts::find(config, past, &session::warnings())?;
    if texts.inputs.is_none() {
        let gone = texts::inputs(config, &session::warnings())
            .map_or_else(|error| error.to_string(), |_| String::new());
        notes.push(format!("{gone}\nits tokens are here and are used"));
    }
    Ok(texts)
}

fn shown(row: &StageRow, reasons: Vec<String>) -> Shown {
    let state = match row.state {
        _ if !reasons.is_empty() => "stale",
        StageState::Done => "done",
        StageState::Partial => "partial",
    };
    Shown {
        name: row.name.clone(),
        state,
        seconds: row.seconds,
        peak_bytes: row.peak_bytes,
        peak_disk_bytes: row.peak_disk_bytes,
        bytes: bytes_of(row),
        files: row.outputs.len(),
        counts: row.counts.clone(),
        reasons,
        notes: Vec::new(),
    }
}

/// A stage that was not begun.
fn waiting(stage: &Listed) -> Shown {
    let (name, counts) = (stage.name.clone(), BTreeMap::new());
    let [peak_bytes, peak_disk_bytes, bytes] = [0; 3];
    let (reasons, notes) = (Vec::new(), Vec::new());
    let (state, seconds, files) = ("waiting", 0.0, 0);
    Shown {
        name,
        state,
        seconds,
        peak_bytes,
        peak_disk_bytes,
        bytes,
        files,
        counts,
        reasons,
        notes,
    }
}

fn print_row(style: Style, row: &Shown, out: &mut dyn Write) -> anyhow::Result<()> {
    let tone = match row.state {
        "stale" => Meaning::Bad,
        "done" => Meaning::Good,
        "waiting" => Meaning::Quiet,
        _ => Meaning::Open,
    };
    let state = style.paint(tone, &format!("{:<8}", row.state));
    if row.state == "waiting" {
        writeln!(out, "{:<16} {state}", row.name)?;
        return Ok(());
    }
    let (time, peak) = (format_duration(row.seconds), format_bytes(row.peak_bytes));
    let made = if row.bytes == 0 { String::new() } else { format_bytes(row.bytes) };
    let counts = style.paint(Meaning::Quiet, &counts(&row.counts));
    writeln!(out, "{:<16} {state} {time:>8} {peak:>10} {made:>10}{counts}", row.name)?;
    for reason in &row.reasons {
        writeln!(out, "{:17}{}", "", style.paint(Meaning::Bad, reason))?;
    }
    row.notes.iter().try_for_each(|note| writeln!(out, "{:17}{note}", ""))?;
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
