//! How good vectors are: sets of questions, and the scores on them.

mod analogies;
mod report;
mod similarity;

pub use analogies::{AnalogySet, score_analogies};
pub use report::{AnalogyScores, EvalReport, Score, SectionScore, SimilarityScores};
pub use similarity::{SimilaritySet, score_similarity, spearman};

use std::path::Path;

use crate::error::QueryError;

/// The text of a set without its byte-order mark.
fn read_set(path: &Path) -> Result<String, QueryError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(source) => Err(QueryError::Read { path: name, source }),
    }
}

/// The lines of a set with their numbers, trimmed, without empty ones and without the mark.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate();
    numbered.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}
