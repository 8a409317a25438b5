//! What the stage `pieces` takes; shards of 20 MB of Korean grow by a third.

use wordmill_flow::{Need, Room, Sizes};

use crate::tokenize::LinesConfig;

/// What the stage takes.
#[must_use]
pub fn need(config: &LinesConfig, sizes: &Sizes, room: Room) -> Need {
    let chunks = sizes.chunks(config.chunk_bytes);
    let threads = room.threads as f64;
    let model = sizes.local_words * 150.0;
    let lists = sizes.local_words * 40.0;
    let work = 4.0 * sizes.tokens + 700.0 * chunks.all_words + 8e3 * sizes.local_words;
    Need {
        least_bytes: 8e6 + model + 320.0 * chunks.words,
        memory_bytes: 8e6 + model + 320.0 * chunks.words * threads,
        scratch_bytes: sizes.tokens * 2.3 + chunks.all_words * 8.0 + lists,
        left_bytes: sizes.tokens * 2.3 + chunks.all_words * 5.0 + sizes.local_words * 10.0,
        files: 64.0 + 4.0 * threads,
        core_seconds: 1e-9 * work,
        wait_seconds: 0.0,
    }
}
