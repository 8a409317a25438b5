//! The stage `dedup`: lines whose words are those of an earlier line are left out, the first of them stays.
//!
//! Lines are compared after the tokeniser, so those that differ only in white space, or in the case of letters where that is folded, are
//! the same; lines without a word are left as they are. The text is not read again. Three steps, each shard or range on its own, so
//! that any number of them may be done at once, and done again after a kill:
//!
//! 1. every shard's lines become *keys* of 122 bits (`hash`), divided into *ranges* of keys, in a file beside the shard (`lines`); parts
//!    of a line that is cut by the end of a shard are put together;
//! 2. for each range the keys of all shards are read in the order of the corpus, and what was seen before is a *dropped* line
//!    (`repeats`): there are so many ranges that the distinct keys of one fit into memory;
//! 3. the shards are written anew without the dropped lines (`leave`).

mod hash;
mod job;
mod leave;
mod lines;
mod need;
mod ranges;
mod repeats;

use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Context, run_tasks};

use crate::error::VocabError;
use crate::rewrite::{Rewriting, rewrite, share};
use crate::shards::TokenShards;
pub use job::FOLDER;
use job::{Dedup, VERSION};
use lines::Ends;
pub use need::need;
use ranges::{distinct_at_most, range_bits};

/// What came of the stage.
#[derive(Clone, Debug)]
pub struct Deduplicated {
    /// The shards without repeated lines.
    pub shards: TokenShards,
    /// Lines before, those without a word included.
    pub lines: u64,
    /// Tokens before.
    pub tokens: u64,
    /// Lines that were left out.
    pub dropped_lines: u64,
}

/// Writes the shards anew without lines whose words are those of an earlier one. What an interrupted process has finished is kept.
///
/// # Errors
/// A damaged shard; a full disk; too small a budget; a request to stop.
pub fn dedup(ctx: &Context, shards: &TokenShards) -> Result<Deduplicated, VocabError> {
    let bits = range_bits(shards.totals().lines, ctx.threads as u64, ctx.budget.left());
    in_ranges(ctx, shards, bits)
}

/// The same with 2^`bits` ranges; their number changes nothing.
fn in_ranges(ctx: &Context, shards: &TokenShards, bits: u32) -> Result<Deduplicated, VocabError> {
    let dedup = Dedup { ctx, shards, bits };
    let run = shards.run();
    let missing: Vec<u32> =
        (0..1 << bits).filter(|range| !repeats::is_there(&dedup, *range)).collect();
    if !missing.is_empty() {
        let (ends, counts) = dedup.hash()?;
        dedup.find(&missing, &ends, &counts)?;
    }
    run.sweep(FOLDER, |name| name.ends_with(".hashes"))?;
    let (made, dropped_lines) = dedup.leave_out()?;
    run.sweep(FOLDER, |name| name.ends_with(".hashes") || name.ends_with(".dropped"))?;
    let before = shards.totals();
    Ok(Deduplicated { shards: made, lines: before.lines, tokens: before.tokens, dropped_lines })
}

impl Dedup<'_> {
    /// The first step; also counts the lines of each range.
    fn hash(&self) -> Result<(Vec<Ends>, Vec<u64>), VocabError> {
        let rows = self.shards.rows();
        let (workers, _memory) =
            share(self.ctx, self.shards, "hashing the lines of a shard", |counts| {
                lines::needed_bytes(counts.local_words, self.bits)
            })?;
        let progress = self.ctx.progress.stage("dedup: hashing", "shards", rows.len() as u64);
        let counts = Mutex::new(vec![0; 1 << self.bits]);
        let ends = run_tasks(self.ctx, "dedup", workers, rows.len(), |at| {
            let mut own = vec![0; 1 << self.bits];
            let ends = lines::hash(self, &rows[at], &mut own)?;
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            progress.add(1);
            Ok::<_, VocabError>(ends)
        })?;
        Ok((ends, counts.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The second step, for some ranges.
    fn find(&self, missing: &[u32], ends: &[Ends], counts: &[u64]) -> Result<(), VocabError> {
        let joined = repeats::join(ends);
        // A line of each shard is not among those that were counted.
        let sure = distinct_at_most(self.shards.totals().lines, self.bits);
        let most = |range: u32| (counts[range as usize] + joined.len() as u64).min(sure);
        let most_of_all = missing.iter().map(|range| most(*range)).max().unwrap_or(0);
        let bytes = repeats::needed_bytes(most_of_all);
        let workers = (self.ctx.budget.left() / bytes).clamp(1, self.ctx.threads as u64);
        let _memory = self.ctx.budget.reserve(bytes * workers, "the distinct lines of a range")?;
        let progress = self.ctx.progress.stage("dedup: comparing", "ranges", missing.len() as u64);
        run_tasks(self.ctx, "dedup", workers as usize, missing.len(), |at| {
            repeats::find(self, missing[at], &joined, most(missing[at]))?;
            progress.add(1);
            Ok::<_, VocabError>(())
        })?;
        Ok(())
    }

    /// The third step.
    fn leave_out(&self) -> Result<(TokenShards, u64), VocabError> {
        let run = self.shards.run();
        let (workers, _memory) = share(self.ctx, self.shards, "the words of a shard", |counts| {
            leave::needed_bytes(counts.local_words, counts.lines)
        })?;
        let made_of = format!("{VERSION} {:016x}", self.shards.digest());
        let folder = run.reading(FOLDER);
        rewrite(self.ctx, FOLDER, self.shards, folder, workers, |row, folder| {
            let (made_of, counted) = (&made_of, leave::DROPPED);
            let job = Rewriting { run, folder, row, made_of, counted };
            let at = self.shards.ids().binary_search(&row.id).expect("it is one of them");
            leave::shard(self, &job, at as u32)
        })
    }
}

#[cfg(test)]
mod tests;
