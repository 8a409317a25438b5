//! Training from the text itself: windows over token shards, in their order.
//!
//! CBOW needs whole windows, which a matrix of counts no longer has; skip-gram may be trained this way too, as
//! the original did. Shards are read again every epoch, a frame at a time, so only the model has to fit into
//! memory.
//!
//! ```text
//! token shards ─► kept words (text.rs) ─► windows of a piece (batch.rs) ─► steps on copied rows (local.rs)
//!                                                                            │        ▲
//!                   checkpoints a / b ◄── model (rows.rs) ◄── merged or added ┘        └── model
//! ```
//!
//! A piece is a thousand words. All it needs from the model is copied once, trained by one thread one window
//! after the other, and given back. How threads come together is told in `rounds.rs` and `free.rs`.

mod batch;
mod config;
mod free;
mod gate;
mod local;
mod model;
mod reading;
mod rounds;
mod rows;
mod text;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod trials;

use std::time::Instant;

use wordmill_flow::{Context, Reservation};
use wordmill_formats::{Published, RunDir, ShardId, Words};
use wordmill_kernels::padded;

pub use config::{
    Mix, MixStep, Prediction, Reach, Sharing, WindowModel, WindowsConfig, WindowsInput,
};

use crate::checkpoint::remove_checkpoints;
use crate::engine::{Plan, Tally};
use crate::error::TrainError;
use crate::metrics::{EpochRow, write_metrics};
use batch::{Batch, Recipe, targets};
use free::train_free;
use local::Local;
use model::{Model, Saved};
use reading::{Epoch, PIECE, Position, Worker};
use rounds::{READERS, train_rounds};
use rows::Rows;
use text::Texts;

/// What a reader holds of a shard beside the ids of its words: a frame packed, its ids, and its places.
const READER_BYTES: u64 = 1 << 20;

/// Trains on the windows of a text and publishes the vectors. Goes on from the last checkpoint with the
/// same fingerprint. `plan.rotations` and `plan.divergence` are not used.
///
/// # Errors
/// [`TrainError::DivergedInText`] when a number is no longer finite; [`TrainError::OverBudget`] when the
/// model does not fit into the memory budget; [`TrainError::Stopped`] on request, after a checkpoint;
/// [`TrainError::Empty`] when no word has a neighbour.
pub fn train_windows<W: Words + Sync>(
    ctx: &Context,
    dir: &RunDir,
    plan: &Plan,
    config: &WindowsConfig,
    input: WindowsInput<'_, W>,
) -> Result<(Published, Vec<EpochRow>), TrainError> {
    let counts = input.words.counts();
    let recipe =
        Recipe { config: *config, targets: targets(config, counts), kernels: input.kernels };
    let texts =
        Texts::new((dir, input.shards), counts, (config.subsample, config.window, plan.seed));
    let readers = if config.sharing == Sharing::Rounds { READERS } else { ctx.threads.max(1) };
    let mut model = Model::new(&recipe, counts.len() as u32);
    let _memory = reserve(ctx, dir, plan, (&recipe, &model), (readers, input.shards))?;
    let mut saved = Saved::new(dir, plan);
    let mut position = match saved.load(&mut model)? {
        Some(position) => position,
        None => {
            model.init(plan.seed);
            Position::default()
        }
    };
    let expected = texts.expected_words(counts) * f64::from(plan.epochs);
    let progress = ctx.progress.stage(&format!("train {}", plan.name), "words", expected as u64);
    progress.add(position.words);
    let [words, outs] = [&model.words, &model.outs].map(Rows::len);
    let worker = |_| Worker::new(Batch::new(&recipe, words, outs));
    let mut workers: Vec<Worker> = (0..readers).map(worker).collect();
    while position.epoch < plan.epochs {
        let epoch = Epoch {
            plan,
            recipe: &recipe,
            texts: &texts,
            number: position.epoch,
            order: Epoch::order(plan, position.epoch, input.shards.len()),
            words: expected,
        };
        let started = Instant::now();
        let stop = || ctx.cancel.is_stopped() || saved.are_due();
        let rows = [&model.words, &model.outs];
        let is_done = match config.sharing {
            Sharing::Rounds => {
                position.open.resize(READERS, None);
                let threads = (ctx.threads, &progress);
                train_rounds(threads, &epoch, rows, &mut workers, &mut position, &stop)?
            }
            Sharing::Free => {
                train_free(&progress, &epoch, rows, &mut workers, &mut position, &stop)?
            }
        };
        position.seconds += started.elapsed().as_secs_f64();
        if !model.is_finite() {
            return Err(epoch.diverged());
        }
        if is_done {
            position.end_epoch(plan)?;
            write_metrics(dir, &plan.name, &position.metrics)?;
        }
        if position.epoch < plan.epochs {
            saved.save(&position, &model)?;
            ctx.cancel.check()?;
        }
    }
    let published = model.publish(dir, plan, &recipe, (input.words, input.settings), &position)?;
    remove_checkpoints(dir, &plan.name)?;
    Ok((published, position.metrics))
}

impl Position {
    fn end_epoch(&mut self, plan: &Plan) -> Result<(), TrainError> {
        let Tally { loss, weight, visits } = std::mem::take(&mut self.tally).0;
        if visits == 0 {
            let what = "no word of the text has a neighbour; lower vocabulary.min_count, or raise \
                        subsample of the trainer or set it to 0";
            return Err(TrainError::Empty { name: plan.name.clone(), what: what.into() });
        }
        self.epoch += 1;
        self.next = 0;
        self.open.clear();
        let seconds = std::mem::take(&mut self.seconds);
        let loss = loss / weight;
        self.metrics.push(EpochRow {
            epoch: self.epoch,
            loss,
            weight,
            visits,
            seconds,
            halvings: 0,
        });
        Ok(())
    }
}

/// Memory for the model, what readers hold, and tables.
fn reserve(
    ctx: &Context,
    dir: &RunDir,
    plan: &Plan,
    (recipe, model): (&Recipe, &Model),
    (readers, shards): (usize, &[ShardId]),
) -> Result<Reservation, TrainError> {
    let dim = recipe.config.dim;
    let mut remap = 0;
    for &shard in shards {
        let path = dir.remap(shard);
        let size = dir.storage().size(&path);
        let size = size.map_err(|e| wordmill_formats::FormatError::io(&path, "looking at", e))?;
        remap = size.unwrap_or(0).max(remap);
    }
    let [words, outs] = [&model.words, &model.outs].map(Rows::len);
    let [word_rows, out_rows] = recipe.most_rows(PIECE as u64);
    let reader = READER_BYTES
        + remap
        + Local::bytes(words, padded(dim), word_rows)
        + Local::bytes(outs, padded(dim), out_rows);
    let tables = 24 * u64::from(words);
    let model = Rows::bytes(dim, words) + Rows::bytes(dim, outs);
    let what = format!("the model of {} and its {readers} readers", plan.name);
    ctx.budget.reserve(model + tables + readers as u64 * reader, &what).map_err(|mut error| {
        error.advice = format!(
            ", lower train.dim of {}, raise vocabulary.min_count or set vocabulary.max_size",
            plan.name
        );
        error.into()
    })
}
