//! Layers: one table of settings, later layers written over earlier ones, each value with its origin.
//!
//! Keys are dotted: `cooccur.window`, `train.0.dim`. Nothing here knows which keys exist; that is
//! for the readers of the sections.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::error::ConfigError;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A line of a file, from 1.
    File(PathBuf, usize),
    /// An environment variable, and its text.
    Variable(String, String),
    /// `--set`, and the text after the key.
    Set(String, String),
    /// A flag of its own.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(out, "{}:{line}", path.display()),
            Self::Variable(name, _) => write!(out, "environment variable {name}"),
            Self::Set(key, text) => write!(out, "--set {key}={text}"),
            Self::Flag(flag) => out.write_str(flag),
        }
    }
}

impl Origin {
    /// What a shell handed over, before it was read as TOML.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Variable(_, text) | Self::Set(_, text) => Some(text),
            _ => None,
        }
    }
}

/// All settings that were written anywhere.
pub(super) struct Layers {
    path: PathBuf,
    pub(super) table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// The lowest layer: the text of a pipeline file.
    pub(super) fn of_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            let what = format!("not TOML: {}; correct this line", error.message());
            ConfigError::new(Origin::File(path.into(), line_at(text, at)), what)
        };
        let parsed = DeTable::parse(text).map_err(wrong)?;
        let mut layers = Self {
            path: path.into(),
            table: text.parse().map_err(wrong)?,
            origins: BTreeMap::new(),
        };
        layers.note_table("", parsed.get_ref(), text);
        if !layers.table.contains_key("train") {
            let one = Table::from_iter([("name".to_owned(), Value::from("sgns"))]);
            let train = Value::Array(vec![Value::Table(one)]);
            layers.table.insert("train".into(), train);
        }
        Ok(layers)
    }

    /// The next layer: `WORDMILL_COOCCUR_WINDOW=8`, `WORDMILL_TRAIN_0_DIM=300`.
    pub(super) fn variables(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let ours = |(name, text): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            let key = name.strip_prefix("WORDMILL_")?.to_ascii_lowercase();
            let reserved = ["data", "kernel"].contains(&key.as_str())
                || ["bench_", "test_"].iter().any(|begin| key.starts_with(begin));
            (!reserved).then_some((name, key, text))
        };
        let mut ours: Vec<_> = variables.into_iter().filter_map(ours).collect();
        // The order of the environment is an accident; that of names is not.
        ours.sort();
        for (name, key, text) in ours {
            let text = text
                .into_string()
                .map_err(|_| ConfigError::new(&name, "its value is not UTF-8"))?;
            let dots = if key.starts_with("train_") { 2 } else { 1 };
            let key = key.replacen('_', ".", dots);
            let value = value_of(&text);
            self.put(&key, value, Origin::Variable(name, text))?;
        }
        Ok(())
    }

    /// The next layer: `KEY=VALUE` of a `--set`. What is not a TOML value is taken as a string, so
    /// that the quotes may be left to the shell.
    pub(super) fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let Some((key, text)) = assignment.split_once('=') else {
            let what = "expected KEY=VALUE, such as --set cooccur.window=8";
            return Err(ConfigError::new(format!("--set {assignment}"), what));
        };
        let (key, text) = (key.trim(), text.trim());
        self.put(key, value_of(text), Origin::Set(key.into(), text.into()))
    }

    /// Writes one value.
    pub(super) fn put(
        &mut self,
        key: &str,
        value: Value,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().unwrap_or_default();
        if last.is_empty() || path.iter().any(|part| part.is_empty()) {
            return Err(ConfigError::new(origin, "expected a key such as cooccur.window"));
        }
        let mut table = &mut self.table;
        let mut parts = path.into_iter();
        while let Some(part) = parts.next() {
            let inner = table.entry(part).or_insert_with(|| Table::new().into());
            table = match inner {
                Value::Table(inner) => inner,
                Value::Array(rows) => row_of(rows, part, parts.next(), &origin)?,
                _ => return Err(ConfigError::new(origin, format!("{part} is not a section"))),
            };
        }
        table.insert(last.into(), value);
        self.origins.insert(key.into(), origin);
        Ok(())
    }

    /// Where a key was written, or else what is inside it, the section it would stand in, or the file.
    pub(super) fn place(&self, key: &str) -> String {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key).or_else(|| self.first_inside(key)) {
                return origin.to_string();
            }
            match key.rsplit_once('.') {
                Some((parent, _)) => key = parent,
                None => return self.path.display().to_string(),
            }
        }
    }

    /// A section that only `--set` or a variable made stands where its first key stands.
    fn first_inside(&self, section: &str) -> Option<&Origin> {
        let prefix = format!("{section}.");
        let mut inside = self.origins.range(prefix.clone()..);
        let first = inside.next().filter(|(key, _)| key.starts_with(&prefix));
        first.map(|(_, origin)| origin)
    }

    /// Where exactly this key was written.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.origins.get(key)
    }

    fn note_table(&mut self, prefix: &str, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            let dotted = format!("{prefix}{}", key.get_ref());
            let line = line_at(text, key.span().start);
            self.note(dotted, value, line, text);
        }
    }

    fn note(&mut self, key: String, value: &Spanned<DeValue<'_>>, line: usize, text: &str) {
        match value.get_ref() {
            DeValue::Table(inner) => self.note_table(&format!("{key}."), inner, text),
            DeValue::Array(rows) => {
                for (index, row) in rows.iter().enumerate() {
                    let line = line_at(text, row.span().start);
                    self.note(format!("{key}.{index}"), row, line, text);
                }
            }
            _ => {}
        }
        self.origins.insert(key, Origin::File(self.path.clone(), line));
    }
}

/// The table at an index of an array of tables.
fn row_of<'a>(
    rows: &'a mut [Value],
    name: &str,
    index: Option<&str>,
    origin: &Origin,
) -> Result<&'a mut Table, ConfigError> {
    let count = rows.len();
    let wrong = || {
        let last = count.saturating_sub(1);
        let what = match count {
            0 => format!("there is no [[{name}]] table to change"),
            _ => format!("there are {count} [[{name}]] tables: {name}.0 to {name}.{last}"),
        };
        ConfigError::new(origin, format!("{what}; add the table to the file first"))
    };
    let index: usize = index.and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    rows.get_mut(index).and_then(Value::as_table_mut).ok_or_else(wrong)
}

fn value_of(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::String(text.into()))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}
