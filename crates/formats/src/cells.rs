//! Blocks of cells: ascending rows of ascending columns, each with a payload, packed into a frame.
//!
//! Spill runs, unsorted cells and tiles all consist of such blocks. A frame has nine planes:
//!
//! ```text
//! row steps      a varint per row: rows skipped since the row before (of the block's first: its
//! id)
//! row lengths    a varint per row: its number of cells
//! steps low      a byte per cell: columns skipped since the one before in the row, low half
//! steps high     a byte per cell: high half; both 0xff if the number is among the wide steps
//! wide steps     u32 each
//! codes low      a byte per cell: the code of its payload (see `codes.rs`), low half
//! codes high     a byte per cell: high half; both 0xff if the payload is among the wide ones
//! wide low       u32 each: low halves of payloads
//! wide high      u32 each: their high halves; empty if all are 0
//! ```
//!
//! Without codes the two planes of codes are empty and all payloads are wide.

mod codes;

pub use codes::CellCodes;
use codes::ESCAPE;

use crate::packing::{PackedFrame, Packing, Planes, unpack_planes};
use crate::varint::{get_varint, put_varint};

/// The most cells of a block. Writers close one at some 8,192; without a limit a frame of 2 KiB that
/// zstd unpacks to 64 MiB would take a gigabyte as cells.
const BLOCK_CELLS_MAX: usize = 1 << 20;

/// A cell inside its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileCell {
    /// Row, local to the stripe (or global where it comes from a [`CellSource`](crate::CellSource)).
    pub row: u32,
    /// Column, likewise.
    pub column: u32,
    /// Weight in units, or another 64-bit value of the source.
    pub payload: u64,
}

/// Cells of a block in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellBlock {
    /// Each row with its number of cells, ascending, none empty.
    rows: Vec<(u32, u32)>,
    columns: Vec<u32>,
    payloads: Vec<u64>,
}

impl CellBlock {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether the block is empty.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Removes all cells and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.columns.clear();
        self.payloads.clear();
    }

    /// Appends cells of a row, which is not below the last one, with ascending columns.
    #[inline]
    pub fn extend(&mut self, row: u32, columns: &[u32], payloads: &[u64]) {
        debug_assert_eq!(columns.len(), payloads.len());
        match self.rows.last_mut() {
            _ if columns.is_empty() => return,
            Some(last) if last.0 == row => last.1 += columns.len() as u32,
            last => {
                debug_assert!(last.is_none_or(|last| last.0 < row), "rows come in order");
                self.rows.push((row, columns.len() as u32));
            }
        }
        self.columns.extend_from_slice(columns);
        self.payloads.extend_from_slice(payloads);
    }

    /// Appends a cell after the last one.
    #[inline]
    pub fn push(&mut self, cell: TileCell) {
        match self.rows.last_mut() {
            Some(last) if last.0 == cell.row => last.1 += 1,
            last => {
                debug_assert!(last.is_none_or(|last| last.0 < cell.row), "rows come in order");
                self.rows.push((cell.row, 1));
            }
        }
        self.columns.push(cell.column);
        self.payloads.push(cell.payload);
    }

    /// Each row with the number of its cells.
    pub fn rows(&self) -> &[(u32, u32)] {
        &self.rows
    }

    /// Columns of all cells, row by row.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Payloads of all cells, row by row.
    pub fn payloads(&self) -> &[u64] {
        &self.payloads
    }

    /// Calls `each` with all cells in order.
    #[inline]
    pub fn for_each(&self, mut each: impl FnMut(TileCell)) {
        let mut rest = self.columns.iter().zip(&self.payloads);
        for &(row, cells) in &self.rows {
            for (&column, &payload) in rest.by_ref().take(cells as usize) {
                each(TileCell { row, column, payload });
            }
        }
    }

    /// Replaces the content by these cells, which must come in order of row and column.
    pub fn fill(&mut self, cells: &[TileCell]) {
        self.clear();
        self.columns.extend(cells.iter().map(|cell| cell.column));
        self.payloads.extend(cells.iter().map(|cell| cell.payload));
        for row in cells.chunk_by(|a, b| a.row == b.row) {
            debug_assert!(self.rows.last().is_none_or(|last| last.0 < row[0].row));
            self.rows.push((row[0].row, row.len() as u32));
        }
    }

    /// The row and column of the first cell as one number with the same order.
    pub fn first_key(&self) -> u64 {
        let key = |(row, _): &(u32, u32)| u64::from(*row) << 32 | u64::from(self.columns[0]);
        self.rows.first().map_or(0, key)
    }
}

/// Packs and unpacks blocks; reuses its buffers.
#[derive(Debug, Default)]
pub struct CellPacker {
    codes: CellCodes,
    packing: Packing,
    out: [Vec<u8>; 9],
    frame: PackedFrame,
    planes: Planes,
}

impl CellPacker {
    /// A packer with these codes.
    pub fn new(codes: CellCodes) -> Self {
        Self { codes, ..Self::default() }
    }

    /// The same for blocks that stay in memory.
    pub fn packing(self, packing: Packing) -> Self {
        Self { packing, ..self }
    }

    /// Packs a block into a frame with this tag.
    ///
    /// # Panics
    /// If it has more than 2²⁰ cells.
    pub fn pack(&mut self, tag: u64, block: &CellBlock) -> std::io::Result<&PackedFrame> {
        assert!(block.len() <= BLOCK_CELLS_MAX, "a block of {} cells", block.len());
        self.out.iter_mut().for_each(Vec::clear);
        let [row_steps, row_lengths, low, high, wide, ..] = &mut self.out;
        let mut next_row = 0;
        let mut start = 0;
        for &(row, cells) in &block.rows {
            put_varint(u64::from(row) - next_row, row_steps);
            put_varint(u64::from(cells), row_lengths);
            next_row = u64::from(row) + 1;
            let end = start + cells as usize;
            put_steps(&block.columns[start..end], low, high, wide);
            start = end;
        }
        let [.., codes_low, codes_high, wide_low, wide_high] = &mut self.out;
        self.codes.put(&block.payloads, (codes_low, codes_high), (wide_low, wide_high));
        let planes: [&[u8]; 9] = std::array::from_fn(|plane| &self.out[plane][..]);
        self.frame.pack_planes(self.packing, tag, block.len() as u32, &planes)?;
        Ok(&self.frame)
    }

    /// Unpacks frame `index` of a file into `block`.
    ///
    /// # Errors
    /// Errors of [`crate::FrameFile::read_planes`], and a frame that is not a block.
    pub fn unpack(
        &mut self,
        file: &crate::FrameFile,
        index: usize,
        block: &mut CellBlock,
    ) -> Result<(), crate::FormatError> {
        file.read_planes(index, &mut self.planes)?;
        let items = file.entries()[index].items as usize;
        self.take(items, block)
            .ok_or_else(|| file.bad_frame(index, "cells that end early or are out of order"))
    }

    /// Unpacks a frame that was never written; `None` if it is not a block.
    pub fn unpack_frame(&mut self, frame: &PackedFrame, block: &mut CellBlock) -> Option<()> {
        self.planes.bytes.resize(frame.entry().raw_bytes as usize, 0);
        unpack_planes(&frame.stored, &mut self.planes.bytes, &mut self.planes.ends)?;
        self.take(frame.items() as usize, block)
    }

    fn take(&self, items: usize, block: &mut CellBlock) -> Option<()> {
        block.clear();
        take_block(self.planes.all()?, items, &self.codes, block)
    }
}

fn put_steps(columns: &[u32], low: &mut Vec<u8>, high: &mut Vec<u8>, wide: &mut Vec<u8>) {
    let mut next = 0;
    let step = |column: u32| {
        let step = column - next;
        next = column.wrapping_add(1);
        if step >= u32::from(ESCAPE) {
            wide.extend_from_slice(&step.to_le_bytes());
        }
        step.min(u32::from(ESCAPE)) as u16
    };
    let steps = columns.iter().copied().map(step);
    for step in steps {
        low.push(step as u8);
        high.push((step >> 8) as u8);
    }
}

fn take_block(
    [mut row_steps, mut row_lengths, low, high, wide, codes_low, codes_high, wide_low, wide_high]: [&[u8]; 9],
    items: usize,
    codes: &CellCodes,
    block: &mut CellBlock,
) -> Option<()> {
    if low.len() != items || high.len() != items || items > BLOCK_CELLS_MAX {
        return None;
    }
    block.columns.reserve(items);
    let mut wide = wide.chunks_exact(4);
    let (mut next_row, mut start) = (0u64, 0usize);
    while start < items {
        let row = next_row.checked_add(get_varint(&mut row_steps)?)?;
        let cells = u32::try_from(get_varint(&mut row_lengths)?).ok()?;
        let end = start.checked_add(cells as usize).filter(|&end| end <= items && cells > 0)?;
        block.rows.push((u32::try_from(row).ok()?, cells));
        let mut next = 0u64;
        let steps = low[start..end].iter().zip(&high[start..end]);
        for step in steps.map(|(&low, &high)| u16::from_le_bytes([low, high])) {
            let step = match step {
                ESCAPE => u32::from_le_bytes(wide.next()?.try_into().ok()?),
                step => u32::from(step),
            };
            next += u64::from(step);
            block.columns.push(next as u32);
            next += 1;
        }
        // Columns ascend, so the last one shows whether all were below 2³².
        (next <= 1 << 32).then_some(())?;
        (next_row, start) = (row + 1, end);
    }
    codes.take(items, (codes_low, codes_high), (wide_low, wide_high), &mut block.payloads)?;
    let all = row_steps.is_empty() && row_lengths.is_empty() && wide.next().is_none();
    all.then_some(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::{FrameFile, FrameWriter, Kind, MemoryStorage, Storage};

    fn check(codes: CellCodes, cells: &[(u32, u32, u64)]) {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let mut block = CellBlock::default();
        let cell = |&(row, column, payload): &(u32, u32, u64)| TileCell { row, column, payload };
        cells.iter().map(cell).for_each(|cell| block.push(cell));
        let mut packer = CellPacker::new(codes);
        let mut writer = FrameWriter::create(&storage, Path::new("a"), Kind::RUN).unwrap();
        writer.append(packer.pack(3, &block).unwrap()).unwrap();
        writer.finish().unwrap();
        let file = FrameFile::open(&storage, Path::new("a"), Kind::RUN).unwrap();
        let mut found = CellBlock::default();
        packer.unpack(&file, 0, &mut found).unwrap();
        assert_eq!(found, block);
        let expected: Vec<TileCell> = cells.iter().map(cell).collect();
        let mut listed = Vec::new();
        found.for_each(|cell| listed.push(cell));
        assert_eq!(listed, expected);
        found.fill(&expected);
        assert_eq!(found, block);
    }

    #[test]
    fn blocks_come_back_with_any_codes() {
        let edge = u32::from(ESCAPE);
        let cells = [
            (0, 0, 1),
            (0, 1, 360_360),
            (0, u32::MAX, 0),
            (7, edge - 1, 180_180 + 360_360),
            (7, edge + edge - 1, u64::from(ESCAPE) - 1),
            (7, 3 * edge, u64::from(ESCAPE)),
            (u32::MAX, 5, u64::MAX),
            (u32::MAX, 6, u64::from(u32::MAX)),
        ];
        for codes in [CellCodes::None, CellCodes::Plain, CellCodes::of_unit(360_360, 1)] {
            for end in 0..=cells.len() {
                check(codes.clone(), &cells[..end]);
            }
        }
    }
}
