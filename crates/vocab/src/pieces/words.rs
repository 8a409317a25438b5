//! Shared by learners: all words with their counts, and memory that grows with the model.

use std::path::PathBuf;

use wordmill_flow::{Budget, Context, OverBudget, Reservation};
use wordmill_formats::RunDir;

use super::config::FOLDER;
use crate::error::VocabError;
use crate::shards::TokenShards;
use crate::vocabulary::{FAN_IN, LIST_BYTES, merge_lists, narrow};

/// Advice if a model does not fit.
pub(super) const ADVICE: &str = ", or raise corpus.pieces_min_count";
/// Bytes per step of reserving memory.
const STEP_BYTES: u64 = 1 << 20;

/// All words of the corpus with their exact counts, in the order of their bytes, however many there are.
pub(super) struct Words<'a> {
    ctx: &'a Context,
    run: &'a RunDir,
    lists: Vec<PathBuf>,
    min_count: u64,
}

impl<'a> Words<'a> {
    pub(super) fn new(
        ctx: &'a Context,
        shards: &'a TokenShards,
        min_count: u64,
    ) -> Result<Self, VocabError> {
        let run = shards.run();
        let lists = shards.rows().iter().map(|row| run.word_list(row.id)).collect();
        let lists = narrow(ctx, run, &format!("{FOLDER}/merge-words"), lists, fan_in(ctx))?;
        Ok(Self { ctx, run, lists, min_count })
    }

    /// Calls `each` with every word that occurs often enough, and its count.
    pub(super) fn for_each(
        &self,
        mut each: impl FnMut(&str, u64) -> Result<(), VocabError>,
    ) -> Result<(), VocabError> {
        let bytes = LIST_BYTES * self.lists.len() as u64;
        let _memory = self.ctx.budget.reserve(bytes, "merging word lists")?;
        let mut seen = 0_u64;
        merge_lists(self.run, &self.lists, |word, count| {
            seen += 1;
            if seen.is_multiple_of(1 << 16) {
                self.ctx.cancel.check()?;
            }
            // Damage is detected by the checksums of the lists.
            match std::str::from_utf8(word) {
                Ok(word) if count >= self.min_count => each(word, count),
                _ => Ok(()),
            }
        })
    }
}

/// How many lists are merged at once: they may use a quarter of the memory.
pub(super) fn fan_in(ctx: &Context) -> usize {
    let affordable = usize::try_from(ctx.budget.left() / 4 / LIST_BYTES).unwrap_or(usize::MAX);
    FAN_IN.min(affordable).max(2)
}

/// The memory that one learner has reserved, in steps.
pub(super) struct Room {
    budget: Budget,
    held: Vec<Reservation>,
    reserved: u64,
    used: u64,
    what: &'static str,
}

impl Room {
    pub(super) fn new(budget: &Budget, what: &'static str) -> Self {
        Self { budget: budget.clone(), held: Vec::new(), reserved: 0, used: 0, what }
    }

    /// Reserves more bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), OverBudget> {
        self.used += bytes;
        while self.used > self.reserved {
            let step = STEP_BYTES.max(self.reserved / 8).max(self.used - self.reserved);
            let part = self.budget.reserve(step, self.what).map_err(|mut error| {
                error.advice = ADVICE.to_owned();
                error
            })?;
            self.reserved += part.bytes();
            self.held.push(part);
        }
        Ok(())
    }
}
