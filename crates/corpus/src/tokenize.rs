//! The stage `tokenize`: inputs in, token shards out.
//!
//! One thread reads and cuts the corpus into chunks; the others take chunks from a bounded channel
//! and make a shard of each. A shard depends on its chunk and the settings alone, so the files are
//! the same for any number of threads.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use wordmill_flow::{Closed, Context, Receiver, Sender, StageProgress, channel, run_workers};
use wordmill_formats::{Published, RunDir, xxh3};

use crate::chunk::{Chunk, ChunkReader, DEFAULT_CHUNK_BYTES, MAX_WORD_BYTES};
use crate::error::CorpusError;
use crate::input::Input;
use crate::lines::InvalidUtf8;
use crate::shard::{ShardMaker, ShardRow, TokenCounts, open_shard};
use crate::tokenizer::{Tokenizer, TokenizerConfig};

/// Version of what a shard holds; part of the fingerprint.
const SHARD_VERSION: u32 = 2;
/// Memory of a worker in chunks: the text (2), the ids of a chunk of one-letter words (4), its
/// words and their table (2).
const WORKER_CHUNKS: usize = 8;
/// Chunks waiting for a worker.
const WAITING_CHUNKS: usize = 1;

/// Settings of the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenizeConfig {
    /// How text becomes tokens.
    pub tokenizer: TokenizerConfig,
    /// What becomes of a line that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// The least size of a chunk, 64 bytes to 128 MiB; where the chunks are cut depends on it.
    pub chunk_bytes: usize,
}

impl Default for TokenizeConfig {
    fn default() -> Self {
        Self {
            tokenizer: TokenizerConfig::default(),
            invalid_utf8: InvalidUtf8::Replace,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
        }
    }
}

impl TokenizeConfig {
    /// A digest of everything that a shard depends on beside its text.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        xxh3(format!("shard {SHARD_VERSION} {self:?} {MAX_WORD_BYTES}").as_bytes())
    }

    /// Memory that the stage needs with `workers` workers.
    #[must_use]
    pub fn needed_bytes(&self, workers: usize) -> u64 {
        let chunks = workers * WORKER_CHUNKS + 2 * WAITING_CHUNKS;
        (ChunkReader::peak_bytes(self.chunk_bytes) + chunks * self.chunk_bytes) as u64
    }
}

/// Every token shard of a corpus, finished.
#[derive(Clone, Debug)]
pub struct TokenShards {
    run: RunDir,
    rows: Vec<ShardRow>,
    totals: TokenCounts,
}

impl TokenShards {
    /// The first `shards` shards of a run, as an earlier process left them.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn open(run: &RunDir, shards: u64) -> Result<Self, CorpusError> {
        let rows = (0..shards).map(|index| open_shard(run, index)).collect::<Result<_, _>>()?;
        Ok(Self::of(run.clone(), rows))
    }

    fn of(run: RunDir, mut rows: Vec<ShardRow>) -> Self {
        rows.sort_unstable_by_key(|row| row.index);
        let mut totals = TokenCounts::default();
        rows.iter().for_each(|row| totals.add(&row.counts));
        Self { run, rows, totals }
    }

    /// The run they are part of.
    #[must_use]
    pub fn run(&self) -> &RunDir {
        &self.run
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

    /// What was counted in all of them.
    #[must_use]
    pub fn totals(&self) -> &TokenCounts {
        &self.totals
    }

    /// Their files, for the ledger.
    pub fn outputs(&self) -> impl Iterator<Item = &Published> {
        self.rows.iter().flat_map(|row| [&row.tokens, &row.words])
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
    let workers = affordable_workers(ctx, config);
    let bytes = config.needed_bytes(workers);
    let _memory = ctx.budget.reserve(bytes, "tokenizing").map_err(|mut error| {
        error.advice = ", or lower corpus.chunk_bytes".into();
        error
    })?;
    let known = inputs.iter().map(|input| input.bytes).sum::<Option<u64>>();
    let progress = ctx.progress.stage("tokenize", "bytes", known.unwrap_or(0));
    let (sender, receiver) =
        channel::<Chunk>(WAITING_CHUNKS, 2 * WAITING_CHUNKS * config.chunk_bytes);
    let floor = Floor {
        ctx,
        config,
        run,
        inputs,
        progress,
        failed: AtomicBool::new(false),
        spare: Mutex::new(Vec::new()),
        sender: Mutex::new(Some(sender)),
        receivers: Mutex::new(vec![receiver.clone(); workers]),
    };
    drop(receiver);
    let rows = run_workers("tokenize", workers + 1, |worker| floor.enter(worker))?;
    let shards = TokenShards::of(run.clone(), rows.into_iter().flatten().collect());
    sweep(run, shards.len() as u64)?;
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

/// As many workers as threads, or as the memory left is enough for; at least one.
fn affordable_workers(ctx: &Context, config: &TokenizeConfig) -> usize {
    let fits = |workers: &usize| config.needed_bytes(*workers) <= ctx.budget.left();
    (1..=ctx.threads).rev().find(fits).unwrap_or(1)
}

/// Removes the shards of an earlier, larger corpus.
fn sweep(run: &RunDir, shards: u64) -> Result<(), CorpusError> {
    let number = |name: &str| name.strip_prefix("shard-")?.split('.').next()?.parse::<u64>().ok();
    Ok(run.sweep("tokens", |name| number(name).is_some_and(|index| index >= shards))?)
}

/// What the threads of the stage share.
struct Floor<'a> {
    ctx: &'a Context,
    config: &'a TokenizeConfig,
    run: &'a RunDir,
    inputs: &'a [Input],
    progress: StageProgress,
    failed: AtomicBool,
    /// Buffers of chunks that are done.
    spare: Mutex<Vec<Vec<u8>>>,
    sender: Mutex<Option<Sender<Chunk>>>,
    receivers: Mutex<Vec<Receiver<Chunk>>>,
}

impl Floor<'_> {
    /// Worker 0 reads, the others make shards.
    fn enter(&self, worker: usize) -> Result<Vec<ShardRow>, CorpusError> {
        let result = match worker {
            0 => self.read().map(|()| Vec::new()),
            _ => self.make_shards(),
        };
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    fn read(&self) -> Result<(), CorpusError> {
        let Some(sender) = locked(&self.sender).take() else {
            return Ok(());
        };
        let tokenizer = Tokenizer::new(self.config.tokenizer);
        let mut reader = ChunkReader::new(self.inputs.to_vec(), self.config.chunk_bytes, tokenizer);
        let mut told = 0;
        while !self.failed.load(Ordering::Relaxed) {
            self.ctx.cancel.check()?;
            let spare = locked(&self.spare).pop().unwrap_or_default();
            let Some(chunk) = reader.next_chunk(spare)? else {
                break;
            };
            self.progress.add(reader.stored_bytes() - told);
            told = reader.stored_bytes();
            if sender.send(chunk) == Err(Closed) {
                break;
            }
        }
        Ok(())
    }

    fn make_shards(&self) -> Result<Vec<ShardRow>, CorpusError> {
        let Some(receiver) = locked(&self.receivers).pop() else {
            return Ok(Vec::new());
        };
        let fingerprint = self.config.fingerprint();
        let mut maker =
            ShardMaker::new(self.config.tokenizer, self.config.invalid_utf8, fingerprint);
        let mut rows = Vec::new();
        while let Ok(mut chunk) = receiver.receive() {
            // Chunks that wait are left when a stop was asked for; the one in hand is always
            // finished.
            self.ctx.cancel.check()?;
            let name = &self.inputs[chunk.input].name;
            rows.push(maker.make(self.run, &mut chunk, name)?);
            locked(&self.spare).push(chunk.text);
        }
        Ok(rows)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
