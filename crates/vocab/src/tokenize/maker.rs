//! Makes one shard from one chunk: the tokens as local ids, and the sorted local words with their
//! counts.
//!
//! A *shard* is two files that agree: `.words`, written first, and `.tok`. Both carry the
//! fingerprint of the settings and the digest of the raw text, so an existing shard that fits is
//! kept.

use std::sync::Arc;

use wordmill_flow::{Budget, Cancel, Context, Reservation};
use wordmill_formats::{
    FormatError, LINE_END, RunDir, ShardId, TokenShard, TokenShardWriter, WordListReader,
    WordListWriter, local_ids, xxh3,
};
use wordmill_text::chunk::Chunk;
use wordmill_text::{InvalidUtf8, TextError, WordSet, make_valid};

use super::config::TokenizeJob;
use crate::error::VocabError;
use crate::numbering::Numbering;
use crate::shard::{ShardRow, TokenCounts, published};

/// Memory of a distinct word of a chunk: its entry (20) and place in the index (8), both twice while
/// they grow; its sort key (16); and its number, count, rank and local id in five lists (24).
pub(crate) const WORD_BYTES: usize = 96;
/// Words per step of reserving memory.
const WORDS_STEP: u64 = 1 << 14;

/// Makes shards, one after another, with the same buffers.
pub(crate) struct ShardMaker {
    numbering: Numbering,
    invalid_utf8: InvalidUtf8,
    stop_words: Option<Arc<WordSet>>,
    fingerprint: u64,
    sorted: Vec<u32>,
    budget: Budget,
    cancel: Cancel,
    /// Memory of words beyond those reserved for every worker.
    memory: Vec<Reservation>,
    words_most: usize,
}

impl ShardMaker {
    pub(crate) fn new(config: &TokenizeJob, ctx: &Context, words_most: usize) -> Self {
        Self {
            numbering: Numbering::new(config.tokenizer.clone()),
            invalid_utf8: config.invalid_utf8,
            stop_words: config.stop_words.clone(),
            fingerprint: config.fingerprint(),
            sorted: Vec::new(),
            budget: ctx.budget.clone(),
            cancel: ctx.cancel.clone(),
            memory: Vec::new(),
            words_most,
        }
    }

    /// The shard of a chunk: the existing one if it fits, else a new one. The text of the chunk is
    /// unusable afterwards.
    pub(crate) fn make(
        &mut self,
        run: &RunDir,
        chunk: &mut Chunk,
        input: &str,
    ) -> Result<(ShardRow, bool), VocabError> {
        let digest = xxh3(chunk.text());
        if let Some(row) = existing(run, chunk.id, self.fingerprint, digest) {
            return Ok((row, true));
        }
        let counts = self.count(chunk, input)?;
        Ok((self.write(run, chunk, digest, counts)?, false))
    }

    fn count(&mut self, chunk: &mut Chunk, input: &str) -> Result<TokenCounts, VocabError> {
        let wrong = make_valid(chunk.text_mut(), self.invalid_utf8).map_err(|at| {
            TextError::InvalidUtf8 { path: input.to_owned(), offset: chunk.offset + at as u64 }
        })?;
        let (budget, memory, most) = (&self.budget, &mut self.memory, &mut self.words_most);
        let more = |wanted| {
            if wanted > *most {
                let step = WORDS_STEP * WORD_BYTES as u64;
                let part = budget.reserve(step, "the words of a chunk").map_err(|mut error| {
                    error.advice = ", or lower corpus.chunk_bytes".into();
                    error
                })?;
                memory.push(part);
                *most += WORDS_STEP as usize;
            }
            Ok(*most)
        };
        let cancel = &self.cancel;
        let mut seen = self.numbering.number(chunk, more, &|| Ok(cancel.check_overdue()?))?;
        let stop_words = self
            .stop_words
            .as_ref()
            .map_or(0, |list| self.numbering.leave_out(list, chunk.continues_line, &mut seen));
        self.numbering.interner.sort(&mut self.sorted);
        let is_cut = chunk.text().last().is_some_and(|byte| *byte != b'\n');
        let pieces = seen.line_ends + u64::from(is_cut);
        Ok(TokenCounts {
            bytes: chunk.text().len() as u64,
            lines: pieces - u64::from(chunk.continues_line && pieces > 0),
            tokens: self.numbering.numbers.len() as u64 - seen.written_ends,
            local_words: self.sorted.len() as u64,
            invalid_lines: wrong.lines,
            // If it continues a line, it was checked before.
            foreign_lines: wrong.foreign
                - u64::from(wrong.is_first_foreign && chunk.continues_line),
            overlong_words: seen.overlong.words,
            overlong_bytes: seen.overlong.bytes,
            stop_words,
        })
    }

    /// Turns numbers into local ids, and writes both files.
    fn write(
        &mut self,
        run: &RunDir,
        chunk: &Chunk,
        digest: u64,
        counts: TokenCounts,
    ) -> Result<ShardRow, FormatError> {
        let Numbering { interner, numbers, .. } = &mut self.numbering;
        let mut words = WordListWriter::create(run.storage(), &run.word_list(chunk.id))?;
        for number in &self.sorted {
            words.push(interner.word(*number), u64::from(interner.count(*number)))?;
        }
        let by_place: Vec<u64> =
            self.sorted.iter().map(|number| u64::from(interner.count(*number))).collect();
        let mut ids = vec![LINE_END; interner.end()];
        for (number, id) in self.sorted.iter().zip(local_ids(&by_place)) {
            ids[*number as usize] = id;
        }
        numbers.iter_mut().for_each(|number| *number = ids[*number as usize]);
        let path = run.token_shard(chunk.id);
        let local_words = by_place.len() as u32;
        let mut tokens =
            TokenShardWriter::create(run.storage(), &path, local_words, chunk.continues_line)?;
        tokens.tokens(numbers)?;
        for (key, value) in counts.rows().into_iter().filter(|(key, _)| *key != "local_words") {
            tokens.set(key, value);
        }
        for (key, value) in [("fingerprint", self.fingerprint), ("text_xxh3", digest)] {
            tokens.set(key, hex(value));
            words.set(key, hex(value));
        }
        let words = words.finish()?;
        let tokens = tokens.finish()?;
        Ok(ShardRow { id: chunk.id, counts, tokens, words })
    }
}

/// The row of a shard that is on disk.
fn open_shard(run: &RunDir, id: ShardId) -> Result<ShardRow, FormatError> {
    let tokens = TokenShard::open(run.storage(), &run.token_shard(id))?;
    let words = WordListReader::open(run.storage(), &run.word_list(id))?;
    let (tokens, words) = (tokens.file(), words.file());
    if ["fingerprint", "text_xxh3"].iter().any(|key| tokens.setting(key) != words.setting(key)) {
        return Err(FormatError::corrupt(
            words.path(),
            0,
            "it belongs to another token shard than its neighbour",
        ));
    }
    let counts = TokenCounts::read(tokens)?;
    Ok(ShardRow { id, counts, tokens: published(tokens), words: published(words) })
}

fn existing(run: &RunDir, id: ShardId, fingerprint: u64, digest: u64) -> Option<ShardRow> {
    let tokens = TokenShard::open(run.storage(), &run.token_shard(id)).ok()?;
    let fits = |key, value| tokens.file().setting(key) == Some(&hex(value));
    if !fits("fingerprint", fingerprint) || !fits("text_xxh3", digest) {
        return None;
    }
    open_shard(run, id).ok()
}

/// Whether the shard of a chunk is on disk.
pub(crate) fn is_shard_of(run: &RunDir, chunk: &Chunk, fingerprint: u64) -> bool {
    existing(run, chunk.id, fingerprint, xxh3(chunk.text())).is_some()
}

fn hex(value: u64) -> String {
    format!("{value:016x}")
}
