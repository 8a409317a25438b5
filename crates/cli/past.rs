//! The last run of a directory, as far as its ledger tells: for files that are needed no longer and may be gone.
//!
//! A text is needed until it is tokenised, a list or a model until its stage is done. Where such a file cannot be read any
//! more and the settings still name the same path, what the ledger recorded of it counts.

use wordmill_formats::{Manifest, StageRow, StageState};

use crate::config::{Config, Sources};
use crate::ledger::Settings;

/// What begins the settings of `tokenize` that say which text was read.
pub const INPUTS: &str = "corpus.inputs ";

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
        self.rows.iter().find(|row| row.name == stage && is_settled(row))
    }

    /// What the ledger recorded of the file that a key of a section names, if it named the same path then.
    pub fn content(&self, section: &str, key: &str, path: &str) -> Option<String> {
        let named = self.config.as_ref()?.settings_of(section).remove(key)?;
        let key = format!("{section}.{key}");
        let done = self.rows.iter().filter(|row| is_settled(row));
        let recorded = || done.filter_map(|row| row.settings.get(&key)).next().cloned();
        recorded().filter(|_| named == path)
    }

    /// What the ledger recorded of the texts, if `tokenize` is done with these inputs.
    pub fn texts(&self, inputs: &[String]) -> Option<Settings> {
        let row = self.done("tokenize")?;
        let recorded: Settings = row
            .settings
            .iter()
            .filter(|(key, _)| key.starts_with(INPUTS))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let is_recorded = |input: &String| {
            [input.clone(), format!("./{input}")]
                .iter()
                .any(|name| recorded.contains_key(&format!("{INPUTS}{name}")))
        };
        let are_same = match &self.config {
            Some(config) => config.corpus.inputs == inputs,
            // Earlier versions recorded the files alone.
            None => inputs.iter().all(is_recorded),
        };
        are_same.then_some(recorded)
    }
}

/// Whether a stage is done and is not to be rebuilt with settings that came later.
fn is_settled(row: &StageRow) -> bool {
    row.state == StageState::Done && !row.to_rebuild
}

/// The whole configuration of the last run, if the ledger has it and this version knows all of its keys.
pub fn resolved(manifest: &Manifest) -> Option<Config> {
    let text = manifest.pipeline.resolved.as_deref()?;
    Config::resolve(std::path::Path::new("run.json"), text, &Sources::default()).ok()
}
