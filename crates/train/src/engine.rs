//! The tile engine: epochs, rotations, tiles; shared by every objective.
//!
//! An epoch is `rotations` rotations, each over one segment of every tile. How one is worked off is told in
//! `rotation.rs`, in which order its tiles are trained in `order.rs`, where the stripes are meanwhile in
//! `model.rs`. Every tile draws from a random stream of its own, keyed by (seed, epoch, rotation,
//! tile), and losses are added in the order of rounds.

pub mod checkpoint;
pub mod course;
pub mod curve;
pub mod metrics;
pub mod model;
pub mod order;
pub mod publish;
pub mod rotation;
pub mod sample;

use std::time::Duration;

use wordmill_flow::{Context, Reservation};
use wordmill_formats::{
    FormatError, Published, RunDir, StripeFile, TileCell, TileSection, VectorsWriter, Words,
};
use wordmill_kernels::Kernels;

use crate::engine::checkpoint::{Begun, Checkpoints, Position, may_go_back, remove_checkpoints};
use crate::engine::curve::{CurvePlan, OnEpoch};
use crate::engine::metrics::{EpochRow, ROUND_NUMBERS, RoundRow, write_metrics};
use crate::engine::model::Model;
use crate::engine::order::Half;
use crate::engine::publish::publish;
use crate::engine::rotation::Run;
use crate::error::TrainError;
use crate::optim::steps::Schedule;
use crate::random::Stream;
use crate::start::Start;
use crate::start::frozen::{Fixed, Frozen};
use crate::stripes::{Stripe, StripeShape};

/// What an objective trains: the shapes of its two matrices.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Both sides have this shape.
    pub shape: StripeShape,
    /// Rows of the column side (contexts or nodes).
    pub columns: u32,
    /// Tensor name of the column side in the vectors file.
    pub columns_name: &'static str,
}

/// When things happen: the same for every objective.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the trainer.
    pub name: String,
    /// Epochs.
    pub epochs: u32,
    /// Rotations an epoch.
    pub rotations: u32,
    /// Initial rate.
    pub rate: f64,
    /// How the rate falls.
    pub schedule: Schedule,
    /// What it falls to, as a share of the initial one.
    pub final_rate: f64,
    /// Seed.
    pub seed: u64,
    /// Identifies settings and inputs; checkpoints of another fingerprint are not read.
    pub fingerprint: String,
    /// A checkpoint is written at the end of an epoch, and between two tasks if the last is this
    /// old; zero writes one after every task.
    pub checkpoint_every: Duration,
    /// What happens when a number is no longer finite.
    pub divergence: Divergence,
    /// What of a learning curve is wanted.
    pub curve: CurvePlan,
    /// What is called after each epoch.
    pub on_epoch: Option<OnEpoch>,
}

/// What happens when training diverges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// It ends. The last checkpoint stays; every checkpoint holds finite numbers only.
    Stop,
    /// It goes back to the beginning of the epoch and on from there with half the rate, a few times at
    /// most. The epoch, not the last checkpoint: when that was written depends on the clock.
    HalveRate,
}

/// The cells of one tile that a pass may visit.
#[derive(Clone, Debug, Default)]
pub struct PassCells {
    /// Heavy cells: all of them, or this rotation's segment, as the objective asks.
    pub heavy: Vec<TileCell>,
    /// This rotation's segment of the light cells.
    pub light: Vec<TileCell>,
}

/// Which ids a stripe holds.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The side.
    pub half: Half,
    /// The stripe.
    pub number: u32,
    /// Stripes a side.
    pub grid: u32,
}

/// Where and when a pass happens.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Row stripe and column stripe.
    pub tile: (u32, u32),
    /// Stripes a side.
    pub grid: u32,
    /// Rotations an epoch.
    pub rotations: u32,
    /// Rate of this round.
    pub rate: f32,
    /// Whether to look only: losses and gradients are told, no number changes.
    pub look: bool,
    /// Key of the random stream.
    pub(crate) key: [u64; 5],
    pub(crate) seed: u64,
    /// Words whose vectors do not move.
    pub(crate) frozen: &'a Frozen,
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum of losses.
    pub loss: f64,
    /// Sum of the weights that the mean is taken over.
    pub weight: f64,
    /// Gradient steps.
    pub visits: u64,
    /// Sum of squared lengths of gradients, of a pass that looks.
    pub square: f64,
}

/// What a pass over a tile does.
pub trait Objective: Sync {
    /// The shapes of the model.
    fn layout(&self) -> Layout;
    /// Sets the initial values of a stripe; vectors and biases are zeros, accumulators ones.
    fn init(&self, place: Place, stripe: &mut Stripe);
    /// Bytes that a pass over so many cells holds, beside the cells as they are read.
    fn pass_bytes(&self, cells: u64) -> u64;
    /// Whether a pass sees all heavy cells of the tile (they are visited a fraction at a time) or
    /// one segment of them.
    fn heavy_every_rotation(&self) -> bool;
    /// Visits the cells of a tile.
    fn pass(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Result<Tally, TrainError>;
    /// Writes what the vectors file has besides the two matrices; biases of rows and of columns are
    /// given, if there are any.
    fn extras(
        &self,
        _writer: &mut VectorsWriter,
        _biases: [Vec<f32>; 2],
    ) -> Result<(), FormatError> {
        Ok(())
    }
    /// Settings to be stored with the vectors, for people and for queries.
    fn settings(&self) -> Vec<(&'static str, String)>;
    /// What to check if an epoch makes no visit.
    fn advice(&self) -> &'static str;
}

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

impl Plan {
    /// Tells of an epoch.
    pub(crate) fn tell(&self, row: Option<&EpochRow>) {
        if let (Some(OnEpoch(call)), Some(row)) = (&self.on_epoch, row) {
            call(row);
        }
    }
}

impl PassCells {
    /// Part `part` of `parts` of the light cells.
    pub(crate) fn light_part(&self, part: usize, parts: usize) -> &[TileCell] {
        let cells = self.light.len();
        &self.light[cells * part / parts..cells * (part + 1) / parts]
    }
}

impl Place {
    /// The id of a row of the stripe.
    #[must_use]
    pub fn id(self, row: usize) -> u32 {
        row as u32 * self.grid + self.number
    }
}

impl<'a> Pass<'a> {
    /// The rows of the tile that do not move.
    pub(crate) fn fixed(&self) -> Fixed<'a> {
        self.frozen.of_stripe(self.tile.0, self.grid)
    }

    /// The epoch, from 0.
    #[cfg(test)]
    pub(crate) fn epoch(&self) -> u64 {
        self.key[0]
    }

    /// The random stream of this pass.
    pub(crate) fn stream(&self) -> Stream {
        Stream::new(self.seed, &self.key)
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.weight += other.weight;
        self.visits += other.visits;
        self.square += other.square;
    }
}

/// Trains an objective over tiles and publishes the vectors. Goes on from the last checkpoint with
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
    while !position.course.is_over(plan) {
        match run.step(ctx, dir, &mut position, &mut model, &mut checkpoints) {
            Err(TrainError::Diverged { place, rate, .. })
                if may_go_back(plan, position.course.halvings) =>
            {
                let first = |model: &mut Model| begin(objective, input.start, model);
                let told = (place.as_str(), rate);
                position = checkpoints.go_back(ctx, &mut model, &position, told, first)?;
                progress.set_done(tiles_done(&position));
            }
            other => other?,
        }
    }
    let mut course = position.course;
    // Once more: a process killed after the last checkpoint makes no further step.
    write_metrics(dir, &plan.name, &mut course)?;
    checkpoints.take_best(&course, &mut model)?;
    let mut settings = input.settings.clone();
    settings.extend(objective.settings().into_iter().map(|(key, value)| (key.into(), value)));
    settings.extend(course.settings(plan));
    let published = publish(dir, plan, objective, &model, input.words, &settings)?;
    remove_checkpoints(dir, &plan.name)?;
    Ok((published, course.metrics))
}

/// Memory for the rows of rounds of an epoch: themselves, and as numbers of a checkpoint.
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
    model.fill(|half, number, stripe: &mut Stripe| {
        let place = Place { half, number, grid };
        objective.init(place, stripe);
        start.fill(place, columns, stripe)
    })?;
    Ok(Position::default())
}

/// Memory for the cells of a pass and what the objective makes of them, for every thread.
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
        part(file.cells(column, TileSection::Heavy), objective.heavy_every_rotation())
            + part(file.cells(column, TileSection::Light), false)
    };
    let tiles = stripes.iter().flat_map(|file| (0..stripes.len() as u32).map(move |c| (file, c)));
    let most = tiles.map(|(file, column)| of_tile(file, column)).max().unwrap_or(0);
    // Cells that are held out come together from all rotations; both are there while they do.
    let whole = |file: &StripeFile, column: u32| {
        file.cells(column, TileSection::Heavy) + file.cells(column, TileSection::Light)
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
