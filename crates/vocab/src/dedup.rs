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
mod steps;

use wordmill_flow::{Context, run_step};

use crate::error::VocabError;
use crate::rewrite::{Rewrite, Rewriting, Rewritten, rewrite, share};
use crate::shards::TokenShards;
pub use job::FOLDER;
use job::{Dedup, VERSION};
use lines::Ends;
pub use need::need;
use ranges::range_bits;
use steps::{Comparing, Hashing};

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
        let (workers, _memory) =
            share(self.ctx, self.shards, "hashing the lines of a shard", |counts| {
                lines::needed_bytes(counts.local_words, self.bits)
            })?;
        let step = Hashing::new(self);
        let hashed = run_step(self.ctx, &step, workers)?;
        Ok((hashed.into_iter().map(|hashed| hashed.ends).collect(), step.counts()))
    }

    /// The second step, for some ranges.
    fn find(&self, missing: &[u32], ends: &[Ends], counts: &[u64]) -> Result<(), VocabError> {
        let joined = repeats::join(ends);
        let step = Comparing::new(self, missing, &joined, counts);
        let bytes = step.needed_bytes();
        let workers = (self.ctx.budget.left() / bytes).clamp(1, self.ctx.threads as u64);
        let _memory = self.ctx.budget.reserve(bytes * workers, "the distinct lines of a range")?;
        run_step(self.ctx, &step, workers as usize)?;
        Ok(())
    }

    /// The third step.
    fn leave_out(&self) -> Result<(TokenShards, u64), VocabError> {
        let (workers, _memory) = share(self.ctx, self.shards, "the words of a shard", |counts| {
            leave::needed_bytes(counts.local_words, counts.lines)
        })?;
        rewrite(self.ctx, workers, self.leaving_out())
    }

    fn leaving_out(
        &self,
    ) -> Rewrite<'_, impl Fn(&Rewriting<'_>, usize) -> Result<Rewritten, VocabError> + Sync> {
        let run = self.shards.run();
        Rewrite {
            stage: FOLDER,
            shards: self.shards,
            folder: run.reading(FOLDER),
            made_of: format!("{VERSION} {:016x}", self.shards.digest()),
            counted: leave::DROPPED,
            also_reads: (0..1 << self.bits).map(|range| repeats::path(run, range)).collect(),
            make: |job: &Rewriting<'_>, at| leave::shard(self, job, at as u32),
        }
    }
}

#[cfg(test)]
mod tests;
