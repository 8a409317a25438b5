//! What the stage `dedup` takes, assuming that no line is repeated. Costs were measured on half of 20 million tokens
//! of English.

use wordmill_flow::{Need, Room, Sizes};

use super::ranges::comparing_bytes;
use crate::tokenize::LinesConfig;

/// Nanoseconds of a core per token, line, distinct word of a shard.
const TOKEN: f64 = 17.0;
const LINE: f64 = 190.0;
const WORD: f64 = 130.0;

/// What the stage takes.
#[must_use]
pub fn need(config: &LinesConfig, sizes: &Sizes, room: Room) -> Need {
    let chunks = sizes.chunks(config.chunk_bytes);
    let threads = room.threads as f64;
    let compared = comparing_bytes(sizes.lines as u64, room.threads, room.bytes) as f64;
    let shards = chunks.shard_bytes(sizes.tokens);
    let worker = 3e6 + 130.0 * chunks.words;
    let work = TOKEN * sizes.tokens + LINE * sizes.lines + WORD * chunks.all_words;
    Need {
        least_bytes: worker + 1e6,
        memory_bytes: compared.max(worker * threads),
        // Hashes of all lines.
        scratch_bytes: shards + 20.0 * sizes.lines,
        left_bytes: shards,
        files: 3.0 * threads,
        core_seconds: 1e-9 * work,
        wait_seconds: 0.0,
    }
}
