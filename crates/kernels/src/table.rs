//! The kernels as safe methods: preconditions are checked here, then one call of a function pointer does the batch.
//!
//! Terms: `Kernels` is the table of one instruction set; a module for each set holds the thin wrappers that compile the generic
//! algorithms for it. Not covered: the algorithms themselves, and the choice of a table (`dispatch`).

use crate::binomial::{BinomialCell, BinomialRun, RUN_CELLS};
use crate::glove::{AdagradSide, CellPlace, GloveCell, RowRate};
use crate::level::Level;
use crate::mix::Window;
use crate::open::{GroupLoss, MatrixCell, RunLoss};
use crate::sgns::{GROUP_NEGATIVES, GROUP_PAIRS, Group, GroupScratch};
use crate::side::{Change, Loss, Side};
use crate::steps::{StepLoss, StepPlan, StepScratch, StepSide};
use crate::tape::{Tape, TapeScratch};

mod open;

type Elementwise = unsafe fn(&mut [f32]);
type StepGroup = unsafe fn(
    &mut StepSide,
    &mut StepSide,
    &Group,
    &StepPlan,
    &mut StepScratch,
    &mut GroupLoss<'_>,
) -> StepLoss;
type RunTape = unsafe fn(&Tape, &[&[f32]], &mut [&mut [f32]], &mut TapeScratch);
type OpenGroup =
    unsafe fn(&mut Side, &mut Side, &Group, &mut GroupScratch, &mut GroupLoss<'_>) -> Loss;
type OpenCells<Rate> =
    unsafe fn(&mut AdagradSide, &mut AdagradSide, &[MatrixCell], Rate, &mut RunLoss<'_>) -> Loss;
type BinomialRuns = unsafe fn(&mut Side, &mut Side, &[BinomialRun], &[BinomialCell], f32) -> Loss;
type AddChanges = unsafe fn(Change<'_>, &[u32], &mut Side, &[u32], &[f32]);
type Spread = unsafe fn(&mut Side, &Window, Change<'_>);
type ScoresMany = unsafe fn(&[f32], &[f32], usize, &mut [f32], (usize, usize));

/// All kernels of one instruction set; get one from [`best`](crate::best) or [`at`](crate::at).
pub struct Kernels {
    level: Level,
    dot: unsafe fn(&[f32], &[f32]) -> f32,
    scores: unsafe fn(&[f32], &[f32], usize, &mut [f32]),
    scores_many: ScoresMany,
    axpy: unsafe fn(f32, &[f32], &mut [f32]),
    exp: Elementwise,
    ln: Elementwise,
    sigmoid: Elementwise,
    softplus: Elementwise,
    rsqrt: Elementwise,
    logistic: unsafe fn(&mut [f32], &mut [f32]),
    prefetch: unsafe fn(&Side, &[u32]),
    sgns_group: unsafe fn(&mut Side, &mut Side, &Group, f32, &mut GroupScratch) -> Loss,
    binomial_runs: BinomialRuns,
    mix: unsafe fn(&Side, &Window, &mut [f32]),
    spread: Spread,
    copy_rows: unsafe fn(&[f32], &[u32], &mut Side, &[u32]),
    add_changes: AddChanges,
    merge_row: unsafe fn(&mut [f32], &[&[f32]], f32),
    glove_cells: unsafe fn(&mut AdagradSide, &mut AdagradSide, &[GloveCell], f32) -> Loss,
    glove_cells_by_row:
        unsafe fn(&mut AdagradSide, &mut AdagradSide, &[GloveCell], f32, usize) -> Loss,
    open_group: OpenGroup,
    open_cells: OpenCells<f32>,
    open_cells_by_row: OpenCells<RowRate>,
    tape: RunTape,
    step_group: StepGroup,
}

impl core::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Kernels").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Kernels {
    /// The instruction set of these kernels.
    pub fn level(&self) -> Level {
        self.level
    }

    /// a·b of two vectors of any one length, in the canonical order of the crate.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "dot of vectors of two lengths");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.dot)(a, b) }
    }

    /// `out[i] = query · rows[i * dim..][..dim]`, the bits of [`dot`](Self::dot); rows are row-major without padding.
    ///
    /// # Panics
    /// If `query` is not `dim` long or `rows` not `out.len() * dim`.
    pub fn scores(&self, query: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
        assert_eq!(query.len(), dim, "a query has dim floats");
        assert_eq!(rows.len(), out.len() * dim, "rows are out.len() x dim");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.scores)(query, rows, dim, out) }
    }

    /// `out[q * n + i] = queries[q] · rows[i]`, m queries and n rows of `dim` floats without padding, the bits of
    /// [`dot`](Self::dot). Rows are read from memory once; a few dozen queries at a time stay in cache.
    ///
    /// # Panics
    /// If `dim` is 0 or a length does not fit.
    pub fn scores_many(&self, queries: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) {
        assert!(dim > 0, "vectors of no dimension");
        let (m, n) = (queries.len() / dim, rows.len() / dim);
        assert_eq!(queries.len(), m * dim, "queries are whole vectors");
        assert_eq!(rows.len(), n * dim, "rows are whole vectors");
        assert_eq!(out.len(), m * n, "one score for each query and row");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.scores_many)(queries, rows, dim, out, (m, n)) }
    }

    /// y = fma(g, x, y).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn axpy(&self, g: f32, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len(), y.len(), "axpy of vectors of two lengths");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.axpy)(g, x, y) }
    }

    /// [`math::exp`](crate::math::exp) of each element, in place.
    pub fn exp(&self, x: &mut [f32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.exp)(x) }
    }

    /// [`math::ln`](crate::math::ln) of each element, in place.
    pub fn ln(&self, x: &mut [f32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.ln)(x) }
    }

    /// [`math::sigmoid`](crate::math::sigmoid) of each element, in place.
    pub fn sigmoid(&self, x: &mut [f32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.sigmoid)(x) }
    }

    /// [`math::softplus`](crate::math::softplus) of each element, in place.
    pub fn softplus(&self, x: &mut [f32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.softplus)(x) }
    }

    /// [`math::rsqrt`](crate::math::rsqrt) of each element, in place.
    pub fn rsqrt(&self, x: &mut [f32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.rsqrt)(x) }
    }

    /// Prefetches rows.
    ///
    /// # Panics
    /// If an id has no row.
    pub fn prefetch(&self, side: &Side, ids: &[u32]) {
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.prefetch)(side, ids) }
    }

    /// One SGD step of SGNS on a group of pairs with shared negatives. Ids may repeat: scores and sums over rows or negatives are of the
    /// values before the group, then rows with their columns are updated in order, then negatives. The loss is before the step, its
    /// weight Σ weight.
    ///
    /// # Panics
    /// If the group is too large, its lengths or ends differ, an id has no row, or the strides differ.
    pub fn sgns_group(
        &self,
        rows: &mut Side,
        cols: &mut Side,
        group: &Group,
        rate: f32,
        scratch: &mut GroupScratch,
    ) -> Loss {
        check_group(rows, cols, group);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.sgns_group)(rows, cols, group, rate, scratch) }
    }

    /// Implicit steps on binomial cells, run after run. The loss is that of each cell before its run, its weight Σ left + right.
    ///
    /// # Panics
    /// If an id has no row, a run is too long or reaches past the cells, or the strides differ.
    pub fn binomial_runs(
        &self,
        rows: &mut Side,
        cols: &mut Side,
        runs: &[BinomialRun],
        cells: &[BinomialCell],
        rate: f32,
    ) -> Loss {
        assert_eq!(rows.stride, cols.stride, "both sides have one stride");
        let (row_count, _) = (rows.rows(), cols.rows());
        // Cells are checked where they are used, once per walk: a pass over all of them beforehand would read them from
        // memory twice.
        let fits =
            |run: &BinomialRun| (run.row as usize) < row_count && run.len as usize <= RUN_CELLS;
        assert!(runs.iter().all(fits), "a run's row is out of range, or it is too long");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.binomial_runs)(rows, cols, runs, cells, rate) }
    }

    /// `out` = scale · Σ weight · row: the mean or the sum of a window, depending on weights and
    /// scale.
    ///
    /// # Panics
    /// If an id has no row, the lengths differ or `out` is not a row long.
    pub fn mix(&self, side: &Side, window: &Window, out: &mut [f32]) {
        assert_eq!(window.len(), window.weights.len(), "a weight for each row");
        assert_eq!(out.len(), side.stride, "a mix is a row long");
        // Ids are checked where their rows are read.
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.mix)(side, window, out) }
    }

    /// Adds scale · weight · (after − before) to each row of a window: spreads the change of a mix over its
    /// rows.
    ///
    /// # Panics
    /// If an id has no row, the lengths differ or the two vectors are not a row long.
    pub fn spread(&self, side: &mut Side, window: &Window, change: Change<'_>) {
        assert_eq!(window.len(), window.weights.len(), "a weight for each row");
        let lengths = [change.before.len(), change.after.len()];
        assert_eq!(lengths, [side.stride; 2], "a mix is a row long");
        // Ids are checked where their rows are read.
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.spread)(side, window, change) }
    }

    /// Copies row `from_ids[i]` of `from` to row `to_ids[i]` of `to`, which has the same stride.
    ///
    /// # Panics
    /// If an id has no row or the lists of ids differ in length.
    pub fn copy_rows(&self, from: &[f32], from_ids: &[u32], to: &mut Side, to_ids: &[u32]) {
        assert_eq!(from_ids.len(), to_ids.len(), "every row goes somewhere");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.copy_rows)(from, from_ids, to, to_ids) }
    }

    /// Adds `share[i]` times the difference of row `from_ids[i]` between `change.after` and `change.before` to row
    /// `to_ids[i]` of `to`.
    ///
    /// # Panics
    /// If an id has no row or the lists differ in length.
    pub fn add_changes(
        &self,
        change: Change<'_>,
        from_ids: &[u32],
        to: &mut Side,
        to_ids: &[u32],
        share: &[f32],
    ) {
        assert_eq!([from_ids.len(), share.len()], [to_ids.len(); 2], "every row goes somewhere");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.add_changes)(change, from_ids, to, to_ids, share) }
    }

    /// to += share · Σ (row − to) over rows of its length, a multiple of [`LANES`](crate::LANES).
    ///
    /// # Panics
    /// If the lengths differ or are not such a multiple.
    pub fn merge_row(&self, to: &mut [f32], rows: &[&[f32]], share: f32) {
        assert!(to.len().is_multiple_of(crate::LANES), "rows are padded");
        assert!(rows.iter().all(|row| row.len() == to.len()), "rows of two lengths");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.merge_row)(to, rows, share) }
    }

    /// AdaGrad steps on GloVe cells with an accumulator for every coordinate, in runs of up to [`LANES`](crate::LANES) neighbouring cells
    /// of one row; fastest where runs are long. The loss is that of each cell before its run, its weight the number of cells.
    ///
    /// # Panics
    /// If an id has no row, the strides differ or a side's slices disagree.
    pub fn glove_cells(
        &self,
        rows: &mut AdagradSide,
        cols: &mut AdagradSide,
        cells: &[GloveCell],
        rate: f32,
    ) -> Loss {
        check_glove(rows, cols, cells, rows.stride);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.glove_cells)(rows, cols, cells, rate) }
    }

    /// The same with one accumulator per row, to which the mean of the squared steps over `dim` coordinates is
    /// added.
    ///
    /// # Panics
    /// If an id has no row, the strides differ or a side's slices disagree.
    pub fn glove_cells_by_row(
        &self,
        rows: &mut AdagradSide,
        cols: &mut AdagradSide,
        cells: &[GloveCell],
        rate: f32,
        dim: usize,
    ) -> Loss {
        check_glove(rows, cols, cells, 1);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.glove_cells_by_row)(rows, cols, cells, rate, dim) }
    }
}

/// The preconditions of a group.
fn check_group(rows: &Side, cols: &Side, group: &Group) {
    let (row_len, pairs) = (group.row.len(), group.col.len());
    assert!(
        row_len.max(pairs) <= GROUP_PAIRS && group.negatives.len() <= GROUP_NEGATIVES,
        "a group is too large"
    );
    assert_eq!(rows.stride, cols.stride, "both sides have one stride");
    assert!(
        group.end.len() == row_len
            && group.negative_weight.len() == row_len
            && group.weight.len() == pairs
            && group.col_rate.len() == pairs
            && group.negative_sign.len() == group.negatives.len()
            && group.negative_rate.len() == group.negatives.len(),
        "a group's slices differ in length"
    );
    assert!(
        group.end.is_sorted() && group.end.last().map_or(0, |&end| end as usize) == pairs,
        "the ends of a group's rows do not cover its pairs"
    );
    let (row_count, col_count) = (rows.rows(), cols.rows());
    let in_range = |ids: &[u32], n: usize| ids.iter().all(|&id| (id as usize) < n);
    assert!(in_range(group.row, row_count), "a row id is out of range");
    assert!(in_range(group.col, col_count), "a column id is out of range");
    assert!(in_range(group.negatives, col_count), "a negative's id is out of range");
}

/// The preconditions of cells on two sides with this many squares per row.
fn check_glove(rows: &AdagradSide, cols: &AdagradSide, cells: &[impl CellPlace], squares: usize) {
    assert_eq!(rows.stride, cols.stride, "both sides have one stride");
    let (row_count, col_count) = (rows.rows(squares), cols.rows(squares));
    let in_range =
        |(row, col): (u32, u32)| (row as usize) < row_count && (col as usize) < col_count;
    assert!(
        cells.iter().all(|cell| in_range((cell.row(), cell.col()))),
        "a cell's id is out of range"
    );
}

/// Compiles one generic algorithm for one token: `wrap!(token, attribute, name = path, (arguments) -> result)`.
macro_rules! wrap {
    ($token:ty, $attribute:meta, $($name:ident = $path:expr, ($($arg:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        /// # Safety
        /// The CPU must have the instructions of the token.
        #[$attribute]
        unsafe fn $name($($arg: $kind),*) -> $result {
            // SAFETY: the caller promises the instructions.
            let token = unsafe { <$token>::new() };
            $path(token, $($arg),*)
        }
    )*};
}

/// A module with the table of one token; R x C is its tile of scores, R x J its tile of updates.
macro_rules! table {
    ($module:ident, $level:expr, $token:ty, $r:literal, $c:literal, $j:literal, $attribute:meta) => {
        pub(crate) mod $module {
            use super::*;
            use crate::{binomial, dot, glove, mix, open, rows, sgns, side, steps, tape as tapes};

            wrap! { $token, $attribute,
                dot = dot::dot, (a: &[f32], b: &[f32]) -> f32;
                scores = dot::scores, (query: &[f32], rows: &[f32], dim: usize, out: &mut [f32]) -> ();
                scores_many = dot::scores_many::<_, $r, $c>,
                    (queries: &[f32], rows: &[f32], dim: usize, out: &mut [f32], shape: (usize, usize)) -> ();
                axpy = dot::axpy, (g: f32, x: &[f32], y: &mut [f32]) -> ();
                exp = dot::exp, (x: &mut [f32]) -> ();
                ln = dot::ln, (x: &mut [f32]) -> ();
                sigmoid = dot::sigmoid, (x: &mut [f32]) -> ();
                softplus = dot::softplus, (x: &mut [f32]) -> ();
                rsqrt = dot::rsqrt, (x: &mut [f32]) -> ();
                logistic = dot::logistic, (x: &mut [f32], softplus: &mut [f32]) -> ();
                prefetch = side::prefetch, (side: &Side, ids: &[u32]) -> ();
                sgns_group = sgns::group::<_, $r, $c, $j>,
                    (rows: &mut Side, cols: &mut Side, group: &Group, rate: f32, scratch: &mut GroupScratch) -> Loss;
                binomial_runs = binomial::runs::<_, $c, $j>,
                    (rows: &mut Side, cols: &mut Side, runs: &[BinomialRun], cells: &[BinomialCell], rate: f32) -> Loss;
                mix = mix::mix::<_, $j>, (side: &Side, window: &Window, out: &mut [f32]) -> ();
                spread = mix::spread::<_, $j>, (side: &mut Side, window: &Window, change: Change<'_>) -> ();
                copy_rows = rows::copy, (from: &[f32], from_ids: &[u32], to: &mut Side, to_ids: &[u32]) -> ();
                add_changes = rows::add_changes,
                    (change: Change<'_>, from_ids: &[u32], to: &mut Side, to_ids: &[u32], share: &[f32]) -> ();
                merge_row = rows::merge, (to: &mut [f32], rows: &[&[f32]], share: f32) -> ();
                glove_cells = glove::cells::<_, $j>,
                    (rows: &mut AdagradSide, cols: &mut AdagradSide, cells: &[GloveCell], rate: f32) -> Loss;
                glove_cells_by_row = glove::cells_by_row::<_, $j>,
                    (rows: &mut AdagradSide, cols: &mut AdagradSide, cells: &[GloveCell], rate: f32, dim: usize) -> Loss;
                open_group = open::group::<_, $r, $c, $j>,
                    (rows: &mut Side, cols: &mut Side, group: &Group, scratch: &mut GroupScratch, loss: &mut GroupLoss<'_>) -> Loss;
                open_cells = open::cells::<_, $j>,
                    (rows: &mut AdagradSide, cols: &mut AdagradSide, cells: &[MatrixCell], rate: f32, loss: &mut RunLoss<'_>) -> Loss;
                open_cells_by_row = open::cells_by_row::<_, $j>,
                    (rows: &mut AdagradSide, cols: &mut AdagradSide, cells: &[MatrixCell], rate: RowRate, loss: &mut RunLoss<'_>)
                    -> Loss;
                step_group = steps::group::<_, $r, $c, $j>,
                    (rows: &mut StepSide, cols: &mut StepSide, group: &Group, plan: &StepPlan, scratch: &mut StepScratch,
                    loss: &mut GroupLoss<'_>) -> StepLoss;
                tape = tapes::run, (tape: &Tape, inputs: &[&[f32]], outputs: &mut [&mut [f32]], scratch: &mut TapeScratch) -> ();
            }

            pub(crate) static KERNELS: Kernels = Kernels {
                level: $level,
                dot,
                scores,
                scores_many,
                axpy,
                exp,
                ln,
                sigmoid,
                softplus,
                rsqrt,
                logistic,
                prefetch,
                sgns_group,
                binomial_runs,
                mix,
                spread,
                copy_rows,
                add_changes,
                merge_row,
                glove_cells,
                glove_cells_by_row,
                open_group,
                open_cells,
                open_cells_by_row,
                tape,
                step_group,
            };
        }
    };
}

table!(scalar, Level::Scalar, crate::arch::scalar::Scalar, 1, 1, 1, inline(never));
#[cfg(target_arch = "aarch64")]
table!(neon, Level::Neon, crate::arch::neon::Neon, 2, 2, 2, target_feature(enable = "neon"));
#[cfg(target_arch = "x86_64")]
table!(avx2, Level::Avx2, crate::arch::avx2::Avx2, 2, 2, 2, target_feature(enable = "avx2,fma"));
#[cfg(target_arch = "x86_64")]
table!(
    avx512,
    Level::Avx512,
    crate::arch::avx512::Avx512,
    4,
    4,
    4,
    target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
);
