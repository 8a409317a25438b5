//! Arithmetic on slices that gives the same bits on every instruction set: dot products, elementary functions, and the training steps of
//! SGNS, CBOW, hierarchical softmax and GloVe.
//!
//! Terms: [`Kernels`] are the kernels of one [`Level`]; [`best`] picks the fastest this CPU has, [`at`] a given one. A kernel checks
//! its preconditions once, works a batch, allocates nothing and does no I/O. Not covered: threads, schedules, random draws.
//!
//! # The canon
//!
//! Every sum over a dimension has sixteen f32 lanes: lane l starts at 0 and takes `acc[l] = fma(a[16k+l], b[16k+l], acc[l])` for k
//! ascending; a tail shorter than sixteen is padded with zeros; then lane l + lane l+8, +4, +2, +1. AVX-512 holds the lanes in one
//! register, AVX2 in two, NEON in four, scalar in an array. Elementary functions are polynomials and Newton steps in exact IEEE
//! operations. So the levels agree bit for bit (NaN payloads excepted), and the tests assert it.

// Inner loops index several short arrays of registers in step; iterators would hide the tile.
#![allow(clippy::needless_range_loop)]

mod arch;
mod binomial;
mod dispatch;
mod dot;
mod glove;
mod lanes;
mod level;
pub mod math;
mod mix;
mod open;
pub mod random;
pub mod real;
mod rows;
mod sgns;
mod side;
mod steps;
mod table;
mod tape;

pub use binomial::{BinomialCell, BinomialRun, RUN_CELLS};
pub use dispatch::{at, available, best};
pub use glove::{AdagradSide, GloveCell, RowRate};
pub use lanes::LANES;
pub use level::{Level, UnknownLevel};
pub use mix::Window;
pub use open::{GroupLoss, MatrixCell, RunLoss, RunScores};
pub use sgns::{GROUP_NEGATIVES, GROUP_PAIRS, Group, GroupScratch};
pub use side::{Change, Loss, Side, padded};
pub use steps::{StepLoss, StepPlan, StepScratch, StepSide, UpdateRule, adam_rest};
pub use table::Kernels;
pub use tape::{Op, Tape, TapeScratch};
