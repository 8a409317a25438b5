//! The stage `tokenize`: inputs in, token shards and their index out.
//!
//! Every worker takes the next chunk of a plain file and makes a shard of it, or takes a whole input
//! that must be read from front to back; the chunks of that go to workers that have nothing else to
//! do, through a bounded channel, or are made into shards where they were read. A shard depends on
//! its chunk and the settings alone, so the files are the same for any number of threads.

mod inputs;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wordmill_flow::{
    Closed, Context, Receiver, Sender, StageProgress, channel, format_bytes, run_workers,
};
use wordmill_formats::{
    FormatError, IndexedFile, Published, RunDir, ShardId, TokenIndex, TokenIndexRow, xxh3,
};

use crate::chunk::{Chunk, Cutter, DEFAULT_CHUNK_BYTES, MAX_WORD_BYTES, RangeReader, StreamReader};
use crate::error::CorpusError;
use crate::input::{Input, Source, Waiting};
use crate::lines::InvalidUtf8;
use crate::lists::WordSet;
use crate::records::RecordCounts;
use crate::shard::{ShardMaker, ShardRow, TokenCounts, WORD_BYTES};
use crate::tokenizer::{Tokenizer, TokenizerConfig};
use inputs::check_encoding;
pub use inputs::{greediest, unpack_first, unpacking_bytes};

/// Version of what a shard holds; part of the fingerprint.
const SHARD_VERSION: u32 = 2;
/// Memory of a worker in chunks: the text (2), the numbers of a chunk of one-letter words (4), and
/// its distinct words. A chunk with more of them takes more memory from the budget.
const WORKER_CHUNKS: usize = 6 + WORDS_CHUNKS;
/// Enough for 87,000 distinct words in 4 MiB; English has 40,000.
const WORDS_CHUNKS: usize = 2;
/// Chunks waiting for a worker.
const WAITING_CHUNKS: usize = 1;

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizeConfig {
    /// How text becomes tokens.
    pub tokenizer: TokenizerConfig,
    /// Words that are left out of the text, as if they were not there.
    pub stop_words: Option<Arc<WordSet>>,
    /// What becomes of a line that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// The least size of a chunk, 64 bytes to 128 MiB; where the chunks are cut depends on it.
    pub chunk_bytes: usize,
}

impl Default for TokenizeConfig {
    fn default() -> Self {
        Self {
            tokenizer: TokenizerConfig::default(),
            stop_words: None,
            invalid_utf8: InvalidUtf8::Replace,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
        }
    }
}

impl TokenizeConfig {
    /// A digest of everything that a shard depends on beside its text.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        xxh3(self.identity().as_bytes())
    }

    /// All that the fingerprint is of.
    fn identity(&self) -> String {
        let Self { tokenizer, stop_words, invalid_utf8, chunk_bytes } = self;
        let tokenizer = tokenizer.identity();
        let rest = format!("invalid_utf8: {invalid_utf8:?}, chunk_bytes: {chunk_bytes}");
        let config = format!("TokenizeConfig {{ tokenizer: {tokenizer}, {rest} }}");
        let list = stop_words.as_ref().map_or(String::new(), |list| format!(" {list:?}"));
        format!("shard {SHARD_VERSION} {config} {MAX_WORD_BYTES}{list}")
    }

    /// Memory that the stage needs with `workers` workers, beside what unpacking takes.
    fn needed_bytes(&self, workers: usize) -> u64 {
        let worker = WORKER_CHUNKS * self.chunk_bytes + Cutter::peak_bytes(self.chunk_bytes);
        (workers * worker + 2 * WAITING_CHUNKS * self.chunk_bytes) as u64
    }
}

/// Every token shard of a corpus, finished.
#[derive(Clone, Debug)]
pub struct TokenShards {
    run: RunDir,
    rows: Vec<ShardRow>,
    ids: Vec<ShardId>,
    totals: TokenCounts,
    /// The index, where this process wrote it.
    index: Option<Published>,
    /// Records of the inputs, where they have any and this process read them.
    records: RecordCounts,
}

impl TokenShards {
    /// The shards of a run, as its index lists them.
    ///
    /// # Errors
    /// An index that is missing or damaged.
    pub fn open(run: &RunDir) -> Result<Self, CorpusError> {
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

    /// The same shards as part of a run in a folder of theirs ([`RunDir::within`]).
    #[must_use]
    pub fn within(&self, folder: &str) -> Self {
        Self { run: self.run.within(folder), ..self.clone() }
    }

    /// How many there are.
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

    /// What was counted in all of them.
    #[must_use]
    pub fn totals(&self) -> &TokenCounts {
        &self.totals
    }

    /// Records that this process read, where inputs have any.
    #[must_use]
    pub fn records(&self) -> RecordCounts {
        self.records
    }

    /// Their files and the index, if it was written now, for the ledger.
    pub fn outputs(&self) -> impl Iterator<Item = &Published> {
        self.rows.iter().flat_map(|row| [&row.tokens, &row.words]).chain(&self.index)
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

/// Reads the inputs and writes a token shard for every chunk. A shard that is there already and
/// fits is kept.
///
/// # Errors
/// A damaged or missing input, a line that is not UTF-8 where that is not allowed, a disk that is
/// full, a budget too small for one worker, a request to stop.
pub fn tokenize(
    ctx: &Context,
    config: &TokenizeConfig,
    run: &RunDir,
    inputs: &[Input],
) -> Result<TokenShards, CorpusError> {
    check(config)?;
    let unpacking = unpacking_bytes(inputs, ctx.threads);
    let needed =
        |workers: usize| config.needed_bytes(workers) + unpacking.iter().take(workers).sum::<u64>();
    // As many workers as threads, or as the memory left is enough for; at least one.
    let fits = |workers: &usize| needed(*workers) <= ctx.budget.left();
    let workers = (1..=ctx.threads).rev().find(fits).unwrap_or(1);
    let _memory = ctx.budget.reserve(needed(workers), "tokenizing").map_err(|mut error| {
        error.advice = match greediest(inputs) {
            None => ", or lower corpus.chunk_bytes".into(),
            Some((input, bytes)) if bytes < needed(1) / 2 => format!(
                ", lower corpus.chunk_bytes, or unpack the inputs first, which takes {} for {}",
                format_bytes(bytes),
                input.name
            ),
            Some((input, bytes)) => {
                error.what =
                    format!("unpacking {} with its window of {}", input.name, format_bytes(bytes));
                unpack_first(input)
            }
        };
        error
    })?;
    let known = inputs.iter().map(|input| input.bytes).sum::<Option<u64>>();
    let progress = ctx.progress.stage("tokenize", "bytes", known.unwrap_or(0));
    let (sender, receiver) =
        channel::<Chunk>(WAITING_CHUNKS, 2 * WAITING_CHUNKS * config.chunk_bytes);
    let floor = Floor {
        ctx,
        config,
        cutter: Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone())),
        run,
        inputs,
        progress,
        failed: AtomicBool::new(false),
        idle: AtomicUsize::new(0),
        spare: Mutex::new(Vec::new()),
        work: Mutex::new(Work::default()),
        records: Mutex::new(RecordCounts::default()),
        ends: Mutex::new((0..workers).map(|_| (sender.clone(), receiver.clone())).collect()),
    };
    drop((sender, receiver));
    let rows = run_workers("tokenize", workers, |_| floor.enter())?;
    let rows: Vec<Vec<ShardRow>> = rows.into_iter().collect();
    inputs.iter().zip(0..).try_for_each(|(input, number)| check_encoding(input, number, &rows))?;
    let mut shards = TokenShards::of(run.clone(), rows.into_iter().flatten().collect());
    shards.records = *locked(&floor.records);
    sweep(run, &shards)?;
    shards.publish()?;
    Ok(shards)
}

fn check(config: &TokenizeConfig) -> Result<(), CorpusError> {
    if (64..=128 << 20).contains(&config.chunk_bytes) {
        return Ok(());
    }
    Err(CorpusError::Config {
        key: "corpus.chunk_bytes",
        problem: format!("{} bytes are no size for a chunk", config.chunk_bytes),
        way_out: "choose 64 bytes to 128 MiB".to_owned(),
    })
}

/// Removes the shards of an earlier, larger corpus.
pub(crate) fn sweep(run: &RunDir, shards: &TokenShards) -> Result<(), CorpusError> {
    let is_ours = |name: &str| {
        ShardId::of_name(name, "shard").is_some_and(|id| shards.ids.binary_search(&id).is_ok())
    };
    Ok(run.home().sweep(run.shards(), |name| name.starts_with("shard-") && !is_ours(name))?)
}

/// What the threads of the stage share.
struct Floor<'a> {
    ctx: &'a Context,
    config: &'a TokenizeConfig,
    cutter: Cutter,
    run: &'a RunDir,
    inputs: &'a [Input],
    progress: StageProgress,
    failed: AtomicBool,
    /// Workers that wait for chunks.
    idle: AtomicUsize,
    /// Buffers of chunks that are done.
    spare: Mutex<Vec<Vec<u8>>>,
    work: Mutex<Work>,
    records: Mutex<RecordCounts>,
    ends: Mutex<Vec<(Sender<Chunk>, Receiver<Chunk>)>>,
}

/// What no worker has taken yet.
#[derive(Default)]
struct Work {
    next_input: usize,
    /// The plain file whose chunks are being given out, the next of them, and how many there are.
    range: Option<(Arc<RangeReader>, u32, u32)>,
}

/// What a worker takes.
enum Task {
    Chunk(Arc<RangeReader>, u32),
    /// An input to be read from front to back.
    Stream(usize),
}

impl Floor<'_> {
    fn enter(&self) -> Result<Vec<ShardRow>, CorpusError> {
        let Some((sender, receiver)) = locked(&self.ends).pop() else {
            return Ok(Vec::new());
        };
        let result = self.work(sender, &receiver);
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
            // A worker that sends may wait for room, and its own receiver keeps the channel open: what it
            // sends is taken until it has seen the failure.
            while receiver.receive().is_ok() {}
        }
        result
    }

    fn work(
        &self,
        sender: Sender<Chunk>,
        receiver: &Receiver<Chunk>,
    ) -> Result<Vec<ShardRow>, CorpusError> {
        let words_most = WORDS_CHUNKS * self.config.chunk_bytes / WORD_BYTES;
        let mut maker = ShardMaker::new(self.config, self.ctx, words_most);
        let mut rows = Vec::new();
        while let Some(task) = self.next_task()? {
            match task {
                Task::Chunk(reader, chunk) => {
                    let buffer = self.spare_buffer();
                    if let Some(chunk) = reader.chunk(&self.cutter, chunk, buffer)? {
                        self.progress.add(chunk.text().len() as u64);
                        self.make(&mut maker, chunk, &mut rows)?;
                    }
                }
                Task::Stream(input) => self.stream(input, &sender, &mut maker, &mut rows)?,
            }
        }
        drop(sender);
        self.idle.fetch_add(1, Ordering::Relaxed);
        while let Ok(chunk) = receiver.receive() {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            self.ctx.cancel.check()?;
            self.make(&mut maker, chunk, &mut rows)?;
            self.idle.fetch_add(1, Ordering::Relaxed);
        }
        Ok(rows)
    }

    /// The next task in the order of the corpus; none once another worker has failed.
    fn next_task(&self) -> Result<Option<Task>, CorpusError> {
        self.ctx.cancel.check()?;
        let mut work = locked(&self.work);
        while !self.failed.load(Ordering::Relaxed) {
            if let Some((reader, next, chunks)) = &mut work.range {
                if next < chunks {
                    *next += 1;
                    return Ok(Some(Task::Chunk(Arc::clone(reader), *next - 1)));
                }
                work.range = None;
            }
            let number = work.next_input;
            let Some(input) = self.inputs.get(number) else {
                return Ok(None);
            };
            work.next_input += 1;
            let Some(text) = input.open_plain()? else {
                return Ok(Some(Task::Stream(number)));
            };
            let reader = RangeReader { text, input: number as u32 };
            let chunks = reader.chunks(&self.cutter);
            work.range = Some((Arc::new(reader), 0, chunks));
        }
        Ok(None)
    }

    /// Reads an input from front to back. Chunks go to workers that are idle; there is one fewer
    /// to be made here then.
    fn stream(
        &self,
        input: usize,
        sender: &Sender<Chunk>,
        maker: &mut ShardMaker,
        rows: &mut Vec<ShardRow>,
    ) -> Result<(), CorpusError> {
        let waiting = Waiting::UntilStopped(self.ctx.cancel.clone());
        let reader = self.inputs[input].open_waiting(waiting)?;
        // Of a file it was known in advance.
        let is_file = matches!(self.inputs[input].source, Source::File(_));
        let unpacking = if is_file { 0 } else { reader.unpacker_bytes() };
        let what = format!("unpacking {}", self.inputs[input].name);
        let _unpacker = self.ctx.budget.reserve(unpacking, &what).map_err(|mut error| {
            error.advice = ", or unpack it before it comes here, as zstd -dc --long=31 does".into();
            error
        })?;
        let mut reader = StreamReader::new(self.cutter.clone(), reader, input as u32);
        let mut told = 0;
        while !self.failed.load(Ordering::Relaxed) {
            self.ctx.cancel.check()?;
            let Some(chunk) = reader.next_chunk(self.spare_buffer())? else {
                break;
            };
            self.progress.add(reader.stored_bytes() - told);
            told = reader.stored_bytes();
            if self.idle.load(Ordering::Relaxed) == 0 {
                self.make(maker, chunk, rows)?;
            } else if sender.send(chunk) == Err(Closed) {
                break;
            }
        }
        if let Some((counts, told)) = reader.records() {
            *locked(&self.records) += counts;
            let name = &self.inputs[input].name;
            for what in told {
                self.ctx.progress.say(&format!("tokenize: {name}: {what}; left out"));
            }
        }
        Ok(())
    }

    fn make(
        &self,
        maker: &mut ShardMaker,
        mut chunk: Chunk,
        rows: &mut Vec<ShardRow>,
    ) -> Result<(), CorpusError> {
        let name = &self.inputs[chunk.id.input as usize].name;
        rows.push(maker.make(self.run, &mut chunk, name)?);
        locked(&self.spare).push(chunk.buffer);
        Ok(())
    }

    fn spare_buffer(&self) -> Vec<u8> {
        locked(&self.spare).pop().unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
