//! What stands where a trainer's settings are not written: our own defaults, or those of a peer.
//!
//! Peers: word2vec.c as of 2013 (skip-gram), fastText 0.9 (`skipgram`), and the program `glove` of 2014
//! with its own options, not those of its demonstration.

use super::choice::{Choice as _, ContextRates, Preset};

/// Defaults of a trainer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub dim: u64,
    pub epochs: u64,
    pub rate: f64,
    pub rotations: u64,
    pub noise_exponent: f64,
    pub subsample: f64,
    pub context_rates: ContextRates,
    pub x_max: f64,
}

/// Ours of skip-gram; the peers differ where it is said.
const SKIP_GRAM: Defaults = Defaults {
    dim: 100,
    epochs: 5,
    rate: 0.05,
    rotations: 8,
    noise_exponent: 0.75,
    subsample: 1e-3,
    context_rates: ContextRates::ByCount,
    x_max: 10.0,
};

impl Defaults {
    /// The defaults of a preset for GloVe or for skip-gram; `None` where it has none.
    pub(super) fn of(preset: Preset, glove: bool) -> Option<Self> {
        let glove_defaults = Self { epochs: 15, rotations: 1, ..SKIP_GRAM };
        Some(match (preset, glove) {
            (Preset::Wordmill, false) => SKIP_GRAM,
            (Preset::Wordmill, true) => glove_defaults,
            (Preset::Word2vec, false) => {
                Self { rate: 0.025, context_rates: ContextRates::Even, ..SKIP_GRAM }
            }
            (Preset::Fasttext, false) => Self {
                noise_exponent: 0.5,
                subsample: 1e-4,
                context_rates: ContextRates::Even,
                ..SKIP_GRAM
            },
            (Preset::Glove, true) => Self { dim: 50, epochs: 25, x_max: 100.0, ..glove_defaults },
            (Preset::Word2vec | Preset::Fasttext, true) | (Preset::Glove, false) => return None,
        })
    }
}

/// Why a preset has no defaults for a trainer.
pub(super) fn misplaced(preset: Preset) -> String {
    let model = if preset == Preset::Glove { "glove" } else { "skip-gram" };
    format!("{:?} is for model = {model:?}; choose another or leave it out", preset.name())
}
