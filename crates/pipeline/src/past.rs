//! The last run of a directory, as far as its ledger tells: for files that are needed no longer and may be gone.
//!
//! A text is needed until it is tokenised, a list or a model until its stage is done. Where such a file cannot be read any
//! more and the settings still name the same path, what the ledger recorded of it counts.

use wordmill_formats::{Manifest, StageRow};

use crate::config::{Config, Sources};
use crate::kind::Settings;

/// The setting that names the texts; with a space and a name behind it, what is known of one.
const INPUTS: &str = "corpus.inputs";

/// The key under which the ledger records a text.
pub fn text_key(name: &str) -> String {
    format!("{INPUTS} {name}")
}

/// Whether a setting of `tokenize` says which text was read, rather than how.
pub fn names_text(key: &str) -> bool {
    key.strip_prefix(INPUTS).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The last run; nothing where there was none.
#[derive(Clone, Debug, Default)]
pub struct Past {
    rows: Vec<StageRow>,
    config: Option<Config>,
}

impl Past {
    /// What a ledger has.
    pub fn of(manifest: &Manifest) -> Self {
        Self { rows: manifest.stages.clone(), config: resolved(manifest) }
    }

    /// The row of a stage that is done.
    pub fn done(&self, stage: &str) -> Option<&StageRow> {
        self.rows.iter().find(|row| row.name == stage && row.is_settled())
    }

    /// What the ledger recorded of the file that a key of a section names, if it named the same path then.
    pub fn content(&self, section: &str, key: &str, path: &str) -> Option<String> {
        let named = self.config.as_ref()?.settings_of(section).remove(key)?;
        let key = format!("{section}.{key}");
        let done = self.rows.iter().filter(|row| row.is_settled());
        let recorded = || done.filter_map(|row| row.settings.get(&key)).next().cloned();
        recorded().filter(|_| named == path)
    }

    /// What the ledger recorded of the texts, if `tokenize` is done with the inputs of this configuration.
    pub fn texts(&self, config: &Config) -> Option<Settings> {
        let row = self.done("tokenize")?;
        let wanted = config.settings_of("corpus").remove("inputs");
        if row.settings.get(INPUTS) != wanted.as_ref() {
            return None;
        }
        let texts = row.settings.iter().filter(|(key, _)| names_text(key) && *key != INPUTS);
        Some(texts.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// The whole configuration of the last run, if the ledger has it and this version knows all of its keys.
pub fn resolved(manifest: &Manifest) -> Option<Config> {
    let text = manifest.pipeline.resolved.as_deref()?;
    Config::resolve(std::path::Path::new("run.json"), text, &Sources::default()).ok()
}
