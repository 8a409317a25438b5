//! How gradients become steps: the optimiser, the penalties, and the rate over time.
//!
//! Terms: an [`Optimizer`] has state for each vector, stored in its stripe (`stripes.rs`); a [`Schedule`] is the rate
//! as a function of progress. Plain steps along the gradient, and GloVe's AdaGrad, are fused into kernels; everything
//! else goes through one kernel that writes a gradient out before it is used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_kernels::{StepPlan, UpdateRule};

use crate::stripes::Squares;

/// Turns gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "optimizer", rename_all = "kebab-case")]
pub enum Optimizer {
    /// Plain steps along the gradient.
    #[default]
    Sgd,
    /// AdaGrad (Duchi, Hazan & Singer 2011), with a sum of squares for each coordinate that begins at 1.
    Adagrad,
    /// AdaGrad with a sum for each vector, of mean squares.
    RowAdagrad,
    /// Adam (Kingma & Ba 2015), lazy: a vector's moments change when it is stepped, and are corrected for its own number of steps.
    Adam {
        /// β₁, of the mean of gradients.
        #[serde(default = "beta1")]
        #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-expected" = "a number from 0 to below 1"))]
        beta1: f64,
        /// β₂, of the mean of their squares.
        #[serde(default = "beta2")]
        #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-expected" = "a number from 0 to below 1"))]
        beta2: f64,
        /// ε, added to the root of that mean.
        #[serde(default = "epsilon")]
        #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1, "x-expected" = "a number above 0, at most 1"))]
        epsilon: f64,
    },
}

/// β₁, β₂ and ε as suggested by Kingma and Ba.
const ADAM: [f64; 3] = [0.9, 0.999, 1e-8];

fn beta1() -> f64 {
    ADAM[0]
}

fn beta2() -> f64 {
    ADAM[1]
}

fn epsilon() -> f64 {
    ADAM[2]
}

/// Optimiser and penalties.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptimizerConfig {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The penalties.
    pub penalties: Penalties,
}

/// Penalties, for trainers that read the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Penalties {
    /// λ of `λ/2 (‖w‖² + ‖c‖²)` for each positive pair or cell; 0 is off.
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(range(min = 0, max = 1e6), extend("x-expected" = "0 (off) or a number above"))]
    pub l2: f64,
    /// Maximum norm of the gradient of a vector; 0 is off.
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(range(min = 0, max = 1e6), extend("x-expected" = "0 (off) or a number above"))]
    pub clip: f64,
    /// Maximum norm of a vector; 0 is off.
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(range(min = 0, max = 1e6), extend("x-expected" = "0 (off) or a number above"))]
    pub max_norm: f64,
}

fn is_off(value: &f64) -> bool {
    *value == 0.0
}

/// The rate over time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "schedule", rename_all = "kebab-case")]
pub enum Schedule {
    /// It falls linearly to the final rate.
    Linear {
        /// The rate at the end, as a share of that at the start.
        #[serde(default = "final_rate", skip_serializing_if = "is_final_rate")]
        #[schemars(range(min = 0, max = 1), extend("x-expected" = "a share of the rate from 0 to 1", "x-unset" = 1e-4))]
        final_rate: f64,
    },
    /// It falls along half a cosine to the final rate (Loshchilov & Hutter 2017).
    Cosine {
        /// The rate at the end, as a share of that at the start.
        #[serde(default = "final_rate", skip_serializing_if = "is_final_rate")]
        #[schemars(range(min = 0, max = 1), extend("x-expected" = "a share of the rate from 0 to 1", "x-unset" = 1e-4))]
        final_rate: f64,
    },
    /// It stays constant.
    Constant,
}

/// The final rate relative to the initial one, as in word2vec.
const FINAL_RATE: f64 = 1e-4;

fn final_rate() -> f64 {
    FINAL_RATE
}

fn is_final_rate(share: &f64) -> bool {
    *share == FINAL_RATE
}

impl Optimizer {
    /// The default schedule: AdaGrad needs none, as its steps shrink anyway.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        match self {
            Self::Adagrad | Self::RowAdagrad => Schedule::Constant,
            Self::Sgd | Self::Adam { .. } => Schedule::LINEAR,
        }
    }
}

impl Penalties {
    /// Whether any is on.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.l2 > 0.0 || self.clip > 0.0 || self.max_norm > 0.0
    }
}

impl OptimizerConfig {
    /// Whether there are penalties.
    pub(crate) fn has_penalties(&self) -> bool {
        self.penalties.are_on()
    }

    /// Plain steps along the gradient.
    pub(crate) fn are_plain(&self) -> bool {
        self.optimizer == Optimizer::Sgd && !self.has_penalties()
    }

    /// The state of a vector.
    pub(crate) fn squares(&self) -> Squares {
        match self.optimizer {
            Optimizer::Sgd => Squares::None,
            Optimizer::Adagrad => Squares::Coordinate,
            Optimizer::RowAdagrad => Squares::Row,
            Optimizer::Adam { .. } => Squares::Moments,
        }
    }

    /// No steps: losses and gradients without penalties.
    pub(crate) fn look(dim: usize) -> StepPlan {
        let (clip, max_norm) = (f32::INFINITY, f32::INFINITY);
        StepPlan { rule: UpdateRule::Look, rate: 0.0, dim, l2: 0.0, clip, max_norm }
    }

    /// Steps at a rate.
    pub(crate) fn plan(&self, rate: f32, dim: usize) -> StepPlan {
        let inside = 1.0;
        let rule = match self.optimizer {
            Optimizer::Sgd => UpdateRule::Sgd,
            Optimizer::Adagrad => UpdateRule::Adagrad { inside },
            Optimizer::RowAdagrad => UpdateRule::RowAdagrad { inside },
            Optimizer::Adam { beta1, beta2, epsilon } => {
                let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(|value| value as f32);
                UpdateRule::Adam { beta1, beta2, epsilon }
            }
        };
        let or_off = |value: f64| if value > 0.0 { value as f32 } else { f32::INFINITY };
        let Penalties { l2, clip, max_norm } = self.penalties;
        let (l2, clip, max_norm) = (l2 as f32, or_off(clip), or_off(max_norm));
        StepPlan { rule, rate, dim, l2, clip, max_norm }
    }

    /// The same with AdaGrad as in GloVe's program, which sums squares of steps, rate included.
    pub(crate) fn glove_plan(&self, rate: f32, dim: usize) -> StepPlan {
        let plan = self.plan(rate, dim);
        let inside = rate;
        match self.optimizer {
            Optimizer::Adagrad => {
                StepPlan { rule: UpdateRule::Adagrad { inside }, rate: 1.0, ..plan }
            }
            Optimizer::RowAdagrad => {
                StepPlan { rule: UpdateRule::RowAdagrad { inside }, rate: 1.0, ..plan }
            }
            _ => plan,
        }
    }
}

impl Schedule {
    /// word2vec's.
    pub const LINEAR: Self = Self::Linear { final_rate: FINAL_RATE };

    /// The factor of the rate when a share `left` of the training is left, from 1 to 0; at the end it is the
    /// final rate.
    #[must_use]
    pub fn share(self, left: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear { final_rate: last } => last + (1.0 - last) * left,
            Self::Cosine { final_rate: last } => {
                last + (1.0 - last) * 0.5 * (1.0 - cosine_of_turns(left))
            }
        }
    }
}

/// cos(πx) for x from 0 to 1, by Taylor's series of the sine around ½: only sums and products, so it has the same bits
/// everywhere.
fn cosine_of_turns(x: f64) -> f64 {
    let y = (0.5 - x) * std::f64::consts::PI;
    let mut term = y;
    let mut sum = y;
    for n in 1..12 {
        term *= -y * y / f64::from(2 * n * (2 * n + 1));
        sum += term;
    }
    sum
}

/// A bias, and its state in the optimiser.
pub(crate) struct BiasState<'a> {
    pub bias: &'a mut f32,
    /// The sum or the mean of squares.
    pub square: Option<&'a mut f32>,
    /// The mean of Adam.
    pub moment: Option<&'a mut f32>,
}

/// Steps a bias, whose state is like that of a coordinate; `steps` is t, the steps of its vector including
/// this one.
pub(crate) fn step_bias(plan: &StepPlan, direction: f32, state: BiasState<'_>, steps: f32) {
    let BiasState { bias, square, moment } = state;
    let step = match (plan.rule, square, moment) {
        (UpdateRule::Look, ..) => return,
        (UpdateRule::Adagrad { inside } | UpdateRule::RowAdagrad { inside }, Some(square), _) => {
            let direction = inside * direction;
            *square += direction * direction;
            direction / square.sqrt()
        }
        (UpdateRule::Adam { beta1, beta2, epsilon }, Some(square), Some(moment)) => {
            *moment += (1.0 - beta1) * (direction - *moment);
            *square += (1.0 - beta2) * (direction * direction - *square);
            let [first, second] =
                [beta1, beta2].map(|beta| wordmill_kernels::adam_rest(steps, beta));
            *moment / first / ((*square / second).sqrt() + epsilon)
        }
        _ => direction,
    };
    *bias += plan.rate * step;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_begin_at_the_rate_and_end_at_the_last_one() {
        let final_rate = 0.1;
        for (schedule, middle) in [
            (Schedule::Linear { final_rate }, 0.55),
            (Schedule::Cosine { final_rate }, 0.55),
            (Schedule::Constant, 1.0),
        ] {
            let share = |left| schedule.share(left);
            assert!((share(1.0) - 1.0).abs() < 1e-12, "{schedule:?}");
            assert!((share(0.5) - middle).abs() < 1e-12, "{schedule:?}: {}", share(0.5));
            let last = if schedule == Schedule::Constant { 1.0 } else { 0.1 };
            assert!((share(0.0) - last).abs() < 1e-12, "{schedule:?}");
        }
        for i in 0..=100 {
            let x = f64::from(i) / 100.0;
            assert!((cosine_of_turns(x) - (std::f64::consts::PI * x).cos()).abs() < 1e-13);
        }
    }
}
