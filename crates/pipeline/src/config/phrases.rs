//! `[phrases]`: which words become one.

use std::path::PathBuf;

use super::choice::Score;
use super::error::ConfigError;
use super::layers::Layers;
use super::section::Section;

/// `[phrases]`, where there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct PhrasesConfig {
    /// Where they are from.
    pub source: PhrasesSource,
    /// What stands between the words of a phrase.
    pub delimiter: String,
}

/// Where phrases are from.
#[derive(Clone, Debug, PartialEq)]
pub enum PhrasesSource {
    /// A list that is given.
    List(PathBuf),
    /// They are learned.
    Learned {
        /// What pairs are scored by.
        score: Score,
        /// The score that is to be exceeded in each pass; one for every pass, or as many as there are.
        thresholds: Vec<f64>,
        /// Passes.
        passes: u32,
        /// Rarer pairs are no phrases.
        min_count: u64,
        /// A list of words that may stand within phrases.
        connectors: Option<PathBuf>,
    },
}

/// Reads the section; `None` if words stay as they are.
pub(super) fn phrases(layers: &Layers) -> Result<Option<PhrasesConfig>, ConfigError> {
    let mut section = Section::new(layers, "phrases")?;
    let most = u64::from(wordmill_vocab::phrases::MOST_PASSES);
    let passes = section.whole("passes", 0..=most, 0)? as u32;
    let list = section.path("list")?;
    let score = section.choice("score", Score::Default)?;
    let thresholds = thresholds(&mut section, score, passes)?;
    let min_count = section.whole("min_count", 1..=u64::from(u32::MAX), 5)?;
    let connectors = section.path("connectors")?;
    let delimiter = section.text("delimiter")?.unwrap_or_else(|| "_".into());
    if delimiter.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let what =
            format!("expected a text without white space, such as \"_\", found {delimiter:?}");
        return Err(section.error("delimiter", what));
    }
    let source = match list {
        Some(_) if passes > 0 => {
            let what = "phrases.list says which phrases there are; set passes to 0, or remove the list to learn them";
            return Err(section.error("passes", what));
        }
        Some(list) => Some(PhrasesSource::List(list)),
        None if passes == 0 => None,
        None => Some(PhrasesSource::Learned { score, thresholds, passes, min_count, connectors }),
    };
    section.finish(|_| None)?;
    Ok(source.map(|source| PhrasesConfig { source, delimiter }))
}

fn thresholds(
    section: &mut Section<'_>,
    score: Score,
    passes: u32,
) -> Result<Vec<f64>, ConfigError> {
    let (usual, what, is_good): (_, _, fn(&f64) -> bool) = match score {
        Score::Default => (100.0, "from 0 up", |it| *it >= 0.0),
        Score::Npmi => (0.5, "from -1 to 1, as those of npmi are", |it| (-1.0..=1.0).contains(it)),
    };
    let found = section.reals("threshold")?.unwrap_or_else(|| vec![usual]);
    if let Some(wrong) = found.iter().find(|it| !is_good(it)) {
        return Err(section.error("threshold", format!("expected a number {what}, found {wrong}")));
    }
    if found.len() > 1 && passes > 0 && found.len() != passes as usize {
        let what = format!("{} numbers for {passes} passes; give one, or one a pass", found.len());
        return Err(section.error("threshold", what));
    }
    Ok(found)
}
