//! What stands where a trainer's settings are not written: our own defaults, or those of a peer.
//!
//! Peers: word2vec.c as of 2013, fastText 0.9 (`skipgram`, `cbow`), and the program `glove` of 2014
//! with its own options, not those of its demonstration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Value;
use wordmill_cooccur::{CooccurConfig, Weighting, WindowConfig};
use wordmill_train::{
    ContextRates, ModelName as Model, ObjectiveName as Objective, SourceName as TrainSource,
};

use super::layers::Layers;
use super::section::name_of;

/// `train.preset`: whose settings hold where none are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Preset {
    /// Our own.
    Wordmill,
    /// Those of word2vec.c.
    Word2vec,
    /// Those of fastText, without parts of words.
    Fasttext,
    /// Those of the program glove.
    Glove,
}

/// Defaults of a trainer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub dim: usize,
    pub epochs: u32,
    pub rate: f64,
    pub rotations: u32,
    pub noise_exponent: f64,
    pub subsample: f64,
    pub context_rates: ContextRates,
    pub cbow_compat: bool,
    pub x_max: f64,
}

/// Ours of negative sampling; the others differ where it is said.
const SKIP_GRAM: Defaults = Defaults {
    dim: 100,
    epochs: 5,
    rate: 0.05,
    rotations: 8,
    noise_exponent: 0.75,
    subsample: 1e-3,
    context_rates: ContextRates::ByCount,
    cbow_compat: false,
    x_max: 10.0,
};

/// Ours of hierarchical softmax. On 22 million tokens of English, d = 100 (seed 1: Google, WordSim-353, SimLex): 4 epochs in 2 rotations at
/// a rate of 0.07 36.5, 63.3, 25.4; at 0.1 35.0, 64.4, 24.7, in 4 rotations 36.5, 63.5, 24.2; 3 epochs at 0.1 33.6, 63.5, 23.2; 5 epochs in
/// 8 rotations at 0.05 38.8, 63.0, 24.5 with twice the work. The program word2vec in 5 epochs: 34.9, 63.1, 24.9.
const SOFTMAX: Defaults = Defaults { epochs: 4, rate: 0.07, rotations: 2, ..SKIP_GRAM };

/// Rates where the text is read: of CBOW with the gradient of the mean, and of skip-gram. On 22 million tokens of English (d = 100,
/// 5 epochs, one seed: Google, WordSim-353, SimLex) skip-gram at 0.05: 40.7, 65.8, 26.6; pWord2Vec at its 0.025 41.3, 65.7, 26.9.
const CBOW_RATE: f64 = 0.1;
const WINDOWS_RATE: f64 = 0.05;

/// Ours of GloVe.
const GLOVE: Defaults = Defaults { epochs: 15, rotations: 1, ..SKIP_GRAM };

impl Defaults {
    /// The defaults of a preset for a model, what it reads, and its objective, which GloVe does not have;
    /// `None` where it has no defaults.
    pub(super) fn of(
        preset: Preset,
        (model, source): (Model, TrainSource),
        objective: Option<Objective>,
    ) -> Option<Self> {
        if source == TrainSource::Windows {
            return Self::of_windows(preset, model);
        }
        Some(match (preset, objective) {
            (Preset::Wordmill, Some(Objective::NegativeSampling)) => SKIP_GRAM,
            (Preset::Wordmill, Some(Objective::HierarchicalSoftmax)) => SOFTMAX,
            (Preset::Wordmill, None) => GLOVE,
            (Preset::Word2vec, Some(_)) => {
                Self { rate: 0.025, context_rates: ContextRates::Even, ..SKIP_GRAM }
            }
            (Preset::Fasttext, Some(_)) => Self {
                noise_exponent: 0.5,
                subsample: 1e-4,
                context_rates: ContextRates::Even,
                ..SKIP_GRAM
            },
            (Preset::Glove, None) => Self { dim: 50, epochs: 25, x_max: 100.0, ..GLOVE },
            (Preset::Word2vec | Preset::Fasttext, None) | (Preset::Glove, Some(_)) => return None,
        })
    }

    /// The same where the text is read.
    fn of_windows(preset: Preset, model: Model) -> Option<Self> {
        let is_cbow = model == Model::Cbow;
        let base = Self { rotations: 1, context_rates: ContextRates::Even, ..SKIP_GRAM };
        Some(match preset {
            Preset::Wordmill if is_cbow => Self { rate: CBOW_RATE, ..base },
            Preset::Wordmill => Self { rate: WINDOWS_RATE, ..base },
            Preset::Word2vec if is_cbow => Self { rate: 0.05, cbow_compat: true, ..base },
            Preset::Word2vec => Self { rate: 0.025, ..base },
            Preset::Fasttext => {
                let (noise_exponent, subsample) = (0.5, 1e-4);
                Self { noise_exponent, subsample, cbow_compat: is_cbow, ..base }
            }
            Preset::Glove => return None,
        })
    }
}

/// Defaults of `[cooccur]`: those of the preset that all trainers share, if they do; what they count is theirs too.
pub(super) fn counts(layers: &Layers) -> CooccurConfig {
    let ours = CooccurConfig::default();
    match shared(layers) {
        Preset::Wordmill | Preset::Word2vec => ours,
        Preset::Fasttext => CooccurConfig { subsample: 1e-4, ..ours },
        Preset::Glove => {
            let window = WindowConfig { window: 15, weighting: Weighting::Harmonic, ..ours.window };
            CooccurConfig { window, subsample: 0.0, ..ours }
        }
    }
}

/// The preset of all trainers; ours where they have several, or one that is none.
fn shared(layers: &Layers) -> Preset {
    let rows = layers.table.get("train").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let preset = |row: &Value| Preset::deserialize(row.get("preset")?.clone()).ok();
    let first = rows.first().and_then(preset);
    first
        .filter(|&first| rows.iter().all(|row| preset(row) == Some(first)))
        .unwrap_or(Preset::Wordmill)
}

/// Why a preset has no defaults for a trainer.
pub(super) fn misplaced(preset: Preset) -> String {
    let models = if preset == Preset::Glove { "\"glove\"" } else { "\"skip-gram\" or \"cbow\"" };
    format!("{:?} is for model = {models}; choose another or leave it out", name_of(&preset))
}
