//! For benches only: the hot loops separately, on cells in memory.
//!
//! Each function does one part of counting, merging or laying out. Only the benches call them, and they may change at
//! any time.

use wordmill_formats::{CellBlock, CellCodes, CellPacker, PackedFrame, TileCell};

use crate::count::weighting::WindowConfig;
use crate::count::windows::{add_windows, margin};
use crate::runs::sums::{END, RowSums};

/// Places of tokens, with an index of the places of each word.
pub struct Places {
    window: WindowConfig,
    places: Vec<u32>,
    positions: Vec<Vec<u32>>,
    sums: RowSums,
}

impl Places {
    /// Places of lines of words below `words`.
    #[must_use]
    pub fn new(lines: &[Vec<u32>], words: u32, window: WindowConfig) -> Self {
        let reach = usize::from(window.window);
        let mut places = vec![END; reach];
        let mut positions = vec![Vec::new(); words as usize];
        for line in lines {
            for &word in line {
                positions[word as usize].push(places.len() as u32);
                places.push(word);
            }
            places.push(END);
        }
        places.resize(places.len() + margin(reach), END);
        Self { window, places, positions, sums: RowSums::new(words) }
    }

    /// Adds up all rows; returns the number of cells.
    pub fn add(&mut self) -> u64 {
        let weights = self.window.weights();
        let mut cells = 0;
        for positions in &self.positions {
            add_windows(&self.places, positions, self.window.sides, &weights, &mut self.sums);
            cells += self.sums.take().0.len() as u64;
        }
        cells
    }

    /// The same, and returns the rows as blocks of at most this many cells.
    #[must_use]
    pub fn blocks(&mut self, block_cells: usize) -> Vec<CellBlock> {
        let weights = self.window.weights();
        let mut blocks = vec![CellBlock::default()];
        for (row, positions) in (0..).zip(&self.positions) {
            add_windows(&self.places, positions, self.window.sides, &weights, &mut self.sums);
            let (columns, sums) = self.sums.take();
            for (columns, sums) in columns.chunks(block_cells).zip(sums.chunks(block_cells)) {
                if blocks[blocks.len() - 1].len() + columns.len() > block_cells {
                    blocks.push(CellBlock::default());
                }
                blocks.last_mut().expect("there is one").extend(row, columns, sums);
            }
        }
        blocks
    }
}

/// Packs blocks; returns the frames.
#[must_use]
pub fn pack(blocks: &[CellBlock], unit: u64) -> Vec<PackedFrame> {
    let mut packer = CellPacker::new(CellCodes::of_unit(unit, 1));
    let pack = |block: &CellBlock| packer.pack(0, block).expect("memory does not fail").clone();
    blocks.iter().map(pack).collect()
}

/// Unpacks frames; returns a sum over their cells.
#[must_use]
pub fn unpack(frames: &[PackedFrame], unit: u64) -> u64 {
    let mut packer = CellPacker::new(CellCodes::of_unit(unit, 1));
    let (mut block, mut sum) = (CellBlock::default(), 0u64);
    for frame in frames {
        packer.unpack_frame(frame, &mut block).expect("what was packed unpacks");
        block.for_each(|TileCell { row, column, payload }| {
            sum = sum.wrapping_add(payload ^ u64::from(row) ^ u64::from(column));
        });
    }
    sum
}
