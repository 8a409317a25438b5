//! `train.loss`: another loss of cells than the trainer's own, by name with its parameters, or as expressions.
//!
//! A loss is written as its name, `loss = "hinge"`, or as a table, `loss = { name = "hinge", margin = 0.5 }`. A table of expressions
//! has a part for pairs and one for noise, `loss = { positive = "max(0, 1 - s)", negative = "max(0, 1 + s)" }`, or one for cells of
//! the matrix, `loss = { cell = "(s - log(x))^2" }`. They are read, differentiated and compared with finite differences here, so that
//! a mistake is reported before anything is counted.

use toml::{Table, Value};
use wordmill_train::{self as train, CellsLoss, LossConfig, LossKind, PairLoss, Trainer};

use super::error::ConfigError;
use super::guess::did_you_mean;
use super::keys::variants_of;
use super::section::{Section, table_of};

/// Reads `loss`; `None` where it is the trainer's own.
pub(super) fn read(
    section: &mut Section<'_>,
    trainer: &Trainer,
    kind: LossKind,
) -> Result<Option<LossConfig>, ConfigError> {
    let Some(mut inner) = section.inner("loss", "name")? else {
        return Ok(None);
    };
    if let Some(written) = written(&mut inner, kind)? {
        inner.finish(|key| {
            (key == "name").then(|| "a loss has a name or expressions, not both".into())
        })?;
        return Ok(Some(written));
    }
    let variants = match kind {
        LossKind::Cells => variants_of::<CellsLoss>("name"),
        LossKind::Pairs => variants_of::<PairLoss>("name"),
    };
    let names = || variants.iter().map(|variant| variant.name.name);
    let listed = names().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
    let Some(name) = inner.peek("name") else {
        return Err(inner.error("name", format!("missing; choose {listed}")));
    };
    if let Some(other) = name.as_str().filter(|name| names().all(|known| known != *name)) {
        let guess = did_you_mean(other, names());
        let what = format!("{trainer} has no loss {other:?}{guess}; choose {listed}");
        return Err(inner.error("name", what));
    }
    let loss = match kind {
        LossKind::Cells => LossConfig::Cells(inner.tagged("name", &CellsLoss::Squares)?),
        LossKind::Pairs => LossConfig::Pairs(inner.tagged("name", &PairLoss::Logistic)?),
    };
    inner.finish(|_| None)?;
    let is_own = matches!(
        loss,
        LossConfig::Cells(CellsLoss::Squares) | LossConfig::Pairs(PairLoss::Logistic)
    );
    Ok((!is_own).then_some(loss))
}

/// As it is written.
pub(super) fn value(loss: &LossConfig) -> Value {
    let text = |part: &train::Expression| Value::from(part.text());
    let parts = |rows: &[(&str, &train::Expression)]| {
        let rows = rows.iter().map(|(key, part)| ((*key).to_owned(), text(part)));
        rows.collect::<Table>()
    };
    Value::Table(match loss {
        LossConfig::Pairs(loss) => table_of(loss),
        LossConfig::Cells(loss) => table_of(loss),
        LossConfig::Sampled { positive, negative } => {
            parts(&[("positive", positive), ("negative", negative)])
        }
        LossConfig::Cell(cell) => parts(&[("cell", cell)]),
    })
}

/// Where expressions are tried out: any sensible text.
const TRIED: train::Constants = train::Constants { tokens: 1e7, pairs: 6e7 };

/// Reads the expressions of a loss, if it has any.
fn written(section: &mut Section<'_>, kind: LossKind) -> Result<Option<LossConfig>, ConfigError> {
    let keys: &[(&'static str, train::Term)] = match kind {
        LossKind::Cells => &[("cell", train::Term::Cell)],
        LossKind::Pairs => {
            &[("positive", train::Term::Positive), ("negative", train::Term::Negative)]
        }
    };
    let mut parts = Vec::new();
    for &(key, term) in keys {
        if let Some(text) = section.text(key)? {
            parts.push((key, expression(section, (key, term), &text)?));
        }
    }
    Ok(match (parts.pop(), parts.pop()) {
        (None, _) => None,
        (Some((_, cell)), None) if kind == LossKind::Cells => Some(LossConfig::Cell(cell)),
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
    let loss = train::CompiledLoss::new(&[(term, part.clone())], TRIED, kernels).map_err(wrong)?;
    train::check_finite(&loss, term).map_err(|at| section.error(key, at))?;
    train::check_slope(&loss, term).map_err(|error| {
        let what = format!("{error}; a loss must not jump, though it may have corners");
        section.error(key, what)
    })?;
    Ok(part)
}
