//! GloVe cells with AdaGrad, in runs of one row (Pennington, Socher, Manning 2014; glove.c of the reference implementation).
//!
//! Terms: an `AdagradSide` is a matrix with its biases and the sums of squared steps of both; a `GloveCell` is log X_ij and f(X_ij); a run
//! is up to sixteen neighbouring cells of one row, which stays in registers meanwhile. Everything in a run is computed from the values
//! before it, and the row takes the sum of its steps; runs follow one another. Cells of one column in a run are stepped in order.
//! The learning rate is on the biases too, as in the paper. Not covered: f itself, the order of cells, and
//! the reference's clip of the temporary terms to ±100, which would cost two instructions each.
//!
//! ```text
//! diff_k = w·c_k + b_w + b_k − log x_k     loss = Σ ½·f_k·diff_k²       g_k = f_k·diff_k·rate
//! w     −= Σ g_k·c_k / √(squares_w + (n−1)/n·Σ (g_k·c_k)²)              squares_w += Σ (g_k·c_k)²     (n cells in the run)
//! c_k   −= g_k·w / √squares_k              squares_k += (g_k·w)²        (all of a run with w before it; biases alike, without c and w)
//! ```
//!
//! With row-AdaGrad a row has one sum of squares, to which the mean of the squared steps over the dimension is added: half the memory.

use crate::dot::{dots_and_norms, tile};
use crate::lanes::{Block, LANES, Lanes, One};
use crate::math;
use crate::side::Loss;

/// How many cells ahead rows are prefetched: a full run.
const AHEAD: usize = LANES;
/// Most blocks of the dimension in a panel.
const PANEL: usize = 4;

/// One matrix of a GloVe model with its AdaGrad state. `squares` has the shape of `vectors`, or one entry per row for
/// row-AdaGrad; the biases have one entry per row. All squares are positive, finite and normal (they start at 1 and
/// only grow); padding is zero in `vectors` and any positive number in `squares`.
#[derive(Debug)]
pub struct AdagradSide<'a> {
    /// All rows, row-major.
    pub vectors: &'a mut [f32],
    /// Sum of squared steps of each coordinate, or the sum of their mean over each row.
    pub squares: &'a mut [f32],
    /// Bias of each row.
    pub bias: &'a mut [f32],
    /// Sum of squared steps of each bias.
    pub bias_square: &'a mut [f32],
    /// Floats from one row to the next, a positive multiple of [`LANES`](crate::LANES).
    pub stride: usize,
}

/// Parameters of a step with one accumulator per row, beside its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowRate {
    /// The rate.
    pub rate: f32,
    /// Coordinates of a vector, over which squares are averaged.
    pub dim: usize,
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

/// The place of a cell.
pub(crate) trait CellPlace: Copy {
    fn row(&self) -> u32;
    fn col(&self) -> u32;
}

impl CellPlace for GloveCell {
    #[inline(always)]
    fn row(&self) -> u32 {
        self.row
    }
    #[inline(always)]
    fn col(&self) -> u32 {
        self.col
    }
}

/// The results of a loss for the scores of a run.
pub(crate) trait Pull<S: Lanes> {
    type Cell: CellPlace;
    /// The losses and their derivatives by the scores; zeros in lanes past the run.
    fn of(&mut self, s: S, run: &[Self::Cell], scores: S::F) -> (S::F, S::F);
}

/// ½·f·(score − log x)².
struct WeightedSquares;

impl<S: Lanes> Pull<S> for WeightedSquares {
    type Cell = GloveCell;

    #[inline(always)]
    fn of(&mut self, s: S, run: &[GloveCell], scores: S::F) -> (S::F, S::F) {
        let (mut log_x, mut weight) = ([0.0; LANES], [0.0; LANES]);
        for (k, cell) in run.iter().enumerate().take(LANES) {
            log_x[k] = cell.log_x;
            weight[k] = cell.weight;
        }
        let diff = s.sub(scores, s.load(&log_x));
        let slope = s.mul(s.load(&weight), diff);
        (s.mul(s.splat(0.5), s.mul(slope, diff)), slope)
    }
}

impl AdagradSide<'_> {
    /// Number of rows in the slices, with `squares` floats of squares each. Panics if their lengths disagree.
    pub(crate) fn rows(&self, squares: usize) -> usize {
        let rows = crate::side::rows(self.vectors.len(), self.stride);
        assert_eq!(self.squares.len(), rows * squares, "squares are of one shape on both sides");
        assert_eq!(self.bias.len(), rows, "one bias a row");
        assert_eq!(self.bias_square.len(), rows, "one squared bias a row");
        rows
    }

    #[inline(always)]
    pub(crate) fn row(&self, id: u32) -> &[f32] {
        &self.vectors[id as usize * self.stride..][..self.stride]
    }

    /// Prefetches the rows of the runs that begin among the first `count` of `cells`. Columns are left to the L2 cache,
    /// in which the visits of `wordmill-train` keep them; prefetching their squares gained nothing.
    #[inline(always)]
    pub(crate) fn prefetch_next<S: Lanes>(&self, s: S, cells: &[impl CellPlace], count: usize) {
        let width = self.squares.len() / self.bias.len().max(1);
        for next in cells.windows(2).take(count) {
            if next[0].row() != next[1].row() {
                let id = next[1].row() as usize;
                s.prefetch(&self.vectors[id * self.stride..(id + 1) * self.stride]);
                s.prefetch(&self.squares[id * width..(id + 1) * width]);
            }
        }
    }

    /// J blocks of a row from block `at` on.
    #[inline(always)]
    fn part<const J: usize>(&mut self, id: u32, at: usize) -> &mut [Block; J] {
        let from = id as usize * self.stride + at * LANES;
        blocks(&mut self.vectors[from..from + J * LANES])
    }

    /// J blocks of a row and of its squares.
    #[inline(always)]
    fn state<const J: usize>(&mut self, id: u32, at: usize) -> (&mut [Block; J], &mut [Block; J]) {
        let from = id as usize * self.stride + at * LANES;
        let range = from..from + J * LANES;
        (blocks(&mut self.vectors[range.clone()]), blocks(&mut self.squares[range]))
    }
}

#[inline(always)]
fn blocks<const J: usize>(floats: &mut [f32]) -> &mut [Block; J] {
    floats.as_chunks_mut().0.try_into().expect("J blocks were taken")
}

/// Calls a function for all blocks, J at a time.
macro_rules! panels {
    ($j:ident, $blocks:expr, $panel:ident, $s:expr, $rows:expr, $cols:expr, $run:expr, $steps:expr) => {
        let mut at = 0;
        while at < $blocks {
            let width = ($blocks - at).min($j);
            match width {
                1 => $panel::<S, 1>($s, $rows, $cols, $run, at, $steps),
                2 => $panel::<S, 2>($s, $rows, $cols, $run, at, $steps),
                3 => $panel::<S, 3>($s, $rows, $cols, $run, at, $steps),
                _ => $panel::<S, PANEL>($s, $rows, $cols, $run, at, $steps),
            }
            at += width;
        }
    };
}

/// The first cells of one row, at most a register's worth.
#[inline(always)]
pub(crate) fn run<C: CellPlace>(cells: &[C]) -> &[C] {
    let most = &cells[..cells.len().min(LANES)];
    let len = most.iter().position(|cell| cell.row() != most[0].row()).unwrap_or(most.len());
    &most[..len]
}

/// AdaGrad with an accumulator for every coordinate; panels of J blocks.
#[inline(always)]
pub(crate) fn cells<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[GloveCell],
    rate: f32,
) -> Loss {
    pulled::<S, J, _>(s, rows, cols, cells, rate, &mut WeightedSquares)
}

/// The same for any loss.
#[inline(always)]
pub(crate) fn pulled<S: Lanes, const J: usize, P: Pull<S>>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[P::Cell],
    rate: f32,
    pull: &mut P,
) -> Loss {
    let mut loss = s.wide_zero();
    let mut done = 0;
    while done < cells.len() {
        let run = run(&cells[done..]);
        rows.prefetch_next(s, &cells[(done + AHEAD).min(cells.len())..], run.len());
        done += run.len();
        let scores = scores(s, rows.row(run[0].row()), cols, run);
        let (losses, steps) = coefficients(s, rows, cols, run, scores, rate, pull);
        loss = s.wide_add(loss, losses);
        let mut g = [0.0; LANES];
        s.store(steps, &mut g);
        panels!(J, rows.stride / LANES, panel, s, rows, cols, run, &g);
    }
    Loss { loss: s.wide_sum(loss), weight: cells.len() as f64 }
}

/// AdaGrad with an accumulator for every row, of `dim` coordinates; panels of J blocks.
#[inline(always)]
pub(crate) fn cells_by_row<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[GloveCell],
    rate: f32,
    dim: usize,
) -> Loss {
    pulled_by_row::<S, J, _>(s, rows, cols, cells, RowRate { rate, dim }, &mut WeightedSquares)
}

/// The same for any loss.
#[inline(always)]
pub(crate) fn pulled_by_row<S: Lanes, const J: usize, P: Pull<S>>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[P::Cell],
    RowRate { rate, dim }: RowRate,
    pull: &mut P,
) -> Loss {
    let mut loss = s.wide_zero();
    let share = 1.0 / dim as f32;
    let mut done = 0;
    while done < cells.len() {
        let run = run(&cells[done..]);
        rows.prefetch_next(s, &cells[(done + AHEAD).min(cells.len())..], run.len());
        done += run.len();
        let row = run[0].row();
        let w = rows.row(row);
        let norm = s.sum(tile(s, [w], [w])[0][0]) * share;
        let col = |k: usize| cols.row(run[k].col());
        let (scores, norms) = dots_and_norms::<S, 4>(s, w, col, run.len());
        let (losses, steps) = coefficients(s, rows, cols, run, scores, rate, pull);
        loss = s.wide_add(loss, losses);
        let (mut g, mut p) = ([0.0; LANES], [0.0; LANES]);
        s.store(steps, &mut g);
        s.store(step_squares(s, cols, run, steps, norm), &mut p);
        let square = &mut rows.squares[row as usize];
        let more = s.sum(s.mul(s.mul(steps, steps), norms)) * share;
        let scale = math::rsqrt_normal(One, late(run).mul_add(more, *square));
        *square += more;
        panels!(J, rows.stride / LANES, row_panel, s, rows, cols, run, &(g, p, scale));
    }
    Loss { loss: s.wide_sum(loss), weight: cells.len() as f64 }
}

/// w·c_k of a run, padded with zeros.
#[inline(always)]
pub(crate) fn scores<S: Lanes>(
    s: S,
    w: &[f32],
    cols: &AdagradSide,
    run: &[impl CellPlace],
) -> S::F {
    let mut sums = [s.splat(0.0); LANES];
    let last = run.len() - 1;
    for k in (0..run.len()).step_by(4) {
        let c = |i: usize| cols.row(run[(k + i).min(last)].col());
        let part = tile(s, [w], [c(0), c(1), c(2), c(3)])[0];
        sums[k..k + 4].copy_from_slice(&part);
    }
    s.sum16(sums)
}

/// Steps the squares of the columns; returns g_k / √squares_k from before.
#[inline(always)]
fn step_squares<S: Lanes>(
    s: S,
    cols: &mut AdagradSide,
    run: &[impl CellPlace],
    g: S::F,
    norm: f32,
) -> S::F {
    let (mut square, mut more) = ([1.0; LANES], [0.0; LANES]);
    for (cell, square) in run.iter().zip(&mut square) {
        *square = cols.squares[cell.col() as usize];
    }
    s.store(s.mul(s.mul(g, g), s.splat(norm)), &mut more);
    for (cell, more) in run.iter().zip(more) {
        cols.squares[cell.col() as usize] += more;
    }
    s.mul(g, math::rsqrt_normal(s, s.load(&square)))
}

/// Turns scores into the losses and g_k, and steps the biases.
#[inline(always)]
fn coefficients<S: Lanes, P: Pull<S>>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    run: &[P::Cell],
    scores: S::F,
    rate: f32,
    pull: &mut P,
) -> (S::F, S::F) {
    let (mut bias, mut square) = ([0.0; LANES], [1.0; LANES]);
    for (k, cell) in run.iter().enumerate().take(LANES) {
        bias[k] = cols.bias[cell.col() as usize];
        square[k] = cols.bias_square[cell.col() as usize];
    }
    let row = run[0].row() as usize;
    let biases = s.add(s.splat(rows.bias[row]), s.load(&bias));
    let (losses, slopes) = pull.of(s, run, s.add(scores, biases));
    let g = s.mul(slopes, s.splat(rate));
    let gg = s.mul(g, g);
    s.store(s.mul(g, math::rsqrt_normal(s, s.load(&square))), &mut bias);
    s.store(gg, &mut square);
    for (k, cell) in run.iter().enumerate().take(LANES) {
        cols.bias[cell.col() as usize] -= bias[k];
        cols.bias_square[cell.col() as usize] += square[k];
    }
    let (square, more) = (&mut rows.bias_square[row], s.sum(gg));
    rows.bias[row] -= s.sum(g) * math::rsqrt_normal(One, late(run).mul_add(more, *square));
    *square += more;
    (losses, g)
}

/// The whole update of a run for J blocks of the dimension.
#[inline(always)]
fn panel<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    run: &[impl CellPlace],
    at: usize,
    steps: &Block,
) {
    let (row, row_squares) = rows.state::<J>(run[0].row(), at);
    let zero = s.splat(0.0);
    let (mut w, mut sum, mut ww) = ([zero; J], [zero; J], [zero; J]);
    for j in 0..J {
        w[j] = s.load(&row[j]);
        ww[j] = s.load(&row_squares[j]);
    }
    for (cell, &g) in run.iter().zip(steps) {
        let g = s.splat(g);
        let (col, col_squares) = cols.state::<J>(cell.col(), at);
        for j in 0..J {
            let (c, cc) = (s.load(&col[j]), s.load(&col_squares[j]));
            let (step_w, step_c) = (s.mul(g, c), s.mul(g, w[j]));
            sum[j] = s.add(sum[j], step_w);
            ww[j] = s.fma(step_w, step_w, ww[j]);
            s.store(s.fnma(step_c, math::rsqrt_near(s, cc), c), &mut col[j]);
            s.store(s.fma(step_c, step_c, cc), &mut col_squares[j]);
        }
    }
    let late = s.splat(late(run));
    for j in 0..J {
        let old = s.load(&row_squares[j]);
        let scale = math::rsqrt_normal(s, s.fma(late, s.sub(ww[j], old), old));
        s.store(s.fnma(sum[j], scale, w[j]), &mut row[j]);
        s.store(ww[j], &mut row_squares[j]);
    }
}

/// The part of a run's squares that its row is scaled by: all but that of the last step, as if all were equal. Without
/// it, sixteen steps scaled by the squares before them overshoot at rates ten times the usual.
#[inline(always)]
fn late(run: &[impl CellPlace]) -> f32 {
    (run.len() - 1) as f32 / run.len() as f32
}

/// The same for one accumulator a row; `steps` are g_k, g_k / √squares_k, and 1 / √squares of the row.
#[inline(always)]
fn row_panel<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    run: &[impl CellPlace],
    at: usize,
    (g, p, scale): &(Block, Block, f32),
) {
    let row = rows.part::<J>(run[0].row(), at);
    let (mut w, mut sum) = ([s.splat(0.0); J], [s.splat(0.0); J]);
    for j in 0..J {
        w[j] = s.load(&row[j]);
    }
    for (cell, (&g, &p)) in run.iter().zip(g.iter().zip(p)) {
        let (g, p) = (s.splat(g), s.splat(p));
        let col = cols.part::<J>(cell.col(), at);
        for j in 0..J {
            let c = s.load(&col[j]);
            sum[j] = s.fma(g, c, sum[j]);
            s.store(s.fnma(p, w[j], c), &mut col[j]);
        }
    }
    let scale = s.splat(*scale);
    for j in 0..J {
        s.store(s.fnma(sum[j], scale, w[j]), &mut row[j]);
    }
}
