//! GloVe cells with full AdaGrad, one after another (Pennington, Socher, Manning 2014; glove.c of the reference implementation).
//!
//! Nouns: an `AdagradSide` is a matrix with its biases and the sums of squared steps of both; a `GloveCell` is log X_ij and f(X_ij).
//! The learning rate is on the biases too, as in the paper. Deliberately absent: f itself, and
//! the reference's clip of the temporary terms to ±100, which would cost two instructions each.
//!
//! ```text
//! diff = w·c + b_w + b_c − log x        loss = ½·f·diff²
//! g    = f·diff·rate                    t = g·c (for w), g·w (for c), g (for both biases), from old values
//! x   −= t/√squares                     squares += t²
//! ```

use crate::dot::dot;
use crate::lanes::{Block, Lanes, One};
use crate::math;
use crate::side::Loss;

/// How many cells ahead rows are asked for.
const AHEAD: usize = 4;

/// One matrix of a GloVe model with its AdaGrad state. `squares` has the shape of `vectors`, the biases one entry a row. All squares are
/// positive, finite and normal (they start at 1 and only grow); padding holds zeros in `vectors` and anything positive in `squares`.
#[derive(Debug)]
pub struct AdagradSide<'a> {
    /// All rows, row-major.
    pub vectors: &'a mut [f32],
    /// Sum of squared steps of each coordinate.
    pub squares: &'a mut [f32],
    /// Bias of each row.
    pub bias: &'a mut [f32],
    /// Sum of squared steps of each bias.
    pub bias_square: &'a mut [f32],
    /// Floats from one row to the next, a positive multiple of [`LANES`](crate::LANES).
    pub stride: usize,
}

/// One cell of the matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct GloveCell {
    /// Row id.
    pub row: u32,
    /// Column id.
    pub col: u32,
    /// log X_ij.
    pub log_x: f32,
    /// f(X_ij).
    pub weight: f32,
}

impl AdagradSide<'_> {
    /// Rows that the slices hold. Panics where their lengths disagree.
    pub(crate) fn rows(&self) -> usize {
        let rows = crate::side::rows(self.vectors.len(), self.stride);
        assert_eq!(self.squares.len(), self.vectors.len(), "squares have the shape of vectors");
        assert_eq!(self.bias.len(), rows, "one bias a row");
        assert_eq!(self.bias_square.len(), rows, "one squared bias a row");
        rows
    }

    #[inline(always)]
    fn row(&self, id: u32) -> &[f32] {
        &self.vectors[id as usize * self.stride..][..self.stride]
    }

    #[inline(always)]
    fn prefetch<S: Lanes>(&self, s: S, id: u32) {
        s.prefetch(self.row(id));
        s.prefetch(&self.squares[id as usize * self.stride..][..self.stride]);
    }

    /// A row and its squares, in blocks.
    #[inline(always)]
    fn state(&mut self, id: u32) -> (&mut [Block], &mut [Block]) {
        let range = id as usize * self.stride..(id as usize + 1) * self.stride;
        (self.vectors[range.clone()].as_chunks_mut().0, self.squares[range].as_chunks_mut().0)
    }

    #[inline(always)]
    fn step_bias(&mut self, id: u32, g: f32) {
        let (bias, square) = (&mut self.bias[id as usize], &mut self.bias_square[id as usize]);
        *bias = (-g).mul_add(math::rsqrt_normal(One, *square), *bias);
        *square = g.mul_add(g, *square);
    }
}

#[inline(always)]
pub(crate) fn cells<S: Lanes>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[GloveCell],
    rate: f32,
) -> Loss {
    let mut total = Loss::default();
    for (i, cell) in cells.iter().enumerate() {
        if let Some(next) = cells.get(i + AHEAD) {
            rows.prefetch(s, next.row);
            cols.prefetch(s, next.col);
        }
        let score = dot(s, rows.row(cell.row), cols.row(cell.col));
        let diff = score + rows.bias[cell.row as usize] + cols.bias[cell.col as usize] - cell.log_x;
        total.loss += 0.5 * f64::from(cell.weight) * f64::from(diff) * f64::from(diff);
        total.weight += 1.0;
        let g = cell.weight * diff * rate;
        step(s, rows.state(cell.row), cols.state(cell.col), g);
        rows.step_bias(cell.row, g);
        cols.step_bias(cell.col, g);
    }
    total
}

/// The AdaGrad step of both vectors.
#[inline(always)]
fn step<S: Lanes>(
    s: S,
    row: (&mut [Block], &mut [Block]),
    col: (&mut [Block], &mut [Block]),
    g: f32,
) {
    let g = s.splat(g);
    for ((w, w_square), (c, c_square)) in
        row.0.iter_mut().zip(row.1).zip(col.0.iter_mut().zip(col.1))
    {
        let (old_w, old_c) = (s.load(w), s.load(c));
        let (step_w, step_c) = (s.mul(g, old_c), s.mul(g, old_w));
        let (old_ww, old_cc) = (s.load(w_square), s.load(c_square));
        s.store(s.fnma(step_w, math::rsqrt_normal(s, old_ww), old_w), w);
        s.store(s.fnma(step_c, math::rsqrt_normal(s, old_cc), old_c), c);
        s.store(s.fma(step_w, step_w, old_ww), w_square);
        s.store(s.fma(step_c, step_c, old_cc), c_square);
    }
}
