//! The tile engine: epochs, rotations, rounds; shared by every objective.
//!
//! An epoch is `rotations` rotations, each over one segment of every tile; a rotation is G rounds.
//! In a round the tiles (i, (i + shift) mod G) are trained for all i at once, by as many threads as
//! there are. Every tile task draws from a random stream of its own, keyed by (seed, epoch,
//! rotation, tile), and losses are added in the order of i.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use wordmill_flow::{Context, OverBudget, Reservation, StageProgress};
use wordmill_formats::{Published, RunDir, StripeFile, TileCell, TileSection, Words};
use wordmill_kernels::Kernels;

use crate::checkpoint::{Checkpoints, Position, remove_checkpoints};
use crate::error::TrainError;
use crate::metrics::{EpochRow, write_metrics};
use crate::publish::publish;
use crate::random::Stream;
use crate::stripes::{Matrix, Stripe, StripeShape};

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
    /// What the rate falls to, as a share of the initial one; 1 for a constant rate.
    pub final_rate: f64,
    /// Seed.
    pub seed: u64,
    /// Identifies settings and inputs; checkpoints of another fingerprint are not read.
    pub fingerprint: String,
    /// A checkpoint is written at the end of an epoch, and of a rotation if the last is this old.
    pub checkpoint_every: Duration,
}

/// The cells of one tile that a pass may visit.
#[derive(Clone, Debug, Default)]
pub struct PassCells {
    /// Heavy cells: all of them, or this rotation's segment, as the objective asks.
    pub heavy: Vec<TileCell>,
    /// This rotation's segment of the light cells.
    pub light: Vec<TileCell>,
}

/// Where and when a pass happens.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Row stripe and column stripe.
    pub tile: (u32, u32),
    /// Rotations an epoch.
    pub rotations: u32,
    /// Rate of this round.
    pub rate: f32,
    /// Key of the random stream.
    key: [u64; 5],
    seed: u64,
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
}

/// What a pass over a tile does.
pub trait Objective: Sync {
    /// The shapes of the model.
    fn layout(&self) -> Layout;
    /// Sets initial values; both matrices are zeros, accumulators ones.
    fn init(&self, rows: &mut Matrix, columns: &mut Matrix);
    /// Whether a pass sees all heavy cells of the tile (they are visited a fraction at a time) or
    /// one segment of them.
    fn heavy_every_rotation(&self) -> bool;
    /// Visits the cells of a tile.
    fn pass(
        &self,
        pass: &Pass,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Tally;
    /// Writes what the vectors file has besides the two matrices.
    fn extras(
        &self,
        _writer: &mut wordmill_formats::VectorsWriter,
        _rows: &Matrix,
        _columns: &Matrix,
    ) -> Result<(), wordmill_formats::FormatError> {
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
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

impl PassCells {
    /// Part `part` of `parts` of the light cells.
    pub(crate) fn light_part(&self, part: usize, parts: usize) -> &[TileCell] {
        let cells = self.light.len();
        &self.light[cells * part / parts..cells * (part + 1) / parts]
    }
}

impl Pass {
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
    let grid = input.stripes.len() as u32;
    let words = input.words.len() as u32;
    let layout = objective.layout();
    let _memory = reserve_model(ctx, &plan.name, layout, words)?;
    let mut rows = Matrix::new(layout.shape, words, grid);
    let mut columns = Matrix::new(layout.shape, layout.columns, grid);
    let mut checkpoints = Checkpoints::new(dir, plan);
    let mut position = match checkpoints.load(&mut rows, &mut columns)? {
        Some(position) => position,
        None => {
            objective.init(&mut rows, &mut columns);
            Position::default()
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(ctx.threads)
        .thread_name(|thread| format!("train-{thread}"))
        .build()
        .expect("the system starts threads");
    let total = u64::from(plan.epochs) * u64::from(plan.rotations) * u64::from(grid);
    let progress = ctx.progress.stage(&format!("train {}", plan.name), "rounds", total);
    progress.add(position.rotations_done(plan.rotations) * u64::from(grid));
    let run =
        Run { ctx, plan, objective, stripes: input.stripes, progress: &progress, pool: &pool };
    while position.epoch < plan.epochs {
        run.rotation(&mut position, &mut rows, &mut columns)?;
        let epoch_ended = position.end_rotation(plan, objective.advice())?;
        let last = position.epoch == plan.epochs;
        if !last && (epoch_ended || checkpoints.are_due() || ctx.cancel.is_stopped()) {
            checkpoints.save(&position, &rows, &columns)?;
        }
        if epoch_ended {
            write_metrics(dir, &plan.name, &position.metrics)?;
        }
        if !last {
            ctx.cancel.check()?;
        }
    }
    let settings = settings(objective, plan, input.settings, &position);
    let published = publish(dir, plan, objective, (&rows, &columns), input.words, &settings)?;
    remove_checkpoints(dir, &plan.name)?;
    Ok((published, position.metrics))
}

fn reserve_model(
    ctx: &Context,
    name: &str,
    layout: Layout,
    words: u32,
) -> Result<Reservation, OverBudget> {
    let side = |rows: u32| layout.shape.bytes(u64::from(rows));
    let bytes = side(words) + side(layout.columns);
    ctx.budget.reserve(bytes, &format!("the model of {name}")).map_err(|mut error| {
        error.advice = format!(", or lower train.dim of {name} or raise vocabulary.min_count");
        error
    })
}

fn settings(
    objective: &dyn Objective,
    plan: &Plan,
    given: &std::collections::BTreeMap<String, String>,
    position: &Position,
) -> std::collections::BTreeMap<String, String> {
    let mut settings = given.clone();
    settings.extend(objective.settings().into_iter().map(|(key, value)| (key.into(), value)));
    settings.insert("name".into(), plan.name.clone());
    settings.insert("fingerprint".into(), plan.fingerprint.clone());
    if let Some(last) = position.metrics.last() {
        settings.insert("final_loss".into(), last.loss.to_string());
    }
    settings
}

/// What stays the same during a run.
struct Run<'a> {
    ctx: &'a Context,
    plan: &'a Plan,
    objective: &'a dyn Objective,
    stripes: &'a [StripeFile],
    progress: &'a StageProgress,
    pool: &'a rayon::ThreadPool,
}

impl Run<'_> {
    /// G rounds over one segment of every tile.
    fn rotation(
        &self,
        position: &mut Position,
        rows: &mut Matrix,
        columns: &mut Matrix,
    ) -> Result<(), TrainError> {
        let started = Instant::now();
        let grid = self.stripes.len() as u32;
        let turn = [u64::from(position.epoch), u64::from(position.rotation)];
        let mut shifts: Vec<u32> = (0..grid).collect();
        Stream::new(self.plan.seed, &[turn[0], turn[1], u64::MAX]).shuffle(&mut shifts);
        for (round, &shift) in shifts.iter().enumerate() {
            let rate = self.rate(position, round as u64);
            let tallies = self.round(turn, shift, rate, rows, columns)?;
            for tally in tallies {
                position.tally += tally;
            }
            if !position.tally.loss.is_finite() {
                return Err(TrainError::Diverged {
                    name: self.plan.name.clone(),
                    epoch: position.epoch + 1,
                    rotation: position.rotation + 1,
                    shift,
                    rate: self.plan.rate,
                });
            }
            self.progress.add(1);
            self.progress.set_loss(position.tally.loss / position.tally.weight.max(1e-300));
        }
        position.seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    /// The rate falls linearly with the rounds done, as word2vec's falls with the words done.
    fn rate(&self, position: &Position, round: u64) -> f32 {
        let grid = self.stripes.len() as u64;
        let done = position.rotations_done(self.plan.rotations) * grid + round;
        let total = u64::from(self.plan.epochs) * u64::from(self.plan.rotations) * grid;
        let left = 1.0 - done as f64 / total as f64;
        (self.plan.rate * (self.plan.final_rate + (1.0 - self.plan.final_rate) * left)) as f32
    }

    /// Trains the tiles (i, (i + shift) mod G) for all i, each on its own two stripes.
    fn round(
        &self,
        turn: [u64; 2],
        shift: u32,
        rate: f32,
        rows: &mut Matrix,
        columns: &mut Matrix,
    ) -> Result<Vec<Tally>, TrainError> {
        let grid = self.stripes.len();
        let mut lent: Vec<&mut Stripe> = columns.stripes_mut().iter_mut().collect();
        lent.rotate_left(shift as usize % grid);
        let pairs: Vec<_> = rows.stripes_mut().iter_mut().zip(lent).collect();
        let work = |(i, (row_stripe, column_stripe)): (usize, (&mut Stripe, &mut Stripe))| {
            let tile = (i as u32, ((i + shift as usize) % grid) as u32);
            let key = [turn[0], turn[1], u64::from(tile.0), u64::from(tile.1), 0];
            let rotations = self.plan.rotations;
            let pass = Pass { tile, rotations, rate, key, seed: self.plan.seed };
            let cells = self.cells(tile, turn[1] as u32)?;
            Ok(self.objective.pass(&pass, &cells, row_stripe, column_stripe))
        };
        let serial = self.ctx.threads == 1;
        let results: Vec<Result<Tally, TrainError>> = match serial {
            true => pairs.into_iter().enumerate().map(work).collect(),
            false => self
                .pool
                .install(|| pairs.into_par_iter().enumerate().with_max_len(1).map(work).collect()),
        };
        results.into_iter().collect()
    }

    fn cells(&self, (row, column): (u32, u32), rotation: u32) -> Result<PassCells, TrainError> {
        let file = &self.stripes[row as usize];
        let mut cells = PassCells::default();
        let part = (rotation, self.plan.rotations);
        let heavy = if self.objective.heavy_every_rotation() { (0, 1) } else { part };
        file.segment((column, TileSection::Heavy), heavy, &mut cells.heavy)?;
        file.segment((column, TileSection::Light), part, &mut cells.light)?;
        Ok(cells)
    }
}
