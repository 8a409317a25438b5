//! Counts co-occurrences: from token shards to the matrix, and from a matrix to tiles.
//!
//! Three stages, each one function from finished artefacts to finished artefacts:
//!
//! * [`count`]: windows over token shards → summed spill runs;
//! * [`merge`]: spill runs → CSR shards of row ranges;
//! * [`shuffle`]: the cells of any [`wordmill_formats::CellSource`] → tiles in random order.
//!
//! [`gather`] replaces [`count`] if the cells come from elsewhere; [`export_matrix`] writes the matrix for other
//! programs.
//!
//! Weights are whole numbers in units of 1 / `unit` (see [`Weighting`]), so sums commute: no result
//! depends on the number of threads, the memory budget, or where a run was interrupted.
#![forbid(unsafe_code)]

mod error;

mod runs;

mod count;
mod gather;
mod merge;
mod shuffle;

pub mod bench_api;
pub mod need;

mod export;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod test_support;

pub use count::subsampling::Subsampling;
pub use count::weighting::{Dropped, Sides, Weighting, WindowConfig};
pub use count::{CooccurConfig, CountConfig, CountInput, count};
pub use error::CooccurError;
pub use export::{MatrixFormat, MatrixInput, export_matrix, is_symmetric, words_path};
pub use gather::whole::{Unit, UnitSearch, WHOLE};
pub use gather::{GatherConfig, gather};
pub use merge::{MergeConfig, merge, merge_units, remove_runs};
pub use runs::ranges::RowRanges;
pub use runs::spill::{RunRow, SpillRuns};
pub use shuffle::source::MatrixCells;
pub use shuffle::{ShuffleConfig, TilesConfig, shuffle};
