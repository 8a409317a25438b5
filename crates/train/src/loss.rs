//! Losses of a cell: the trait (`cells.rs`), the built-in ones (`losses.rs`), and those written as expressions
//! (`expression.rs`).

mod cells;
pub mod config;
pub mod expression;
pub mod losses;

pub use cells::{
    CELLS_MAX, CellLoss, Cells, Outcome, Reads, SlopeError, Term, check_finite, check_slope,
};
pub(crate) use cells::{StripeCounts, TileLoss};
