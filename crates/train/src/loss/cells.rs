//! The loss of a cell, which a trainer minimises; it can be exchanged.
//!
//! A [`CellLoss`] gets scores and properties of their cells, a batch at a time, and returns losses and their *slopes*,
//! the derivatives by the score. Everything else (rows, dimensions, steps, schedule, tiles, checkpoints) belongs to the
//! trainer. Built-in losses are in `losses.rs`; [`check_slope`] compares slopes with finite differences.
//!
//! Trainers that sample negatives ([`SkipGram`](crate::SkipGram)) add up `a·positive(s) + b·negative(s)`, with a the
//! weight of a pair as a neighbour and b its weight as noise. Hierarchical softmax does the same with a and b the
//! weights that go left and right. [`Glove`](crate::Glove) adds up `cell(s, x)`.
//!
//! # Writing a loss
//!
//! The squared distance of scores from ±1, which Mnih & Hinton's bilinear model would call a least-squares classifier:
//!
//! ```
//! use wordmill_train::{CellLoss, Cells, Outcome, Reads, Term, check_slope};
//!
//! struct LeastSquares;
//!
//! impl CellLoss for LeastSquares {
//!     fn reads(&self) -> Reads {
//!         Reads::default()
//!     }
//!     fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
//!         let target = if term == Term::Positive { 1.0 } else { -1.0 };
//!         for (i, score) in cells.score.iter().enumerate() {
//!             out.loss[i] = 0.5 * (score - target) * (score - target);
//!             out.slope[i] = score - target;
//!         }
//!     }
//!     fn formula(&self) -> String {
//!         "½(s − t)², t = ±1".into()
//!     }
//! }
//!
//! check_slope(&LeastSquares, Term::Positive).unwrap();
//! check_slope(&LeastSquares, Term::Negative).unwrap();
//! ```

use std::fmt;

use wordmill_flow::{Context, OverBudget, Reservation};
use wordmill_kernels::{GROUP_PAIRS, Group, LANES, Loss, MatrixCell, RunScores};

use crate::stripes::{TileStripes, of_stripe};

/// The most cells that a loss gets at a time.
pub const CELLS_MAX: usize = GROUP_PAIRS * LANES;

/// The part of a loss that is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// That of a word and a context that occurred together.
    Positive,
    /// That of a word and a context drawn from the noise.
    Negative,
    /// That of a cell of the matrix.
    Cell,
}

/// Which columns of [`Cells`] a loss reads beside the scores; others contain ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// `x`
    pub x: bool,
    /// `i_count` and `j_count`
    pub counts: bool,
}

/// Some cells, column by column, all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// w·c, with both biases where there are any.
    pub score: &'a [f32],
    /// Weight of the cell in the co-occurrence matrix, in pairs; ones for [`Term::Positive`] and [`Term::Negative`],
    /// since a visit is one occurrence.
    pub x: &'a [f32],
    /// How often the row's word occurs in the text whose pairs were counted.
    pub i_count: &'a [f32],
    /// How often the column's word occurs there.
    pub j_count: &'a [f32],
}

/// The results of a loss, as long as the cells.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// Loss of each cell, in any unit; not negative if the mean is to be a learning curve.
    pub loss: &'a mut [f32],
    /// Its derivative by the score.
    pub slope: &'a mut [f32],
}

/// A loss of cells.
pub trait CellLoss: Send + Sync {
    /// Which columns it reads beside scores.
    fn reads(&self) -> Reads;
    /// Fills in losses and slopes. The same cells must always give the same bits.
    fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>);
    /// The formula, as it is stored with the vectors.
    fn formula(&self) -> String;
}

/// A slope that is not the derivative of its loss.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeError {
    /// The part of the loss.
    pub term: Term,
    /// Score, x, i_count and j_count in the middle of the interval.
    pub at: [f32; 4],
    /// (L(s + h) − L(s − h)) / 2h.
    pub difference: f64,
    /// The mean slope over the interval.
    pub slope: f64,
}

impl fmt::Display for SlopeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, at: [s, x, i, j], difference, slope } = self;
        let term = match term {
            Term::Positive => "positive",
            Term::Negative => "negative",
            Term::Cell => "cell",
        };
        write!(
            out,
            "the {term} loss has a slope of {slope} at s = {s}, x = {x}, i_count = {i}, j_count = {j}, by finite \
             differences it is {difference}"
        )
    }
}

impl std::error::Error for SlopeError {}

/// Points at which slopes are compared: scores, counts of cells, counts of words.
const SCORES: (i32, f32) = (12, 0.5);
const XS: [f32; 5] = [0.2, 1.0, 7.0, 90.0, 4000.0];
const COUNTS: [(f32, f32); 3] = [(5.0, 300.0), (2000.0, 2000.0), (1e6, 40.0)];
/// Half the width of an interval, and the number of parts it is divided into.
const HALF: f32 = 1.0 / 16.0;
const PARTS: usize = 64;

/// Compares slopes with finite differences at scores from −6 to 6 and at common counts.
///
/// The difference quotient over a short interval is the mean of the slope over it, even if the slope jumps. An interval
/// on which the loss is not finite is skipped.
///
/// # Errors
/// The first place at which they disagree.
pub fn check_slope(loss: &dyn CellLoss, term: Term) -> Result<(), SlopeError> {
    let reads = loss.reads();
    let xs = if reads.x { &XS[..] } else { &XS[1..2] };
    let counts = if reads.counts { &COUNTS[..] } else { &COUNTS[..1] };
    for step in -SCORES.0..=SCORES.0 {
        for &x in xs {
            for &(i, j) in counts {
                check_slope_at(loss, term, [step as f32 * SCORES.1 + 0.01, x, i, j])?;
            }
        }
    }
    Ok(())
}

/// Checks that losses and slopes are finite at scores from −6 to 6 and at common counts.
///
/// # Errors
/// The first place at which one is not, in words.
pub fn check_finite(loss: &dyn CellLoss, term: Term) -> Result<(), String> {
    for step in -SCORES.0..=SCORES.0 {
        for (x, (i, j)) in XS.iter().flat_map(|x| COUNTS.map(|counts| (*x, counts))) {
            let s = step as f32 * SCORES.1;
            let cells = Cells { score: &[s], x: &[x], i_count: &[i], j_count: &[j] };
            let (mut value, mut slope) = ([0.0], [0.0]);
            loss.eval(term, cells, Outcome { loss: &mut value, slope: &mut slope });
            let [value, slope] = [value[0], slope[0]];
            if !value.is_finite() || !slope.is_finite() {
                return Err(format!(
                    "the loss is {value} and its slope {slope} at s = {s}, x = {x}, i_count = {i}, j_count = {j}; both \
                     must be finite for any score"
                ));
            }
        }
    }
    Ok(())
}

fn check_slope_at(loss: &dyn CellLoss, term: Term, at: [f32; 4]) -> Result<(), SlopeError> {
    let [middle, x, i, j] = at;
    let place = |part: usize| middle - HALF + 2.0 * HALF * part as f32 / PARTS as f32;
    let score: [f32; PARTS + 1] = std::array::from_fn(place);
    let (mut losses, mut slopes) = ([0.0; PARTS + 1], [0.0; PARTS + 1]);
    let same = [x, i, j].map(|value| [value; PARTS + 1]);
    let cells = Cells { score: &score, x: &same[0], i_count: &same[1], j_count: &same[2] };
    loss.eval(term, cells, Outcome { loss: &mut losses, slope: &mut slopes });
    if losses.iter().any(|loss| !loss.is_finite()) {
        return Ok(());
    }
    let width = f64::from(score[PARTS]) - f64::from(score[0]);
    let difference = (f64::from(losses[PARTS]) - f64::from(losses[0])) / width;
    let pairs = || slopes.windows(2).map(|pair| [pair[0], pair[1]].map(f64::from));
    let slope = pairs().map(|[a, b]| (a + b) / 2.0).sum::<f64>() / PARTS as f64;
    // Allows for rounding of both losses, the trapezoidal rule, and a jump within a part.
    let jump = pairs().map(|[a, b]| (a - b).abs()).fold(0.0, f64::max);
    let largest =
        |values: &[f32]| values.iter().fold(0.0, |most, &it| f64::from(it).abs().max(most));
    let allowed =
        1e-6 * largest(&losses) / width + 1e-3 * largest(&slopes) + jump / PARTS as f64 + 1e-5;
    match (difference - slope).abs() <= allowed {
        true => Ok(()),
        false => Err(SlopeError { term, at, difference, slope }),
    }
}

/// How often words occur, stripe by stripe; empty if the loss does not read counts.
pub(crate) struct StripeCounts {
    stripes: Vec<Vec<f32>>,
    _memory: Option<Reservation>,
}

impl StripeCounts {
    /// The counts, as far as a loss reads them.
    pub fn new(
        ctx: &Context,
        name: &str,
        loss: &dyn CellLoss,
        counts: &[u64],
        grid: u32,
    ) -> Result<Self, OverBudget> {
        if !loss.reads().counts {
            return Ok(Self { stripes: vec![Vec::new(); grid as usize], _memory: None });
        }
        let what = format!("the counts that the loss of {name} reads");
        let memory = ctx.budget.reserve(4 * counts.len() as u64, &what)?;
        let of = |stripe| of_stripe(counts, stripe, grid).map(|count| count as f32).collect();
        Ok(Self { stripes: (0..grid).map(of).collect(), _memory: Some(memory) })
    }

    fn of(&self, stripe: u32) -> &[f32] {
        &self.stripes[stripe as usize]
    }
}

/// A loss applied to a tile.
pub(crate) struct TileLoss<'a> {
    loss: &'a dyn CellLoss,
    reads: Reads,
    rows: &'a [f32],
    columns: &'a [f32],
    batch: Box<Batch>,
}

/// Columns of a batch beside its scores, and its results.
#[repr(C, align(64))]
struct Batch {
    x: [f32; CELLS_MAX],
    i_count: [f32; CELLS_MAX],
    j_count: [f32; CELLS_MAX],
    loss: [f32; CELLS_MAX],
    slope: [f32; CELLS_MAX],
}

impl<'a> TileLoss<'a> {
    pub fn new(loss: &'a dyn CellLoss, counts: &'a StripeCounts, tile: TileStripes) -> Self {
        Self::with(loss, counts.of(tile.row), counts.of(tile.column))
    }

    fn with(loss: &'a dyn CellLoss, rows: &'a [f32], columns: &'a [f32]) -> Self {
        let [x, i_count, j_count] = [[1.0; CELLS_MAX]; 3];
        let [losses, slope] = [[0.0; CELLS_MAX]; 2];
        let batch = Box::new(Batch { x, i_count, j_count, loss: losses, slope });
        Self { loss, reads: loss.reads(), rows, columns, batch }
    }

    /// A loss that does not read how often words occur.
    pub fn without_counts(loss: &'a dyn CellLoss) -> Self {
        debug_assert!(!loss.reads().counts);
        Self::with(loss, &[], &[])
    }

    /// Turns the scores of a group, each row with as many negatives as there are lanes, into the coefficients of
    /// its moves.
    pub fn group(
        &mut self,
        group: &Group<'_>,
        rate: f32,
        positive: &mut [f32],
        negative: &mut [[f32; LANES]],
    ) -> Loss {
        debug_assert_eq!(group.negatives.len(), LANES, "every lane has a negative");
        if self.reads.counts {
            let mut pairs = 0;
            for (&row, &end) in group.row.iter().zip(group.end) {
                self.batch.i_count[pairs..end as usize].fill(self.rows[row as usize]);
                pairs = end as usize;
            }
            self.columns_of(0, group.col);
        }
        let mut sum = Sum::default();
        let slopes = self.eval(Term::Positive, positive);
        for ((coefficient, slope), weight) in positive.iter_mut().zip(slopes).zip(group.weight) {
            *coefficient = -(rate * weight * slope);
        }
        sum.add(group.weight, &self.batch.loss);
        if self.reads.counts {
            for (r, &row) in group.row.iter().enumerate() {
                self.batch.i_count[r * LANES..][..LANES].fill(self.rows[row as usize]);
                self.columns_of(r * LANES, group.negatives);
            }
        }
        let slopes = self.eval(Term::Negative, negative.as_flattened_mut()).as_chunks::<LANES>().0;
        for ((row, slopes), weight) in negative.iter_mut().zip(slopes).zip(group.negative_weight) {
            let step = rate * weight;
            *row = slopes.map(|slope| -(step * slope));
        }
        let losses = self.batch.loss.as_chunks::<LANES>().0;
        for (&weight, losses) in group.negative_weight.iter().zip(losses) {
            sum.add(&[weight; LANES], losses);
        }
        let weight = group.weight.iter().map(|&weight| f64::from(weight)).sum();
        Loss { loss: sum.total(), weight }
    }

    /// The losses and slopes of a run.
    pub fn run(&mut self, cells: &[MatrixCell], it: &mut RunScores) {
        let count = cells.len();
        if self.reads.x {
            cells.iter().zip(&mut self.batch.x).for_each(|(cell, x)| *x = cell.x);
        }
        if self.reads.counts {
            self.batch.i_count[..count].fill(self.rows[cells[0].row as usize]);
            let places = cells.iter().zip(&mut self.batch.j_count);
            places.for_each(|(cell, place)| *place = self.columns[cell.col as usize]);
        }
        let Batch { x, i_count, j_count, .. } = &*self.batch;
        let cells = Cells {
            score: &it.score[..count],
            x: &x[..count],
            i_count: &i_count[..count],
            j_count: &j_count[..count],
        };
        let out = Outcome { loss: &mut it.loss[..count], slope: &mut it.slope[..count] };
        self.loss.eval(Term::Cell, cells, out);
    }

    /// Turns the scores of pairs of one row into the coefficients of its directions; `weights` are those of each pair
    /// as a positive and as a negative.
    pub fn binomial(&mut self, score: &mut [f32], weights: impl Fn(usize) -> (f32, f32)) -> Loss {
        let (mut coefficients, mut loss) = ([0.0; LANES], Loss::default());
        for (term, is_left) in [(Term::Positive, true), (Term::Negative, false)] {
            self.eval(term, score);
            let Batch { loss: losses, slope, .. } = &*self.batch;
            for (k, coefficient) in coefficients.iter_mut().enumerate().take(score.len()) {
                let (left, right) = weights(k);
                let weight = if is_left { left } else { right };
                *coefficient -= weight * slope[k];
                loss.loss += f64::from(weight * losses[k]);
                loss.weight += f64::from(weight);
            }
        }
        score.copy_from_slice(&coefficients[..score.len()]);
        loss
    }

    fn columns_of(&mut self, first: usize, ids: &[u32]) {
        let places = ids.iter().zip(&mut self.batch.j_count[first..]);
        places.for_each(|(&id, place)| *place = self.columns[id as usize]);
    }

    fn eval(&mut self, term: Term, score: &[f32]) -> &[f32] {
        let count = score.len();
        let Batch { x, i_count, j_count, loss, slope } = &mut *self.batch;
        let cells =
            Cells { score, x: &x[..count], i_count: &i_count[..count], j_count: &j_count[..count] };
        let out = Outcome { loss: &mut loss[..count], slope: &mut slope[..count] };
        self.loss.eval(term, cells, out);
        &slope[..count]
    }
}

/// A weighted sum in sixteen f64 lanes.
#[derive(Default)]
struct Sum([f64; LANES]);

impl Sum {
    fn add(&mut self, weights: &[f32], losses: &[f32]) {
        for (weights, losses) in weights.chunks(LANES).zip(losses.chunks(LANES)) {
            let products =
                weights.iter().zip(losses).map(|(weight, loss)| f64::from(weight * loss));
            self.0.iter_mut().zip(products).for_each(|(sum, it)| *sum += it);
        }
    }

    fn total(self) -> f64 {
        self.0.iter().sum()
    }
}
