//! How meetings become vectors.
//!
//! One engine trains every objective: a matrix of cells in a grid of tiles, visited in the order of
//! Latin-square rounds (`engine.rs`, `rotation.rs`, `order.rs`). An [`Objective`] says what a pass over the cells of one tile
//! does to a row stripe and a column stripe:
//!
//! * [`SkipGram`]: negative sampling over the discounted co-occurrence matrix;
//! * [`Softmax`]: hierarchical softmax over the (row, node) matrix that [`NodeCells`] derives from it;
//! * [`Glove`]: weighted least squares on log counts.
//!
//! ```text
//! stripe files ─► engine ─► checkpoints a / b ─► vectors/NAME.safetensors
//!                 │    ▲
//!   metrics.jsonl ◄    ▼
//!                 model in memory or in pages
//! ```
//!
//! A pass owns its row stripe and its column stripe (`model.rs`), each in its turn: there is no data
//! race and no lost update, and the result depends on the seed alone, not on threads or memory.
#![forbid(unsafe_code)]

mod error;

mod random;
mod steps;
mod stripes;

mod frozen;
mod start;

mod discount;
mod huffman;
mod nodes;

mod order;

mod expression;
mod loss;
mod losses;

mod course;
mod curve;

mod model;

mod checkpoint;
mod engine;
mod metrics;
mod publish;
mod rotation;
mod sample;

mod glove;
mod groups;
mod masses;
mod skipgram;
mod softmax;

mod windows;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod divergence;
#[cfg(test)]
mod equals;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod wrapped;

pub use checkpoint::remove_checkpoints;
pub use curve::{CurvePlan, OnEpoch};
pub use discount::{Discount, pair_mass};
pub use engine::{
    Divergence, Layout, Objective, Pass, PassCells, Place, Plan, Tally, TrainInput, train,
};
pub use error::TrainError;
pub use expression::{Constants, Expression, ExpressionError, Name, Written};
pub use frozen::Frozen;
pub use glove::{Glove, GloveConfig};
pub use huffman::HuffmanTree;
pub use loss::{
    CELLS_MAX, CellLoss, Cells, Outcome, Reads, SlopeError, Term, check_finite, check_slope,
};
pub use losses::{CellWeight, Focal, Hinge, Logistic, ShiftedPpmi, WeightedHuber, WeightedSquares};
pub use metrics::{EpochRow, RoundRow, read_metrics};
pub use nodes::NodeCells;
pub use order::Half;
pub use skipgram::{ContextRates, SkipGram, SkipGramConfig};
pub use softmax::{Softmax, SoftmaxConfig};
pub use start::{Has, Start, StartConfig};
pub use steps::{Optimizer, Schedule, Steps};
pub use stripes::{Squares, Stripe, StripeShape};
pub use windows::{
    Mix, MixStep, Prediction, Reach, Sharing, WindowModel, WindowsConfig, WindowsInput,
    train_windows,
};
