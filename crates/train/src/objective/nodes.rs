//! The cells of hierarchical softmax: how much weight of a row goes left and right at each node.
//!
//! The loss only needs, for word i and inner node n, A_in and B_in: the sums of the row's cells whose
//! column is a leaf below the left and the right child of n. They are the product of the matrix and
//! the tree's paths, computed row by row: each cell's weight goes to the node above its column, and
//! each node's sum to the node above it.

use wordmill_formats::{
    CellSource, CsrShardReader, FormatError, MatrixIndex, RunDir, TileCell, TileSection,
};

use crate::huffman::HuffmanTree;
use crate::objective::subsampling::Subsampling;

/// Cells handed over at a time.
const BATCH_CELLS: usize = 1 << 14;

/// The (row, node) cells of a matrix; a payload is the pair of (left, right) visits per epoch in
/// sixteen bits each, left in the low half.
pub struct NodeCells<'a> {
    /// The run directory.
    pub dir: &'a RunDir,
    /// The co-occurrence matrix.
    pub index: &'a MatrixIndex,
    /// The tree.
    pub tree: &'a HuffmanTree,
    /// Subsampling.
    pub subsampling: &'a Subsampling,
    /// Visits per epoch from which a cell is visited in every rotation.
    pub hot: f32,
}

/// A weight in 16 bits: six of the exponent, ten of the mantissa, so 2⁻²⁴ to 2³⁹ and an error of at
/// most 2⁻¹¹. A payload of 32 bits takes half the space of one of 64 wherever cells are stored.
const DROPPED_BITS: u32 = 13;
/// The bits of 2⁻²⁴, which represent a weight of zero.
const LEAST_BITS: u32 = (127 - 24) << 23;

fn short(weight: f32) -> u64 {
    let rounded = weight.to_bits() + (1 << (DROPPED_BITS - 1));
    u64::from((rounded.saturating_sub(LEAST_BITS) >> DROPPED_BITS).min(0xffff))
}

fn long(short: u64) -> f32 {
    match short as u16 {
        0 => 0.0,
        short => f32::from_bits((u32::from(short) << DROPPED_BITS) + LEAST_BITS),
    }
}

/// Packs a cell's two weights.
pub(crate) fn pack(left: f32, right: f32) -> u64 {
    short(left) | short(right) << 16
}

/// Unpacks a cell's two weights, rounded.
#[inline]
pub(crate) fn unpack(payload: u64) -> (f32, f32) {
    (long(payload), long(payload >> 16))
}

/// The sums of one row.
struct RowSums {
    /// Left and right of each node.
    sums: Vec<[f64; 2]>,
    /// A bit for each node with a sum.
    touched: Vec<u64>,
}

impl CellSource for NodeCells<'_> {
    fn rows(&self) -> u32 {
        self.index.words
    }

    fn columns(&self) -> u32 {
        self.tree.nodes()
    }

    fn cells(&self) -> u64 {
        // A path has about log₂ V nodes, most of them shared by the columns of a row; 3.8 nodes per
        // cell were counted on English text.
        self.index.cells.saturating_mul(5)
    }

    fn parts(&self) -> usize {
        self.index.shards.len()
    }

    fn part_bytes(&self) -> u64 {
        u64::from(self.tree.nodes()) * size_of::<[f64; 2]>() as u64
    }

    fn for_each(
        &self,
        part: usize,
        each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let path = self.dir.path("matrix").join(&self.index.shards[part].file);
        let mut row_sums = RowSums::new(self.tree.nodes());
        let mut cells = Vec::new();
        let mut current = None;
        CsrShardReader::open(self.dir.storage(), &path)?.for_each_piece(
            |row, columns, weights| {
                if current != Some(row) {
                    if let Some(done) = current {
                        row_sums.finish(self.tree, done, &mut cells);
                    }
                    if cells.len() >= BATCH_CELLS {
                        each(&cells)?;
                        cells.clear();
                    }
                    current = Some(row);
                }
                for (&column, &weight) in columns.iter().zip(weights) {
                    let visits = f64::from(self.subsampling.visits(row, column, weight));
                    row_sums.add(self.tree.parent_of_word(column), visits);
                }
                Ok::<_, FormatError>(())
            },
        )?;
        if let Some(done) = current {
            row_sums.finish(self.tree, done, &mut cells);
        }
        each(&cells)
    }

    fn section(&self, payload: u64) -> TileSection {
        let (left, right) = unpack(payload);
        if left + right >= self.hot { TileSection::Hot } else { TileSection::Cold }
    }
}

impl RowSums {
    fn new(nodes: u32) -> Self {
        let words = nodes.div_ceil(u64::BITS) as usize;
        Self { sums: vec![[0.0; 2]; nodes as usize], touched: vec![0; words] }
    }

    /// Adds visits of a child to its parent.
    #[inline]
    fn add(&mut self, (node, right): (u32, bool), visits: f64) {
        self.sums[node as usize][usize::from(right)] += visits;
        self.touched[(node / u64::BITS) as usize] |= 1 << (node % u64::BITS);
    }

    /// Hands over a cell for each node with a sum, in order, and clears the row. A parent has a higher number than its
    /// children, so a node's sum is complete when its turn comes, and goes to its parent as a whole.
    fn finish(&mut self, tree: &HuffmanTree, row: u32, cells: &mut Vec<TileCell>) {
        for word in 0..self.touched.len() {
            while self.touched[word] != 0 {
                let node = word as u32 * u64::BITS + self.touched[word].trailing_zeros();
                self.touched[word] &= self.touched[word] - 1;
                let [left, right] = std::mem::take(&mut self.sums[node as usize]);
                let total = left + right;
                if let Some(parent) = tree.parent_of_node(node).filter(|_| total > 0.0) {
                    self.add(parent, total);
                }
                let payload = pack(left as f32, right as f32);
                if payload > 0 {
                    cells.push(TileCell { row, column: node, payload });
                }
            }
        }
    }
}
