//! The SGNS step on a group of pairs that share their negatives (Mikolov et al. 2013), as small dense products.
//!
//! Nouns: a `Group` is B pairs (w_b, c_b) and N negatives n_k; a panel is a few blocks of the dimension, for which the whole update is
//! done while its rows are in the nearest cache. Everything is computed from the values before the group, so ids may repeat.
//! Deliberately absent: drawing negatives, rates that decay, any optimiser but SGD; and prefetching, since asking for all rows of a
//! group at its start gained 3 % in a model of 160 MB and lost 7 % in L2 (`benches/kernels.rs`, dim 300).
//!
//! ```text
//! s_b  = w_b·c_b                        S_bk = w_b·n_k
//! loss = Σ_b weight_b·softplus(−s_b) + Σ_bk negative_weight_b·softplus(S_bk)
//! p_b  = rate·weight_b·σ(−s_b)          q_bk = −rate·negative_weight_b·σ(S_bk)
//! w_b += p_b·c_b + Σ_k q_bk·n_k         c_b += p_b·w_b         n_k += Σ_b q_bk·w_b
//! ```

use crate::dot::dots_4x4;
use crate::lanes::{Block, LANES, Lanes};
use crate::math;
use crate::side::{Loss, Side};

/// Most pairs in a group.
pub const GROUP_PAIRS: usize = 32;
/// Most negatives in a group.
pub const GROUP_NEGATIVES: usize = 16;
/// Most blocks of the dimension in a panel.
const PANEL: usize = 4;

/// Up to [`GROUP_PAIRS`] pairs and the up to [`GROUP_NEGATIVES`] negatives that they share. Ids may repeat anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Row id of each pair.
    pub row: &'a [u32],
    /// Column id of each pair.
    pub col: &'a [u32],
    /// Weight of each pair as a positive.
    pub weight: &'a [f32],
    /// Column ids of the negatives.
    pub negatives: &'a [u32],
    /// For each pair, the weight of each single negative beside it.
    pub negative_weight: &'a [f32],
}

/// Working memory of [`Kernels::sgns_group`](crate::Kernels::sgns_group): 16 KiB, any stride, contents without meaning between calls.
#[derive(Clone, Debug, Default)]
pub struct GroupScratch {
    buffers: Box<Buffers>,
}

#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Buffers {
    /// S_bk, then q_bk: a block for each pair, lanes past the last negative hold zeros as q.
    negative: [Block; GROUP_PAIRS],
    /// Updates of the pairs' columns and of the negatives, for one panel.
    col_step: [[Block; PANEL]; GROUP_PAIRS],
    negative_step: [[Block; PANEL]; GROUP_NEGATIVES],
    /// s_b, then p_b.
    positive: [f32; GROUP_PAIRS],
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            negative: [[0.0; LANES]; GROUP_PAIRS],
            col_step: [[[0.0; LANES]; PANEL]; GROUP_PAIRS],
            negative_step: [[[0.0; LANES]; PANEL]; GROUP_NEGATIVES],
            positive: [0.0; GROUP_PAIRS],
        }
    }
}

impl GroupScratch {
    /// The only allocation of this crate's kernels, made once by the caller.
    pub fn new() -> Self {
        Self::default()
    }
}

/// One group. R x C is the tile of scores, R x J the tile of updates; they change speed, never bits.
#[inline(always)]
pub(crate) fn group<S: Lanes, const R: usize, const C: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    group: &Group,
    rate: f32,
    scratch: &mut GroupScratch,
) -> Loss {
    let buffers = &mut *scratch.buffers;
    score_pairs(s, rows, cols, group, buffers);
    score_negatives::<S, R, C>(s, rows, cols, group, buffers);
    let loss = coefficients(s, group, rate, buffers);
    let blocks = rows.stride / LANES;
    let mut at = 0;
    while at < blocks {
        let width = (blocks - at).min(J);
        match width {
            1 => panel::<S, R, 1>(s, rows, cols, group, at, buffers),
            2 => panel::<S, R, 2>(s, rows, cols, group, at, buffers),
            3 => panel::<S, R, 3>(s, rows, cols, group, at, buffers),
            _ => panel::<S, R, PANEL>(s, rows, cols, group, at, buffers),
        }
        at += width;
    }
    loss
}

/// The rows of four ids from index `i` on; past the end the last one repeats and its results are dropped.
#[inline(always)]
fn four<'a>(side: &'a Side, ids: &[u32], i: usize) -> [&'a [f32]; 4] {
    let last = ids.len() - 1;
    [
        side.row(ids[i.min(last)]),
        side.row(ids[(i + 1).min(last)]),
        side.row(ids[(i + 2).min(last)]),
        side.row(ids[(i + 3).min(last)]),
    ]
}

/// s_b, sixteen at a time.
#[inline(always)]
fn score_pairs<S: Lanes>(s: S, rows: &Side, cols: &Side, group: &Group, buffers: &mut Buffers) {
    for b in (0..group.row.len()).step_by(LANES) {
        let mut sums = [s.splat(0.0); LANES];
        for i in (0..LANES).step_by(4) {
            let w = four(rows, group.row, b + i);
            let c = four(cols, group.col, b + i);
            let part = diagonal(s, w, c);
            sums[i..i + 4].copy_from_slice(&part);
        }
        s.store_tail(s.sum16(sums), &mut buffers.positive[b..b + LANES]);
    }
}

/// Accumulators of four dot products, each of its own two rows.
#[inline(always)]
fn diagonal<S: Lanes>(s: S, a: [&[f32]; 4], b: [&[f32]; 4]) -> [S::F; 4] {
    let blocks = a[0].len() / LANES;
    let mut sums = [s.splat(0.0); 4];
    let mut blocks_a: [&[Block]; 4] = [&[]; 4];
    let mut blocks_b: [&[Block]; 4] = [&[]; 4];
    for i in 0..4 {
        blocks_a[i] = &a[i].as_chunks().0[..blocks];
        blocks_b[i] = &b[i].as_chunks().0[..blocks];
    }
    for j in 0..blocks {
        for i in 0..4 {
            sums[i] = s.fma(s.load(&blocks_a[i][j]), s.load(&blocks_b[i][j]), sums[i]);
        }
    }
    sums
}

/// S_bk, sixteen at a time.
#[inline(always)]
fn score_negatives<S: Lanes, const R: usize, const C: usize>(
    s: S,
    rows: &Side,
    cols: &Side,
    group: &Group,
    buffers: &mut Buffers,
) {
    for b in (0..group.row.len()).step_by(4) {
        let w = four(rows, group.row, b);
        for k in (0..group.negatives.len()).step_by(4) {
            let mut sums = [0.0; LANES];
            s.store(dots_4x4::<S, R, C>(s, w, four(cols, group.negatives, k)), &mut sums);
            for r in 0..4 {
                buffers.negative[b + r][k..k + 4].copy_from_slice(&sums[r * 4..r * 4 + 4]);
            }
        }
    }
}

/// Scores into step coefficients, and the loss: f32 terms in sixteen f64 lanes, positives first, then the negatives pair by pair.
#[inline(always)]
fn coefficients<S: Lanes>(s: S, group: &Group, rate: f32, buffers: &mut Buffers) -> Loss {
    let (mut loss, mut weights) = (s.wide_zero(), s.wide_zero());
    for (weight, positive) in group.weight.chunks(LANES).zip(buffers.positive.as_chunks_mut().0) {
        let weight = s.load_tail(weight);
        let (sigmoid, softplus) = math::logistic_of(s, s.neg(s.load(positive)));
        s.store(s.mul(s.mul(s.splat(rate), weight), sigmoid), positive);
        loss = s.wide_add(loss, s.mul(weight, softplus));
        weights = s.wide_add(weights, weight);
    }
    let lanes: Block = core::array::from_fn(|l| l as f32);
    let used = s.lt(s.load(&lanes), s.splat(group.negatives.len() as f32));
    let zero = s.splat(0.0);
    for (weight, negative) in group.negative_weight.iter().zip(&mut buffers.negative) {
        let weight = s.splat(*weight);
        let (sigmoid, softplus) = math::logistic_of(s, s.load(negative));
        let q = s.mul(s.neg(s.mul(s.splat(rate), weight)), sigmoid);
        s.store(s.select(used, q, zero), negative);
        loss = s.wide_add(loss, s.select(used, s.mul(weight, softplus), zero));
    }
    Loss { loss: s.wide_sum(loss), weight: s.wide_sum(weights) }
}

/// J blocks of a row, from block `at` on.
#[inline(always)]
fn part<'a, const J: usize>(side: &'a Side, id: u32, at: usize) -> &'a [Block; J] {
    let from = id as usize * side.stride + at * LANES;
    side.vectors[from..from + J * LANES].as_chunks().0.try_into().expect("J blocks were taken")
}

/// J blocks of a row, to be written.
#[inline(always)]
fn part_mut<'a, const J: usize>(side: &'a mut Side, id: u32, at: usize) -> &'a mut [Block; J] {
    let from = id as usize * side.stride + at * LANES;
    side.vectors[from..from + J * LANES].as_chunks_mut().0.try_into().expect("J blocks were taken")
}

/// The whole update for J blocks of the dimension. All steps that read old values of a side come before the first write to it.
#[inline(always)]
fn panel<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    group: &Group,
    at: usize,
    buffers: &mut Buffers,
) {
    for k in (0..group.negatives.len()).step_by(R) {
        negative_steps::<S, R, J>(s, rows, group, at, k, buffers);
    }
    for (b, &id) in group.row.iter().enumerate() {
        let w = part::<J>(rows, id, at);
        let p = s.splat(buffers.positive[b]);
        for j in 0..J {
            s.store(s.mul(p, s.load(&w[j])), &mut buffers.col_step[b][j]);
        }
    }
    for b in (0..group.row.len()).step_by(R) {
        row_steps::<S, R, J>(s, rows, cols, group, at, b, buffers);
    }
    for (&id, step) in group.col.iter().zip(&buffers.col_step) {
        add::<S, J>(s, part_mut(cols, id, at), step);
    }
    for (&id, step) in group.negatives.iter().zip(&buffers.negative_step) {
        add::<S, J>(s, part_mut(cols, id, at), step);
    }
}

#[inline(always)]
fn add<S: Lanes, const J: usize>(s: S, to: &mut [Block; J], step: &[Block; PANEL]) {
    for j in 0..J {
        s.store(s.add(s.load(&to[j]), s.load(&step[j])), &mut to[j]);
    }
}

/// Σ_b q_bk·w_b for R negatives from `k` on, b ascending from 0.
#[inline(always)]
fn negative_steps<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &Side,
    group: &Group,
    at: usize,
    k: usize,
    buffers: &mut Buffers,
) {
    let mut sums = [[s.splat(0.0); J]; R];
    for (&id, q) in group.row.iter().zip(&buffers.negative) {
        let w = part::<J>(rows, id, at);
        let q: &[f32; R] = q[k..k + R].try_into().expect("R divides the lanes");
        for r in 0..R {
            let q = s.splat(q[r]);
            for j in 0..J {
                sums[r][j] = s.fma(q, s.load(&w[j]), sums[r][j]);
            }
        }
    }
    for r in 0..R {
        for j in 0..J {
            s.store(sums[r][j], &mut buffers.negative_step[k + r][j]);
        }
    }
}

/// w_b += p_b·c_b + Σ_k q_bk·n_k for R pairs from `b` on, k ascending.
#[inline(always)]
fn row_steps<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &Side,
    group: &Group,
    at: usize,
    b: usize,
    buffers: &Buffers,
) {
    let pairs = group.row.len();
    let mut sums = [[s.splat(0.0); J]; R];
    for r in 0..R {
        let pair = (b + r).min(pairs - 1);
        let c = part::<J>(cols, group.col[pair], at);
        let p = s.splat(buffers.positive[pair]);
        for j in 0..J {
            sums[r][j] = s.mul(p, s.load(&c[j]));
        }
    }
    let q: &[Block; R] = buffers.negative[b..b + R].try_into().expect("R divides the pairs");
    for (k, &id) in group.negatives.iter().enumerate().take(LANES) {
        let n = part::<J>(cols, id, at);
        for r in 0..R {
            let q = s.splat(q[r][k]);
            for j in 0..J {
                sums[r][j] = s.fma(q, s.load(&n[j]), sums[r][j]);
            }
        }
    }
    for r in 0..R.min(pairs - b) {
        let w = part_mut::<J>(rows, group.row[b + r], at);
        for j in 0..J {
            s.store(s.add(s.load(&w[j]), sums[r][j]), &mut w[j]);
        }
    }
}
