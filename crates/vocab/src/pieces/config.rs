//! The settings of the stage `pieces`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The folder of the shards of pieces, and of the model.
pub const FOLDER: &str = "pieces";
/// Version of the stage's results; part of the fingerprint.
pub(crate) const VERSION: u32 = 1;

/// The learner of the pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "learner")]
pub enum Learner {
    /// Stems and endings of Korean.
    Korean {
        /// `corpus.endings`.
        endings: Endings,
    },
    /// Byte pair encoding, over characters.
    Bpe {
        /// `corpus.bpe_merges`.
        merges: u32,
    },
}

/// What to do with endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Endings {
    /// Keep them as tokens.
    Keep,
    /// Leave them out.
    Drop,
}

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiecesConfig {
    /// The learner.
    pub learner: Learner,
    /// The source of the model, or a given one.
    pub learning: LearningConfig,
}

/// Settings of both learners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LearningConfig {
    /// Words that occur less often are not used for learning.
    #[serde(rename = "pieces_min_count")]
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub min_count: u64,
    /// A file of pieces to be used instead of learning.
    #[serde(rename = "pieces")]
    pub given: Option<PathBuf>,
}

/// Settings of `tokenizer = "korean"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KoreanConfig {
    /// What to do with endings.
    pub endings: Endings,
}

/// Settings of `tokenizer = "bpe"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BpeConfig {
    /// Number of merges of pairs of pieces.
    #[serde(rename = "bpe_merges")]
    #[schemars(range(min = 1, max = 16_777_216), extend("x-unset" = 16_000))]
    pub merges: u32,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self { min_count: 1, given: None }
    }
}

impl Learner {
    /// Its name, which is that of the tokeniser.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Korean { .. } => "korean",
            Self::Bpe { .. } => "bpe",
        }
    }
}

impl PiecesConfig {
    /// Identifies a model of the learner.
    pub(super) fn settings(&self) -> String {
        let Self { learner, learning: LearningConfig { min_count, given } } = self;
        match (given, learner) {
            (Some(_), _) => "given".to_owned(),
            (None, Learner::Korean { .. }) => format!("min_count={min_count}"),
            (None, Learner::Bpe { merges }) => format!("min_count={min_count} merges={merges}"),
        }
    }
}
