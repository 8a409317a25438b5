//! Every token shard of a corpus, with the index that lists them.

use wordmill_formats::{
    FormatError, IndexedFile, Published, RunDir, ShardId, TokenIndex, TokenIndexRow, xxh3,
};
use wordmill_text::RecordCounts;

use crate::error::VocabError;
use crate::shard::{ShardRow, TokenCounts};

/// Every token shard of a corpus, finished.
#[derive(Clone, Debug)]
pub struct TokenShards {
    run: RunDir,
    rows: Vec<ShardRow>,
    ids: Vec<ShardId>,
    totals: TokenCounts,
    /// The index, if this process wrote it.
    index: Option<Published>,
    /// Records of the inputs, if they have any and this process read them.
    records: RecordCounts,
}

impl TokenShards {
    /// The shards of a run, as its index lists them.
    ///
    /// # Errors
    /// If the index is missing or damaged.
    pub fn open(run: &RunDir) -> Result<Self, VocabError> {
        let path = run.token_index();
        let index = TokenIndex::read(run.storage(), &path)?;
        let rows: Option<Vec<ShardRow>> = index
            .shards
            .iter()
            .map(|row| {
                Some(ShardRow {
                    id: row.id,
                    counts: TokenCounts::of(&row.counts)?,
                    tokens: row.tokens.published(run.token_shard(row.id))?,
                    words: row.words.published(run.word_list(row.id))?,
                })
            })
            .collect();
        let what = "a shard in it has counts or a digest that make no sense";
        let rows = rows.ok_or_else(|| FormatError::corrupt(&path, 0, what))?;
        let mut shards = Self::of(run.clone(), rows);
        shards.index = None;
        Ok(shards)
    }

    /// Publishes the index.
    pub(crate) fn publish(&mut self) -> Result<(), FormatError> {
        let row = |row: &ShardRow| TokenIndexRow {
            id: row.id,
            tokens: IndexedFile::of(&row.tokens),
            words: IndexedFile::of(&row.words),
            counts: row.counts.rows().into_iter().map(|(key, n)| (key.to_owned(), n)).collect(),
        };
        let index = TokenIndex { shards: self.rows.iter().map(row).collect() };
        self.index = Some(index.write(self.run.storage(), &self.run.token_index())?);
        Ok(())
    }

    pub(crate) fn of(run: RunDir, mut rows: Vec<ShardRow>) -> Self {
        rows.sort_unstable_by_key(|row| row.id);
        let mut totals = TokenCounts::default();
        rows.iter().for_each(|row| totals.add(&row.counts));
        let ids = rows.iter().map(|row| row.id).collect();
        Self { run, rows, ids, totals, index: None, records: RecordCounts::default() }
    }

    /// The run they are part of.
    #[must_use]
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// The same shards as part of a run in their own folder ([`RunDir::within`]).
    #[must_use]
    pub fn within(&self, folder: &str) -> Self {
        Self { run: self.run.within(folder), ..self.clone() }
    }

    /// Number of shards.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each of them, in the order of the corpus.
    #[must_use]
    pub fn rows(&self) -> &[ShardRow] {
        &self.rows
    }

    /// Their ids, in the order of the corpus.
    #[must_use]
    pub fn ids(&self) -> &[ShardId] {
        &self.ids
    }

    /// The counts of all of them.
    #[must_use]
    pub fn totals(&self) -> &TokenCounts {
        &self.totals
    }

    /// Records that this process read, if inputs have any.
    #[must_use]
    pub fn records(&self) -> RecordCounts {
        self.records
    }

    /// Their files and the index, if this process wrote it, for the ledger.
    pub fn outputs(&self) -> impl Iterator<Item = &Published> {
        self.rows.iter().flat_map(|row| [&row.tokens, &row.words]).chain(&self.index)
    }

    /// The same with the records that this process read.
    pub(crate) fn with_records(self, records: RecordCounts) -> Self {
        Self { records, ..self }
    }

    /// A digest of all shards.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digests = String::new();
        for row in &self.rows {
            digests += &format!("{:016x} {:016x}\n", row.tokens.xxh3, row.words.xxh3);
        }
        xxh3(digests.as_bytes())
    }
}

/// Removes the shards of an earlier, larger corpus.
pub(crate) fn sweep(run: &RunDir, shards: &TokenShards) -> Result<(), VocabError> {
    let is_ours = |name: &str| {
        ShardId::of_name(name, "shard").is_some_and(|id| shards.ids().binary_search(&id).is_ok())
    };
    Ok(run.home().sweep(run.shards(), |name| name.starts_with("shard-") && !is_ours(name))?)
}
