//! Skip-gram with negative sampling, from counts (Mikolov et al. 2013; Levy & Goldberg 2014).
//!
//! A cell is visited as often as word2vec would have drawn its pair, in expectation: `x'` times an
//! epoch (see `discount.rs`), a fraction by a seeded coin. Light cells have all their visits in one
//! rotation, heavy cells a share in each. Visits of a pass are shuffled and taken in groups of up to
//! 32, which share 16 negatives.
//!
//! Row i is due negative mass K · x'_i · P(J) in column stripe J, P the noise `count^s`. Negatives are
//! drawn from P restricted to J and stand beside the positives, so each of the n in a group weighs
//! `K / n · x'_i · P(J) / x'_iJ` for a visit of row i: summed over an epoch that is the mass due.

use wordmill_flow::{Context, OverBudget, Reservation, run_tasks};
use wordmill_formats::{StripeFile, TileCell, TileSection};
use wordmill_kernels::{GROUP_NEGATIVES, GROUP_PAIRS, Group, GroupScratch, Kernels, Side};

use crate::discount::Discount;
use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::error::TrainError;
use crate::random::{Alias, Stream};
use crate::stripes::{Matrix, Stripe, StripeShape};

/// Visits that a pass holds at a time: 8 MiB.
const BATCH_VISITS: f32 = (1 << 20) as f32;
/// A row that is rarely positive in a tile is not pushed away by one visit as if by many: negatives
/// beside a visit weigh at most this many times K.
const NEGATIVE_WEIGHT_MAX: f32 = 8.0;

/// Settings of skip-gram with negative sampling.
#[derive(Clone, Debug)]
pub struct SkipGramConfig {
    /// Length of a vector.
    pub dim: usize,
    /// K, negatives per positive.
    pub negatives: u32,
    /// s, the power of counts in the noise.
    pub noise_exponent: f64,
    /// Seed of the initial values.
    pub seed: u64,
}

/// The SGNS objective.
pub struct SkipGram {
    config: SkipGramConfig,
    words: u32,
    grid: u32,
    discount: Discount,
    /// Draws of each column stripe.
    noise: Vec<Alias>,
    /// For each row stripe: `row × G + column stripe` → weight of all negatives beside a visit.
    negative_mass: Vec<Vec<f32>>,
    kernels: &'static Kernels,
    _memory: Reservation,
}

impl SkipGram {
    /// Prepares the objective for a matrix in tiles: one pass over all cells.
    pub fn new(
        ctx: &Context,
        config: SkipGramConfig,
        counts: &[u64],
        stripes: &[StripeFile],
        discount: Discount,
        kernels: &'static Kernels,
    ) -> Result<Self, TrainError> {
        let (words, grid) = (counts.len() as u32, stripes.len() as u32);
        let memory = Self::reserve(ctx, u64::from(words), u64::from(grid))?;
        let noise_weights: Vec<f64> =
            counts.iter().map(|&count| (count as f64).powf(config.noise_exponent)).collect();
        let total: f64 = noise_weights.iter().sum();
        let of_stripe = |stripe: u32| {
            noise_weights.iter().skip(stripe as usize).step_by(grid as usize).copied()
        };
        let share: Vec<f64> =
            (0..grid).map(|stripe| of_stripe(stripe).sum::<f64>() / total).collect();
        let noise = (0..grid)
            .map(|stripe| match of_stripe(stripe).collect::<Vec<_>>() {
                weights if weights.is_empty() => Alias::new(&[1.0]),
                weights => Alias::new(&weights),
            })
            .collect();
        let progress = ctx.progress.stage("weigh rows", "stripes", u64::from(grid));
        let negative_mass = run_tasks(ctx, "weigh", ctx.threads, stripes.len(), |stripe| {
            let mass = negative_mass(&stripes[stripe], &discount, &share, config.negatives);
            progress.add(1);
            mass
        })?;
        Ok(Self { config, words, grid, discount, noise, negative_mass, kernels, _memory: memory })
    }

    fn reserve(ctx: &Context, words: u64, grid: u64) -> Result<Reservation, OverBudget> {
        let bytes = Alias::bytes(words) + words * grid * 4 + words * 4;
        ctx.budget.reserve(bytes, "the noise tables")
    }

    /// Appends a pass's visits, part `part` of `parts` of its cells.
    fn visits(
        &self,
        pass: &Pass,
        cells: &PassCells,
        (part, parts): (usize, usize),
        stream: &mut Stream,
        visits: &mut Vec<(u32, u32)>,
    ) {
        let mut add = |cell: &TileCell, share: f32| {
            let id = |local: u32, stripe: u32| local * self.grid + stripe;
            let (row, column) = (id(cell.row, pass.tile.0), id(cell.column, pass.tile.1));
            let expected = self.discount.visits(row, column, cell.payload) * share;
            let times = (expected + stream.unit()) as u32;
            visits.extend(std::iter::repeat_n((cell.row, cell.column), times as usize));
        };
        let heavy_share = 1.0 / (pass.rotations as f32 * parts as f32);
        cells.heavy.iter().for_each(|cell| add(cell, heavy_share));
        let light = &cells.light;
        let piece = light.len() * part / parts..light.len() * (part + 1) / parts;
        light[piece].iter().for_each(|cell| add(cell, 1.0));
    }

    fn expected_visits(&self, pass: &Pass, cells: &PassCells) -> f32 {
        let id = |local: u32, stripe: u32| local * self.grid + stripe;
        let visits = |cell: &TileCell| {
            let (row, column) = (id(cell.row, pass.tile.0), id(cell.column, pass.tile.1));
            self.discount.visits(row, column, cell.payload)
        };
        let heavy: f32 = cells.heavy.iter().map(visits).sum();
        heavy / pass.rotations as f32 + cells.light.iter().map(visits).sum::<f32>()
    }
}

/// `row × G + column stripe` → min(limit, x'_i · P(J) / x'_iJ) · K.
fn negative_mass(
    file: &StripeFile,
    discount: &Discount,
    share: &[f64],
    negatives: u32,
) -> Result<Vec<f32>, TrainError> {
    let grid = file.grid().grid;
    let rows = file.grid().len(file.grid().rows, file.stripe()) as usize;
    let mut mass = vec![0f32; rows * grid as usize];
    let mut cells = Vec::new();
    for column_stripe in 0..grid {
        for section in [TileSection::Heavy, TileSection::Light] {
            // A few segments at a time keep the memory small whatever the size of the tile.
            let parts = (file.cells(column_stripe, section) >> 16) as u32 + 1;
            for part in 0..parts {
                cells.clear();
                file.segment((column_stripe, section), (part, parts), &mut cells)?;
                for cell in &cells {
                    let row = cell.row * grid + file.stripe();
                    let column = cell.column * grid + column_stripe;
                    let place = cell.row as usize * grid as usize + column_stripe as usize;
                    mass[place] += discount.visits(row, column, cell.payload);
                }
            }
        }
    }
    for row in mass.chunks_exact_mut(grid as usize) {
        let total: f64 = row.iter().map(|&visits| f64::from(visits)).sum();
        for (visits, share) in row.iter_mut().zip(share) {
            let ratio = (total * share / f64::from(*visits).max(1e-30)) as f32;
            *visits = ratio.min(NEGATIVE_WEIGHT_MAX) * negatives as f32;
        }
    }
    Ok(mass)
}

impl Objective for SkipGram {
    fn layout(&self) -> Layout {
        let shape = StripeShape { dim: self.config.dim, bias: false, squares: Default::default() };
        Layout { shape, columns: self.words, columns_name: "context_vectors" }
    }

    fn init(&self, rows: &mut Matrix, _columns: &mut Matrix) {
        init_vectors(rows, self.config.seed);
    }

    fn heavy_every_rotation(&self) -> bool {
        true
    }

    fn pass(
        &self,
        pass: &Pass,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Tally {
        let mut stream = pass.stream();
        let parts = (self.expected_visits(pass, cells) / BATCH_VISITS) as usize + 1;
        let (noise, mass) =
            (&self.noise[pass.tile.1 as usize], &self.negative_mass[pass.tile.0 as usize]);
        let stride = rows.stride();
        let mut rows = Side { vectors: rows.vectors_mut(), stride };
        let mut columns = Side { vectors: columns.vectors_mut(), stride };
        let mut scratch = GroupScratch::new();
        let mut tally = Tally::default();
        let mut visits = Vec::new();
        for part in 0..parts {
            visits.clear();
            self.visits(pass, cells, (part, parts), &mut stream, &mut visits);
            stream.shuffle(&mut visits);
            for group in visits.chunks(GROUP_PAIRS) {
                let mut ids = ([0u32; GROUP_PAIRS], [0u32; GROUP_PAIRS]);
                let mut negative_weight = [0f32; GROUP_PAIRS];
                for (at, &(row, column)) in group.iter().enumerate() {
                    (ids.0[at], ids.1[at]) = (row, column);
                    let place = row as usize * self.grid as usize + pass.tile.1 as usize;
                    negative_weight[at] = mass[place] / GROUP_NEGATIVES as f32;
                }
                let negatives: [u32; GROUP_NEGATIVES] =
                    std::array::from_fn(|_| noise.draw(&mut stream));
                let pairs = group.len();
                let group = Group {
                    row: &ids.0[..pairs],
                    col: &ids.1[..pairs],
                    weight: &[1.0; GROUP_PAIRS][..pairs],
                    negatives: &negatives,
                    negative_weight: &negative_weight[..pairs],
                };
                let loss = self.kernels.sgns_group(
                    &mut rows,
                    &mut columns,
                    &group,
                    pass.rate,
                    &mut scratch,
                );
                tally +=
                    Tally { loss: loss.loss, weight: loss.weight, visits: group.row.len() as u64 };
            }
        }
        tally
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("model", "skip-gram".into()),
            ("objective", "negative-sampling".into()),
            ("negatives", self.config.negatives.to_string()),
            ("noise_exponent", self.config.noise_exponent.to_string()),
        ]
    }

    fn advice(&self) -> &'static str {
        "subsampling leaves no pair; raise subsample or set it to 0"
    }
}

/// Word vectors start uniform in ±½/d, as in word2vec.
pub(crate) fn init_vectors(rows: &mut Matrix, seed: u64) {
    let scale = 1.0 / rows.dim() as f32;
    for id in 0..rows.rows() {
        let mut stream = Stream::new(seed, &[u64::from(id)]);
        rows.vector_mut(id).iter_mut().for_each(|value| *value = (stream.unit() - 0.5) * scale);
    }
}
