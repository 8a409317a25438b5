//! The cells of hierarchical softmax: how much weight of a row goes left and right at each node.
//!
//! The loss only needs, for word i and inner node n, A_in and B_in: the sums of the row's cells whose
//! column is a leaf below the left and the right child of n. They are the product of the matrix with
//! the tree's paths, made row by row: each cell's weight is added at every node above its column.

use wordmill_formats::{
    CellSource, CsrShardReader, FormatError, MatrixIndex, RunDir, TileCell, TileSection,
};

use crate::discount::Discount;
use crate::huffman::HuffmanTree;

/// Cells handed over at a time.
const BATCH_CELLS: usize = 1 << 14;

/// The (row, node) cells of a matrix; a payload is the pair of f32 bits of (left, right) visits an
/// epoch, left in the low half.
pub struct NodeCells<'a> {
    /// The run directory.
    pub dir: &'a RunDir,
    /// The co-occurrence matrix.
    pub index: &'a MatrixIndex,
    /// The tree.
    pub tree: &'a HuffmanTree,
    /// Subsampling.
    pub discount: &'a Discount,
    /// Visits an epoch from which a cell is visited in every rotation.
    pub heavy: f32,
}

/// Packs a cell's two weights.
pub(crate) fn pack(left: f32, right: f32) -> u64 {
    u64::from(left.to_bits()) | u64::from(right.to_bits()) << 32
}

/// Unpacks a cell's two weights.
pub(crate) fn unpack(payload: u64) -> (f32, f32) {
    (f32::from_bits(payload as u32), f32::from_bits((payload >> 32) as u32))
}

/// The sums of one row.
struct RowSums {
    /// Left and right of each node.
    sums: Vec<(f64, f64)>,
    /// Nodes with a sum.
    touched: Vec<u32>,
}

impl CellSource for NodeCells<'_> {
    fn rows(&self) -> u32 {
        self.index.words
    }

    fn columns(&self) -> u32 {
        self.tree.nodes()
    }

    fn cells(&self) -> u64 {
        // A path has about log₂ V nodes, most of them shared by the columns of a row; five nodes a
        // cell were counted on English text.
        self.index.cells.saturating_mul(5)
    }

    fn parts(&self) -> usize {
        self.index.shards.len()
    }

    fn part_bytes(&self) -> u64 {
        u64::from(self.tree.nodes()) * size_of::<(f64, f64)>() as u64
    }

    fn for_each(
        &self,
        part: usize,
        each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let path = self.dir.path("matrix").join(&self.index.shards[part].file);
        let mut row_sums =
            RowSums { sums: vec![(0.0, 0.0); self.tree.nodes() as usize], touched: Vec::new() };
        let mut cells = Vec::new();
        let mut current = None;
        CsrShardReader::open(self.dir.storage(), &path)?.for_each_piece(
            |row, columns, weights| {
                if current != Some(row) {
                    if let Some(done) = current {
                        row_sums.finish(done, &mut cells);
                    }
                    if cells.len() >= BATCH_CELLS {
                        each(&cells)?;
                        cells.clear();
                    }
                    current = Some(row);
                }
                for (&column, &weight) in columns.iter().zip(weights) {
                    row_sums.walk(self.tree, column, self.discount.visits(row, column, weight));
                }
                Ok::<_, FormatError>(())
            },
        )?;
        if let Some(done) = current {
            row_sums.finish(done, &mut cells);
        }
        each(&cells)
    }

    fn section(&self, payload: u64) -> TileSection {
        let (left, right) = unpack(payload);
        if left + right >= self.heavy { TileSection::Heavy } else { TileSection::Light }
    }
}

impl RowSums {
    /// Adds a cell's visits at every node above its column.
    #[inline]
    fn walk(&mut self, tree: &HuffmanTree, column: u32, visits: f32) {
        if visits <= 0.0 {
            return;
        }
        let visits = f64::from(visits);
        let mut next = Some(tree.parent_of_word(column));
        while let Some((node, right)) = next {
            let sums = &mut self.sums[node as usize];
            if *sums == (0.0, 0.0) {
                self.touched.push(node);
            }
            if right {
                sums.1 += visits
            } else {
                sums.0 += visits
            }
            next = tree.parent_of_node(node);
        }
    }

    /// Hands over a cell for each node with a sum, in order, and forgets the row.
    fn finish(&mut self, row: u32, cells: &mut Vec<TileCell>) {
        self.touched.sort_unstable();
        for node in self.touched.drain(..) {
            let (left, right) = std::mem::take(&mut self.sums[node as usize]);
            let payload = pack(left as f32, right as f32);
            cells.push(TileCell { row, column: node, payload });
        }
    }
}
