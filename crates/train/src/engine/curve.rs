//! Learning curves: which cells are held out, what is noted between epochs, and which epoch was the best.
//!
//! Nouns: a cell is *held out* if a hash of its two ids and the seed says so, both of a pair of words or none, since one half of a
//! symmetric matrix tells the other; it is never trained on. After every epoch a rotation *looks* at the held-out cells: losses and
//! gradients are those of a pass, no number of the model changes. All sums are made in the order of rounds, so no figure but
//! times depends on threads, memory or interruptions.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use wordmill_formats::TileCell;
use wordmill_kernels::random::hash;

use super::metrics::EpochRow;
use crate::stripes::TileStripes;

/// What of a learning curve is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CurvePlan {
    /// The share of cells, or of the text, that is never trained on, and whose loss is reported; 0 is none.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(range(min = 0, max = 0.5), extend("x-expected" = "a share from 0 to 0.5"))]
    pub held_out: f64,
    /// A row of metrics every so many rounds; 0 is only one an epoch.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub log_every: u32,
    /// Training ends when the held-out loss was not lower than before in so many epochs, and the best epoch is kept; 0 trains all.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 100_000))]
    pub patience: u32,
}

fn is_none(share: &f64) -> bool {
    *share == 0.0
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What is called with the row of each epoch once it is complete. A training that goes on after an interruption may call it again
/// for an epoch that it does again.
#[derive(Clone)]
pub struct OnEpoch(pub Arc<dyn Fn(&EpochRow) + Send + Sync>);

impl fmt::Debug for OnEpoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnEpoch")
    }
}

/// Cells that are held out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOut {
    limit: u64,
    seed: u64,
    grid: u32,
}

impl HeldOut {
    pub fn new(curve: &CurvePlan, seed: u64, grid: u32) -> Self {
        // The hash of a cell is below the limit with the probability of the share.
        let limit = (curve.held_out * u64::MAX as f64) as u64;
        Self { limit, seed: hash(seed ^ 0x6865_6c64), grid }
    }

    /// Keeps those of a tile that are held out, or those that are not.
    pub fn retain(&self, tile: TileStripes, cells: &mut Vec<TileCell>, held_out: bool) {
        if self.limit == 0 && !held_out {
            return;
        }
        cells.retain(|cell| {
            let row = cell.row * self.grid + tile.row;
            let column = cell.column * self.grid + tile.column;
            let ids = u64::from(row.min(column)) << 32 | u64::from(row.max(column));
            (hash(self.seed ^ hash(ids)) < self.limit) == held_out
        });
    }
}

#[cfg(test)]
mod tests;
