//! The settings of the stage `pieces`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The folder of the shards of pieces, and of the model.
pub const FOLDER: &str = "pieces";
/// Version of what the stage computes; part of the fingerprint.
pub(crate) const VERSION: u32 = 1;

/// What learns the pieces.
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

/// What becomes of endings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endings {
    /// They are tokens.
    Keep,
    /// They are left out.
    Drop,
}

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiecesConfig {
    /// What learns.
    pub learner: Learner,
    /// `corpus.pieces_min_count`: nothing is learned from words that stand less often.
    pub min_count: u64,
    /// `corpus.pieces`: a model that is given, so that none is learned.
    pub given: Option<PathBuf>,
}

impl Learner {
    /// Its name, that of the tokeniser.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Korean { .. } => "korean",
            Self::Bpe { .. } => "bpe",
        }
    }
}

impl PiecesConfig {
    /// What identifies a model of the learner.
    pub(super) fn settings(&self) -> String {
        let Self { learner, min_count, given } = self;
        match (given, learner) {
            (Some(_), _) => "given".to_owned(),
            (None, Learner::Korean { .. }) => format!("min_count={min_count}"),
            (None, Learner::Bpe { merges }) => format!("min_count={min_count} merges={merges}"),
        }
    }
}
