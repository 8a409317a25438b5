//! Chunks: the corpus cut into pieces that are tokenised each on its own.
//!
//! Chunk `n` of an input holds the lines that begin in bytes `n · chunk_bytes` to
//! `(n + 1) · chunk_bytes` of its unpacked text: its two ends are *cuts* near multiples of the
//! chunk size. A line that does not end within `chunk_bytes` after such a multiple is cut there
//! between two words, and the next chunk continues it; a word that does not end either is left out
//! and counted. Where the cuts fall depends on the bytes alone, within one chunk size after the
//! multiple, so that chunks can be read one after another or each by itself.

mod cut;
mod range;
mod stream;

pub use cut::{Chunk, Cutter, DEFAULT_CHUNK_BYTES, MAX_WORD_BYTES, Overlong};
pub use range::RangeReader;
pub use stream::StreamReader;

#[cfg(test)]
mod tests;
