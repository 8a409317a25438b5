//! GloVe: weighted least squares on log counts, with AdaGrad (Pennington, Socher & Manning 2014).
//!
//! Loss of a cell: `½ f(x) (w·c + b_w + b_c − ln x)²` with `f(x) = min(1, (x / x_max)^α)`, x the weight
//! in word units. Vectors and biases start uniform in ±½/d, accumulators at 1, as in the authors'
//! program. That program has stepped biases without the rate since 2019; here, as in the paper, the
//! rate applies to them too. Each cell is visited once an epoch.

use wordmill_kernels::{AdagradSide, GloveCell, Kernels};

use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::random::Stream;
use crate::stripes::{Matrix, Stripe, StripeShape};

/// Cells handed to the kernel at a time.
const BATCH_CELLS: usize = 1024;

/// Settings of GloVe.
#[derive(Clone, Debug)]
pub struct GloveConfig {
    /// Length of a vector.
    pub dim: usize,
    /// x_max.
    pub x_max: f64,
    /// α.
    pub alpha: f64,
    /// Seed of the initial values.
    pub seed: u64,
}

/// The GloVe objective.
pub struct Glove {
    config: GloveConfig,
    words: u32,
    unit: u64,
    kernels: &'static Kernels,
}

impl Glove {
    /// GloVe over a matrix of `words` words with weights in units of 1 / `unit`.
    pub fn new(config: GloveConfig, words: u32, unit: u64, kernels: &'static Kernels) -> Self {
        Self { config, words, unit, kernels }
    }
}

impl Objective for Glove {
    fn layout(&self) -> Layout {
        let shape = StripeShape { dim: self.config.dim, bias: true, squares: true };
        Layout { shape, columns: self.words, columns_name: "context_vectors" }
    }

    fn init(&self, rows: &mut Matrix, columns: &mut Matrix) {
        for (side, matrix) in [rows, columns].into_iter().enumerate() {
            for id in 0..matrix.rows() {
                let mut stream = Stream::new(self.config.seed, &[side as u64, u64::from(id)]);
                let scale = 1.0 / self.config.dim as f32;
                let mut value = || (stream.unit() - 0.5) * scale;
                matrix.vector_mut(id).iter_mut().for_each(|place| *place = value());
                matrix.set_bias(id, value());
            }
        }
    }

    fn heavy_every_rotation(&self) -> bool {
        false
    }

    fn pass(
        &self,
        pass: &Pass,
        cells: &PassCells,
        rows: &mut Stripe,
        columns: &mut Stripe,
    ) -> Tally {
        let mut visits: Vec<(u32, u32, f32)> = Vec::new();
        for cell in cells.heavy.iter().chain(&cells.light) {
            let x = (cell.payload as f64 / self.unit as f64) as f32;
            visits.push((cell.row, cell.column, x));
        }
        pass.stream().shuffle(&mut visits);
        let stride = rows.stride();
        let (vectors, squares, bias, bias_square) = rows.adagrad_mut();
        let mut rows = AdagradSide { vectors, squares, bias, bias_square, stride };
        let (vectors, squares, bias, bias_square) = columns.adagrad_mut();
        let mut columns = AdagradSide { vectors, squares, bias, bias_square, stride };
        let mut tally = Tally::default();
        let (mut log_x, mut weight, mut batch) = (Vec::new(), Vec::new(), Vec::new());
        for visits in visits.chunks(BATCH_CELLS) {
            self.weigh(visits, &mut log_x, &mut weight);
            batch.clear();
            batch.extend(
                visits.iter().zip(log_x.iter().zip(&weight)).map(
                    |(&(row, col, _), (&log_x, &weight))| GloveCell { row, col, log_x, weight },
                ),
            );
            let loss = self.kernels.glove_cells(&mut rows, &mut columns, &batch, pass.rate);
            tally += Tally { loss: loss.loss, weight: loss.weight, visits: batch.len() as u64 };
        }
        tally
    }

    fn extras(
        &self,
        writer: &mut wordmill_formats::VectorsWriter,
        rows: &Matrix,
        columns: &Matrix,
    ) -> Result<(), wordmill_formats::FormatError> {
        for (name, matrix) in [("word_bias", rows), ("context_bias", columns)] {
            let bias: Vec<f32> = (0..matrix.rows()).map(|id| matrix.bias(id)).collect();
            writer.column(name, &bias)?;
        }
        Ok(())
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("model", "glove".into()),
            ("x_max", self.config.x_max.to_string()),
            ("alpha", self.config.alpha.to_string()),
        ]
    }

    fn advice(&self) -> &'static str {
        "the matrix has no cells"
    }
}

impl Glove {
    /// ln x and f(x) = e^(α · min(0, ln x − ln x_max)) of each visit.
    fn weigh(&self, visits: &[(u32, u32, f32)], log_x: &mut Vec<f32>, weight: &mut Vec<f32>) {
        let (alpha, log_max) = (self.config.alpha as f32, self.config.x_max.ln() as f32);
        log_x.clear();
        log_x.extend(visits.iter().map(|&(_, _, x)| x));
        self.kernels.ln(log_x);
        weight.clear();
        weight.extend(log_x.iter().map(|&log_x| alpha * (log_x - log_max).min(0.0)));
        self.kernels.exp(weight);
    }
}
