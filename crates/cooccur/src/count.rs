//! The counting stage: token shards in, spill runs out.
//!
//! Pairs are never written down. A batch of shards is held in memory with an index by word; for
//! each word its places are visited, and the words around them are added into the sums of its row.
//! So the memory is 8 bytes a token instead of 8 a pair, equal cells meet in the cache and not in a
//! sort, both halves of a symmetric matrix come out at once, and a batch is as large as can be. (A
//! sorted list of packed pairs took 45 ns a pair at a window of 5 and spilled half of the cells
//! twice; this takes 4 to 5 ns.)
//!
//! Which shards make up a batch is left to the budget and which rows a thread takes to chance; the
//! sums are not.

pub mod batch;
mod config;
pub mod subsampling;
pub mod weighting;
pub mod windows;

pub use config::{CooccurConfig, CountConfig};

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use wordmill_flow::{Context, Room, StageProgress, run_workers};
use wordmill_formats::{RunDir, ShardId, TokenShard};

use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{RunFile, RunWeights, RunWriter};
use crate::runs::spill::{BatchRow, RunRow, SpillRuns, recover, run_name, run_path};
use crate::runs::sums::RowSums;
use batch::{Batch, BatchPlan, GAP, PLACE_BYTES};
use weighting::WindowConfig;
use windows::add_windows;

/// A batch is never larger: from here on a larger one spills hardly less.
const BATCH_PLACES_MAX: u64 = 1 << 28;
/// Nor does a thread count more pairs in one: with 4.8 ns a pair, a crash costs half a minute at most.
const BATCH_PAIRS_MAX: u64 = 6_000_000_000;
/// What a worker holds beside its sums: a shard being read, a frame being packed.
const WORKER_BYTES_FIXED: u64 = 1 << 20;
/// Threads take rows in blocks; a block that costs less than this is not worth its last frame.
const BLOCK_PAIRS_MIN: u64 = 1 << 18;
/// Blocks that every thread takes, so that all are done at about the same time.
const BLOCKS_PER_WORKER: u64 = 16;

/// What to count: the token shards of a run directory and their vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct CountInput<'a> {
    /// The token shards, in the order of the corpus.
    pub shards: &'a [ShardId],
    /// Counts of the vocabulary's words, most frequent first.
    pub counts: &'a [u64],
}

/// Counts which words meet. Finished batches of an earlier attempt are kept.
///
/// # Errors
/// [`CooccurError::OverBudget`] if not even one worker and one shard fit into the memory budget;
/// [`CooccurError::Config`] if the counts could overflow 64 bits or there are more words than ids.
pub fn count(
    ctx: &Context,
    dir: &RunDir,
    config: &CountConfig,
    input: CountInput<'_>,
) -> Result<SpillRuns, CooccurError> {
    if let Some(list) = SpillRuns::read(dir, &config.fingerprint)? {
        return Ok(list);
    }
    let words = checked_words(input.counts)?;
    config.window.check_total(config.samples() * input.counts.iter().sum::<u64>())?;
    let ranges = RowRanges::new(input.counts, config.window.window);
    let recovered = recover(dir, &config.fingerprint)?;
    let (mut waiting, mut items) = (Vec::new(), Vec::new());
    let shards = (0..config.samples()).flat_map(|_| input.shards);
    for (number, shard) in (0u64..).zip(shards) {
        if recovered.covered.contains(&number) {
            continue;
        }
        let file = TokenShard::open(dir.storage(), &dir.token_shard(*shard))?;
        waiting.push(number);
        items.push(file.file().items());
    }
    let progress = ctx.progress.stage("cooccur", "tokens", items.iter().sum());
    let sizes = items.iter().map(|&items| BatchPlan::places(items, &config.window));
    let (largest, all) = sizes.fold((0, 0), |(max, sum), size| (size.max(max), sum + size));
    let places = PlacesNeeded { largest, all };
    let share = Share::new(ctx.room(), words, places, config.batch_bytes);
    let _memory = ctx.budget.reserve(share.bytes, "counting pairs").map_err(|mut error| {
        error.advice = ", or lower corpus.chunk_bytes or set vocabulary.max_size".into();
        error
    })?;
    let word_ranges = word_ranges(input.counts, share.workers);
    let reach = 2 * u64::from(config.window.window);
    let places = share.places.min(BATCH_PAIRS_MAX * share.workers as u64 / reach);
    let plans = plans(&config.window, &waiting, &items, places);
    for (plan, number) in plans.into_iter().zip(recovered.next_batch..) {
        ctx.cancel.check()?;
        let batch = Batch::load(ctx, dir, input.shards, config, &word_ranges, &plan)?;
        let counting = Counting {
            ctx,
            dir,
            config,
            ranges: &ranges,
            words,
            share,
            batch,
            progress: &progress,
        };
        let (runs, pairs) = counting.run(number)?;
        let covers = plan.shards.clone();
        let row = BatchRow { fingerprint: config.fingerprint.clone(), covers, pairs, runs };
        row.write(dir, number)?;
    }
    let list = recover(dir, &config.fingerprint)?.list;
    if list.cells() == 0 {
        return Err(CooccurError::NoPairs { window: u32::from(config.window.window) });
    }
    list.write(dir)?;
    Ok(list)
}

fn checked_words(counts: &[u64]) -> Result<u32, CooccurError> {
    let words = u32::try_from(counts.len()).ok().filter(|&words| words < GAP);
    words.ok_or_else(|| CooccurError::Config {
        key: "vocabulary.min_count",
        what: format!(
            "{} words in the vocabulary, at most {} can be paired; raise min_count or set max_size",
            counts.len(),
            GAP - 1
        ),
    })
}

/// Places that batches need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacesNeeded {
    /// Of the largest shard.
    pub largest: u64,
    /// Of all shards.
    pub all: u64,
}

/// How memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    workers: usize,
    /// Columns that a worker adds up at once.
    pub width: u32,
    /// Places of a batch.
    pub places: u64,
    pub bytes: u64,
}

impl Share {
    /// For so many words and places.
    pub fn new(room: Room, words: u32, needed: PlacesNeeded, batch_bytes: Option<u64>) -> Self {
        let Room { bytes: left, threads } = room;
        let PlacesNeeded { largest, all } = needed;
        // The index of words, and its counts while it is made.
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
fn word_ranges(counts: &[u64], workers: usize) -> Vec<Range<u32>> {
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

/// Cuts the shards that wait into batches of at most `places` places, each of at least one shard.
fn plans(window: &WindowConfig, shards: &[u64], items: &[u64], places: u64) -> Vec<BatchPlan> {
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

/// One batch being counted.
struct Counting<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    config: &'a CountConfig,
    ranges: &'a RowRanges,
    words: u32,
    share: Share,
    batch: Batch,
    progress: &'a StageProgress,
}

/// Consecutive rows of one range.
struct Block {
    rows: Range<u32>,
    partition: usize,
}

impl Counting<'_> {
    /// Spills the batch; returns its runs and its pairs.
    fn run(self, number: u64) -> Result<(Vec<RunRow>, u64), CooccurError> {
        let weights = RunWeights { unit: self.config.unit(), samples: self.config.samples() };
        let mut runs = Vec::new();
        for partition in 0..self.ranges.partitions() {
            let path = run_path(self.dir, &run_name(partition, number));
            runs.push(RunFile::create(self.dir.storage(), &path, weights)?);
        }
        let blocks = self.blocks();
        let next = AtomicUsize::new(0);
        let counted = run_workers("cooccur", self.share.workers, |_| {
            let mut cells = vec![0; runs.len()];
            let mut sums = RowSums::new(self.share.width);
            let mut writer = RunWriter::new(weights.codes());
            while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.ctx.cancel.check_overdue()?;
                let before = writer.cells();
                self.block(block, &mut sums, &runs[block.partition], &mut writer)?;
                cells[block.partition] += writer.cells() - before;
            }
            Ok::<_, CooccurError>(cells)
        })?;
        let mut rows = Vec::new();
        for (partition, run) in runs.into_iter().enumerate() {
            let cells = counted.iter().map(|cells| cells[partition]).sum();
            if cells > 0 {
                let bytes = run.finish()?.bytes;
                let (file, partition) = (run_name(partition, number), partition as u32);
                rows.push(RunRow { partition, file, cells, bytes });
            }
        }
        Ok((rows, self.batch.pairs))
    }

    /// Rows in blocks of about the same cost, none across two ranges.
    fn blocks(&self) -> Vec<Block> {
        let places = |row: u32| self.batch.positions(row).len() as u64;
        let reach = 2 * u64::from(self.config.window.window);
        let total = (0..self.words).map(places).sum::<u64>() * reach;
        let most = (total / (self.share.workers as u64 * BLOCKS_PER_WORKER)).max(BLOCK_PAIRS_MIN);
        let mut blocks = Vec::new();
        for range in 0..self.ranges.len() {
            let (first, rows) = self.ranges.range(range);
            let partition = self.ranges.partition(range);
            let (mut start, mut held) = (first, 0);
            for row in first..first + rows {
                held += places(row) * reach;
                if held >= most || row + 1 == first + rows {
                    blocks.push(Block { rows: start..row + 1, partition });
                    (start, held) = (row + 1, 0);
                }
            }
        }
        blocks
    }

    fn block(
        &self,
        block: &Block,
        sums: &mut RowSums,
        run: &RunFile,
        writer: &mut RunWriter,
    ) -> Result<(), CooccurError> {
        let weights = self.config.window.weights();
        for row in block.rows.clone() {
            let positions = self.batch.positions(row);
            let boundary_pairs = self.batch.boundary_pairs(row);
            if positions.is_empty() && boundary_pairs.is_empty() {
                continue;
            }
            for base in sums.blocks(self.words) {
                sums.enter(base);
                let places = self.batch.places();
                add_windows(places, positions, self.config.window.sides, &weights, sums);
                for pair in boundary_pairs {
                    sums.add(pair.column, weights[usize::from(pair.distance)]);
                }
                let (columns, weights) = sums.take();
                writer.row(run, row, columns, weights)?;
            }
            self.progress.add(positions.len() as u64);
        }
        Ok(writer.flush(run)?)
    }
}
