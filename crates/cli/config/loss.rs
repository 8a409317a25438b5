//! `train.loss`: another loss of cells than the trainer's own, by name with its parameters.
//!
//! A loss is written as its name, `loss = "hinge"`, or as a table, `loss = { name = "hinge", margin = 0.5 }`.

use toml::{Table, Value};

use super::Trainer;
use super::choice::did_you_mean;
use super::error::ConfigError;
use super::section::Section;

/// A loss that takes the place of the trainer's own.
#[derive(Clone, Debug, PartialEq)]
pub enum LossConfig {
    /// Of sampled pairs: on the right side by a margin.
    Hinge {
        /// The margin.
        margin: f64,
    },
    /// Of sampled pairs: negative sampling where what is right counts less.
    Focal {
        /// How much less.
        gamma: f64,
    },
    /// Of cells: squares up to an error, lines beyond.
    Huber {
        /// That error.
        delta: f64,
    },
    /// Of cells: regression on shifted positive pointwise mutual information.
    Ppmi {
        /// The logarithm of this is subtracted.
        shift: f64,
    },
}

/// Names of losses of sampled pairs and of cells, the trainer's own first.
const SAMPLED: [&str; 3] = ["logistic", "hinge", "focal"];
const CELLS: [&str; 3] = ["squares", "huber", "ppmi"];

impl LossConfig {
    /// Whether a trainer has a choice of losses.
    pub(super) fn is_for(trainer: &Trainer) -> bool {
        matches!(trainer, Trainer::NegativeSampling { .. } | Trainer::Glove { .. })
    }

    /// Reads `loss`; `None` where it is the trainer's own.
    pub(super) fn read(
        section: &mut Section<'_>,
        trainer: &Trainer,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(mut inner) = section.inner("loss", "name")? else {
            return Ok(None);
        };
        let names = match trainer {
            Trainer::Glove { .. } => CELLS,
            _ => SAMPLED,
        };
        let Some(name) = inner.text("name")? else {
            let what = format!("missing; choose {}", listed(names));
            return Err(inner.error("name", what));
        };
        let positive = |x: f64| x > 0.0 && x <= 1e6;
        let above = "a number above 0";
        let loss = match name.as_str() {
            known if known == names[0] => None,
            "hinge" if names == SAMPLED => {
                Some(Self::Hinge { margin: inner.real("margin", above, positive, 1.0)? })
            }
            "focal" if names == SAMPLED => {
                let gamma = |x| (0.0..=100.0).contains(&x);
                Some(Self::Focal { gamma: inner.real("gamma", "0 to 100", gamma, 1.0)? })
            }
            "huber" if names == CELLS => {
                Some(Self::Huber { delta: inner.real("delta", above, positive, 1.0)? })
            }
            "ppmi" if names == CELLS => {
                Some(Self::Ppmi { shift: inner.real("shift", above, positive, 1.0)? })
            }
            other => {
                let guess = did_you_mean(other, names);
                let what =
                    format!("{trainer} has no loss {other:?}{guess}; choose {}", listed(names));
                return Err(inner.error("name", what));
            }
        };
        inner.finish(&[], |_| None)?;
        Ok(loss)
    }

    /// As it is written.
    pub(super) fn value(&self) -> Value {
        let (name, parameter, value) = match self {
            Self::Hinge { margin } => ("hinge", "margin", margin),
            Self::Focal { gamma } => ("focal", "gamma", gamma),
            Self::Huber { delta } => ("huber", "delta", delta),
            Self::Ppmi { shift } => ("ppmi", "shift", shift),
        };
        Value::Table(Table::from_iter([
            ("name".to_owned(), name.into()),
            (parameter.to_owned(), Value::from(*value)),
        ]))
    }
}

fn listed(names: [&str; 3]) -> String {
    names.map(|name| format!("{name:?}")).join(" or ")
}
