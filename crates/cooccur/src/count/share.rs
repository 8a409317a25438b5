//! How the memory of the stage is divided, and how the shards are cut into batches.

use std::ops::Range;

use wordmill_flow::Room;

use super::batch::{BatchPlan, PLACE_BYTES};
use super::weighting::WindowConfig;
use crate::runs::sums::RowSums;

/// Upper limit of a batch: a larger one spills hardly less.
const BATCH_PLACES_MAX: u64 = 1 << 28;
/// The most pairs that a thread counts per batch: at 4.8 ns a pair, a crash costs half a minute at
/// most.
pub(super) const BATCH_PAIRS_MAX: u64 = 6_000_000_000;
/// Memory of a worker beside its sums: a shard being read, a frame being packed.
const WORKER_BYTES_FIXED: u64 = 1 << 20;
/// Places that batches need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacesNeeded {
    /// Those of the largest shard.
    pub largest: u64,
    /// Those of all shards.
    pub all: u64,
}

/// How memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub workers: usize,
    /// Columns that a worker sums at once.
    pub width: u32,
    /// Places of a batch.
    pub places: u64,
    /// Total memory.
    pub bytes: u64,
}

impl Share {
    /// The division for this many words and places.
    pub fn new(room: Room, words: u32, needed: PlacesNeeded, batch_bytes: Option<u64>) -> Self {
        let Room { bytes: left, threads } = room;
        let PlacesNeeded { largest, all } = needed;
        // The index of words, and the counts used to build it.
        let index_bytes = 8 * u64::from(words) + 4096;
        let one = WORKER_BYTES_FIXED + RowSums::needed_bytes(words);
        let workers = (left / 2 / one).clamp(1, threads);
        let width = match left / 2 >= one {
            true => words,
            false => RowSums::widest(words, (left / 2).saturating_sub(WORKER_BYTES_FIXED)),
        };
        let worker_bytes = WORKER_BYTES_FIXED + RowSums::needed_bytes(width);
        let fixed = index_bytes + workers * worker_bytes;
        let room = left.saturating_sub(fixed);
        let places = batch_bytes.unwrap_or(room).min(room) / PLACE_BYTES;
        let places = places.min(all).min(BATCH_PLACES_MAX).max(largest);
        Self { workers: workers as usize, width, places, bytes: fixed + places * PLACE_BYTES }
    }
}

/// Ranges of words of about the same number of tokens, for threads to index.
pub(super) fn word_ranges(counts: &[u64], workers: usize) -> Vec<Range<u32>> {
    let total: u64 = counts.iter().sum();
    let (mut ranges, mut first, mut held) = (Vec::new(), 0, 0);
    for (&count, end) in counts.iter().zip(1u32..) {
        held += count;
        if held > total / workers as u64 || end as usize == counts.len() {
            ranges.push(first..end);
            (first, held) = (end, 0);
        }
    }
    ranges
}

/// Cuts the waiting shards into batches of at most `places` places, each of at least one shard.
pub(super) fn plans(
    window: &WindowConfig,
    shards: &[u64],
    items: &[u64],
    places: u64,
) -> Vec<BatchPlan> {
    let mut plans: Vec<BatchPlan> = Vec::new();
    let mut room = 0;
    for (&shard, &items) in shards.iter().zip(items) {
        let size = BatchPlan::places(items, window);
        if size > room || plans.is_empty() {
            plans.push(BatchPlan { shards: Vec::new(), items: Vec::new() });
            room = places;
        }
        let plan = plans.last_mut().expect("one was pushed");
        plan.shards.push(shard);
        plan.items.push(items);
        room = room.saturating_sub(size);
    }
    plans
}
