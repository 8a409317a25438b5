//! Foreign formats, one file each: what the peers read and write.
//!
//! The files named after a format write it; all readers of vectors stand in `incoming`.

mod plain;

pub mod glove;
pub mod incoming;
pub mod market;
pub mod npz;
pub mod word2vec;

/// Words with vectors, on their way out: what an export writes.
pub struct Rows<'a> {
    /// Number of rows.
    pub len: usize,
    /// Length of a vector.
    pub dim: usize,
    /// The word of a row.
    pub word: &'a dyn Fn(usize) -> String,
    /// Fills in the vector of a row.
    pub vector: &'a dyn Fn(usize, &mut Vec<f32>),
}
