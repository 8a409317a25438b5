//! Objectives: what a pass over the cells of a tile does.
//!
//! `skipgram.rs` (negative sampling), `hierarchical_softmax.rs` and `glove.rs` are objectives. The other files are
//! shared by them: draws of negatives in `groups.rs` and `negative_weights.rs`, subsampling in `subsampling.rs`, the
//! cells of tree nodes in `nodes.rs`.

pub mod glove;
pub mod groups;
pub mod hierarchical_softmax;
pub mod model;
pub mod negative_weights;
pub mod nodes;
pub mod skipgram;
pub mod subsampling;
