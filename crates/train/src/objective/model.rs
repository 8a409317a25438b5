//! Settings that several objectives have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::optim::steps::OptimizerConfig;

/// The noise that pairs are distinguished from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoiseConfig {
    /// Number of noise words for each pair.
    #[schemars(range(min = 1, max = 1000))]
    pub negatives: u32,
    /// Noise is drawn in proportion to count to this power.
    #[schemars(range(min = -2, max = 2))]
    pub noise_exponent: f64,
}

/// What every objective has: the shape of its vectors, and how they move.
#[derive(Clone, Copy, Debug)]
pub struct ModelConfig {
    /// Length of a vector.
    pub dim: usize,
    /// Optimiser and penalties.
    pub steps: OptimizerConfig,
    /// Seed of the initial values.
    pub seed: u64,
}
