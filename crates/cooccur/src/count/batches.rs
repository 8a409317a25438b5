//! The step of the stage: a unit of work for each batch, which spills one run per partition and writes a record
//! of them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use wordmill_flow::{Context, Label, StageProgress, Step, Unit, run_workers};
use wordmill_formats::{RunDir, ShardId, TokenShard};

use super::batch::{Batch, BatchPlan};
use super::config::{CountConfig, CountInput};
use super::share::{BATCH_PAIRS_MAX, PlacesNeeded, Share, plans, word_ranges};
use super::windows::add_windows;
use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{RunFile, RunWeights, RunWriter};
use crate::runs::spill::{BatchRow, Recovered, RunRow, batch_path, run_name, run_path};
use crate::runs::sums::RowSums;

/// Threads take rows in blocks; a block that costs less than this is not worth its incomplete last
/// frame.
const BLOCK_PAIRS_MIN: u64 = 1 << 18;
/// Blocks per thread, so that all threads finish at about the same time.
const BLOCKS_PER_WORKER: u64 = 16;

/// The shards that are in no batch yet.
pub(crate) struct Waiting {
    /// Their numbers.
    numbers: Vec<u64>,
    /// Tokens and line ends of each.
    pub items: Vec<u64>,
    /// For each shard of the corpus the first shard that may contain the line that continues in it, as far as waiting
    /// shards need it; the shard itself if no line continues.
    line_begins: Vec<usize>,
    /// The number of the next batch.
    batch: u64,
}

impl Waiting {
    /// Opens the shards that were not recovered.
    pub fn new(
        dir: &RunDir,
        config: &CountConfig,
        input: CountInput<'_>,
        recovered: &Recovered,
    ) -> Result<Self, CooccurError> {
        let (mut numbers, mut items) = (Vec::new(), Vec::new());
        let mut continues = vec![None; input.shards.len()];
        let shards = (0..config.samples()).flat_map(|_| input.shards.iter().enumerate());
        for (number, (at, shard)) in (0u64..).zip(shards) {
            if recovered.covered.contains(&number) {
                continue;
            }
            let file = TokenShard::open(dir.storage(), &dir.token_shard(*shard))?;
            numbers.push(number);
            items.push(file.file().items());
            continues[at] = Some(file.continues_line());
        }
        let line_begins = line_begins(dir, input.shards, continues)?;
        Ok(Self { numbers, items, line_begins, batch: recovered.next_batch })
    }
}

/// See [`Waiting::line_begins`]. `continues` is known for waiting shards; others are opened only if a line continues
/// in the next one.
fn line_begins(
    dir: &RunDir,
    shards: &[ShardId],
    mut continues: Vec<Option<bool>>,
) -> Result<Vec<usize>, CooccurError> {
    let mut is_needed = false;
    for (shard, continues) in shards.iter().zip(&mut continues).rev() {
        if is_needed && continues.is_none() {
            let file = TokenShard::open(dir.storage(), &dir.token_shard(*shard))?;
            *continues = Some(file.continues_line());
        }
        is_needed = *continues == Some(true);
    }
    let mut begins: Vec<usize> = Vec::with_capacity(shards.len());
    for (at, continues) in continues.into_iter().enumerate() {
        let before = begins.last().copied().filter(|_| continues == Some(true));
        begins.push(before.unwrap_or(at));
    }
    Ok(begins)
}

/// The step: the runs of each batch, and its record.
pub(crate) struct Batches<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    config: &'a CountConfig,
    shards: &'a [ShardId],
    waiting: &'a Waiting,
    ranges: &'a RowRanges,
    word_ranges: Vec<Range<u32>>,
    /// The memory that it takes.
    pub share: Share,
    plans: Vec<BatchPlan>,
}

impl Step for Batches<'_> {
    type Done = ();
    type Error = CooccurError;

    fn label(&self) -> Label {
        Label { stage: "cooccur", threads: "cooccur", noun: "tokens" }
    }

    fn units(&self) -> usize {
        self.plans.len()
    }

    /// A batch reads its shards, and the earlier shards that contain the line in which one of them
    /// begins.
    fn unit(&self, at: usize) -> Unit {
        let (dir, batch) = (self.dir, self.number(at));
        let shard = |number: &u64| (*number % self.shards.len() as u64) as usize;
        let ours = self.plans[at].shards.iter().map(shard);
        let shards: BTreeSet<usize> =
            ours.flat_map(|at| self.waiting.line_begins[at]..=at).collect();
        let read = |at: usize| [dir.token_shard(self.shards[at]), dir.remap(self.shards[at])];
        let runs = (0..self.ranges.partitions()).map(|it| run_path(dir, &run_name(it, batch)));
        Unit {
            name: format!("cooccur/{batch:05}"),
            reads: shards.into_iter().flat_map(read).collect(),
            writes: runs.chain([batch_path(dir, batch)]).collect(),
        }
    }

    /// Tokens are reported while they are counted.
    fn size(&self, _: usize, (): &()) -> u64 {
        0
    }

    fn found_size(&self, at: usize, (): &()) -> u64 {
        self.items(at)
    }

    fn finished(&self, at: usize) -> Result<Option<()>, CooccurError> {
        let row = BatchRow::read(self.dir, self.number(at))?;
        let fits = |row: &BatchRow| {
            row.fingerprint == self.config.fingerprint && row.covers == self.plans[at].shards
        };
        Ok(row.filter(fits).map(drop))
    }

    fn make(&self, at: usize, progress: &StageProgress) -> Result<(), CooccurError> {
        let Self { ctx, dir, config, ranges, share, .. } = *self;
        let (number, plan) = (self.number(at), &self.plans[at]);
        let batch = Batch::load(ctx, dir, self.shards, config, &self.word_ranges, plan)?;
        let tokens = Tokens { progress, items: self.items(at), counted: AtomicU64::new(0) };
        let counting = Counting { ctx, dir, config, ranges, share, batch, tokens };
        let (runs, pairs) = counting.run(number)?;
        let covers = plan.shards.clone();
        let row = BatchRow { fingerprint: config.fingerprint.clone(), covers, pairs, runs };
        Ok(row.write(dir, number)?)
    }
}

impl<'a> Batches<'a> {
    /// Cuts the waiting shards into batches, with the free memory.
    pub fn new(
        ctx: &'a Context,
        dir: &'a RunDir,
        config: &'a CountConfig,
        input: CountInput<'a>,
        ranges: &'a RowRanges,
        waiting: &'a Waiting,
    ) -> Self {
        let Waiting { numbers, items, .. } = waiting;
        let sizes = items.iter().map(|&items| BatchPlan::places(items, &config.window));
        let (largest, all) = sizes.fold((0, 0), |(max, sum), size| (size.max(max), sum + size));
        let places = PlacesNeeded { largest, all };
        let share = Share::new(ctx.room(), ranges.rows(), places, config.batch_bytes);
        let reach = 2 * u64::from(config.window.window);
        let places = share.places.min(BATCH_PAIRS_MAX * share.workers as u64 / reach);
        let word_ranges = word_ranges(input.counts, share.workers);
        let plans = plans(&config.window, numbers, items, places);
        Self { ctx, dir, config, shards: input.shards, waiting, ranges, word_ranges, share, plans }
    }

    fn number(&self, at: usize) -> u64 {
        self.waiting.batch + at as u64
    }

    /// Tokens and line ends of the shards of a batch.
    fn items(&self, at: usize) -> u64 {
        let Waiting { numbers, items, .. } = self.waiting;
        let of = |number: &u64| numbers.binary_search(number).map_or(0, |at| items[at]);
        self.plans[at].shards.iter().map(of).sum()
    }
}

/// Reports all tokens of a batch, also those that are not counted: they have no word in the vocabulary, are thinned out, or end a line.
struct Tokens<'a> {
    progress: &'a StageProgress,
    items: u64,
    /// Places counted so far.
    counted: AtomicU64,
}

impl Tokens<'_> {
    /// Some of all `places` of the batch are counted: the same share of its tokens is done.
    fn count(&self, some: u64, places: u64) {
        let before = self.counted.fetch_add(some, Ordering::Relaxed);
        let tokens = |done: u64| {
            let tokens = u128::from(self.items) * u128::from(done) / u128::from(places.max(1));
            tokens as u64
        };
        self.progress.add(tokens(before + some) - tokens(before));
    }
}

/// One batch being counted.
struct Counting<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    config: &'a CountConfig,
    ranges: &'a RowRanges,
    share: Share,
    batch: Batch,
    tokens: Tokens<'a>,
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
        let places = (0..self.ranges.rows()).map(|row| self.places(row)).sum();
        let blocks = self.blocks(places);
        let next = AtomicUsize::new(0);
        let counted = run_workers("cooccur", self.share.workers, |_| {
            let mut cells = vec![0; runs.len()];
            let mut sums = RowSums::new(self.share.width);
            let mut writer = RunWriter::new(weights.codes());
            while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.ctx.cancel.check_overdue()?;
                let before = writer.cells();
                self.block(block, &mut sums, &runs[block.partition], &mut writer)?;
                let rows = block.rows.clone();
                self.tokens.count(rows.map(|row| self.places(row)).sum(), places);
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
        if places == 0 {
            self.tokens.progress.add(self.tokens.items);
        }
        Ok((rows, self.batch.pairs))
    }

    /// The number of places of a row's word in the batch.
    fn places(&self, row: u32) -> u64 {
        self.batch.positions(row).len() as u64
    }

    /// Rows in blocks of about the same cost, with this many places in all; no block spans two ranges.
    fn blocks(&self, places: u64) -> Vec<Block> {
        let reach = 2 * u64::from(self.config.window.window);
        let total = places * reach;
        let most = (total / (self.share.workers as u64 * BLOCKS_PER_WORKER)).max(BLOCK_PAIRS_MIN);
        let mut blocks = Vec::new();
        for range in 0..self.ranges.len() {
            let (first, rows) = self.ranges.range(range);
            let partition = self.ranges.partition(range);
            let (mut start, mut held) = (first, 0);
            for row in first..first + rows {
                held += self.places(row) * reach;
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
            for base in sums.blocks(self.ranges.rows()) {
                sums.enter(base);
                let places = self.batch.places();
                add_windows(places, positions, self.config.window.sides, &weights, sums);
                for pair in boundary_pairs {
                    sums.add(pair.column, weights[usize::from(pair.distance)]);
                }
                let (columns, weights) = sums.take();
                writer.row(run, row, columns, weights)?;
            }
        }
        Ok(writer.flush(run)?)
    }
}
