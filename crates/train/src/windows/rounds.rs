//! The scheme that gives the same bytes for any number of threads.
//!
//! Eight readers each train a piece of text on copies of the rows that it needs, all from the same values;
//! then their changes are merged, row by row, in the order of the readers. Threads take readers, and
//! stripes to be merged, as they are free: which thread does what changes nothing. The rate is that of the
//! beginning of the round.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use wordmill_flow::{StageProgress, run_workers};

use super::barrier::Barrier;
use super::local_rows::{LocalRows, Merging, merge};
use super::reading::{Epoch, Open, Position, Worker};
use super::rows::{READERS, Rows, STRIPES};
use crate::engine::Tally;
use crate::error::TrainError;

/// A round, and its results.
struct Round<'a> {
    position: &'a mut Position,
    rate: f32,
    is_over: bool,
    error: Option<TrainError>,
}

/// Trains until the epoch ends or `stop` returns true between two rounds; false in the second case.
pub(crate) fn train_rounds(
    threads: usize,
    progress: &StageProgress,
    epoch: &Epoch<'_>,
    [words, outs]: [&Rows; 2],
    workers: &mut [Worker],
    position: &mut Position,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<bool, TrainError> {
    let threads = threads.clamp(1, READERS);
    let mut round = Round { position, rate: 0.0, is_over: false, error: None };
    let slots: Vec<RwLock<(&mut Worker, Tally)>> =
        workers.iter_mut().map(|worker| RwLock::new((worker, Tally::default()))).collect();
    round.begin(epoch, &slots);
    let round = Mutex::new(round);
    let (barrier, next, stripe) = (Barrier::new(threads), AtomicUsize::new(0), AtomicU32::new(0));
    let work = |_| {
        let guard = barrier.guard();
        let mut lists = Merging::default();
        loop {
            let (rate, is_over) = {
                let round = round.lock().unwrap_or_else(PoisonError::into_inner);
                (round.rate, round.is_over)
            };
            if is_over {
                guard.finish();
                return Ok(());
            }
            while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
                slot.1 = train_piece(epoch, [words, outs], slot.0, rate)?;
            }
            barrier.pass(|| stripe.store(0, Ordering::Relaxed))?;
            {
                let slots: Vec<_> = slots
                    .iter()
                    .map(|it| it.read().unwrap_or_else(PoisonError::into_inner))
                    .collect();
                let locals = |of: fn(&Worker) -> &LocalRows| -> Vec<&LocalRows> {
                    slots.iter().map(|slot| of(&*slot.0)).collect()
                };
                let sides = [locals(|it| &it.batch.words), locals(|it| &it.batch.outs)];
                loop {
                    let task = stripe.fetch_add(1, Ordering::Relaxed);
                    if task >= 2 * STRIPES {
                        break;
                    }
                    let side = (task / STRIPES) as usize;
                    let (to, number) = ([words, outs][side], task % STRIPES);
                    merge(epoch.recipe.kernels, to, number, rate, &sides[side], &mut lists);
                }
            }
            barrier.pass(|| {
                next.store(0, Ordering::Relaxed);
                let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
                round.end(epoch, &slots, progress);
                round.is_over |= stop();
                if !round.is_over {
                    round.begin(epoch, &slots);
                }
            })?;
        }
    };
    run_workers::<_, TrainError>("train", threads, work)?;
    let round = round.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_done = round.position.is_done(epoch);
    round.error.map_or(Ok(is_done), Err)
}

/// Splits the next piece of a reader and trains it on copies.
fn train_piece(
    epoch: &Epoch<'_>,
    sides: [&Rows; 2],
    worker: &mut Worker,
    rate: f32,
) -> Result<Tally, TrainError> {
    let taken = worker.take(epoch)?;
    worker.batch.gather(epoch.recipe.kernels, sides);
    worker.batch.keep_back(epoch.recipe);
    Ok(if taken { worker.batch.train(epoch.recipe, rate) } else { Tally::default() })
}

impl Position {
    /// Whether all shards of the epoch are trained.
    pub fn is_done(&self, epoch: &Epoch<'_>) -> bool {
        self.next as usize == epoch.order.len() && self.open.iter().all(Option::is_none)
    }
}

type Slots<'a> = [RwLock<(&'a mut Worker, Tally)>];

impl Round<'_> {
    /// Gives readers without a shard the next ones.
    fn begin(&mut self, epoch: &Epoch<'_>, slots: &Slots<'_>) {
        self.rate = epoch.rate(self.position.words);
        for (slot, open) in slots.iter().zip(&mut self.position.open) {
            if open.is_none() && (self.position.next as usize) < epoch.order.len() {
                *open = Some(Open { turn: self.position.next, pieces: 0 });
                self.position.next += 1;
            }
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            if let (Some(open), true) = (*open, slot.0.open != *open) {
                slot.0.begin(open);
            }
        }
        self.is_over = self.position.is_done(epoch);
    }

    /// Adds up the results of the readers, in their order.
    fn end(&mut self, epoch: &Epoch<'_>, slots: &Slots<'_>, progress: &StageProgress) {
        for (slot, open) in slots.iter().zip(&mut self.position.open) {
            let slot = slot.read().unwrap_or_else(PoisonError::into_inner);
            *open = slot.0.open;
            self.position.words += slot.0.batch.kept;
            progress.add(slot.0.batch.kept);
        }
        let tally =
            |it: &RwLock<(&mut Worker, Tally)>| it.read().unwrap_or_else(PoisonError::into_inner).1;
        self.position.note_round(epoch.plan, slots.iter().map(tally), self.rate);
        let Tally { loss, weight, .. } = self.position.log.tally.0;
        if !loss.is_finite() {
            self.error = Some(epoch.diverged());
            self.is_over = true;
        }
        progress.set_loss(loss / weight.max(1e-300));
        self.is_over |= self.position.is_done(epoch);
    }
}

impl Epoch<'_> {
    /// The error of a loss that is not finite.
    pub fn diverged(&self) -> TrainError {
        let (name, rate) = (self.plan.name.clone(), self.plan.rate * self.rate_share);
        TrainError::DivergedInText { name, epoch: self.number + 1, place: String::new(), rate }
    }
}
