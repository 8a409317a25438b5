//! A configuration that a program writes key by key.

use toml::Table;
pub use toml::Value;

/// Settings by their dotted keys, such as `cooccur.window`, and tables of trainers.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    place: String,
    table: Table,
}

impl Draft {
    /// An empty draft; `place` is what messages call it.
    #[must_use]
    pub fn new(place: &str) -> Self {
        Self { place: place.to_owned(), table: Table::new() }
    }

    /// Writes a setting.
    ///
    /// # Panics
    /// If a part of the key but the last is a setting and no section.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        let (sections, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.table;
        for section in sections.split('.').filter(|section| !section.is_empty()) {
            let inner = table.entry(section).or_insert_with(|| Table::new().into());
            table = inner.as_table_mut().expect("sections are tables");
        }
        table.insert(last.to_owned(), value.into());
    }

    /// Adds a trainer; its settings are those of another draft.
    ///
    /// # Panics
    /// If `train` was set to something else than tables.
    pub fn add_trainer(&mut self, trainer: &Self) {
        let rows = self.table.entry("train").or_insert_with(|| Value::Array(Vec::new()));
        let rows = rows.as_array_mut().expect("trainers are tables");
        rows.push(Value::Table(trainer.table.clone()));
    }

    /// What messages call it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The settings.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}
