//! How sets are asked.

use super::convention::Convention;
use crate::analogy::AnalogyMethod;

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
