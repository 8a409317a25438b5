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
use super::template::TEMPLATE;

/// What begins the names of variables that are settings.
pub(super) const VARIABLE_PREFIX: &str = "WORDMILL__";

/// How a text begins that is meant as TOML and not as a text without quotes. `[ab]*.txt` is a pattern.
const QUOTED: [&str; 6] = ["{", "\"", "'", "[\"", "['", "[{"];

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
    /// Inside the text of a variable or a `--set`, this many bytes after its start.
    Inside(Box<Origin>, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(out, "{}:{line}", path.display()),
            Self::Variable(name, _) => write!(out, "environment variable {name}"),
            Self::Set(key, text) => write!(out, "--set {key}={text}"),
            Self::Flag(flag) => out.write_str(flag),
            Self::Inside(outer, _) => outer.fmt(out),
        }
    }
}

impl Origin {
    /// The argument, with a mark below a byte of its text; nothing for what a shell did not hand over.
    fn marked(&self, at: usize) -> String {
        let (Self::Variable(name, text) | Self::Set(name, text)) = self else {
            return String::new();
        };
        let before = name.chars().count() + 1 + text.get(..at).unwrap_or(text).chars().count();
        let text = text.replace(char::is_whitespace, " ");
        format!("\n    {name}={text}\n    {}^", " ".repeat(before))
    }

    /// What a shell handed over, before it was read as TOML.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Variable(_, text) | Self::Set(_, text) => Some(text),
            // Inside TOML texts have quotes.
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
        layers.add_trainer();
        Ok(layers)
    }

    /// The only layer: a table that a program has made.
    pub(super) fn of_table(place: &str, table: Table) -> Self {
        let mut layers = Self { path: place.into(), table, origins: BTreeMap::new() };
        layers.add_trainer();
        layers
    }

    /// Where no trainer is written there is one.
    fn add_trainer(&mut self) {
        if !self.table.contains_key("train") {
            let one = Table::from_iter([("name".to_owned(), Value::from("sgns"))]);
            let train = Value::Array(vec![Value::Table(one)]);
            self.table.insert("train".into(), train);
        }
    }

    /// The next layer: `WORDMILL__COOCCUR__WINDOW=8`, `WORDMILL__TRAIN__0__DIM=300`.
    pub(super) fn variables(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let ours = |(name, text): (OsString, OsString)| Some((name.into_string().ok()?, text));
        let mut ours: Vec<_> = variables.into_iter().filter_map(ours).collect();
        // The order of the environment is an accident; that of names is not.
        ours.sort();
        for (name, text) in ours {
            if let Some(new) = new_spelling(&name) {
                let what = format!("settings have two underscores between their parts now: {new}");
                return Err(ConfigError::new(format!("environment variable {name}"), what));
            }
            let Some(key) = name.strip_prefix(VARIABLE_PREFIX) else { continue };
            let key = key.to_ascii_lowercase().replace("__", ".");
            let text = text
                .into_string()
                .map_err(|_| ConfigError::new(&name, "its value is not UTF-8"))?;
            self.put_text(&key, Origin::Variable(name, text.clone()), &text)?;
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
        self.put_text(key, Origin::Set(key.into(), text.into()), text)
    }

    /// Writes what a shell handed over, and notes where the keys inside it stand.
    fn put_text(&mut self, key: &str, origin: Origin, text: &str) -> Result<(), ConfigError> {
        let parsed = DeValue::parse(text);
        if let Err(error) = &parsed
            && QUOTED.iter().any(|begin| text.starts_with(begin))
        {
            let at = error.span().map_or(text.len(), |span| span.start);
            let what = format!("not a TOML value: {}{}", error.message(), origin.marked(at));
            return Err(ConfigError::new(origin, what));
        }
        let key = self.put(key, value_of(text), origin.clone())?;
        if let Ok(value) = parsed {
            let at = |at: usize| Origin::Inside(Box::new(origin.clone()), at);
            self.note_inside(&key, value.get_ref(), &at);
        }
        Ok(())
    }

    /// Writes one value; returns the key with the numbers of tables that were named.
    pub(super) fn put(
        &mut self,
        key: &str,
        value: Value,
        origin: Origin,
    ) -> Result<String, ConfigError> {
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().unwrap_or_default();
        if last.is_empty() || path.iter().any(|part| part.is_empty()) {
            return Err(ConfigError::new(origin, "expected a key such as cooccur.window"));
        }
        let mut table = &mut self.table;
        let mut parts = path.into_iter();
        // The same with the numbers of tables that were named.
        let mut numbered = String::new();
        while let Some(part) = parts.next() {
            numbered += &format!("{part}.");
            let inner = table.entry(part).or_insert_with(|| Table::new().into());
            table = match inner {
                Value::Table(inner) => inner,
                Value::Array(rows) => {
                    let (number, row) = row_of(rows, part, parts.next(), &origin)?;
                    numbered += &format!("{number}.");
                    row
                }
                _ => return Err(ConfigError::new(origin, format!("{part} is not a section"))),
            };
        }
        table.insert(last.into(), value);
        let key = numbered + last;
        // What stood inside the value before is gone.
        let inside = format!("{key}.");
        self.origins.retain(|other, _| !other.starts_with(&inside));
        self.origins.insert(key.clone(), origin);
        Ok(key)
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

    /// The argument that a key inside its value was written in, with a mark below the key; otherwise nothing.
    pub(super) fn mark(&self, key: &str) -> String {
        match self.origins.get(key) {
            Some(Origin::Inside(outer, at)) => outer.marked(*at),
            _ => String::new(),
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

    fn note_inside(&mut self, key: &str, value: &DeValue<'_>, at: &impl Fn(usize) -> Origin) {
        let inside: Vec<(String, usize, &DeValue<'_>)> = match value {
            DeValue::Table(table) => {
                let each = table.iter();
                each.map(|(name, value)| {
                    (name.get_ref().to_string(), name.span().start, value.get_ref())
                })
                .collect()
            }
            DeValue::Array(rows) => {
                let each = rows.iter().enumerate();
                each.map(|(index, row)| (index.to_string(), row.span().start, row.get_ref()))
                    .collect()
            }
            _ => Vec::new(),
        };
        for (name, start, value) in inside {
            let key = format!("{key}.{name}");
            self.note_inside(&key, value, at);
            self.origins.insert(key, at(start));
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

/// The table of an array of tables that a number or its name stands for, and its number.
fn row_of<'a>(
    rows: &'a mut [Value],
    name: &str,
    index: Option<&str>,
    origin: &Origin,
) -> Result<(usize, &'a mut Table), ConfigError> {
    let count = rows.len();
    let wrong = || {
        let last = count.saturating_sub(1);
        let what = match count {
            0 => format!("there is no [[{name}]] table to change"),
            _ => format!(
                "there are {count} [[{name}]] tables: {name}.0 to {name}.{last}, or by their names"
            ),
        };
        ConfigError::new(origin, format!("{what}; add the table to the file first"))
    };
    let named = |row: &Value| {
        let name = row.get("name").and_then(Value::as_str);
        name.zip(index).is_some_and(|(name, index)| name.eq_ignore_ascii_case(index))
    };
    let index = match index.and_then(|text| text.parse().ok()) {
        Some(number) => number,
        // Names in the environment are in lower case here.
        None => rows.iter().position(named).ok_or_else(wrong)?,
    };
    let row = rows.get_mut(index).and_then(Value::as_table_mut);
    Ok((index, row.ok_or_else(wrong)?))
}

/// How a variable is spelled today, if it has the name of a setting as it was spelled once, with single underscores.
fn new_spelling(name: &str) -> Option<String> {
    let key = name.strip_prefix("WORDMILL_").filter(|key| !key.starts_with('_'))?;
    let (section, rest) = key.split_once('_')?;
    let (section, rest) = match section {
        "TRAIN" => {
            let (number, rest) = rest.split_once('_')?;
            number.parse::<u32>().ok()?;
            (format!("TRAIN__{number}"), rest)
        }
        section => (section.to_owned(), rest),
    };
    let is_key = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.windows(2).any(|pair| pair[1] == "=" && pair[0].eq_ignore_ascii_case(rest))
    };
    let header = section.split("__").next().unwrap_or_default().to_ascii_lowercase();
    let is_section = TEMPLATE
        .lines()
        .any(|line| line.trim_matches(['[', ']']) == header && line.starts_with('['));
    let is_ours = is_section && TEMPLATE.lines().any(is_key);
    is_ours.then(|| format!("{VARIABLE_PREFIX}{section}__{rest}"))
}

/// A value as a shell hands it over: what is not TOML is a text, so that quotes may be left out.
pub(super) fn value_of(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::String(text.into()))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}
