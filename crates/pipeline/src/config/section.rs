//! A section being read: each key is asked for once with its range; what is left over is an error.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wordmill_flow::{format_seconds, format_size, parse_duration, parse_size};

use super::error::ConfigError;
use super::guess::did_you_mean;
use super::keys::{Key, Kind, Name, keys_of, names_of, variants_of};
use super::layers::Layers;
use super::peers::key_hint;

/// One table of the pipeline.
pub(super) struct Section<'a> {
    layers: &'a Layers,
    path: String,
    table: Table,
    asked: Vec<&'static str>,
    /// Keys of variants that were not chosen: the tag, the variant, the key.
    elsewhere: Vec<(&'static str, &'static str, &'static str)>,
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
        Self { layers, path: path.into(), table, asked: Vec::new(), elsewhere: Vec::new() }
    }

    /// An error about a key of this section.
    pub(super) fn error(&self, key: &str, what: impl std::fmt::Display) -> ConfigError {
        let dotted = format!("{}.{key}", self.path);
        let what = what.to_string();
        let mark = if what.contains('\n') { String::new() } else { self.layers.mark(&dotted) };
        ConfigError::new(self.layers.place(&dotted), format!("{dotted}: {what}{mark}"))
    }

    /// Whether a key is written and not asked for yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key that is written and not asked for yet.
    pub(super) fn peek(&self, key: &str) -> Option<&Value> {
        self.table.get(key)
    }

    /// Puts the name of a choice in the place of another name for it.
    pub(super) fn rename(&mut self, key: &str, other: &str, name: &str) {
        let value = self.table.get_mut(key).filter(|value| value.as_str() == Some(other));
        if let Some(value) = value {
            *value = Value::String(name.to_owned());
        }
    }

    /// Takes the keys of a struct; those that are not written are as in `base`.
    pub(super) fn take<T>(&mut self, base: &T) -> Result<T, ConfigError>
    where
        T: Serialize + DeserializeOwned + JsonSchema + 'static,
    {
        self.over(&keys_of::<T>(), table_of(base))
    }

    /// Takes a tag and the keys of the variant that it names; without a tag, and for keys of the same variant, `base` holds.
    pub(super) fn tagged<T>(&mut self, tag: &'static str, base: &T) -> Result<T, ConfigError>
    where
        T: Serialize + DeserializeOwned + JsonSchema + 'static,
    {
        let variants = variants_of::<T>(tag);
        let mut table = table_of(base);
        let usual = table.get(tag).and_then(Value::as_str).unwrap_or_default().to_owned();
        let chosen = match self.text(tag)? {
            None => usual.clone(),
            Some(name) => {
                let names: Vec<Name> = variants.iter().map(|it| it.name.clone()).collect();
                choose(&name, &names).map_err(|what| self.error(tag, what))?.to_owned()
            }
        };
        if chosen != usual {
            table = Table::from_iter([(tag.to_owned(), Value::String(chosen.clone()))]);
        }
        let variant = variants.iter().find(|variant| variant.name.name == chosen);
        let variant = variant.expect("the name was chosen among them");
        for other in variants.iter().filter(|other| other.name.name != chosen) {
            let key = |key: &Key| (tag, other.name.name, key.name);
            self.elsewhere.extend(other.keys.iter().map(key));
        }
        self.over(&variant.keys, table)
    }

    /// Takes one of the names of a type.
    pub(super) fn choice<T>(&mut self, key: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let Some(name) = self.text(key)? else { return Ok(default) };
        let names = names_of::<T>();
        let name = choose(&name, &names).map_err(|what| self.error(key, what))?;
        Ok(T::deserialize(Value::String(name.to_owned())).expect("a name of the type"))
    }

    /// Puts the values that are written over those of a table, and reads the result.
    fn over<T: DeserializeOwned>(
        &mut self,
        keys: &[Key],
        mut table: Table,
    ) -> Result<T, ConfigError> {
        let mut written = Vec::new();
        for key in keys {
            if let Some(value) = self.value(key)? {
                table.insert(key.name.to_owned(), value);
                written.push(key.name);
            }
        }
        T::deserialize(Value::Table(table.clone())).map_err(|error| {
            // The key that is wrong is the one without which the rest can be read.
            let is_wrong = |key: &&&str| {
                let mut rest = table.clone();
                rest.remove(**key);
                T::deserialize(Value::Table(rest)).is_ok()
            };
            let key =
                written.iter().find(is_wrong).or(written.first()).copied().unwrap_or_default();
            self.error(key, error.message().trim_end())
        })
    }

    /// The value of a key in the form that its type reads, if it is written.
    fn value(&mut self, key: &Key) -> Result<Option<Value>, ConfigError> {
        let name = key.name;
        Ok(match &key.kind {
            Kind::Whole { least, most } => {
                let number = self.whole(name, *least..=*most)?;
                number.map(|number| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
            }
            Kind::Real(reals) => {
                self.real(name, &reals.expected, |number| reals.has(number))?.map(Value::Float)
            }
            Kind::Reals => self.reals(name)?.map(Value::from),
            Kind::Flag => self.flag(name)?.map(Value::Boolean),
            Kind::Text => self.text(name)?.map(Value::String),
            Kind::Path => {
                let path = self.text(name)?;
                path.filter(|path| !path.is_empty()).map(Value::String)
            }
            Kind::Texts => self.list(name)?.map(Value::from),
            Kind::Size { least, most } => {
                self.size(name, *least..=*most)?.map(|bytes| Value::String(format_size(bytes)))
            }
            Kind::Seconds => match self.text(name)? {
                None => None,
                Some(text) => {
                    let time = parse_duration(&text).map_err(|what| self.error(name, what))?;
                    Some(Value::String(format_seconds(time)))
                }
            },
            Kind::Choice(names) => match self.text(name)? {
                None => None,
                Some(text) => {
                    let name = choose(&text, names).map_err(|what| self.error(name, what))?;
                    Some(Value::String(name.to_owned()))
                }
            },
            Kind::Other => self.take_value(name),
        })
    }

    /// A whole number.
    fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.take_value(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let found = describe(&value);
            let what = format!("expected a whole number from {least} to {most}, found {found}");
            self.error(key, what)
        })
    }

    /// A number that `allowed` accepts; `what` says which those are.
    fn real(
        &mut self,
        key: &'static str,
        what: &str,
        allowed: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, ConfigError> {
        let Some(value) = self.take_value(key) else { return Ok(None) };
        let number = number(&value).filter(|&number| allowed(number));
        let error = || self.error(key, format!("expected {what}, found {}", describe(&value)));
        number.map(Some).ok_or_else(error)
    }

    /// A list of numbers, at least one; a single number stands for a list of one.
    fn reals(&mut self, key: &'static str) -> Result<Option<Vec<f64>>, ConfigError> {
        let rows = match self.take_value(key) {
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
    fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.take_value(key) else { return Ok(None) };
        let parsed = match &value {
            Value::Integer(bytes) => parse_size(&bytes.to_string()),
            Value::String(text) => parse_size(text),
            other => Err(format!("expected a size such as \"1GiB\", found {}", describe(other))),
        };
        let bytes = parsed.map_err(|what| self.error(key, what))?;
        if range.contains(&bytes) {
            return Ok(Some(bytes));
        }
        let text = wordmill_flow::format_bytes;
        let (least, most) = (text(*range.start()), text(*range.end()));
        let what = format!("expected a size from {least} to {most}, found {}", text(bytes));
        Err(self.error(key, what))
    }

    /// `true` or `false`.
    fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.take_value(key) {
            None => Ok(None),
            Some(Value::Boolean(value)) => Ok(Some(value)),
            Some(other) => {
                let what = format!("expected true or false, found {}", describe(&other));
                Err(self.error(key, what))
            }
        }
    }

    /// A text, if it was written.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.take_value(key) else {
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

    /// A table under a key, `{ name = "x" }`; a text stands for a table with nothing but that `name`.
    pub(super) fn inner(
        &mut self,
        key: &'static str,
        name: &str,
    ) -> Result<Option<Self>, ConfigError> {
        let table = match self.take_value(key) {
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
        let rows = match self.take_value(key) {
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
        let users: Vec<_> = self.elsewhere.iter().filter(|(.., known)| *known == key).collect();
        if let [(tag, first, _), more @ ..] = &users[..] {
            let more = more.iter().map(|(_, name, _)| format!(" or {name:?}"));
            let users = format!("{first:?}{}", more.collect::<String>());
            return Err(self.error(key, format!("only used by {tag} = {users}; remove it")));
        }
        let guess = did_you_mean(key, self.asked.iter().copied());
        let trainer = self.path.starts_with("train.").then_some(&self.path[..]);
        // Tables inside a setting, such as those of losses, have names of their own.
        let is_inner = self.path.matches('.').count() > usize::from(trainer.is_some());
        if let Some(hint) = key_hint(key, trainer).filter(|_| !is_inner) {
            return Err(self.error(key, format!("unknown key; {hint}")));
        }
        let known = self.asked.join(", ");
        Err(self.error(key, format!("unknown key{guess}; known are {known}")))
    }

    fn take_value(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.table.remove(key)
    }

    fn shell_text(&self, key: &str) -> Option<String> {
        let origin = self.layers.origin(&format!("{}.{key}", self.path))?;
        origin.text().map(str::to_owned)
    }
}

/// A struct as a table.
pub(super) fn table_of(value: &impl Serialize) -> Table {
    Table::try_from(value).expect("settings are plain data")
}

/// The name of a choice.
pub(super) fn name_of(choice: &impl Serialize) -> String {
    match Value::try_from(choice) {
        Ok(Value::String(name)) => name,
        other => unreachable!("a choice is a name, not {other:?}"),
    }
}

/// The name of a choice that a text is, or what is wrong with it.
fn choose<'a>(text: &str, names: &'a [Name]) -> Result<&'a str, String> {
    let known = || names.iter().map(|name| name.name);
    if let Some(name) = known().find(|known| *known == text) {
        return Ok(name);
    }
    let list: Vec<_> = known().map(|known| format!("{known:?}")).collect();
    let allowed = list.join(" or ");
    Err(format!("unknown value {text:?}{}; choose {allowed}", did_you_mean(text, known())))
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
