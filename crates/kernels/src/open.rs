//! Training steps with a callback between scores and moves, in which the caller computes any loss.
//!
//! Terms: the *slope* of a cell is the derivative of its loss by its score; a `MatrixCell` is a count with its place;
//! `RunScores` are the scores of up to sixteen cells of one row, their losses and slopes. Scores and moves are computed
//! by the same code as those of `sgns` and `glove`; the callback between them is called once per group or run. Not
//! covered: any loss.

use crate::glove::{self, AdagradSide, CellPlace, Pull, RowRate};
use crate::lanes::{LANES, Lanes};
use crate::sgns::{self, Group, GroupScratch};
use crate::side::{Loss, Side};

/// The callback for a group. It gets the score of each pair, and for each row those with the negatives, of which there
/// may be fewer than [`LANES`]. It replaces them by the coefficients of the moves: `−rate·weight·slope`, zeros past the
/// last negative. It also handles the signs of negatives.
pub type GroupLoss<'a> = dyn FnMut(&mut [f32], &mut [[f32; LANES]]) -> Loss + 'a;

/// The callback for a run, with its cells and [`RunScores`].
pub type RunLoss<'a> = dyn FnMut(&[MatrixCell], &mut RunScores) + 'a;

/// A cell of the matrix, unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct MatrixCell {
    /// Row id.
    pub row: u32,
    /// Column id.
    pub col: u32,
    /// X_ij.
    pub x: f32,
}

/// A run as a loss sees it. Lanes past its cells are zero and are not read again.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct RunScores {
    /// w·c + b_w + b_c of each cell.
    pub score: [f32; LANES],
    /// To be filled in: the loss of each cell.
    pub loss: [f32; LANES],
    /// To be filled in: its derivative by the score.
    pub slope: [f32; LANES],
}

/// As many ones as a group of one row has pairs.
const ONES: [f32; LANES] = [1.0; LANES];

impl<'a> Group<'a> {
    /// Up to [`LANES`] pairs of one row, all of weight and rate 1, without negatives; `end` is their number.
    ///
    /// # Panics
    /// If there are more.
    pub fn of_row(row: &'a u32, end: &'a u32, col: &'a [u32]) -> Self {
        let ones = &ONES[..col.len()];
        Self {
            row: core::slice::from_ref(row),
            end: core::slice::from_ref(end),
            col,
            weight: ones,
            negatives: &[],
            negative_weight: &ONES[..1],
            negative_sign: &[],
            col_rate: ones,
            negative_rate: &[],
        }
    }
}

impl CellPlace for MatrixCell {
    #[inline(always)]
    fn row(&self) -> u32 {
        self.row
    }
    #[inline(always)]
    fn col(&self) -> u32 {
        self.col
    }
}

/// One group: the scores and moves of [`sgns::group`].
#[inline(always)]
pub(crate) fn group<S: Lanes, const R: usize, const C: usize, const J: usize>(
    s: S,
    rows: &mut Side,
    cols: &mut Side,
    group: &Group,
    scratch: &mut GroupScratch,
    between: &mut GroupLoss<'_>,
) -> Loss {
    let buffers = &mut *scratch.buffers;
    sgns::score_pairs(s, rows, cols, group, buffers);
    sgns::score_negatives::<S, R, C>(s, rows, cols, group, buffers);
    let positive = &mut buffers.positive[..group.col.len()];
    let loss = between(positive, &mut buffers.negative[..group.row.len()]);
    sgns::update::<S, R, J>(s, rows, cols, group, buffers);
    loss
}

/// The callback of a run.
struct Between<'a, 'b>(&'a mut RunLoss<'b>, RunScores);

impl<S: Lanes> Pull<S> for Between<'_, '_> {
    type Cell = MatrixCell;

    #[inline(always)]
    fn of(&mut self, s: S, run: &[MatrixCell], scores: S::F) -> (S::F, S::F) {
        let Self(between, it) = self;
        s.store(scores, &mut it.score);
        it.score[run.len()..].fill(0.0);
        between(run, it);
        it.loss[run.len()..].fill(0.0);
        it.slope[run.len()..].fill(0.0);
        (s.load(&it.loss), s.load(&it.slope))
    }
}

/// [`glove::cells`] with the caller's loss.
#[inline(always)]
pub(crate) fn cells<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[MatrixCell],
    rate: f32,
    between: &mut RunLoss<'_>,
) -> Loss {
    let mut between = Between(between, RunScores::default());
    glove::pulled::<S, J, _>(s, rows, cols, cells, rate, &mut between)
}

/// [`glove::cells_by_row`] with the caller's loss.
#[inline(always)]
pub(crate) fn cells_by_row<S: Lanes, const J: usize>(
    s: S,
    rows: &mut AdagradSide,
    cols: &mut AdagradSide,
    cells: &[MatrixCell],
    rate: RowRate,
    between: &mut RunLoss<'_>,
) -> Loss {
    let mut between = Between(between, RunScores::default());
    glove::pulled_by_row::<S, J, _>(s, rows, cols, cells, rate, &mut between)
}
