//! Training from the text itself: windows over token shards, in their order.
//!
//! CBOW needs whole windows, which a matrix of counts no longer has. Skip-gram may be trained this way, too,
//! as the original did. Shards are read again every epoch, a frame at a time, so only the model has to fit
//! into memory.
//!
//! ```text
//! token shards ─► kept words (text.rs) ─► windows of a piece (batch.rs) ─► steps on copied rows (local_rows.rs)
//!                                                                            │        ▲
//!                   checkpoints a / b ◄── model (rows.rs) ◄── merged or added ┘        └── model
//! ```
//!
//! A piece is a thousand words. The rows that it needs are copied from the model once, trained by one thread
//! window by window, and returned. `rounds.rs` and `free.rs` define how threads share the model.

mod barrier;
mod batch;
pub mod config;
mod free;
mod held_out_eval;
mod local_rows;
mod minibatch;
mod model;
mod reading;
mod rounds;
mod rows;
mod text;
mod window;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::time::Instant;

use wordmill_flow::{Context, Reservation, StageProgress};
use wordmill_formats::{Published, RunDir, ShardId, Words};
use wordmill_kernels::padded;

pub use config::{
    CbowConfig, Mix, MixStep, Prediction, Reach, Sharing, TextConfig, WindowModel, WindowsConfig,
    WindowsInput,
};

use crate::engine::checkpoint::{Checkpoints, may_go_back, rate_share, remove_checkpoints};
use crate::engine::metrics::EpochRow;
use crate::engine::{Plan, reserve_rows};
use crate::error::TrainError;
use batch::{Batch, Recipe, Targets, most_rows};
use free::train_free;
use held_out_eval::look;
use local_rows::LocalRows;
use model::Model;
use reading::{Epoch, PIECE, Position, Worker};
use rounds::train_rounds;
use rows::{READERS, Rows};
use text::{Reading, Texts};

/// What a reader holds of a shard beside the ids of its words: a packed frame, its ids, and its places.
const READER_BYTES: u64 = 1 << 20;

/// Advice for the error of an epoch without a visit.
const ADVICE: &str = "no word of the text has a neighbour; lower vocabulary.min_count, or raise subsample of the trainer or set it \
                      to 0";

/// Trains on the windows of a text and publishes the vectors. Resumes from the last checkpoint with the
/// same fingerprint. `plan.rotations` is not used.
///
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
        Recipe::new(*config, input.dim, counts, input.kernels).with_frozen(input.start.frozen());
    let texts = Texts::new(dir, input.shards, counts, Reading::new(config, plan.seed))
        .hold_out(plan.curve.held_out);
    let readers = readers(config, ctx.threads);
    let mut model = Model::new(&recipe, counts.len() as u32);
    let _memory = reserve(ctx, dir, plan, &recipe, &model, readers, input.shards)?;
    let mut saved = Checkpoints::new(dir, plan);
    let begin = |model: &mut Model| -> Result<Position, TrainError> {
        model.init(plan.seed, input.start, recipe.columns())?;
        Ok(Position::default())
    };
    let mut position = match saved.load(&mut model)? {
        Some(position) => position,
        None => begin(&mut model)?,
    };
    let words = texts.expected_words(counts) * f64::from(plan.epochs) * (1.0 - plan.curve.held_out);
    let progress = ctx.progress.stage(&format!("train {}", plan.name), "words", words as u64);
    progress.set_done(position.words);
    let rounds = words / f64::from(plan.epochs.max(1)) / (PIECE * READERS) as f64;
    let _rows = reserve_rows(ctx, plan, rounds as u64)?;
    let (recipe, texts, shards) = (&recipe, &texts, input.shards.len());
    let run = Run { ctx, dir, plan, recipe, texts, shards, words, progress: &progress };
    let [word_rows, out_rows] = [&model.words, &model.outs].map(Rows::len);
    let workers = || -> Vec<Worker> {
        (0..readers).map(|_| Worker::new(Batch::new(recipe, word_rows, out_rows))).collect()
    };
    let mut at_work = workers();
    while !position.log.is_over(plan) {
        match run.step(&mut model, &mut saved, &mut at_work, &mut position) {
            Err(TrainError::DivergedInText { name, epoch, rate, .. }) => {
                let place = place(&model, recipe, input.words);
                if !may_go_back(plan, position.log.halvings) {
                    return Err(TrainError::DivergedInText { name, epoch, place, rate });
                }
                position = saved.go_back(ctx, &mut model, &position, &place, rate, begin)?;
                at_work = workers();
                progress.set_done(position.words);
            }
            other => other?,
        }
    }
    progress.complete();
    let mut log = position.log;
    log.write_metrics(dir, &plan.name)?;
    saved.take_best(&log, &mut model)?;
    let published = model.publish(dir, plan, recipe, input.words, input.settings, &log)?;
    remove_checkpoints(dir, &plan.name)?;
    Ok((published, log.metrics))
}

/// Names the first vector that is no longer finite.
fn place(model: &Model, recipe: &Recipe, words: &impl Words) -> String {
    let word = |id: u32| String::from_utf8_lossy(words.word(id as usize)).into_owned();
    match (model.bad_row(), &recipe.targets) {
        (None, _) => String::new(),
        (Some(("words", id)), _) => format!(", vector of {:?}", word(id)),
        (Some((_, id)), Targets::Noise(..)) => format!(", context vector of {:?}", word(id)),
        (Some((_, id)), Targets::Tree(_)) => format!(", vector of node {id}"),
    }
}

/// What stays the same during a training.
struct Run<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    plan: &'a Plan,
    recipe: &'a Recipe,
    texts: &'a Texts<'a>,
    shards: usize,
    /// Expected number of words of all epochs.
    words: f64,
    progress: &'a StageProgress,
}

impl Run<'_> {
    /// Continues to the end of an epoch, or to a checkpoint within it.
    fn step(
        &self,
        model: &mut Model,
        saved: &mut Checkpoints<'_>,
        workers: &mut [Worker],
        position: &mut Position,
    ) -> Result<(), TrainError> {
        let Self { ctx, plan, recipe, texts, progress, .. } = *self;
        let epoch = Epoch {
            plan,
            recipe,
            texts,
            number: position.log.epoch,
            order: Epoch::order(plan, position.log.epoch, self.shards),
            words: self.words,
            rate_share: rate_share(position.log.halvings),
        };
        let started = Instant::now();
        let stop = || ctx.cancel.is_stopped() || saved.are_due();
        let rows = [&model.words, &model.outs];
        let is_done = match recipe.config.text.sharing {
            Sharing::Rounds => {
                position.open.resize(READERS, None);
                let threads = ctx.threads;
                train_rounds(threads, progress, &epoch, rows, workers, position, &stop)?
            }
            Sharing::Free => train_free(progress, &epoch, rows, workers, position, &stop)?,
        };
        position.log.seconds += started.elapsed().as_secs_f64();
        if model.bad_row().is_some() {
            return Err(epoch.diverged());
        }
        if is_done {
            self.end_epoch(&epoch, model, saved, workers, position)?;
        }
        if !position.log.is_over(plan) {
            saved.save(position, model)?;
            ctx.cancel.check()?;
        }
        Ok(())
    }

    /// Completes the row of an epoch, and saves the model if it is the best so far.
    fn end_epoch(
        &self,
        epoch: &Epoch<'_>,
        model: &Model,
        saved: &mut Checkpoints<'_>,
        workers: &mut [Worker],
        position: &mut Position,
    ) -> Result<(), TrainError> {
        let plan = self.plan;
        position.log.end_epoch(plan, ADVICE)?;
        position.next = 0;
        position.open.clear();
        let held_out = match plan.curve.held_out > 0.0 {
            true => Some(look(self.ctx.threads, epoch, [&model.words, &model.outs], workers)?),
            false => None,
        };
        position.log.complete_epoch(f64::from(epoch.rate(position.words)), held_out, None);
        // Before the checkpoint, which no longer contains the rows of rounds.
        position.log.write_metrics(self.dir, &plan.name)?;
        let log = &position.log;
        if plan.curve.patience > 0 && log.best_epoch() == Some(log.epoch) {
            saved.save_best(position, model)?;
        }
        plan.notify(position.log.metrics.last());
        Ok(())
    }
}

/// Memory for the model, the readers, and tables.
fn reserve(
    ctx: &Context,
    dir: &RunDir,
    plan: &Plan,
    recipe: &Recipe,
    model: &Model,
    readers: usize,
    shards: &[ShardId],
) -> Result<Reservation, TrainError> {
    let dim = recipe.dim;
    let mut remap = 0;
    for &shard in shards {
        let path = dir.remap(shard);
        let size = dir.storage().size(&path);
        let size = size.map_err(|e| wordmill_formats::FormatError::io(&path, "looking at", e))?;
        remap = size.unwrap_or(0).max(remap);
    }
    let rows = [&model.words, &model.outs].map(Rows::len);
    let bytes = needed_bytes(&recipe.config, dim, rows, remap, readers);
    let what = format!("the model of {} and its {readers} readers", plan.name);
    ctx.budget.reserve(bytes, &what).map_err(|mut error| {
        error.advice = format!(
            ", lower train.dim of {}, raise vocabulary.min_count or set vocabulary.max_size",
            plan.name
        );
        error.into()
    })
}

/// Bytes of a model with these numbers of rows of words and of targets, of tables, and of readers with remaps of at
/// most `remap` bytes.
pub(crate) fn needed_bytes(
    config: &WindowsConfig,
    dim: usize,
    [words, outs]: [u32; 2],
    remap: u64,
    readers: usize,
) -> u64 {
    let [word_rows, out_rows] = most_rows(config, PIECE as u64);
    let reader = READER_BYTES
        + remap
        + LocalRows::bytes(words, padded(dim), word_rows)
        + LocalRows::bytes(outs, padded(dim), out_rows);
    let tables = 24 * u64::from(words);
    Rows::bytes(dim, words) + Rows::bytes(dim, outs) + tables + readers as u64 * reader
}

/// Readers that work at once; in rounds their number does not depend on that of the threads.
pub(crate) fn readers(config: &WindowsConfig, threads: usize) -> usize {
    if config.text.sharing == Sharing::Rounds { READERS } else { threads.max(1) }
}
