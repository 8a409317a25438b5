//! What learners read: all words with their counts, and how many lists of them are merged at once.

use std::path::PathBuf;

use wordmill_flow::Context;
use wordmill_formats::RunDir;

use super::config::FOLDER;
use crate::error::VocabError;
use crate::shards::TokenShards;
use crate::vocabulary::{FAN_IN, LIST_BYTES, merge_lists, narrow};

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

    /// Calls `each` with every word that stands often enough, and its count.
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
            // What is damaged is found by the checksums of the lists.
            match std::str::from_utf8(word) {
                Ok(word) if count >= self.min_count => each(word, count),
                _ => Ok(()),
            }
        })
    }
}

/// How many lists are merged at once: a quarter of the memory may go into them.
pub(super) fn fan_in(ctx: &Context) -> usize {
    let affordable = usize::try_from(ctx.budget.left() / 4 / LIST_BYTES).unwrap_or(usize::MAX);
    FAN_IN.min(affordable).max(2)
}
