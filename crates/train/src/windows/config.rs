//! Settings of the windows trainer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_formats::ShardId;
use wordmill_kernels::Kernels;

use crate::objective::model::NoiseConfig;
use crate::start::Start;

/// The model of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowModel {
    /// A word and each of its neighbours.
    SkipGram,
    /// The words around a place, mixed, predict the word there.
    Cbow(CbowConfig),
}

/// Settings of CBOW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CbowConfig {
    /// How the words around a place become one vector.
    #[serde(rename = "context")]
    pub mix: Mix,
    /// `true` takes the step of word2vec.c, of the whole mean for each word, instead of the gradient.
    #[serde(rename = "cbow_compat")]
    #[schemars(with = "bool")]
    pub step: MixStep,
}

/// How the vectors around a place become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// Their mean, weighted if distances have weights.
    Mean,
    /// Their sum.
    Sum,
}

/// What each word of a mix learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum MixStep {
    /// The gradient: of a mean, its share (İrsoy, Benton & Stratos 2021).
    Gradient,
    /// The whole step of the mean, as in word2vec.c.
    Whole,
}

/// How far a window reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// A random number of words up to the window, all equally likely.
    Dynamic,
    /// The whole window; a word at distance d counts (W − d + 1)/W, which is the expectation of the former.
    Expected,
}

/// How a word is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction {
    /// Distinguished from noise.
    Negatives(NoiseConfig),
    /// Left or right at each node of a Huffman tree.
    Tree,
}

/// How threads work on one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Sharing {
    /// In rounds of a fixed number of readers, merged in order: the same bytes for any number of threads.
    Rounds,
    /// Each thread alone, merging whenever it is done with a piece: the same bytes on one thread only.
    Free,
}

/// Settings of the windows trainer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowsConfig {
    /// The model of the window.
    pub model: WindowModel,
    /// The objective.
    pub prediction: Prediction,
    /// The text, and how threads share the model.
    pub text: TextConfig,
}

/// Settings of trainers that read the text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextConfig {
    /// Number of words on each side.
    #[schemars(range(min = 1, max = 255))]
    pub window: u32,
    /// How far a window reaches.
    #[serde(rename = "window_mode")]
    pub reach: Reach,
    /// Words above this share of the text are subsampled before windows are formed; 0 is off.
    #[schemars(range(min = 0, max = 1), extend("x-expected" = "0 (off) or a share of the corpus up to 1"))]
    pub subsample: f64,
    /// `true` gives the same bytes for any number of threads; with `false` threads do not wait for each other.
    #[serde(rename = "deterministic")]
    #[schemars(with = "bool")]
    pub sharing: Sharing,
}

impl From<bool> for MixStep {
    fn from(is_compat: bool) -> Self {
        if is_compat { Self::Whole } else { Self::Gradient }
    }
}

impl From<MixStep> for bool {
    fn from(step: MixStep) -> Self {
        step == MixStep::Whole
    }
}

impl From<bool> for Sharing {
    fn from(is_deterministic: bool) -> Self {
        if is_deterministic { Self::Rounds } else { Self::Free }
    }
}

impl From<Sharing> for bool {
    fn from(sharing: Sharing) -> Self {
        sharing == Sharing::Rounds
    }
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
    /// Length of a vector.
    pub dim: usize,
    /// Initial values.
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
            Prediction::Negatives(NoiseConfig { negatives, noise_exponent }) => settings.extend([
                ("objective", "negative-sampling".into()),
                ("negatives", negatives.to_string()),
                ("noise_exponent", noise_exponent.to_string()),
            ]),
            Prediction::Tree => settings.push(("objective", "hierarchical-softmax".into())),
        }
        settings
    }
}
