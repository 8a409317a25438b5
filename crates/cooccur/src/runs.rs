//! Spill runs: what counting writes and merging reads.
//!
//! A *run* has summed cells of one partition of the rows (`run.rs`). `ranges.rs` defines the partitions, `spill.rs`
//! lists the runs that belong together. Weights of equal cells are added only in `sums.rs`.

pub mod ranges;
pub mod run;
pub mod spill;
pub mod sums;
