//! Products of vectors: dot, scores of one or many queries, axpy, and the elementwise functions over slices.
//!
//! Terms: a tile is a few vectors against a few others, one accumulator register for each pair; its size changes speed and never bits,
//! because each pair keeps its own sixteen lanes. Not covered: blocking over the dimension, which would change the sums.

use crate::lanes::{Block, LANES, Lanes};
use crate::math;

/// Floats that `scores` prefetches ahead of its four rows: 8 KiB.
const SCORES_AHEAD: usize = 2048;

/// Sixteen-lane accumulators of all pairs of `a` and `b`, vectors of one length.
#[inline(always)]
pub(crate) fn tile<S: Lanes, const R: usize, const C: usize>(
    s: S,
    a: [&[f32]; R],
    b: [&[f32]; C],
) -> [[S::F; C]; R] {
    let dim = a[0].len();
    let mut sums = [[s.splat(0.0); C]; R];
    let mut blocks_a: [&[Block]; R] = [&[]; R];
    let mut blocks_b: [&[Block]; C] = [&[]; C];
    for r in 0..R {
        blocks_a[r] = &a[r].as_chunks().0[..dim / LANES];
    }
    for c in 0..C {
        blocks_b[c] = &b[c].as_chunks().0[..dim / LANES];
    }
    for j in 0..dim / LANES {
        for r in 0..R {
            let x = s.load(&blocks_a[r][j]);
            for c in 0..C {
                sums[r][c] = s.fma(x, s.load(&blocks_b[c][j]), sums[r][c]);
            }
        }
    }
    if !dim.is_multiple_of(LANES) {
        let from = dim / LANES * LANES;
        for r in 0..R {
            let x = s.load_tail(&a[r][from..dim]);
            for c in 0..C {
                sums[r][c] = s.fma(x, s.load_tail(&b[c][from..dim]), sums[r][c]);
            }
        }
    }
    sums
}

/// All sixteen dot products of four vectors with four others, row-major, computed in tiles of R x C.
#[inline(always)]
pub(crate) fn dots_4x4<S: Lanes, const R: usize, const C: usize>(
    s: S,
    a: [&[f32]; 4],
    b: [&[f32]; 4],
) -> S::F {
    let mut sums = [s.splat(0.0); LANES];
    for r in (0..4).step_by(R) {
        let mut some_a: [&[f32]; R] = [&[]; R];
        some_a.copy_from_slice(&a[r..r + R]);
        for c in (0..4).step_by(C) {
            let mut some_b: [&[f32]; C] = [&[]; C];
            some_b.copy_from_slice(&b[c..c + C]);
            let part = tile(s, some_a, some_b);
            for i in 0..R {
                for j in 0..C {
                    sums[(r + i) * 4 + c + j] = part[i][j];
                }
            }
        }
    }
    s.sum16(sums)
}

#[inline(always)]
pub(crate) fn dot<S: Lanes>(s: S, a: &[f32], b: &[f32]) -> f32 {
    s.sum(tile(s, [a], [b])[0][0])
}

/// w·c_k and c_k·c_k of `n` ≤ 16 columns in one walk over each, C at a time; lanes past the last may repeat some column.
#[inline(always)]
pub(crate) fn dots_and_norms<'a, S: Lanes, const C: usize>(
    s: S,
    w: &[f32],
    col: impl Fn(usize) -> &'a [f32],
    n: usize,
) -> (S::F, S::F) {
    let blocks = w.as_chunks::<LANES>().0;
    let (mut dots, mut norms) = ([s.splat(0.0); LANES], [s.splat(0.0); LANES]);
    for k in (0..n.min(LANES)).step_by(C) {
        let mut some: [&[Block]; C] = [&[]; C];
        for c in 0..C {
            some[c] = &col((k + c).min(n - 1)).as_chunks().0[..blocks.len()];
        }
        let (mut dot, mut norm) = ([s.splat(0.0); C], [s.splat(0.0); C]);
        for j in 0..blocks.len() {
            let w = s.load(&blocks[j]);
            for c in 0..C {
                let x = s.load(&some[c][j]);
                dot[c] = s.fma(w, x, dot[c]);
                norm[c] = s.fma(x, x, norm[c]);
            }
        }
        dots[k..k + C].copy_from_slice(&dot);
        norms[k..k + C].copy_from_slice(&norm);
    }
    (s.sum16(dots), s.sum16(norms))
}

/// The row of that index, or the last one: a tile at the edge repeats it and its extra results are dropped.
#[inline(always)]
fn row(rows: &[f32], dim: usize, i: usize, n: usize) -> &[f32] {
    let i = i.min(n - 1);
    &rows[i * dim..][..dim]
}

/// Four rows from index `i` on.
#[inline(always)]
fn four(rows: &[f32], dim: usize, i: usize, n: usize) -> [&[f32]; 4] {
    [
        row(rows, dim, i, n),
        row(rows, dim, i + 1, n),
        row(rows, dim, i + 2, n),
        row(rows, dim, i + 3, n),
    ]
}

#[inline(always)]
pub(crate) fn scores<S: Lanes>(s: S, query: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
    few_scores::<S, 1>(s, [query], rows, dim, out);
}

/// The scores of Q queries, those of each together. Rows are prefetched, read from memory once, and from the nearest
/// cache for all queries but the first.
#[inline(always)]
fn few_scores<S: Lanes, const Q: usize>(
    s: S,
    queries: [&[f32]; Q],
    rows: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    let n = out.len() / Q;
    for i in (0..n).step_by(LANES) {
        let mut sums = [[s.splat(0.0); LANES]; Q];
        for j in (0..LANES).step_by(4) {
            let first = i + j;
            let ahead = (first * dim + SCORES_AHEAD).min(rows.len());
            s.prefetch(&rows[ahead..(ahead + 4 * dim).min(rows.len())]);
            let some_rows = four(rows, dim, first, n);
            for q in 0..Q {
                let part = tile(s, [queries[q]], some_rows)[0];
                sums[q][j..][..4].copy_from_slice(&part);
            }
        }
        for q in 0..Q {
            s.store_tail(s.sum16(sums[q]), &mut out[q * n + i..][..(n - i).min(LANES)]);
        }
    }
}

/// Rows outside, queries inside: the rows are the larger set and are read from memory once.
#[inline(always)]
pub(crate) fn scores_many<S: Lanes, const R: usize, const C: usize>(
    s: S,
    queries: &[f32],
    rows: &[f32],
    dim: usize,
    out: &mut [f32],
    (m, n): (usize, usize),
) {
    let query = |q: usize| row(queries, dim, q, m);
    match m {
        1 => return few_scores(s, [queries], rows, dim, out),
        2 => return few_scores(s, [query(0), query(1)], rows, dim, out),
        3 => return few_scores(s, [query(0), query(1), query(2)], rows, dim, out),
        _ => {}
    }
    for i in (0..n).step_by(4) {
        let some_rows = four(rows, dim, i, n);
        let width = (n - i).min(4);
        for q in (0..m).step_by(4) {
            let mut sums = [0.0; LANES];
            s.store(dots_4x4::<S, R, C>(s, four(queries, dim, q, m), some_rows), &mut sums);
            for k in 0..(m - q).min(4) {
                out[(q + k) * n + i..][..width].copy_from_slice(&sums[k * 4..][..width]);
            }
        }
    }
}

#[inline(always)]
pub(crate) fn axpy<S: Lanes>(s: S, g: f32, x: &[f32], y: &mut [f32]) {
    let g = s.splat(g);
    let (x_blocks, x_tail) = x.as_chunks::<LANES>();
    let (y_blocks, y_tail) = y.as_chunks_mut::<LANES>();
    for (x, y) in x_blocks.iter().zip(y_blocks) {
        s.store(s.fma(g, s.load(x), s.load(y)), y);
    }
    s.store_tail(s.fma(g, s.load_tail(x_tail), s.load_tail(y_tail)), y_tail);
}

/// Writes elementwise functions in place over a slice. A macro and not a closure parameter, so that the body is inlined whole.
macro_rules! elementwise {
    ($($name:ident = $function:path;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<S: Lanes>(s: S, x: &mut [f32]) {
            let (blocks, tail) = x.as_chunks_mut::<LANES>();
            for block in blocks {
                s.store($function(s, s.load(block)), block);
            }
            s.store_tail($function(s, s.load_tail(tail)), tail);
        }
    )*};
}

elementwise! {
    exp = math::exp_of;
    ln = math::ln_of;
    sigmoid = math::sigmoid_of;
    softplus = math::softplus_of;
    rsqrt = math::rsqrt_of;
}

/// σ(x) of each element in place, and log(1+e^x).
#[inline(always)]
pub(crate) fn logistic<S: Lanes>(s: S, x: &mut [f32], softplus: &mut [f32]) {
    let (x_blocks, x_tail) = x.as_chunks_mut::<LANES>();
    let (blocks, tail) = softplus.as_chunks_mut::<LANES>();
    for (x, softplus) in x_blocks.iter_mut().zip(blocks) {
        let both = math::logistic_of(s, s.load(x));
        s.store(both.0, x);
        s.store(both.1, softplus);
    }
    let both = math::logistic_of(s, s.load_tail(x_tail));
    s.store_tail(both.0, x_tail);
    s.store_tail(both.1, tail);
}
