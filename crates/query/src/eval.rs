//! Evaluates vectors: reads sets of questions and computes scores on them.
//!
//! A *set* is read once and can be asked of any number of vectors files. A *convention* determines which words take
//! part, how a word is found, and when an answer is right. An *interval* contains the score in 95 % of sets like this
//! one.

mod analogies;
mod bootstrap;
mod compare;
mod config;
mod convention;
mod outliers;
mod report;
mod sets;
mod similarity;

pub use analogies::{AnalogySet, score_analogies};
pub use compare::compare;
pub use config::EvalConfig;
pub use convention::Convention;
pub use outliers::{OutlierSet, score_outliers};
pub use report::{
    AnalogyScores, Comparison, EvalReport, OutlierScores, OutlierSection, Score, SectionScore,
    SideBySide, SimilarityScores,
};
pub use similarity::{SimilaritySet, score_similarity, spearman};
