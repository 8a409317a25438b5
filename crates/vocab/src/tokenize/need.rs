//! What the stage `tokenize` takes. Costs were measured on 22 million tokens of English, 2 million of Korean and the
//! built-in text, and are accurate within 15 %.

use wordmill_flow::{Need, Room, Sizes};

use super::config::{LinesConfig, needed_bytes};

/// Nanoseconds of a core per token, byte of a character that is not ASCII, distinct word of a shard.
const TOKEN: f64 = 23.0;
const WIDE_BYTE: f64 = 28.0;
const NEW_WORD: f64 = 390.0;

/// What the stage takes.
#[must_use]
pub fn need(config: &LinesConfig, sizes: &Sizes, room: Room) -> Need {
    let chunks = sizes.chunks(config.chunk_bytes);
    let threads = room.threads as f64;
    let words = TOKEN * sizes.tokens + NEW_WORD * chunks.all_words;
    let shards = chunks.shard_bytes(sizes.tokens);
    Need {
        least_bytes: needed_bytes(config.chunk_bytes as usize, 1) as f64 + sizes.unpacking_bytes[0],
        memory_bytes: (2.6 * threads + 3.0) * chunks.bytes + sizes.unpacking_bytes[1],
        scratch_bytes: shards,
        left_bytes: shards,
        files: 2.0 * threads,
        core_seconds: 1e-9 * (words + WIDE_BYTE * sizes.wide_bytes),
        wait_seconds: sizes.read_seconds / threads,
    }
}
