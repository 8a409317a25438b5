//! Binomial cells in runs of one row: the step of hierarchical softmax from the matrix (Morin & Bengio 2005).
//!
//! Terms: a `BinomialCell` is an inner node as column, and the weights that go left and right there; a `BinomialRun` is
//! a row and up to sixteen cells of it, whose steps are all computed from the values before the run: one walk scores
//! them, a lane each, and one walk moves them. The step is implicit (Karampatziakis & Langford 2011), so a heavy cell
//! cannot overshoot. Not covered: the tree, how cells are distributed, and the effect of the other cells of a run on
//! the row.
//!
//! ```text
//! s = w·c                               loss = left·softplus(−s) + right·softplus(s)
//! z = s + κ·(left − (left+right)·σ(z))  with κ = rate·(‖w‖² + ‖c‖²)
//! g = rate·(left − (left+right)·σ(z))   c += g·w (w before the run), w += g·c, cell after cell
//! ```

use crate::dot::dots_and_norms;
use crate::lanes::{Arith, Block, LANES, Lanes};
use crate::math;
use crate::side::{Loss, Side};

/// Most cells in a run: a lane each.
pub const RUN_CELLS: usize = LANES;
/// How many runs ahead cells are prefetched; their rows are prefetched one run ahead.
const AHEAD: usize = 6;
/// Steps towards the root of the implicit equation, at least two.
const STEPS: usize = 3;

/// One cell: the row of its run passes inner node `col`, `left` of its weight to the left (positive score), `right` to the right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct BinomialCell {
    /// Column id.
    pub col: u32,
    /// Weight that goes left, not negative.
    pub left: f32,
    /// Weight that goes right, not negative.
    pub right: f32,
}

/// Up to [`RUN_CELLS`] neighbours in a slice of cells, all of one row. Columns may repeat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinomialRun {
    /// Row id.
    pub row: u32,
    /// Index of the first cell.
    pub first: u32,
    /// Number of cells.
    pub len: u32,
}

impl BinomialRun {
    /// The cells of the run.
    #[inline(always)]
    fn of(self, cells: &[BinomialCell]) -> &[BinomialCell] {
        &cells[self.first as usize..][..self.len as usize]
    }
}

/// Runs, one after another. C columns make a tile of scores, J blocks a tile of updates; they change speed, never bits.
#[inline(always)]
pub(crate) fn runs<S: Lanes, const C: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    runs: &[BinomialRun],
    cells: &[BinomialCell],
    rate: f32,
) -> Loss {
    let (mut loss, mut weights) = (s.wide_zero(), s.wide_zero());
    for (i, run) in runs.iter().enumerate() {
        if let Some(later) = runs.get(i + AHEAD) {
            s.prefetch(later.of(cells));
        }
        if let Some(next) = runs.get(i + 1) {
            s.prefetch(rows.row(next.row));
            for cell in next.of(cells) {
                s.prefetch(cols.row(cell.col));
            }
        }
        let some = run.of(cells);
        if some.is_empty() {
            continue;
        }
        let (score, norms) = products::<S, C>(s, rows.row(run.row), cols, some);
        let (mut left, mut right) = ([0.0; LANES], [0.0; LANES]);
        for (k, cell) in some.iter().enumerate().take(LANES) {
            (left[k], right[k]) = (cell.left, cell.right);
        }
        let (left, right) = (s.load(&left), s.load(&right));
        loss = s.wide_add(loss, losses(s, score, left, right));
        weights = s.wide_add(weights, s.add(left, right));
        let rate = s.splat(rate);
        let mut g = [0.0; LANES];
        s.store(s.mul(rate, implicit(s, score, s.mul(rate, norms), left, right)), &mut g);
        let blocks = rows.stride / LANES;
        for at in (0..blocks).step_by(J) {
            match (blocks - at).min(J) {
                1 => update::<S, 1>(s, rows, cols, (run.row, some), &g, at),
                2 => update::<S, 2>(s, rows, cols, (run.row, some), &g, at),
                3 => update::<S, 3>(s, rows, cols, (run.row, some), &g, at),
                _ => update::<S, 4>(s, rows, cols, (run.row, some), &g, at),
            }
        }
    }
    Loss { loss: s.wide_sum(loss), weight: s.wide_sum(weights) }
}

/// w·c and ‖w‖² + ‖c‖² of each cell; lanes past the last repeat some cell.
#[inline(always)]
fn products<S: Lanes, const C: usize>(
    s: S,
    w: &[f32],
    cols: &Side,
    cells: &[BinomialCell],
) -> (S::F, S::F) {
    let (dots, norms) = dots_and_norms::<S, C>(s, w, |k| cols.row(cells[k].col), cells.len());
    let mut own = s.splat(0.0);
    for w in w.as_chunks::<LANES>().0 {
        let w = s.load(w);
        own = s.fma(w, w, own);
    }
    (dots, s.add(s.splat(s.sum(own)), norms))
}

/// left·softplus(−s) + right·softplus(s): both share log(1 + e^−|s|), and one has |s| besides.
#[inline(always)]
fn losses<A: Arith>(s: A, score: A::F, left: A::F, right: A::F) -> A::F {
    let zero = s.splat(0.0);
    let common = math::softplus_of(s, s.neg(s.abs(score)));
    let wrong = s.select(s.lt(score, zero), left, right);
    s.fma(wrong, s.abs(score), s.mul(s.add(left, right), common))
}

/// The two moves for J blocks of the dimension, from block `at` on.
#[inline(always)]
fn update<S: Lanes, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    (row, cells): (u32, &[BinomialCell]),
    g: &Block,
    at: usize,
) {
    let w: &mut [Block; J] = rows.part_mut(row, at);
    let mut old = [s.splat(0.0); J];
    for j in 0..J {
        old[j] = s.load(&w[j]);
    }
    let mut new = old;
    for (cell, &g) in cells.iter().zip(g) {
        let g = s.splat(g);
        let c: &mut [Block; J] = cols.part_mut(cell.col, at);
        for j in 0..J {
            let x = s.load(&c[j]);
            new[j] = s.fma(g, x, new[j]);
            s.store(s.fma(g, old[j], x), &mut c[j]);
        }
    }
    for j in 0..J {
        s.store(new[j], &mut w[j]);
    }
}

/// An implicit equation: G(z) = z − s − κ·(left − weight·σ(z)), and the side of 0 that its root lies on.
struct Equation<F> {
    score: F,
    kappa: F,
    left: F,
    weight: F,
    low: F,
    high: F,
}

/// The value of an equation at some z: the gradient there, its slope, and G.
struct Point<F> {
    value: F,
    slope: F,
    excess: F,
}

impl<F: Copy> Equation<F> {
    #[inline(always)]
    fn keep_side<A: Arith<F = F>>(&self, s: A, z: F) -> F {
        s.min(s.max(z, self.low), self.high)
    }

    #[inline(always)]
    fn at<A: Arith<F = F>>(&self, s: A, z: F) -> Point<F> {
        let sigmoid = math::sigmoid_of(s, z);
        let value = s.fnma(self.weight, sigmoid, self.left);
        let spread = s.mul(sigmoid, s.sub(s.splat(1.0), sigmoid));
        let slope = s.neg(s.mul(self.weight, spread));
        Point { value, slope, excess: s.fnma(self.kappa, value, s.sub(z, self.score)) }
    }

    /// A step of Newton's from z, which stays on the side of the root.
    #[inline(always)]
    fn newton<A: Arith<F = F>>(&self, s: A, z: F, slope: F, excess: F) -> F {
        let steepness = s.fnma(self.kappa, slope, s.splat(1.0));
        self.keep_side(s, s.sub(z, s.div(excess, steepness)))
    }
}

/// left − (left+right)·σ(z) at the z that solves z = s + κ·(left − (left+right)·σ(z)), by a fixed number of steps.
///
/// G increases, is convex below 0 and concave above, and the sign of G(0) shows on which side its root is. Newton's
/// method kept on that side is monotone after its first step, whatever the weights. Only if the score itself is beyond
/// the root, on the same side, does that first step pass the root; then the last step takes the chord from the score
/// instead of the tangent, which ends short of the root. So no cell moves further than the exact implicit step, and a
/// stiff cell moves a little less. The result is read from the last line, not from z, and needs no division by κ: at κ
/// = 0 it is the explicit gradient.
#[inline(always)]
fn implicit<A: Arith>(s: A, score: A::F, kappa: A::F, left: A::F, right: A::F) -> A::F {
    let (zero, infinity) = (s.splat(0.0), s.splat(f32::INFINITY));
    let below = s.lt(score, s.mul(s.mul(kappa, s.splat(0.5)), s.sub(right, left)));
    let equation = Equation {
        score,
        kappa,
        left,
        weight: s.add(left, right),
        low: s.select(below, s.neg(infinity), zero),
        high: s.select(below, zero, infinity),
    };
    let start = equation.keep_side(s, score);
    let first = equation.at(s, start);
    let mut z = equation.newton(s, start, first.slope, first.excess);
    let mut last = equation.at(s, z);
    for _ in 2..STEPS {
        z = equation.newton(s, z, last.slope, last.excess);
        last = equation.at(s, z);
    }
    let chord = s.div(s.sub(last.value, first.value), s.sub(z, start));
    let passed = s.lt(s.mul(first.excess, last.excess), zero);
    let slope = s.select(passed, chord, last.slope);
    let slope = s.select(s.eq(start, score), slope, last.slope);
    let end = equation.newton(s, z, slope, last.excess);
    s.fma(slope, s.sub(end, z), last.value)
}
