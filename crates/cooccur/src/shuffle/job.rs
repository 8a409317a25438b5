//! What the parts of the stage share: settings, source, and the grouping of tiles.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use wordmill_flow::Context;
use wordmill_formats::{CellCodes, CellSource, RunDir, StripeFile, TileGrid};
use wordmill_kernels::random::hash;

use crate::error::CooccurError;

/// Groups of tiles that cells are dealt to: more of them would give blocks of too few cells. A
/// group is one tile for up to 64 stripes.
const GROUPS_MAX: u32 = 4096;

/// `[tiles]`: how the matrix is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TilesConfig {
    /// Number of stripes of the matrix per side, up to 256; 0 chooses by the size of the model.
    #[schemars(range(min = 0, max = 256))]
    pub grid: u32,
}

/// A stripe of this size stays in a core's cache while it is trained with a dimension of about 100.
const STRIPE_BYTES: u64 = 4 << 20;

impl TilesConfig {
    /// Stripes per side for this many words: as given, or such that a stripe stays in cache. It depends only
    /// on the vocabulary, so trainers of any dimension share the tiles.
    #[must_use]
    pub fn stripes(&self, words: u64) -> u32 {
        match self.grid {
            0 => {
                let wanted = (words * 128 * 4).div_ceil(STRIPE_BYTES).clamp(16, 256);
                wanted.min(words / 64).max(1) as u32
            }
            grid => grid,
        }
    }
}

/// How to shuffle.
#[derive(Clone, Debug)]
pub struct ShuffleConfig {
    /// Folder of the stripe files inside the run directory.
    pub folder: String,
    /// Stripes per side.
    pub grid: u32,
    /// Seed of the order.
    pub seed: u64,
    /// Identifies settings and inputs; files with another fingerprint are rebuilt.
    pub fingerprint: String,
    /// Number of slots that cold cells are put into instead of into random order, or 0.
    pub slots: u32,
    /// Dealt cells are written to disk at this age.
    pub checkpoint_every: Duration,
}

/// What both halves of the stage share.
pub(super) struct Shuffle<'a> {
    pub ctx: &'a Context,
    pub dir: &'a RunDir,
    pub config: &'a ShuffleConfig,
    pub source: &'a dyn CellSource,
    pub grid: TileGrid,
}

impl Shuffle<'_> {
    pub fn finished(&self, stripe: u32) -> Result<Option<StripeFile>, CooccurError> {
        let path = self.dir.stripe(&self.config.folder, stripe);
        match StripeFile::open(self.dir.storage(), &path) {
            Ok(file) => {
                let same = file.file().setting("fingerprint") == Some(&self.config.fingerprint);
                Ok(same.then_some(file))
            }
            Err(error) if error.is_not_found() || error.is_bad_artefact() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub fn unsorted_path(&self, stripe: u32, round: u32) -> PathBuf {
        let folder = &self.config.folder;
        self.dir.path(&format!("{folder}/loose-{stripe:03}-{round:05}.cells"))
    }

    pub fn codes(&self) -> CellCodes {
        let unit = self.source.unit();
        unit.map_or(CellCodes::None, |unit| CellCodes::of_unit(unit, self.source.samples()))
    }

    pub fn groups(&self) -> Groups {
        let (grid, slots) = (self.grid.grid, 1 + self.config.slots);
        Groups { grid, groups: (GROUPS_MAX / slots / grid).clamp(1, grid), slots }
    }
}

/// Column stripes in groups. Columns of a group are renumbered within it, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    pub grid: u32,
    pub groups: u32,
    /// Buckets of a group: one for each slot, the hot section first.
    pub slots: u32,
}

impl Groups {
    /// Buckets that a row stripe is dealt to.
    pub fn buckets(self) -> u32 {
        self.groups * self.slots
    }

    /// First column stripe of a group, and the number of them.
    pub fn stripes(self, group: u32) -> (u32, u32) {
        let edge =
            |group: u32| (u64::from(group) * u64::from(self.grid) / u64::from(self.groups)) as u32;
        (edge(group), edge(group + 1) - edge(group))
    }

    /// The group of each column stripe, with its place there and their number.
    pub fn table(self) -> Vec<(u32, u32, u32)> {
        let entries = (0..self.groups).flat_map(|group| {
            let (_, stripes) = self.stripes(group);
            (0..stripes).map(move |place| (group, place, stripes))
        });
        entries.collect()
    }
}

/// The seed of the hash that orders cells: `finalize(row << 32 | column + mixed_seed)`.
pub(super) fn mixed_seed(seed: u64) -> u64 {
    hash(seed)
}
