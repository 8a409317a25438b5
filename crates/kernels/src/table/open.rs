//! The methods of [`Kernels`] with a callback for the caller's loss.
//!
//! Terms and algorithms are those of `crate::open`; the preconditions are here.

use super::{Kernels, check_glove, check_group};
use crate::glove::{AdagradSide, RowRate};
use crate::open::{GroupLoss, MatrixCell, RunLoss};
use crate::sgns::{Group, GroupScratch};
use crate::side::{Loss, Side};
use crate::steps::{StepLoss, StepPlan, StepScratch, StepSide};
use crate::tape::{Tape, TapeScratch};

impl Kernels {
    /// [`math::sigmoid`](crate::math::sigmoid) of each element, in place, and its [`math::softplus`](crate::math::softplus): both from
    /// one exponential.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn logistic(&self, x: &mut [f32], softplus: &mut [f32]) {
        assert_eq!(x.len(), softplus.len(), "logistic of slices of two lengths");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.logistic)(x, softplus) }
    }

    /// [`sgns_group`](Self::sgns_group) with another loss: scores, then `loss`, which leaves the coefficients of the moves in
    /// their place, then the moves. `loss` uses the `weight` and `negative_weight` of the group. Returns the result of
    /// `loss`.
    ///
    /// # Panics
    /// As `sgns_group` does.
    pub fn open_group(
        &self,
        rows: &mut Side,
        cols: &mut Side,
        group: &Group,
        scratch: &mut GroupScratch,
        loss: &mut GroupLoss<'_>,
    ) -> Loss {
        check_group(rows, cols, group);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.open_group)(rows, cols, group, scratch, loss) }
    }

    /// [`glove_cells`](Self::glove_cells) with another loss, which is called for each run.
    ///
    /// # Panics
    /// As `glove_cells` does.
    pub fn open_cells(
        &self,
        rows: &mut AdagradSide,
        cols: &mut AdagradSide,
        cells: &[MatrixCell],
        rate: f32,
        loss: &mut RunLoss<'_>,
    ) -> Loss {
        check_glove(rows, cols, cells, rows.stride);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.open_cells)(rows, cols, cells, rate, loss) }
    }

    /// [`glove_cells_by_row`](Self::glove_cells_by_row) with another loss, which is called for each run.
    ///
    /// # Panics
    /// As `glove_cells_by_row` does.
    pub fn open_cells_by_row(
        &self,
        rows: &mut AdagradSide,
        cols: &mut AdagradSide,
        cells: &[MatrixCell],
        rate: RowRate,
        loss: &mut RunLoss<'_>,
    ) -> Loss {
        check_glove(rows, cols, cells, 1);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.open_cells_by_row)(rows, cols, cells, rate, loss) }
    }

    /// A step by any rule on a group. `loss` replaces scores by `−weight·slope`, without the rate; `weight` of a pair
    /// is also the factor of the penalty of its two vectors.
    ///
    /// # Panics
    /// As [`sgns_group`](Self::sgns_group), and if the state of a side is not that of the rule.
    pub fn step_group(
        &self,
        rows: &mut StepSide,
        cols: &mut StepSide,
        group: &Group,
        plan: &StepPlan,
        scratch: &mut StepScratch,
        loss: &mut GroupLoss<'_>,
    ) -> StepLoss {
        rows.check(plan.rule);
        cols.check(plan.rule);
        check_group(&rows.side(), &cols.side(), group);
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.step_group)(rows, cols, group, plan, scratch, loss) }
    }

    /// Runs a tape over the columns `inputs`, all of one length, and fills in one column for each of its results.
    ///
    /// # Panics
    /// If columns are missing or differ in length.
    pub fn tape(
        &self,
        tape: &Tape,
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        scratch: &mut TapeScratch,
    ) {
        assert!(inputs.len() >= tape.inputs(), "a tape has more inputs");
        assert_eq!(outputs.len(), tape.outputs(), "a column for each result");
        let cells = outputs.first().map_or(0, |column| column.len());
        let fits = inputs.iter().all(|column| column.len() == cells)
            && outputs.iter().all(|column| column.len() == cells);
        assert!(fits, "columns of two lengths");
        // SAFETY: `dispatch` returns a table only where its instruction set was detected.
        unsafe { (self.tape)(tape, inputs, outputs, scratch) }
    }
}
