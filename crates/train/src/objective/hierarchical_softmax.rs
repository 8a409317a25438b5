//! Hierarchical softmax, from counts (Morin & Bengio 2005; Mikolov et al. 2013).
//!
//! The probability of a word is the product of binary decisions on its path from the root; node n
//! goes left with probability σ(w·t_n). A (row, node) cell has the weights with which the row's
//! contexts go left and right (see `nodes.rs`), so its loss is `−a·ln σ(s) − b·ln σ(−s)`: the same
//! sum as walking every pair. A cell of at least twice the cap is visited in every rotation with an
//! even share, any other in one of them. A visit is an implicit step, which a weight above 1 needs
//! (Karampatziakis & Langford 2011). More visits of the hot cells made training longer and the
//! vectors worse: 285 M per epoch instead of 180 M, and 36.7 % of Google's analogies instead of 38.8
//! % (22 M tokens).
//!
//! Cells come in order of row. Rows are taken in random order, the visits of each in random order and
//! in runs of up to sixteen, whose steps are all computed from the values before the run. Rows in
//! order, from frequent words to rare ones, end 1 % higher in loss and 1.5 points of Google lower.
//! Skipping cold cells at random does not help: if those of weight below 2 are visited less often
//! with this weight instead, visits fall by a third and Google by 5 points. Nor do rates by a node's
//! count, as those of contexts do for negative sampling: 2 points less if rare nodes learn 4 times as
//! fast. No cell occurs twice in a pass: sixteen visits of the root in one run overshoot so far that
//! training diverges.
//! that training diverges.

use super::model::ModelConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_formats::{FormatError, TileCell, VectorsWriter};
use wordmill_kernels::{
    BinomialCell, BinomialRun, Group, Kernels, LANES, Loss, RUN_CELLS, Side, StepLoss, StepScratch,
};

use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::error::TrainError;
use crate::huffman::HuffmanTree;
use crate::loss::TileLoss;
use crate::loss::losses::Logistic;
use crate::objective::nodes::unpack;
use crate::objective::skipgram::init_words;
use crate::optim::steps::OptimizerConfig;
use crate::random::Stream;
use crate::start::frozen::{Before, apart};
use crate::stripes::{Place, Stripe, StripeShape};

/// Visits that are collected before they are made, or a few more for a long row: 48 KiB, which stay
/// in the nearest caches.
const BATCH_VISITS: usize = 1 << 12;

/// Settings of hierarchical softmax.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SoftmaxConfig {
    /// Words above this share of the corpus are subsampled; 0 is off. At most `cooccur.subsample`, which applies to the counts.
    #[schemars(range(min = 0, max = 1), extend("x-expected" = "0 (off) or a share of the corpus up to 1"))]
    pub subsample: f64,
    /// Cells of twice this weight are visited in every rotation, others once.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1_000_000, "x-expected" = "a number above 0, at most 1000000"))]
    pub cap: f64,
}

/// The hierarchical softmax objective.
pub struct HierarchicalSoftmax {
    model: ModelConfig,
    config: SoftmaxConfig,
    tree: HuffmanTree,
    logistic: Logistic,
    kernels: &'static Kernels,
}

impl HierarchicalSoftmax {
    /// The objective over a tree.
    pub fn new(
        model: ModelConfig,
        config: SoftmaxConfig,
        tree: HuffmanTree,
        kernels: &'static Kernels,
    ) -> Self {
        Self { model, config, tree, logistic: Logistic { kernels }, kernels }
    }

    /// Weight per epoch from which a cell is visited in every rotation.
    pub fn hot(cap: f32) -> f32 {
        2.0 * cap
    }
}

/// Cells of a pass in order of row, with the share of them that a visit takes.
struct Rows<'a> {
    cells: &'a [TileCell],
    share: f32,
    /// Where the cells of each row begin, and the end.
    starts: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(cells: &'a [TileCell], rows: usize, share: f32) -> Self {
        let mut starts = vec![0; rows + 1];
        cells.iter().for_each(|cell| starts[cell.row as usize + 1] += 1);
        (0..rows).for_each(|row| starts[row + 1] += starts[row]);
        debug_assert!(cells.is_sorted_by_key(|cell| cell.row), "slots are in order");
        Self { cells, share, starts }
    }

    /// Adds one visit of each cell of a row.
    fn visits(&self, row: u32) -> impl Iterator<Item = BinomialCell> {
        let [start, end] = [row, row + 1].map(|row| self.starts[row as usize] as usize);
        self.cells[start..end].iter().map(|cell| {
            let (left, right) = unpack(cell.payload);
            BinomialCell { col: cell.column, left: left * self.share, right: right * self.share }
        })
    }
}

/// Visits to be made, row by row.
#[derive(Default)]
struct Visits {
    cells: Vec<BinomialCell>,
    runs: Vec<BinomialRun>,
}

impl Visits {
    /// Puts visits of a row into random order and cuts them into runs.
    fn add(&mut self, row: u32, visits: impl Iterator<Item = BinomialCell>, stream: &mut Stream) {
        let first = self.cells.len();
        self.cells.extend(visits);
        stream.shuffle(&mut self.cells[first..]);
        let end = self.cells.len();
        for first in (first..end).step_by(RUN_CELLS) {
            let len = (end - first).min(RUN_CELLS) as u32;
            self.runs.push(BinomialRun { row, first: first as u32, len });
        }
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.runs.clear();
    }
}

/// What to do with runs of visits.
type Walk<'a> = Box<dyn FnMut(&[BinomialRun], &[BinomialCell]) -> StepLoss + 'a>;

impl HierarchicalSoftmax {
    /// How the stripes of a pass are stepped.
    fn walk<'a>(
        &'a self,
        pass: &Pass<'a>,
        rows: &'a mut Stripe,
        columns: &'a mut Stripe,
    ) -> Walk<'a> {
        let (kernels, steps, rate) = (self.kernels, &self.model.steps, pass.rate);
        let (fixed, mut before) = (pass.fixed(), Before::default());
        if steps.are_plain() && !pass.look {
            let stride = rows.stride();
            let mut rows = Side { vectors: rows.vectors_mut(), stride };
            let mut columns = Side { vectors: columns.vectors_mut(), stride };
            return Box::new(move |runs, cells| {
                let mut loss = Loss::default();
                for (runs, stay) in apart(runs, |run| fixed.has(run.row)) {
                    for runs in runs.chunks(if stay { 1 } else { runs.len() }) {
                        before.keep(&rows, &[runs[0].row], |_| stay);
                        loss += kernels.binomial_runs(&mut rows, &mut columns, runs, cells, rate);
                        before.put_back(&mut rows);
                    }
                }
                StepLoss { loss, square: 0.0 }
            });
        }
        let ((mut rows, _), (mut columns, _)) = (rows.steps_mut(), columns.steps_mut());
        let plan = match pass.look {
            true => OptimizerConfig::look(self.model.dim),
            false => steps.plan(rate, self.model.dim),
        };
        let mut loss = TileLoss::without_counts(&self.logistic);
        let mut scratch = StepScratch::default();
        Box::new(move |runs, cells| {
            let mut sum = StepLoss::default();
            for run in runs {
                let cells = &cells[run.first as usize..][..run.len as usize];
                let (mut col, mut weight) = ([0; RUN_CELLS], [0.0; RUN_CELLS]);
                for (k, cell) in cells.iter().enumerate().take(RUN_CELLS) {
                    (col[k], weight[k]) = (cell.col, cell.left + cell.right);
                }
                let group = Group {
                    weight: &weight[..cells.len()],
                    ..Group::of_row(&run.row, &run.len, &col[..cells.len()])
                };
                let between = &mut |score: &mut [f32], _: &mut [[f32; LANES]]| {
                    loss.binomial(score, |k| (cells[k].left, cells[k].right))
                };
                before.keep(&rows.side(), group.row, |row| fixed.has(row));
                let (rows, columns) = (&mut rows, &mut columns);
                let stepped =
                    kernels.step_group(rows, columns, &group, &plan, &mut scratch, between);
                before.put_back(&mut rows.side());
                sum.loss += stepped.loss;
                sum.square += stepped.square;
            }
            sum
        })
    }
}

impl Objective for HierarchicalSoftmax {
    fn layout(&self) -> Layout {
        let shape =
            StripeShape { dim: self.model.dim, bias: false, squares: self.model.steps.squares() };
        Layout { shape, columns: self.tree.nodes(), columns_name: "node_vectors" }
    }

    fn init(&self, place: Place, stripe: &mut Stripe) {
        init_words(place, stripe, self.model.seed);
    }

    fn pass_bytes(&self, cells: u64) -> u64 {
        // Rows in order and the starts of their cells, which are fewer than the cells, and the visits.
        let visits = cells.min(2 * BATCH_VISITS as u64);
        cells * 12 + visits * (size_of::<BinomialCell>() + size_of::<BinomialRun>()) as u64
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
        let count = rows.rows();
        let mut walk = self.walk(pass, rows, columns);
        let hot = Rows::new(&cells.hot, count, 1.0 / pass.rotations as f32);
        let cold = Rows::new(&cells.cold, count, 1.0);
        let mut order: Vec<u32> = (0..count as u32).collect();
        stream.shuffle(&mut order);
        let mut tally = Tally::default();
        let mut visits = Visits::default();
        for (done, row) in (1..).zip(order) {
            visits.add(row, hot.visits(row).chain(cold.visits(row)), &mut stream);
            if done == count || visits.cells.len() >= BATCH_VISITS {
                let StepLoss { loss, square } = walk(&visits.runs, &visits.cells);
                let made = visits.cells.len() as u64;
                tally += Tally { loss: loss.loss, weight: loss.weight, visits: made, square };
                visits.clear();
            }
        }
        Ok(tally)
    }

    fn extras(&self, writer: &mut VectorsWriter, _: [Vec<f32>; 2]) -> Result<(), FormatError> {
        writer.tree(self.tree.parents())
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("model", "skip-gram".into()),
            ("objective", "hierarchical-softmax".into()),
            ("cap", self.config.cap.to_string()),
        ]
    }

    fn advice(&self) -> &'static str {
        "the matrix has no cells, or the vocabulary has a single word"
    }
}
