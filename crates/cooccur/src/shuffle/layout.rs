//! Lays out the unsorted blocks of a group of tiles as the frames of its sections.

use wordmill_formats::{CellBlock, CellPacker, FormatError, StripeWriter, TileCell, TileSection};
use wordmill_kernels::random::finalize;

use super::job::{Shuffle, mixed_seed};
use super::unsorted::UnsortedCells;
use crate::error::CooccurError;

/// Cells that a frame of a tile aims at. Stored bytes per cell (English, 36 M cells, linear window
/// of 5): 2.72 with 2048, 2.56 with 4096, 2.43 with 8192. A segment reads one frame beyond its own
/// on average, so small frames are read faster.
const FRAME_CELLS: u64 = 8192;
/// The minimum memory of a worker.
pub(super) const SORT_BYTES_MIN: u64 = 8 << 20;
/// Bytes of a cell while it is laid out: before, after, and its destination.
pub(crate) const CELL_BYTES: u64 = 2 * size_of::<TileCell>() as u64 + 4;

/// Frames of one section of one tile of the group.
#[derive(Clone, Copy, Debug, Default)]
struct Section {
    cells: u64,
    /// The number of its first frame, and how many frames it has.
    first: u64,
    frames: u64,
}

/// A group of tiles of one row stripe.
struct Group<'a> {
    shuffle: &'a Shuffle<'a>,
    stripe: u32,
    /// Its first column stripe, and their number.
    columns: (u32, u32),
    seed: u64,
    /// Two for each column stripe, hot before cold.
    sections: Vec<Section>,
}

/// Writes the tiles of a group, in as many passes over its blocks as the memory requires.
pub(super) fn lay_out(
    shuffle: &Shuffle<'_>,
    unsorted: &UnsortedCells,
    stripe: u32,
    group: u32,
    bytes: u64,
    writer: &mut StripeWriter,
) -> Result<(), CooccurError> {
    let blocks = unsorted.blocks(group);
    let columns = shuffle.groups().stripes(group);
    let sections = vec![Section::default(); 2 * columns.1 as usize];
    let seed = mixed_seed(shuffle.config.seed);
    let mut group = Group { shuffle, stripe, columns, seed, sections };
    let total: u64 = blocks.iter().map(|(_, cells)| cells).sum();
    let mut packer = CellPacker::new(shuffle.codes());
    let mut read = |each: &mut dyn FnMut(TileCell)| {
        let mut block = CellBlock::default();
        blocks.iter().try_for_each(|&(index, _)| {
            unsorted.unpack(index, &mut packer, &mut block)?;
            block.for_each(&mut *each);
            Ok::<_, FormatError>(())
        })
    };
    let most = (bytes / CELL_BYTES).max(FRAME_CELLS);
    if total <= most {
        let mut cells = Vec::with_capacity(total as usize);
        read(&mut |cell| cells.push(cell))?;
        cells.iter().for_each(|cell| group.note(cell));
        let frames = group.number_frames();
        return Ok(group.write(&cells, 0..frames, writer)?);
    }
    read(&mut |cell| group.note(&cell))?;
    let frames = group.number_frames();
    // Frames vary in size by chance and sections in their last frame, so half of the memory is
    // enough.
    let step = (most / FRAME_CELLS / 2).max(1);
    for first in (0..frames).step_by(step as usize) {
        let span = first..frames.min(first + step);
        let mut cells = Vec::new();
        read(&mut |cell| {
            if span.contains(&group.frame(&cell)) {
                cells.push(cell);
            }
        })?;
        group.write(&cells, span, writer)?;
    }
    Ok(())
}

impl Group<'_> {
    /// The column stripe of a cell within the group, and its column there.
    #[inline]
    fn column(&self, cell: &TileCell) -> (u32, u32) {
        // Nearly always a group is one tile, which needs no division.
        match self.columns.1 {
            1 => (0, cell.column),
            stripes => (cell.column % stripes, cell.column / stripes),
        }
    }

    /// The section of a cell.
    #[inline]
    fn section(&self, cell: &TileCell) -> usize {
        let is_cold = self.shuffle.source.section(cell.payload) == TileSection::Cold;
        self.column(cell).0 as usize * 2 + usize::from(is_cold)
    }

    fn note(&mut self, cell: &TileCell) {
        let section = self.section(cell);
        self.sections[section].cells += 1;
    }

    /// Numbers the frames of all sections; returns how many there are.
    fn number_frames(&mut self) -> u64 {
        let mut next = 0;
        for section in &mut self.sections {
            section.first = next;
            section.frames = section.cells.div_ceil(FRAME_CELLS);
            next += section.frames;
        }
        next
    }

    /// The number of a cell's frame: all frames of its section are equally likely.
    #[inline]
    fn frame(&self, cell: &TileCell) -> u64 {
        let grid = self.shuffle.grid.grid;
        let (place, local) = self.column(cell);
        let row = cell.row * grid + self.stripe;
        let column = local * grid + self.columns.0 + place;
        let order = finalize((u64::from(row) << 32 | u64::from(column)).wrapping_add(self.seed));
        let section = self.sections[self.section(cell)];
        section.first + ((u128::from(order) * u128::from(section.frames)) >> 64) as u64
    }

    /// Writes the frames of a span, from all of their cells in order.
    fn write(
        &self,
        cells: &[TileCell],
        span: std::ops::Range<u64>,
        writer: &mut StripeWriter,
    ) -> Result<(), FormatError> {
        let frames: Vec<u32> =
            cells.iter().map(|cell| (self.frame(cell) - span.start) as u32).collect();
        let mut starts = vec![0usize; (span.end - span.start) as usize + 1];
        frames.iter().for_each(|&frame| starts[frame as usize + 1] += 1);
        (1..starts.len()).for_each(|frame| starts[frame] += starts[frame - 1]);
        let mut sorted = vec![TileCell { row: 0, column: 0, payload: 0 }; cells.len()];
        let mut ends = starts.clone();
        for (cell, &frame) in cells.iter().zip(&frames) {
            let end = &mut ends[frame as usize];
            sorted[*end] = TileCell { column: self.column(cell).1, ..*cell };
            *end += 1;
        }
        let mut block = CellBlock::default();
        for (place, section) in self.sections.iter().enumerate() {
            let kind = if place % 2 == 0 { TileSection::Hot } else { TileSection::Cold };
            let column_stripe = self.columns.0 + place as u32 / 2;
            let first = section.first.max(span.start);
            for frame in first..(section.first + section.frames).min(span.end) {
                let frame = (frame - span.start) as usize;
                block.fill(&sorted[starts[frame]..ends[frame]]);
                if !block.is_empty() {
                    writer.frame(column_stripe, kind, &block)?;
                }
            }
        }
        Ok(())
    }
}
