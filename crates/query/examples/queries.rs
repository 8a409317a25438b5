//! How fast questions are answered: `queries [words] [dim] [threads] [folder]`.
//!
//! Writes random vectors to a folder, asks as many analogies as Google's set has among 30,000 words,
//! and looks for neighbours among all of them. Prints multiply-adds and bytes a second, to be held
//! against what the machine can do.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use wordmill_formats::{DiskStorage, Storage, Vectors, VectorsWriter, Words};
use wordmill_query::{AnalogySet, Which, nearest, score_analogies};

const QUESTIONS: usize = 19_544;
const TOP: usize = 30_000;

struct Numbered {
    names: Vec<String>,
    counts: Vec<u64>,
    lookup: Vec<u32>,
}

impl Words for Numbered {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn word(&self, id: usize) -> &[u8] {
        self.names[id].as_bytes()
    }
    fn counts(&self) -> &[u64] {
        &self.counts
    }
    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: usize| args.next().map_or(Ok(default), |text| text.parse());
    let (words, dim, threads) = (number(80_000)?, number(100)?, number(2)?);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join("throughput.safetensors");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    write(&storage, &path, words, dim)?;

    let started = Instant::now();
    let vectors = Vectors::open(&storage, &path)?;
    println!("open: {:.2} ms", 1e3 * started.elapsed().as_secs_f64());

    let mut text = String::from(": random\n");
    let top = TOP.min(words);
    for question in 0..QUESTIONS {
        let word = |step: usize| (question * step + step) % top;
        writeln!(text, "w{} w{} w{} w{}", word(7), word(11), word(13), word(17))?;
    }
    let set = AnalogySet::parse("random", &text)?;
    let started = Instant::now();
    let scores = score_analogies(&vectors, &set, top, threads)?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = (scores.total.asked as usize * top * dim) as f64 / seconds / 1e9;
    let asked = scores.total.asked;
    println!("analogies: {asked} among {top} x {dim}: {seconds:.2} s, {rate:.1} G multiply-adds/s");

    nearest(&vectors, Which::Word, &[1], &[], 10, threads)?;
    let started = Instant::now();
    let rounds = 20;
    for word in 0..rounds {
        nearest(&vectors, Which::Word, &[word], &[], 10, threads)?;
    }
    let seconds = started.elapsed().as_secs_f64() / rounds as f64;
    let rate = (words * dim * 4) as f64 / seconds / 1e9;
    println!("nearest: {:.2} ms a query, {rate:.1} GB/s", 1e3 * seconds);
    std::fs::remove_file(&path)?;
    Ok(())
}

fn write(
    storage: &Arc<dyn Storage>,
    path: &std::path::Path,
    words: usize,
    dim: usize,
) -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = (0..words).map(|id| format!("w{id}")).collect();
    let mut lookup: Vec<u32> = (0..words as u32).collect();
    lookup.sort_by_key(|&id| names[id as usize].as_bytes());
    let counts = vec![1; words];
    let list = Numbered { names, counts, lookup };
    let mut writer = VectorsWriter::create(storage, path, &list, dim, &BTreeMap::new())?;
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let some = |ids: std::ops::Range<u32>, out: &mut Vec<f32>| {
        out.extend((0..ids.len() * dim).map(|_| random()));
        Ok(())
    };
    writer.matrix("word_vectors", words as u32, some)?;
    writer.finish(&list)?;
    Ok(())
}
