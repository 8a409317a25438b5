//! A section being read: each key is asked for once with its range; what is left over is an error.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::{Table, Value};

use super::choice::{Choice, did_you_mean};
use super::error::ConfigError;
use super::layers::Layers;
use super::size::{parse_duration, parse_size};

/// One table of the pipeline.
pub(super) struct Section<'a> {
    layers: &'a Layers,
    path: String,
    table: Table,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The section at a dotted path; one that was not written is empty.
    pub(super) fn new(layers: &'a Layers, path: &str) -> Result<Self, ConfigError> {
        match layers.table.get(path) {
            None => Ok(Self::of(layers, path, Table::new())),
            Some(Value::Table(table)) => Ok(Self::of(layers, path, table.clone())),
            Some(other) => {
                let found = describe(other);
                let what = format!("{path}: expected a section [{path}], found {found}");
                Err(ConfigError::new(layers.place(path), what))
            }
        }
    }

    /// A table that stands at a path.
    pub(super) fn of(layers: &'a Layers, path: &str, table: Table) -> Self {
        Self { layers, path: path.into(), table, asked: Vec::new() }
    }

    /// An error about a key of this section.
    pub(super) fn error(&self, key: &str, what: impl std::fmt::Display) -> ConfigError {
        let dotted = format!("{}.{key}", self.path);
        ConfigError::new(self.layers.place(&dotted), format!("{dotted}: {what}"))
    }

    /// Whether a key is written and not asked for yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A whole number.
    pub(super) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.take(key) else {
            return Ok(default);
        };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let found = describe(&value);
            let what = format!("expected a whole number from {least} to {most}, found {found}");
            self.error(key, what)
        })
    }

    /// A number that `allowed` accepts; `what` says which those are.
    pub(super) fn real(
        &mut self,
        key: &'static str,
        what: &str,
        allowed: impl Fn(f64) -> bool,
        default: f64,
    ) -> Result<f64, ConfigError> {
        let Some(value) = self.take(key) else {
            return Ok(default);
        };
        number(&value)
            .filter(|&number| allowed(number))
            .ok_or_else(|| self.error(key, format!("expected {what}, found {}", describe(&value))))
    }

    /// A list of numbers, at least one; a single number stands for a list of one.
    pub(super) fn reals(&mut self, key: &'static str) -> Result<Option<Vec<f64>>, ConfigError> {
        let rows = match self.take(key) {
            None => return Ok(None),
            Some(Value::Array(rows)) if !rows.is_empty() => rows,
            Some(other) => vec![other],
        };
        let number = |row: Value| {
            number(&row).ok_or_else(|| {
                let found = describe(&row);
                self.error(key, format!("expected a number or a list of numbers, found {found}"))
            })
        };
        rows.into_iter().map(number).collect::<Result<_, _>>().map(Some)
    }

    /// A size in bytes, written as a number or as text.
    pub(super) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.take(key) else {
            return Ok(default);
        };
        let parsed = match &value {
            Value::Integer(bytes) => parse_size(&bytes.to_string()),
            Value::String(text) => parse_size(text),
            other => Err(format!("expected a size such as \"1GiB\", found {}", describe(other))),
        };
        let bytes = parsed.map_err(|what| self.error(key, what))?;
        if range.contains(&bytes) {
            return Ok(bytes);
        }
        let text = wordmill_flow::format_bytes;
        let (least, most) = (text(*range.start()), text(*range.end()));
        let what = format!("expected a size from {least} to {most}, found {}", text(bytes));
        Err(self.error(key, what))
    }

    /// A time such as `30s`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        match self.text(key)? {
            None => Ok(default),
            Some(text) => parse_duration(&text).map_err(|what| self.error(key, what)),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Boolean(value)) => Ok(value),
            Some(other) => {
                let what = format!("expected true or false, found {}", describe(&other));
                Err(self.error(key, what))
            }
        }
    }

    /// A text, if it was written.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        match (value, self.shell_text(key)) {
            (Value::String(text), _) => Ok(Some(text)),
            // A name such as 2024 looks like a number to TOML and not to the shell.
            (_, Some(text)) => Ok(Some(text)),
            (other, None) => {
                let what = format!("expected a text in quotes, found {}", describe(&other));
                Err(self.error(key, what))
            }
        }
    }

    /// A file, if one is named; an empty text names none.
    pub(super) fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text(key)?.filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    /// One of a list of names.
    pub(super) fn choice<T: Choice>(
        &mut self,
        key: &'static str,
        default: T,
    ) -> Result<T, ConfigError> {
        match self.text(key)? {
            None => Ok(default),
            Some(name) => T::parse(&name).map_err(|what| self.error(key, what)),
        }
    }

    /// A table under a key, `{ name = "x" }`; a text stands for a table with nothing but that `name`.
    pub(super) fn inner(
        &mut self,
        key: &'static str,
        name: &str,
    ) -> Result<Option<Self>, ConfigError> {
        let table = match self.take(key) {
            None => return Ok(None),
            Some(Value::Table(table)) => table,
            Some(text @ Value::String(_)) => Table::from_iter([(name.to_owned(), text)]),
            Some(other) => {
                let found = describe(&other);
                let what = format!("expected a name in quotes or a table in braces, found {found}");
                return Err(self.error(key, what));
            }
        };
        Ok(Some(Self::of(self.layers, &format!("{}.{key}", self.path), table)))
    }

    /// A list of texts; a single text stands for a list of one.
    pub(super) fn list(&mut self, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        let rows = match self.take(key) {
            None => return Ok(None),
            Some(Value::Array(rows)) => rows,
            Some(other) => vec![other],
        };
        let text = |row: Value| match row {
            Value::String(text) if !text.is_empty() => Ok(text),
            other => {
                let found = describe(&other);
                let what = format!("expected a list such as [\"a.txt\", \"b.txt\"], found {found}");
                Err(self.error(key, what))
            }
        };
        rows.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Fails if there is a key that nobody asked for. `explain` knows some of them better.
    pub(super) fn finish(
        self,
        explain: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let Some(key) = self.table.keys().next() else {
            return Ok(());
        };
        if let Some(what) = explain(key) {
            return Err(self.error(key, what));
        }
        let guess = did_you_mean(key, self.asked.iter().copied());
        let known = self.asked.join(", ");
        Err(self.error(key, format!("unknown key{guess}; known are {known}")))
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.table.remove(key)
    }

    fn shell_text(&self, key: &str) -> Option<String> {
        let origin = self.layers.origin(&format!("{}.{key}", self.path))?;
        origin.text().map(str::to_owned)
    }
}

/// A finite number, written with or without a point.
fn number(value: &Value) -> Option<f64> {
    let whole = value.as_integer().map(|number| number as f64);
    value.as_float().or(whole).filter(|number| number.is_finite())
}

fn describe(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Table(_) => "a section".into(),
        other => other.to_string(),
    }
}
