//! Errors of queries, evaluations, exports and conversions.

use std::io;
use std::path::{Path, PathBuf};

use wordmill_formats::{FormatError, Vectors};

/// An error of the query crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A file of wordmill could not be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A word has no vector.
    #[error("{}: looking up {word:?}: it is not in the vocabulary; {}", path.display(), way_out(close))]
    UnknownWord {
        /// The vectors file.
        path: PathBuf,
        /// The word as the caller gave it.
        word: String,
        /// Words that are spelled alike, closest first.
        close: Vec<String>,
    },
    /// The model does not have the requested vectors.
    #[error(
        "{}: reading {what}: the model has none; ask for word vectors (--which word)",
        path.display()
    )]
    NoMatrix {
        /// The vectors file.
        path: PathBuf,
        /// The vectors that were requested.
        what: &'static str,
    },
    /// The sum of the words is zero, so it has no direction.
    #[error("{}: looking for neighbours of {words}: {}", path.display(), nowhere(*count))]
    Zero {
        /// The vectors file.
        path: PathBuf,
        /// The words.
        words: String,
        /// The number of words.
        count: usize,
    },
    /// The vectors were not trained to predict a word.
    #[error(
        "{}: predicting a word: {what}; skip-gram and CBOW of wordmill can, with negative sampling and its own loss or hierarchical \
         softmax",
        path.display()
    )]
    NoPrediction {
        /// The vectors file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// A folder is not a run directory with one vectors file.
    #[error("{}: opening vectors: it is a folder{what}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is in it, and the way out.
        what: String,
    },
    /// A question cannot be parsed.
    #[error("{text:?}: reading the question: {what}")]
    BadQuestion {
        /// The question as it was typed.
        text: String,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// A format cannot be written.
    #[error("export: {0}")]
    ExportFormat(String),
    /// The system could not read a set of questions.
    #[error("{path}: reading questions: {source}; check that the file is there and may be read")]
    Read {
        /// The set as the user named it.
        path: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A line of a set of questions is malformed.
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
    /// Whether the input data is at fault rather than the question.
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
