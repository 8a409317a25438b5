//! What the stages will take, from estimated sizes: the same arithmetic with which they divide
//! their memory, and measurements of their files.

use wordmill_flow::{self as flow, Need, Room};
use wordmill_formats::Packing;

use crate::count::batch::PLACE_BYTES;
use crate::count::weighting::Sides;
use crate::count::{CooccurConfig, PlacesNeeded, Share as CountShare};
use crate::merge::Share as MergeShare;
use crate::merge::rows::FAN_IN;
use crate::shuffle::{DealShare, LAY_OUT_CELL_BYTES, TilesConfig};

/// Spill files per batch.
const PARTITIONS: f64 = 16.0;
/// Stored bytes of a cell in a spill run or in an unsorted block, by whether its weight has a code
/// (English: 1.38 with a unit of 60; 1.89 with 360,360).
const RUN_CELL_BYTES: [f64; 2] = [1.4, 1.9];
/// In tiles (2.0 and 2.7).
const TILE_CELL_BYTES: [f64; 2] = [2.05, 2.75];
/// In a CSR shard: column and weight; one weight beyond 32 bits makes those of its shard wider.
const MATRIX_CELL_BYTES: [f64; 2] = [8.02, 8.35];

/// Cells that a thread deals in half a minute, after which they are written to disk.
const WRITTEN_CELLS: f64 = 4e8;

/// Nanoseconds of a core per token, pair, cell that is spilled, merged, written into the matrix, put into tiles; more
/// for a cell whose weight is stored in its own bytes. Fitted to 22 million tokens of English at windows of 1 to 50;
/// accurate within 15 %, for cells of wide weights within 30 %.
const PLACE: f64 = 39.0;
const PAIR: f64 = 3.4;
const SPILLED_CELL: f64 = 36.0;
const MERGED_CELL: f64 = 7.0;
const MATRIX_CELL: f64 = 28.0;
const WIDE_MATRIX_CELL: f64 = 14.0;
const TILE_CELL: f64 = 98.0;
const WIDE_TILE_CELL: f64 = 30.0;
/// For a text subsampled at 1e-3: the share of tokens kept, the cells of a sample per cell of the whole text,
/// as windows reach further, and the share of new cells in another sample (English, 22 million tokens).
const SUBSAMPLED_TEXT: f64 = 0.76;
const SUBSAMPLED_CELLS: f64 = 1.22;
const SAMPLE_CELLS: f64 = 0.037;

/// Sizes of the data to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens of the text.
    pub text_tokens: f64,
    /// Tokens that are counted, of all samples.
    pub tokens: f64,
    /// Tokens of a shard.
    pub shard_tokens: f64,
    /// Words of the vocabulary.
    pub words: f64,
    /// Pairs that are counted.
    pub pairs: f64,
    /// Cells of the matrix.
    pub cells: f64,
    /// The power with which distinct cells grow with tokens: 1 means that no cell occurs twice.
    pub cell_growth: f64,
    /// How many units a weight of 1 has.
    pub unit: u64,
    /// Stripes per side.
    pub grid: u32,
}

/// Cells per cell of the text without subsampling.
#[must_use]
pub fn cells_factor(config: &CooccurConfig, tokens: u64) -> f64 {
    match config.subsample > 0.0 {
        true => {
            let samples = f64::from(config.samples_of(tokens));
            SUBSAMPLED_CELLS + SAMPLE_CELLS * (samples - 1.0)
        }
        false => 1.0,
    }
}

impl Sizes {
    /// The sizes of a text, whose cells are those to be counted, in chunks of this many bytes.
    #[must_use]
    pub fn of(
        config: &CooccurConfig,
        tiles: &TilesConfig,
        text: &flow::Sizes,
        chunk_bytes: u64,
    ) -> Self {
        let tokens = text.tokens as u64;
        let is_subsampled = config.subsample > 0.0 && text.bytes > 0.0;
        let counted = match is_subsampled {
            true => SUBSAMPLED_TEXT * f64::from(config.samples_of(tokens)),
            false => 1.0,
        };
        let sides = if config.window.sides == Sides::Both { 2.0 } else { 1.0 };
        Self {
            text_tokens: text.tokens,
            tokens: text.tokens * counted,
            shard_tokens: text.chunk_tokens(chunk_bytes),
            words: text.words,
            pairs: counted * sides * text.tokens * f64::from(config.window.window),
            cells: text.cells,
            cell_growth: text.cell_growth,
            unit: config.unit_of(tokens),
            grid: tiles.stripes(text.words as u64),
        }
    }

    /// Whether weights are stored in their own bytes; those that are in a table of whole numbers are
    /// short.
    fn is_wide(&self) -> f64 {
        f64::from(u8::from(self.unit > 255))
    }

    fn coded(&self) -> usize {
        usize::from(matches!(
            wordmill_formats::CellCodes::of_unit(self.unit, 1),
            wordmill_formats::CellCodes::Table(_)
        ))
    }

    /// Cells that all batches spill together.
    pub fn spilled_cells(&self, room: Room) -> f64 {
        self.batches(room).1
    }

    fn words(&self) -> u32 {
        self.words.min(f64::from(u32::MAX - 2)) as u32
    }

    /// Batches, and cells that they spill together.
    fn batches(&self, room: Room) -> (f64, f64) {
        let places = count_share(self, room).places as f64;
        let batches = (self.tokens / places.max(1.0)).ceil().max(1.0);
        (batches, self.cells * batches.powf(1.0 - self.cell_growth))
    }
}

/// Row ranges for this many cells: about half of the cells that ranges aim at are really in them.
fn ranges(cells: f64) -> f64 {
    (cells / 2.5e6).max(16.0)
}

fn count_share(sizes: &Sizes, room: Room) -> CountShare {
    let places = PlacesNeeded { largest: sizes.shard_tokens as u64, all: sizes.tokens as u64 };
    CountShare::new(room, sizes.words(), places, None)
}

/// The need of counting.
#[must_use]
pub fn count(sizes: &Sizes, room: Room) -> Need {
    let (_, spilled) = sizes.batches(room);
    let runs = spilled * RUN_CELL_BYTES[sizes.coded()];
    Need {
        least_bytes: 8.0 * sizes.words + sizes.shard_tokens * PLACE_BYTES as f64 + 2e6,
        memory_bytes: count_share(sizes, room).bytes as f64,
        scratch_bytes: runs,
        left_bytes: runs,
        files: PARTITIONS,
        core_seconds: 1e-9
            * (PLACE * sizes.text_tokens + PAIR * sizes.pairs + SPILLED_CELL * spilled),
        wait_seconds: 0.0,
    }
}

/// The need of merging.
#[must_use]
pub fn merge(sizes: &Sizes, room: Room) -> Need {
    let (batches, spilled) = sizes.batches(room);
    let share = MergeShare::new(room, sizes.words(), batches.min(FAN_IN as f64) as u64);
    let runs = spilled * RUN_CELL_BYTES[sizes.coded()];
    let matrix = sizes.cells * MATRIX_CELL_BYTES[sizes.coded()] + 8.0 * sizes.words;
    // Shards smaller than their reservation leave it unused.
    let ranges = ranges(sizes.cells);
    let (workers, spool) = (share.workers as f64, share.spool_bytes as f64);
    let empty = workers * (spool - 1.5 * matrix / ranges).max(0.0);
    let least =
        MergeShare::new(Room { bytes: 0, threads: 1 }, sizes.words().min(1 << 16), 2).bytes as f64;
    Need {
        least_bytes: least,
        // Frames in progress and file buffers are added to the reservation.
        memory_bytes: 1.25 * (share.bytes as f64 - empty).max(least),
        // The spill shrinks partition by partition while the matrix grows.
        scratch_bytes: matrix.max(runs) + runs.min(matrix) / PARTITIONS * 2.0 - runs,
        left_bytes: matrix - runs,
        files: batches.min(FAN_IN as f64) * (1.0 + workers / 4.0) + workers,
        core_seconds: 1e-9
            * (MERGED_CELL * spilled
                + (MATRIX_CELL + sizes.is_wide() * WIDE_MATRIX_CELL) * sizes.cells),
        wait_seconds: 0.0,
    }
}

/// The need of laying out tiles.
#[must_use]
pub fn shuffle(sizes: &Sizes, room: Room) -> Need {
    let grid = sizes.grid.max(1);
    let share = DealShare::new(room, 0, grid);
    let unsorted_bytes = match share.packing(sizes.cells as u64) {
        Packing::Stored => sizes.cells * (RUN_CELL_BYTES[sizes.coded()] + 2.6),
        Packing::Zstd => sizes.cells * (RUN_CELL_BYTES[sizes.coded()] + 0.4),
    };
    let held = unsorted_bytes.min(share.piles_bytes() as f64);
    let buckets = f64::from(grid) * f64::from(grid.min(4096 / grid.min(4096)));
    let part = sizes.cells / ranges(sizes.cells);
    let in_hand = ((buckets * 4096.0).min(2.0 * part) * 20.0).min(share.worker_bytes as f64);
    let lay_out = (sizes.cells / buckets * LAY_OUT_CELL_BYTES as f64).min(room.bytes as f64);
    let workers = room.threads as f64;
    let tiles = sizes.cells * TILE_CELL_BYTES[sizes.coded()];
    let is_long = sizes.cells > WRITTEN_CELLS * workers;
    let on_disk = if unsorted_bytes > held || is_long { unsorted_bytes } else { 0.0 };
    Need {
        least_bytes: 12e6,
        memory_bytes: held + (share.workers as f64 * in_hand).max(workers * lay_out),
        scratch_bytes: tiles.max(on_disk) + on_disk.min(tiles) / f64::from(grid),
        left_bytes: tiles,
        // All stripes are opened at the end.
        files: f64::from(grid).max(2.0 * workers),
        core_seconds: 1e-9 * (TILE_CELL + sizes.is_wide() * WIDE_TILE_CELL) * sizes.cells,
        wait_seconds: 0.0,
    }
}
