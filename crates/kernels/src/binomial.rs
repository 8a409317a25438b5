//! Binomial cells, one after another: the step of hierarchical softmax from the matrix (Morin & Bengio 2005).
//!
//! Nouns: a `BinomialCell` is a row, an inner node as column, and how much weight goes left and right there. The step is implicit
//! (Karampatziakis & Langford 2011), so a heavy cell cannot overshoot. Deliberately absent: the tree, and how cells are spread.
//!
//! ```text
//! s = w·c                               loss = left·softplus(−s) + right·softplus(s)
//! z = s + κ·(left − (left+right)·σ(z))  with κ = rate·(‖w‖² + ‖c‖²)
//! g = rate·(left − (left+right)·σ(z))   w += g·c, c += g·w (old w)
//! ```

use crate::lanes::{Arith, LANES, Lanes, One};
use crate::math;
use crate::side::{Loss, Side};

/// How many cells ahead rows are asked for.
const AHEAD: usize = 4;
/// Steps towards the root of the implicit equation, at least two.
const STEPS: usize = 3;

/// One cell: word `row` passes inner node `col`, `left` of its weight to the left (positive score), `right` to the right.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct BinomialCell {
    /// Row id.
    pub row: u32,
    /// Column id.
    pub col: u32,
    /// Weight that goes left, not negative.
    pub left: f32,
    /// Weight that goes right, not negative.
    pub right: f32,
}

#[inline(always)]
pub(crate) fn cells<S: Lanes>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    cells: &[BinomialCell],
    rate: f32,
) -> Loss {
    let mut total = Loss::default();
    for (i, cell) in cells.iter().enumerate() {
        if let Some(next) = cells.get(i + AHEAD) {
            s.prefetch(rows.row(next.row));
            s.prefetch(cols.row(next.col));
        }
        let (left, right) = (cell.left, cell.right);
        let [score, norms] = products(s, rows.row(cell.row), cols.row(cell.col));
        let down = f64::from(left) * f64::from(math::softplus_of(One, -score));
        total.loss += down + f64::from(right) * f64::from(math::softplus_of(One, score));
        total.weight += f64::from(left) + f64::from(right);
        let g = s.splat(rate * implicit(score, rate * norms, left, right));
        for (w, c) in rows.row_mut(cell.row).iter_mut().zip(cols.row_mut(cell.col)) {
            let (old_w, old_c) = (s.load(w), s.load(c));
            s.store(s.fma(g, old_c, old_w), w);
            s.store(s.fma(g, old_w, old_c), c);
        }
    }
    total
}

/// w·c and ‖w‖² + ‖c‖², in one walk.
#[inline(always)]
fn products<S: Lanes>(s: S, w: &[f32], c: &[f32]) -> [f32; 2] {
    let mut sums = [s.splat(0.0); 3];
    for (w, c) in w.as_chunks::<LANES>().0.iter().zip(c.as_chunks::<LANES>().0) {
        let (w, c) = (s.load(w), s.load(c));
        sums[0] = s.fma(w, c, sums[0]);
        sums[1] = s.fma(w, w, sums[1]);
        sums[2] = s.fma(c, c, sums[2]);
    }
    [s.sum(sums[0]), s.sum(sums[1]) + s.sum(sums[2])]
}

/// left − (left+right)·σ(z) at the z that solves z = s + κ·(left − (left+right)·σ(z)), by a fixed number of steps.
///
/// G(z) = z − s − κ·(left − (left+right)·σ(z)) increases, is convex below 0 and concave above, and the sign of G(0) tells on which side
/// its root lies. Newton kept on that side is monotone after its first step, whatever the weights. Only where the score itself lies
/// beyond the root, on the same side, does that first step pass the root; there the last step takes the chord from the score instead of
/// the tangent, which ends short of the root. So no cell moves further than the exact implicit step, and a stiff cell moves a little
/// less. The result is read off the last line, not off z, and needs no division by κ: at κ = 0 it is the explicit gradient.
#[inline(always)]
fn implicit(score: f32, kappa: f32, left: f32, right: f32) -> f32 {
    let weight = left + right;
    let below = kappa * 0.5 * (right - left) > score;
    // Bounds and selections instead of branches: signs of scores are as good as random, a missed branch costs more than a division.
    let (low, high) = if below { (f32::NEG_INFINITY, 0.0) } else { (0.0, f32::INFINITY) };
    let keep_side = |z: f32| One.min(One.max(z, low), high);
    // The gradient at z, its slope, and G(z).
    let at = |z: f32| {
        let sigmoid = math::sigmoid_of(One, z);
        let value = (-weight).mul_add(sigmoid, left);
        let slope = -weight * (sigmoid * (1.0 - sigmoid));
        (value, slope, (-kappa).mul_add(value, z - score))
    };
    let newton = |z: f32, slope: f32, g: f32| keep_side(z - g / (-kappa).mul_add(slope, 1.0));
    let start = keep_side(score);
    let first = at(start);
    let mut z = newton(start, first.1, first.2);
    let mut last = at(z);
    for _ in 2..STEPS {
        z = newton(z, last.1, last.2);
        last = at(z);
    }
    let passed = start == score && first.2 * last.2 < 0.0;
    let chord = (last.0 - first.0) / (z - start);
    let slope = core::hint::select_unpredictable(passed, chord, last.1);
    slope.mul_add(newton(z, slope, last.2) - z, last.0)
}
