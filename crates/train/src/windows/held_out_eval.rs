//! Evaluates the held-out text with the current model.
//!
//! Its pieces are split and copied like any other, and trained at a rate of 0, which computes their loss and changes
//! nothing. Then the copies are discarded. The same words are subsampled and the same noise is drawn after every epoch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use wordmill_flow::run_workers;

use super::batch::Batch;
use super::reading::{Epoch, PIECE, Worker};
use super::rows::Rows;
use super::text::LOOK;
use crate::engine::Tally;
use crate::error::TrainError;
use crate::random::Stream;

/// Sums over all shards, in their order.
pub(crate) fn look(
    threads: usize,
    epoch: &Epoch<'_>,
    sides: [&Rows; 2],
    workers: &mut [Worker],
) -> Result<Tally, TrainError> {
    let shards = epoch.order.len();
    let threads = threads.clamp(1, workers.len());
    let next = AtomicUsize::new(0);
    let slots: Vec<_> = workers.iter_mut().map(Mutex::new).collect();
    let work = |thread: usize| {
        let mut worker = slots[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = Vec::new();
        loop {
            let shard = next.fetch_add(1, Ordering::Relaxed);
            if shard >= shards {
                return Ok::<_, TrainError>(done);
            }
            done.push((shard, look_at(epoch, sides, &mut worker.batch, shard as u32)?));
        }
    };
    let mut done = run_workers("look", threads, work)?.concat();
    done.sort_unstable_by_key(|(shard, _)| *shard);
    let mut sum = Tally::default();
    done.into_iter().for_each(|(_, tally)| sum += tally);
    Ok(sum)
}

fn look_at(
    epoch: &Epoch<'_>,
    sides: [&Rows; 2],
    batch: &mut Batch,
    shard: u32,
) -> Result<Tally, TrainError> {
    let (recipe, mut sum) = (epoch.recipe, Tally::default());
    let mut reader = epoch.texts.open_held(shard)?;
    for number in 0u64.. {
        let Some(piece) = reader.next(epoch.texts, PIECE)? else { break };
        let key = [u64::from(LOOK), u64::from(shard), number, 1];
        batch.take(recipe, piece, &mut Stream::new(epoch.plan.seed, &key));
        batch.gather(recipe.kernels, sides);
        sum += batch.train(recipe, 0.0);
    }
    Ok(sum)
}
