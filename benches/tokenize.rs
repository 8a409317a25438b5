//! From text to token shards: `cargo bench --bench tokenize`.
//!
//! It is for the room `corpus`: `words` and `whitespace` are the tokenizers alone, line by line;
//! `stage` also reads, cuts chunks, numbers the words and writes the shards, in memory, with one
//! worker beside the reader. The text is the built-in sample, all of it ASCII, so the fast path is
//! what is measured. Every byte has to be read once.

mod limit;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wordmill_corpus::tokenizer::{Segmentation, Tokenizer, TokenizerConfig};
use wordmill_corpus::{TokenizeConfig, input, sample, tokenize};
use wordmill_flow::Context;
use wordmill_formats::{MemoryStorage, RunDir};

use limit::{Batch, Yardstick};

const TEXT_BYTES: u64 = 8_000_000;

fn tokenizer_alone(text: &str, segmentation: Segmentation) -> Duration {
    let mut tokenizer =
        Tokenizer::new(TokenizerConfig { segmentation, ..TokenizerConfig::default() });
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

fn stage(path: &Path) -> Result<Duration, Box<dyn Error>> {
    let ctx = Context::for_tests(1);
    let run = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let inputs = input::resolve(&[path.display().to_string()], Path::new(""), 1)?;
    let start = Instant::now();
    tokenize(&ctx, &TokenizeConfig::default(), &run, &inputs)?;
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
            tokenizer_alone(&text, segmentation)
        });
    }
    yardstick.measure(&mut criterion, ("tokenize", "stage"), batch, || {
        stage(&path).expect("the sample is text and memory does not fail")
    });
    criterion.final_summary();
    Ok(())
}
