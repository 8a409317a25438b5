//! Spill runs: what counting writes and merging reads.
//!
//! A *run* holds summed cells of one partition of the rows (`run.rs`); which rows those are is in `ranges.rs`, which runs belong
//! together in `spill.rs`. Weights of equal cells are added in one place, `sums.rs`.

pub mod ranges;
pub mod run;
pub mod spill;
pub mod sums;
