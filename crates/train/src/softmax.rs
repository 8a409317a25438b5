//! Hierarchical softmax, from counts (Morin & Bengio 2005; Mikolov et al. 2013).
//!
//! The probability of a word is the product of binary decisions on its path from the root; node n
//! goes left with probability σ(w·t_n). A (row, node) cell carries how often the row's contexts go
//! left and right (see `nodes.rs`), so its loss is `−a·ln σ(s) − b·ln σ(−s)`: the same sum as walking
//! every pair. A cell of at least twice the cap is visited in every rotation with an even share, any
//! other in one of them; a visit is an implicit step, which a weight above 1 needs (Karampatziakis &
//! Langford 2011). More visits of the heavy cells made training longer and the vectors worse: 285 M
//! an epoch instead of 180 M, and 36.7 % of Google's analogies instead of 38.8 % (22 M tokens).
//!
//! Visits are dealt to their rows and taken in runs of up to sixteen of one row, whose steps are all
//! computed from the values before the run. No cell stands in a pass twice: sixteen visits of the root
//! in one run overshoot so far that training diverges.

use wordmill_formats::{FormatError, VectorsWriter};
use wordmill_kernels::{BinomialCell, BinomialRun, Kernels, RUN_CELLS, Side};

use crate::engine::{Layout, Objective, Pass, PassCells, Place, Tally};
use crate::error::TrainError;
use crate::huffman::HuffmanTree;
use crate::nodes::unpack;
use crate::random::Stream;
use crate::skipgram::init_words;
use crate::stripes::{Stripe, StripeShape};

/// Visits that a pass holds at a time, or a few less than twice as many: 12 MiB.
const BATCH_VISITS: usize = 1 << 20;

/// Settings of hierarchical softmax.
#[derive(Clone, Debug)]
pub struct SoftmaxConfig {
    /// Length of a vector.
    pub dim: usize,
    /// Half the weight from which a cell is visited in every rotation.
    pub cap: f32,
    /// Seed of the initial values.
    pub seed: u64,
}

/// The hierarchical softmax objective.
pub struct Softmax {
    config: SoftmaxConfig,
    tree: HuffmanTree,
    kernels: &'static Kernels,
}

impl Softmax {
    /// The objective over a tree.
    pub fn new(config: SoftmaxConfig, tree: HuffmanTree, kernels: &'static Kernels) -> Self {
        Self { config, tree, kernels }
    }

    /// Weight an epoch from which a cell is visited in every rotation.
    pub fn heavy(cap: f32) -> f32 {
        2.0 * cap
    }

    /// Deals the visits of part `part` of `parts` of a pass to the rows.
    fn deal(pass: &Pass, cells: &PassCells, (part, parts): (usize, usize), dealt: &mut Dealt) {
        let heavy_share = 1.0 / (pass.rotations as f32 * parts as f32);
        let sections = [(&cells.heavy[..], heavy_share), (cells.light_part(part, parts), 1.0)];
        let all = || sections.iter().flat_map(|(cells, _)| cells.iter());
        all().for_each(|cell| dealt.ends[cell.row as usize + 1] += 1);
        let mut sum = 0;
        for end in &mut dealt.ends {
            sum += *end;
            *end = sum;
        }
        dealt.cells.resize(sum as usize, BinomialCell::default());
        for (cells, share) in sections {
            for cell in cells {
                let (left, right) = unpack(cell.payload);
                let end = &mut dealt.ends[cell.row as usize];
                let (left, right) = (left * share, right * share);
                dealt.cells[*end as usize] = BinomialCell { col: cell.column, left, right };
                *end += 1;
            }
        }
    }
}

/// Visits of a pass, row by row.
#[derive(Default)]
struct Dealt {
    /// Where each row's visits end.
    ends: Vec<u32>,
    cells: Vec<BinomialCell>,
    runs: Vec<BinomialRun>,
}

impl Dealt {
    /// Empties it, for `rows` rows.
    fn clear(&mut self, rows: usize) {
        self.ends.clear();
        self.ends.resize(rows + 1, 0);
        self.cells.clear();
        self.runs.clear();
    }

    /// Cuts each row's visits into runs, in random order.
    fn cut(&mut self, stream: &mut Stream) {
        let mut first = 0;
        for (row, &end) in self.ends.iter().enumerate().take(self.ends.len() - 1) {
            stream.shuffle(&mut self.cells[first as usize..end as usize]);
            for first in (first..end).step_by(RUN_CELLS) {
                let len = (end - first).min(RUN_CELLS as u32);
                self.runs.push(BinomialRun { row: row as u32, first, len });
            }
            first = end;
        }
        stream.shuffle(&mut self.runs);
    }
}

impl Objective for Softmax {
    fn layout(&self) -> Layout {
        let shape = StripeShape { dim: self.config.dim, bias: false, squares: Default::default() };
        Layout { shape, columns: self.tree.nodes(), columns_name: "node_vectors" }
    }

    fn init(&self, place: Place, stripe: &mut Stripe) {
        init_words(place, stripe, self.config.seed);
    }

    fn pass_bytes(&self, cells: u64) -> u64 {
        let visits = cells.min(2 * BATCH_VISITS as u64);
        visits * (size_of::<BinomialCell>() + size_of::<BinomialRun>()) as u64
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
    ) -> Result<Tally, TrainError> {
        let mut stream = pass.stream();
        let parts = (cells.heavy.len() + cells.light.len()) / BATCH_VISITS + 1;
        let count = rows.rows();
        let stride = rows.stride();
        let mut rows = Side { vectors: rows.vectors_mut(), stride };
        let mut columns = Side { vectors: columns.vectors_mut(), stride };
        let mut tally = Tally::default();
        let mut dealt = Dealt::default();
        for part in 0..parts {
            dealt.clear(count);
            Self::deal(pass, cells, (part, parts), &mut dealt);
            dealt.cut(&mut stream);
            let (runs, some) = (&dealt.runs, &dealt.cells);
            let loss = self.kernels.binomial_runs(&mut rows, &mut columns, runs, some, pass.rate);
            tally += Tally { loss: loss.loss, weight: loss.weight, visits: some.len() as u64 };
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
