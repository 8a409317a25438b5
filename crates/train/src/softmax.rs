//! Hierarchical softmax, from counts (Morin & Bengio 2005; Mikolov et al. 2013).
//!
//! The probability of a word is the product of binary decisions on its path from the root; node n
//! goes left with probability σ(w·t_n). A (row, node) cell carries how often the row's contexts go
//! left and right (see `nodes.rs`), so its loss is `−a·ln σ(s) − b·ln σ(−s)`: the same sum as walking
//! every pair. A cell of weight a + b is visited ⌈(a + b) / cap⌉ times an epoch with an even share;
//! a visit is an implicit step, which a weight above 1 needs (Karampatziakis & Langford 2011).

use wordmill_formats::TileCell;
use wordmill_kernels::{BinomialCell, Kernels, Side};

use crate::engine::{Layout, Objective, Pass, PassCells, Tally};
use crate::huffman::HuffmanTree;
use crate::nodes::unpack;
use crate::skipgram::init_vectors;
use crate::stripes::{Matrix, Stripe, StripeShape};

/// Cells handed to the kernel at a time.
const BATCH_CELLS: usize = 4096;

/// Settings of hierarchical softmax.
#[derive(Clone, Debug)]
pub struct SoftmaxConfig {
    /// Length of a vector.
    pub dim: usize,
    /// The most weight of one visit.
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

    /// Visits an epoch from which a cell is visited in every rotation.
    pub fn heavy(cap: f32) -> f32 {
        2.0 * cap
    }

    fn add(&self, cell: &TileCell, share: f32, visits: &mut Vec<BinomialCell>) {
        let (left, right) = unpack(cell.payload);
        let (left, right) = (left * share, right * share);
        let times = ((left + right) / self.config.cap).ceil().max(1.0);
        let visit = BinomialCell {
            row: cell.row,
            col: cell.column,
            left: left / times,
            right: right / times,
        };
        visits.extend(std::iter::repeat_n(visit, times as usize));
    }
}

impl Objective for Softmax {
    fn layout(&self) -> Layout {
        let shape = StripeShape { dim: self.config.dim, bias: false, squares: Default::default() };
        Layout { shape, columns: self.tree.nodes(), columns_name: "node_vectors" }
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
        let mut visits = Vec::new();
        let heavy_share = 1.0 / pass.rotations as f32;
        cells.heavy.iter().for_each(|cell| self.add(cell, heavy_share, &mut visits));
        cells.light.iter().for_each(|cell| self.add(cell, 1.0, &mut visits));
        pass.stream().shuffle(&mut visits);
        let stride = rows.stride();
        let mut rows = Side { vectors: rows.vectors_mut(), stride };
        let mut columns = Side { vectors: columns.vectors_mut(), stride };
        let mut tally = Tally::default();
        for batch in visits.chunks(BATCH_CELLS) {
            let loss = self.kernels.binomial_cells(&mut rows, &mut columns, batch, pass.rate);
            tally += Tally { loss: loss.loss, weight: loss.weight, visits: batch.len() as u64 };
        }
        tally
    }

    fn extras(
        &self,
        writer: &mut wordmill_formats::VectorsWriter,
        _rows: &Matrix,
        _columns: &Matrix,
    ) -> Result<(), wordmill_formats::FormatError> {
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
