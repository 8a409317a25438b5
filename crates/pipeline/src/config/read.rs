//! From layers to a [`Config`]: every section, key by key, with its range.

use super::corpus::corpus;
use super::error::ConfigError;
use super::guess::did_you_mean;
use super::layers::Layers;
use super::peers::key_hint;
use super::phrases::phrases;
use super::preset;
use super::section::Section;
use super::sections::NAMES;
use super::train::trainers;
use super::types::{Config, EvalConfig, RunConfig};

/// Reads everything, and fails on the first key that is wrong or unknown.
pub(super) fn read(layers: &Layers) -> Result<Config, ConfigError> {
    for section in layers.table.keys() {
        if !NAMES.contains(&section.as_str()) {
            let is_key = !layers.table[section].is_table();
            let what = match key_hint(section, None).filter(|_| is_key) {
                Some(hint) => format!("{section}: this is no section; {hint}"),
                None => {
                    let (guess, known) = (did_you_mean(section, NAMES), NAMES.join(", "));
                    format!("{section}: unknown section{guess}; known are {known}")
                }
            };
            return Err(ConfigError::new(layers.place(section), what));
        }
    }
    let run = plain(layers, "run", &RunConfig::default())?;
    if run.dir.as_os_str().is_empty() {
        let section = Section::new(layers, "run")?;
        return Err(section.error("dir", "expected a folder, found an empty text"));
    }
    let corpus = corpus(layers)?;
    let phrases = phrases(layers)?;
    let vocabulary = plain(layers, "vocabulary", &Default::default())?;
    let cooccur = plain(layers, "cooccur", &preset::counts(layers))?;
    let tiles = plain(layers, "tiles", &Default::default())?;
    let train = trainers(layers, &cooccur)?;
    let eval = plain(layers, "eval", &EvalConfig::default())?;
    let base = Default::default();
    Ok(Config { run, corpus, phrases, vocabulary, cooccur, tiles, train, eval, base })
}

/// A section whose keys do not depend on one another.
fn plain<T>(layers: &Layers, name: &str, base: &T) -> Result<T, ConfigError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema + 'static,
{
    let mut section = Section::new(layers, name)?;
    let config = section.take(base)?;
    section.finish(|_| None)?;
    Ok(config)
}
