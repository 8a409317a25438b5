//! A pipeline: from text to vectors, on disk or in memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use wordmill_flow::{Budget, Cancel, Context, Event, Progress};
use wordmill_formats::{DiskStorage, PipelineSource, RunDir, StageRow, Vectors as File};
use wordmill_pipeline::config::{Config, Draft, Sources, Value};
use wordmill_pipeline::graph::Graph;
use wordmill_pipeline::past::Past;
use wordmill_pipeline::planner::{self, Requirement};
use wordmill_pipeline::stages::GivenFiles;
use wordmill_pipeline::texts::Texts;
use wordmill_pipeline::{Asked, Error, Finished, PROGRAM_BYTES};
use wordmill_train::{EpochRow, read_metrics};

use crate::trainers::Trainer;
use crate::vectors::Vectors;

/// What is called with every event.
type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// From text to vectors, in stages that are kept in a run directory.
#[derive(Clone)]
pub struct Pipeline {
    config: Config,
    cancel: Cancel,
    observer: Option<Observer>,
    until: Option<String>,
    rebuild: bool,
}

/// A pipeline being configured. What is not set is as in `pipeline.toml`; keys that have no method are reached by
/// [`Builder::set`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    draft: Draft,
}

/// A finished run.
#[derive(Debug)]
pub struct Run {
    finished: Finished,
}

/// What was trained in memory.
#[derive(Debug)]
pub struct Fitted {
    dir: RunDir,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = out.debug_struct("Pipeline");
        all.field("config", &self.config).field("until", &self.until);
        all.field("rebuild", &self.rebuild).finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self { draft: Draft::new("Pipeline::builder()") }
    }
}

impl Builder {
    /// The texts: files, folders, patterns, `@LIST`, `builtin:sample`; packed ones are unpacked as they are read.
    pub fn inputs<S: Into<String>>(self, inputs: impl IntoIterator<Item = S>) -> Self {
        let inputs: Vec<String> = inputs.into_iter().map(Into::into).collect();
        self.set("corpus.inputs", inputs)
    }

    /// The run directory; `run` where none is named.
    pub fn dir(self, dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref().to_string_lossy().into_owned();
        self.set("run.dir", dir)
    }

    /// The memory of all stages together, such as `4GiB`.
    pub fn memory(self, size: &str) -> Self {
        self.set("run.memory", size)
    }

    /// Threads; 0 takes all. The result does not depend on it.
    pub fn threads(self, threads: u32) -> Self {
        self.set("run.threads", i64::from(threads))
    }

    /// The seed of everything random.
    pub fn seed(self, seed: u32) -> Self {
        self.set("run.seed", i64::from(seed))
    }

    /// Words that occur less often are dropped.
    pub fn min_count(self, count: u32) -> Self {
        self.set("vocabulary.min_count", i64::from(count))
    }

    /// Words on each side that count as neighbours.
    pub fn window(self, words: u8) -> Self {
        self.set("cooccur.window", i64::from(words))
    }

    /// Adds a trainer. Without any, skip-gram with negative sampling is trained under the name `sgns`.
    pub fn trainer(mut self, trainer: impl Into<Trainer>) -> Self {
        self.draft.add_trainer(&trainer.into().0);
        self
    }

    /// Any key of `pipeline.toml` but those of trainers, such as `corpus.tokenizer`.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.draft.set(key, value);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A setting that cannot be followed, with its key and a way out.
    pub fn build(self) -> Result<Pipeline, Error> {
        Ok(Pipeline::new(Config::of_draft(&self.draft)?))
    }

    /// Trains on sentences in memory, and keeps the vectors in memory, too: for small texts. Rare words are not dropped unless
    /// `min_count` says so. A sentence is a line; line breaks in it part words.
    ///
    /// # Errors
    /// A setting that cannot be followed; no word in the sentences; a budget that is too small.
    pub fn fit<S: AsRef<str>>(
        mut self,
        sentences: impl IntoIterator<Item = S>,
    ) -> Result<Fitted, Error> {
        if self.draft.table().get("vocabulary").is_none() {
            self = self.set("vocabulary.min_count", 1);
        }
        let pipeline = self.inputs(["memory"]).build()?;
        let mut text = Vec::new();
        for sentence in sentences {
            text.extend(sentence.as_ref().bytes().map(|b| if b == b'\n' { b' ' } else { b }));
            text.push(b'\n');
        }
        let (ctx, kernels) = (pipeline.context(), wordmill_kernels::best());
        let done = wordmill_pipeline::run_in_memory(&ctx, &pipeline.config, text, kernels)?;
        Ok(Fitted { dir: done.dir })
    }
}

impl Pipeline {
    /// A pipeline to be configured.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A pipeline as a `pipeline.toml` has it. Relative paths begin in the current folder.
    ///
    /// # Errors
    /// A file that cannot be read; a setting that cannot be followed, with its line.
    pub fn from_toml(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = Some(path.as_ref().to_path_buf());
        Ok(Self::new(Config::load(&Sources { file, ..Sources::default() })?))
    }

    /// The same from the text of such a file.
    ///
    /// # Errors
    /// A setting that cannot be followed, with its line.
    pub fn from_toml_str(text: &str) -> Result<Self, Error> {
        Ok(Self::new(Config::resolve(Path::new("pipeline"), text, &Sources::default())?))
    }

    fn new(config: Config) -> Self {
        Self { config, cancel: Cancel::new(None), observer: None, until: None, rebuild: false }
    }

    /// Reports messages, and the work of stages about ten times a second, from threads of the run.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Stops the run with [`crate::ErrorKind::Stopped`] after the unit of work in hand, once the switch is turned. Running it again
    /// resumes.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Stops the run at a time.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.cancel = Cancel::new(Some(deadline));
        self
    }

    /// Stops behind a stage, such as `vocabulary` or `merge`.
    #[must_use]
    pub fn until(mut self, stage: &str) -> Self {
        self.until = Some(stage.to_owned());
        self
    }

    /// Agrees to rebuild stages of the run directory whose settings or texts have changed. Without it, the run fails before anything
    /// is lost.
    #[must_use]
    pub fn rebuild(mut self, is_agreed: bool) -> Self {
        self.rebuild = is_agreed;
        self
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What each stage will need, from a sample of the text; `None` of a text that comes through a pipe, or has no word.
    ///
    /// # Errors
    /// A text that cannot be read.
    pub fn plan(&self) -> Result<Option<Vec<Requirement>>, Error> {
        let (config, past) = (&self.config, Past::default());
        let dir = RunDir::new(Arc::new(DiskStorage), config.locate(&config.run.dir));
        let texts = Texts::find(config, &past, &Progress::silent())?;
        let given = GivenFiles::read(config, &dir, &past)?;
        let graph = Graph::new(config, Some(&texts), &given, &past);
        let inputs = texts.inputs.as_deref().unwrap_or_default();
        let sizes = planner::sizes(config, inputs)?;
        let pace = || planner::pace(config.run.thread_count());
        Ok(sizes.map(|sizes| planner::needs(config, &graph, sizes, pace())))
    }

    /// Runs every stage that is not done. What is finished is kept when a run fails, is stopped or killed; the next one resumes.
    ///
    /// # Errors
    /// Whatever keeps a stage from its end.
    pub fn run(&self) -> Result<Run, Error> {
        let source =
            PipelineSource { resolved: Some(self.config.to_toml()), ..PipelineSource::default() };
        let asked = Asked {
            until: self.until.clone(),
            rebuild: self.rebuild,
            source,
            kernels: wordmill_kernels::best(),
        };
        let finished = wordmill_pipeline::run(&self.context(), DiskStorage, &self.config, asked)?;
        Ok(Run { finished })
    }

    fn context(&self) -> Context {
        let budget = Budget::new(self.config.run.memory_bytes);
        budget.set_base(PROGRAM_BYTES);
        let progress = match self.observer.clone() {
            Some(observer) => Progress::new(move |event| observer(event)),
            None => Progress::silent(),
        };
        let threads = self.config.run.thread_count();
        Context { threads, budget, cancel: self.cancel.clone(), progress }
    }
}

impl Run {
    /// The run directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.finished.dir.root()
    }

    /// The file of a trainer's vectors; `None` if no trainer of this name was trained in this directory.
    #[must_use]
    pub fn vectors(&self, trainer: &str) -> Option<PathBuf> {
        let stage = format!("train:{trainer}");
        let row = self.finished.manifest.stage(&stage).filter(|row| row.is_settled());
        row.map(|_| self.finished.dir.vectors(trainer))
    }

    /// The rows of the ledger: state, files, counts, seconds and peak memory of each stage.
    #[must_use]
    pub fn stages(&self) -> &[StageRow] {
        &self.finished.manifest.stages
    }

    /// The learning curve of a trainer, a row an epoch; empty if there is none.
    #[must_use]
    pub fn metrics(&self, trainer: &str) -> Vec<EpochRow> {
        read_metrics(&self.finished.dir, trainer)
    }
}

impl Fitted {
    /// The vectors of a trainer.
    ///
    /// # Errors
    /// No trainer of this name.
    pub fn vectors(&self, trainer: &str) -> Result<Vectors, Error> {
        let path = self.dir.vectors(trainer);
        Ok(Vectors::of(File::open(self.dir.storage(), &path)?))
    }
}
