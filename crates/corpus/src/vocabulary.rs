//! The stage `vocabulary`: word lists in, the vocabulary and the remaps of the shards out.
//!
//! Every count is exact whatever the memory: the words are counted in a table where they fit into half
//! of what is left, and else the sorted lists of the shards are merged, with the same result. A *kept*
//! word stands at least `min_count` times; ids are ranks, most frequent first. A *remap* turns the
//! local ids of a shard into these ids.

mod import;
mod kept;
mod merge;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;

use wordmill_flow::{Context, StageProgress, run_tasks};
use wordmill_formats::{
    FrameFile, Kind, NO_WORD, Published, RemapWriter, RunDir, ShardId, TensorFile, TensorWriter,
    WORD_TENSORS, WordListReader, WordTable, WordTensors, Words as _, counted, local_ids,
    write_words,
};

use crate::error::CorpusError;
use crate::lists::WordLists;
use crate::rewrite::{MADE_OF, share};
use crate::text::TextWriter;
use crate::tokenize::TokenShards;
pub use import::import_vocabulary;
use kept::{Kept, Ranked};
pub(crate) use merge::{FAN_IN, LIST_BYTES, merge_lists, narrow};
use tally::{KnownIds, tally};

/// The kind of `vocabulary.safetensors`.
const VOCABULARY_KIND: &str = "vocabulary";
/// Memory of a word while its shard is remapped: its count, and its id in four lists, one of which
/// may have just grown.
const REMAP_WORD_BYTES: u64 = 40;

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocabularyConfig {
    /// `vocabulary.min_count`: a word that stands less often is left out; 0 and 1 keep all.
    pub min_count: u64,
    /// `vocabulary.max_size`: only so many of the most frequent words are kept; 0 is no limit.
    pub max_size: usize,
    /// `vocabulary.keep` and `vocabulary.drop`.
    pub lists: WordLists,
    /// The tokeniser that made the shards ([`crate::tokenizer::Description`]), to be kept with the words;
    /// empty if it is not known.
    pub tokenizer: String,
}

impl VocabularyConfig {
    /// Every word, of a tokeniser that is not known.
    pub const ALL: Self =
        Self { min_count: 1, max_size: 0, lists: WordLists::NONE, tokenizer: String::new() };
}

impl Default for VocabularyConfig {
    /// Words that stand five times.
    fn default() -> Self {
        Self { min_count: 5, ..Self::ALL }
    }
}

/// The finished vocabulary of a run, mapped into memory, with a remap for every shard.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    run: RunDir,
    table: WordTable,
    shards: Vec<ShardId>,
    counts: VocabularyCounts,
    outputs: Vec<Published>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VocabularyCounts {
    /// Tokens of the corpus.
    pub tokens: u64,
    /// Distinct words of the corpus.
    pub distinct_words: u64,
    /// Words of the vocabulary.
    pub words: u64,
    /// Tokens that are words of the vocabulary.
    pub kept_tokens: u64,
    /// Tokens whose word is not in `vocabulary.keep`.
    pub unlisted_keep_tokens: u64,
    /// Tokens whose word is in `vocabulary.drop`.
    pub listed_drop_tokens: u64,
}

impl Vocabulary {
    /// The vocabulary that an earlier process left in a run of these shards.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn open(run: &RunDir, shards: &[ShardId]) -> Result<Self, CorpusError> {
        let file = TensorFile::open(run.storage(), &run.vocabulary())?;
        file.index().expect_kind(VOCABULARY_KIND)?;
        let index = file.index();
        let counts = VocabularyCounts {
            tokens: index.setting("tokens")?,
            distinct_words: index.setting("distinct_words")?,
            words: index.setting("words")?,
            kept_tokens: index.setting("kept_tokens")?,
            // Only there if there were lists.
            unlisted_keep_tokens: index.setting("unlisted_keep_tokens").unwrap_or(0),
            listed_drop_tokens: index.setting("listed_drop_tokens").unwrap_or(0),
        };
        let table = WordTable::new(file)?;
        // Everything after is made from it, so a flipped bit must not pass.
        table.verify()?;
        Ok(Self { run: run.clone(), table, shards: shards.to_vec(), counts, outputs: Vec::new() })
    }

    /// The run it is part of.
    #[must_use]
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// The words with their counts.
    #[must_use]
    pub fn table(&self) -> &WordTable {
        &self.table
    }

    /// How many words there are; below `u32::MAX`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none, which cannot be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The shards that have a remap, in the order of the corpus.
    #[must_use]
    pub fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> &VocabularyCounts {
        &self.counts
    }

    /// Files written or kept by [`vocabulary`], for the ledger; none after [`Vocabulary::open`].
    #[must_use]
    pub fn outputs(&self) -> &[Published] {
        &self.outputs
    }

    /// A digest of the words and their counts.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.table.file().index().digest()
    }
}

/// Counts the words of the shards, keeps the frequent ones and writes a remap for every shard.
///
/// # Errors
/// A corpus without a word, a `min_count` that no word reaches, a damaged shard, a disk that is
/// full, a budget too small for the words that are kept, a request to stop.
pub fn vocabulary(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
) -> Result<Vocabulary, CorpusError> {
    let progress = ctx.progress.stage("vocabulary", "shards", shards.len() as u64);
    match count_in_memory(ctx, config, shards) {
        Err(CorpusError::OverBudget(_)) => by_merging(ctx, config, shards, FAN_IN, &progress),
        Err(error) => Err(error),
        Ok((ranked, counts, ids)) => {
            shards.run().sweep("vocab", |name| name.starts_with("merge-"))?;
            let counted = (&ranked, &counts, IdSource::Known(ids));
            write(ctx, config, shards, counted, &progress)
        }
    }
}

/// Counts by merging whatever the memory.
#[cfg(test)]
pub(crate) fn vocabulary_by_merging(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
    fan_in: usize,
) -> Result<Vocabulary, CorpusError> {
    let progress = ctx.progress.stage("vocabulary", "shards", shards.len() as u64);
    by_merging(ctx, config, shards, fan_in, &progress)
}

/// Counts by merging sorted lists, at most `fan_in` at once: in little memory.
fn by_merging(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
    fan_in: usize,
    progress: &StageProgress,
) -> Result<Vocabulary, CorpusError> {
    let run = shards.run();
    run.sweep("vocab", |name| name.starts_with("merge-"))?;
    let lists = shards.rows().iter().map(|row| run.word_list(row.id)).collect();
    // Half of the memory is left to the words that are kept.
    let affordable = usize::try_from(ctx.budget.left() / 2 / LIST_BYTES).unwrap_or(usize::MAX);
    let lists = narrow(ctx, run, "vocab/merge", lists, fan_in.min(affordable).max(2))?;
    let (ranked, counts) = count(ctx, config, shards, &lists)?;
    run.sweep("vocab", |name| name.starts_with("merge-"))?;
    write(ctx, config, shards, (&ranked, &counts, IdSource::Lists), progress)
}

/// Where the ids of the words of a shard are from.
enum IdSource {
    /// Each word of the list is looked for among the kept ones.
    Lists,
    Known(KnownIds),
}

/// Writes all files of the stage.
fn write(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
    (ranked, counts, source): (&Ranked, &VocabularyCounts, IdSource),
    progress: &StageProgress,
) -> Result<Vocabulary, CorpusError> {
    let run = shards.run();
    let table = write_table(run, config, ranked, counts)?;
    let text = write_text(run, ranked)?;
    let digest = table.xxh3;
    let (workers, _memory) = match &source {
        IdSource::Known(_) => (ctx.threads, None),
        IdSource::Lists => {
            let (workers, memory) = share(ctx, shards, "the words of a shard", |counts| {
                LIST_BYTES + counts.local_words * REMAP_WORD_BYTES
            })?;
            (workers, Some(memory))
        }
    };
    let remaps = run_tasks(ctx, "remap", workers, shards.len(), |shard| {
        let remap = remap(shards, shard, digest, ranked, &source)?;
        progress.add(1);
        Ok::<_, CorpusError>(remap)
    })?;
    let is_ours = |name: &str| {
        ShardId::of_name(name, "remap").is_some_and(|id| shards.ids().binary_search(&id).is_ok())
    };
    run.sweep("vocab", |name| name.starts_with("remap-") && !is_ours(name))?;
    let mut vocabulary = Vocabulary::open(run, shards.ids())?;
    vocabulary.outputs = [table, text].into_iter().chain(remaps).collect();
    Ok(vocabulary)
}

/// Counts everything in a table.
fn count_in_memory(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
) -> Result<(Ranked, VocabularyCounts, KnownIds), CorpusError> {
    let mut counted = tally(ctx, shards)?;
    let mut counts = counted.counts();
    counted.leave_out(&config.lists, &mut counts);
    let most = counted.most();
    let (ranked, ids) = counted.rank(ctx, config)?;
    check_kept(config, shards, &ranked, &mut counts, most)?;
    Ok((ranked, counts, ids))
}

/// The last merge: counts everything and keeps what is frequent.
fn count(
    ctx: &Context,
    config: &VocabularyConfig,
    shards: &TokenShards,
    lists: &[PathBuf],
) -> Result<(Ranked, VocabularyCounts), CorpusError> {
    let _memory = ctx.budget.reserve(LIST_BYTES * lists.len() as u64, "merging word lists")?;
    let mut kept = Kept::new(ctx.budget.clone(), config.max_size);
    let mut counts = VocabularyCounts::default();
    let mut most: (u64, Vec<u8>) = (0, Vec::new());
    merge_lists(shards.run(), lists, |word, count| {
        counts.tokens += count;
        counts.distinct_words += 1;
        if counts.distinct_words.is_multiple_of(1 << 16) {
            ctx.cancel.check()?;
        }
        if !config.lists.admits(word, count, &mut counts) {
            return Ok(());
        }
        if count > most.0 {
            most = (count, word.to_vec());
        }
        if count >= config.min_count { kept.push(word, count) } else { Ok(()) }
    })?;
    let ranked = kept.rank();
    check_kept(config, shards, &ranked, &mut counts, most)?;
    Ok((ranked, counts))
}

/// Checks that there is a vocabulary, and counts what is in it. `most` is the most frequent word.
fn check_kept(
    config: &VocabularyConfig,
    shards: &TokenShards,
    ranked: &Ranked,
    counts: &mut VocabularyCounts,
    most: (u64, Vec<u8>),
) -> Result<(), CorpusError> {
    if counts.tokens == 0 {
        return Err(CorpusError::EmptyCorpus { shards: shards.len() });
    }
    if most.0 == 0 {
        let key = if config.lists.keep.is_some() { "vocabulary.keep" } else { "vocabulary.drop" };
        return Err(CorpusError::Config {
            key,
            problem: format!(
                "it leaves none of the {} of the text",
                counted(counts.distinct_words, "word")
            ),
            way_out: "check the list and corpus.tokenizer".to_owned(),
        });
    }
    if ranked.is_empty() {
        let word = String::from_utf8_lossy(&most.1).into_owned();
        return Err(CorpusError::NoFrequentWord {
            min_count: config.min_count,
            word,
            count: most.0,
        });
    }
    if ranked.len() >= NO_WORD as usize {
        return Err(CorpusError::Config {
            key: "vocabulary.max_size",
            problem: format!("{} words are more than ids can tell apart", ranked.len()),
            way_out: "raise vocabulary.min_count or set vocabulary.max_size".to_owned(),
        });
    }
    counts.words = ranked.len() as u64;
    counts.kept_tokens = ranked.counts().iter().sum();
    Ok(())
}

fn write_table(
    run: &RunDir,
    config: &VocabularyConfig,
    ranked: &Ranked,
    counts: &VocabularyCounts,
) -> Result<Published, CorpusError> {
    let mut settings: BTreeMap<String, String> = [
        ("tokens", counts.tokens),
        ("distinct_words", counts.distinct_words),
        ("words", counts.words),
        ("kept_tokens", counts.kept_tokens),
        ("min_count", config.min_count),
        ("max_size", config.max_size as u64),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_string()))
    .collect();
    if !config.lists.is_none() {
        let removed = [
            ("unlisted_keep_tokens", counts.unlisted_keep_tokens),
            ("listed_drop_tokens", counts.listed_drop_tokens),
        ];
        settings.extend(removed.map(|(key, value)| (key.to_owned(), value.to_string())));
    }
    if !config.tokenizer.is_empty() {
        settings.insert("tokenizer".to_owned(), config.tokenizer.clone());
    }
    let mut writer = TensorWriter::create(
        run.storage(),
        &run.vocabulary(),
        VOCABULARY_KIND,
        &WORD_TENSORS,
        &settings,
    )?;
    write_words(&mut writer, WordTensors::Wide, ranked)?;
    write_words(&mut writer, WordTensors::Narrow, ranked)?;
    Ok(writer.finish()?)
}

/// `word<TAB>count`, most frequent first.
fn write_text(run: &RunDir, ranked: &Ranked) -> Result<Published, CorpusError> {
    let mut writer = TextWriter::create(run.storage(), &run.vocabulary_text())?;
    for (id, count) in ranked.counts().iter().enumerate() {
        writer.bytes(ranked.word(id))?;
        writer.bytes(format!("\t{count}\n").as_bytes())?;
    }
    Ok(writer.finish()?)
}

/// The remap of one shard, unless the one that is there fits.
fn remap(
    shards: &TokenShards,
    shard: usize,
    vocabulary: u64,
    ranked: &Ranked,
    source: &IdSource,
) -> Result<Published, CorpusError> {
    let (run, row) = (shards.run(), &shards.rows()[shard]);
    let path = run.remap(row.id);
    let made_of = format!("{:016x} {vocabulary:016x}", row.words.xxh3);
    if let Ok(old) = FrameFile::open(run.storage(), &path, Kind::REMAP)
        && old.setting(MADE_OF) == Some(&made_of)
    {
        return Ok(Published { path, bytes: old.bytes(), xxh3: old.digest() });
    }
    let mut writer = RemapWriter::create(run.storage(), &path)?;
    writer.set(MADE_OF, made_of);
    match source {
        IdSource::Known(ids) => ids.of(shard).try_for_each(|id| writer.push(id))?,
        IdSource::Lists => {
            let ids = ids_of_list(run, row.id, ranked)?;
            ids.into_iter().try_for_each(|id| writer.push(id))?;
        }
    }
    Ok(writer.finish()?)
}

/// For each local id of a shard the id of its word, or [`NO_WORD`].
fn ids_of_list(run: &RunDir, shard: ShardId, ranked: &Ranked) -> Result<Vec<u32>, CorpusError> {
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
