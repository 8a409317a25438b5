//! The settings of the stage `phrases`.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_text::tokenizer::TokenizerConfig;
use wordmill_text::{TextError, WordSet};

use super::score::Score;
use crate::shards::TokenShards;

/// The most connectors within a phrase; a longer sequence of them separates words.
pub const MOST_CONNECTORS: usize = 8;
/// Version of the stage's results; part of the fingerprint.
pub(super) const VERSION: u32 = 1;

/// `[phrases]`: which words are joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhrasesConfig {
    /// 1 joins pairs of words (`new_york`), 2 pairs of those, too (`new_york_city`), and so on; 0 joins none.
    #[schemars(range(min = 0, max = 8))]
    pub passes: u32,
    /// How a pair of words is scored.
    pub score: Score,
    /// A pair that scores more becomes a phrase: one number, or one for each pass; 100 with the default score, 0.5 with npmi.
    #[schemars(extend("x-unset" = 100.0))]
    pub threshold: Thresholds,
    /// Rarer pairs, and pairs of rarer words, are not joined.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub min_count: u64,
    /// A file with one word per line (of, the, …): these may occur within a phrase, not at its ends.
    pub connectors: Option<PathBuf>,
    /// The delimiter between the words of a phrase.
    pub delimiter: String,
    /// A file of phrases, as written by a run or with one phrase per line, to be used instead of learning.
    pub list: Option<PathBuf>,
}

/// Scores that must be exceeded: one for all passes, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
#[schemars(with = "Vec<f64>")]
pub struct Thresholds(pub Vec<f64>);

/// How thresholds are written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(f64),
    Many(Vec<f64>),
}

impl From<OneOrMany> for Thresholds {
    fn from(written: OneOrMany) -> Self {
        Self(match written {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(list) => list,
        })
    }
}

impl From<Thresholds> for OneOrMany {
    fn from(Thresholds(list): Thresholds) -> Self {
        match list[..] {
            [one] => Self::One(one),
            _ => Self::Many(list),
        }
    }
}

impl Default for PhrasesConfig {
    fn default() -> Self {
        Self {
            passes: 0,
            score: Score::Default,
            threshold: Thresholds(vec![Score::Default.threshold()]),
            min_count: 5,
            connectors: None,
            delimiter: "_".to_owned(),
            list: None,
        }
    }
}

impl PhrasesConfig {
    /// Whether words are joined at all.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.passes > 0 || self.list.is_some()
    }

    /// Reads the connectors, for a text of a tokeniser.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn job(&self, tokenizer: TokenizerConfig, parts: Parts) -> Result<PhrasesJob, TextError> {
        let mut thresholds = self.threshold.0.clone();
        let last = thresholds.last().copied().unwrap_or(f64::INFINITY);
        thresholds.resize(self.passes as usize, last);
        let key = "phrases.connectors";
        let read = |path: &PathBuf| WordSet::read(path, key, &tokenizer).map(Arc::new);
        Ok(PhrasesJob {
            score: self.score,
            thresholds,
            min_count: self.min_count,
            connectors: self.connectors.as_ref().map(read).transpose()?,
            delimiter: self.delimiter.clone(),
            parts,
            given: self.list.clone(),
            tokenizer,
        })
    }
}

/// The parameters of finding phrases in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PhrasesJob {
    /// How a pair is scored.
    pub score: Score,
    /// `phrases.threshold` of each pass, as many as there are passes: pairs that score more become phrases.
    pub thresholds: Vec<f64>,
    /// `phrases.min_count`: the minimum count of a pair and of each of its words.
    pub min_count: u64,
    /// `phrases.connectors`.
    pub connectors: Option<Arc<WordSet>>,
    /// `phrases.delimiter`: the string between the words of a phrase.
    pub delimiter: String,
    /// The unit of the text.
    pub parts: Parts,
    /// `phrases.list`: a given list, so that none is learned.
    pub given: Option<PathBuf>,
    /// The tokeniser of the text, for words that a user wrote into a list.
    pub tokenizer: TokenizerConfig,
}

/// A pass over the text.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Its number, counted from 1.
    pub number: u32,
    /// The text: the result of the pass before.
    pub shards: &'a TokenShards,
}

/// The unit of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Words.
    Words,
    /// Pieces. A piece that continues within a word neither begins nor ends a phrase, which would only rebuild the
    /// word.
    Pieces,
}

impl PhrasesJob {
    /// Identifies the list of a pass, counted from 1, beside the shards that it is learned from.
    pub(super) fn settings(&self, pass: u32) -> String {
        let Self { score, thresholds, min_count, connectors, delimiter, parts, .. } = self;
        let threshold = thresholds.get(pass as usize - 1).copied().unwrap_or(f64::INFINITY);
        let score = score.name();
        let connectors = connectors.as_ref().map_or(0, |list| list.digest());
        let parts = if *parts == Parts::Pieces { " pieces" } else { "" };
        format!(
            "pass={pass} score={score} threshold={threshold} min_count={min_count} \
             connectors={connectors:016x} delimiter={delimiter:?}{parts}"
        )
    }

    /// Distinguishes the counts of a pass from those of another.
    #[must_use]
    pub fn fingerprint(&self, pass: u32, shards: &TokenShards) -> String {
        format!("{VERSION} {} {:016x}", self.settings(pass), shards.digest())
    }
}
