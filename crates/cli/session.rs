//! What a pipeline needs before its first stage: settings, inputs, kernels, threads, signals; and the
//! settlement with what its run directory already holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use wordmill_flow::{
    Budget, Cancel, Context, Progress, ProgressMode, format_bytes, format_duration,
    own_resident_bytes,
};
use wordmill_formats::{
    FormatError, PipelineSource, RunDir, StageRow, free_bytes, open_file_limit,
};
use wordmill_kernels::Kernels;
use wordmill_text as text;
use wordmill_vocab as vocab;

use crate::args::PipelineArgs;
use crate::config::{self, Config, ConfigError};
use crate::estimate;
use crate::ledger::{Change, Ledger, Settings, Stage};
use crate::past::{Past, names_text, text_key};
use crate::wiring::translate;

/// What the program takes beside all that is reserved: its code, stacks, buffers of files, contexts
/// of zstd. 5 MiB were measured with two threads in the stages that take all they can get.
pub const PROGRAM_BYTES: u64 = 10 << 20;
/// Takes what earlier stages have left behind in the process out of the budget: memory that was given
/// back to the allocator, but not by it to the system. A sixteenth on top of that is for what the
/// system itself holds for the process, page tables and pages on their way to the disk: without it a
/// process in a memory cgroup of just `run.memory` was killed. Never more than a fifth, so that little
/// memory stays usable.
pub fn note_program(budget: &Budget) {
    let most = PROGRAM_BYTES.max(budget.total() / 5);
    budget.set_base((own_resident_bytes() + budget.total() / 16).clamp(PROGRAM_BYTES, most));
}

/// The settings that a command line asks for.
pub fn config(args: &PipelineArgs) -> Result<Config, ConfigError> {
    Config::load(&args.sources())
}

/// The configuration and the layers that it came from, for the ledger.
pub fn source(args: &PipelineArgs, config: &Config) -> PipelineSource {
    let sources = args.sources();
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let absolute = |path: PathBuf| text(std::path::absolute(&path).unwrap_or(path));
    let variables = sources.variables.into_iter().filter(|(name, _)| config::is_setting(name));
    let variables = variables.map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    PipelineSource {
        file: config::pipeline_file(sources.file.as_deref()).map(absolute),
        set: args.sets(),
        seed: args.seed,
        variables: variables.collect(),
        folder: std::env::current_dir().ok().map(text),
        resolved: Some(config.to_toml()),
    }
}

/// The texts of a run.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// The inputs, found; none where they are gone and their tokens are there.
    pub inputs: Option<Vec<text::Input>>,
    /// The settings of `tokenize` that say which text was read.
    pub recorded: Settings,
    /// Whether a pipe brings text that takes the place of what was tokenised.
    pub is_new: bool,
}

impl Texts {
    /// Finds the texts of a configuration, or what the last run recorded of them if they are gone.
    ///
    /// # Errors
    /// Inputs that cannot be found and whose tokens are not there.
    pub fn find(config: &Config, past: &Past) -> anyhow::Result<Self> {
        match inputs(config) {
            Ok(inputs) => Ok(Self::of(inputs)),
            Err(error) => match past.texts(config).filter(|_| is_gone(&error)) {
                Some(recorded) => Ok(Self { inputs: None, recorded, is_new: false }),
                None => Err(error.into()),
            },
        }
    }

    /// Texts that were found.
    pub fn of(inputs: Vec<text::Input>) -> Self {
        let entry = |input: &text::Input| {
            let size = input.bytes.map_or("unknown size".into(), |bytes| format!("{bytes} bytes"));
            let time = input.modified_ns.map(|time| format!(", changed at {time}"));
            (text_key(&input.name), size + &time.unwrap_or_default())
        };
        let recorded = inputs.iter().map(entry).collect();
        Self { inputs: Some(inputs), recorded, is_new: false }
    }
}

/// Whether a text could not be found, rather than named wrongly.
fn is_gone(error: &vocab::VocabError) -> bool {
    error.kind() == text::ErrorKind::Input
}

/// The inputs of a configuration, found.
pub fn inputs(config: &Config) -> Result<Vec<text::Input>, vocab::VocabError> {
    let mut inputs = text::input::resolve(&config.corpus.inputs, Path::new("."), config.run.seed)?;
    let records = Arc::new(translate::records(&config.corpus));
    inputs.iter_mut().for_each(|input| input.records = Arc::clone(&records));
    // Whatever is said of progress: it may have been meant as text.
    for told in inputs.iter().flat_map(|input| input.left_out.iter()) {
        eprintln!("wordmill: {told}, left out of corpus.inputs");
    }
    Ok(inputs)
}

/// Reads the lists of stages that are not done: a slip in a path should not wait for the stage that uses it.
pub fn check_lists(
    config: &Config,
    is_done: impl Fn(&str) -> bool,
) -> Result<(), vocab::VocabError> {
    if !is_done("tokenize") {
        translate::tokenize(&config.corpus)?;
    }
    if !is_done("vocabulary") {
        translate::vocabulary(config)?;
    }
    if is_done("phrases") {
        return Ok(());
    }
    let phrases = translate::phrases(config)?;
    if let Some((list, tokenizer)) = phrases.and_then(|it| Some((it.given?, it.tokenizer))) {
        vocab::phrases::Phrases::read(&Budget::new(config.run.memory_bytes), &list, &tokenizer)?;
    }
    Ok(())
}

/// The kernels: the best that the machine has, or those of `WORDMILL_KERNEL`.
pub fn kernels() -> Result<&'static Kernels, ConfigError> {
    let Some(name) = std::env::var_os("WORDMILL_KERNEL") else {
        return Ok(wordmill_kernels::best());
    };
    let name = name.to_string_lossy();
    let known: Vec<&str> = wordmill_kernels::available().iter().map(|level| level.name()).collect();
    let found = name.parse().ok().and_then(wordmill_kernels::at);
    found.ok_or_else(|| {
        let what = format!("this machine has no kernels {name:?}; choose {}", known.join(", "));
        ConfigError::new("WORDMILL_KERNEL", what)
    })
}

/// The stage that `--until` names: one of the pipeline, or `train` for the last trainer.
pub fn last_stage<'a>(name: &str, stages: &'a [Stage]) -> Result<&'a str, ConfigError> {
    let names = || stages.iter().map(|stage| stage.name.as_str());
    let found = match name {
        "train" => names().next_back(),
        name => names().find(|known| *known == name),
    };
    found.ok_or_else(|| {
        let list: Vec<&str> = names().collect();
        let what = format!("no stage is called {name:?}; choose {}, or train", list.join(", "));
        ConfigError::new("--until", what)
    })
}

/// Threads, memory, progress, and the signals that ask to stop, as a configuration has them.
pub fn context(
    config: &Config,
    progress: ProgressMode,
    deadline: Option<Instant>,
) -> anyhow::Result<Context> {
    let (threads, memory_bytes) = (config.run.thread_count(), config.run.memory_bytes);
    context_of((threads, memory_bytes), progress, deadline)
}

/// The same for so many threads and bytes.
pub fn context_of(
    (threads, memory_bytes): (usize, u64),
    progress: ProgressMode,
    deadline: Option<Instant>,
) -> anyhow::Result<Context> {
    let cancel = Cancel::new(deadline);
    for signal in [SIGTERM, SIGINT] {
        // The first signal asks to stop after the unit in hand; the second ends the program.
        let flag = cancel.flag();
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, flag))
            .context("installing signal handlers")?;
    }
    // A file size limit then is an error of the write, with a message, and not the end.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .context("installing signal handlers")?;
    let progress = Progress::new(progress);
    signal_hook::flag::register(SIGUSR1, progress.asked()).context("installing signal handlers")?;
    let budget = Budget::new(memory_bytes);
    budget.set_base(PROGRAM_BYTES);
    Ok(Context { threads, budget, cancel, progress })
}

/// Bytes that the run directory's disk has to spare, and files that may be open at once.
pub fn disk_and_files(config: &Config) -> Result<(f64, f64), FormatError> {
    let free = free_bytes(&config.run.dir)?;
    Ok((free as f64, open_file_limit().map_or(f64::INFINITY, |limit| limit as f64)))
}

/// Refuses a pipeline that has not begun and cannot end, before it begins.
pub fn refuse_what_cannot_fit(
    config: &Config,
    inputs: &[text::Input],
    until: Option<&str>,
) -> anyhow::Result<()> {
    match estimate::lack(config, inputs, until, disk_and_files(config)?)? {
        Some(lack) => Err(lack.into()),
        None => Ok(()),
    }
}

/// What is to be settled before the first stage.
pub struct Settlement<'a> {
    /// Threads, memory, cancellation, progress.
    pub ctx: &'a Context,
    /// The run directory.
    pub dir: &'a RunDir,
    /// The settings.
    pub config: &'a Config,
    /// The stages, with their settings.
    pub stages: &'a [Stage],
    /// Whether stages may be rebuilt.
    pub rebuild: bool,
}

impl Settlement<'_> {
    /// Compares the configuration with what the directory holds; stops, or marks, what is stale.
    pub fn settle(&self, ledger: &mut Ledger<'_>, texts: &mut Texts) -> anyhow::Result<()> {
        let place = self.settle_texts(ledger, texts)?;
        let mut changes = ledger.changes(self.stages);
        if texts.is_new {
            changes.push(Change {
                stage: "tokenize".into(),
                key: "the text that comes through a pipe".into(),
                old: "that of the last run".into(),
                new: "not compared".into(),
            });
        }
        if changes.is_empty() {
            return Ok(ledger.tidy()?);
        }
        let stale = stale_stages(&changes, self.stages);
        let differs = place.map(|place| format!("  {place} is not what was tokenised"));
        let list: Vec<String> = changes.iter().map(describe).chain(differs).collect();
        let list = list.join("\n");
        let losses = losses(ledger, &changes, &stale)?;
        if !self.rebuild {
            let what = format!(
                "holds stages that were made with other settings:\n{list}\n{losses}\n\
                 run with --rebuild to rebuild them, restore the settings, or choose another \
                 directory (--run-dir){}",
                more_epochs(&changes)
            );
            return Err(ConfigError::new(self.dir.root().display(), what).into());
        }
        if texts.inputs.is_none() && changes.iter().any(|change| change.stage == "tokenize") {
            // The text is needed again: what is wrong with it.
            inputs(self.config)?;
        }
        // All of it is said before the first file is gone.
        self.ctx.progress.say(&format!("rebuild:\n{list}\n{losses}"));
        ledger.mark(&stale)?;
        Ok(ledger.tidy()?)
    }

    /// Finds out whether texts that look different, or come through a pipe, are those that were tokenised; returns the
    /// first place where they differ.
    fn settle_texts(
        &self,
        ledger: &mut Ledger<'_>,
        texts: &mut Texts,
    ) -> anyhow::Result<Option<String>> {
        let Some(tokenize) = self.stages.iter().find(|stage| stage.name == "tokenize") else {
            return Ok(None);
        };
        let done = ledger.manifest().stage("tokenize").cloned();
        let done = done.filter(StageRow::is_settled);
        let Some(row) = done else { return Ok(None) };
        if !ledger.missing(&row)?.is_empty() {
            return Ok(None);
        }
        let Some(inputs) = &texts.inputs else {
            self.say_gone();
            return Ok(None);
        };
        let changes = ledger.changes(std::slice::from_ref(tokenize));
        if changes.iter().any(|change| !names_text(&change.key)) {
            return Ok(None);
        }
        let mut brings_text = false;
        for input in inputs.iter().filter(|input| input.is_read_once()) {
            brings_text |= input.has_text(&self.ctx.cancel)?;
        }
        if changes.is_empty() && !brings_text {
            if inputs.iter().any(text::Input::is_read_once) {
                self.ctx
                    .progress
                    .say("no text comes through the pipe; its tokens are here and are used");
            }
            return Ok(None);
        }
        if self.rebuild {
            texts.is_new = brings_text;
            return Ok(None);
        }
        self.compare(ledger, inputs, (tokenize, &changes))
    }

    /// Compares the texts with the tokens. Where they are the same, the ledger takes over what was recorded of them.
    fn compare(
        &self,
        ledger: &mut Ledger<'_>,
        inputs: &[text::Input],
        (tokenize, changes): (&Stage, &[Change]),
    ) -> anyhow::Result<Option<String>> {
        let Ok(shards) = vocab::TokenShards::open(self.dir) else { return Ok(None) };
        self.ctx.progress.say("the text may have changed; comparing it with the tokens");
        let config = translate::tokenize(&self.config.corpus)?;
        let differs = vocab::compare(self.ctx, &config, &shards, inputs)?;
        let Some(place) = differs else {
            self.ctx.progress.say("the text is the one that was tokenised");
            ledger.renew("tokenize", &tokenize.settings)?;
            return Ok(None);
        };
        if changes.is_empty() {
            let what = format!(
                "{place} is another text than the one that this run was made from; run with --rebuild to start from it, choose \
                 another directory (--run-dir), or go on from the tokens of the earlier text without a text (< /dev/null)"
            );
            return Err(ConfigError::new(self.dir.root().display(), what).into());
        }
        Ok(Some(place))
    }

    fn say_gone(&self) {
        if let Err(error) = inputs(self.config) {
            self.ctx.progress.say(&format!("{error}\nits tokens are here and are used"));
        }
    }
}

/// How to train more where only that was asked for.
fn more_epochs(changes: &[Change]) -> String {
    let number = |text: &str| text.parse::<u32>().ok();
    let more = |change: &Change| -> Option<String> {
        let name = change.stage.strip_prefix("train:")?;
        let (old, new) = (number(&change.old)?, number(&change.new)?);
        let is_epochs = change.key == format!("train.{name}.epochs") && new > old;
        is_epochs.then(|| {
            let more = new - old;
            format!(
                "\nto go on from the vectors of {name} instead, leave it as it was and add a [[train]] table with a name of its \
                 own, init = {{ trainer = \"{name}\" }}, epochs = {more}"
            )
        })
    };
    match changes {
        [change] => more(change).unwrap_or_default(),
        _ => String::new(),
    }
}

/// What the stages cost that are rebuilt, or may be.
fn losses(ledger: &Ledger<'_>, changes: &[Change], stale: &[&str]) -> Result<String, FormatError> {
    let mut text = "to be rebuilt, each when its turn comes; what comes out as it was leaves later stages as they are:".to_owned();
    let (mut all_bytes, mut all_seconds) = (0, 0.0);
    for row in ledger.manifest().stages.iter().filter(|row| stale.contains(&row.name.as_str())) {
        let (files, bytes) = ledger.on_disk(&row.name)?;
        let (size, time) = (format_bytes(bytes), format_duration(row.seconds));
        text += &format!("\n  {:<16} {files:>6} files {size:>10}, took {time}", row.name);
        if row.name == "tokenize" {
            text += "; shards that still fit are kept";
        } else if !changes.iter().any(|change| change.stage == row.name) {
            text += "; if what it reads differs";
        }
        (all_bytes, all_seconds) = (all_bytes + bytes, all_seconds + row.seconds);
    }
    let (size, time) = (format_bytes(all_bytes), format_duration(all_seconds));
    Ok(text + &format!("\n  {size} in all; they took {time}"))
}

/// A change in words.
pub fn describe(change: &Change) -> String {
    let Change { stage, key, old, new } = change;
    format!("  {key} was {old}, is {new} (stage {stage})")
}

/// The stages with a change and those that depend on them, in order. Trainers do not depend on one
/// another, but where one goes on from another's vectors.
pub fn stale_stages<'a>(changes: &[Change], stages: &'a [Stage]) -> Vec<&'a str> {
    let mut after = false;
    let mut stale = Vec::new();
    for stage in stages {
        let changed = changes.iter().any(|change| change.stage == stage.name);
        let goes_on = |from: &String| stale.contains(&from.as_str());
        if after || changed || stage.after.as_ref().is_some_and(goes_on) {
            stale.push(stage.name.as_str());
        }
        after |= changed && !stage.name.starts_with("train:");
    }
    stale
}
