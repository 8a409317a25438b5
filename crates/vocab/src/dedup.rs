//! The stage `dedup`: drops lines with the same words as an earlier line, and keeps the first of them.
//!
//! Lines are compared after the tokeniser, so lines that differ only in white space, or in letter case if it is folded,
//! are the same; lines without a word are kept. The text is not read again. There are three steps, each over
//! independent shards or ranges, so that any number of them can run at once, and be repeated after a kill:
//!
//! 1. each shard's lines become *keys* of 122 bits (`hash`), divided into *ranges* of keys, in a file beside the shard
//!    (`lines`); parts of a line that is cut by the end of a shard are joined;
//! 2. for each range the keys of all shards are read in the order of the corpus, and a key seen before is a *dropped*
//!    line (`repeats`); there are enough ranges for the distinct keys of one to fit into memory;
//! 3. the shards are rewritten without the dropped lines (`leave`).

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

/// The results of the stage.
#[derive(Clone, Debug)]
pub struct Deduplicated {
    /// The shards without repeated lines.
    pub shards: TokenShards,
    /// Lines before the stage, including those without a word.
    pub lines: u64,
    /// Tokens before the stage.
    pub tokens: u64,
    /// Lines that were dropped.
    pub dropped_lines: u64,
}

/// Rewrites the shards without lines whose words repeat an earlier line. Finished files of an interrupted process are
/// kept.
///
/// # Errors
/// For a damaged shard, a full disk, too small a budget, and a request to stop.
pub fn dedup(ctx: &Context, shards: &TokenShards) -> Result<Deduplicated, VocabError> {
    let bits = range_bits(shards.totals().lines, ctx.threads as u64, ctx.budget.left());
    in_ranges(ctx, shards, bits)
}

/// The same with 2^`bits` ranges; their number does not change the result.
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

    /// The second step, for a range of ranges.
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
