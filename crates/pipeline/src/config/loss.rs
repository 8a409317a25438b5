//! `train.loss`: another loss of cells than the trainer's own, by name with its parameters, or as expressions.
//!
//! A loss is written as its name, `loss = "hinge"`, or as a table, `loss = { name = "hinge", margin = 0.5 }`. A table of expressions
//! has a part for pairs and one for noise, `loss = { positive = "max(0, 1 - s)", negative = "max(0, 1 + s)" }`, or one for cells of
//! the matrix, `loss = { cell = "(s - log(x))^2" }`. They are read, differentiated and compared with finite differences here, so that
//! a mistake is told before anything is counted.

use toml::Value;
use wordmill_train as train;

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
    /// Expressions for a pair that met and for one with noise.
    Sampled {
        /// Of a pair that met.
        positive: train::Expression,
        /// Of a pair with noise.
        negative: train::Expression,
    },
    /// An expression for cells.
    Cell(train::Expression),
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
        if let Some(written) = written(&mut inner, trainer)? {
            inner.finish(|key| {
                (key == "name").then(|| "a loss has a name or expressions, not both".into())
            })?;
            return Ok(Some(written));
        }
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
        inner.finish(|_| None)?;
        Ok(loss)
    }

    /// The expressions, if it is written as some.
    pub fn parts(&self) -> Option<Vec<(train::Term, train::Expression)>> {
        match self {
            Self::Sampled { positive, negative } => Some(vec![
                (train::Term::Positive, positive.clone()),
                (train::Term::Negative, negative.clone()),
            ]),
            Self::Cell(cell) => Some(vec![(train::Term::Cell, cell.clone())]),
            _ => None,
        }
    }

    /// As it is written.
    pub(super) fn value(&self) -> Value {
        let table = |rows: &[(&str, Value)]| {
            Value::Table(
                rows.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            )
        };
        let (name, parameter, value) = match self {
            Self::Sampled { positive, negative } => {
                let (positive, negative) = (positive.text().into(), negative.text().into());
                return table(&[("positive", positive), ("negative", negative)]);
            }
            Self::Cell(cell) => return table(&[("cell", cell.text().into())]),
            Self::Hinge { margin } => ("hinge", "margin", margin),
            Self::Focal { gamma } => ("focal", "gamma", gamma),
            Self::Huber { delta } => ("huber", "delta", delta),
            Self::Ppmi { shift } => ("ppmi", "shift", shift),
        };
        table(&[("name", name.into()), (parameter, Value::from(*value))])
    }
}

fn listed(names: [&str; 3]) -> String {
    names.map(|name| format!("{name:?}")).join(" or ")
}

/// Where expressions are tried out: any sensible text.
const TRIED: train::Constants = train::Constants { tokens: 1e7, pairs: 6e7 };

/// Reads the expressions of a loss, if it has any.
fn written(
    section: &mut Section<'_>,
    trainer: &Trainer,
) -> Result<Option<LossConfig>, ConfigError> {
    let is_cells = matches!(trainer, Trainer::Glove { .. });
    let keys: &[(&'static str, train::Term)] = match is_cells {
        true => &[("cell", train::Term::Cell)],
        false => &[("positive", train::Term::Positive), ("negative", train::Term::Negative)],
    };
    let mut parts = Vec::new();
    for &(key, term) in keys {
        if let Some(text) = section.text(key)? {
            parts.push((key, expression(section, (key, term), &text)?));
        }
    }
    Ok(match (parts.pop(), parts.pop()) {
        (None, _) => None,
        (Some((_, cell)), None) if is_cells => Some(LossConfig::Cell(cell)),
        (Some((found, _)), None) => {
            let missing = if found == "positive" { "negative" } else { "positive" };
            return Err(section.error(missing, format!("missing; {found} alone is no loss")));
        }
        (Some((_, negative)), Some((_, positive))) => {
            Some(LossConfig::Sampled { positive, negative })
        }
    })
}

/// Reads a part of a loss, and compares its slope with finite differences.
fn expression(
    section: &Section<'_>,
    (key, term): (&str, train::Term),
    text: &str,
) -> Result<train::Expression, ConfigError> {
    let wrong = |error: train::ExpressionError| {
        let guess = did_you_mean(&error.word, error.known.iter().copied());
        let known = match error.known.is_empty() {
            true => String::new(),
            false => format!("; known are {}", error.known.join(", ")),
        };
        let pointer = error.at.map_or(String::new(), |at| {
            format!("\n    {}\n    {}^", text.replace(char::is_whitespace, " "), " ".repeat(at))
        });
        section.error(key, format!("{error}{guess}{known}{pointer}"))
    };
    let part = train::Expression::parse(text, term).map_err(wrong)?;
    let kernels = wordmill_kernels::best();
    let loss = train::Written::new(&[(term, part.clone())], TRIED, kernels).map_err(wrong)?;
    train::check_finite(&loss, term).map_err(|at| section.error(key, at))?;
    train::check_slope(&loss, term).map_err(|error| {
        let what = format!("{error}; a loss must not jump, though it may have corners");
        section.error(key, what)
    })?;
    Ok(part)
}
