//! Runs a rotation: takes tasks one after the other, writes checkpoints between them, and detects numbers
//! that are not finite.
//!
//! A [`Run`] has what stays the same; it advances in steps, each to the end of a rotation or to a
//! checkpoint within one.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use wordmill_flow::{Context, run_workers};
use wordmill_formats::RunDir;

use super::checkpoint::{Begun, Checkpoints, Position};
use super::model::Model;
use super::order::{Order, Tile};
use super::pass::{Pass, PassCells, Tally};
use super::plan::Plan;
use super::run::{LOOK, Run};
use super::sample;
use super::training_log::SavedTally;
use crate::error::TrainError;
use crate::random::Stream;
use crate::stripes::{MatrixSide, Place, Stripe, TileStripes};

/// What stays the same during a rotation, and its results.
struct Rotation<'a> {
    run: &'a Run<'a>,
    position: &'a Position,
    model: &'a Model,
    order: Order,
    /// Whether to begin no further task.
    stop: &'a (dyn Fn() -> bool + Sync),
    /// Whether to look at the held-out cells.
    look: bool,
    /// Round × G + row stripe → tally of its pass.
    tallies: Mutex<Vec<SavedTally>>,
}

impl Run<'_> {
    /// Continues to the end of a rotation, or to a checkpoint within it.
    pub fn step(
        &self,
        ctx: &Context,
        dir: &RunDir,
        position: &mut Position,
        model: &mut Model,
        checkpoints: &mut Checkpoints<'_>,
    ) -> Result<(), TrainError> {
        let stop = || ctx.cancel.is_stopped() || checkpoints.are_due();
        if !self.rotation(position, model, &stop)? {
            self.check_finite(position, model)?;
            checkpoints.save(position, model)?;
            return Ok(ctx.cancel.check()?);
        }
        let (plan, now) = (self.plan, position.without_rounds());
        let epoch_ended = position.end_rotation(plan, self.objective.advice())?;
        if epoch_ended {
            self.end_epoch(dir, &now, position, model, checkpoints)?;
        }
        let last = position.log.is_over(plan);
        if epoch_ended || checkpoints.are_due() || ctx.cancel.is_stopped() {
            self.check_finite(&now, model)?;
            // If only publishing is left, a checkpoint is skipped, unless much work would be lost.
            if !last || checkpoints.are_due() {
                checkpoints.save(position, model)?;
            }
        }
        if last {
            return Ok(());
        }
        Ok(ctx.cancel.check()?)
    }

    /// Completes the row of an epoch, and saves the model if it is the best so far.
    fn end_epoch(
        &self,
        dir: &RunDir,
        before: &Position,
        position: &mut Position,
        model: &mut Model,
        checkpoints: &mut Checkpoints<'_>,
    ) -> Result<(), TrainError> {
        let rate = f64::from(self.rate(before, self.stripes.len() as u32));
        let (held_out, gradient) = match self.plan.curve.held_out > 0.0 {
            true => {
                let tally = self.look(before, model)?;
                (Some(tally), tally)
            }
            false => (None, sample::look(self, before, model)?),
        };
        position.log.complete_epoch(rate, held_out, Some(gradient));
        // Before the checkpoint, which no longer contains the rows of rounds.
        position.log.write_metrics(dir, &self.plan.name)?;
        let log = &position.log;
        if self.plan.curve.patience > 0 && log.best_epoch() == Some(log.epoch) {
            self.check_finite(before, model)?;
            checkpoints.save_best(position, model)?;
        }
        self.plan.notify(position.log.metrics.last());
        Ok(())
    }

    /// Trains one segment of every tile, or the rest of it; false if `stop` interrupted it.
    fn rotation(
        &self,
        position: &mut Position,
        model: &mut Model,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, TrainError> {
        let started = Instant::now();
        let grid = self.stripes.len();
        let begun = position.begun.take().unwrap_or_else(|| Begun::none(grid));
        let (seen, tallies) = self.turn(position, begun, model, (stop, false))?;
        position.log.seconds += started.elapsed().as_secs_f64();
        if seen.iter().any(|&tiles| (tiles as usize) < grid) {
            position.begun = Some(Begun { seen, tallies });
            return Ok(false);
        }
        let tallies: Vec<Tally> = tallies.into_iter().map(|SavedTally(tally)| tally).collect();
        let now = position.without_rounds();
        note_rounds(self.plan, position, &tallies, grid, |round| self.rate(&now, round));
        let sum = &mut position.log.tally.0;
        tallies.into_iter().for_each(|tally| *sum += tally);
        self.progress.set_loss(sum.loss / sum.weight.max(1e-300));
        Ok(true)
    }

    /// Looks at all held-out cells with the current model.
    fn look(&self, position: &Position, model: &mut Model) -> Result<Tally, TrainError> {
        let begun = Begun::none(self.stripes.len());
        let (_, tallies) = self.turn(position, begun, model, (&|| false, true))?;
        let mut sum = Tally::default();
        tallies.into_iter().for_each(|SavedTally(tally)| sum += tally);
        Ok(sum)
    }

    /// The rest of a rotation, to train or to look. Returns what row stripes have seen, and the tallies.
    fn turn(
        &self,
        position: &Position,
        begun: Begun,
        model: &mut Model,
        (stop, look): (&(dyn Fn() -> bool + Sync), bool),
    ) -> Result<(Vec<u32>, Vec<SavedTally>), TrainError> {
        let grid = self.stripes.len();
        let turn = [u64::from(position.log.epoch), u64::from(position.rotation)];
        let turn = if look { LOOK } else { turn };
        let mut stream = Stream::new(self.plan.seed, &[turn[0], turn[1], u64::MAX]);
        let mut positions = || {
            let mut stripes: Vec<u32> = (0..grid as u32).collect();
            stream.shuffle(&mut stripes);
            stripes
        };
        let (order, moves) = model.begin(positions(), positions(), &begun.seen);
        let tallies = Mutex::new(begun.tallies);
        let rotation = Rotation { run: self, position, model, order, stop, look, tallies };
        let workers = model.workers();
        run_workers("train", workers + usize::from(model.is_paged()), |worker| {
            let _guard = model.guard();
            let done = match worker == workers {
                true => model.page_through(&moves).map_err(TrainError::from),
                false => rotation.work(),
            };
            done.inspect_err(|_| model.fail())
        })?;
        let tallies = rotation.tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((model.seen(), tallies))
    }
}

impl Rotation<'_> {
    /// Takes one task after the other, and moves its row past its columns; ends early when another
    /// worker has failed.
    fn work(&self) -> Result<(), TrainError> {
        let mut cells = PassCells::default();
        while let Some(task) = self.model.next_task((self.stop)()) {
            let mut lent = None;
            for tile in self.order.tiles(&self.order.tasks()[task]) {
                match self.look {
                    true => self.run.held_out(tile, &mut cells)?,
                    false => self.run.cells(tile, self.position.rotation, &mut cells)?,
                }
                let row = match lent.take() {
                    Some((row, _)) => Some(row),
                    None => self.model.take(MatrixSide::Rows, tile.row, tile.round),
                };
                let column = || self.model.take(MatrixSide::Columns, tile.column, tile.round);
                let Some((mut row, mut column)) = row.and_then(|row| Some((row, column()?))) else {
                    return Ok(());
                };
                let tally =
                    self.run.objective.pass(&self.pass(tile), &cells, &mut row, &mut column)?;
                if !tally.loss.is_finite() {
                    return Err(self.diverged(tile, &row, &column));
                }
                self.model.give(MatrixSide::Columns, tile.column, column, tile.round + 1);
                self.note(tile, tally);
                lent = Some((row, tile));
            }
            if let Some((row, last)) = lent {
                self.model.give(MatrixSide::Rows, last.row, row, last.round + 1);
            }
        }
        Ok(())
    }

    fn pass(&self, tile: Tile) -> Pass<'_> {
        let Run { plan, frozen, .. } = *self.run;
        let turn = [self.position.log.epoch, self.position.rotation].map(u64::from);
        // The same draws each time, so that losses of epochs can be compared.
        let turn = if self.look { LOOK } else { turn };
        let key = [turn[0], turn[1], u64::from(tile.row), u64::from(tile.column), 0];
        let rate = self.run.rate(self.position, tile.round);
        let tile = TileStripes { row: tile.row, column: tile.column };
        let rotations = if self.look { 1 } else { plan.rotations };
        let grid = self.run.stripes.len() as u32;
        Pass { tile, grid, rotations, rate, look: self.look, key, seed: plan.seed, frozen }
    }

    fn note(&self, tile: Tile, tally: Tally) {
        let place = tile.round as usize * self.run.stripes.len() + tile.row as usize;
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)[place] = SavedTally(tally);
        self.run.progress.add(u64::from(!self.look));
    }

    /// The error of a tile whose loss is not finite.
    fn diverged(&self, tile: Tile, row: &Stripe, column: &Stripe) -> TrainError {
        let grid = self.run.stripes.len() as u32;
        let bad = |side, number, stripe: &Stripe| {
            let row = stripe.bad_row()?;
            Some((Place { side, number, grid }.id(row), side))
        };
        let found = bad(MatrixSide::Rows, tile.row, row);
        let found = found.or_else(|| bad(MatrixSide::Columns, tile.column, column));
        let at = format!(", tile ({}, {})", tile.row, tile.column);
        self.run.diverged(self.position, &at, found)
    }
}

/// Records the rounds of a rotation: `tallies` are those of its tiles, round × grid + row stripe, `rate` returns that
/// of a round.
fn note_rounds(
    plan: &Plan,
    position: &mut Position,
    tallies: &[Tally],
    grid: usize,
    rate: impl Fn(u32) -> f32,
) {
    if plan.curve.log_every == 0 {
        return;
    }
    let before = position.rotations_done(plan.rotations) * grid as u64;
    for (round, tallies) in (0u32..).zip(tallies.chunks(grid)) {
        tallies.iter().for_each(|&tally| position.log.partial.0 += tally);
        position.log.note_round(plan, before + u64::from(round) + 1, f64::from(rate(round)));
    }
}
