//! The co-occurrence matrix as a source of tiles.

use wordmill_formats::{
    CellSource, CsrShardReader, FormatError, MatrixIndex, RunDir, TileCell, TileSection,
};

/// The cells of a finished matrix; payloads are weights in units.
#[derive(Clone, Debug)]
pub struct MatrixCells<'a> {
    dir: &'a RunDir,
    index: &'a MatrixIndex,
    hot: u64,
}

impl<'a> MatrixCells<'a> {
    /// The word weight from which a cell is hot: it is then visited in every rotation of an epoch, with an
    /// even share, and its visits do not follow one another. Negative sampling on 22 million tokens of English
    /// (seed 1: Google, WordSim-353, SimLex-999, RG-65): 43.8, 66.2, 29.2, 64.0 from 2, 42.5, 65.9, 27.8, 63.2
    /// from 8, in a tenth less time.
    pub const HOT_WEIGHT: u64 = 2;

    /// The cells of the matrix in `dir`.
    pub fn new(dir: &'a RunDir, index: &'a MatrixIndex) -> Self {
        Self { dir, index, hot: Self::HOT_WEIGHT * index.unit }
    }
}

impl CellSource for MatrixCells<'_> {
    fn rows(&self) -> u32 {
        self.index.words
    }

    fn columns(&self) -> u32 {
        self.index.words
    }

    fn cells(&self) -> u64 {
        self.index.cells
    }

    fn parts(&self) -> usize {
        self.index.shards.len()
    }

    fn for_each(
        &self,
        part: usize,
        each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let path = self.dir.path("matrix").join(&self.index.shards[part].file);
        let mut cells = Vec::new();
        CsrShardReader::open(self.dir.storage(), &path)?.for_each_piece(|row, columns, weights| {
            let pairs = columns.iter().zip(weights);
            cells.clear();
            cells.extend(pairs.map(|(&column, &payload)| TileCell { row, column, payload }));
            each(&cells)
        })
    }

    fn section(&self, payload: u64) -> TileSection {
        match payload >= self.hot {
            true => TileSection::Hot,
            false => TileSection::Cold,
        }
    }

    fn samples(&self) -> u64 {
        self.index.samples
    }

    fn unit(&self) -> Option<u64> {
        Some(self.index.unit)
    }
}
