//! The SGNS step on a group of pairs that share their negatives (Mikolov et al. 2013), as small dense products.
//!
//! Terms: a `Group` is R rows w_r, each paired with some of the B columns c_b, and N negatives n_k that all rows share;
//! a panel is a few blocks of the dimension, for which the whole update is done while its rows are in the nearest
//! cache. Scores and the sums over all rows or negatives are computed from the values before the group; a row or column
//! that occurs again is updated again. The dense part costs R·N products whatever B is: pairs of one row share the cost
//! of its negatives. Not covered: drawing negatives, rates that decay, any optimiser but SGD; and prefetching, which
//! the caller does a group ahead.
//!
//! ```text
//! s_b  = w_r·c_b, r the row of b        S_rk = w_r·n_k
//! loss = Σ_b weight_b·softplus(−s_b) + Σ_rk negative_weight_r·softplus(sign_k·S_rk)
//! p_b  = rate·weight_b·σ(−s_b)          q_rk = −rate·negative_weight_r·sign_k·σ(sign_k·S_rk)
//! w_r += Σ_b∈r p_b·c_b + Σ_k q_rk·n_k   c_b += col_rate_b·p_b·w_r   n_k += negative_rate_k·Σ_r q_rk·w_r
//! ```

use crate::dot::{dots_4x4, tile};
use crate::lanes::{Block, LANES, Lanes};
use crate::math;
use crate::side::{Loss, Side};

/// Most pairs in a group.
pub const GROUP_PAIRS: usize = 32;
/// Most negatives in a group.
pub const GROUP_NEGATIVES: usize = 16;
/// Most blocks of the dimension in a panel.
const PANEL: usize = 4;

/// Up to [`GROUP_PAIRS`] pairs, row by row, and the up to [`GROUP_NEGATIVES`] negatives that the rows share. Ids may repeat anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Row ids, at most [`GROUP_PAIRS`].
    pub row: &'a [u32],
    /// For each row, the end of its pairs: ascending, the last is the number of pairs. A row may have
    /// none.
    pub end: &'a [u32],
    /// Column id of each pair.
    pub col: &'a [u32],
    /// Weight of each pair as a positive.
    pub weight: &'a [f32],
    /// Column ids of the negatives.
    pub negatives: &'a [u32],
    /// For each row, the weight of each single negative beside it.
    pub negative_weight: &'a [f32],
    /// For each negative, 1 if its scores should fall; −1 if they should rise, like those of a node whose left child is
    /// on the path of the words.
    pub negative_sign: &'a [f32],
    /// The factor of the rate for the column of each pair.
    pub col_rate: &'a [f32],
    /// The same for each negative.
    pub negative_rate: &'a [f32],
}

/// Working memory of [`Kernels::sgns_group`](crate::Kernels::sgns_group): 16 KiB, for any stride; its contents are
/// meaningless between calls.
#[derive(Clone, Debug, Default)]
pub struct GroupScratch {
    pub(crate) buffers: Box<Buffers>,
}

#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Buffers {
    /// S_rk, then q_rk: a block for each row, with q = 0 in lanes past the last negative.
    pub negative: [Block; GROUP_PAIRS],
    /// Lanes of s_b.
    lanes: [Block; GROUP_PAIRS],
    /// s_b, then p_b.
    pub positive: [f32; GROUP_PAIRS],
    /// The contributions of the negatives to the rows, and of the rows to the negatives, for one
    /// panel.
    pub row_step: [[Block; PANEL]; GROUP_PAIRS],
    pub negative_step: [[Block; PANEL]; GROUP_NEGATIVES],
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            negative: [[0.0; LANES]; GROUP_PAIRS],
            lanes: [[0.0; LANES]; GROUP_PAIRS],
            positive: [0.0; GROUP_PAIRS],
            row_step: [[[0.0; LANES]; PANEL]; GROUP_PAIRS],
            negative_step: [[[0.0; LANES]; PANEL]; GROUP_NEGATIVES],
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
    update::<S, R, J>(s, rows, cols, group, buffers);
    loss
}

/// The moves of a group by the coefficients that have replaced its scores.
#[inline(always)]
pub(crate) fn update<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    group: &Group,
    buffers: &mut Buffers,
) {
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

/// s_b: a row against four of its columns at a time.
#[inline(always)]
pub(crate) fn score_pairs<S: Lanes>(
    s: S,
    rows: &Side,
    cols: &Side,
    group: &Group,
    buffers: &mut Buffers,
) {
    let mut b = 0;
    for (&id, &end) in group.row.iter().zip(group.end) {
        let row = rows.row(id);
        let end = end as usize;
        if b + 1 == end {
            let [[sum]] = tile::<S, 1, 1>(s, [row], [cols.row(group.col[b])]);
            s.store(sum, &mut buffers.lanes[b]);
            b = end;
        }
        while b < end {
            let sums = tile::<S, 1, 4>(s, [row], four(cols, &group.col[..end], b))[0];
            for (sum, lanes) in sums.into_iter().zip(&mut buffers.lanes[b..end]) {
                s.store(sum, lanes);
            }
            b = end.min(b + 4);
        }
    }
    let lanes = buffers.lanes.as_chunks::<LANES>().0;
    let positive = buffers.positive.as_chunks_mut::<LANES>().0;
    for (lanes, positive) in lanes.iter().zip(positive).take(b.div_ceil(LANES)) {
        s.store(s.sum16(core::array::from_fn(|i| s.load(&lanes[i]))), positive);
    }
}

/// S_rk, sixteen at a time.
#[inline(always)]
pub(crate) fn score_negatives<S: Lanes, const R: usize, const C: usize>(
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

/// Turns scores into step coefficients, and computes the loss: f32 terms in sixteen f64 lanes, positives first, then
/// the negatives row by row.
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
    let sign = s.load_tail(group.negative_sign);
    for (weight, negative) in group.negative_weight.iter().zip(&mut buffers.negative) {
        let weight = s.splat(*weight);
        let (sigmoid, softplus) = math::logistic_of(s, s.mul(sign, s.load(negative)));
        let q = s.mul(s.neg(s.mul(s.splat(rate), weight)), s.mul(sign, sigmoid));
        s.store(s.select(used, q, zero), negative);
        loss = s.wide_add(loss, s.select(used, s.mul(weight, softplus), zero));
    }
    Loss { loss: s.wide_sum(loss), weight: s.wide_sum(weights) }
}

/// The whole update for J blocks of the dimension: both dense products from the values before, then pair by pair, then
/// the negatives. If a column occurs twice, its second row sees it as changed by the first, on all instruction sets.
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
    for r in (0..group.row.len()).step_by(R) {
        row_steps::<S, R, J>(s, cols, group, at, r, buffers);
    }
    pair_steps::<S, J>(s, rows, cols, group, at, buffers);
    let negatives = group.negatives.iter().zip(group.negative_rate);
    for ((&id, &rate), step) in negatives.zip(&buffers.negative_step) {
        add::<S, J>(s, cols.part_mut(id, at), rate, step);
    }
}

#[inline(always)]
fn add<S: Lanes, const J: usize>(s: S, to: &mut [Block; J], rate: f32, step: &[Block; PANEL]) {
    let rate = s.splat(rate);
    for j in 0..J {
        s.store(s.fma(rate, s.load(&step[j]), s.load(&to[j])), &mut to[j]);
    }
}

/// Σ_r q_rk·w_r for R negatives from `k` on, r ascending from 0.
#[inline(always)]
pub(crate) fn negative_steps<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &Side,
    group: &Group,
    at: usize,
    k: usize,
    buffers: &mut Buffers,
) {
    let mut sums = [[s.splat(0.0); J]; R];
    for (&id, q) in group.row.iter().zip(&buffers.negative) {
        let w = rows.part::<J>(id, at);
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

/// Σ_k q_rk·n_k for R rows from `first` on, k ascending from 0.
#[inline(always)]
pub(crate) fn row_steps<S: Lanes, const R: usize, const J: usize>(
    s: S,
    cols: &Side,
    group: &Group,
    at: usize,
    first: usize,
    buffers: &mut Buffers,
) {
    let mut sums = [[s.splat(0.0); J]; R];
    let q: &[Block; R] = buffers.negative[first..first + R].try_into().expect("R divides the rows");
    for (k, &id) in group.negatives.iter().enumerate().take(LANES) {
        let n = cols.part::<J>(id, at);
        for r in 0..R {
            let q = s.splat(q[r][k]);
            for j in 0..J {
                sums[r][j] = s.fma(q, s.load(&n[j]), sums[r][j]);
            }
        }
    }
    for r in 0..R {
        for j in 0..J {
            s.store(sums[r][j], &mut buffers.row_step[first + r][j]);
        }
    }
}

/// c_b += p_b·w_r for the pairs of each row, and w_r += Σ_b p_b·c_b beside the contribution of the negatives, b
/// ascending.
#[inline(always)]
fn pair_steps<S: Lanes, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    group: &Group,
    at: usize,
    buffers: &Buffers,
) {
    let mut b = 0;
    for (r, (&id, &end)) in group.row.iter().zip(group.end).enumerate() {
        let row = rows.part_mut::<J>(id, at);
        let mut sum = [s.splat(0.0); J];
        let mut old = sum;
        for j in 0..J {
            old[j] = s.load(&row[j]);
            sum[j] = s.load(&buffers.row_step[r][j]);
        }
        while b < end as usize {
            let p = buffers.positive[b];
            let (p, step) = (s.splat(p), s.splat(p * group.col_rate[b]));
            let column = cols.part_mut::<J>(group.col[b], at);
            for j in 0..J {
                let c = s.load(&column[j]);
                sum[j] = s.fma(p, c, sum[j]);
                s.store(s.fma(step, old[j], c), &mut column[j]);
            }
            b += 1;
        }
        for j in 0..J {
            s.store(s.add(sum[j], old[j]), &mut row[j]);
        }
    }
}
