//! All settings of a pipeline, in their sections. Those of a stage are defined in the room of the stage.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_cooccur::{CooccurConfig, TilesConfig};
use wordmill_train::TrainConfig;
use wordmill_vocab::VocabularyConfig;
use wordmill_vocab::phrases::PhrasesConfig;

use super::corpus::CorpusConfig;

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
    pub(super) base: Base,
}

/// The folder in which relative paths begin; empty for the current folder. It is neither written nor compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Base(pub(super) PathBuf);

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
    /// Analogies are asked among this many of the most frequent words; 0 takes all.
    #[schemars(range(min = 0, max = 4_294_967_295_u64))]
    pub top: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        let (analogies, similarity, outliers) = (Vec::new(), Vec::new(), Vec::new());
        Self { analogies, similarity, outliers, top: 30_000 }
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
