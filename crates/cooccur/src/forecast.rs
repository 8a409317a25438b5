//! What the stages will take, from sizes that are only known about: the arithmetic with which they
//! divide their memory, and what was measured of their files.

use wordmill_formats::Packing;

use crate::capacity::Capacity;
use crate::count::batch::PLACE_BYTES;
use crate::count::{PlacesNeeded, Share as CountShare};
use crate::merge::Share as MergeShare;
use crate::merge::rows::FAN_IN;
use crate::shuffle::{DealShare, LAY_OUT_CELL_BYTES};

/// Spill files of a batch.
const PARTITIONS: f64 = 16.0;
/// Stored bytes of a cell in a spill run or in a unsorted block, by whether its weight is its own code
/// (English: 1.38 with a unit of 60; 1.89 with 360,360).
const RUN_CELL_BYTES: [f64; 2] = [1.4, 1.9];
/// In tiles (2.0 and 2.7).
const TILE_CELL_BYTES: [f64; 2] = [2.05, 2.75];
/// In a CSR shard: column and weight; one weight beyond 32 bits makes those of its shard wider.
const MATRIX_CELL_BYTES: [f64; 2] = [8.02, 8.35];

/// Cells that a thread deals in half a minute, after which they are written down.
const WRITTEN_CELLS: f64 = 4e8;

/// Sizes of what will be counted.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens.
    pub tokens: f64,
    /// Tokens of a shard.
    pub shard_tokens: f64,
    /// Words of the vocabulary.
    pub words: f64,
    /// Cells of the matrix.
    pub cells: f64,
    /// The power with which distinct cells grow with tokens: 1 means no cell comes twice.
    pub cell_growth: f64,
    /// How many units a weight of 1 has.
    pub unit: u64,
    /// Stripes a side.
    pub grid: u32,
}

/// What a stage takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forecast {
    /// Memory that it cannot do without, in bytes.
    pub least_bytes: f64,
    /// Memory that it will take, in bytes.
    pub memory_bytes: f64,
    /// Disk at its peak, in bytes, beside what other stages left.
    pub scratch_bytes: f64,
    /// Bytes that it leaves.
    pub left_bytes: f64,
    /// Files open at once.
    pub files: f64,
}

impl Sizes {
    fn coded(&self) -> usize {
        usize::from(matches!(
            wordmill_formats::CellCodes::of_unit(self.unit, 1),
            wordmill_formats::CellCodes::Table(_)
        ))
    }

    /// Cells that all batches spill together.
    pub fn spilled_cells(&self, capacity: Capacity) -> f64 {
        self.batches(capacity).1
    }

    fn words(&self) -> u32 {
        self.words.min(f64::from(u32::MAX - 2)) as u32
    }

    /// Batches, and cells that they spill together.
    fn batches(&self, capacity: Capacity) -> (f64, f64) {
        let places = count_share(self, capacity).places as f64;
        let batches = (self.tokens / places.max(1.0)).ceil().max(1.0);
        (batches, self.cells * batches.powf(1.0 - self.cell_growth))
    }
}

/// Row ranges of so many cells: about half of what they aim at comes true.
fn ranges(cells: f64) -> f64 {
    (cells / 2.5e6).max(16.0)
}

fn count_share(sizes: &Sizes, capacity: Capacity) -> CountShare {
    let places = PlacesNeeded { largest: sizes.shard_tokens as u64, all: sizes.tokens as u64 };
    CountShare::new(capacity, sizes.words(), places, None)
}

/// Counting.
pub fn count(sizes: &Sizes, capacity: Capacity) -> Forecast {
    let (_, spilled) = sizes.batches(capacity);
    let runs = spilled * RUN_CELL_BYTES[sizes.coded()];
    Forecast {
        least_bytes: 8.0 * sizes.words + sizes.shard_tokens * PLACE_BYTES as f64 + 2e6,
        memory_bytes: count_share(sizes, capacity).bytes as f64,
        scratch_bytes: runs,
        left_bytes: runs,
        files: PARTITIONS,
    }
}

/// Merging.
pub fn merge(sizes: &Sizes, capacity: Capacity) -> Forecast {
    let (batches, spilled) = sizes.batches(capacity);
    let share = MergeShare::new(capacity, sizes.words(), batches.min(FAN_IN as f64) as u64);
    let runs = spilled * RUN_CELL_BYTES[sizes.coded()];
    let matrix = sizes.cells * MATRIX_CELL_BYTES[sizes.coded()] + 8.0 * sizes.words;
    // Shards smaller than the room for them leave it empty.
    let ranges = ranges(sizes.cells);
    let (workers, spool) = (share.workers as f64, share.spool_bytes as f64);
    let empty = workers * (spool - 1.5 * matrix / ranges).max(0.0);
    let least = MergeShare::new(Capacity { bytes: 0, threads: 1 }, sizes.words().min(1 << 16), 2)
        .bytes as f64;
    Forecast {
        least_bytes: least,
        // Frames in hand and buffers of files come on top of what is reserved for them.
        memory_bytes: 1.25 * (share.bytes as f64 - empty).max(least),
        // The spill shrinks partition by partition while the matrix grows.
        scratch_bytes: matrix.max(runs) + runs.min(matrix) / PARTITIONS * 2.0 - runs,
        left_bytes: matrix - runs,
        files: batches.min(FAN_IN as f64) * (1.0 + workers / 4.0) + workers,
    }
}

/// Laying out tiles.
pub fn shuffle(sizes: &Sizes, capacity: Capacity) -> Forecast {
    let grid = sizes.grid.max(1);
    let share = DealShare::new(capacity, 0, grid);
    let unsorted_bytes = match share.packing(sizes.cells as u64) {
        Packing::Stored => sizes.cells * (RUN_CELL_BYTES[sizes.coded()] + 2.6),
        Packing::Zstd => sizes.cells * (RUN_CELL_BYTES[sizes.coded()] + 0.4),
    };
    let held = unsorted_bytes.min(share.piles_bytes() as f64);
    let buckets = f64::from(grid) * f64::from(grid.min(4096 / grid.min(4096)));
    let part = sizes.cells / ranges(sizes.cells);
    let in_hand = ((buckets * 4096.0).min(2.0 * part) * 20.0).min(share.worker_bytes as f64);
    let lay_out = (sizes.cells / buckets * LAY_OUT_CELL_BYTES as f64).min(capacity.bytes as f64);
    let workers = capacity.threads as f64;
    let tiles = sizes.cells * TILE_CELL_BYTES[sizes.coded()];
    let is_long = sizes.cells > WRITTEN_CELLS * workers;
    let on_disk = if unsorted_bytes > held || is_long { unsorted_bytes } else { 0.0 };
    Forecast {
        least_bytes: 12e6,
        memory_bytes: held + (share.workers as f64 * in_hand).max(workers * lay_out),
        scratch_bytes: tiles.max(on_disk) + on_disk.min(tiles) / f64::from(grid),
        left_bytes: tiles,
        // All stripes are opened at the end.
        files: f64::from(grid).max(2.0 * workers),
    }
}
