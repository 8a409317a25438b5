//! Losses of a cell: the trait (`cells.rs`), those that come with the program (`losses.rs`), and those that are written as
//! expressions (`expression.rs`).

mod cells;
pub mod config;
pub mod expression;
pub mod losses;

pub use cells::{
    CELLS_MAX, CellLoss, Cells, Outcome, Reads, SlopeError, Term, check_finite, check_slope,
};
pub(crate) use cells::{StripeCounts, TileLoss};
