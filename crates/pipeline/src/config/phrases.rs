//! `[phrases]`: which words become one.

use wordmill_vocab::phrases::{PhrasesConfig, Score, Thresholds};

use super::error::ConfigError;
use super::layers::Layers;
use super::rows::{Rows, rows_of};
use super::section::Section;

/// Reads the section; `None` if words stay as they are.
pub(super) fn phrases(layers: &Layers) -> Result<Option<PhrasesConfig>, ConfigError> {
    let mut section = Section::new(layers, "phrases")?;
    let has_threshold = section.has("threshold");
    let mut config = section.take(&PhrasesConfig::default())?;
    if !has_threshold {
        config.threshold = Thresholds(vec![config.score.threshold()]);
    }
    check_thresholds(&section, &config)?;
    if config.delimiter.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let what = format!(
            "expected a text without white space, such as \"_\", found {:?}",
            config.delimiter
        );
        return Err(section.error("delimiter", what));
    }
    if config.list.is_some() && config.passes > 0 {
        let what = "phrases.list says which phrases there are; set passes to 0, or remove the list to learn them";
        return Err(section.error("passes", what));
    }
    section.finish(|_| None)?;
    if let Some(list) = config.list {
        // How phrases are learned has no use then.
        let delimiter = config.delimiter;
        let nothing = Thresholds(Vec::new());
        config = PhrasesConfig {
            list: Some(list),
            delimiter,
            passes: 0,
            threshold: nothing,
            min_count: 1,
            ..PhrasesConfig::default()
        };
    }
    Ok(config.are_wanted().then_some(config))
}

fn check_thresholds(section: &Section<'_>, config: &PhrasesConfig) -> Result<(), ConfigError> {
    let (what, is_good): (_, fn(&f64) -> bool) = match config.score {
        Score::Default => ("from 0 up", |it| *it >= 0.0),
        Score::Npmi => ("from -1 to 1, as those of npmi are", |it| (-1.0..=1.0).contains(it)),
    };
    let Thresholds(found) = &config.threshold;
    if let Some(wrong) = found.iter().find(|it| !is_good(it)) {
        return Err(section.error("threshold", format!("expected a number {what}, found {wrong}")));
    }
    let passes = config.passes;
    if found.len() > 1 && passes > 0 && found.len() != passes as usize {
        let what = format!("{} numbers for {passes} passes; give one, or one a pass", found.len());
        return Err(section.error("threshold", what));
    }
    Ok(())
}

/// The keys as they are written: of a list that is given, only what it has a use for.
pub(super) fn rows(config: &PhrasesConfig) -> Rows {
    let mut rows = rows_of(config);
    if config.list.is_some() {
        rows.retain(|(key, _)| ["list", "delimiter"].contains(key));
    }
    rows
}
