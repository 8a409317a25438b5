//! How gradients become steps: `optimizer` with what it has, penalties, and `schedule`.
//!
//! A key is only asked for where it is used: that of another optimiser is an error like any that is not known.

use toml::Value;

use super::Trainer;
use super::choice::{Choice as _, Optimizer, Schedule};
use super::error::ConfigError;
use super::section::Section;

/// Optimiser, penalties, schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepsConfig {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// β₁, β₂ and ε of Adam; the defaults for others.
    pub adam: [f64; 3],
    /// λ beside each positive pair or cell; 0 is off.
    pub l2: f64,
    /// The longest gradient of a vector; 0 is off.
    pub clip: f64,
    /// The longest vector; 0 is off.
    pub max_norm: f64,
    /// How the rate falls.
    pub schedule: Schedule,
    /// The rate at the end, as a share of that at the start.
    pub final_rate: f64,
}

/// β₁, β₂ and ε as Kingma and Ba suggest them.
const ADAM: [f64; 3] = [0.9, 0.999, 1e-8];
/// What the rate falls to, as in word2vec.
const FINAL_RATE: f64 = 1e-4;

impl StepsConfig {
    /// Reads the keys that a trainer uses.
    pub(super) fn read(section: &mut Section<'_>, trainer: &Trainer) -> Result<Self, ConfigError> {
        let own = own(trainer);
        let optimizer = section.choice("optimizer", own)?;
        if trainer.reads_text() && optimizer != Optimizer::Sgd {
            let what = format!(
                "{:?} is only for trainers of the matrix; {trainer} has \"sgd\": its readers train copies of vectors and merge \
                 them, and what an optimiser has summed up of several copies cannot be merged",
                optimizer.name()
            );
            return Err(section.error("optimizer", what));
        }
        let mut adam = ADAM;
        if optimizer == Optimizer::Adam {
            let beta = |x| (0.0..1.0).contains(&x);
            for (key, place) in ["beta1", "beta2"].into_iter().zip(&mut adam) {
                *place = section.real(key, "a number from 0 to below 1", beta, *place)?;
            }
            let epsilon = |x| x > 0.0 && x <= 1.0;
            adam[2] = section.real("epsilon", "a number above 0, at most 1", epsilon, ADAM[2])?;
        }
        let not_negative = |x: f64| (0.0..=1e6).contains(&x);
        let mut penalties = [0.0; 3];
        if !trainer.reads_text() {
            for (key, place) in ["l2", "clip", "max_norm"].into_iter().zip(&mut penalties) {
                *place = section.real(key, "0 (off) or a number above", not_negative, 0.0)?;
                let is_tree = matches!(trainer, Trainer::HierarchicalSoftmax { .. });
                if is_tree && optimizer == Optimizer::Sgd && *place > 0.0 {
                    let what = "not with optimizer = \"sgd\", whose steps of hierarchical softmax are implicit; \
                                choose \"adagrad\", \"row-adagrad\" or \"adam\"";
                    return Err(section.error(key, what));
                }
            }
        }
        let is_adagrad = matches!(optimizer, Optimizer::Adagrad | Optimizer::RowAdagrad);
        let default = if is_adagrad { Schedule::Constant } else { Schedule::Linear };
        let schedule = section.choice("schedule", default)?;
        let share = |x| (0.0..=1.0).contains(&x);
        let final_rate = match schedule {
            Schedule::Constant => FINAL_RATE,
            _ => {
                section.real("final_rate", "a share of the rate from 0 to 1", share, FINAL_RATE)?
            }
        };
        let [l2, clip, max_norm] = penalties;
        Ok(Self { optimizer, adam, l2, clip, max_norm, schedule, final_rate })
    }

    /// The rate at the start, where none is written: `usual` is that of the trainer with its own optimiser.
    ///
    /// The best of those tried in steps of about 3 on 20 MB of English, d = 100: Google, WordSim-353 and SimLex together.
    pub(super) fn rate(&self, trainer: &Trainer, usual: f64) -> f64 {
        match self.optimizer {
            optimizer if optimizer == own(trainer) => usual,
            Optimizer::Sgd => 0.1,
            Optimizer::Adagrad | Optimizer::RowAdagrad => match trainer {
                Trainer::Glove { .. } => usual,
                Trainer::HierarchicalSoftmax { .. } => 0.3,
                _ => 0.1,
            },
            Optimizer::Adam => 0.01,
        }
    }

    /// Why a key has no business beside this optimiser or schedule.
    pub(super) fn unused(&self, key: &str, trainer: &Trainer) -> Option<String> {
        let users = match key {
            "beta1" | "beta2" | "epsilon" => "optimizer = \"adam\"".to_owned(),
            "final_rate" => "a schedule that falls, \"linear\" or \"cosine\"".to_owned(),
            "l2" | "clip" | "max_norm" => format!(
                "trainers of the matrix, not by {trainer}, whose readers train copies of vectors and merge them: no single \
                 step is there to be bounded"
            ),
            _ => return None,
        };
        Some(format!("only used by {users}; remove it"))
    }

    /// The keys beside `optimizer` that are not as they would be if nothing was written: what was trained before there
    /// was a choice stays valid.
    pub(super) fn rows(&self) -> Vec<(&'static str, Value)> {
        let mut rows: Vec<(&'static str, Value)> = Vec::new();
        if self.optimizer == Optimizer::Adam {
            let keys = ["beta1", "beta2", "epsilon"].into_iter().zip(self.adam);
            rows.extend(keys.map(|(key, value)| (key, value.into())));
        }
        let penalties = [("l2", self.l2), ("clip", self.clip), ("max_norm", self.max_norm)];
        let used = penalties.into_iter().filter(|(_, value)| *value > 0.0);
        rows.extend(used.map(|(key, value)| (key, value.into())));
        let is_adagrad = matches!(self.optimizer, Optimizer::Adagrad | Optimizer::RowAdagrad);
        let default = if is_adagrad { Schedule::Constant } else { Schedule::Linear };
        if self.schedule != default {
            rows.push(("schedule", self.schedule.name().into()));
        }
        if self.schedule != Schedule::Constant && self.final_rate != FINAL_RATE {
            rows.push(("final_rate", self.final_rate.into()));
        }
        rows
    }
}

/// The optimiser that a trainer has by itself.
fn own(trainer: &Trainer) -> Optimizer {
    match trainer {
        Trainer::Glove { .. } => Optimizer::Adagrad,
        _ => Optimizer::Sgd,
    }
}
