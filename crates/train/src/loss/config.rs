//! `train.loss`: a loss other than the trainer's own, by name with its parameter, or as expressions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_kernels::Kernels;

use super::cells::{CellLoss, Term};
use super::expression::{CompiledLoss, Constants, Expression, ExpressionError};
use super::losses::{CellWeight, Focal, Hinge, ShiftedPpmi, WeightedHuber};

/// A loss that replaces the trainer's own.
#[derive(Clone, Debug, PartialEq)]
pub enum LossConfig {
    /// Of sampled pairs.
    Pairs(PairLoss),
    /// Of cells of the matrix.
    Cells(CellsLoss),
    /// Expressions for a pair that occurs and for one with noise.
    Sampled {
        /// For a pair that occurs.
        positive: Expression,
        /// For a pair with noise.
        negative: Expression,
    },
    /// An expression for cells.
    Cell(Expression),
}

/// Losses of sampled pairs; the first is that of negative sampling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum PairLoss {
    /// The loss of negative sampling.
    Logistic,
    /// Pairs should be on the right side by a margin.
    Hinge {
        /// The margin.
        #[serde(default = "one")]
        #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e6, "x-expected" = "a number above 0"))]
        margin: f64,
    },
    /// Negative sampling in which well-classified pairs count less.
    Focal {
        /// How much less: the loss is weighted by the probability of the error to this power.
        #[serde(default = "one")]
        #[schemars(range(min = 0, max = 100), extend("x-expected" = "0 to 100"))]
        gamma: f64,
    },
}

/// Losses of cells; the first is that of GloVe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum CellsLoss {
    /// Weighted squares of the errors of log counts.
    Squares,
    /// Squares up to an error, linear beyond.
    Huber {
        /// That error.
        #[serde(default = "one")]
        #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e6, "x-expected" = "a number above 0"))]
        delta: f64,
    },
    /// Regression on shifted positive pointwise mutual information.
    Ppmi {
        /// The logarithm of this is subtracted.
        #[serde(default = "one")]
        #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e6, "x-expected" = "a number above 0"))]
        shift: f64,
    },
}

fn one() -> f64 {
    1.0
}

/// Training time divided by that with the trainer's own loss, whose steps are fused into kernels: user CPU time on 20
/// MB of English at dimension 100 (`benches/runs/2026-11-24-zen4-2core-losses`).
mod factor {
    pub const FOCAL: f64 = 1.17;
    pub const CELLS_WRITTEN: f64 = 1.2;
    pub const HUBER: f64 = 1.12;
}

impl LossConfig {
    /// The expressions, if it is written as such.
    #[must_use]
    pub fn parts(&self) -> Option<Vec<(Term, Expression)>> {
        match self {
            Self::Sampled { positive, negative } => {
                Some(vec![(Term::Positive, positive.clone()), (Term::Negative, negative.clone())])
            }
            Self::Cell(cell) => Some(vec![(Term::Cell, cell.clone())]),
            Self::Pairs(_) | Self::Cells(_) => None,
        }
    }

    /// The loss for a text with these constants; `weight` is that of GloVe's cells.
    ///
    /// # Errors
    /// An expression that cannot be compiled.
    pub fn build(
        &self,
        constants: Constants,
        weight: CellWeight,
        kernels: &'static Kernels,
    ) -> Result<Box<dyn CellLoss>, ExpressionError> {
        Ok(match *self {
            Self::Pairs(PairLoss::Hinge { margin }) => Box::new(Hinge { margin: margin as f32 }),
            Self::Pairs(PairLoss::Focal { gamma }) => {
                Box::new(Focal { gamma: gamma as f32, kernels })
            }
            Self::Cells(CellsLoss::Huber { delta }) => {
                Box::new(WeightedHuber { weight, delta: delta as f32 })
            }
            Self::Cells(CellsLoss::Ppmi { shift }) => {
                let scale = constants.tokens * constants.tokens / (constants.pairs * shift);
                Box::new(ShiftedPpmi { weight, scale })
            }
            Self::Pairs(PairLoss::Logistic) => Box::new(super::losses::Logistic { kernels }),
            Self::Cells(CellsLoss::Squares) => Box::new(super::losses::WeightedSquares(weight)),
            Self::Sampled { .. } | Self::Cell(_) => {
                let parts = self.parts().unwrap_or_default();
                Box::new(CompiledLoss::new(&parts, constants, kernels)?)
            }
        })
    }

    /// The factor by which it multiplies training time.
    #[must_use]
    pub fn time_factor(&self) -> f64 {
        match self {
            Self::Pairs(PairLoss::Logistic | PairLoss::Hinge { .. }) | Self::Sampled { .. } => 1.0,
            Self::Cells(CellsLoss::Squares) => 1.0,
            Self::Pairs(PairLoss::Focal { .. }) => factor::FOCAL,
            Self::Cells(CellsLoss::Ppmi { .. }) | Self::Cell(_) => factor::CELLS_WRITTEN,
            Self::Cells(CellsLoss::Huber { .. }) => factor::HUBER,
        }
    }
}
