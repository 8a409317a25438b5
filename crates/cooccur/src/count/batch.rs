//! A batch of tokens in memory, with an index of the places of each word.
//!
//! ```text
//! places     end×W │ end, tail, shard 0 …, end … │ end, tail, shard 1 …, end … │ end×W
//! positions  of word 0, ascending │ of word 1, ascending │ …
//! ```
//!
//! Every shard has its own slice of *places*, with line ends on both sides, so a window never
//! leaves it. A shard that begins inside a line is preceded by the *tail* of that line: the words
//! in reach, which are contexts but not rows of the count. The pairs that they form with words of
//! this shard are stored as *boundary pairs*. A batch takes 8 bytes per place, however wide the
//! window.
//!
//! A batch in memory is a part of a unit of work, not a unit: loading and indexing it writes no
//! file.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::{LINE_END, NO_WORD, RunDir, ShardId, TokenShard, read_remap};

use super::config::CountConfig;
use super::subsampling::ShardSubsampling;
use super::weighting::{Dropped, Sides, WindowConfig};
use super::windows::margin;
use crate::error::CooccurError;
use crate::runs::sums::END;

/// A dropped word that keeps its place.
pub(crate) const GAP: u32 = u32::MAX - 1;

/// Bytes of a place: the word, and its position in the index.
pub(crate) const PLACE_BYTES: u64 = 8;

/// A pair that reaches from the tail of an earlier shard into this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BoundaryPair {
    pub row: u32,
    pub column: u32,
    /// Distance − 1.
    pub distance: u8,
}

/// The shards of one batch: consecutive entries of the list of shards.
#[derive(Clone, Debug)]
pub(crate) struct BatchPlan {
    /// Numbers of the shards.
    pub shards: Vec<u64>,
    /// Tokens and line ends of each.
    pub items: Vec<u64>,
}

impl BatchPlan {
    /// The most places that a shard of this many items takes.
    pub fn places(items: u64, window: &WindowConfig) -> u64 {
        items + u64::from(window.window) + 2
    }
}

/// Tokens of a batch as places, with an index by word.
pub(crate) struct Batch {
    places: Vec<u32>,
    index: Vec<WordIndex>,
    boundary_pairs: Vec<BoundaryPair>,
    /// Pairs in it.
    pub pairs: u64,
}

/// The places of the words of a range.
struct WordIndex {
    first: u32,
    /// Where the positions of each word begin, and their number.
    starts: Vec<u32>,
    positions: Vec<u32>,
}

/// What a shard adds to a batch beside its places.
#[derive(Default)]
struct Loaded {
    pairs: u64,
    /// Its own places in its slice.
    own: Range<usize>,
    boundary_pairs: Vec<BoundaryPair>,
}

impl Batch {
    /// Reads the shards and builds the index. `word_ranges` are ranges of words for threads to
    /// index.
    pub fn load(
        ctx: &Context,
        dir: &RunDir,
        shards: &[ShardId],
        config: &CountConfig,
        word_ranges: &[Range<u32>],
        plan: &BatchPlan,
    ) -> Result<Self, CooccurError> {
        let window = &config.window;
        let reach = usize::from(window.window);
        let words = word_ranges.last().map_or(0, |range| range.end);
        let size = |&items: &u64| BatchPlan::places(items, window) as usize;
        let sizes: Vec<usize> = plan.items.iter().map(size).collect();
        let mut places = vec![END; reach + sizes.iter().sum::<usize>() + margin(reach)];
        let mut slices = Vec::new();
        let mut rest = &mut places[reach..];
        for &size in &sizes {
            let (slice, others) = rest.split_at_mut(size);
            slices.push(Mutex::new(slice));
            rest = others;
        }
        let loaded = run_tasks(ctx, "load", ctx.threads, slices.len(), |task| {
            let mut slice = slices[task].lock().unwrap_or_else(PoisonError::into_inner);
            let all = shards.len() as u64;
            let (sample, shard) = (plan.shards[task] / all, plan.shards[task] % all);
            load(dir, config, sample, words, &shards[..=shard as usize], &mut slice)
        })?;
        drop(slices);
        let mut start = reach;
        let (mut own, mut boundary_pairs, mut pairs) = (Vec::new(), Vec::new(), 0);
        for (shard, size) in loaded.into_iter().zip(sizes) {
            own.push(start + shard.own.start..start + shard.own.end);
            boundary_pairs.extend(shard.boundary_pairs);
            pairs += shard.pairs;
            start += size;
        }
        boundary_pairs.sort_unstable();
        let index = run_tasks(ctx, "index", ctx.threads, word_ranges.len(), |task| {
            Ok::<_, CooccurError>(WordIndex::new(&places, &own, word_ranges[task].clone()))
        })?;
        Ok(Self { places, index, boundary_pairs, pairs })
    }

    /// The places of a word, in ascending order.
    #[inline]
    pub fn positions(&self, word: u32) -> &[u32] {
        let range = self.index.partition_point(|index| index.first <= word) - 1;
        let index = &self.index[range];
        let place = (word - index.first) as usize;
        &index.positions[index.starts[place] as usize..index.starts[place + 1] as usize]
    }

    /// All places.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Pairs of a word with contexts in this batch, from earlier shards.
    pub fn boundary_pairs(&self, row: u32) -> &[BoundaryPair] {
        let first = self.boundary_pairs.partition_point(|pair| pair.row < row);
        let end = self.boundary_pairs.partition_point(|pair| pair.row <= row);
        &self.boundary_pairs[first..end]
    }
}

/// Words of other ranges are counted here, in eight separate places: adding to one place repeatedly
/// would wait for the previous addition, and a branch would be mispredicted half of the time.
const TRASH: usize = 8;

impl WordIndex {
    /// Sorts the positions of the words of a range. It scans all places, which costs little
    /// compared with writing positions all over the memory.
    fn new(places: &[u32], own: &[Range<usize>], words: Range<u32>) -> Self {
        let len = words.len();
        let slot = |word: u32, at: usize| {
            let place = word.wrapping_sub(words.start) as usize;
            if place < len { place } else { len + at % TRASH }
        };
        let mut counts = vec![0u32; len + TRASH];
        for range in own {
            for (&word, at) in places[range.clone()].iter().zip(0..) {
                counts[slot(word, at)] += 1;
            }
        }
        let mut starts = Vec::with_capacity(len + 1);
        let mut next = 0;
        for count in &mut counts[..len] {
            starts.push(next);
            next += std::mem::replace(count, next);
        }
        starts.push(next);
        // From here on the counts are the next positions to write; positions of other ranges go
        // past the end.
        counts[len..].fill(next);
        let mut positions = vec![0; next as usize + 1];
        for range in own {
            for (&word, at) in places[range.clone()].iter().zip(range.start..) {
                let slot = slot(word, at);
                positions[counts[slot] as usize] = at as u32;
                counts[slot] += u32::from(slot < len);
            }
        }
        positions.pop();
        Self { first: words.start, starts, positions }
    }
}

/// Reads the last shard of some into its slice of places: an end, the tail of an open line, its own places,
/// ends.
fn load(
    dir: &RunDir,
    config: &CountConfig,
    sample: u64,
    words: u32,
    shards: &[ShardId],
    slice: &mut [u32],
) -> Result<Loaded, CooccurError> {
    let (shard, before) = shards.split_last().expect("a task has a shard");
    let window = &config.window;
    let thin = config.thinning.as_ref().map(|it| it.of_shard(sample, before.len() as u64));
    let (file, remap) = open_shard(dir, *shard, words)?;
    let reach = usize::from(window.window);
    let mut loaded = Loaded::default();
    let mut at = 1;
    if file.continues_line() {
        for place in line_tail(dir, config, sample, before, words)? {
            slice[at] = place;
            at += 1;
        }
    }
    let first = at;
    // Places of the line, the words among those in reach.
    let (mut line, mut in_reach) = (first - 1, words_in(&slice[1..first]));
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    let gap = if window.dropped == Dropped::Gap { Some(GAP) } else { None };
    let mut item = 0;
    for frame in 0..file.frames() {
        file.read(frame, &mut buffer, &mut ids)?;
        for &id in &ids {
            item += 1;
            if id == LINE_END {
                // Two ends in a row would only take up space.
                if slice[at - 1] != END {
                    slice[at] = END;
                    at += 1;
                }
                (line, in_reach) = (0, 0);
                continue;
            }
            let word = remap[id as usize];
            let place = match is_dropped(word, thin, item) {
                true => match gap {
                    Some(gap) => gap,
                    None => continue,
                },
                false => word,
            };
            if place != GAP {
                loaded.pairs += in_reach;
                in_reach += 1;
            }
            slice[at] = place;
            line += 1;
            if line > reach {
                in_reach -= u64::from(slice[at - reach] != GAP);
            }
            at += 1;
        }
    }
    loaded.own = first..at;
    if window.sides == Sides::Both {
        loaded.boundary_pairs = boundary_pairs(&slice[1..], first - 1, reach);
    }
    Ok(loaded)
}

/// Whether a word is outside the vocabulary or dropped by subsampling; `item` is its number in the
/// shard, from 1.
#[inline]
fn is_dropped(word: u32, thin: Option<ShardSubsampling<'_>>, item: u64) -> bool {
    word == NO_WORD || thin.is_some_and(|thin| !thin.keeps(word, item))
}

fn words_in(places: &[u32]) -> u64 {
    places.iter().filter(|&&place| place != GAP).count() as u64
}

/// The pairs of the first `tail` places with the places after them.
fn boundary_pairs(places: &[u32], tail: usize, reach: usize) -> Vec<BoundaryPair> {
    let mut found = Vec::new();
    for (at, &row) in places[..tail].iter().enumerate() {
        let right = places[at + 1..].iter().take(reach).take_while(|&&place| place != END);
        for (distance, &column) in right.enumerate() {
            if at + 1 + distance >= tail && row != GAP && column != GAP {
                found.push(BoundaryPair { row, column, distance: distance as u8 });
            }
        }
    }
    found
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

/// The last places of the line in which the last shard of some ends, oldest first, at most one window.
fn line_tail(
    dir: &RunDir,
    config: &CountConfig,
    sample: u64,
    shards: &[ShardId],
    words: u32,
) -> Result<Vec<u32>, CooccurError> {
    let wanted = usize::from(config.window.window);
    let mut newest_first = Vec::new();
    'line: for (number, &shard) in shards.iter().enumerate().rev() {
        let (file, remap) = open_shard(dir, shard, words)?;
        let thin = config.thinning.as_ref().map(|it| it.of_shard(sample, number as u64));
        let mut item = file.file().items() + 1;
        let (mut buffer, mut ids) = (Vec::new(), Vec::new());
        for frame in (0..file.frames()).rev() {
            file.read(frame, &mut buffer, &mut ids)?;
            for &id in ids.iter().rev() {
                item -= 1;
                if id == LINE_END || newest_first.len() == wanted {
                    break 'line;
                }
                let word = remap[id as usize];
                match (is_dropped(word, thin, item), config.window.dropped) {
                    (false, _) => newest_first.push(word),
                    (true, Dropped::Gap) => newest_first.push(GAP),
                    (true, Dropped::Close) => {}
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
