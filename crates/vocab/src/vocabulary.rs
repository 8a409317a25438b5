//! The stage `vocabulary`: word lists in, the vocabulary and the remaps of the shards out.
//!
//! Every count is exact whatever the memory: the words are counted in a table if they fit into half of
//! the free memory, otherwise the sorted lists of the shards are merged, with the same result. A
//! *kept* word occurs at least `min_count` times; ids are ranks, most frequent first. A *remap* maps
//! the local ids of a shard to these ids.

mod config;
pub(crate) mod files;
pub(crate) mod kept;
mod merge;
mod need;
mod tally;

use std::path::PathBuf;

use wordmill_flow::{Context, Label, StageProgress, Step, Unit, run_units};
use wordmill_formats::{
    FrameFile, Kind, NO_WORD, Published, RemapWriter, RunDir, ShardId, WordListReader, Words as _,
    counted, local_ids,
};

use crate::error::VocabError;
use crate::rewrite::{MADE_OF, share};
use crate::shards::TokenShards;
pub use config::{LeftOut, VocabularyConfig, VocabularyCounts, VocabularyJob, WordLists};
pub use files::Vocabulary;
use files::{write_table, write_text};
use kept::{Kept, MostFrequent, Ranked};
pub(crate) use merge::{FAN_IN, LIST_BYTES, merge_lists, narrow};
pub use need::need;
use tally::{KnownIds, REMAP_WORD_BYTES, tally};

/// Counts the words of the shards, keeps the frequent ones and writes a remap for every shard.
///
/// # Errors
/// For a corpus without a word, a `min_count` that no word reaches, a damaged shard, a full disk, a
/// budget too small for the kept words, and a request to stop.
pub fn vocabulary(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
) -> Result<Vocabulary, VocabError> {
    let progress = ctx.progress.stage("vocabulary", "shards", shards.len() as u64);
    match count_in_memory(ctx, config, shards) {
        Err(VocabError::OverBudget(_)) => by_merging(ctx, config, shards, FAN_IN, &progress),
        Err(error) => Err(error),
        Ok((ranked, counts, ids)) => {
            shards.run().sweep("vocab", |name| name.starts_with("merge-"))?;
            let ids = IdSource::Known(ids);
            write(ctx, config, shards, CountedWords { ranked, counts, ids }, &progress)
        }
    }
}

/// Counts by merging whatever the memory.
#[cfg(test)]
pub(crate) fn vocabulary_by_merging(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
    fan_in: usize,
) -> Result<Vocabulary, VocabError> {
    let progress = ctx.progress.stage("vocabulary", "shards", shards.len() as u64);
    by_merging(ctx, config, shards, fan_in, &progress)
}

/// Counts by merging sorted lists, at most `fan_in` at once, in little memory.
fn by_merging(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
    fan_in: usize,
    progress: &StageProgress,
) -> Result<Vocabulary, VocabError> {
    let run = shards.run();
    run.sweep("vocab", |name| name.starts_with("merge-"))?;
    let lists = shards.rows().iter().map(|row| run.word_list(row.id)).collect();
    // Half of the memory is left for the kept words.
    let affordable = usize::try_from(ctx.budget.left() / 2 / LIST_BYTES).unwrap_or(usize::MAX);
    let lists = narrow(ctx, run, "vocab/merge", lists, fan_in.min(affordable).max(2))?;
    let (ranked, counts) = count(ctx, config, shards, &lists)?;
    run.sweep("vocab", |name| name.starts_with("merge-"))?;
    write(ctx, config, shards, CountedWords { ranked, counts, ids: IdSource::Lists }, progress)
}

/// The kept words, and the counts.
struct CountedWords {
    ranked: Ranked,
    counts: VocabularyCounts,
    ids: IdSource,
}

/// The source of the ids of a shard's words.
enum IdSource {
    /// Each word of the list is looked up among the kept ones.
    Lists,
    Known(KnownIds),
}

/// Writes all files of the stage.
fn write(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
    counted: CountedWords,
    progress: &StageProgress,
) -> Result<Vocabulary, VocabError> {
    let CountedWords { ranked, counts, ids } = counted;
    let run = shards.run();
    let table = write_table(run, config, &ranked, &counts)?;
    let text = write_text(run, &ranked)?;
    let digest = table.xxh3;
    let (workers, _memory) = match &ids {
        IdSource::Known(_) => (ctx.threads, None),
        IdSource::Lists => {
            let (workers, memory) = share(ctx, shards, "the words of a shard", |counts| {
                LIST_BYTES + counts.local_words * REMAP_WORD_BYTES
            })?;
            (workers, Some(memory))
        }
    };
    let step = Remapping { shards, vocabulary: digest, ranked: &ranked, ids: &ids };
    let remaps = run_units(ctx, &step, workers, progress)?;
    progress.complete();
    let is_ours = |name: &str| {
        ShardId::of_name(name, "remap").is_some_and(|id| shards.ids().binary_search(&id).is_ok())
    };
    run.sweep("vocab", |name| name.starts_with("remap-") && !is_ours(name))?;
    let outputs = [table, text].into_iter().chain(remaps).collect();
    Ok(Vocabulary::open(run, shards.ids())?.with_outputs(outputs))
}

/// Counts everything in a table.
fn count_in_memory(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
) -> Result<(Ranked, VocabularyCounts, KnownIds), VocabError> {
    let mut counted = tally(ctx, shards)?;
    let mut counts = counted.counts();
    counted.leave_out(config, &mut counts);
    let most = counted.most();
    let (ranked, ids) = counted.rank(ctx, config)?;
    check_kept(config, shards, &ranked, &mut counts, most)?;
    Ok((ranked, counts, ids))
}

/// The last merge: counts everything and keeps frequent words.
fn count(
    ctx: &Context,
    config: &VocabularyJob,
    shards: &TokenShards,
    lists: &[PathBuf],
) -> Result<(Ranked, VocabularyCounts), VocabError> {
    let _memory = ctx.budget.reserve(LIST_BYTES * lists.len() as u64, "merging word lists")?;
    let mut kept = Kept::new(ctx.budget.clone(), config.max_size);
    let mut counts = VocabularyCounts::default();
    let mut most = MostFrequent::default();
    merge_lists(shards.run(), lists, |word, count| {
        counts.tokens += count;
        counts.distinct_words += 1;
        if counts.distinct_words.is_multiple_of(1 << 16) {
            ctx.cancel.check()?;
        }
        if !config.admits(word, count, &mut counts) {
            return Ok(());
        }
        if count > most.count {
            most = MostFrequent { count, word: word.to_vec() };
        }
        if count >= config.min_count { kept.push(word, count) } else { Ok(()) }
    })?;
    let ranked = kept.rank();
    check_kept(config, shards, &ranked, &mut counts, most)?;
    Ok((ranked, counts))
}

/// Checks that the vocabulary is not empty, and computes its counts.
fn check_kept(
    config: &VocabularyJob,
    shards: &TokenShards,
    ranked: &Ranked,
    counts: &mut VocabularyCounts,
    most: MostFrequent,
) -> Result<(), VocabError> {
    if counts.tokens == 0 {
        return Err(VocabError::EmptyCorpus { shards: shards.len() });
    }
    if most.count == 0 {
        let left_out = config.left_out(counts);
        let key = left_out.first().expect("without a setting that leaves words out all stay").key;
        return Err(VocabError::Config {
            key,
            problem: format!(
                "it leaves none of the {} of the text",
                counted(counts.distinct_words, "word")
            ),
            way_out: "check the list and corpus.tokenizer".to_owned(),
        });
    }
    if ranked.is_empty() {
        let word = String::from_utf8_lossy(&most.word).into_owned();
        return Err(VocabError::NoFrequentWord {
            min_count: config.min_count,
            word,
            count: most.count,
        });
    }
    if ranked.len() >= NO_WORD as usize {
        return Err(VocabError::Config {
            key: "vocabulary.max_size",
            problem: format!("{} words are more than there are ids", ranked.len()),
            way_out: "raise vocabulary.min_count or set vocabulary.max_size".to_owned(),
        });
    }
    counts.words = ranked.len() as u64;
    counts.kept_tokens = ranked.counts().iter().sum();
    Ok(())
}

/// The step: a remap for each shard.
struct Remapping<'a> {
    shards: &'a TokenShards,
    /// Digest of the vocabulary.
    vocabulary: u64,
    ranked: &'a Ranked,
    ids: &'a IdSource,
}

impl Step for Remapping<'_> {
    type Done = Published;
    type Error = VocabError;

    fn label(&self) -> Label {
        Label { stage: "vocabulary", threads: "remap", noun: "shards" }
    }

    fn units(&self) -> usize {
        self.shards.len()
    }

    /// If the ids of its words are known, a unit reads nothing.
    fn unit(&self, at: usize) -> Unit {
        let (run, id) = (self.shards.run(), self.shards.ids()[at]);
        Unit {
            name: format!("remap/{id}"),
            reads: vec![run.word_list(id), run.vocabulary()],
            writes: vec![run.remap(id)],
        }
    }

    fn finished(&self, at: usize) -> Result<Option<Published>, VocabError> {
        let path = self.path(at);
        let old = FrameFile::open(self.shards.run().storage(), &path, Kind::REMAP).ok();
        let old = old.filter(|old| old.setting(MADE_OF) == Some(&self.made_of(at)));
        Ok(old.map(|old| Published { path, bytes: old.bytes(), xxh3: old.digest() }))
    }

    fn make(&self, at: usize, _: &StageProgress) -> Result<Published, VocabError> {
        let run = self.shards.run();
        let mut writer = RemapWriter::create(run.storage(), &self.path(at))?;
        writer.set(MADE_OF, self.made_of(at));
        match self.ids {
            IdSource::Known(ids) => ids.of(at).try_for_each(|id| writer.push(id))?,
            IdSource::Lists => {
                let ids = ids_of_list(run, self.shards.ids()[at], self.ranked)?;
                ids.into_iter().try_for_each(|id| writer.push(id))?;
            }
        }
        Ok(writer.finish()?)
    }
}

impl Remapping<'_> {
    fn path(&self, at: usize) -> PathBuf {
        self.shards.run().remap(self.shards.ids()[at])
    }

    fn made_of(&self, at: usize) -> String {
        format!("{:016x} {:016x}", self.shards.rows()[at].words.xxh3, self.vocabulary)
    }
}

/// For each local id of a shard the id of its word, or [`NO_WORD`].
fn ids_of_list(run: &RunDir, shard: ShardId, ranked: &Ranked) -> Result<Vec<u32>, VocabError> {
    let mut list = WordListReader::open(run.storage(), &run.word_list(shard))?;
    let (mut place, mut counts, mut ids) = (0, Vec::new(), Vec::new());
    while let Some(count) = list.advance()? {
        counts.push(count);
        ids.push(ranked.find_from(&mut place, list.word()).unwrap_or(NO_WORD));
    }
    let mut by_local_id = vec![NO_WORD; ids.len()];
    for (id, local) in ids.iter().zip(local_ids(&counts)) {
        by_local_id[local as usize] = *id;
    }
    Ok(by_local_id)
}

#[cfg(test)]
mod tests;
