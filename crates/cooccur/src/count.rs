//! The counting stage: token shards in, spill runs out.
//!
//! Workers take one shard at a time. Which shard a worker takes, and when its memory is full, is
//! left to chance and to the budget; the sums are not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wordmill_flow::{Context, StageProgress, run_workers};
use wordmill_formats::{LINE_END, NO_WORD, RunDir, ShardId, TokenShard, read_remap};

use crate::counter::{Counter, MAX_WORDS};
use crate::error::CooccurError;
use crate::ranges::RowRanges;
use crate::spill::{GroupWriter, SpillRuns, recover};
use crate::weighting::{Dropped, WindowConfig};
use crate::window::Window;

/// The list that the stage leaves behind: `spill/counted.json`.
pub(crate) const COUNTED: &str = "counted";

/// Tokens between two looks at whether the memory is full.
const STRIDE_TOKENS: usize = 4096;
/// Less memory than this for a worker makes runs so small that merging them dominates.
const WORKER_BYTES_MIN: u64 = 8 << 20;
/// What a worker holds besides its counting memory: a remap, a frame, a run being written.
const WORKER_BYTES_FIXED: u64 = 6 << 20;

/// How to count.
#[derive(Clone, Debug)]
pub struct CountConfig {
    /// The window.
    pub window: WindowConfig,
    /// Identifies settings and inputs; files of another fingerprint are made anew.
    pub fingerprint: String,
    /// After this long a worker writes down what it has counted.
    pub checkpoint_every: Duration,
    /// Memory of a worker's counters in bytes; `None` for an even share of the budget.
    pub worker_bytes: Option<u64>,
}

/// What to count: the token shards of a run directory and their vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct CountInput<'a> {
    /// The token shards, in the order of the corpus.
    pub shards: &'a [ShardId],
    /// Number of tokens in all of them, for progress.
    pub tokens: u64,
    /// Counts of the vocabulary's words, most frequent first.
    pub counts: &'a [u64],
}

/// Counts which words meet. Finished groups of shards of an earlier attempt are kept.
///
/// # Errors
/// [`CooccurError::OverBudget`] if not even one worker fits into the memory budget;
/// [`CooccurError::Config`] if the counts could overflow 64 bits or there are 2²⁸ words or more.
pub fn count(
    ctx: &Context,
    dir: &RunDir,
    config: &CountConfig,
    input: CountInput<'_>,
) -> Result<SpillRuns, CooccurError> {
    if let Some(list) = SpillRuns::read(dir, COUNTED, &config.fingerprint)? {
        return Ok(list);
    }
    let words = checked_words(input.counts)?;
    config.window.check_total(input.counts.iter().sum())?;
    let ranges = RowRanges::new(input.counts, config.window.window);
    let (covered, _) = recover(dir, "g", &config.fingerprint)?;
    let shards = input.shards;
    let waiting: Vec<u64> =
        (0..shards.len() as u64).filter(|shard| !covered.contains(shard)).collect();
    let workers = (ctx.budget.left() / WORKER_BYTES_MIN).clamp(1, ctx.threads as u64);
    let bytes = (ctx.budget.left() / workers).max(WORKER_BYTES_MIN);
    let _memory = ctx.budget.reserve(bytes * workers, "counting pairs")?;
    let progress = ctx.progress.stage("cooccur", "tokens", input.tokens);
    let next = AtomicUsize::new(0);
    let work = |_| {
        let group = GroupWriter::new(dir, &ranges, &config.fingerprint, "g");
        let tail_bytes = config.worker_bytes.unwrap_or(bytes - WORKER_BYTES_FIXED);
        let counter = Counter::new(&config.window, words, tail_bytes);
        Worker { ctx, dir, shards, config, words, counter, group, progress: &progress }
            .run(&waiting, &next)
    };
    run_workers("cooccur", workers as usize, work)?;
    let (_, list) = recover(dir, "g", &config.fingerprint)?;
    if list.cells == 0 {
        return Err(CooccurError::NoPairs { window: u32::from(config.window.window) });
    }
    list.write(dir, COUNTED)?;
    Ok(list)
}

fn checked_words(counts: &[u64]) -> Result<u32, CooccurError> {
    let words = u32::try_from(counts.len()).ok().filter(|&words| words < MAX_WORDS);
    words.ok_or_else(|| CooccurError::Config {
        key: "vocabulary.min_count",
        what: format!(
            "{} words in the vocabulary, at most {} can be paired; raise min_count or set max_size",
            counts.len(),
            MAX_WORDS - 1
        ),
    })
}

struct Worker<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    shards: &'a [ShardId],
    config: &'a CountConfig,
    words: u32,
    counter: Counter,
    group: GroupWriter<'a>,
    progress: &'a StageProgress,
}

impl Worker<'_> {
    fn run(mut self, waiting: &[u64], next: &AtomicUsize) -> Result<(), CooccurError> {
        let mut committed = Instant::now();
        while !self.ctx.cancel.is_stopped() {
            let Some(&shard) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            self.group.begin(shard);
            self.shard(shard)?;
            let due = committed.elapsed() >= self.config.checkpoint_every;
            if due || self.counter.fill() > 0.5 {
                self.commit()?;
                committed = Instant::now();
            }
        }
        if self.group.has_units() {
            self.commit()?;
        }
        Ok(self.ctx.cancel.check()?)
    }

    fn commit(&mut self) -> Result<(), CooccurError> {
        let counter = &mut self.counter;
        self.group.commit(counter.pairs(), |emit| counter.drain(emit))
    }

    fn shard(&mut self, shard: u64) -> Result<(), CooccurError> {
        let (file, remap) = open_shard(self.dir, self.shards[shard as usize], self.words)?;
        let reach = usize::from(self.config.window.window);
        let mut window = Window::new(&self.config.window);
        if file.continues_line() && shard > 0 {
            let before = &self.shards[..shard as usize];
            window.prepend(&line_tail(self.dir, &self.config.window, before, self.words)?);
        }
        let (mut buffer, mut ids) = (Vec::new(), Vec::new());
        for frame in 0..file.frames() {
            file.read(frame, &mut buffer, &mut ids)?;
            for stride in ids.chunks(STRIDE_TOKENS) {
                if self.counter.is_full(stride.len() * reach) && self.counter.pairs() > 0 {
                    let counter = &mut self.counter;
                    self.group.spill(counter.pairs(), |emit| counter.drain(emit))?;
                }
                let counter = &mut self.counter;
                for &id in stride {
                    match id {
                        LINE_END => window.clear(),
                        id => {
                            window.push(remap[id as usize], |a, b, reach| counter.pair(a, b, reach))
                        }
                    }
                }
            }
            self.progress.add(ids.len() as u64);
        }
        Ok(())
    }
}

fn open_shard(
    dir: &RunDir,
    shard: ShardId,
    words: u32,
) -> Result<(TokenShard, Vec<u32>), CooccurError> {
    let file = TokenShard::open(dir.storage(), &dir.token_shard(shard))?;
    let path = dir.remap(shard);
    let remap = read_remap(dir.storage(), &path, words)?;
    if remap.len() != file.local_words() as usize {
        let what = format!("{} words, its token shard has {}", remap.len(), file.local_words());
        return Err(wordmill_formats::FormatError::corrupt(&path, 0, what).into());
    }
    Ok((file, remap))
}

/// The last places of the line that the last of these shards ends in the middle of, oldest first,
/// at most a window.
fn line_tail(
    dir: &RunDir,
    config: &WindowConfig,
    shards: &[ShardId],
    words: u32,
) -> Result<Vec<u32>, CooccurError> {
    let wanted = usize::from(config.window);
    let mut newest_first = Vec::new();
    for shard in shards.iter().rev() {
        let (file, remap) = open_shard(dir, *shard, words)?;
        let (mut buffer, mut ids) = (Vec::new(), Vec::new());
        for frame in (0..file.frames()).rev() {
            file.read(frame, &mut buffer, &mut ids)?;
            for &id in ids.iter().rev() {
                let place = if id == LINE_END { NO_WORD } else { remap[id as usize] };
                if place != NO_WORD || (config.dropped == Dropped::Gap && id != LINE_END) {
                    newest_first.push(place);
                }
                if id == LINE_END || newest_first.len() == wanted {
                    newest_first.reverse();
                    return Ok(newest_first);
                }
            }
        }
        if !file.continues_line() {
            break;
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}
