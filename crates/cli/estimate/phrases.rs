//! What phrases take: each pass counts neighbours, and writes the shards anew.

use wordmill_cooccur::Capacity;
use wordmill_cooccur::forecast::{self, Forecast};

use super::{Needs, Sizes};
use crate::config::{Config, PhrasesConfig, PhrasesSource};
use crate::session::PROGRAM_BYTES;

/// Of 22 million tokens of English.
mod cost {
    /// Nanoseconds of a core, a token and a pass: joining, counting neighbours, parting connectors.
    pub const JOIN: f64 = 75.0;
    pub const COUNT: f64 = 75.0;
    pub const CONNECTORS: f64 = 130.0;
    /// Distinct neighbours a token, and the power with which they grow with the text.
    pub const CELLS: f64 = 0.28;
    pub const GROWTH: f64 = 0.8;
    /// Shards with units over those without; words after all passes over those before.
    pub const UNITS: f64 = 1.2;
    pub const WORDS: f64 = 1.7;
}

/// Adds the stage.
pub(super) fn need(
    config: &Config,
    phrases: &PhrasesConfig,
    (sizes, local_words, in_chunk): (Sizes, f64, f64),
    needs: &mut Needs,
) {
    let (passes, has_connectors, learns) = match &phrases.source {
        PhrasesSource::List(_) => (1.0, false, false),
        PhrasesSource::Learned { passes, connectors, .. } => {
            (f64::from(*passes), connectors.is_some(), true)
        }
    };
    let scale = (sizes.tokens / 22.4e6).max(1e-9);
    let cells = cost::CELLS * 22.4e6 * scale.powf(cost::GROWTH);
    let counted = forecast::Sizes {
        tokens: sizes.tokens,
        shard_tokens: sizes.tokens * (config.corpus.chunk_bytes as f64 / sizes.bytes).min(1.0),
        words: sizes.words * cost::WORDS,
        cells: cells.min(sizes.tokens),
        cell_growth: cost::GROWTH,
        unit: 1,
        grid: 1,
    };
    let memory = config.run.memory_bytes.saturating_sub(PROGRAM_BYTES);
    let room = Capacity { bytes: memory, threads: needs.threads as u64 };
    let count = forecast::count(&counted, room);
    let merge = forecast::merge(&counted, room);
    let shard = 8e6 + 640.0 * in_chunk + 12.0 * counted.shard_tokens;
    let shards = sizes.tokens * 1.8 + local_words * 6.0;
    let kept = if passes > 1.0 { 2.0 } else { 1.0 };
    let units = if has_connectors { cost::UNITS * shards } else { 0.0 };
    let pairs = if learns { count.scratch_bytes + merge.scratch_bytes.max(0.0) } else { 0.0 };
    // The list, and its words in a tree.
    let list = if learns { counted.cells * 3.0 } else { 0.0 };
    let forecast = Forecast {
        least_bytes: shard.max(count.least_bytes).max(merge.least_bytes),
        memory_bytes: (shard * needs.threads + list).max(count.memory_bytes),
        scratch_bytes: kept * shards + units + pairs,
        left_bytes: shards,
        files: count.files.max(merge.files) + 4.0 * needs.threads,
    };
    let learning = if learns { cost::COUNT } else { 0.0 };
    let parting = if has_connectors { cost::CONNECTORS } else { 0.0 };
    let seconds = 1e-9 * passes * sizes.tokens * (cost::JOIN + learning + parting);
    needs.add("phrases", forecast, seconds);
}
