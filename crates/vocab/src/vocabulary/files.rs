//! The files of a vocabulary: the mapped table of a finished one, and how both formats are written.

use std::collections::BTreeMap;

use wordmill_formats::{
    Published, RunDir, ShardId, TensorFile, TensorWriter, WORD_TENSORS, WordTable, WordTensors,
    Words as _, write_words,
};

use super::config::{VocabularyCounts, VocabularyJob};
use super::kept::Ranked;
use crate::error::VocabError;
use crate::text_writer::TextWriter;

/// The kind of `vocabulary.safetensors`.
const VOCABULARY_KIND: &str = "vocabulary";

/// The finished vocabulary of a run, mapped into memory, with a remap for every shard.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    run: RunDir,
    table: WordTable,
    shards: Vec<ShardId>,
    counts: VocabularyCounts,
    outputs: Vec<Published>,
}

impl Vocabulary {
    /// The vocabulary that an earlier process wrote into the run of these shards.
    ///
    /// # Errors
    /// If a file is missing or damaged.
    pub fn open(run: &RunDir, shards: &[ShardId]) -> Result<Self, VocabError> {
        let file = TensorFile::open(run.storage(), &run.vocabulary())?;
        file.index().expect_kind(VOCABULARY_KIND)?;
        let index = file.index();
        let counts = VocabularyCounts::read(|key| index.setting(key))?;
        let table = WordTable::new(file)?;
        // All later stages depend on it, so a flipped bit must not pass.
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

    /// Number of words; below `u32::MAX`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none, which is impossible.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The shards that have a remap, in the order of the corpus.
    #[must_use]
    pub fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    /// The counts of the stage.
    #[must_use]
    pub fn counts(&self) -> &VocabularyCounts {
        &self.counts
    }

    /// Files written or kept by [`crate::vocabulary()`], for the ledger; none after [`Vocabulary::open`].
    #[must_use]
    pub fn outputs(&self) -> &[Published] {
        &self.outputs
    }

    /// The same with the files that were written for it.
    pub(crate) fn with_outputs(self, outputs: Vec<Published>) -> Self {
        Self { outputs, ..self }
    }

    /// A digest of the words and their counts.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.table.file().index().digest()
    }
}

/// The words with their counts, and the counts of the stage.
pub(crate) fn write_table(
    run: &RunDir,
    config: &VocabularyJob,
    ranked: &Ranked,
    counts: &VocabularyCounts,
) -> Result<Published, VocabError> {
    let limits = [("min_count", config.min_count), ("max_size", config.max_size as u64)];
    let text = |(key, value): (&str, u64)| (key.to_owned(), value.to_string());
    let rows = counts.rows().into_iter().chain(limits);
    let mut settings: BTreeMap<String, String> = rows.map(text).collect();
    if !config.admits_all() {
        settings.extend(counts.left_out().map(text));
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
pub(crate) fn write_text(run: &RunDir, ranked: &Ranked) -> Result<Published, VocabError> {
    let mut writer = TextWriter::create(run.storage(), &run.vocabulary_text())?;
    for (id, count) in ranked.counts().iter().enumerate() {
        writer.bytes(ranked.word(id))?;
        writer.bytes(format!("\t{count}\n").as_bytes())?;
    }
    Ok(writer.finish()?)
}
