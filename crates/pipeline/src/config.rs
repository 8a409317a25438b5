//! The configuration: what `pipeline.toml`, the environment and the flags say, resolved and checked.
//!
//! Nouns: *layers* are the places a setting may be written, later ones win (the file, `WORDMILL__*`
//! variables, `--set`, flags of their own); a *section* is a table of the file; a [`Config`] is the
//! result, with every value in its range. A key that is unknown, or not used by
//! the chosen trainer is an error, never ignored. Nothing here knows what a stage does.

mod corpus;
mod document;
mod draft;
mod error;
mod guess;
mod keys;
mod layers;
mod loss;
mod phrases;
mod preset;
mod read;
mod section;
mod start;
mod train;
mod write;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_cooccur::{CooccurConfig, TilesConfig};
use wordmill_text::TextError;
use wordmill_text::tokenizer::{TokenizerConfig, TokenizerName};
use wordmill_train::TrainConfig;
use wordmill_vocab::phrases::{Parts, PhrasesConfig, PhrasesJob};
use wordmill_vocab::pieces::PiecesConfig;
use wordmill_vocab::{Description, TokenizeJob, VocabularyConfig, VocabularyJob};

pub use corpus::{CorpusConfig, DuplicateLines, ReadingConfig};
pub use document::{reference, schema, template};
pub use draft::{Draft, Value};
pub use error::ConfigError;
use layers::{Layers, Origin};

/// The template that ships with the program: what `wordmill init` writes and `wordmill run` follows
/// where there is no file.
pub const TEMPLATE: &str = include_str!("../../../pipeline.toml");
const TEMPLATE_NAME: &str = "pipeline.toml";

/// The sections of a pipeline.
const SECTIONS: [&str; 8] =
    ["run", "corpus", "phrases", "vocabulary", "cooccur", "tiles", "train", "eval"];

/// All settings of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[run]`
    pub run: RunConfig,
    /// `[corpus]`
    pub corpus: CorpusConfig,
    /// `[phrases]`, where there are any.
    pub phrases: Option<PhrasesConfig>,
    /// `[vocabulary]`
    pub vocabulary: VocabularyConfig,
    /// `[cooccur]`
    pub cooccur: CooccurConfig,
    /// `[tiles]`
    pub tiles: TilesConfig,
    /// The `[[train]]` tables in order; their names are distinct.
    pub train: Vec<TrainConfig>,
    /// `[eval]`
    pub eval: EvalConfig,
    base: Base,
}

/// The folder in which relative paths begin; empty for the current folder. It is neither written nor compared.
#[derive(Clone, Debug, Default)]
struct Base(PathBuf);

impl PartialEq for Base {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// `[run]`: where and with how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunConfig {
    /// Where everything is kept; run the same command again to resume.
    pub dir: PathBuf,
    /// Memory for all stages together.
    #[serde(rename = "memory", with = "wordmill_flow::size")]
    #[schemars(with = "String", extend("x-kind" = "size", "minimum" = 33_554_432, "maximum" = 1_125_899_906_842_624_u64))]
    pub memory_bytes: u64,
    /// Threads; 0 takes all. The result does not depend on it.
    #[schemars(range(min = 0, max = 4096))]
    pub threads: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// About so much work an interruption costs.
    #[serde(with = "wordmill_flow::seconds")]
    #[schemars(with = "String", extend("x-kind" = "seconds"))]
    pub checkpoint_every: Duration,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            dir: "run".into(),
            memory_bytes: 1 << 30,
            threads: 0,
            seed: 1,
            // A checkpoint of a model of 1 GB takes about a second.
            checkpoint_every: Duration::from_secs(30),
        }
    }
}

/// Below this the fixed buffers of the stages have no room.
pub const LEAST_MEMORY: u64 = 32 << 20;

/// `[eval]`: what the vectors are tried on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalConfig {
    /// Analogies: files in the format of `questions-words.txt`.
    pub analogies: Vec<PathBuf>,
    /// Similarity sets: files with a word, a word and a score a line.
    pub similarity: Vec<PathBuf>,
    /// Outliers: files in the format of the 8-8-8 set.
    pub outliers: Vec<PathBuf>,
    /// Analogies are asked among so many of the most frequent words; 0 takes all.
    #[schemars(range(min = 0, max = 4_294_967_295_u64))]
    pub top: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        let (analogies, similarity, outliers) = (Vec::new(), Vec::new(), Vec::new());
        Self { analogies, similarity, outliers, top: 30_000 }
    }
}

/// Where settings may be written, lowest layer first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A pipeline file. Without one `pipeline.toml` of the current folder is read if it is there,
    /// otherwise the template.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// `KEY=VALUE` of each `--set`.
    pub sets: Vec<String>,
    /// `--run-dir`
    pub run_dir: Option<PathBuf>,
    /// `--memory`
    pub memory: Option<String>,
    /// `--threads`
    pub threads: Option<u32>,
    /// `--seed`
    pub seed: Option<u64>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// A file that cannot be read, and every setting that cannot be followed.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let (path, text) = file_text(sources.file.as_deref())?;
        Self::resolve(&path, &text, sources)
    }

    /// Reads the settings of a draft.
    ///
    /// # Errors
    /// Every setting that cannot be followed.
    pub fn of_draft(draft: &Draft) -> Result<Self, ConfigError> {
        read::read(&Layers::of_table(draft.place(), draft.table().clone()))
    }

    /// Reads all layers, the text of the file given; `path` is what messages call it.
    ///
    /// # Errors
    /// Every setting that cannot be followed.
    pub fn resolve(path: &Path, text: &str, sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::of_file(path, text)?;
        layers.variables(sources.variables.iter().cloned())?;
        for assignment in &sources.sets {
            layers.set(assignment)?;
        }
        if let Some(memory) = &sources.memory {
            layers.put("run.memory", memory.as_str().into(), Origin::Flag("--memory"))?;
        }
        if let Some(threads) = sources.threads {
            layers.put("run.threads", i64::from(threads).into(), Origin::Flag("--threads"))?;
        }
        if let Some(seed) = sources.seed {
            // A seed that TOML cannot hold becomes a negative number and is refused with its range.
            let seed = i64::try_from(seed).unwrap_or(-1);
            layers.put("run.seed", seed.into(), Origin::Flag("--seed"))?;
        }
        let mut config = read::read(&layers)?;
        if let Some(dir) = &sources.run_dir {
            config.run.dir.clone_from(dir);
        }
        Ok(config)
    }
}

impl Config {
    /// The same settings, whose relative paths begin in a folder. [`Config::load`] lets them begin in the current folder.
    #[must_use]
    pub fn based_on(mut self, folder: impl Into<PathBuf>) -> Self {
        self.base = Base(folder.into());
        self
    }

    /// Where a file lies that a setting names. Messages show the path as it is written.
    #[must_use]
    pub fn locate(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.0.join(path)
    }

    /// The folder in which relative paths begin.
    pub(crate) fn base(&self) -> &Path {
        if self.base.0.as_os_str().is_empty() { Path::new(".") } else { &self.base.0 }
    }

    /// The tokeniser; reads a file of Hugging Face's library for its digest.
    #[must_use]
    pub fn tokenizer(&self) -> TokenizerConfig {
        let mut corpus = self.corpus.clone();
        if let TokenizerName::Hf(path) = &mut corpus.tokenizer {
            *path = self.locate(&*path).to_string_lossy().into_owned();
        }
        corpus.tokenizer()
    }

    /// The tokeniser with its pieces and phrases, as it is stored with words.
    pub fn description(&self) -> Description {
        Description {
            tokenizer: self.tokenizer(),
            pieces: self.corpus.pieces.as_ref().map(|pieces| pieces.learner),
            delimiter: self.phrases.as_ref().map(|phrases| phrases.delimiter.clone()),
        }
    }

    /// How the stage `tokenize` works; reads the stop words.
    ///
    /// # Errors
    /// A list, or a file of the tokeniser, that cannot be read.
    pub fn tokenize_job(&self) -> Result<TokenizeJob, TextError> {
        let mut lines = self.corpus.lines.clone();
        self.locate_in(&mut lines.stop_words);
        lines.job(self.tokenizer())
    }

    /// How the stage `vocabulary` works; reads its lists.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn vocabulary_job(&self) -> Result<VocabularyJob, TextError> {
        let mut vocabulary = self.vocabulary.clone();
        self.locate_in(&mut vocabulary.keep);
        self.locate_in(&mut vocabulary.drop);
        vocabulary.job(&self.tokenizer(), self.description().text())
    }

    /// How the stage `phrases` works, if there is one; reads its connectors.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn phrases_job(&self) -> Result<Option<PhrasesJob>, TextError> {
        let parts = if self.corpus.pieces.is_some() { Parts::Pieces } else { Parts::Words };
        let Some(mut phrases) = self.phrases.clone() else { return Ok(None) };
        self.locate_in(&mut phrases.connectors);
        self.locate_in(&mut phrases.list);
        phrases.job(self.tokenizer(), parts).map(Some)
    }

    /// How the stage `pieces` works, if there is one.
    pub fn pieces_job(&self) -> Option<PiecesConfig> {
        let mut pieces = self.corpus.pieces.clone()?;
        self.locate_in(&mut pieces.learning.given);
        Some(pieces)
    }

    fn locate_in(&self, path: &mut Option<PathBuf>) {
        *path = path.take().map(|path| self.locate(path));
    }

    /// Whether any trainer reads the co-occurrence matrix; without trainers it is what is wanted.
    pub fn needs_matrix(&self) -> bool {
        self.train.is_empty() || self.train.iter().any(|trainer| !trainer.trainer.reads_text())
    }
}

impl RunConfig {
    /// The number of threads, with 0 resolved to what the machine has.
    pub fn thread_count(&self) -> usize {
        threads_or_all(self.threads)
    }
}

/// A number of threads, with 0 resolved to what the machine has.
pub fn threads_or_all(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, |threads| threads.get()),
        threads => threads,
    }
}

/// Whether an environment variable is a setting, by its name.
pub fn is_setting(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with(layers::VARIABLE_PREFIX)
}

/// The file that the lowest layer is read from; none for the built-in template.
pub fn pipeline_file(file: Option<&Path>) -> Option<PathBuf> {
    let implicit = || Path::new(TEMPLATE_NAME).is_file().then(|| PathBuf::from(TEMPLATE_NAME));
    file.map(Path::to_path_buf).or_else(implicit)
}

fn file_text(file: Option<&Path>) -> Result<(PathBuf, String), ConfigError> {
    let path = file.unwrap_or(Path::new(TEMPLATE_NAME));
    match std::fs::read_to_string(path) {
        // A mark of byte order is no part of the text.
        Ok(text) => Ok((path.into(), text.trim_start_matches('\u{feff}').to_owned())),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok((PathBuf::from("built-in pipeline.toml"), TEMPLATE.into()))
        }
        Err(error) => {
            let what = format!("reading the pipeline: {error}; `wordmill init` writes a template");
            Err(ConfigError::new(path.display(), what))
        }
    }
}
