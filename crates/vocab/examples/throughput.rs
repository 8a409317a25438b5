//! Measures this crate: bytes per second of the sample, of tokenising and of the vocabulary.
//!
//! `cargo run --release -p wordmill-vocab --example throughput -- [INPUT] [THREADS]`; without an
//! input, 100 MB of the sample. Prints to standard output; the run is written to a folder that is
//! removed.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use wordmill_flow::Context;
use wordmill_formats::{DiskStorage, RunDir};
use wordmill_sample::Sample;
use wordmill_text::input;
use wordmill_text::tokenizer::Tokenizer;
use wordmill_vocab::{TokenizeJob, VocabularyJob, tokenize, vocabulary};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next();
    let threads = arguments.next().map_or(Ok(1), |n| n.parse())?;
    let folder = tempfile::tempdir()?;
    let path = match name {
        Some(name) => name.into(),
        None => make_sample(folder.path())?,
    };
    let text = std::fs::read_to_string(&path)?;
    let bytes = text.len() as f64;
    let mut tokenizer = Tokenizer::new(TokenizeJob::default().tokenizer);
    let start = Instant::now();
    let mut tokens = 0_u64;
    text.lines().for_each(|line| tokenizer.tokenize(line, |_| tokens += 1));
    report("tokenizer alone", bytes, start);
    drop(text);
    let run = RunDir::new(Arc::new(DiskStorage), folder.path().join("run"));
    let ctx = Context::for_tests(threads);
    let inputs = input::resolve(&[path.display().to_string()], Path::new(""), 1)?;
    let start = Instant::now();
    let shards = tokenize(&ctx, &TokenizeJob::default(), &run, &inputs)?;
    report("stage tokenize", bytes, start);
    let start = Instant::now();
    let words = vocabulary(&ctx, &VocabularyJob::default(), &shards)?;
    report("stage vocabulary", bytes, start);
    println!("{tokens} tokens, {:?}, {:?}", shards.totals(), words.counts());
    Ok(())
}

fn make_sample(folder: &Path) -> std::io::Result<std::path::PathBuf> {
    let path = folder.join("sample.txt");
    let mut out = Vec::with_capacity(101_000_000);
    let start = Instant::now();
    Sample::new(1).write_to(100_000_000, &mut out)?;
    report("sample", out.len() as f64, start);
    std::fs::File::create(&path)?.write_all(&out)?;
    Ok(path)
}

fn report(what: &str, bytes: f64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<18} {:7.1} MB/s ({seconds:.3} s)", bytes / 1e6 / seconds);
}
