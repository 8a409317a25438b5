//! A whole run: every stage that is not done yet, in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_flow::Context;
use wordmill_formats::{
    FormatError, Manifest, MemoryStorage, MeteredStorage, PipelineSource, RunDir, Storage,
};
use wordmill_kernels::Kernels;
use wordmill_text as text;

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::graph::Graph;
use crate::ledger::Ledger;
use crate::past::Past;
use crate::planner;
use crate::settlement::Settlement;
use crate::stage::{Listed, Run};
use crate::stages::import::{imported_row, is_imported};
use crate::stages::{GivenFiles, kind_of_stage};
use crate::texts::{self, Texts};

/// What is asked of a run beside its configuration.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The stage after which to stop, or `train` for the last trainer.
    pub until: Option<String>,
    /// Whether stages may be rebuilt whose configuration or inputs differ from those of the last run.
    pub rebuild: bool,
    /// Where the configuration comes from, for the ledger.
    pub source: PipelineSource,
    /// The kernels to train with.
    pub kernels: &'static Kernels,
}

/// A run that has come to its end, or to the stage that was asked for.
#[derive(Debug)]
pub struct Finished {
    /// The run directory.
    pub dir: RunDir,
    /// What its ledger says now.
    pub manifest: Manifest,
}

/// Runs every stage of a configuration that is not done, on files of `storage`.
///
/// # Errors
/// Whatever keeps a stage from its end; what is finished stays, and the next run resumes there.
pub fn run(
    ctx: &Context,
    storage: impl Storage + 'static,
    config: &Config,
    asked: Asked,
) -> Result<Finished, Error> {
    let meter = Arc::new(MeteredStorage::new(storage));
    let root = &config.locate(&config.run.dir);
    let dir = RunDir::new(Arc::clone(&meter) as _, root);
    // Looked at before the inputs, which an import does not have; and again, with all that may be
    // wrong with it, when nobody else can change it.
    let before = Ledger::open(&dir, kind_of_stage).ok();
    let imported = before.as_ref().is_some_and(is_imported);
    let past = before.map_or_else(Past::default, |ledger| Past::of(ledger.manifest()));
    let progress = &ctx.progress;
    let mut texts = if imported { Texts::default() } else { Texts::find(config, &past, progress)? };
    if past.done("tokenize").is_none() {
        texts::warn_of_format(texts.inputs.as_deref().unwrap_or_default(), progress);
    }
    let given = GivenFiles::read(config, &dir, &past)?;
    let graph = Graph::new(config, (!imported).then_some(&texts), &given, &past);
    let stages: Vec<Listed> = graph.listed().cloned().collect();
    let until = asked.until.as_deref().map(|name| graph.last_stage(name)).transpose()?;
    let counted = meter.count(folders(root));
    counted.map_err(|e| FormatError::io(dir.root(), "listing", e))?;
    let _lock = dir.lock()?;
    let mut ledger = Ledger::open(&dir, kind_of_stage)?;
    if is_imported(&ledger) != imported {
        let what = "it was changed while this run began; run again";
        return Err(ConfigError::new(dir.root().display(), what).into());
    }
    if imported {
        imported_row(&dir, &ledger)?;
        progress.say(&format!(
            "{}: counts were imported here; [corpus], [vocabulary] and [cooccur] do not apply",
            dir.root().display()
        ));
    } else {
        texts::check_lists(config, |stage| ledger.has(&stages, stage))?;
    }
    let rebuild = asked.rebuild;
    Settlement { ctx, dir: &dir, config, stages: &stages, rebuild }
        .settle(&mut ledger, &mut texts)?;
    ledger.write_source(asked.source)?;
    if ledger.manifest().stages.is_empty() {
        let inputs = texts.inputs.as_deref().unwrap_or_default();
        planner::refuse_what_cannot_fit(config, &graph, inputs, until)?;
    }
    say_orphans(ctx, &ledger, &stages);
    let texts = (!imported).then_some(&texts);
    let run = Run { ctx, dir: &dir, config, texts, past: &past, kernels: asked.kernels };
    graph.run(&run, &mut ledger, until)?;
    if until.is_none() {
        ledger.unmark()?;
    }
    let manifest = ledger.manifest().clone();
    Ok(Finished { dir: dir.clone(), manifest })
}

/// Runs a configuration on a text in memory, and keeps everything that it makes in memory, too: for small texts.
///
/// # Errors
/// Whatever keeps a stage from its end.
pub fn run_in_memory(
    ctx: &Context,
    config: &Config,
    text: Vec<u8>,
    kernels: &'static Kernels,
) -> Result<Finished, Error> {
    let root = config.locate(&config.run.dir);
    let dir = RunDir::new(Arc::new(MemoryStorage::default()), root);
    let past = Past::default();
    let mut input = text::Input::in_memory(text, "the text in memory");
    input.records = Arc::new(config.corpus.records());
    let texts = Texts::of(vec![input]);
    let given = GivenFiles::read(config, &dir, &past)?;
    let graph = Graph::new(config, Some(&texts), &given, &past);
    texts::check_lists(config, |_| false)?;
    let mut ledger = Ledger::open(&dir, kind_of_stage)?;
    let run = Run { ctx, dir: &dir, config, texts: Some(&texts), past: &past, kernels };
    graph.run(&run, &mut ledger, None)?;
    let manifest = ledger.manifest().clone();
    Ok(Finished { dir, manifest })
}

/// Names the stages that take up disk for nothing.
fn say_orphans(ctx: &Context, ledger: &Ledger<'_>, stages: &[Listed]) {
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
