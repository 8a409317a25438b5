//! A [`Config`] as text: the resolved pipeline.toml, and the settings of one section as strings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value;

use super::rows::{Rows, rows_of};
use super::types::Config;
use super::{corpus, phrases, train};

impl Config {
    /// The resolved pipeline, every key written out; reading it gives the same configuration.
    pub fn to_toml(&self) -> String {
        // Without any table the next reader would fall back on its default trainer.
        let mut text = match self.train.is_empty() {
            true => "train = []\n".to_owned(),
            false => String::new(),
        };
        for (header, rows) in self.tables() {
            let between = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{between}{header}").expect("writing to a string");
            for (key, value) in rows {
                writeln!(text, "{key} = {value}").expect("writing to a string");
            }
        }
        text
    }

    /// The settings of `run`, `corpus`, `phrases`, `vocabulary`, `cooccur`, `tiles`, `eval`, or of a trainer by
    /// its name, `train.NAME`, as strings; empty if there is no such section.
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
                let header = format!("[{section}]");
                let mut tables = self.tables().into_iter();
                tables.find(|(found, _)| *found == header).map(|(_, rows)| rows)
            }
        };
        rows.unwrap_or_default()
    }

    fn tables(&self) -> Vec<(&'static str, Rows)> {
        let mut tables = vec![
            ("[run]", rows_of(&self.run)),
            ("[corpus]", corpus::rows(&self.corpus)),
            ("[phrases]", self.phrases.as_ref().map_or(Vec::new(), phrases::rows)),
            ("[vocabulary]", rows_of(&self.vocabulary)),
            ("[cooccur]", rows_of(&self.cooccur)),
            ("[tiles]", rows_of(&self.tiles)),
        ];
        tables.retain(|(_, rows)| !rows.is_empty());
        tables.extend(self.train.iter().map(|trainer| ("[[train]]", train::rows(trainer))));
        tables.push(("[eval]", rows_of(&self.eval)));
        tables
    }
}
