//! Similarity sets: do cosines rank pairs of words as people do?

use std::path::Path;

use wordmill_formats::Vectors;

use super::bootstrap::{middle, scores};
use super::config::EvalConfig;
use super::convention::{Convention, Lexicon};
use super::report::SimilarityScores;
use super::sets::{files_of, lines, read_set};
use crate::error::QueryError;
use crate::nearest::cosine;

/// Extensions of files of sets in a folder.
const ENDINGS: [&str; 3] = ["txt", "tsv", "csv"];

/// Pairs of words with human scores.
#[derive(Clone, Debug, PartialEq)]
pub struct SimilaritySet {
    name: String,
    pairs: Vec<(String, String, f64)>,
}

impl SimilaritySet {
    /// Reads a file.
    ///
    /// # Errors
    /// For a file that cannot be read, and the errors of [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, QueryError> {
        Self::parse(&path.display().to_string(), &read_set(path)?)
    }

    /// Reads a file, or each file below a folder.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); a folder without a set.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, QueryError> {
        let files = files_of(path, &ENDINGS)?;
        if files.is_empty() {
            let what = format!("no file in this folder ends in .{}", ENDINGS.join(", ."));
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, what);
            return Err(QueryError::Read { path: path.display().to_string(), source });
        }
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// Parses lines of two words and a score, separated by tabs, commas or white space. The score
    /// is the first number from the third column on (some sets have a part of speech before it, and
    /// more numbers after it). Lines that begin with `#` are comments; the first line may be a
    /// header.
    ///
    /// # Errors
    /// For a line without two words and a score.
    pub fn parse(name: &str, text: &str) -> Result<Self, QueryError> {
        let mut pairs = Vec::new();
        let rows = lines(text).filter(|(_, line)| !line.starts_with('#'));
        for (index, (line, text)) in rows.enumerate() {
            match parse_pair(text) {
                Some(pair) => pairs.push(pair),
                None if index == 0 => {}
                None => {
                    let what = format!("expected two words and a score, found {text:?}");
                    let path = name.to_owned();
                    return Err(QueryError::BadLine { path, line, what });
                }
            }
        }
        if pairs.is_empty() {
            let (path, what) = (name.to_owned(), "there is no pair in it".to_owned());
            return Err(QueryError::BadLine { path, line: 1, what });
        }
        let name = name.to_owned();
        Ok(Self { name, pairs })
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Ranks the pairs of a set by the cosines of their word vectors. Pairs with an unknown word are
/// skipped.
pub fn score_similarity(
    vectors: &Vectors,
    set: &SimilaritySet,
    config: &EvalConfig,
) -> SimilarityScores {
    let top = if config.convention == Convention::Gensim { config.top } else { 0 };
    let lexicon = Lexicon::new(vectors, config.convention, top);
    let scored = |(one, other, score): &(String, String, f64)| {
        let (a, b) = (lexicon.find(one)?, lexicon.find(other)?);
        Some((*score, cosine(vectors.word_vector(a), vectors.word_vector(b))))
    };
    let pairs_scored: Vec<Option<(f64, f64)>> = set.pairs.iter().map(scored).collect();
    let known: Vec<(f64, f64)> = pairs_scored.iter().copied().flatten().collect();
    let correlation = |pairs: &[(f64, f64)]| {
        let (people, cosines): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        spearman(&cosines, &people)
    };
    let (people, cosines): (Vec<f64>, Vec<f64>) = known.iter().copied().unzip();
    SimilarityScores {
        set: set.name.clone(),
        pairs: known.len() as u64,
        skipped: (set.pairs.len() - known.len()) as u64,
        coverage: known.len() as f64 / set.pairs.len() as f64,
        spearman: correlation(&known),
        interval: scores(&known, config.seed, correlation).map(|scores| middle(&scores)),
        pearson: pearson(&cosines, &people),
        pairs_scored,
    }
}

/// Pearson's correlation; `None` for fewer than two values, or if all are equal.
fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum()
    };
    let spread = (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt();
    (spread > 0.0).then(|| product(a, mean_a, b, mean_b) / spread)
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, where equal values share the
/// mean of their ranks. `None` for fewer than two values, or if all are equal.
///
/// # Panics
/// If the lengths differ.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "values come in pairs");
    pearson(&ranks(a), &ranks(b))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let count = equal.len() as f64;
        for &at in equal {
            ranks[at] = before + (count + 1.0) / 2.0;
        }
        before += count;
    }
    ranks
}

fn parse_pair(line: &str) -> Option<(String, String, f64)> {
    let fields: Vec<&str> = match ['\t', ',', ';'].into_iter().find(|&mark| line.contains(mark)) {
        Some(mark) => line.split(mark).collect(),
        None => line.split_whitespace().collect(),
    };
    let clean = |field: &&str| field.trim().trim_matches('"').to_owned();
    let mut fields = fields.iter().map(clean);
    let (one, other) = (fields.next()?, fields.next()?);
    let number = |field: String| field.parse::<f64>().ok().filter(|score| score.is_finite());
    let score = fields.find_map(number)?;
    (!one.is_empty() && !other.is_empty()).then_some((one, other, score))
}
