//! The stage `phrases`: words that stand side by side more often than chance has it become one, `new york` becomes `new_york`.
//!
//! Phrases are learned in *passes*: each joins pairs of what the pass before has made, so that two passes give phrases of up to
//! four words. *Connectors* (`of`, `the`, …) may stand within a phrase, not at its ends, and are not counted as its words:
//! `bank of america` is the pair of `bank` and `america` with `of` between.
//!
//! Pairs are counted by the stages that count everything else: [`units`] are shards in which the two words of a pair stand side by
//! side, their vocabulary has what is frequent enough, and the matrix of a window of one word has every count, exact for any
//! number of pairs in bounded memory. [`select`] reads it, scores the pairs and writes the *list* of the pass, [`join`] writes the
//! shards anew. What was learned is one text, [`list_path`], that can be read, edited and given to another run.
//!
//! A line that is longer than a chunk is cut there: no phrase is joined across.

mod join;
mod list;
mod score;
mod select;
mod units;

use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::{Budget, OverBudget, Reservation};
use wordmill_formats::{FormatError, RunDir};

use crate::lists::WordSet;
use crate::tokenize::TokenShards;
use crate::tokenizer::TokenizerConfig;

pub use join::{Joined, Joiner, join};
pub use list::{Phrases, finish, given, learned};
pub use score::Score;
pub use select::select;
pub use units::units;

/// The folder of the shards with phrases, and of their list.
pub const FOLDER: &str = "phrases";
/// The most passes: phrases of up to 256 words.
pub const MOST_PASSES: u32 = 8;
/// The most connectors within a phrase; a longer row of them keeps words apart.
pub const MOST_CONNECTORS: usize = 8;
/// Version of what the stage computes; part of the fingerprint.
const VERSION: u32 = 1;

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
    fn settings(&self, pass: u32) -> String {
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

/// Where the list of a run stands.
#[must_use]
pub fn list_path(run: &RunDir) -> PathBuf {
    run.path(&format!("{FOLDER}/phrases.tsv"))
}

/// Where the list of a pass stands until the last one is done.
fn pass_path(run: &RunDir, pass: u32) -> PathBuf {
    run.path(&format!("{FOLDER}/pass-{pass}.tsv"))
}

/// Where the shards of a pass go, of so many.
#[must_use]
pub fn shards_folder(pass: u32, passes: u32) -> String {
    if pass == passes { FOLDER.to_owned() } else { format!("{FOLDER}/pass-{pass}") }
}

/// Folders of what is counted on the way, within that of the stage.
pub const COUNTED: [&str; 4] = ["units", "vocab", "spill", "matrix"];

/// All folders that the stage writes to.
#[must_use]
pub fn folders() -> Vec<String> {
    let counted = COUNTED.iter().map(|name| format!("{FOLDER}/{name}"));
    let passes = (1..=MOST_PASSES).map(|pass| shards_folder(pass, 0));
    [FOLDER.to_owned()].into_iter().chain(counted).chain(passes).collect()
}

/// Removes what the passes have left, once the shards of the last and the list of the run are there.
///
/// # Errors
/// A file that cannot be removed.
pub fn sweep(run: &RunDir) -> Result<(), FormatError> {
    for folder in folders().iter().filter(|folder| *folder != FOLDER) {
        run.sweep(folder, |_| true)?;
    }
    run.sweep(FOLDER, |name| name.starts_with("pass-"))
}

/// Memory that phrases take, with what helps where they do not fit.
fn reserve(budget: &Budget, bytes: u64) -> Result<Reservation, OverBudget> {
    budget.reserve(bytes, "the list of phrases").map_err(|mut error| {
        error.advice = ", or raise phrases.threshold or phrases.min_count".to_owned();
        error
    })
}

#[cfg(test)]
mod tests;
