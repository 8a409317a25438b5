//! Skip-gram with negative sampling, from counts (Mikolov et al. 2013; Levy & Goldberg 2014).
//!
//! A cell is visited as often as word2vec would have drawn its pair, in expectation: `x'` times per
//! epoch (see `subsampling.rs`), the fraction by a seeded coin. Cold cells have all their visits in
//! one rotation, hot cells a share in each. Visits of a pass are taken in groups (`groups.rs`).
//!
//! Row i is due negative mass K · x'_i · P(J) in column stripe J, P the noise `count^s`. Negatives are
//! drawn from P restricted to J and accompany the positives, so those beside a visit of row i weigh `K
//! · x'_i · P(J) / x'_iJ` together: summed over an epoch that is the mass due.
//!
//! The rate of a context falls with its count ([`ContextRates::ByCount`]): rare contexts learn in few
//! visits what frequent ones learn in many. On 22 million tokens of English at 3 epochs this gains
//! 1.9 points of Google analogies and 1.8 of WordSim-353; the same for words lowers the scores of
//! similarity sets.

use super::model::{ModelConfig, NoiseConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_flow::{Context, Reservation, run_tasks};
use wordmill_formats::{RunDir, Segment, StripeFile, TileCell, TileSection};
use wordmill_kernels::{GroupScratch, Kernels, Side, StepScratch, real};

use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::error::TrainError;
use crate::loss::losses::Logistic;
use crate::loss::{CellLoss, StripeCounts, TileLoss};
use crate::objective::groups::{Groups, Rates, Runs, Sides};
use crate::objective::negative_weights::NegativeWeights;
use crate::objective::subsampling::Subsampling;
use crate::optim::steps::OptimizerConfig;
use crate::random::{Alias, Stream};
use crate::stripes::{MatrixSide, Place, Stripe, StripeShape, of_stripe};

/// Visits that a pass holds at a time, and the bytes that one takes: its cell, its column among its
/// row's, and its run. A matrix of a hundred million cells has passes of half as many.
const BATCH_VISITS: f32 = (1 << 17) as f32;
const VISIT_BYTES: u64 = 8 + 4 + 12;
/// If a row is rarely positive in a tile, one visit must not push it away as much as many would:
/// negatives beside a visit weigh at most this many times K.
const NEGATIVE_WEIGHT_MAX: f32 = 8.0;
/// A context of this count has the rate itself, others (count / this)^-¼ times the rate, within
/// bounds.
const EVEN_COUNT: f64 = 1000.0;
const RATE_POWER: f64 = -0.25;
const RATE_BOUNDS: (f64, f64) = (0.5, 4.0);

/// How the rate of a context depends on its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContextRates {
    /// It falls with the fourth root of the count, from 4 times the rate to half of it.
    ByCount,
    /// It does not depend on the count, as in word2vec.
    Even,
}

/// Settings of skip-gram with negative sampling from the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SkipGramConfig {
    /// The noise that pairs are distinguished from.
    #[serde(flatten)]
    pub noise: NoiseConfig,
    /// Words above this share of the corpus are subsampled; 0 is off. At most `cooccur.subsample`, which applies to the counts.
    #[schemars(range(min = 0, max = 1), extend("x-expected" = "0 (off) or a share of the corpus up to 1"))]
    pub subsample: f64,
    /// Whether rare contexts learn faster.
    pub context_rates: ContextRates,
}

/// Inputs of skip-gram.
pub struct SkipGramInput<'a> {
    /// How often each word occurs, by id.
    pub counts: &'a [u64],
    /// The tiles of the matrix, one file per stripe, in order.
    pub stripes: &'a [StripeFile],
    /// The weights of cells after subsampling.
    pub subsampling: Subsampling,
}

/// The SGNS objective.
pub struct SkipGram {
    model: ModelConfig,
    config: SkipGramConfig,
    words: u32,
    subsampling: Subsampling,
    stripes: Vec<StripeTables>,
    negative_weights: NegativeWeights,
    /// The loss with the counts that it reads, if it is not the default one.
    loss: Option<(Box<dyn CellLoss>, StripeCounts)>,
    logistic: Logistic,
    /// The most visits that a pass holds at a time.
    visits: u64,
    kernels: &'static Kernels,
    _memory: Reservation,
}

/// Tables of a stripe that are computed before training.
struct StripeTables {
    /// keep(i) of each word.
    keep: Vec<f32>,
    /// Draws of negatives among its words as contexts.
    noise: Alias,
    /// The factor of the rate for each word as a context.
    rates: Vec<f32>,
    /// Expected visits per epoch in the tile of each column stripe.
    visits: Vec<f32>,
}
impl SkipGram {
    /// Prepares the objective for a matrix in tiles, in one pass over all cells.
    pub fn new(
        ctx: &Context,
        dir: &RunDir,
        name: &str,
        model: ModelConfig,
        config: SkipGramConfig,
        input: SkipGramInput<'_>,
        kernels: &'static Kernels,
    ) -> Result<Self, TrainError> {
        let SkipGramInput { counts, stripes, subsampling } = input;
        let (words, grid) = (counts.len() as u32, stripes.len() as u32);
        let (negative_weights, memory) =
            NegativeWeights::new(ctx, dir, name, u64::from(words), grid)?;
        let noise: Vec<f64> = counts
            .iter()
            .map(|&count| real::pow(count as f64, config.noise.noise_exponent))
            .collect();
        let total: f64 = noise.iter().sum();
        let share: Vec<f64> =
            (0..grid).map(|stripe| of_stripe(&noise, stripe, grid).sum::<f64>() / total).collect();
        let progress = ctx.progress.stage("weigh rows", "stripes", u64::from(grid));
        let tables = run_tasks(ctx, "weigh", ctx.threads, stripes.len(), |stripe| {
            let number = stripe as u32;
            let visits = expected_visits(&stripes[stripe], &subsampling)?;
            negative_weights
                .keep(stripe, negative_mass(&visits, &share, config.noise.negatives))?;
            let noise: Vec<f64> = of_stripe(&noise, number, grid).collect();
            let rates = of_stripe(counts, number, grid).map(|n| config.context_rates.of(n));
            progress.add(1);
            Ok::<_, TrainError>(StripeTables {
                keep: subsampling.keep_of_stripe(number, grid),
                noise: Alias::new(if noise.is_empty() { &[1.0] } else { &noise }),
                rates: rates.collect(),
                visits: column_sums(&visits, grid as usize),
            })
        })?;
        progress.complete();
        let most = tables.iter().flat_map(|table| &table.visits).fold(0.0, |most, &n| n.max(most));
        let visits = 2 * most.min(BATCH_VISITS) as u64;
        let (stripes, loss, logistic) = (tables, None, Logistic { kernels });
        Ok(Self {
            model,
            config,
            words,
            subsampling,
            stripes,
            negative_weights,
            loss,
            logistic,
            visits,
            kernels,
            _memory: memory,
        })
    }

    /// Replaces the loss of negative sampling by another loss of pairs and negatives. `counts` is how often words
    /// occur in the text whose pairs were counted.
    ///
    /// # Errors
    /// If the counts that the loss reads exceed the memory budget.
    pub fn with_loss(
        self,
        ctx: &Context,
        name: &str,
        loss: Box<dyn CellLoss>,
        counts: &[u64],
    ) -> Result<Self, TrainError> {
        let counts = StripeCounts::new(ctx, name, &*loss, counts, self.stripes.len() as u32)?;
        Ok(Self { loss: Some((loss, counts)), ..self })
    }

    /// Appends a pass's visits, part `part` of `parts` of its cells.
    fn visits(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        (part, parts): (usize, usize),
        stream: &mut Stream,
        visits: &mut Vec<(u32, u32)>,
    ) {
        let keep = |stripe: u32| self.stripes[stripe as usize].keep.as_slice();
        let (row_keep, column_keep) = (keep(pass.tile.row), keep(pass.tile.column));
        let mut add = |cells: &[TileCell], share: f32| {
            for cell in cells {
                let keep = row_keep[cell.row as usize] * column_keep[cell.column as usize];
                let expected = self.subsampling.pairs(cell.payload) * keep * share;
                let times = (expected + stream.unit()) as usize;
                visits.extend(std::iter::repeat_n((cell.row, cell.column), times));
            }
        };
        add(&cells.hot, 1.0 / (pass.rotations as f32 * parts as f32));
        add(cells.cold_part(part, parts), 1.0);
    }
}

impl SkipGram {
    /// How the stripes of a pass are stepped.
    fn sides<'a>(
        &'a self,
        pass: &Pass<'_>,
        rows: &'a mut Stripe,
        columns: &'a mut Stripe,
    ) -> Sides<'a> {
        let loss = self.loss.as_ref();
        let loss = loss.map(|(loss, counts)| TileLoss::new(&**loss, counts, pass.tile));
        if self.model.steps.are_plain() && !pass.look {
            let stride = rows.stride();
            let rows = Side { vectors: rows.vectors_mut(), stride };
            let columns = Side { vectors: columns.vectors_mut(), stride };
            return Sides::Plain { rows, columns, loss, scratch: GroupScratch::new() };
        }
        let plan = match pass.look {
            true => OptimizerConfig::look(self.model.dim),
            false => self.model.steps.plan(pass.rate, self.model.dim),
        };
        let loss = loss.unwrap_or_else(|| TileLoss::without_counts(&self.logistic));
        let ((rows, _), (columns, _)) = (rows.steps_mut(), columns.steps_mut());
        Sides::Stepped { rows, columns, loss, plan, scratch: StepScratch::default() }
    }
}

impl ContextRates {
    fn of(self, count: u64) -> f32 {
        let (least, most) = RATE_BOUNDS;
        match self {
            Self::Even => 1.0,
            Self::ByCount => {
                real::pow(count as f64 / EVEN_COUNT, RATE_POWER).clamp(least, most) as f32
            }
        }
    }

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByCount => "by-count",
            Self::Even => "even",
        }
    }
}

/// `row × G + column stripe` → x'_iJ.
fn expected_visits(file: &StripeFile, subsampling: &Subsampling) -> Result<Vec<f32>, TrainError> {
    let grid = file.grid().grid;
    let rows = file.grid().len(file.grid().rows, file.stripe()) as usize;
    let mut mass = vec![0f32; rows * grid as usize];
    let mut cells = Vec::new();
    for column_stripe in 0..grid {
        for section in [TileSection::Hot, TileSection::Cold] {
            // A few segments at a time keep memory small whatever the size of the tile.
            let parts = (file.cells(column_stripe, section) >> 16) as u32 + 1;
            for part in 0..parts {
                cells.clear();
                file.segment(column_stripe, section, Segment { part, parts }, &mut cells)?;
                for cell in &cells {
                    let row = cell.row * grid + file.stripe();
                    let column = cell.column * grid + column_stripe;
                    let place = cell.row as usize * grid as usize + column_stripe as usize;
                    mass[place] += subsampling.visits(row, column, cell.payload);
                }
            }
        }
    }
    Ok(mass)
}

fn column_sums(mass: &[f32], grid: usize) -> Vec<f32> {
    let mut sums = vec![0.0; grid];
    for row in mass.chunks_exact(grid) {
        sums.iter_mut().zip(row).for_each(|(sum, visits)| *sum += visits);
    }
    sums
}

/// x'_iJ, row by row → min(limit, x'_i · P(J) / x'_iJ) · K, column stripe by column stripe.
fn negative_mass(visits: &[f32], share: &[f64], negatives: u32) -> Vec<f32> {
    let rows = visits.len() / share.len();
    let mut mass = vec![0.0; visits.len()];
    for (row, visits) in visits.chunks_exact(share.len()).enumerate() {
        let total: f64 = visits.iter().map(|&visits| f64::from(visits)).sum();
        for (stripe, (&visits, share)) in visits.iter().zip(share).enumerate() {
            let ratio = (total * share / f64::from(visits).max(1e-30)) as f32;
            mass[stripe * rows + row] = ratio.min(NEGATIVE_WEIGHT_MAX) * negatives as f32;
        }
    }
    mass
}

impl Objective for SkipGram {
    fn layout(&self) -> Layout {
        let shape =
            StripeShape { dim: self.model.dim, bias: false, squares: self.model.steps.squares() };
        Layout { shape, columns: self.words, columns_name: "context_vectors" }
    }

    fn init(&self, place: Place, stripe: &mut Stripe) {
        init_words(place, stripe, self.model.seed);
    }

    fn pass_bytes(&self, _cells: u64) -> u64 {
        self.visits * VISIT_BYTES
    }

    fn hot_every_rotation(&self) -> bool {
        true
    }

    fn pass(
        &self,
        pass: &Pass<'_>,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Result<Tally, TrainError> {
        let mut stream = pass.stream();
        let (row_stripe, column_stripe) = (pass.tile.row as usize, pass.tile.column as usize);
        let (ours, theirs) = (&self.stripes[row_stripe], &self.stripes[column_stripe]);
        let parts =
            (ours.visits[column_stripe] / pass.rotations as f32 / BATCH_VISITS) as usize + 1;
        let row_count = rows.rows();
        let rates = Rates { rate: pass.rate, columns: &theirs.rates };
        let sides = self.sides(pass, rows, columns);
        let mut groups = Groups::new(self.kernels, sides, rates, pass.fixed());
        let mass = self
            .negative_weights
            .of(row_stripe, column_stripe * row_count..(column_stripe + 1) * row_count)?;
        let (mut visits, mut runs) = (Vec::new(), Runs::default());
        for part in 0..parts {
            visits.clear();
            self.visits(pass, cells, (part, parts), &mut stream, &mut visits);
            runs.deal(&visits, row_count, &mut stream);
            for (row, columns) in runs.iter() {
                groups.add(row, columns, mass[row as usize], &theirs.noise, &mut stream);
            }
        }
        Ok(groups.finish(&theirs.noise, &mut stream))
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("model", "skip-gram".into()),
            ("objective", "negative-sampling".into()),
            ("negatives", self.config.noise.negatives.to_string()),
            ("noise_exponent", self.config.noise.noise_exponent.to_string()),
            ("context_rates", self.config.context_rates.name().into()),
        ];
        settings.extend(self.loss.as_ref().map(|(loss, _)| ("loss_formula", loss.formula())));
        settings
    }

    fn advice(&self) -> &'static str {
        "subsampling leaves no pair; raise cooccur.subsample or subsample of the trainer, or set both to 0"
    }
}

/// Word vectors start uniform in ±½/d, as in word2vec, contexts and nodes at 0.
pub(crate) fn init_words(place: Place, stripe: &mut Stripe, seed: u64) {
    if place.side == MatrixSide::Columns {
        return;
    }
    for row in 0..stripe.rows() {
        let mut stream = Stream::new(seed, &[u64::from(place.id(row))]);
        let vector = stripe.vector_mut(row);
        let scale = 1.0 / vector.len() as f32;
        vector.iter_mut().for_each(|value| *value = (stream.unit() - 0.5) * scale);
    }
}
