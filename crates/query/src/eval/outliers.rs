//! Outlier detection (Camacho-Collados & Navigli 2016, RepEval): which word does not belong to the others?
//!
//! A topic has a cluster of words, one per line, then an empty line and outliers; the 8-8-8 set has eight of each in
//! every file. Each outlier is added to the cluster. The *compactness* of a word is the mean of its cosines with all
//! other words there; the outlier should have the lowest. *Accuracy* is the share of outliers that do. *OPP* is the
//! mean position of the outliers when the words are sorted by falling compactness, from 0 for the first to 1 for the
//! last; ties count against the outlier.
//!
//! A word of several parts joined by `_` that is not in the vocabulary becomes the mean of its known parts, each scaled
//! to length 1. Unknown words are removed from the cluster. An unknown outlier is skipped, and so is every outlier of a
//! topic with fewer than two known words.

use std::path::Path;

use wordmill_formats::Vectors;
use wordmill_kernels::best;

use super::config::EvalConfig;
use super::convention::Lexicon;
use super::report::{OutlierScores, OutlierSection};
use super::sets::{files_of, read_set, stem};
use crate::error::QueryError;
use crate::nearest::cosine;
use crate::rows::{Rows, Which, normalize};

/// Topics, each with a cluster and outliers.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlierSet {
    name: String,
    topics: Vec<Topic>,
}

#[derive(Clone, Debug, PartialEq)]
struct Topic {
    name: String,
    cluster: Vec<String>,
    outliers: Vec<String>,
}

impl OutlierSet {
    /// Reads a file, which is one topic, or all text files of a folder.
    ///
    /// # Errors
    /// For a file that cannot be read, and the errors of [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, QueryError> {
        let mut topics = Vec::new();
        for file in files_of(path, &["txt"])? {
            topics.push(parse_topic(&file.display().to_string(), &stem(&file), &read_set(&file)?)?);
        }
        let name = path.display().to_string();
        if topics.is_empty() {
            let what = "there is no .txt in this folder".to_owned();
            return Err(QueryError::BadLine { path: name, line: 1, what });
        }
        Ok(Self { name, topics })
    }

    /// Parses one topic.
    ///
    /// # Errors
    /// For fewer than two words, or no outlier.
    pub fn parse(name: &str, text: &str) -> Result<Self, QueryError> {
        Ok(Self { name: name.to_owned(), topics: vec![parse_topic(name, name, text)?] })
    }
}

fn parse_topic(path: &str, name: &str, text: &str) -> Result<Topic, QueryError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let words = |line: &str| line.replace(' ', "_");
    let cluster: Vec<String> =
        lines.by_ref().take_while(|line| !line.is_empty()).map(words).collect();
    let outliers: Vec<String> = lines.filter(|line| !line.is_empty()).map(words).collect();
    if cluster.len() < 2 || outliers.is_empty() {
        let what =
            "expected words of one kind, a line each, an empty line, and outliers".to_owned();
        return Err(QueryError::BadLine { path: path.to_owned(), line: 1, what });
    }
    Ok(Topic { name: name.to_owned(), cluster, outliers })
}

/// Finds the outliers of every topic with the word vectors.
///
/// # Errors
/// If the file has no word vectors.
pub fn score_outliers(
    vectors: &Vectors,
    set: &OutlierSet,
    config: &EvalConfig,
) -> Result<OutlierScores, QueryError> {
    let lexicon = Lexicon::new(vectors, config.convention, 0);
    let rows = Rows::new(vectors, Which::Word)?;
    let topics = set.topics.iter().map(|topic| score_topic(&rows, &lexicon, topic));
    Ok(OutlierScores::new(&set.name, topics.collect()))
}

fn score_topic(rows: &Rows<'_>, lexicon: &Lexicon<'_>, topic: &Topic) -> OutlierSection {
    let unit = |word: &String| unit_of(rows, lexicon, word);
    let cluster: Vec<Vec<f32>> = topic.cluster.iter().filter_map(unit).collect();
    let unknown = (topic.cluster.len() - cluster.len()) as u64;
    let mut section = OutlierSection { name: topic.name.clone(), unknown, ..Default::default() };
    for outlier in &topic.outliers {
        let Some(outlier) = unit(outlier).filter(|_| cluster.len() >= 2) else {
            section.skipped += 1;
            continue;
        };
        let all: Vec<&Vec<f32>> = cluster.iter().chain([&outlier]).collect();
        let compactness = |at: usize| -> f64 {
            let others = all.iter().enumerate().filter(|(other, _)| *other != at);
            others.map(|(_, other)| cosine(all[at], other)).sum()
        };
        let of_outlier = compactness(cluster.len());
        let position = (0..cluster.len()).filter(|&at| compactness(at) > of_outlier).count();
        section.add(position, cluster.len());
    }
    section
}

/// The unit vector of a word, or of the mean of its parts.
fn unit_of(rows: &Rows<'_>, lexicon: &Lexicon<'_>, word: &str) -> Option<Vec<f32>> {
    if let Some(id) = lexicon.find(word) {
        return Some(rows.unit(id, best()));
    }
    let parts: Vec<usize> = word.split('_').filter_map(|part| lexicon.find(part)).collect();
    let mut mean = vec![0.0; rows.dim()];
    parts.iter().for_each(|&id| best().axpy(1.0, &rows.unit(id, best()), &mut mean));
    normalize(&mut mean, best());
    (!parts.is_empty()).then_some(mean)
}
