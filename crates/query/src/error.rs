//! What can go wrong with a question.

use std::io;
use std::path::{Path, PathBuf};

use wordmill_formats::{FormatError, Vectors};

/// An error of the query room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A file of ours.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A word that has no vector.
    #[error("{}: looking up {word:?}: it is not in the vocabulary; {}", path.display(), way_out(close))]
    UnknownWord {
        /// The vectors.
        path: PathBuf,
        /// The word as it was asked for.
        word: String,
        /// Words that are spelled alike, closest first.
        close: Vec<String>,
    },
    /// Vectors that the model does not have.
    #[error(
        "{}: reading {what}: the model has none; ask for word vectors (--which word)",
        path.display()
    )]
    NoMatrix {
        /// The vectors.
        path: PathBuf,
        /// What was asked for.
        what: &'static str,
    },
    /// Words whose sum is zero: it points nowhere.
    #[error("{}: looking for neighbours of {words}: {}", path.display(), nowhere(*count))]
    Zero {
        /// The vectors.
        path: PathBuf,
        /// The words.
        words: String,
        /// How many they are.
        count: usize,
    },
    /// Vectors that were not trained to predict a word.
    #[error(
        "{}: predicting a word: {what}; skip-gram and CBOW of wordmill can, with negative sampling and its own loss or hierarchical \
         softmax",
        path.display()
    )]
    NoPrediction {
        /// The vectors.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// A question that cannot be read.
    #[error("{text:?}: reading the question: {what}")]
    BadQuestion {
        /// The question as it was typed.
        text: String,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// A format that cannot be written.
    #[error("export: {0}")]
    ExportFormat(String),
    /// A set of questions that the system could not read.
    #[error("{path}: reading questions: {source}; check that the file is there and may be read")]
    Read {
        /// The set as the user named it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A set of questions that is not what it should be.
    #[error("{path}:{line}: reading questions: {what}")]
    BadLine {
        /// The set as the user named it.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        what: String,
    },
}

impl QueryError {
    /// Whether the input data is to blame, as opposed to the question.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::BadLine { .. })
    }

    pub(crate) fn zero<'a>(vectors: &Vectors, ids: impl Iterator<Item = &'a usize>) -> Self {
        let words: Vec<_> = ids.map(|&id| format!("{:?}", vectors.words().text(id))).collect();
        let path = vectors.words().path().to_path_buf();
        Self::Zero { path, count: words.len(), words: words.join(", ") }
    }

    pub(crate) fn no_matrix(path: &Path, what: &'static str) -> Self {
        Self::NoMatrix { path: path.to_path_buf(), what }
    }
}

fn nowhere(words: usize) -> &'static str {
    match words {
        0 | 1 => "its vector is all zeros, so it has no neighbours; name another word",
        _ => "the sum is zero, so it has no neighbours; name another sum",
    }
}

fn way_out(close: &[String]) -> String {
    match close {
        [] => "nothing is spelled alike".into(),
        _ => format!("spelled alike: {}", close.join(", ")),
    }
}
