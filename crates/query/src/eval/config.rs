//! Settings of an evaluation.

use super::convention::Convention;
use crate::analogy::AnalogyMethod;

/// Settings of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvalConfig {
    /// Only this many of the most frequent words take part in analogies; 0 means all.
    pub top: usize,
    /// How the cosines of an analogy are combined.
    pub method: AnalogyMethod,
    /// Whose rules apply.
    pub convention: Convention,
    /// Seed of the resampling for the intervals.
    pub seed: u64,
    /// Number of threads; it does not change the result.
    pub threads: usize,
}

impl Default for EvalConfig {
    /// 30,000 words, 3CosAdd, wordmill's rules, seed 1, one thread.
    fn default() -> Self {
        let (method, convention) = (AnalogyMethod::Add, Convention::Wordmill);
        Self { top: 30_000, method, convention, seed: 1, threads: 1 }
    }
}
