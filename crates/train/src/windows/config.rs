//! Settings of the windows trainer.

use std::collections::BTreeMap;

use wordmill_formats::ShardId;
use wordmill_kernels::Kernels;

use crate::start::Start;

/// What predicts what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowModel {
    /// A word and each of its neighbours.
    SkipGram,
    /// The words around a place, mixed, predict the word there.
    Cbow {
        /// How they are mixed.
        mix: Mix,
        /// What each of them learns.
        step: MixStep,
    },
}

/// How the vectors around a place become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Their mean, weighted where distances are.
    Mean,
    /// Their sum.
    Sum,
}

/// What each word of a mix learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MixStep {
    /// The gradient: of a mean, its share (İrsoy, Benton & Stratos 2021).
    Gradient,
    /// The whole step of the mean, as in word2vec.c.
    Whole,
}

/// How far a window reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A random number of words up to the window, each as likely.
    Dynamic,
    /// The whole window; a word at distance d counts (W − d + 1)/W, which is the expectation of the former.
    Expected,
}

/// How a word is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction {
    /// Told from noise.
    Negatives {
        /// Noise words beside each positive.
        negatives: u32,
        /// Noise is drawn in proportion to count to this power.
        noise_exponent: f64,
    },
    /// Left or right at each node of a Huffman tree.
    Tree,
}

/// How threads work on one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// In rounds of a fixed number of readers, merged in order: the same bytes for any number of threads.
    Rounds,
    /// Each thread by itself, merging whenever it is done with a piece: the same bytes on one thread only.
    Free,
}

/// Settings of the windows trainer.
#[derive(Clone, Copy, Debug)]
pub struct WindowsConfig {
    /// What predicts what.
    pub model: WindowModel,
    /// How.
    pub prediction: Prediction,
    /// Length of a vector.
    pub dim: usize,
    /// Words on each side, at least 1.
    pub window: u32,
    /// How far a window reaches.
    pub reach: Reach,
    /// Words above this share of the text are thinned out before windows are formed; 0 is off.
    pub subsample: f64,
    /// How threads share the model.
    pub sharing: Sharing,
}

/// Inputs of the windows trainer.
#[derive(Clone, Copy)]
pub struct WindowsInput<'a, W> {
    /// The token shards, in the order of the text.
    pub shards: &'a [ShardId],
    /// The words.
    pub words: &'a W,
    /// Settings to be stored with the vectors.
    pub settings: &'a BTreeMap<String, String>,
    /// Where training starts.
    pub start: &'a Start,
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

impl WindowsConfig {
    /// Settings to be stored with the vectors, for people and for queries.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let model = if self.model == WindowModel::SkipGram { "skip-gram" } else { "cbow" };
        let mut settings = vec![("model", model.into()), ("source", "windows".into())];
        match self.prediction {
            Prediction::Negatives { negatives, noise_exponent } => settings.extend([
                ("objective", "negative-sampling".into()),
                ("negatives", negatives.to_string()),
                ("noise_exponent", noise_exponent.to_string()),
            ]),
            Prediction::Tree => settings.push(("objective", "hierarchical-softmax".into())),
        }
        settings
    }
}
