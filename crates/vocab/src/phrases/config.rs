//! The settings of the stage `phrases`.

use std::path::PathBuf;
use std::sync::Arc;

use wordmill_text::WordSet;
use wordmill_text::tokenizer::TokenizerConfig;

use super::score::Score;
use crate::shards::TokenShards;

/// The most connectors within a phrase; a longer row of them keeps words apart.
pub const MOST_CONNECTORS: usize = 8;
/// Version of what the stage computes; part of the fingerprint.
pub(super) const VERSION: u32 = 1;

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq)]
pub struct PhrasesConfig {
    /// What a pair is worth.
    pub score: Score,
    /// `phrases.threshold` of each pass, as many as there are passes: pairs that score more become phrases.
    pub thresholds: Vec<f64>,
    /// `phrases.min_count`: a pair, and each of its words, stands so often at least.
    pub min_count: u64,
    /// `phrases.connectors`.
    pub connectors: Option<Arc<WordSet>>,
    /// `phrases.delimiter`: what stands between the words of a phrase.
    pub delimiter: String,
    /// What the text is made of.
    pub parts: Parts,
    /// `phrases.list`: a list that is given, so that none is learned.
    pub given: Option<PathBuf>,
    /// The tokeniser of the text, for words of a list that somebody wrote.
    pub tokenizer: TokenizerConfig,
}

/// What a text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Words.
    Words,
    /// Pieces of words. One that goes on within a word neither begins nor ends a phrase: that would make the word anew.
    Pieces,
}

impl PhrasesConfig {
    /// What identifies the list of a pass, counted from 1, beside the shards that it is learned from.
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

    /// What tells all that is counted for a pass from the counts of another.
    #[must_use]
    pub fn fingerprint(&self, pass: u32, shards: &TokenShards) -> String {
        format!("{VERSION} {} {:016x}", self.settings(pass), shards.digest())
    }
}
