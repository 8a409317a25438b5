//! The scheme in which threads do not wait for each other.
//!
//! Each thread reads its own shards, trains a piece on copies of the rows that it needs, and adds its changes
//! to the shared rows, which others may have changed meanwhile. No update is lost and there is no data race:
//! rows are read and changed under the lock of their stripe. Except with one thread, the result depends on
//! which thread was faster.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use wordmill_flow::{StageProgress, run_workers};

use super::reading::{Epoch, Open, Position, Worker};
use super::rows::{Rows, STRIPES};
use crate::engine::Tally;
use crate::error::TrainError;

/// Trains until the epoch ends or `stop` returns true between two pieces; false in the second case.
pub(crate) fn train_free(
    progress: &StageProgress,
    epoch: &Epoch<'_>,
    [words, outs]: [&Rows; 2],
    workers: &mut [Worker],
    position: &mut Position,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<bool, TrainError> {
    let threads = workers.len();
    // Shards that were open when training stopped come first; any reader may take them.
    let is_held = |open: &Open| workers.iter().any(|worker| worker.open == Some(*open));
    let left = position.open.drain(..).flatten().filter(|open| !is_held(open));
    let left: Vec<Open> = left.rev().collect();
    let done = AtomicU64::new(position.words);
    let state = Mutex::new((left, position));
    let is_stopped = AtomicBool::new(false);
    let slots: Vec<_> = workers.iter_mut().map(Mutex::new).collect();
    let work = |thread: usize| {
        let mut worker = slots[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let first = thread as u32 * STRIPES / threads as u32;
        while !is_stopped.load(Ordering::Relaxed) {
            if worker.open.is_none() {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let (left, position) = &mut *state;
                let next = &mut position.next;
                let open = left.pop().unwrap_or(Open { turn: *next, pieces: 0 });
                if open.turn as usize >= epoch.order.len() {
                    break;
                }
                *next = (*next).max(open.turn + 1);
                worker.begin(open);
            }
            if !worker.take(epoch)? {
                continue;
            }
            let rate = epoch.rate(done.load(Ordering::Relaxed));
            let batch = &mut worker.batch;
            let kernels = epoch.recipe.kernels;
            batch.gather(kernels, [words, outs]);
            batch.keep_back(epoch.recipe);
            batch.words.remember();
            batch.outs.remember();
            let tally = batch.train(epoch.recipe, rate);
            if !tally.loss.is_finite() {
                is_stopped.store(true, Ordering::Relaxed);
                return Err(epoch.diverged());
            }
            batch.words.give_back(kernels, words, rate, threads, first);
            batch.outs.give_back(kernels, outs, rate, threads, first);
            done.fetch_add(batch.kept, Ordering::Relaxed);
            progress.add(batch.kept);
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.1.note_round(epoch.plan, std::iter::once(tally), rate);
            let Tally { loss, weight, .. } = state.1.log.tally.0;
            progress.set_loss(loss / weight.max(1e-300));
            if stop() {
                is_stopped.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    run_workers::<_, TrainError>("train", threads, work)?;
    drop(slots);
    let (left, position) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    position.open =
        workers.iter().map(|worker| worker.open).chain(left.into_iter().map(Some)).collect();
    position.words = done.into_inner();
    Ok(position.is_done(epoch))
}
