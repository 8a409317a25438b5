//! Chunks: the corpus cut into pieces that are tokenised independently.
//!
//! Chunk `n` of an input has the lines that begin in bytes `n · chunk_bytes` to `(n + 1) ·
//! chunk_bytes` of its unpacked text: its two ends are *cuts* near multiples of the chunk size. A
//! line that does not end within `chunk_bytes` after such a multiple is cut there between two
//! words, and the next chunk continues it; if a word does not end either, it is left out and
//! counted. The place of a cut depends only on the bytes within one chunk size after the multiple,
//! so chunks can be read sequentially or independently.

mod cut;
mod range;
mod stream;

pub use cut::{Chunk, Cutter, DEFAULT_CHUNK_BYTES, MAX_WORD_BYTES, Overlong};
pub use range::RangeReader;
pub use stream::StreamReader;

#[cfg(test)]
mod tests;
