//! From text to token shards: `cargo bench --bench tokenize`.
//!
//! It is for the rooms `text` and `vocab`: `words` and `whitespace` are the tokenizers alone, line by line;
//! `scan` finds the spans of words, `number` also looks them up, `sort` puts the distinct ones in
//! order; `encode` writes ids as a shard; `stage` does all of it from a file, in memory, with one
//! worker; `merge` makes the vocabulary of those shards. The text is the built-in sample, all of it ASCII, so the fast path is
//! what is measured. Every byte has to be read once.

mod limit;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wordmill_flow::Context;
use wordmill_formats::{MemoryStorage, RunDir, Storage, TokenShardWriter};
use wordmill_sample as sample;
use wordmill_text::input;
use wordmill_text::tokenizer::{Segmentation, Tokenizer, TokenizerConfig};
use wordmill_vocab::bench_api::HotLoops;
use wordmill_vocab::{TokenizeJob, VocabularyJob, tokenize, vocabulary};

use limit::{Batch, Yardstick};

const TEXT_BYTES: u64 = 8_000_000;
const CHUNK_BYTES: usize = 4 << 20;
/// Distinct words of a chunk of English.
const WORDS: u32 = 40_000;

fn tokenizer_alone(text: &str, segmentation: &Segmentation) -> Duration {
    let mut tokenizer = Tokenizer::new(TokenizerConfig {
        segmentation: segmentation.clone(),
        ..TokenizerConfig::default()
    });
    let start = Instant::now();
    let mut tokens = 0_u64;
    for line in text.lines() {
        tokenizer.tokenize(line, |word| {
            black_box(word);
            tokens += 1;
        });
    }
    black_box(tokens);
    start.elapsed()
}

/// A text cut as chunks are.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = rest.len().min(CHUNK_BYTES);
        let end = rest.as_bytes()[most..].iter().position(|byte| *byte == b'\n');
        let (piece, later) = rest.split_at(end.map_or(rest.len(), |end| most + end + 1));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The time of one part alone, on each piece of the text.
fn part(
    text: &str,
    mut before: impl FnMut(&mut HotLoops, &str),
    mut part: impl FnMut(&mut HotLoops, &str) -> usize,
) -> Duration {
    let mut hot = HotLoops::new(TokenizerConfig::default());
    let mut time = Duration::ZERO;
    for piece in pieces(text) {
        before(&mut hot, piece);
        let start = Instant::now();
        black_box(part(&mut hot, piece));
        time += start.elapsed();
    }
    time
}

fn encode(ids: &[u32]) -> Result<Duration, Box<dyn Error>> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let start = Instant::now();
    let mut writer = TokenShardWriter::create(&storage, Path::new("a.tok"), WORDS, false)?;
    writer.tokens(ids)?;
    writer.finish()?;
    Ok(start.elapsed())
}

/// Ids as frequent as words are.
fn zipf_ids(count: u64) -> Vec<u32> {
    let mut random = 1_u64;
    let mut id = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
        (f64::from(WORDS).powf(share) as u32 - 1).min(WORDS - 1)
    };
    (0..count).map(|_| id()).collect()
}

fn merge(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let ctx = Context::for_tests(1);
    let run = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let inputs = input::resolve(&[path.display().to_string()], Path::new(""), 1)?;
    let config = TokenizeJob { chunk_bytes: CHUNK_BYTES / 16, ..TokenizeJob::default() };
    let shards = tokenize(&ctx, &config, &run, &inputs)?;
    let start = Instant::now();
    vocabulary(&ctx, &VocabularyJob::default(), &shards)?;
    Ok(start.elapsed())
}

fn stage(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let ctx = Context::for_tests(1);
    let run = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let inputs = input::resolve(&[path.display().to_string()], Path::new(""), 1)?;
    let start = Instant::now();
    tokenize(&ctx, &TokenizeJob::default(), &run, &inputs)?;
    Ok(start.elapsed())
}

fn main() -> Result<(), Box<dyn Error>> {
    let yardstick = Yardstick::take();
    let mut text = Vec::new();
    sample::Sample::new(1).write_to(TEXT_BYTES, &mut text)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sample.txt");
    std::fs::write(&path, &text)?;
    let text = String::from_utf8(text)?;
    let batch = Batch {
        items: text.split_whitespace().count() as u64,
        unit: "tokens",
        bytes: text.len() as u64,
    };
    let mut criterion = Criterion::default().configure_from_args();
    for (case, segmentation) in
        [("words", Segmentation::Words), ("whitespace", Segmentation::Whitespace)]
    {
        yardstick.measure(&mut criterion, ("tokenize", case), batch, || {
            tokenizer_alone(&text, &segmentation)
        });
    }
    let ready = |_: &mut HotLoops, _: &str| {};
    yardstick.measure(&mut criterion, ("tokenize", "scan"), batch, || {
        part(&text, ready, HotLoops::scan)
    });
    yardstick.measure(&mut criterion, ("tokenize", "number"), batch, || {
        part(&text, ready, HotLoops::number)
    });
    let numbered = |hot: &mut HotLoops, piece: &str| {
        hot.number(piece);
    };
    yardstick.measure(&mut criterion, ("tokenize", "sort"), batch, || {
        part(&text, numbered, |hot, _| hot.sort())
    });
    let ids = zipf_ids(batch.items);
    yardstick.measure(&mut criterion, ("tokenize", "encode"), batch, || {
        encode(&ids).expect("memory does not fail")
    });
    yardstick.measure(&mut criterion, ("tokenize", "merge"), batch, || {
        merge(&path).expect("the sample is text and memory does not fail")
    });
    yardstick.measure(&mut criterion, ("tokenize", "stage"), batch, || {
        stage(&path).expect("the sample is text and memory does not fail")
    });
    criterion.final_summary();
    Ok(())
}
