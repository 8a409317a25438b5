//! Foreign formats, one file each, as other programs read and write them.
//!
//! The files named after a format write it; all readers of vectors are in `incoming`.

mod plain;

#[cfg(feature = "parquet")]
pub mod columns;
pub mod finalfusion;
pub mod glove;
pub mod incoming;
pub mod market;
pub mod npy;
pub mod npz;
pub mod projector;
pub mod stranger;
pub mod word2vec;

use std::path::Path;

use crate::error::FormatError;

/// Words with vectors to be exported.
pub struct Rows<'a> {
    /// Number of rows.
    pub len: usize,
    /// Length of a vector.
    pub dim: usize,
    /// The word of a row.
    pub word: &'a dyn Fn(usize) -> String,
    /// How often the word occurs in the text.
    pub count: &'a dyn Fn(usize) -> u64,
    /// Fills in the vector of a row.
    pub vector: &'a dyn Fn(usize, &mut Vec<f32>),
}

/// Refuses a word with white space, for a format that separates fields by spaces.
fn check_word(path: &Path, word: &str) -> Result<(), FormatError> {
    if word.is_empty() || word.chars().any(char::is_whitespace) {
        let what = format!(
            "the word {word:?} contains white space, which this format cannot hold; write an underscore instead \
             (--spaces underscore) or choose another format"
        );
        let (path, format) = (path.to_path_buf(), "a format with spaces between its fields");
        return Err(FormatError::Unwritable { path, format, what });
    }
    Ok(())
}
