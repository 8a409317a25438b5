//! Learning curves: which cells are held out, what is recorded between epochs, and which epoch was the
//! best.
//!
//! Terms: a cell is *held out* if a hash of its two ids and the seed says so. Both cells of a pair of words are held
//! out or none, since one half of a symmetric matrix gives away the other. Held-out cells are never trained on. After
//! every epoch a rotation *looks* at them: it computes losses and gradients as a pass does, but changes no number of
//! the model. All sums are in the order of rounds, so no figure but times depends on threads, memory or interruptions.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use wordmill_formats::TileCell;
use wordmill_kernels::random::hash;

use super::metrics::EpochRow;
use crate::stripes::TileStripes;

/// Settings of a learning curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CurvePlan {
    /// The share of cells, or of the text, that is never trained on, and whose loss is reported; 0 holds nothing out.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(range(min = 0, max = 0.5), extend("x-expected" = "a share from 0 to 0.5"))]
    pub held_out: f64,
    /// Write a row of metrics every N rounds; 0 writes only one per epoch.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub log_every: u32,
    /// Stop after this many epochs without a lower held-out loss, and keep the best epoch; 0 trains all epochs.
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

/// Called with the row of each epoch once it is complete. A resumed training may call it again for an epoch that it
/// repeats.
#[derive(Clone)]
pub struct OnEpoch(pub Arc<dyn Fn(&EpochRow) + Send + Sync>);

impl fmt::Debug for OnEpoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnEpoch")
    }
}

/// Selects the held-out cells.
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

    /// Keeps only the held-out cells of a tile, or only the others.
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
