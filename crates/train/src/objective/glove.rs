//! GloVe: weighted least squares on log counts, with AdaGrad (Pennington, Socher & Manning 2014).
//!
//! Loss of a cell: `½ f(x) (w·c + b_w + b_c − ln x)²` with `f(x) = min(1, (x / x_max)^α)`, x the weight
//! in word units. Vectors and biases start uniform in ±½/d, accumulators at 1, as in the authors'
//! program. Since 2019 that program has updated biases without the rate; here, as in the paper, the
//! rate applies to them, too. Each cell is visited once per epoch.
//!
//! Terms: a *run* is up to sixteen cells of one row that are stepped together; a *block* is as many
//! columns of a tile as stay in the L2 cache. A pass takes the blocks in random order, and within a
//! block its runs in random order.

use super::model::ModelConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

use wordmill_flow::Context;
use wordmill_formats::{FormatError, TileCell, VectorsWriter};
use wordmill_kernels::{
    AdagradSide, GloveCell, Group, Kernels, LANES, Loss, MatrixCell, RowRate, RunScores, Side,
    StepLoss, StepPlan, StepScratch, StepSide, padded, real,
};

use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::error::TrainError;
use crate::loss::losses::{CellWeight, WeightedSquares};
use crate::loss::{CellLoss, StripeCounts, TileLoss};
use crate::optim::steps::{BiasState, Optimizer, OptimizerConfig, step_bias};
use crate::random::Stream;
use crate::start::frozen::Before;
use crate::stripes::{Place, Stripe, StripeShape};

/// Approximate number of cells handed to the kernel at a time.
const BATCH_CELLS: usize = 1024;
/// Limit of the bytes of a block's columns with their accumulators, so that they stay in an L2 cache of 1 MiB
/// while rows pass through. Without blocks training takes 1.2 to 1.8 times as long (dim 100, two busy cores of
/// Zen 4); from 448 to 896 KiB it takes the same time.
const BLOCK_BYTES: usize = 640 << 10;

/// Settings of GloVe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GloveConfig {
    /// Pairs of this weight and above count fully; 100 for a large corpus.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1e12, "x-expected" = "a number above 0"))]
    pub x_max: f64,
    /// How fast lighter pairs count less: the power of their weight over `x_max`.
    #[schemars(range(min = 0, max = 4))]
    pub alpha: f64,
}

/// The GloVe objective.
pub struct Glove {
    model: ModelConfig,
    config: GloveConfig,
    words: u32,
    unit: u64,
    /// The loss with the counts that it reads, if it is not the default one.
    loss: Option<(Box<dyn CellLoss>, StripeCounts)>,
    squares: WeightedSquares,
    kernels: &'static Kernels,
    spare: Mutex<Vec<Visits>>,
}

/// A start, and an end or a length.
type Span = (usize, usize);

/// The cells of a pass, sorted by block and row, and its runs. Buffers are reused from pass to
/// pass, since the system would provide fresh ones of two megabytes page by page each time.
#[derive(Default)]
struct Visits {
    /// As the loss needs them: the default one, or another.
    cells: Vec<GloveCell>,
    open: Vec<MatrixCell>,
    /// Where the cells of a block and row begin.
    starts: Vec<usize>,
    /// Where a run begins, and its cells.
    runs: Vec<Span>,
    /// Where the runs of a block begin and end.
    blocks: Vec<Span>,
    log_x: Vec<f32>,
    weight: Vec<f32>,
}

impl Glove {
    /// GloVe over a matrix of `words` words with weights in units of 1 / `unit`.
    pub fn new(
        model: ModelConfig,
        config: GloveConfig,
        words: u32,
        unit: u64,
        kernels: &'static Kernels,
    ) -> Self {
        let (x_max, alpha) = (config.x_max as f32, config.alpha as f32);
        let squares = WeightedSquares(CellWeight { x_max, alpha, kernels });
        Self { model, config, words, unit, loss: None, squares, kernels, spare: Mutex::default() }
    }

    /// Replaces weighted squares by another loss of cells. `counts` is how often words occur in the text whose pairs
    /// were counted, `grid` the number of stripes per side.
    ///
    /// # Errors
    /// If the counts that the loss reads exceed the memory budget.
    pub fn with_loss(
        self,
        ctx: &Context,
        name: &str,
        loss: Box<dyn CellLoss>,
        counts: &[u64],
        grid: u32,
    ) -> Result<Self, TrainError> {
        let counts = StripeCounts::new(ctx, name, &*loss, counts, grid)?;
        Ok(Self { loss: Some((loss, counts)), ..self })
    }
}

/// Both sides of a pass with their biases: value, square, moment.
struct Biased<'a> {
    rows: (StepSide<'a>, [&'a mut [f32]; 3]),
    columns: (StepSide<'a>, [&'a mut [f32]; 3]),
}

impl Biased<'_> {
    /// Steps the cells of a run of one row and their biases; returns the loss.
    fn step(
        &mut self,
        kernels: &Kernels,
        run: &[MatrixCell],
        plan: &StepPlan,
        loss: &mut TileLoss<'_>,
        scratch: &mut StepScratch,
    ) -> StepLoss {
        let (count, row) = (run.len() as u32, run[0].row);
        let mut col = [0; LANES];
        col.iter_mut().zip(run).for_each(|(col, cell)| *col = cell.col);
        let Self { rows: (rows, row_bias), columns: (columns, column_bias) } = self;
        let mut it = RunScores::default();
        let between = &mut |score: &mut [f32], _: &mut [[f32; LANES]]| {
            for (k, (to, &score)) in it.score.iter_mut().zip(&*score).enumerate() {
                *to = score + row_bias[0][row as usize] + column_bias[0][col[k] as usize];
            }
            loss.run(run, &mut it);
            score.iter_mut().zip(&it.slope).for_each(|(to, slope)| *to = -slope);
            let loss = it.loss[..run.len()].iter().map(|&loss| f64::from(loss)).sum();
            Loss { loss, weight: f64::from(count) }
        };
        let group = Group::of_row(&row, &count, &col[..run.len()]);
        let stepped = kernels.step_group(rows, columns, &group, plan, scratch, between);
        for (cell, slope) in run.iter().zip(&it.slope) {
            step_one(plan, -slope, column_bias, columns, cell.col as usize);
        }
        let slope: f32 = it.slope[..run.len()].iter().sum();
        step_one(plan, -slope, row_bias, rows, row as usize);
        stepped
    }
}

/// A step of one bias.
fn step_one(
    plan: &StepPlan,
    direction: f32,
    [bias, square, moment]: &mut [&mut [f32]; 3],
    side: &StepSide<'_>,
    row: usize,
) {
    let steps = side.steps.get(row).copied().unwrap_or(0.0);
    let (square, moment) = (square.get_mut(row), moment.get_mut(row));
    let state = BiasState { bias: &mut bias[row], square, moment };
    step_bias(plan, direction, state, steps);
}

/// Walks over a batch of cells at a time, run after run: blocks in random order, runs of a block in random order. A run
/// whose row is frozen is flushed alone, with the flag set.
fn walk<C: Copy>(
    cells: &[C],
    (runs, blocks): (&mut [Span], &mut [Span]),
    stream: &mut Stream,
    stays: impl Fn(&C) -> bool,
    mut flush: impl FnMut(&[C], bool),
) {
    let mut batch: Vec<C> = Vec::with_capacity(BATCH_CELLS + LANES);
    stream.shuffle(blocks);
    for &(first, end) in blocks.iter() {
        let runs = &mut runs[first..end];
        stream.shuffle(runs);
        for &(start, len) in runs.iter() {
            let run = &cells[start..start + len];
            let stay = stays(&run[0]);
            if !stay {
                batch.extend_from_slice(run);
            }
            if stay || batch.len() >= BATCH_CELLS {
                flush(&batch, false);
                batch.clear();
            }
            if stay {
                flush(run, true);
            }
        }
    }
    flush(&batch, false);
}

/// The vectors of a side.
fn vectors<'a>(side: &'a mut AdagradSide<'_>) -> Side<'a> {
    Side { vectors: side.vectors, stride: side.stride }
}

impl Objective for Glove {
    fn layout(&self) -> Layout {
        let shape =
            StripeShape { dim: self.model.dim, bias: true, squares: self.model.steps.squares() };
        Layout { shape, columns: self.words, columns_name: "context_vectors" }
    }

    fn init(&self, place: Place, stripe: &mut Stripe) {
        let scale = 1.0 / self.model.dim as f32;
        for row in 0..stripe.rows() {
            let key = [place.side as u64, u64::from(place.id(row))];
            let mut stream = Stream::new(self.model.seed, &key);
            let mut value = || (stream.unit() - 0.5) * scale;
            stripe.vector_mut(row).iter_mut().for_each(|place| *place = value());
            stripe.bias_mut()[row] = value();
        }
    }

    fn pass_bytes(&self, cells: u64) -> u64 {
        // A cell as it is visited, its run at worst, and its x while cells are sorted.
        cells * (size_of::<GloveCell>() + size_of::<(usize, usize)>() + 2 * size_of::<f32>()) as u64
    }

    fn hot_every_rotation(&self) -> bool {
        false
    }

    fn pass(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Result<Tally, TrainError> {
        let mut visits = self.spare.lock().ok().and_then(|mut all| all.pop()).unwrap_or_default();
        let is_fused = self.is_fused() && !pass.look;
        self.sort(&mut visits, cells, (rows.rows(), columns.rows()), is_fused);
        let mut stream = pass.stream();
        let tally = match is_fused {
            true => self.fused(pass, &mut visits, rows, columns, &mut stream),
            false => self.stepped(pass, &mut visits, rows, columns, &mut stream),
        };
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(visits);
        }
        Ok(tally)
    }

    fn extras(&self, writer: &mut VectorsWriter, biases: [Vec<f32>; 2]) -> Result<(), FormatError> {
        for (name, biases) in ["word_bias", "context_bias"].into_iter().zip(biases) {
            writer.column(name, &biases)?;
        }
        Ok(())
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("model", "glove".into())];
        match &self.loss {
            Some((loss, _)) => settings.push(("loss_formula", loss.formula())),
            None => settings.extend([
                ("x_max", self.config.x_max.to_string()),
                ("alpha", self.config.alpha.to_string()),
            ]),
        }
        settings
    }

    fn advice(&self) -> &'static str {
        "the matrix has no cells"
    }
}

fn adagrad(stripe: &mut Stripe) -> AdagradSide<'_> {
    let stride = stripe.stride();
    let (vectors, squares, bias, bias_square) = stripe.adagrad_mut();
    AdagradSide { vectors, squares, bias, bias_square, stride }
}

impl Glove {
    /// Whether kernels have fused steps for it.
    fn is_fused(&self) -> bool {
        let steps = &self.model.steps;
        matches!(steps.optimizer, Optimizer::Adagrad | Optimizer::RowAdagrad)
            && !steps.has_penalties()
    }

    /// Trains the visits with AdaGrad in the fused kernel.
    fn fused(
        &self,
        pass: &Pass<'_>,
        visits: &mut Visits,
        rows: &mut Stripe,
        columns: &mut Stripe,
        stream: &mut Stream,
    ) -> Tally {
        let is_by_row = self.model.steps.optimizer == Optimizer::RowAdagrad;
        let (mut rows, mut columns) = (adagrad(rows), adagrad(columns));
        let (rows, columns) = (&mut rows, &mut columns);
        let (rate, dim, kernels) = (pass.rate, self.model.dim, self.kernels);
        let mut tally = Tally::default();
        let mut add = |loss: Loss, visits: usize| {
            let Loss { loss, weight } = loss;
            tally += Tally { loss, weight, visits: visits as u64, square: 0.0 };
        };
        let Visits { cells, open, runs, blocks, .. } = visits;
        let order = (&mut runs[..], &mut blocks[..]);
        let (fixed, mut before) = (pass.fixed(), Before::default());
        match &self.loss {
            None => walk(
                cells,
                order,
                stream,
                |cell| fixed.has(cell.row),
                |batch, stay| {
                    let of_batch = batch.first().map_or(0, |cell| cell.row);
                    before.keep(&vectors(rows), &[of_batch], |_| stay);
                    let loss = match is_by_row {
                        true => kernels.glove_cells_by_row(rows, columns, batch, rate, dim),
                        false => kernels.glove_cells(rows, columns, batch, rate),
                    };
                    before.put_back(&mut vectors(rows));
                    add(loss, batch.len());
                },
            ),
            Some((loss, counts)) => {
                let mut loss = TileLoss::new(&**loss, counts, pass.tile);
                let mut between = |run: &[_], scores: &mut _| loss.run(run, scores);
                walk(
                    open,
                    order,
                    stream,
                    |cell| fixed.has(cell.row),
                    |batch, stay| {
                        let (rows, cols, between) = (&mut *rows, &mut *columns, &mut between);
                        let of_batch = batch.first().map_or(0, |cell| cell.row);
                        before.keep(&vectors(rows), &[of_batch], |_| stay);
                        let loss = match is_by_row {
                            true => kernels.open_cells_by_row(
                                rows,
                                cols,
                                batch,
                                RowRate { rate, dim },
                                between,
                            ),
                            false => kernels.open_cells(rows, cols, batch, rate, between),
                        };
                        before.put_back(&mut vectors(rows));
                        add(loss, batch.len());
                    },
                );
            }
        }
        tally
    }

    /// Trains the visits by any rule, a run at a time.
    fn stepped(
        &self,
        pass: &Pass<'_>,
        visits: &mut Visits,
        rows: &mut Stripe,
        columns: &mut Stripe,
        stream: &mut Stream,
    ) -> Tally {
        let mut loss = match &self.loss {
            Some((loss, counts)) => TileLoss::new(&**loss, counts, pass.tile),
            None => TileLoss::without_counts(&self.squares),
        };
        let plan = match pass.look {
            true => OptimizerConfig::look(self.model.dim),
            false => self.model.steps.glove_plan(pass.rate, self.model.dim),
        };
        let mut biased = Biased { rows: rows.steps_mut(), columns: columns.steps_mut() };
        let mut scratch = StepScratch::default();
        let mut tally = Tally::default();
        let Visits { open, runs, blocks, .. } = visits;
        let (fixed, mut before) = (pass.fixed(), Before::default());
        let order = (&mut runs[..], &mut blocks[..]);
        walk(
            open,
            order,
            stream,
            |_| false,
            |batch, _| {
                for of_row in batch.chunk_by(|a, b| a.row == b.row) {
                    for run in of_row.chunks(LANES) {
                        before.keep(&biased.rows.0.side(), &[run[0].row], |row| fixed.has(row));
                        let sum = biased.step(self.kernels, run, &plan, &mut loss, &mut scratch);
                        before.put_back(&mut biased.rows.0.side());
                        let StepLoss { loss: Loss { loss, weight }, square } = sum;
                        tally += Tally { loss, weight, visits: run.len() as u64, square };
                    }
                }
            },
        );
        tally
    }

    /// Sorts the cells of a pass by block and row and cuts them into runs. Within a block, cells of a
    /// row keep the order in which they were read, which is random.
    fn sort(
        &self,
        visits: &mut Visits,
        cells: &PassCells,
        (rows, columns): (usize, usize),
        is_fused: bool,
    ) {
        let all = || cells.hot.iter().chain(&cells.cold);
        let bits = self.block_bits();
        let keys = columns.div_ceil(1 << bits) * rows;
        let key = |cell: &TileCell| (cell.column >> bits) as usize * rows + cell.row as usize;
        let Visits { cells: sorted, open, starts, runs, blocks, log_x, weight } = visits;
        starts.clear();
        starts.resize(keys, 0);
        all().for_each(|cell| starts[key(cell)] += 1);
        runs.clear();
        blocks.clear();
        let mut start = 0;
        for block in starts.chunks_mut(rows.max(1)) {
            let first = runs.len();
            for count in block {
                let end = start + *count;
                *count = start;
                while start < end {
                    runs.push((start, LANES.min(end - start)));
                    start = end.min(start + LANES);
                }
            }
            blocks.push((first, runs.len()));
        }
        let mut place = |cell: &TileCell| {
            let place = &mut starts[key(cell)];
            *place += 1;
            *place - 1
        };
        if self.loss.is_some() || !is_fused {
            open.resize(start, MatrixCell { row: 0, col: 0, x: 0.0 });
            for cell in all() {
                let x = (cell.payload as f64 / self.unit as f64) as f32;
                open[place(cell)] = MatrixCell { row: cell.row, col: cell.column, x };
            }
            return;
        }
        self.weigh(all(), log_x, weight);
        sorted.resize(start, GloveCell { row: 0, col: 0, log_x: 0.0, weight: 0.0 });
        for (cell, (&log_x, &weight)) in all().zip(log_x.iter().zip(&*weight)) {
            sorted[place(cell)] = GloveCell { row: cell.row, col: cell.column, log_x, weight };
        }
    }

    /// A block has 2 to this power columns.
    fn block_bits(&self) -> u32 {
        let states = match self.model.steps.optimizer {
            Optimizer::Sgd | Optimizer::RowAdagrad => 1,
            Optimizer::Adagrad => 2,
            Optimizer::Adam { .. } => 3,
        };
        let floats = states * padded(self.model.dim);
        (BLOCK_BYTES / (4 * floats)).max(1).ilog2()
    }

    /// ln x and f(x) = e^(α · min(0, ln x − ln x_max)) of each cell.
    fn weigh<'c>(
        &self,
        cells: impl Iterator<Item = &'c TileCell>,
        log_x: &mut Vec<f32>,
        weight: &mut Vec<f32>,
    ) {
        let (alpha, log_max) = (self.config.alpha as f32, real::ln(self.config.x_max) as f32);
        log_x.clear();
        cells.for_each(|cell| log_x.push((cell.payload as f64 / self.unit as f64) as f32));
        self.kernels.ln(log_x);
        weight.clear();
        weight.extend(log_x.iter().map(|&log_x| alpha * (log_x - log_max).min(0.0)));
        self.kernels.exp(weight);
    }
}
