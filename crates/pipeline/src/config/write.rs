//! A [`Config`] as text: the resolved pipeline.toml, and the settings of one section as strings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value;

use super::rows::Rows;
use super::sections::{SECTIONS, header};
use super::train;
use super::types::Config;

impl Config {
    /// The resolved pipeline, every key written out; reading it gives the same configuration.
    pub fn to_toml(&self) -> String {
        // Without any table the next reader would fall back on its default trainer.
        let mut text = match self.train.is_empty() {
            true => "train = []\n".to_owned(),
            false => String::new(),
        };
        for (name, rows) in self.tables() {
            let header = header(name);
            let between = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{between}{header}").expect("writing to a string");
            for (key, value) in rows {
                writeln!(text, "{key} = {value}").expect("writing to a string");
            }
        }
        text
    }

    /// The settings of a section, or of a trainer by its name, `train.NAME`, as strings; empty if there is no such section.
    pub fn settings_of(&self, section: &str) -> BTreeMap<String, String> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let rows = self.rows_of_section(section).into_iter();
        rows.map(|(key, value)| (key.to_owned(), text(value))).collect()
    }

    /// The same as they are written.
    pub(super) fn rows_of_section(&self, section: &str) -> Rows {
        let rows = match section.strip_prefix("train.") {
            Some(name) => {
                let trainer = self.train.iter().find(|trainer| trainer.name == name);
                trainer.map(train::rows)
            }
            None => {
                let section = SECTIONS.iter().find(|it| it.name == section);
                section.map(|section| (section.rows)(self))
            }
        };
        rows.unwrap_or_default()
    }

    /// Sections with their keys; each trainer is one of its own.
    fn tables(&self) -> Vec<(&'static str, Rows)> {
        let mut tables = Vec::new();
        for section in SECTIONS {
            match section.name {
                "train" => tables.extend(self.train.iter().map(|it| ("train", train::rows(it)))),
                name => tables.push((name, (section.rows)(self))),
            }
        }
        tables.retain(|(_, rows)| !rows.is_empty());
        tables
    }
}
