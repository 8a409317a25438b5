//! Compares a text with the one that token shards were built from.
//!
//! Inputs are read and cut into chunks as in the stage `tokenize`, and the digest of each chunk is compared with the
//! one stored in its shard. It is not a step of units: nothing is written.

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::ShardId;
use wordmill_text::chunk::{Cutter, StreamReader};
use wordmill_text::input::{Input, Waiting};
use wordmill_text::tokenizer::Tokenizer;
use wordmill_text::unpacking_bytes;

use crate::error::VocabError;
use crate::shards::TokenShards;
use crate::tokenize::{TokenizeJob, is_shard_of};

/// Compares inputs with the shards of an earlier run; returns the first place where they differ, for a message, or
/// `None` if they are the same. An input that can be read only once and is empty now is assumed to be unchanged.
///
/// # Errors
/// For an input that cannot be read, a budget too small for a chunk, and a request to stop.
pub fn compare(
    ctx: &Context,
    config: &TokenizeJob,
    shards: &TokenShards,
    inputs: &[Input],
) -> Result<Option<String>, VocabError> {
    let known = shards.ids().last().map_or(0, |id| id.input as usize + 1);
    if known > inputs.len() {
        return Ok(Some(format!("a list of {} instead of {known} inputs", inputs.len())));
    }
    let chunk = Cutter::peak_bytes(config.chunk_bytes) as u64 + config.chunk_bytes as u64;
    let unpacking = unpacking_bytes(inputs, ctx.threads);
    let needed =
        |workers: usize| workers as u64 * chunk + unpacking.iter().take(workers).sum::<u64>();
    let most = ctx.threads.clamp(1, inputs.len().max(1));
    let workers = (1..=most).rev().find(|&it| needed(it) <= ctx.budget.left()).unwrap_or(1);
    let _memory = ctx.budget.reserve(needed(workers), "comparing the text")?;
    let total = inputs.iter().map(|input| input.bytes).sum::<Option<u64>>();
    let progress = ctx.progress.stage("compare", "bytes", total.unwrap_or(0));
    let places = run_tasks(ctx, "compare", workers, inputs.len(), |at| {
        let job = Comparison { ctx, config, shards, input: &inputs[at], number: at as u32 };
        job.run(|bytes| progress.add(bytes))
    })?;
    progress.complete();
    Ok(places.into_iter().flatten().next())
}

/// The comparison of one input.
struct Comparison<'a> {
    ctx: &'a Context,
    config: &'a TokenizeJob,
    shards: &'a TokenShards,
    input: &'a Input,
    number: u32,
}

impl Comparison<'_> {
    fn run(&self, told: impl Fn(u64)) -> Result<Option<String>, VocabError> {
        let Self { ctx, config, shards, input, number } = *self;
        let cutter = Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone()));
        let reader = input.open_waiting(Waiting::IfThereIsText(ctx.cancel.clone()))?;
        let mut reader = StreamReader::new(cutter, reader, number);
        let ours = |id: &&ShardId| id.input == number;
        let mut expected = shards.ids().iter().filter(ours).peekable();
        let (mut buffer, mut stored, mut is_empty) = (Vec::new(), 0, true);
        while let Some(chunk) = reader.next_chunk(std::mem::take(&mut buffer))? {
            ctx.cancel.check()?;
            told(reader.stored_bytes() - stored);
            (stored, is_empty) = (reader.stored_bytes(), false);
            let fits = expected.next() == Some(&chunk.id)
                && is_shard_of(shards.run(), &chunk, config.fingerprint());
            if !fits {
                let place = chunk.offset;
                return Ok(Some(format!("{} (from byte {place} of its text)", input.name)));
            }
            buffer = chunk.buffer;
        }
        let is_absent = is_empty && input.is_read_once();
        match expected.peek() {
            Some(_) if !is_absent => Ok(Some(format!("{} (its end)", input.name))),
            _ => Ok(None),
        }
    }
}
