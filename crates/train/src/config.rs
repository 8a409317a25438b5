//! The settings of a trainer, a `[[train]]` table. Each one is defined once, here or beside its
//! arithmetic.
//!
//! Terms: a [`TrainConfig`] is what all trainers have; a [`Trainer`] is a model with its objective, and the settings
//! that only it has. Doc comments of fields become the comments of the template and the text of the settings reference.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_formats::compat::incoming::BadRows;

use crate::engine::curve::CurvePlan;
use crate::engine::plan::Divergence;
use crate::loss::config::LossConfig;
use crate::objective::glove::GloveConfig;
use crate::objective::hierarchical_softmax::SoftmaxConfig;
use crate::objective::skipgram::SkipGramConfig;
use crate::optim::steps::{Optimizer, OptimizerConfig, Schedule};
use crate::windows::config::{Prediction, WindowModel, WindowsConfig};

/// A `[[train]]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The name of the vectors: letters, digits, `_` and `-`.
    pub name: String,
    /// The model that is trained, with the settings that only it has.
    pub trainer: Trainer,
    /// Settings that every trainer has.
    pub passes: PassesConfig,
    /// Number of parts of an epoch; 1 if the trainer reads the text.
    pub rotations: u32,
    /// Optimiser and penalties.
    pub steps: OptimizerConfig,
    /// How the rate falls.
    pub schedule: Schedule,
    /// The loss of a cell, if it is not the trainer's own.
    pub loss: Option<LossConfig>,
    /// Where training starts.
    pub start: StartFiles,
    /// Settings of the learning curve.
    pub curve: CurvePlan,
}

/// Settings that every trainer has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassesConfig {
    /// Length of a vector.
    #[schemars(range(min = 1, max = 10_000))]
    pub dim: usize,
    /// Passes over the cells of the matrix, or over the text.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// Learning rate at the start.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 10, "x-expected" = "a number above 0, at most 10"))]
    pub rate: f64,
    /// What happens when numbers are no longer finite.
    pub on_divergence: Divergence,
    /// A command to run after each epoch, such as `echo {epoch} {loss} {held_out_loss}`; no result depends on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_epoch: String,
}

/// `rotations`, for trainers that read the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RotationsConfig {
    /// Parts of an epoch: each visits all tiles with a part of their cells.
    #[schemars(range(min = 1, max = 1024))]
    pub rotations: u32,
}

/// A model with its objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trainer {
    /// Skip-gram with negative sampling, from the matrix.
    NegativeSampling(SkipGramConfig),
    /// Skip-gram with hierarchical softmax, from the matrix.
    HierarchicalSoftmax(SoftmaxConfig),
    /// GloVe.
    Glove(GloveConfig),
    /// CBOW, or skip-gram from the text itself.
    Windows(WindowsConfig),
}

/// `train.model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelName {
    /// A word predicts its neighbours.
    SkipGram,
    /// The words around a place predict the word there.
    Cbow,
    /// Logarithms of counts are factorised.
    Glove,
}

/// The kind of loss that a trainer can exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// Of sampled pairs.
    Pairs,
    /// Of cells of the matrix.
    Cells,
}

impl ModelName {
    /// Whether there is a choice of objectives.
    #[must_use]
    pub fn has_objectives(self) -> bool {
        match self {
            Self::SkipGram | Self::Cbow => true,
            Self::Glove => false,
        }
    }

    /// What the model reads by default.
    #[must_use]
    pub fn source(self) -> SourceName {
        match self {
            Self::Cbow => SourceName::Windows,
            Self::SkipGram | Self::Glove => SourceName::Matrix,
        }
    }
}

/// `train.objective`, of skip-gram and CBOW.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveName {
    /// Distinguish neighbours from noise.
    NegativeSampling,
    /// Decide left or right at each node of a Huffman tree.
    HierarchicalSoftmax,
}

/// `train.source`: what a trainer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceName {
    /// Tiles of the co-occurrence matrix.
    Matrix,
    /// The text, in its order.
    Windows,
}

/// `train.init` and `train.freeze`: where training starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartFiles {
    /// Vectors to begin with.
    pub init: Option<Init>,
    /// What to do with rows of their file that cannot be used as they are.
    pub bad_rows: BadRows,
    /// A list of words whose vectors never move.
    pub freeze: Option<PathBuf>,
}

/// The vectors that training begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// Those of a file in any supported format.
    File(PathBuf),
    /// Those of a trainer before this one.
    Trainer(String),
}

impl Trainer {
    /// `train.model`
    #[must_use]
    pub fn model(&self) -> ModelName {
        match self {
            Self::Glove(_) => ModelName::Glove,
            Self::Windows(WindowsConfig { model: WindowModel::Cbow(_), .. }) => ModelName::Cbow,
            _ => ModelName::SkipGram,
        }
    }

    /// `train.objective`, which GloVe does not have.
    #[must_use]
    pub fn objective(&self) -> Option<ObjectiveName> {
        match self {
            Self::NegativeSampling(_) => Some(ObjectiveName::NegativeSampling),
            Self::HierarchicalSoftmax(_) => Some(ObjectiveName::HierarchicalSoftmax),
            Self::Glove(_) => None,
            Self::Windows(trainer) => Some(match trainer.prediction {
                Prediction::Negatives(_) => ObjectiveName::NegativeSampling,
                Prediction::Tree => ObjectiveName::HierarchicalSoftmax,
            }),
        }
    }

    /// `train.source`
    #[must_use]
    pub fn source(&self) -> SourceName {
        if self.reads_text() { SourceName::Windows } else { SourceName::Matrix }
    }

    /// Whether it reads the text itself, not the matrix.
    #[must_use]
    pub fn reads_text(&self) -> bool {
        matches!(self, Self::Windows(_))
    }

    /// The kind of loss that it can exchange, if any.
    #[must_use]
    pub fn losses(&self) -> Option<LossKind> {
        match self {
            Self::NegativeSampling(_) => Some(LossKind::Pairs),
            Self::Glove(_) => Some(LossKind::Cells),
            Self::HierarchicalSoftmax(_) | Self::Windows(_) => None,
        }
    }

    /// The optimiser that it has by default.
    #[must_use]
    pub fn optimizer(&self) -> Optimizer {
        match self {
            Self::Glove(_) => Optimizer::Adagrad,
            Self::NegativeSampling(_) | Self::HierarchicalSoftmax(_) | Self::Windows(_) => {
                Optimizer::Sgd
            }
        }
    }

    /// The rate at the start if none is set: `usual` is that of the trainer with its own optimiser.
    ///
    /// The other rates are the best of those tried in steps of a factor of about 3 on 20 MB of English, d = 100, by
    /// Google, WordSim-353 and SimLex together.
    #[must_use]
    pub fn rate(&self, optimizer: &Optimizer, usual: f64) -> f64 {
        match optimizer {
            optimizer if *optimizer == self.optimizer() => usual,
            Optimizer::Sgd => 0.1,
            Optimizer::Adagrad | Optimizer::RowAdagrad => match self {
                Self::Glove(_) => usual,
                Self::HierarchicalSoftmax(_) => 0.3,
                Self::NegativeSampling(_) | Self::Windows(_) => 0.1,
            },
            Optimizer::Adam { .. } => 0.01,
        }
    }

    /// `train.subsample`, for trainers that subsample the counts.
    #[must_use]
    pub fn subsample(&self) -> Option<f64> {
        match self {
            Self::NegativeSampling(config) => Some(config.subsample),
            Self::HierarchicalSoftmax(config) => Some(config.subsample),
            Self::Glove(_) | Self::Windows(_) => None,
        }
    }
}

impl fmt::Display for Trainer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = match self.model() {
            ModelName::SkipGram => "skip-gram",
            ModelName::Cbow => "CBOW",
            ModelName::Glove => return out.write_str("GloVe"),
        };
        let objective = match self.objective() {
            Some(ObjectiveName::HierarchicalSoftmax) => "hierarchical softmax",
            _ => "negative sampling",
        };
        let is_unusual = self.reads_text() && self.model() == ModelName::SkipGram;
        let source = if is_unusual { " from windows" } else { "" };
        write!(out, "{model} with {objective}{source}")
    }
}
