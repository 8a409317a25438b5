//! The counting stage: token shards in, spill runs out.
//!
//! Pairs are never written out. A batch of shards is held in memory with an index by word. For each
//! word its places are visited, and the words around them are added to the sums of its row. So a
//! token takes 8 bytes of memory instead of 8 per pair, equal cells are summed in the cache instead
//! of by a sort, both halves of a symmetric matrix are computed at once, and a batch can be as
//! large as memory allows. (A sorted list of packed pairs took 45 ns a pair at a window of 5 and
//! spilled half of the cells twice; this takes 4 to 5 ns.)
//!
//! The memory budget decides which shards make up a batch, and chance which rows a thread takes, but the sums do not
//! depend on either. A batch is a unit of work; batches are counted one after another, each by all threads. Threads
//! append to its runs as they finish rows, so with several threads only the set of cells of a run is reproducible, not
//! the order of its frames.

pub mod batch;
pub(crate) mod batches;
mod config;
mod share;
pub mod subsampling;
pub mod weighting;
pub mod windows;

pub use config::{CooccurConfig, CountConfig, CountInput};
pub(crate) use share::{PlacesNeeded, Share};

use wordmill_flow::{Context, run_in_turn};
use wordmill_formats::RunDir;

use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::spill::{SpillRuns, recover};
use batch::GAP;
use batches::{Batches, Waiting};

/// Counts which words co-occur. Finished batches of an earlier attempt are kept.
///
/// # Errors
/// [`CooccurError::OverBudget`] if not even one worker and one shard fit into the memory budget;
/// [`CooccurError::Config`] if the counts could overflow 64 bits or there are more words than ids.
pub fn count(
    ctx: &Context,
    dir: &RunDir,
    config: &CountConfig,
    input: CountInput<'_>,
) -> Result<SpillRuns, CooccurError> {
    if let Some(list) = SpillRuns::read(dir, &config.fingerprint)? {
        return Ok(list);
    }
    check_words(input.counts)?;
    config.window.check_total(config.samples() * input.counts.iter().sum::<u64>())?;
    let ranges = RowRanges::new(input.counts, config.window.window);
    let recovered = recover(dir, &config.fingerprint)?;
    let waiting = Waiting::new(dir, config, input, &recovered)?;
    let progress = ctx.progress.stage("cooccur", "tokens", waiting.items.iter().sum());
    let batches = Batches::new(ctx, dir, config, input, &ranges, &waiting);
    let _memory =
        ctx.budget.reserve(batches.share.bytes, "counting pairs").map_err(|mut error| {
            error.advice = ", or lower corpus.chunk_bytes or set vocabulary.max_size".into();
            error
        })?;
    run_in_turn(ctx, &batches, &progress)?;
    progress.complete();
    let list = recover(dir, &config.fingerprint)?.list;
    if list.cells() == 0 {
        return Err(CooccurError::NoPairs { window: u32::from(config.window.window) });
    }
    list.write(dir)?;
    Ok(list)
}

fn check_words(counts: &[u64]) -> Result<(), CooccurError> {
    if counts.len() < GAP as usize {
        return Ok(());
    }
    Err(CooccurError::Config {
        key: "vocabulary.min_count",
        what: format!(
            "{} words in the vocabulary, at most {} can be paired; raise min_count or set max_size",
            counts.len(),
            GAP - 1
        ),
    })
}
