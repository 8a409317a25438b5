//! The configuration: what `pipeline.toml`, the environment and the flags say, resolved and checked.
//!
//! Nouns: *layers* are the places a setting may be written, later ones win (the file, `WORDMILL__*`
//! variables, `--set`, flags of their own); a *section* is a table of the file; a [`Config`] is the
//! result, with every value in its range. A key that is unknown, or not used by
//! the chosen trainer is an error, never ignored. Nothing here knows what a stage does.

mod choice;
mod corpus;
mod curve;
mod error;
mod layers;
mod loss;
mod phrases;
mod preset;
mod read;
mod section;
mod size;
mod start;
mod steps;
mod windows;
mod write;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wordmill_text::Encoding;

pub use choice::{Accents, Context, ContextRates, Digits, Dropped, Endings, Format, InvalidUtf8};
pub use choice::{DuplicateLines, InitBadRows, Mark, Model, Normalize, Score};
pub use choice::{Objective, OnDivergence, Optimizer, Schedule, Tokenizer, Weighting, WindowMode};
pub use curve::CurveConfig;
pub use error::ConfigError;
use layers::{Layers, Origin};
pub use loss::LossConfig;
pub use phrases::{PhrasesConfig, PhrasesSource};
pub use read::LEAST_MEMORY;
pub use size::{parse_duration, parse_size};
pub use start::{InitConfig, StartConfig};
pub use steps::StepsConfig;
pub use windows::{WindowsModel, WindowsObjective, WindowsTrainer};

/// The template that ships with the program: what `wordmill init` writes and `wordmill run` follows
/// where there is no file.
pub const TEMPLATE: &str = include_str!("../../../pipeline.toml");
const TEMPLATE_NAME: &str = "pipeline.toml";

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
}

/// `[run]`: where and with how much.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// The run directory.
    pub dir: PathBuf,
    /// The memory budget in bytes, at least 32 MiB.
    pub memory_bytes: u64,
    /// Threads; 0 stands for all that the machine has.
    pub threads: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// How much work an interruption may cost, as time.
    pub checkpoint_every: Duration,
}

impl Tokenizer {
    /// Whether words are cut by the rules of UAX 29.
    pub fn has_rules(self) -> bool {
        matches!(self, Self::Words | Self::Korean | Self::Bpe)
    }
}

impl Format {
    /// Whether the text stands in a field.
    pub fn has_fields(self) -> bool {
        matches!(self, Self::Jsonl | Self::CsvColumn | Self::TsvColumn | Self::Parquet)
    }
}

/// `[corpus]`: which text, and how it becomes words.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusConfig {
    /// Files, folders, patterns, `-`, `builtin:sample`; at least one.
    pub inputs: Vec<String>,
    /// What a document is.
    pub format: Format,
    /// Where its text stands, if it has fields: keys with dots between, the name of a column or its number from 1.
    pub field: Option<String>,
    /// Whether the first broken record, or file of an archive, ends the run.
    pub strict: bool,
    /// How bytes stand for characters.
    pub encoding: Encoding,
    /// Where words are cut.
    pub tokenizer: Tokenizer,
    /// What follows its name: a file, a command line; empty if nothing does.
    pub tokenizer_of: String,
    /// How words become pieces, if they do.
    pub pieces: Option<PiecesConfig>,
    /// What becomes of apostrophes within words.
    pub apostrophes: Mark,
    /// What becomes of hyphens between words.
    pub hyphens: Mark,
    /// Whether words become lower case.
    pub lowercase: bool,
    /// Unicode normalisation.
    pub normalize: Normalize,
    /// What becomes of accents.
    pub accents: Accents,
    /// What becomes of digits.
    pub digits: Digits,
    /// A list of words that are left out of the text.
    pub stop_words: Option<PathBuf>,
    /// What becomes of lines whose words are those of an earlier one.
    pub duplicate_lines: DuplicateLines,
    /// What becomes of lines that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// The least size of a chunk in bytes.
    pub chunk_bytes: u64,
}

/// How words become pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct PiecesConfig {
    /// What they are learned by, with the settings that only it has.
    pub learner: Learner,
    /// Words that stand less often are not learned from.
    pub min_count: u64,
    /// A file of pieces to be used instead of what would be learned.
    pub given: Option<PathBuf>,
}

/// What pieces are learned by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learner {
    /// Stems and endings of Korean.
    Korean(Endings),
    /// Byte pair encoding with so many merges.
    Bpe(u32),
}

/// `[vocabulary]`: which words stay.
#[derive(Clone, Debug, PartialEq)]
pub struct VocabularyConfig {
    /// Words that occur less often are dropped.
    pub min_count: u64,
    /// At most so many words, the most frequent ones; 0 is no limit.
    pub max_size: u64,
    /// A list of the only words that may stay.
    pub keep: Option<PathBuf>,
    /// A list of words that are dropped.
    pub drop: Option<PathBuf>,
}

/// `[cooccur]`: what counts as a meeting.
#[derive(Clone, Debug, PartialEq)]
pub struct CooccurConfig {
    /// Words on each side, 1 to 255.
    pub window: u8,
    /// How weight falls with distance.
    pub weighting: Weighting,
    /// Whether both sides count, or only the left one.
    pub symmetric: bool,
    /// What a dropped word leaves behind.
    pub dropped: Dropped,
    /// Words above this share of the corpus are thinned out before windows are formed; 0 is off.
    pub subsample: f64,
    /// How often the thinned text is sampled.
    pub samples: u32,
}

/// `[tiles]`: how the matrix is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct TilesConfig {
    /// Stripes in each direction, 1 to 256; 0 chooses by the size of the model.
    pub grid: u32,
}

/// A `[[train]]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The name of the vectors: letters, digits, `_` and `-`.
    pub name: String,
    /// What is trained, with the settings that only it has.
    pub trainer: Trainer,
    /// Length of a vector.
    pub dim: usize,
    /// Passes over the cells or the text.
    pub epochs: u32,
    /// Learning rate at the start.
    pub rate: f64,
    /// Rotations an epoch; 1 where the text is read.
    pub rotations: u32,
    /// Optimiser, penalties, schedule.
    pub steps: StepsConfig,
    /// The loss of a cell, where it is not the trainer's own.
    pub loss: Option<LossConfig>,
    /// Where training starts.
    pub start: StartConfig,
    /// What of a learning curve is wanted.
    pub curve: CurveConfig,
    /// A command after each epoch; empty for none. No result depends on it.
    pub on_epoch: String,
    /// What happens when numbers are no longer finite. No result of a training that goes well
    /// depends on it.
    pub on_divergence: OnDivergence,
}

/// A model with its objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trainer {
    /// Skip-gram with negative sampling.
    NegativeSampling {
        /// Negatives beside each positive.
        negatives: u32,
        /// Noise is drawn in proportion to count to this power.
        noise_exponent: f64,
        /// Words above this share of the corpus are thinned out; 0 is off.
        subsample: f64,
        /// Rates of contexts.
        context_rates: ContextRates,
    },
    /// Skip-gram with hierarchical softmax.
    HierarchicalSoftmax {
        /// Words above this share of the corpus are thinned out; 0 is off.
        subsample: f64,
        /// The largest weight of one visit of a cell.
        cap: f64,
    },
    /// GloVe.
    Glove {
        /// Cells of this weight and above count fully.
        x_max: f64,
        /// How fast lighter cells count less.
        alpha: f64,
    },
    /// CBOW, or skip-gram from the text itself.
    Windows(WindowsTrainer),
}

/// `[eval]`: what the vectors are tried on.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalConfig {
    /// Analogy files in Google's format.
    pub analogies: Vec<PathBuf>,
    /// Similarity sets.
    pub similarity: Vec<PathBuf>,
    /// Outlier sets in the format of 8-8-8.
    pub outliers: Vec<PathBuf>,
    /// Only the so many most frequent words take part in analogies; 0 is all.
    pub top: usize,
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

impl Trainer {
    /// `train.model`
    pub fn model(&self) -> Model {
        match self {
            Self::Glove { .. } => Model::Glove,
            Self::Windows(WindowsTrainer { model: WindowsModel::Cbow { .. }, .. }) => Model::Cbow,
            _ => Model::SkipGram,
        }
    }

    /// `train.objective`, which GloVe does not have.
    pub fn objective(&self) -> Option<Objective> {
        match self {
            Self::NegativeSampling { .. } => Some(Objective::NegativeSampling),
            Self::HierarchicalSoftmax { .. } => Some(Objective::HierarchicalSoftmax),
            Self::Glove { .. } => None,
            Self::Windows(trainer) => Some(match trainer.objective {
                WindowsObjective::NegativeSampling { .. } => Objective::NegativeSampling,
                WindowsObjective::HierarchicalSoftmax => Objective::HierarchicalSoftmax,
            }),
        }
    }

    /// Whether it reads the text itself, not the matrix.
    pub fn reads_text(&self) -> bool {
        matches!(self, Self::Windows(_))
    }

    /// `train.subsample`, where the trainer thins out what is counted.
    pub fn subsample(&self) -> Option<f64> {
        match *self {
            Self::NegativeSampling { subsample, .. }
            | Self::HierarchicalSoftmax { subsample, .. } => Some(subsample),
            Self::Glove { .. } | Self::Windows(_) => None,
        }
    }
}

impl fmt::Display for Trainer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NegativeSampling { .. } => "skip-gram with negative sampling",
            Self::HierarchicalSoftmax { .. } => "skip-gram with hierarchical softmax",
            Self::Glove { .. } => "GloVe",
            Self::Windows(it) => match (it.model, it.objective) {
                (WindowsModel::SkipGram, WindowsObjective::NegativeSampling { .. }) => {
                    "skip-gram with negative sampling from windows"
                }
                (WindowsModel::SkipGram, WindowsObjective::HierarchicalSoftmax) => {
                    "skip-gram with hierarchical softmax from windows"
                }
                (WindowsModel::Cbow { .. }, WindowsObjective::NegativeSampling { .. }) => {
                    "CBOW with negative sampling"
                }
                (WindowsModel::Cbow { .. }, WindowsObjective::HierarchicalSoftmax) => {
                    "CBOW with hierarchical softmax"
                }
            },
        })
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
