//! What the stage `phrases` takes: each pass counts neighbours, and rewrites the shards. Costs were measured on 22
//! million tokens of English.

use wordmill_flow::{Need, Room, Sizes};

use super::config::PhrasesConfig;
use crate::tokenize::LinesConfig;

/// Nanoseconds of a core per token and pass: joining, counting neighbours, separating connectors.
const JOIN: f64 = 75.0;
const COUNT: f64 = 75.0;
const CONNECTORS: f64 = 130.0;
/// Distinct neighbours per token, and the power with which they grow with the text.
const CELLS: f64 = 0.28;
const GROWTH: f64 = 0.8;
/// Size of shards with units over that of shards without; words after all passes over those before.
const UNITS: f64 = 1.2;
const WORDS: f64 = 1.7;

/// Sizes of what a pass counts.
#[derive(Clone, Copy, Debug)]
pub struct PairSizes {
    /// Tokens of a shard.
    pub shard_tokens: f64,
    /// Words that have neighbours.
    pub words: f64,
    /// Distinct pairs.
    pub cells: f64,
    /// The power with which these grow with the text.
    pub growth: f64,
}

/// The sizes that a pass counts in a text.
#[must_use]
pub fn pair_sizes(sizes: &Sizes, config: &LinesConfig) -> PairSizes {
    let scale = (sizes.tokens / 22.4e6).max(1e-9);
    let cells = CELLS * 22.4e6 * scale.powf(GROWTH);
    PairSizes {
        shard_tokens: sizes.chunk_tokens(config.chunk_bytes),
        words: sizes.words * WORDS,
        cells: cells.min(sizes.tokens),
        growth: GROWTH,
    }
}

/// What the stage takes; `counting` is the need of the stages that count the pairs of a pass.
#[must_use]
pub fn need(
    config: &PhrasesConfig,
    lines: &LinesConfig,
    sizes: &Sizes,
    room: Room,
    counting: &[Need; 2],
) -> Need {
    let (passes, has_connectors, learns) = match &config.list {
        Some(_) => (1.0, false, false),
        None => (f64::from(config.passes), config.connectors.is_some(), true),
    };
    let [count, merge] = counting;
    let (pairs, chunks) = (pair_sizes(sizes, lines), sizes.chunks(lines.chunk_bytes));
    let threads = room.threads as f64;
    let shard = 8e6 + 640.0 * chunks.words + 12.0 * pairs.shard_tokens;
    let shards = sizes.tokens * 1.8 + chunks.all_words * 6.0;
    let kept = if passes > 1.0 { 2.0 } else { 1.0 };
    let units = if has_connectors { UNITS * shards } else { 0.0 };
    let counted = if learns { count.scratch_bytes + merge.scratch_bytes.max(0.0) } else { 0.0 };
    // The list, and its words in a tree.
    let list = if learns { pairs.cells * 3.0 } else { 0.0 };
    let learning = if learns { COUNT } else { 0.0 };
    let parting = if has_connectors { CONNECTORS } else { 0.0 };
    Need {
        least_bytes: shard.max(count.least_bytes).max(merge.least_bytes),
        memory_bytes: (shard * threads + list).max(count.memory_bytes),
        scratch_bytes: kept * shards + units + counted,
        left_bytes: shards,
        files: count.files.max(merge.files) + 4.0 * threads,
        core_seconds: 1e-9 * passes * sizes.tokens * (JOIN + learning + parting),
        wait_seconds: 0.0,
    }
}
