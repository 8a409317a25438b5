//! How good vectors are: sets of questions, and the scores on them.
//!
//! A *set* is read once and asked of any number of vectors; a *convention* says which words take part, how they are found, and
//! when an answer is right; an *interval* is where a score would lie in 95 % of sets like this one.

mod analogies;
mod bootstrap;
mod compare;
mod convention;
mod outliers;
mod report;
mod similarity;

pub use analogies::{AnalogySet, score_analogies};
pub use compare::{Comparison, compare};
pub use convention::Convention;
pub use outliers::{OutlierSet, score_outliers};
pub use report::{
    AnalogyScores, EvalReport, OutlierScores, OutlierSection, Score, SectionScore, SideBySide,
    SimilarityScores,
};
pub use similarity::{SimilaritySet, score_similarity, spearman};

use std::path::{Path, PathBuf};

use crate::analogy::AnalogyMethod;
use crate::error::QueryError;

/// How sets are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalConfig {
    /// Only the so many most frequent words take part in analogies; 0 is all.
    pub top: usize,
    /// How the cosines of an analogy are put together.
    pub method: AnalogyMethod,
    /// Whose rules hold.
    pub convention: Convention,
    /// Seed of the intervals.
    pub seed: u64,
    /// Threads; they change no result.
    pub threads: usize,
}

impl Default for EvalConfig {
    /// 30,000 words, 3CosAdd, our own rules, seed 1, one thread.
    fn default() -> Self {
        let (method, convention) = (AnalogyMethod::Add, Convention::Wordmill);
        Self { top: 30_000, method, convention, seed: 1, threads: 1 }
    }
}

/// The text of a set.
fn read_set(path: &Path) -> Result<String, QueryError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(source) => Err(QueryError::Read { path: name, source }),
    }
}

/// The texts below a folder, sorted; a file is its own only one.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, QueryError> {
    let error = |source| QueryError::Read { path: path.display().to_string(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(error)? {
        let inside = entry.map_err(error)?.path();
        if inside.is_dir() {
            files.extend(files_of(&inside)?);
        } else if inside.extension().is_some_and(|ending| ending == "txt") {
            files.push(inside);
        }
    }
    files.sort();
    Ok(files)
}

/// The name of a file without its ending: that of a section.
fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// The lines of a set with their numbers, trimmed, without empty ones and without the mark.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate();
    numbered.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}
