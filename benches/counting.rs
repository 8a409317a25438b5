//! From token shards to tiles: `cargo bench --bench counting`.
//!
//! It is for the three stages of the room `cooccur`: counting, merging, shuffling. The text is drawn
//! from Zipf's law with a fixed seed and lies in memory like everything that is written, so no disk
//! takes part; one thread works, so the rate is that of a core. A *pair* is two words in a window,
//! seen from both ends; the least that has to be moved for it is one cell of 16 bytes. The small
//! batches make many runs, the large one makes one. The hot loops of the stages are timed by
//! themselves: adding up the words around places, and packing and unpacking blocks of the cells that
//! result. Finally every weighting is timed with small and large windows, from shards to tiles that
//! were read in segments as trainers read them, beside linear weights in the same window.

mod limit;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wordmill_cooccur::{
    CountConfig, CountInput, Dropped, MatrixCells, MergeConfig, RowRanges, ShuffleConfig, Sides,
    Subsampling, Weighting, WindowConfig, bench_api, count, merge, shuffle,
};
use wordmill_flow::Context;
use wordmill_formats::{
    LINE_END, MemoryStorage, RemapWriter, RunDir, Segment, ShardId, StripeFile, TileSection,
    TokenShardWriter,
};

use limit::{Batch, Yardstick};

const WORDS: usize = 20_000;
const LINES: usize = 20_000;
const LINE_WORDS: usize = 20;
const SHARDS: usize = 8;
const CELL_BYTES: u64 = 16;
const WINDOW: WindowConfig = WindowConfig {
    window: 5,
    weighting: Weighting::Linear,
    sides: Sides::Both,
    dropped: Dropped::Close,
};

/// Lines of word ids, most frequent word first.
struct Text {
    lines: Vec<Vec<u32>>,
    counts: Vec<u64>,
    shards: Vec<ShardId>,
}

impl Text {
    fn new() -> Self {
        let mut random = 1_u64;
        let mut word = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
            // The inverse of Zipf's distribution function, ln(id + 1) / ln(WORDS).
            ((WORDS as f64).powf(share) as usize - 1).min(WORDS - 1)
        };
        let drawn: Vec<Vec<usize>> =
            (0..LINES).map(|_| (0..LINE_WORDS).map(|_| word()).collect()).collect();
        let mut counts = vec![0_u64; WORDS];
        drawn.iter().flatten().for_each(|&id| counts[id] += 1);
        let mut order: Vec<usize> = (0..WORDS).collect();
        order.sort_by_key(|&id| std::cmp::Reverse(counts[id]));
        let mut ranks = vec![0_u32; WORDS];
        order.iter().zip(0..).for_each(|(&id, rank)| ranks[id] = rank);
        let rank = |line: Vec<usize>| line.into_iter().map(|id| ranks[id]).collect();
        Self {
            lines: drawn.into_iter().map(rank).collect(),
            counts: order.iter().map(|&id| counts[id]).collect(),
            shards: ShardId::first((LINES / (LINES / SHARDS)) as u32),
        }
    }

    /// Pairs in all windows, seen from both ends.
    fn pairs(&self) -> u64 {
        let window = usize::from(WINDOW.window);
        let line: usize = (0..LINE_WORDS).map(|at| at.min(window)).sum();
        (2 * line * self.lines.len()) as u64
    }

    /// Writes the token shards; local and global ids are the same.
    fn write(&self, dir: &RunDir) -> Result<CountInput<'_>, Box<dyn Error>> {
        let words = self.counts.len() as u32;
        let chunks = self.lines.chunks(self.lines.len() / SHARDS);
        for (lines, shard) in chunks.zip(&self.shards) {
            let path = dir.token_shard(*shard);
            let mut tokens = TokenShardWriter::create(dir.storage(), &path, words, false)?;
            for line in lines {
                tokens.tokens(line)?;
                tokens.tokens(&[LINE_END])?;
            }
            tokens.finish()?;
            let mut remap = RemapWriter::create(dir.storage(), &dir.remap(*shard))?;
            (0..words).try_for_each(|id| remap.push(id))?;
            remap.finish()?;
        }
        Ok(CountInput { shards: &self.shards, counts: &self.counts })
    }
}

/// Runs the three stages; returns the time of each, and the tiles.
fn stages(
    text: &Text,
    window: WindowConfig,
    thinning: Option<Subsampling>,
    (batch_bytes, grid): (u64, u32),
) -> Result<([Duration; 3], Vec<StripeFile>), Box<dyn Error>> {
    let ctx = Context::for_tests(1);
    let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let input = text.write(&dir)?;
    let start = Instant::now();
    let config = CountConfig {
        window,
        thinning,
        fingerprint: "bench".into(),
        batch_bytes: Some(batch_bytes),
    };
    let runs = count(&ctx, &dir, &config, input)?;
    let counted = start.elapsed();
    let config = MergeConfig {
        unit: config.unit(),
        samples: config.samples(),
        fingerprint: "bench".into(),
        vocabulary: String::new(),
        settings: BTreeMap::new(),
    };
    let ranges = RowRanges::new(&text.counts, window.window);
    let index = merge(&ctx, &dir, &config, &ranges, runs)?;
    let merged = start.elapsed();
    let config = ShuffleConfig {
        checkpoint_every: std::time::Duration::MAX,
        folder: "tiles".into(),
        grid,
        seed: 1,
        fingerprint: "bench".into(),
        slots: 0,
    };
    let stripes = shuffle(&ctx, &dir, &config, &MatrixCells::new(&dir, &index))?;
    Ok(([counted, merged - counted, start.elapsed() - merged], stripes))
}

/// Stripes a side where weightings are compared: tiles as small as those of a small text.
const SMALL_TILES_GRID: u32 = 64;
/// Segments of a section, one for each rotation.
const SEGMENTS: u32 = 8;

/// Reads every tile in segments; returns the cells.
fn read_tiles(stripes: &[StripeFile]) -> u64 {
    let (mut cells, mut count) = (Vec::new(), 0);
    for (stripe, column) in stripes.iter().flat_map(|it| (0..it.grid().grid).map(move |j| (it, j)))
    {
        for part in 0..SEGMENTS {
            cells.clear();
            let segment = Segment { part, parts: SEGMENTS };
            let read = stripe.segment(column, TileSection::Cold, segment, &mut cells);
            read.expect("the tiles are whole");
            count += cells.len() as u64;
        }
    }
    count
}

/// From shards to tiles that were read, for every weighting.
fn weightings(yardstick: &Yardstick, criterion: &mut Criterion, text: &Text) {
    let names = [("linear", Weighting::Linear), ("flat", Weighting::Flat)];
    let names = names.into_iter().chain([("harmonic", Weighting::Harmonic)]);
    let cases = names.flat_map(|name| [5, 15].map(|window| [1, 4].map(|n| (name, window, n))));
    let mut linear = BTreeMap::new();
    for ((name, weighting), window, samples) in cases.flatten() {
        let config = WindowConfig { window, weighting, ..WINDOW };
        let thinning = (samples > 1).then(|| Subsampling::new(&vec![0.5; WORDS], 1, samples));
        let case = format!("{name}-{window}-samples-{samples}");
        let (mut fastest, mut bytes, mut cells) = (Duration::MAX, 0, 1);
        let batch = Batch { items: text.pairs(), unit: "pairs", bytes: text.pairs() * CELL_BYTES };
        yardstick.measure(criterion, ("weightings", &case), batch, || {
            let made = stages(text, config, thinning.clone(), (64 << 20, SMALL_TILES_GRID));
            let (times, stripes) = made.expect("memory does not fail");
            let start = Instant::now();
            cells = std::hint::black_box(read_tiles(&stripes));
            let time = start.elapsed();
            fastest = fastest.min(time);
            bytes = stripes.iter().map(|stripe| stripe.file().bytes()).sum();
            times.iter().sum::<Duration>() + time
        });
        let as_linear = *linear.entry((window, samples)).or_insert(fastest);
        let visits = u64::from(SMALL_TILES_GRID * SMALL_TILES_GRID * SEGMENTS);
        println!(
            "weightings/{case}: {:.0} segments/s, {:.2} x the time of linear, {:.2} bytes a cell",
            visits as f64 / fastest.as_secs_f64(),
            fastest.as_secs_f64() / as_linear.as_secs_f64(),
            bytes as f64 / cells as f64
        );
    }
}

/// Cells of a block: those of a frame of a run.
const BLOCK_CELLS: usize = 8192;

fn hot_loops(yardstick: &Yardstick, criterion: &mut Criterion, text: &Text, pairs: Batch) {
    let mut places = bench_api::Places::new(&text.lines, WORDS as u32, WINDOW);
    let timed = |work: &mut dyn FnMut() -> u64| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    };
    yardstick.measure(criterion, ("counting", "add"), pairs, || timed(&mut || places.add()));
    let blocks = places.blocks(BLOCK_CELLS);
    let cells: u64 = blocks.iter().map(|block| block.len() as u64).sum();
    let batch = Batch { items: cells, unit: "cells", bytes: cells * CELL_BYTES };
    let unit = WINDOW.unit();
    yardstick.measure(criterion, ("counting", "pack"), batch, || {
        timed(&mut || bench_api::pack(&blocks, unit).len() as u64)
    });
    let frames = bench_api::pack(&blocks, unit);
    let stored: usize = frames.iter().map(|frame| frame.stored_bytes()).sum();
    println!("counting/pack: {:.2} bytes a cell", stored as f64 / cells as f64);
    yardstick.measure(criterion, ("counting", "unpack"), batch, || {
        timed(&mut || bench_api::unpack(&frames, unit))
    });
}

fn main() {
    let yardstick = Yardstick::take();
    let text = Text::new();
    let batch = Batch { items: text.pairs(), unit: "pairs", bytes: text.pairs() * CELL_BYTES };
    let mut criterion = Criterion::default().configure_from_args();
    for (case, batch_bytes) in [("64MiB", 64 << 20), ("2MiB", 2 << 20)] {
        let mut fastest = [Duration::MAX; 3];
        yardstick.measure(&mut criterion, ("counting", case), batch, || {
            let made = stages(&text, WINDOW, None, (batch_bytes, 8));
            let (times, _) = made.expect("memory does not fail");
            for (fastest, time) in fastest.iter_mut().zip(times) {
                *fastest = time.min(*fastest);
            }
            times.iter().sum()
        });
        let [count, merge, shuffle] = fastest.map(|time| time.as_secs_f64() * 1e3);
        println!(
            "counting/{case}: count {count:.0} ms, merge {merge:.0} ms, shuffle {shuffle:.0} ms"
        );
    }
    hot_loops(&yardstick, &mut criterion, &text, batch);
    weightings(&yardstick, &mut criterion, &text);
    criterion.final_summary();
}
