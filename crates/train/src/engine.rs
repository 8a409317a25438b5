//! The tile engine: epochs, rotations, tiles; shared by every objective.
//!
//! An epoch is `rotations` rotations, each over one segment of every tile. `rotation.rs` runs a rotation,
//! `order.rs` decides the order of its tiles, `model.rs` keeps the stripes. Every tile draws from its own
//! random stream, keyed by (seed, epoch, rotation, tile), and losses are added in the order of rounds.

pub mod checkpoint;
pub mod curve;
pub mod metrics;
pub mod model;
pub mod order;
pub mod pass;
pub mod plan;
pub mod publish;
pub mod rotation;
pub mod run;
pub mod sample;
pub mod training_log;

use wordmill_flow::{Context, Reservation};
use wordmill_formats::{Published, RunDir, StripeFile, TileCell, TileSection, Words};
use wordmill_kernels::Kernels;

pub use pass::{Layout, Objective, Pass, PassCells, Tally};
pub use plan::{Divergence, Plan};

use crate::error::TrainError;
use crate::start::Start;
use crate::stripes::{Place, Stripe};
use checkpoint::{Begun, Checkpoints, Position, may_go_back, remove_checkpoints};
use metrics::{EpochRow, ROUND_NUMBERS, RoundRow};
use model::Model;
use publish::publish;
use run::Run;

/// Inputs of training.
#[derive(Clone, Copy)]
pub struct TrainInput<'a, W: Words> {
    /// The stripe files, in order.
    pub stripes: &'a [StripeFile],
    /// The words.
    pub words: &'a W,
    /// Settings to be stored with the vectors.
    pub settings: &'a std::collections::BTreeMap<String, String>,
    /// Where training starts.
    pub start: &'a Start,
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

/// Trains an objective over tiles and publishes the vectors. Resumes from the last checkpoint with
/// the same fingerprint.
///
/// # Errors
/// [`TrainError::Diverged`] when the loss is no longer finite; [`TrainError::OverBudget`] when the
/// model does not fit into the memory budget; [`TrainError::Stopped`] on request, after a checkpoint.
pub fn train<W: Words + Sync>(
    ctx: &Context,
    dir: &RunDir,
    plan: &Plan,
    objective: &dyn Objective,
    input: TrainInput<'_, W>,
) -> Result<(Published, Vec<EpochRow>), TrainError> {
    let grid = input.stripes[0].grid();
    let _passes = reserve_passes(ctx, plan, objective, input.stripes)?;
    let rounds = u64::from(plan.rotations) * u64::from(grid.grid);
    let _rows = reserve_rows(ctx, plan, rounds)?;
    let mut model = Model::new(ctx, dir, &plan.name, objective.layout(), grid)?;
    let mut checkpoints = Checkpoints::new(dir, plan);
    let mut position = match checkpoints.load(&mut model)? {
        Some(position) => position,
        None => begin(objective, input.start, &mut model)?,
    };
    let tiles = u64::from(grid.grid).pow(2);
    let total = u64::from(plan.epochs) * u64::from(plan.rotations) * tiles;
    let progress = ctx.progress.stage(&format!("train {}", plan.name), "tiles", total);
    let tiles_done = |position: &Position| {
        let begun = position.begun.as_ref().map_or(0, Begun::tiles);
        position.rotations_done(plan.rotations) * tiles + begun
    };
    progress.set_done(tiles_done(&position));
    let word = |id: u32| String::from_utf8_lossy(input.words.word(id as usize)).into_owned();
    let run = Run {
        plan,
        objective,
        stripes: input.stripes,
        progress: &progress,
        word: &word,
        frozen: input.start.frozen(),
    };
    while !position.log.is_over(plan) {
        match run.step(ctx, dir, &mut position, &mut model, &mut checkpoints) {
            Err(TrainError::Diverged { place, rate, .. })
                if may_go_back(plan, position.log.halvings) =>
            {
                let first = |model: &mut Model| begin(objective, input.start, model);
                position = checkpoints.go_back(ctx, &mut model, &position, &place, rate, first)?;
                progress.set_done(tiles_done(&position));
            }
            other => other?,
        }
    }
    progress.complete();
    let mut log = position.log;
    // Written again: a process killed after the last checkpoint has no step left to make.
    log.write_metrics(dir, &plan.name)?;
    checkpoints.take_best(&log, &mut model)?;
    let mut settings = input.settings.clone();
    settings.extend(objective.settings().into_iter().map(|(key, value)| (key.into(), value)));
    settings.extend(log.settings(plan));
    let published = publish(dir, plan, objective, &model, input.words, &settings)?;
    remove_checkpoints(dir, &plan.name)?;
    Ok((published, log.metrics))
}

/// Memory for the rows of rounds of an epoch: the rows themselves, and their numbers in a
/// checkpoint.
pub(crate) fn reserve_rows(
    ctx: &Context,
    plan: &Plan,
    rounds: u64,
) -> Result<Reservation, TrainError> {
    let rows = rounds.checked_div(plan.curve.log_every.into()).unwrap_or(0);
    let bytes = rows * (size_of::<RoundRow>() + ROUND_NUMBERS * size_of::<u64>()) as u64;
    let what = format!("the rows of rounds of {}", plan.name);
    ctx.budget.reserve(bytes, &what).map_err(|mut error| {
        error.advice = format!(", or raise log_every of {}", plan.name);
        error.into()
    })
}

/// Initial values.
fn begin(
    objective: &dyn Objective,
    start: &Start,
    model: &mut Model,
) -> Result<Position, TrainError> {
    let grid = model.grid() as u32;
    let columns = objective.layout().columns_name;
    model.fill(|side, number, stripe: &mut Stripe| {
        let place = Place { side, number, grid };
        objective.init(place, stripe);
        start.fill(place, columns, stripe)
    })?;
    Ok(Position::default())
}

/// Memory for the cells of a pass and what the objective computes from them, for every thread.
pub(crate) fn reserve_passes(
    ctx: &Context,
    plan: &Plan,
    objective: &dyn Objective,
    stripes: &[StripeFile],
) -> Result<Reservation, TrainError> {
    let part = |cells: u64, all: bool| match all {
        true => cells,
        false => cells.div_ceil(u64::from(plan.rotations)),
    };
    let of_tile = |file: &StripeFile, column: u32| {
        part(file.cells(column, TileSection::Hot), objective.hot_every_rotation())
            + part(file.cells(column, TileSection::Cold), false)
    };
    let tiles = stripes.iter().flat_map(|file| (0..stripes.len() as u32).map(move |c| (file, c)));
    let most = tiles.map(|(file, column)| of_tile(file, column)).max().unwrap_or(0);
    // Held-out cells of all rotations are loaded together, so both copies exist meanwhile.
    let whole = |file: &StripeFile, column: u32| {
        file.cells(column, TileSection::Hot) + file.cells(column, TileSection::Cold)
    };
    let all = stripes.iter().flat_map(|file| (0..stripes.len() as u32).map(move |c| (file, c)));
    let all = all.map(|(file, column)| whole(file, column)).max().unwrap_or(0);
    let held = (1.5 * plan.curve.held_out * all as f64) as u64;
    let most = most + held;
    let bytes = most * size_of::<TileCell>() as u64 + objective.pass_bytes(most);
    let threads = ctx.threads.min(stripes.len()) as u64;
    let what = format!("the cells of a pass of {}", plan.name);
    ctx.budget.reserve(threads * bytes, &what).map_err(|mut error| {
        error.advice = ", raise tiles.grid, or lower the number of threads".into();
        error.into()
    })
}
