//! The stage `tokenize`: inputs in, token shards and their index out.
//!
//! Every worker takes the next chunk of a plain file and makes a shard of it, or takes a whole input that must be read
//! sequentially. The chunks of that go to idle workers, through a bounded channel, or are made into shards by the
//! worker that reads. A shard depends only on its chunk and the settings, so the files are the same for any number of
//! threads. The list of work is in [`tokenize_units`].

mod config;
mod maker;
mod need;
mod units;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wordmill_flow::{
    Closed, Context, Receiver, Sender, StageProgress, Weighted, channel, format_bytes, run_workers,
};
use wordmill_formats::{RunDir, agree, counted};
use wordmill_text::chunk::{Chunk, Cutter, StreamReader};
use wordmill_text::encoding::are_most_foreign;
use wordmill_text::input::{Input, Source, Waiting};
use wordmill_text::tokenizer::Tokenizer;
use wordmill_text::{MostlyForeign, RecordCounts, greediest, unpack_first, unpacking_bytes};

use crate::error::VocabError;
use crate::shard::ShardRow;
use crate::shards::{TokenShards, sweep};
pub use config::{LinesConfig, TokenizeJob};
use config::{WAITING_CHUNKS, WORDS_CHUNKS};
pub(crate) use maker::is_shard_of;
use maker::{ShardMaker, WORD_BYTES};
pub use need::need;
pub use units::tokenize_units;
use units::{Task, Tasks};

/// Reads the inputs and writes a token shard for every chunk. An existing shard that fits is kept.
///
/// # Errors
/// For a damaged or missing input, a line that is not UTF-8 if that is not allowed, a full disk, a
/// budget too small for one worker, and a request to stop.
pub fn tokenize(
    ctx: &Context,
    config: &TokenizeJob,
    run: &RunDir,
    inputs: &[Input],
) -> Result<TokenShards, VocabError> {
    check(config)?;
    let unpacking = unpacking_bytes(inputs, ctx.threads);
    let needed =
        |workers: usize| config.needed_bytes(workers) + unpacking.iter().take(workers).sum::<u64>();
    // As many workers as threads, or as the free memory allows; at least one.
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
        channel::<Taken>(WAITING_CHUNKS, 2 * WAITING_CHUNKS * config.chunk_bytes);
    let cutter = Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone()));
    let floor = Tokenizing {
        ctx,
        config,
        cutter: cutter.clone(),
        run,
        inputs,
        progress,
        failed: AtomicBool::new(false),
        idle: AtomicUsize::new(0),
        spare: Mutex::new(Vec::new()),
        tasks: Mutex::new(Tasks::new(inputs, cutter)),
        records: Mutex::new(RecordCounts::default()),
        ends: Mutex::new((0..workers).map(|_| (sender.clone(), receiver.clone())).collect()),
    };
    drop((sender, receiver));
    let rows = run_workers("tokenize", workers, |_| floor.enter())?;
    let rows: Vec<Vec<ShardRow>> = rows.into_iter().collect();
    inputs.iter().zip(0..).try_for_each(|(input, number)| check_encoding(input, number, &rows))?;
    let shards = TokenShards::of(run.clone(), rows.into_iter().flatten().collect());
    let mut shards = shards.with_records(*locked(&floor.records));
    sweep(run, &shards)?;
    shards.publish()?;
    floor.progress.complete();
    Ok(shards)
}

fn check(config: &TokenizeJob) -> Result<(), VocabError> {
    if (64..=128 << 20).contains(&config.chunk_bytes) {
        return Ok(());
    }
    Err(VocabError::Config {
        key: "corpus.chunk_bytes",
        problem: format!("a chunk cannot have {} bytes", config.chunk_bytes),
        way_out: "choose 64 bytes to 128 MiB".to_owned(),
    })
}

/// Refuses an input that begins correctly and later has more lines of another encoding than a good text has.
fn check_encoding(input: &Input, number: u32, rows: &[Vec<ShardRow>]) -> Result<(), VocabError> {
    if input.records.mostly_foreign == MostlyForeign::Accept {
        return Ok(());
    }
    let (mut lines, mut foreign) = (0, 0);
    for row in rows.iter().flatten().filter(|row| row.id.input == number) {
        lines += row.counts.lines;
        foreign += row.counts.foreign_lines;
    }
    if !are_most_foreign(foreign, lines, foreign) {
        return Ok(());
    }
    let name = input.records.encoding.name().to_uppercase();
    let problem = format!(
        "{foreign} of its {} {} not {name}, although its beginning is",
        counted(lines, "line"),
        agree(foreign, "is", "are")
    );
    let way_out =
        "convert those parts, or set corpus.invalid_utf8 to \"skip\" to leave such lines out";
    Err(input.error("reading text", problem, way_out).into())
}

/// What the threads of the stage share.
struct Tokenizing<'a> {
    ctx: &'a Context,
    config: &'a TokenizeJob,
    cutter: Cutter,
    run: &'a RunDir,
    inputs: &'a [Input],
    progress: StageProgress,
    failed: AtomicBool,
    /// Workers that wait for chunks.
    idle: AtomicUsize,
    /// Buffers of finished chunks, for reuse.
    spare: Mutex<Vec<Vec<u8>>>,
    tasks: Mutex<Tasks<'a>>,
    records: Mutex<RecordCounts>,
    ends: Mutex<Vec<(Sender<Taken>, Receiver<Taken>)>>,
}

/// A chunk that was read, and for how many bytes of its input it stands.
struct Taken {
    chunk: Chunk,
    stored_bytes: u64,
}

impl Weighted for Taken {
    fn held_bytes(&self) -> usize {
        self.chunk.held_bytes()
    }
}

impl Tokenizing<'_> {
    fn enter(&self) -> Result<Vec<ShardRow>, VocabError> {
        let Some((sender, receiver)) = locked(&self.ends).pop() else {
            return Ok(Vec::new());
        };
        let result = self.work(sender, &receiver);
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
            // A worker that sends may wait for room, and its own receiver keeps the channel open: chunks
            // are received until it has seen the failure.
            while receiver.receive().is_ok() {}
        }
        result
    }

    fn work(
        &self,
        sender: Sender<Taken>,
        receiver: &Receiver<Taken>,
    ) -> Result<Vec<ShardRow>, VocabError> {
        let words_most = WORDS_CHUNKS * self.config.chunk_bytes / WORD_BYTES;
        let mut maker = ShardMaker::new(self.config, self.ctx, words_most);
        let mut rows = Vec::new();
        while let Some(task) = self.next_task()? {
            match task {
                Task::Chunk(reader, chunk) => {
                    let buffer = self.spare_buffer();
                    if let Some(chunk) = reader.chunk(&self.cutter, chunk, buffer)? {
                        let stored_bytes = chunk.text().len() as u64;
                        self.make(&mut maker, Taken { chunk, stored_bytes }, &mut rows)?;
                    }
                }
                Task::Stream(input) => self.stream(input, &sender, &mut maker, &mut rows)?,
            }
        }
        drop(sender);
        self.idle.fetch_add(1, Ordering::Relaxed);
        while let Ok(taken) = receiver.receive() {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            self.ctx.cancel.check()?;
            self.make(&mut maker, taken, &mut rows)?;
            self.idle.fetch_add(1, Ordering::Relaxed);
        }
        Ok(rows)
    }

    /// The next task in the order of the corpus; none once another worker has failed.
    fn next_task(&self) -> Result<Option<Task>, VocabError> {
        self.ctx.cancel.check()?;
        let mut tasks = locked(&self.tasks);
        if self.failed.load(Ordering::Relaxed) { Ok(None) } else { tasks.take() }
    }

    /// Reads an input sequentially. Chunks go to idle workers; then one fewer is made into a shard
    /// here.
    fn stream(
        &self,
        input: usize,
        sender: &Sender<Taken>,
        maker: &mut ShardMaker,
        rows: &mut Vec<ShardRow>,
    ) -> Result<(), VocabError> {
        let waiting = Waiting::UntilStopped(self.ctx.cancel.clone());
        let reader = self.inputs[input].open_waiting(waiting)?;
        // For a regular file it was known in advance.
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
            let taken = Taken { chunk, stored_bytes: reader.stored_bytes() - told };
            told = reader.stored_bytes();
            if self.idle.load(Ordering::Relaxed) == 0 {
                self.make(maker, taken, rows)?;
            } else if sender.send(taken) == Err(Closed) {
                break;
            }
        }
        if let Some((counts, told)) = reader.records() {
            *locked(&self.records) += counts;
            let name = &self.inputs[input].name;
            for what in told {
                self.ctx.progress.warn(&format!("tokenize: {name}: {what}; left out"));
            }
        }
        Ok(())
    }

    fn make(
        &self,
        maker: &mut ShardMaker,
        Taken { mut chunk, stored_bytes }: Taken,
        rows: &mut Vec<ShardRow>,
    ) -> Result<(), VocabError> {
        let name = &self.inputs[chunk.id.input as usize].name;
        let (row, was_there) = maker.make(self.run, &mut chunk, name)?;
        match was_there {
            true => self.progress.skip(stored_bytes),
            false => self.progress.add(stored_bytes),
        }
        let what = if was_there { "is there" } else { "is made" };
        self.ctx.progress.detail(|| format!("tokenize/{} {what}", row.id));
        rows.push(row);
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
