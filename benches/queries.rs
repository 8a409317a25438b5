//! How fast vectors are opened and asked: `cargo bench --bench queries`.
//!
//! Writes random vectors (`WORDMILL_BENCH_WORDS`, 200,000, of `WORDMILL_BENCH_DIM`, 300 numbers) to a file in the folder for
//! temporary files or `WORDMILL_BENCH_DIR`, opens it, and asks on `WORDMILL_BENCH_THREADS` threads (all). One query reads all
//! of it once, so its limit is how fast the same threads read the same map with a plain loop, taken in turn with the queries;
//! each line is the best of some rounds. With `--test` the file is small and everything is done once.
//! Deliberately absent: how other programs do; `benches/runs` has that.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use wordmill_formats::{DiskStorage, Storage, Vectors, VectorsWriter, Words};
use wordmill_query::{
    AnalogyMethod, AnalogySet, EvalConfig, Which, combine, nearest, nearest_each, score_analogies,
};

/// Questions of Google's set, and among how many words they are usually asked.
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

/// A number from the environment.
fn setting(name: &str, default: usize) -> Result<usize, Box<dyn Error>> {
    std::env::var(name).map_or(Ok(default), |text| Ok(text.parse()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let is_test = std::env::args().any(|arg| arg == "--test");
    let words = setting("WORDMILL_BENCH_WORDS", if is_test { 2_000 } else { 200_000 })?;
    let dim = setting("WORDMILL_BENCH_DIM", 300)?;
    let all = std::thread::available_parallelism()?.get();
    let threads = setting("WORDMILL_BENCH_THREADS", all)?;
    let rounds = if is_test { 1 } else { 15 };
    let folder =
        std::env::var_os("WORDMILL_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("wordmill-queries-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("vectors.safetensors");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    let done =
        write(&storage, &path, words, dim).and_then(|()| ask(&storage, &path, threads, rounds));
    std::fs::remove_dir_all(&folder)?;
    done
}

fn ask(
    storage: &Arc<dyn Storage>,
    path: &Path,
    threads: usize,
    rounds: usize,
) -> Result<(), Box<dyn Error>> {
    let open = best_of(rounds, || Vectors::open(storage, path).map(drop))?;
    println!("open: {:.3} ms", 1e3 * open);
    let vectors = Vectors::open(storage, path)?;
    let (words, dim) = (vectors.words().len(), vectors.dim());
    let find = best_of(rounds, || {
        black_box(vectors.words().find(format!("w{}", words / 2).as_bytes()));
        Ok::<_, Box<dyn Error>>(())
    })?;
    println!("find a word: {:.1} us", 1e6 * find);

    let bytes = (words * dim * 4) as f64;
    let (mut read, mut query, mut product) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for round in 0..rounds {
        let id = round * 7 % words;
        read = read.min(best_of(1, || {
            black_box(sum(vectors.word_vectors(), threads));
            Ok::<_, Box<dyn Error>>(())
        })?);
        query = query.min(best_of(1, || nearest(&vectors, Which::Word, &[id], &[], 10, threads))?);
        let method = AnalogyMethod::Mul;
        product = product.min(best_of(1, || {
            combine(&vectors, Which::Word, &[id, 1], &[2], method, 10, threads)
        })?);
    }
    println!("{words} x {dim}, {:.0} MB, {threads} threads", bytes / 1e6);
    println!("plain loop: {:.2} ms, {:.1} GB/s", 1e3 * read, bytes / read / 1e9);
    let line = |name: &str, seconds: f64| {
        let rate = bytes / seconds / 1e9;
        let share = 100.0 * read / seconds;
        println!("{name}: {:.2} ms, {rate:.1} GB/s, {share:.0} % of the plain loop", 1e3 * seconds);
    };
    line("one query", query);
    line("one 3CosMul", product);

    let many: Vec<usize> = (0..256).map(|at| at * 3 % words).collect();
    let each = best_of(rounds.min(3), || nearest_each(&vectors, Which::Word, &many, 10, threads))?;
    let rate = (many.len() * words * dim) as f64 / each / 1e9;
    println!("{} queries at once: {:.1} ms, {rate:.1} G multiply-adds/s", many.len(), 1e3 * each);

    let top = TOP.min(words);
    let mut text = String::from(": random\n");
    for question in 0..QUESTIONS.min(words * 10) {
        let word = |step: usize| (question * step + step) % top;
        writeln!(text, "w{} w{} w{} w{}", word(7), word(11), word(13), word(17))?;
    }
    let set = AnalogySet::parse("random", &text)?;
    let config = EvalConfig { top, threads, ..EvalConfig::default() };
    let seconds = best_of(1, || score_analogies(&vectors, &set, &config))?;
    let rate = (set.len() * top * dim) as f64 / seconds / 1e9;
    println!("{} analogies among {top}: {seconds:.2} s, {rate:.1} G multiply-adds/s", set.len());
    Ok(())
}

/// Seconds of the fastest of some rounds.
fn best_of<T, E>(rounds: usize, mut run: impl FnMut() -> Result<T, E>) -> Result<f64, E> {
    let mut fastest = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(run()?);
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(fastest)
}

/// Reads all numbers, in shares of 256 KiB, as the search does.
fn sum(numbers: &[f32], threads: usize) -> u32 {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let blocks: Vec<&[f32]> = numbers.chunks(1 << 16).collect();
    let run = || {
        let mut sums = [0u32; 64];
        while let Some(block) = blocks.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
        {
            for some in block.as_chunks::<64>().0 {
                sums.iter_mut().zip(some).for_each(|(sum, x)| *sum ^= x.to_bits());
            }
        }
        sums.iter().fold(0, |all, sum| all ^ sum)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        others.into_iter().fold(run(), |all, other| all ^ other.join().expect("it only adds"))
    })
}

fn write(
    storage: &Arc<dyn Storage>,
    path: &Path,
    words: usize,
    dim: usize,
) -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = (0..words).map(|id| format!("w{id}")).collect();
    let mut lookup: Vec<u32> = (0..words as u32).collect();
    lookup.sort_by_key(|&id| names[id as usize].as_bytes());
    let list = Numbered { names, counts: vec![1; words], lookup };
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
