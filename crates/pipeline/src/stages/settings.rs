//! Sections of the configuration as the ledger stores them: a file that a setting names is there by what it holds.

use crate::config::{Config, names_file};
use crate::past::Past;
use crate::stage::Settings;

use super::outputs;

/// The settings of a section, keys with the section's name in front; of a file it is what it holds that counts, or held
/// when it was read.
pub(super) fn section(config: &Config, name: &str, past: &Past) -> Settings {
    let mut settings = config.settings_of(name);
    for (key, path) in settings.iter_mut().filter(|(key, _)| names_file(name, key)) {
        *path = outputs::content(&config.locate(&*path))
            .or_else(|error| past.content(name, key, path).ok_or(format!("{path}: {error}")))
            .unwrap_or_else(|problem| problem);
    }
    if let Some(tokenizer) = settings.get_mut("tokenizer")
        && let Some(file) = tokenizer.strip_prefix("hf:")
    {
        let recorded = || past.content(name, "tokenizer", tokenizer);
        *tokenizer = match outputs::content(&config.locate(file)) {
            Ok(content) => format!("hf: {content}"),
            Err(error) => recorded().unwrap_or_else(|| format!("hf: {file}: {error}")),
        };
    }
    settings.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect()
}

/// The same without some keys.
pub(super) fn without(mut settings: Settings, keys: &[&str]) -> Settings {
    settings.retain(|key, _| !keys.contains(&key.as_str()));
    settings
}

/// Only some keys.
pub(super) fn only(mut settings: Settings, keys: &[&str]) -> Settings {
    settings.retain(|key, _| keys.contains(&key.as_str()));
    settings
}
