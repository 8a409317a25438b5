//! Predicts a word from its context: probabilities by the objective that the vectors were trained
//! on.
//!
//! The *hidden* vector h of some context words is the mean of their word vectors, as in CBOW, or the sum if the model
//! was trained with `context = "sum"`. For one word both are its vector, as in skip-gram.
//!
//! * Hierarchical softmax: node n goes left with probability σ(h·t_n), and the probability of a word is the product
//!   along its path. One pass down the tree computes those of all words; they sum to 1 without normalisation.
//! * Negative sampling learns to separate pairs from noise P_n(j) ∝ count(j)^s. At its optimum h·c_j = ln p(j) − ln
//!   (K·P_n(j)) (Levy & Goldberg 2014, NIPS), so p(j) ∝ P_n(j) · exp(h·c_j): the softmax of the scores with s · ln
//!   count(j) added. A softmax of the bare scores would give rare words as much as frequent ones.
//!
//! With another loss (hinge, focal, an expression) h·c_j means something else, so prediction is refused.
//!
//! Both are probabilities in the text as it was trained on, that is, with frequent words subsampled by `subsample`.

use wordmill_formats::{Dtype, FormatError, Vectors, Words};
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::threads::over_blocks;
use crate::top::Top;

/// Rows that a thread multiplies at a time.
const BLOCK_ROWS: usize = 1 << 10;
/// Marks a right child in `tree_parents`.
const RIGHT: u32 = 1 << 31;

/// How the probabilities are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction {
    /// By walking down the Huffman tree.
    Tree,
    /// By a softmax over the scores with all contexts, s · ln count added.
    Noise {
        /// s, the power of counts in the noise.
        exponent: f64,
    },
}

/// Vectors that can predict.
#[derive(Clone, Copy)]
pub struct Predictor<'a> {
    vectors: &'a Vectors,
    outs: &'a [f32],
    prediction: Prediction,
    is_sum: bool,
}

impl<'a> Predictor<'a> {
    /// Reads from the settings of the vectors how they were trained.
    ///
    /// # Errors
    /// If the vectors were trained without prediction (GloVe), with another loss, or if their settings do not say how.
    pub fn new(vectors: &'a Vectors) -> Result<Self, QueryError> {
        let setting = |key: &str| vectors.settings().get(key).map(String::as_str);
        let none = |what: &str| QueryError::NoPrediction {
            path: vectors.words().path().to_path_buf(),
            what: what.to_owned(),
        };
        let is_sum = setting("context") == Some("sum");
        if setting("objective") == Some("hierarchical-softmax") {
            let outs = vectors.matrix("node_vectors");
            let outs = outs.ok_or_else(|| none("the vectors of the inner nodes are missing"))?;
            return Ok(Self { vectors, outs, prediction: Prediction::Tree, is_sum });
        }
        if setting("objective") != Some("negative-sampling") {
            return Err(none(match setting("model") {
                Some("glove") => "GloVe is trained on counts and predicts no word",
                _ => "its settings do not say how it was trained",
            }));
        }
        if let Some(formula) = setting("loss_formula") {
            // The formula of the optimum holds only for the loss of negative sampling.
            let what = format!(
                "scores that were trained with the loss {formula} are no log-probabilities"
            );
            return Err(none(&what));
        }
        let outs = vectors.context_vectors().ok_or_else(|| none("it has no context vectors"))?;
        let exponent = setting("noise_exponent").and_then(|text| text.parse().ok());
        let exponent = exponent.ok_or_else(|| none("its settings name no noise_exponent"))?;
        Ok(Self { vectors, outs, prediction: Prediction::Noise { exponent }, is_sum })
    }

    /// How the probabilities are computed.
    pub fn prediction(&self) -> Prediction {
        self.prediction
    }

    /// The `n` most probable words, best first; ties go to the lower id.
    ///
    /// # Errors
    /// For a damaged tree.
    ///
    /// # Panics
    /// If an id has no row.
    pub fn best(
        &self,
        context: &[usize],
        n: usize,
        threads: usize,
    ) -> Result<Vec<(usize, f64)>, QueryError> {
        let all = self.probabilities(context, threads)?;
        // Scores that are equal in f32 may differ in f64, so a few more are examined.
        let mut top = Top::new(n.saturating_add(8).min(all.len()));
        all.iter().enumerate().for_each(|(id, &p)| top.offer(id, p as f32));
        let mut best: Vec<(usize, f64)> =
            Top::merge(vec![top]).into_iter().map(|(id, _)| (id, all[id])).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        best.truncate(n);
        Ok(best)
    }

    /// The probability of every word; they sum to 1 but for rounding.
    ///
    /// # Errors
    /// For a damaged tree.
    ///
    /// # Panics
    /// If an id has no row.
    pub fn probabilities(&self, context: &[usize], threads: usize) -> Result<Vec<f64>, QueryError> {
        let scores = self.scores(&self.hidden(context), threads);
        match self.prediction {
            Prediction::Tree => Ok(self.down_the_tree(&scores)?),
            Prediction::Noise { exponent } => {
                let counts = self.vectors.words().counts();
                let both = scores.iter().zip(counts);
                let logit =
                    |(&s, &count): (&f32, &u64)| f64::from(s) + exponent * (count as f64).ln();
                Ok(softmax(both.map(logit).collect()))
            }
        }
    }

    /// The mean or the sum of the vectors of the context words.
    fn hidden(&self, context: &[usize]) -> Vec<f32> {
        let mut hidden = vec![0.0; self.vectors.dim()];
        let share = if self.is_sum { 1.0 } else { 1.0 / context.len().max(1) as f32 };
        for &id in context {
            best().axpy(share, self.vectors.word_vector(id), &mut hidden);
        }
        hidden
    }

    /// The product of h with every context or node.
    fn scores(&self, hidden: &[f32], threads: usize) -> Vec<f32> {
        let dim = self.vectors.dim();
        let blocks: Vec<&[f32]> = self.outs.chunks(BLOCK_ROWS * dim).collect();
        let work = |done: &mut Vec<(usize, Vec<f32>)>, block: usize| {
            let mut scores = vec![0.0; blocks[block].len() / dim];
            best().scores(hidden, blocks[block], dim, &mut scores);
            done.push((block, scores));
        };
        let mut done: Vec<_> =
            over_blocks(threads, blocks.len(), Vec::new, work).into_iter().flatten().collect();
        done.sort_unstable_by_key(|(block, _)| *block);
        done.into_iter().flat_map(|(_, scores)| scores).collect()
    }

    /// Nodes are numbered from the leaves up, so a parent is visited before its children.
    fn down_the_tree(&self, scores: &[f32]) -> Result<Vec<f64>, FormatError> {
        let file = self.vectors.words().file();
        let parents: &[u32] = file.view("tree_parents", Dtype::U32, 1)?;
        let (words, nodes) = (self.vectors.words().len(), scores.len());
        let damaged = || {
            let what = "tree_parents is not a binary tree over the words";
            FormatError::corrupt(self.vectors.words().path(), 8, what)
        };
        if nodes + 1 != words || parents.len() != words + nodes {
            return Err(damaged());
        }
        let mut logs = vec![0.0f64; nodes];
        let child = |entry: u32, logs: &[f64]| {
            let parent = (entry & !RIGHT) as usize;
            let sign = if entry & RIGHT == 0 { 1.0 } else { -1.0 };
            logs.get(parent).map(|log| log + log_sigmoid(sign * f64::from(scores[parent])))
        };
        for node in (0..nodes.saturating_sub(1)).rev() {
            let entry = parents[words + node];
            if (entry & !RIGHT) as usize <= node {
                return Err(damaged());
            }
            logs[node] = child(entry, &logs).ok_or_else(damaged)?;
        }
        if nodes == 0 {
            return Ok(vec![1.0; words]);
        }
        let leaf = |&entry: &u32| child(entry, &logs).map(f64::exp).ok_or_else(damaged);
        parents[..words].iter().map(leaf).collect()
    }
}

/// ln σ(x), without cancellation or overflow for large |x|.
fn log_sigmoid(x: f64) -> f64 {
    if x < 0.0 { x - x.exp().ln_1p() } else { -(-x).exp().ln_1p() }
}

fn softmax(mut logits: Vec<f64>) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
    let sum: f64 = logits.iter().sum();
    logits.iter_mut().for_each(|logit| *logit /= sum);
    logits
}
