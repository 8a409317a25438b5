//! What the stage `vocabulary` takes.

use wordmill_flow::{Need, Room, Sizes};

use crate::tokenize::LinesConfig;

/// Nanoseconds of a core per distinct word of a shard.
const LOCAL_WORD: f64 = 290.0;

/// What the stage takes.
#[must_use]
pub fn need(config: &LinesConfig, sizes: &Sizes, room: Room) -> Need {
    let chunks = sizes.chunks(config.chunk_bytes);
    let threads = room.threads as f64;
    let files = sizes.words * 30.0 + chunks.all_words * 3.0;
    // Words are counted in a table if it fits, otherwise by merging all lists.
    let in_table = sizes.local_words * 260.0 < room.bytes as f64;
    let lists = 64.0f64.min(chunks.count);
    Need {
        // Rows, bytes and orders of the kept words, in vectors that grow by doubling.
        least_bytes: 8e6 + sizes.words * 90.0,
        memory_bytes: lists * 80e3 + sizes.words * 90.0 + sizes.local_words * 130.0,
        scratch_bytes: files,
        left_bytes: files,
        files: if in_table { threads } else { lists * threads },
        core_seconds: 1e-9 * LOCAL_WORD * chunks.all_words,
        wait_seconds: 0.0,
    }
}
