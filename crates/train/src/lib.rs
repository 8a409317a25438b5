//! Trains word vectors from co-occurrence counts or from the text.
//!
//! One engine trains every objective on a matrix of cells in a grid of tiles, visited in the order of Latin-square
//! rounds (`engine.rs`, `rotation.rs`, `order.rs`). An [`Objective`] defines what a pass over the cells of one tile
//! does to a row stripe and a column stripe:
//!
//! * [`SkipGram`]: negative sampling over the discounted co-occurrence matrix;
//! * [`HierarchicalSoftmax`]: hierarchical softmax over the (row, node) matrix that [`NodeCells`] derives from it;
//! * [`Glove`]: weighted least squares on log counts.
//!
//! ```text
//! stripe files ─► engine ─► checkpoints a / b ─► vectors/NAME.safetensors
//!                 │    ▲
//!   metrics.jsonl ◄    ▼
//!                 model in memory or in pages
//! ```
//!
//! A pass owns its row stripe and its column stripe (`model.rs`), each in its turn. So there is no
//! data race and no lost update, and the result depends on the seed alone, not on threads or memory.
//!
//! Nothing here is a step of units ([`wordmill_flow::Step`]): every tile continues from the model in memory that the
//! tiles before it have changed, and a checkpoint, not a list of files, says where to resume. Sums over shards and
//! stripes are kept in memory, too.
#![forbid(unsafe_code)]

mod error;
mod huffman;
mod random;
mod stripes;

mod optim;
mod start;

mod engine;

mod loss;
mod objective;

mod windows;

mod config;
mod need;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use config::{
    Init, LossKind, ModelName, ObjectiveName, PassesConfig, RotationsConfig, SourceName,
    StartFiles, TrainConfig, Trainer,
};
pub use engine::checkpoint::remove_checkpoints;
pub use engine::curve::{CurvePlan, OnEpoch};
pub use engine::metrics::{EpochRow, RoundRow, read_metrics, read_rounds};
pub use engine::{Divergence, Layout, Objective, Pass, PassCells, Plan, Tally, TrainInput, train};
pub use error::TrainError;
pub use huffman::HuffmanTree;
pub use loss::config::{CellsLoss, LossConfig, PairLoss};
pub use loss::expression::{CompiledLoss, Constants, Expression, ExpressionError, Name};
pub use loss::losses::{
    CellWeight, Focal, Hinge, Logistic, ShiftedPpmi, WeightedHuber, WeightedSquares,
};
pub use loss::{
    CELLS_MAX, CellLoss, Cells, Outcome, Reads, SlopeError, Term, check_finite, check_slope,
};
pub use need::need;
pub use objective::glove::{Glove, GloveConfig};
pub use objective::hierarchical_softmax::{HierarchicalSoftmax, SoftmaxConfig};
pub use objective::model::{ModelConfig, NoiseConfig};
pub use objective::nodes::NodeCells;
pub use objective::skipgram::{ContextRates, SkipGram, SkipGramConfig, SkipGramInput};
pub use objective::subsampling::{Subsampling, pair_mass};
pub use optim::steps::{Optimizer, OptimizerConfig, Penalties, Schedule};
pub use start::frozen::Frozen;
pub use start::{Has, Start, StartConfig};
pub use stripes::{MatrixSide, Place, Squares, Stripe, StripeShape, TileStripes};
pub use windows::{
    CbowConfig, Mix, MixStep, Prediction, Reach, Sharing, TextConfig, WindowModel, WindowsConfig,
    WindowsInput, train_windows,
};
