//! How gradients become steps: the optimiser, the penalties, and the rate over time.
//!
//! Nouns: an [`Optimizer`] has state for each vector, which lies in its stripe (`stripes.rs`); a [`Schedule`] says what the rate is
//! when so much of the training is done. Plain steps along the gradient, and GloVe's AdaGrad, are fused into kernels; everything
//! else goes through one kernel that writes a gradient out before it is used.

use wordmill_kernels::{Rule, StepPlan};

use crate::stripes::Squares;

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Optimizer {
    /// Along the gradient.
    #[default]
    Sgd,
    /// AdaGrad (Duchi, Hazan & Singer 2011), a sum of squares for each coordinate, from 1 on.
    Adagrad,
    /// AdaGrad with a sum for each vector, of mean squares.
    RowAdagrad,
    /// Adam (Kingma & Ba 2015), lazy: a vector's moments move when it is stepped, and are corrected for its own number of steps.
    Adam {
        /// β₁, of the mean.
        beta1: f32,
        /// β₂, of the mean of squares.
        beta2: f32,
        /// ε.
        epsilon: f32,
    },
}

/// Optimiser and penalties.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// λ of `λ/2 (‖w‖² + ‖c‖²)` beside each positive pair or cell; 0 is off.
    pub l2: f32,
    /// The longest gradient of a vector; infinity is off.
    pub clip: f32,
    /// The longest vector; infinity is off.
    pub max_norm: f32,
}

/// The rate over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// It falls in a line to the final rate.
    #[default]
    Linear,
    /// It falls along half a cosine to the final rate (Loshchilov & Hutter 2017).
    Cosine,
    /// It stays.
    Constant,
}

impl Default for Steps {
    fn default() -> Self {
        Self { optimizer: Optimizer::Sgd, l2: 0.0, clip: f32::INFINITY, max_norm: f32::INFINITY }
    }
}

impl Steps {
    /// Whether there are penalties.
    pub(crate) fn has_penalties(&self) -> bool {
        self.l2 > 0.0 || self.clip < f32::INFINITY || self.max_norm < f32::INFINITY
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
        StepPlan { rule: Rule::Look, rate: 0.0, dim, l2: 0.0, clip, max_norm }
    }

    /// Steps at a rate.
    pub(crate) fn plan(&self, rate: f32, dim: usize) -> StepPlan {
        let inside = 1.0;
        let rule = match self.optimizer {
            Optimizer::Sgd => Rule::Sgd,
            Optimizer::Adagrad => Rule::Adagrad { inside },
            Optimizer::RowAdagrad => Rule::RowAdagrad { inside },
            Optimizer::Adam { beta1, beta2, epsilon } => Rule::Adam { beta1, beta2, epsilon },
        };
        let Self { l2, clip, max_norm, .. } = *self;
        StepPlan { rule, rate, dim, l2, clip, max_norm }
    }

    /// The same with AdaGrad as in GloVe's program, which sums up squares of steps, rate and all.
    pub(crate) fn glove_plan(&self, rate: f32, dim: usize) -> StepPlan {
        let plan = self.plan(rate, dim);
        let inside = rate;
        match self.optimizer {
            Optimizer::Adagrad => StepPlan { rule: Rule::Adagrad { inside }, rate: 1.0, ..plan },
            Optimizer::RowAdagrad => {
                StepPlan { rule: Rule::RowAdagrad { inside }, rate: 1.0, ..plan }
            }
            _ => plan,
        }
    }
}

impl Schedule {
    /// The share of the rate when so much of the training is left, from 1 to 0; at the end it is `last`.
    pub fn share(self, left: f64, last: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Linear => last + (1.0 - last) * left,
            Self::Cosine => last + (1.0 - last) * 0.5 * (1.0 - cosine_of_turns(left)),
        }
    }
}

/// cos(πx) for x from 0 to 1, by Taylor's series of the sine around ½: sums and products alone, so that it has the same bits everywhere.
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

/// A bias, and what the optimiser keeps of it.
pub(crate) struct BiasState<'a> {
    pub bias: &'a mut f32,
    /// The sum or the mean of squares.
    pub square: Option<&'a mut f32>,
    /// The mean of Adam.
    pub moment: Option<&'a mut f32>,
}

/// A step of a bias, which has state as a coordinate has; `steps` is t, the steps of its vector with this one.
pub(crate) fn step_bias(plan: &StepPlan, direction: f32, state: BiasState<'_>, steps: f32) {
    let BiasState { bias, square, moment } = state;
    let step = match (plan.rule, square, moment) {
        (Rule::Look, ..) => return,
        (Rule::Adagrad { inside } | Rule::RowAdagrad { inside }, Some(square), _) => {
            let direction = inside * direction;
            *square += direction * direction;
            direction / square.sqrt()
        }
        (Rule::Adam { beta1, beta2, epsilon }, Some(square), Some(moment)) => {
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
        for (schedule, middle) in
            [(Schedule::Linear, 0.55), (Schedule::Cosine, 0.55), (Schedule::Constant, 1.0)]
        {
            let share = |left| schedule.share(left, 0.1);
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
