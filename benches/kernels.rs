//! How much of the machine the training kernels use: `cargo bench --bench kernels`.
//!
//! Nouns: the peak is what a loop of independent FMAs reaches on this core in the same run; each line after a measurement gives the best
//! sample in GFLOP/s and as a share of that peak. The L2 model fits in half a megabyte, the large one holds 160 MB, so that almost every
//! row comes from memory. Operations are counted as written in the kernels' formulas: multiply and add are two, 1/√x is one.
//! Deliberately absent: threads, and levels other than the best (`WORDMILL_BENCH_LEVEL=avx2` picks one).

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use wordmill_kernels::{
    AdagradSide, BinomialCell, BinomialRun, GROUP_NEGATIVES, GROUP_PAIRS, GloveCell, Group,
    GroupScratch, Kernels, Level, Loss, RUN_CELLS, Side, at, best, padded,
};

const L2_BYTES: usize = 512 << 10;
/// Two stripes of the words of a tile: what a pass meets in training.
const TILE_BYTES: usize = 4 << 20;
const LARGE_BYTES: usize = 160 << 20;

/// Xorshift64: ids only need to be spread.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as u32
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.below(2001) as f32 - 1000.0) * 1e-4).collect()
    }
}

/// Two matrices that share a budget of bytes.
struct Model {
    rows: Vec<f32>,
    cols: Vec<f32>,
    stride: usize,
    ids: usize,
}

impl Model {
    fn new(bytes: usize, dim: usize) -> Self {
        let stride = padded(dim);
        let ids = bytes / 4 / stride / 2;
        let mut random = Random(7);
        let mut matrix = || {
            // Sixteen floats more than needed, to start on a cache line.
            let mut vectors = random.floats(ids * stride + 16);
            for row in vectors.chunks_exact_mut(stride) {
                row[dim..].fill(0.0);
            }
            vectors
        };
        Self { rows: matrix(), cols: matrix(), stride, ids }
    }

    fn sides(&mut self) -> (Side<'_>, Side<'_>) {
        let (stride, len) = (self.stride, self.ids * self.stride);
        (
            Side { vectors: aligned(&mut self.rows, len), stride },
            Side { vectors: aligned(&mut self.cols, len), stride },
        )
    }
}

/// `len` floats that start on a cache line.
fn aligned(vectors: &mut [f32], len: usize) -> &mut [f32] {
    let skip = vectors.as_ptr().align_offset(64);
    &mut vectors[skip..skip + len]
}

/// GFLOP/s of this core: the best of several runs of independent FMA chains.
fn peak(level: Level) -> f64 {
    const ROUNDS: usize = 1 << 20;
    let mut fastest = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        black_box(match level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `at` gave kernels for this level, so the CPU has its instructions.
            Level::Avx512 => unsafe { fma_512(ROUNDS) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { fma_256(ROUNDS) },
            _ => fma_one(ROUNDS),
        });
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    let lanes = match level {
        Level::Avx512 => 16.0,
        Level::Avx2 => 8.0,
        _ => 1.0,
    };
    ROUNDS as f64 * 12.0 * lanes * 2.0 / fastest / 1e9
}

/// # Safety
/// The CPU must have AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn fma_512(rounds: usize) -> f32 {
    use core::arch::x86_64::*;
    let (a, b) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(1e-3)));
    let mut sums = [_mm512_set1_ps(1.0); 12];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
}

/// # Safety
/// The CPU must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fma_256(rounds: usize) -> f32 {
    use core::arch::x86_64::*;
    let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(1e-3)));
    let mut sums = [_mm256_set1_ps(1.0); 12];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, a, b);
        }
    }
    sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
}

fn fma_one(rounds: usize) -> f32 {
    let (a, b) = (black_box(0.999f32), black_box(1e-3f32));
    let mut sums = [1.0f32; 12];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = sum.mul_add(a, b);
        }
    }
    sums.into_iter().sum()
}

/// Measures `batch`, which does `flop` operations, prints its share of the peak and returns its least seconds.
fn measure(
    criterion: &mut Criterion,
    name: &str,
    case: &str,
    flop: f64,
    peak: f64,
    mut batch: impl FnMut() -> Loss,
) -> f64 {
    let fastest = Cell::new(f64::INFINITY);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(flop as u64));
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    group.bench_function(BenchmarkId::from_parameter(case), |bencher| {
        bencher.iter_custom(|rounds| {
            let start = Instant::now();
            for _ in 0..rounds {
                black_box(batch());
            }
            let elapsed = start.elapsed();
            fastest.set(fastest.get().min(elapsed.as_secs_f64() / rounds as f64));
            elapsed
        });
    });
    group.finish();
    if fastest.get().is_infinite() {
        return f64::NAN; // left out by the command line's filter
    }
    let speed = flop / fastest.get() / 1e9;
    println!("{name}/{case}: {speed:.1} GFLOP/s, {:.0} % of {peak:.1}", speed / peak * 100.0);
    fastest.get()
}

fn sgns(
    criterion: &mut Criterion,
    kernels: &Kernels,
    peak: f64,
    case: &str,
    bytes: usize,
    dim: usize,
    run: usize,
) {
    let mut model = Model::new(bytes, dim);
    let ids = model.ids;
    let mut random = Random(1);
    let mut draw = |n: usize| -> Vec<u32> { (0..n).map(|_| random.below(ids)).collect() };
    // Enough groups to pass through most of the large model before an id comes again.
    let groups = 1024;
    let row_len = GROUP_PAIRS / run;
    let (row, col, negatives) =
        (draw(groups * row_len), draw(groups * GROUP_PAIRS), draw(groups * GROUP_NEGATIVES));
    let end: Vec<u32> = (1..=row_len).map(|row| (row * run) as u32).collect();
    let (weight, negative_weight) = ([1.0; GROUP_PAIRS], [0.3; GROUP_PAIRS]);
    let mut scratch = GroupScratch::new();
    let (b, r, n) = (GROUP_PAIRS as f64, row_len as f64, GROUP_NEGATIVES as f64);
    let flop = dim as f64 * (6.0 * r * n + 6.0 * b + n) * groups as f64;
    measure(criterion, "sgns_group", case, flop, peak, || {
        let (mut rows, mut cols) = model.sides();
        let mut loss = Loss::default();
        for g in 0..groups {
            let group = Group {
                row: &row[g * row_len..][..row_len],
                end: &end,
                col: &col[g * GROUP_PAIRS..][..GROUP_PAIRS],
                weight: &weight,
                col_rate: &weight,
                negative_rate: &weight[..GROUP_NEGATIVES],
                negatives: &negatives[g * GROUP_NEGATIVES..][..GROUP_NEGATIVES],
                negative_weight: &negative_weight[..row_len],
                negative_sign: &weight[..GROUP_NEGATIVES],
            };
            loss += kernels.sgns_group(&mut rows, &mut cols, &group, 1e-3, &mut scratch);
        }
        loss
    });
}

fn binomial(
    criterion: &mut Criterion,
    kernels: &Kernels,
    peak: f64,
    case: &str,
    bytes: usize,
    dim: usize,
) {
    let mut model = Model::new(bytes, dim);
    let mut random = Random(2);
    let ids = model.ids;
    // Enough runs to pass through most of the large model before an id comes again.
    let runs = 1 << 13;
    let mut cell = |_| BinomialCell { col: random.below(ids), left: 1.0, right: 0.5 };
    let cells: Vec<BinomialCell> = (0..runs * RUN_CELLS).map(&mut cell).collect();
    let mut run = |first| {
        let (row, len) = (random.below(ids), RUN_CELLS as u32);
        BinomialRun { row, first: first * len, len }
    };
    let runs: Vec<BinomialRun> = (0..runs as u32).map(&mut run).collect();
    // A score, a squared norm and two moves; the row's own norm is shared.
    let flop = dim as f64 * (8.0 * cells.len() as f64 + 2.0 * runs.len() as f64);
    measure(criterion, "binomial_runs", case, flop, peak, || {
        let (mut rows, mut cols) = model.sides();
        kernels.binomial_runs(&mut rows, &mut cols, &runs, &cells, 1e-3)
    });
}

/// Cells as training visits them, in runs of 8 of one row, and single ones.
fn glove(
    criterion: &mut Criterion,
    kernels: &Kernels,
    peak: f64,
    case: &str,
    bytes: usize,
    dim: usize,
) {
    // Half of the bytes are squares.
    let mut model = Model::new(bytes / 2, dim);
    let (ids, stride) = (model.ids, model.stride);
    let mut random = Random(3);
    for (name, by_row, run) in [
        ("glove_cells", false, 8),
        ("glove_cells_alone", false, 1),
        ("glove_cells_by_row", true, 8),
    ] {
        let mut row = 0;
        let mut cell = |i: usize| {
            row = if i.is_multiple_of(run) { random.below(ids) } else { row };
            GloveCell { row, col: random.below(ids), log_x: 0.5, weight: 0.5 }
        };
        let cells: Vec<GloveCell> = (0..1 << 14).map(&mut cell).collect();
        let squares = if by_row { ids } else { ids * stride };
        let mut state = [(); 2].map(|()| (vec![1.0; squares + 16], vec![0.0; ids], vec![1.0; ids]));
        // Score, two steps and two squares; with an accumulator a coordinate its square, root and quotient, too.
        let flop = dim as f64 * if by_row { 8.0 } else { 14.0 } * cells.len() as f64;
        let fastest = measure(criterion, name, case, flop, peak, || {
            let (rows, cols) = model.sides();
            let [left, right] = &mut state;
            let mut sides =
                [(rows, left), (cols, right)].map(|(side, (held, bias, bias_square))| {
                    AdagradSide {
                        vectors: side.vectors,
                        squares: aligned(held, squares),
                        bias,
                        bias_square,
                        stride,
                    }
                });
            let [rows, cols] = &mut sides;
            match by_row {
                true => kernels.glove_cells_by_row(rows, cols, &cells, 1e-3, dim),
                false => kernels.glove_cells(rows, cols, &cells, 1e-3),
            }
        });
        println!("{name}/{case}: {:.1} ns a cell", fastest * 1e9 / cells.len() as f64);
    }
}

fn main() {
    let kernels = match std::env::var("WORDMILL_BENCH_LEVEL") {
        Ok(name) => at(name.parse().expect("a level's name")).expect("a level of this CPU"),
        Err(_) => best(),
    };
    let peak = peak(kernels.level());
    println!("level {}, peak of one core {peak:.1} GFLOP/s", kernels.level());
    let mut criterion = Criterion::default().configure_from_args();
    for dim in [100, 300] {
        for (place, bytes) in [("l2", L2_BYTES), ("tile", TILE_BYTES), ("160mb", LARGE_BYTES)] {
            let case = format!("{place}-{dim}");
            for run in [1, 4, 8] {
                let case = format!("{case}-run{run}");
                sgns(&mut criterion, kernels, peak, &case, bytes, dim, run);
            }
            binomial(&mut criterion, kernels, peak, &case, bytes, dim);
            glove(&mut criterion, kernels, peak, &case, bytes, dim);
        }
    }
    criterion.final_summary();
}
