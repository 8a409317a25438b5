//! Tiles: the cells of a matrix in a G × G grid, in random order, one file per row stripe.
//!
//! Id `i` belongs to stripe `i mod G` and has the local index `i / G` there. Ids are frequency
//! ranks, so every stripe has the same mix. A stripe file is a framed file; frame tags are `column
//! stripe × 2 + section`, ascending.
//!
//! The writer puts the cells of a section into its frames at random. A frame is a set: it is stored as
//! a sorted block (see `cells.rs`), which takes 1.2 bytes per cell less than any order at 4,096 cells
//! per frame, and its cells are put into random order when it is read, by Fisher and Yates's method
//! from a seed in the file. So the order of a section is as random as if it had been drawn at once
//! (Rao 1961; Sandelius 1962), and every reader sees the same. Settings: `grid`, `rows`, `columns`,
//! `stripe`, `seed`, and `unit`, which determines the codes of payloads (0: they have none).
//!
//! A file in *slots* is of another kind, for a reader that draws its own order. The cold cells of a
//! tile are put into random slots (setting `slots`), the hot ones are slot 0; frame tags are `column
//! stripe × (1 + slots) + slot`. The frames of a slot are sorted blocks that follow one another in
//! order of row and column, without compression: they are read many times and not kept.
//!
//! Files of version 1 have the cells of a section in their order, see `v1.rs`.
//!
//! A payload is the weight of the cell in units, or the two weights of a binomial cell.

mod v1;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::artefact::Published;
use crate::cells::{CellBlock, CellCodes, CellPacker, TileCell};
use crate::error::FormatError;
use crate::frame::{FrameEntry, FrameFile, FrameWriter, Kind};
use crate::order_hash::order_hash;
use crate::packing::{PackedFrame, Packing};
use crate::storage::Storage;

/// Hot cells are visited in every rotation of an epoch, cold cells in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSection {
    /// Cells of more visits than there are rotations.
    Hot,
    /// All others.
    Cold,
}

/// One of several parts of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which one, from 0.
    pub part: u32,
    /// How many there are.
    pub parts: u32,
}

impl Segment {
    /// The whole section.
    pub const WHOLE: Self = Self { part: 0, parts: 1 };
}

/// Cells to be laid out in tiles: the co-occurrence matrix, or one derived from it.
pub trait CellSource: Sync {
    /// Number of rows.
    fn rows(&self) -> u32;
    /// Number of columns.
    fn columns(&self) -> u32;
    /// Number of cells, exact or an upper bound, for progress and for sizing.
    fn cells(&self) -> u64;
    /// Number of parts that can be read at the same time.
    fn parts(&self) -> usize;
    /// Memory for reading one part, in bytes, beyond a few buffers.
    fn part_bytes(&self) -> u64 {
        0
    }
    /// Passes on the cells of one part, in batches, each cell once, with global ids, in order of
    /// row and column; parts are in order, too.
    fn for_each(
        &self,
        part: usize,
        each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError>;
    /// The section of a payload.
    fn section(&self, payload: u64) -> TileSection;
    /// The unit, if payloads are weights.
    fn unit(&self) -> Option<u64> {
        None
    }
    /// Samples of the text in which weights were counted.
    fn samples(&self) -> u64 {
        1
    }
}

/// The most slots of a section, more than the rotations of an epoch.
const SLOTS_MAX: u32 = 1 << 16;

/// How ids are dealt to stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileGrid {
    /// Stripes per side, G.
    pub grid: u32,
    /// Rows of the matrix.
    pub rows: u32,
    /// Columns of the matrix.
    pub columns: u32,
}

impl TileGrid {
    /// Stripe and local index of an id.
    #[inline]
    pub fn place(&self, id: u32) -> (u32, u32) {
        (id % self.grid, id / self.grid)
    }

    /// How many of `ids` ids fall into `stripe`.
    pub fn len(&self, ids: u32, stripe: u32) -> u32 {
        ids / self.grid + u32::from(stripe < ids % self.grid)
    }
}

/// Parameters of a stripe file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripeLayout {
    /// The grid.
    pub grid: TileGrid,
    /// The row stripe.
    pub stripe: u32,
    /// Seed of the order inside frames.
    pub seed: u64,
    /// The unit, if payloads are weights.
    pub unit: Option<u64>,
    /// Samples of the text in which weights were counted, 1 without subsampling.
    pub samples: u64,
    /// Slots of a cold section, 0 if sections are in random order.
    pub slots: u32,
}

impl StripeLayout {
    fn codes(&self) -> CellCodes {
        self.unit.map_or(CellCodes::None, |unit| CellCodes::of_unit(unit, self.samples))
    }

    /// The kind of file. It differs from version 2 only in the codes of several samples.
    fn kind(&self) -> Kind {
        match (self.slots, self.samples) {
            (1.., _) => Kind::SLOTS,
            (0, 0..=1) => Kind { version: 2, ..Kind::TILES },
            (0, _) => Kind::TILES,
        }
    }

    /// Tags of a tile.
    fn tags_a_tile(&self) -> u64 {
        1 + u64::from(self.slots.max(1))
    }

    /// The tags of a section: one, or one per slot.
    fn tags(&self, column_stripe: u32, section: TileSection) -> Range<u64> {
        let first = u64::from(column_stripe) * self.tags_a_tile();
        match section {
            TileSection::Hot => first..first + 1,
            TileSection::Cold => first + 1..first + self.tags_a_tile(),
        }
    }
}

/// A stripe file being written: tiles in column order, hot before cold.
pub struct StripeWriter {
    writer: FrameWriter,
    layout: StripeLayout,
    packer: CellPacker,
    tag: u64,
    cells: u64,
}

impl StripeWriter {
    /// Starts the file of a row stripe.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        layout: StripeLayout,
    ) -> Result<Self, FormatError> {
        let mut writer = FrameWriter::create(storage, path, layout.kind())?;
        let StripeLayout { grid, stripe, seed, unit, samples, slots } = layout;
        let sizes = [("grid", grid.grid), ("rows", grid.rows), ("columns", grid.columns)];
        sizes.iter().for_each(|(key, value)| writer.set(key, value));
        writer.set("stripe", stripe);
        writer.set("seed", seed);
        writer.set("unit", unit.unwrap_or(0));
        if layout.kind() == Kind::TILES {
            writer.set("samples", samples);
        }
        let mut packer = CellPacker::new(layout.codes());
        if slots > 0 {
            writer.set("slots", slots);
            packer = packer.packing(Packing::Stored);
        }
        Ok(Self { writer, layout, packer, tag: 0, cells: 0 })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.writer.set(key, value);
    }

    /// Appends a frame: cells drawn at random from a section, with ids local to the tile. Sections
    /// must come in ascending order.
    pub fn frame(
        &mut self,
        column_stripe: u32,
        section: TileSection,
        block: &CellBlock,
    ) -> Result<(), FormatError> {
        let tag = self.layout.tags(column_stripe, section).start;
        self.advance(tag, block.len());
        let packed = self.packer.pack(tag, block).map_err(|e| self.writer.compressing(e))?;
        self.writer.append(packed)
    }

    /// Appends cells of a slot, number 0 being the hot section, which must follow those before.
    pub fn slot(
        &mut self,
        column_stripe: u32,
        slot: u32,
        block: &CellBlock,
    ) -> Result<(), FormatError> {
        let tag = self.slot_tag(column_stripe, slot);
        self.advance(tag, block.len());
        let packed = self.packer.pack(tag, block).map_err(|e| self.writer.compressing(e))?;
        self.writer.append(packed)
    }

    /// The same with packed cells, under any tag.
    pub fn packed_slot(
        &mut self,
        column_stripe: u32,
        slot: u32,
        frame: &PackedFrame,
    ) -> Result<(), FormatError> {
        let tag = self.slot_tag(column_stripe, slot);
        self.advance(tag, frame.items() as usize);
        self.writer.append_as(tag, frame)
    }

    fn slot_tag(&self, column_stripe: u32, slot: u32) -> u64 {
        assert!(slot <= self.layout.slots, "slot {slot} of {}", self.layout.slots);
        u64::from(column_stripe) * self.layout.tags_a_tile() + u64::from(slot)
    }

    fn advance(&mut self, tag: u64, cells: usize) {
        assert!(tag >= self.tag, "sections come in ascending order");
        self.tag = tag;
        self.cells += cells as u64;
    }

    /// Cells so far.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Publishes the file.
    pub fn finish(self) -> Result<Published, FormatError> {
        self.writer.finish()
    }
}

/// Draws an order of the cells of a frame (Durstenfeld 1964, Algorithm 235), from the seed of the
/// file and the place of the frame.
fn shuffle(cells: &mut [TileCell], seed: u64, tag: u64, frame: u64) {
    let mut state = order_hash(seed ^ order_hash(tag ^ order_hash(frame)));
    for last in (1..cells.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // A product of 32 by 32 bits: a frame has far fewer than 2³² cells.
        let drawn = ((order_hash(state) >> 32) * (last as u64 + 1)) >> 32;
        cells.swap(last, drawn as usize);
    }
}

/// A finished stripe file.
#[derive(Clone)]
pub struct StripeFile {
    file: FrameFile,
    layout: StripeLayout,
    codes: CellCodes,
}

impl StripeFile {
    /// Opens a stripe file and checks its index.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = match FrameFile::open(storage, path, Kind::TILES) {
            Err(foreign @ FormatError::Foreign { .. }) => {
                match FrameFile::open(storage, path, Kind::SLOTS) {
                    Err(FormatError::Foreign { .. }) => return Err(foreign),
                    opened => opened?,
                }
            }
            opened => opened?,
        };
        let number = |key| {
            let value = u32::try_from(file.number(key)?).ok();
            value.ok_or_else(|| FormatError::corrupt(path, 0, format!("{key} exceeds 32 bits")))
        };
        let (size, rows, columns) = (number("grid")?, number("rows")?, number("columns")?);
        let grid = TileGrid { grid: size, rows, columns };
        let stripe = number("stripe")?;
        let in_slots = file.setting("slots").is_some();
        let slots = if in_slots { number("slots")? } else { 0 };
        let (seed, unit) = match file.version() == 1 && !in_slots {
            true => (0, 0),
            false => (file.number("seed")?, file.number("unit")?),
        };
        let unit = Some(unit).filter(|&unit| unit > 0);
        let has_samples = !in_slots && file.version() >= 3;
        let samples = if has_samples { file.number("samples")? } else { 1 };
        let layout = StripeLayout { grid, stripe, seed, unit, samples, slots };
        let ends = u64::from(size) * layout.tags_a_tile();
        let tags: Vec<u64> = file.entries().iter().map(|entry| entry.tag).collect();
        let known = size > 0 && size <= 1 << 16 && stripe < size && slots <= SLOTS_MAX;
        if !known || !tags.is_sorted() || tags.last().is_some_and(|&tag| tag >= ends) {
            return Err(FormatError::corrupt(path, 0, "its tiles are not in order"));
        }
        let codes = layout.codes();
        Ok(Self { file, layout, codes })
    }

    /// The file behind it.
    pub fn file(&self) -> &FrameFile {
        &self.file
    }

    /// The grid that the file belongs to.
    pub fn grid(&self) -> TileGrid {
        self.layout.grid
    }

    /// Slots of a cold section, 0 if sections are in random order.
    pub fn slots(&self) -> u32 {
        self.layout.slots
    }

    /// The row stripe.
    pub fn stripe(&self) -> u32 {
        self.layout.stripe
    }

    /// Number of cells in a section of a tile.
    pub fn cells(&self, column_stripe: u32, section: TileSection) -> u64 {
        let frames = &self.file.entries()[self.frames(self.layout.tags(column_stripe, section))];
        frames.iter().map(|entry| u64::from(entry.items)).sum()
    }

    /// The frames with these tags. They are searched each time: a table of all tags would be as large
    /// as the settings say, which may be 2³² for a file without a frame.
    fn frames(&self, tags: Range<u64>) -> Range<usize> {
        let first = |tag: u64| self.file.entries().partition_point(|entry| entry.tag < tag);
        first(tags.start)..first(tags.end)
    }

    /// How many segments a section may be cut into so that few of them exceed `most` cells: one if
    /// the section does not; for slots only the number of slots is possible.
    pub fn parts(&self, column_stripe: u32, section: TileSection, most: u64) -> u32 {
        let tags = self.layout.tags(column_stripe, section);
        match self.cells(column_stripe, section) {
            cells if cells <= most => 1,
            _ if self.layout.slots > 0 => (tags.end - tags.start) as u32,
            cells => u32::try_from(cells.div_ceil(most)).unwrap_or(u32::MAX),
        }
    }

    /// Appends a segment of a section to `out`. The segments of a section are its cells cut into
    /// consecutive pieces whose lengths differ by at most one, or its slots: each of them is a
    /// segment, in order of row and column, and the only other number of parts is 1.
    pub fn segment(
        &self,
        column_stripe: u32,
        section: TileSection,
        segment: Segment,
        out: &mut Vec<TileCell>,
    ) -> Result<(), FormatError> {
        if self.layout.slots > 0 {
            return self.of_slots(column_stripe, section, segment, out);
        }
        let total = self.cells(column_stripe, section);
        let Segment { part, parts } = segment;
        let edge = |part: u32| (u128::from(total) * u128::from(part) / u128::from(parts)) as u64;
        let (start, end) = (edge(part), edge(part + 1));
        let tag = self.layout.tags(column_stripe, section).start;
        let frames = self.frames(tag..tag + 1);
        let mut first = 0;
        let mut reader = FrameReader::new(self.codes.clone());
        for (frame, index) in frames.enumerate() {
            let next = first + u64::from(self.file.entries()[index].items);
            if first < end && next > start {
                let skip = start.saturating_sub(first) as usize;
                let stop = (end.min(next) - first) as usize;
                self.read_frame(index, tag, frame as u64, column_stripe, &mut reader)?;
                out.extend_from_slice(&reader.cells[skip..stop]);
            }
            first = next;
        }
        Ok(())
    }

    /// The same for slots.
    fn of_slots(
        &self,
        column_stripe: u32,
        section: TileSection,
        segment: Segment,
        out: &mut Vec<TileCell>,
    ) -> Result<(), FormatError> {
        let Segment { part, parts } = segment;
        let mut tags = self.layout.tags(column_stripe, section);
        if parts > 1 {
            assert_eq!(u64::from(parts), tags.end - tags.start, "parts are slots");
            tags.start += u64::from(part);
            tags.end = tags.start + 1;
        }
        let frames = self.frames(tags);
        // Limited by the length of the file: whether the items exist is checked when a frame is
        // read.
        let cells = |entry: &FrameEntry| entry.items.min(entry.stored_bytes) as usize;
        out.reserve(self.file.entries()[frames.clone()].iter().map(cells).sum());
        let mut reader = FrameReader::new(self.codes.clone());
        for index in frames {
            let first = out.len();
            reader.packer.unpack(&self.file, index, &mut reader.block)?;
            reader.block.for_each(|cell| out.push(cell));
            self.check(index, column_stripe, &out[first..])?;
        }
        Ok(())
    }

    /// The cells of a frame in their order.
    fn read_frame(
        &self,
        index: usize,
        tag: u64,
        frame: u64,
        column_stripe: u32,
        reader: &mut FrameReader,
    ) -> Result<(), FormatError> {
        reader.cells.clear();
        if self.file.version() == 1 {
            let items = self.file.entries()[index].items as usize;
            let bytes = self.file.read(index, &mut reader.buffer)?;
            v1::decode(bytes, items, &mut reader.cells)
                .ok_or_else(|| self.file.bad_frame(index, "cells that end early"))?;
        } else {
            reader.packer.unpack(&self.file, index, &mut reader.block)?;
            reader.cells.reserve(reader.block.len());
            reader.block.for_each(|cell| reader.cells.push(cell));
            shuffle(&mut reader.cells, self.layout.seed, tag, frame);
        }
        self.check(index, column_stripe, &reader.cells)
    }

    /// Checks that cells are within their tile.
    fn check(
        &self,
        index: usize,
        column_stripe: u32,
        cells: &[TileCell],
    ) -> Result<(), FormatError> {
        let TileGrid { rows, columns, .. } = self.layout.grid;
        let height = self.layout.grid.len(rows, self.layout.stripe);
        let width = self.layout.grid.len(columns, column_stripe);
        match cells.iter().all(|cell| cell.row < height && cell.column < width) {
            true => Ok(()),
            false => Err(self.file.bad_frame(index, "cells outside the tile")),
        }
    }
}

/// Buffers for reading frames.
struct FrameReader {
    packer: CellPacker,
    block: CellBlock,
    buffer: Vec<u8>,
    cells: Vec<TileCell>,
}

impl FrameReader {
    fn new(codes: CellCodes) -> Self {
        Self {
            packer: CellPacker::new(codes),
            block: CellBlock::default(),
            buffer: Vec::new(),
            cells: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    #[test]
    fn stripes_share_the_ids_evenly() {
        for (ids, grid) in [(10, 3), (9, 3), (2, 5), (1, 1)] {
            let tiles = TileGrid { grid, rows: ids, columns: ids };
            let mut counts = vec![0; grid as usize];
            (0..ids).for_each(|id| counts[tiles.place(id).0 as usize] += 1);
            let lengths: Vec<u32> = (0..grid).map(|stripe| tiles.len(ids, stripe)).collect();
            assert_eq!(counts, lengths);
        }
    }

    #[test]
    fn segments_together_are_the_section_in_random_order() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("stripe-001.tiles");
        let grid = TileGrid { grid: 2, rows: 300_000, columns: 50_000 };
        let cell = |i: u64| TileCell {
            row: (i * 11) as u32,
            column: (i * 7919 % 25_000) as u32,
            payload: if i == 4000 { 1 << 33 } else { i },
        };
        let cold: Vec<_> = (0..5001).map(cell).collect();
        let hot: Vec<_> = (0..3).map(cell).collect();
        let layout =
            StripeLayout { grid, stripe: 1, seed: 5, unit: Some(60), samples: 1, slots: 0 };
        let mut writer = StripeWriter::create(&storage, path, layout).unwrap();
        let mut put = |column_stripe, section, cells: &[TileCell]| {
            let mut block = CellBlock::default();
            cells.iter().for_each(|&cell| block.push(cell));
            writer.frame(column_stripe, section, &block).unwrap();
        };
        put(0, TileSection::Cold, &cold[..2000]);
        put(0, TileSection::Cold, &cold[2000..]);
        put(1, TileSection::Hot, &hot);
        writer.finish().unwrap();
        let stripe = StripeFile::open(&storage, path).unwrap();
        assert_eq!((stripe.stripe(), stripe.grid()), (1, grid));
        let all = |(column, section), parts| {
            let mut cells = Vec::new();
            let segments = (0..parts).map(|part| Segment { part, parts });
            segments.for_each(|it| stripe.segment(column, section, it, &mut cells).unwrap());
            cells
        };
        let whole = all((0, TileSection::Cold), 1);
        assert_ne!(whole, cold);
        for parts in [2, 8, 6000] {
            assert_eq!(all((0, TileSection::Cold), parts), whole);
            assert_eq!(all((1, TileSection::Hot), parts).len(), 3);
            assert_eq!(all((0, TileSection::Hot), parts), []);
        }
        let mut sorted = whole;
        sorted.sort_by_key(|cell| cell.row);
        assert_eq!(sorted, cold);
    }

    /// Pearson's χ² of the places that a cell of a sorted frame gets: 24 degrees of freedom, above
    /// 63 with a probability of 2 · 10⁻⁵.
    #[test]
    fn every_place_in_a_frame_is_as_likely() {
        let cells: Vec<TileCell> =
            (0..25).map(|row| TileCell { row, column: 0, payload: 0 }).collect();
        let draws = 20_000;
        let mut observed = [[0f64; 25]; 25];
        for frame in 0..draws {
            let mut drawn = cells.clone();
            shuffle(&mut drawn, 7, 3, frame);
            for (place, cell) in drawn.iter().enumerate() {
                observed[cell.row as usize][place] += 1.0;
            }
        }
        let expected = draws as f64 / 25.0;
        for places in observed {
            let chi_square: f64 = places.iter().map(|o| (o - expected).powi(2) / expected).sum();
            assert!(chi_square < 63.0, "{chi_square}");
        }
    }
}
