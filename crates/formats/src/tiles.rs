//! Tiles: the cells of a matrix in a G × G grid, in random order, one file a row stripe.
//!
//! Id `i` belongs to stripe `i mod G` and stands there at local index `i / G`: ids are frequency
//! ranks, so every stripe has the same mix. A stripe file is a framed file; frame tags are
//! `column stripe × 2 + section`, ascending. A section's frames hold [`FRAME_CELLS`] cells each but
//! for the last. A frame:
//!
//! ```text
//! 0        1  flags: 1 rows are u32 (else u16), 2 columns are u32, 4 payloads are u64 (else u32)
//! 1      n ×  local row
//! …      n ×  local column
//! …      n ×  payload, low half; then n × the high half if flag 4 is set
//! ```
//!
//! A payload is the weight of the cell in units, or the pair of f32 bits of a binomial cell.

use std::path::Path;
use std::sync::Arc;

use crate::artefact::Published;
use crate::error::FormatError;
use crate::frame::{FrameFile, FrameWriter, Kind};
use crate::storage::Storage;

/// Cells of a frame. Small enough that a segment reads little more than its own cells.
const FRAME_CELLS: usize = 2048;

const WIDE_ROWS: u8 = 1;
const WIDE_COLUMNS: u8 = 2;
const WIDE_PAYLOADS: u8 = 4;

/// A cell inside its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileCell {
    /// Row, local to the stripe (or global where it comes from a [`CellSource`]).
    pub row: u32,
    /// Column, likewise.
    pub column: u32,
    /// Weight in units, or another 64 bits of the source's.
    pub payload: u64,
}

/// Heavy cells are visited in every rotation of an epoch, light cells in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSection {
    /// Cells of more visits than there are rotations.
    Heavy,
    /// All others.
    Light,
}

/// Cells to be laid out in tiles: the co-occurrence matrix, or one derived from it.
pub trait CellSource: Sync {
    /// Number of rows.
    fn rows(&self) -> u32;
    /// Number of columns.
    fn columns(&self) -> u32;
    /// Number of cells, exact or an upper bound: for progress and for sizing.
    fn cells(&self) -> u64;
    /// Number of parts that can be read at the same time.
    fn parts(&self) -> usize;
    /// Memory that reading one part takes, in bytes, beyond a few buffers.
    fn part_bytes(&self) -> u64 {
        0
    }
    /// Hands over the cells of one part, in batches, each cell once, with global ids.
    fn for_each(
        &self,
        part: usize,
        each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError>;
    /// Which section a payload belongs to.
    fn section(&self, payload: u64) -> TileSection;
}

/// How ids are dealt to stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileGrid {
    /// Stripes a side, G.
    pub grid: u32,
    /// Rows of the matrix.
    pub rows: u32,
    /// Columns of the matrix.
    pub columns: u32,
}

impl TileGrid {
    /// Stripe and local index of an id.
    pub fn place(&self, id: u32) -> (u32, u32) {
        (id % self.grid, id / self.grid)
    }

    /// How many of `ids` ids fall into `stripe`.
    pub fn len(&self, ids: u32, stripe: u32) -> u32 {
        ids / self.grid + u32::from(stripe < ids % self.grid)
    }
}

/// A stripe file being written: tiles in column order, heavy before light.
pub struct StripeWriter {
    writer: FrameWriter,
    tag: u64,
    held: Vec<TileCell>,
    cells: u64,
    payload: Vec<u8>,
}

impl StripeWriter {
    /// Starts the file of row stripe `stripe`.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        grid: TileGrid,
        stripe: u32,
        settings: &[(&str, String)],
    ) -> Result<Self, FormatError> {
        let mut writer = FrameWriter::create(storage, path, Kind::TILES)?;
        let sizes = [("grid", grid.grid), ("rows", grid.rows), ("columns", grid.columns)];
        sizes.iter().for_each(|(key, value)| writer.set(key, value));
        writer.set("stripe", stripe);
        settings.iter().for_each(|(key, value)| writer.set(key, value));
        Ok(Self { writer, tag: 0, held: Vec::new(), cells: 0, payload: Vec::new() })
    }

    /// Appends cells, local to the tile, to a section. Sections come in ascending order, each in
    /// one call or several.
    pub fn section(
        &mut self,
        column_stripe: u32,
        section: TileSection,
        cells: &[TileCell],
    ) -> Result<(), FormatError> {
        let tag = tag(column_stripe, section);
        assert!(tag >= self.tag, "sections come in ascending order");
        if tag > self.tag {
            self.flush(1)?;
            self.tag = tag;
        }
        self.cells += cells.len() as u64;
        self.held.extend_from_slice(cells);
        self.flush(FRAME_CELLS)
    }

    /// Writes frames as long as at least `least` cells are held.
    fn flush(&mut self, least: usize) -> Result<(), FormatError> {
        let mut done = 0;
        while self.held.len() - done >= least {
            let frame = &self.held[done..self.held.len().min(done + FRAME_CELLS)];
            encode(frame, &mut self.payload);
            self.writer.frame(self.tag, frame.len() as u32, &self.payload)?;
            done += frame.len();
        }
        self.held.drain(..done);
        Ok(())
    }

    /// Cells so far.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Publishes the file.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        self.flush(1)?;
        self.writer.finish()
    }
}

fn tag(column_stripe: u32, section: TileSection) -> u64 {
    u64::from(column_stripe) * 2 + u64::from(section == TileSection::Light)
}

fn encode(cells: &[TileCell], out: &mut Vec<u8>) {
    let wide_rows = cells.iter().any(|cell| cell.row > u32::from(u16::MAX));
    let wide_columns = cells.iter().any(|cell| cell.column > u32::from(u16::MAX));
    let wide_payloads = cells.iter().any(|cell| cell.payload > u64::from(u32::MAX));
    let flag = |wide: bool, bit: u8| if wide { bit } else { 0 };
    out.clear();
    out.push(
        flag(wide_rows, WIDE_ROWS)
            | flag(wide_columns, WIDE_COLUMNS)
            | flag(wide_payloads, WIDE_PAYLOADS),
    );
    put_ids(cells.iter().map(|cell| cell.row), wide_rows, out);
    put_ids(cells.iter().map(|cell| cell.column), wide_columns, out);
    cells.iter().for_each(|cell| out.extend_from_slice(&(cell.payload as u32).to_le_bytes()));
    if wide_payloads {
        let high = |cell: &TileCell| ((cell.payload >> 32) as u32).to_le_bytes();
        cells.iter().for_each(|cell| out.extend_from_slice(&high(cell)));
    }
}

fn put_ids(ids: impl Iterator<Item = u32>, wide: bool, out: &mut Vec<u8>) {
    match wide {
        true => ids.for_each(|id| out.extend_from_slice(&id.to_le_bytes())),
        false => ids.for_each(|id| out.extend_from_slice(&(id as u16).to_le_bytes())),
    }
}

/// A finished stripe file.
#[derive(Clone)]
pub struct StripeFile {
    file: FrameFile,
    /// The row stripe and the grid.
    grid: TileGrid,
    stripe: u32,
    /// First frame of each tag, and the end.
    starts: Vec<usize>,
}

impl StripeFile {
    /// Opens a stripe file and checks its index.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = FrameFile::open(storage, path, Kind::TILES)?;
        let number = |key| {
            let value = u32::try_from(file.number(key)?).ok();
            value.ok_or_else(|| FormatError::corrupt(path, 0, format!("{key} exceeds 32 bits")))
        };
        let (size, rows, columns) = (number("grid")?, number("rows")?, number("columns")?);
        let grid = TileGrid { grid: size, rows, columns };
        let stripe = number("stripe")?;
        let tags: Vec<u64> = file.entries().iter().map(|entry| entry.tag).collect();
        let known = size > 0 && size <= 1 << 16 && stripe < size;
        if !known || !tags.is_sorted() || tags.last().is_some_and(|&tag| tag >= 2 * u64::from(size))
        {
            return Err(FormatError::corrupt(path, 0, "its tiles are not in order"));
        }
        let starts =
            (0..=2 * u64::from(size)).map(|tag| tags.partition_point(|&t| t < tag)).collect();
        Ok(Self { file, grid, stripe, starts })
    }

    /// The file behind it.
    pub fn file(&self) -> &FrameFile {
        &self.file
    }

    /// The grid that the file belongs to.
    pub fn grid(&self) -> TileGrid {
        self.grid
    }

    /// The row stripe.
    pub fn stripe(&self) -> u32 {
        self.stripe
    }

    /// Number of cells in a section of a tile.
    pub fn cells(&self, column_stripe: u32, section: TileSection) -> u64 {
        let tag = tag(column_stripe, section) as usize;
        let frames = &self.file.entries()[self.starts[tag]..self.starts[tag + 1]];
        frames.iter().map(|entry| u64::from(entry.items)).sum()
    }

    /// Appends segment `part` of `parts` of a section to `out`. The segments of a section are
    /// its cells cut into consecutive pieces whose lengths differ by at most one.
    pub fn segment(
        &self,
        (column_stripe, section): (u32, TileSection),
        (part, parts): (u32, u32),
        out: &mut Vec<TileCell>,
    ) -> Result<(), FormatError> {
        let total = self.cells(column_stripe, section);
        let edge = |part: u32| (u128::from(total) * u128::from(part) / u128::from(parts)) as u64;
        let (start, end) = (edge(part), edge(part + 1));
        let tag = tag(column_stripe, section) as usize;
        let mut first = 0;
        let mut buffer = Vec::new();
        for index in self.starts[tag]..self.starts[tag + 1] {
            let next = first + u64::from(self.file.entries()[index].items);
            if first < end && next > start {
                let skip = start.saturating_sub(first) as usize;
                let stop = (end.min(next) - first) as usize;
                let bytes = self.file.read(index, &mut buffer)?;
                let items = (next - first) as usize;
                if self.decode(bytes, items, skip..stop, column_stripe, out).is_none() {
                    return Err(self.file.bad_frame(index, "cells outside the tile"));
                }
            }
            first = next;
        }
        Ok(())
    }

    fn decode(
        &self,
        bytes: &[u8],
        items: usize,
        span: std::ops::Range<usize>,
        column_stripe: u32,
        out: &mut Vec<TileCell>,
    ) -> Option<()> {
        let (&flags, rest) = bytes.split_first()?;
        let id_bytes = |bit| if flags & bit != 0 { 4 } else { 2 };
        let (rows, rest) = rest.split_at_checked(items * id_bytes(WIDE_ROWS))?;
        let (columns, rest) = rest.split_at_checked(items * id_bytes(WIDE_COLUMNS))?;
        let (low, high) = rest.split_at_checked(items * 4)?;
        let wide_payloads = flags & WIDE_PAYLOADS != 0;
        if flags > 7 || high.len() != if wide_payloads { items * 4 } else { 0 } {
            return None;
        }
        let id = |bytes: &[u8], wide: bool, at: usize| match wide {
            true => u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().expect("four bytes")),
            false => u32::from(u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])),
        };
        let height = self.grid.len(self.grid.rows, self.stripe);
        let width = self.grid.len(self.grid.columns, column_stripe);
        out.reserve(span.len());
        for at in span {
            let row = id(rows, flags & WIDE_ROWS != 0, at);
            let column = id(columns, flags & WIDE_COLUMNS != 0, at);
            if row >= height || column >= width {
                return None;
            }
            let high = if wide_payloads { id(high, true, at) } else { 0 };
            let payload = u64::from(high) << 32 | u64::from(id(low, true, at));
            out.push(TileCell { row, column, payload });
        }
        Some(())
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
    fn segments_together_are_the_section() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("stripe-001.tiles");
        let grid = TileGrid { grid: 2, rows: 300_000, columns: 50_000 };
        let cell = |i: u64| TileCell {
            row: (i * 7919 % 150_000) as u32,
            column: (i % 25_000) as u32,
            payload: if i == 4000 { 1 << 33 } else { i },
        };
        let light: Vec<_> = (0..5001).map(cell).collect();
        let heavy: Vec<_> = (0..3).map(cell).collect();
        let mut writer = StripeWriter::create(&storage, path, grid, 1, &[]).unwrap();
        writer.section(0, TileSection::Light, &light).unwrap();
        writer.section(1, TileSection::Heavy, &heavy).unwrap();
        writer.finish().unwrap();
        let stripe = StripeFile::open(&storage, path).unwrap();
        assert_eq!((stripe.stripe(), stripe.grid()), (1, grid));
        let all = |tile, parts| {
            let mut cells = Vec::new();
            (0..parts).for_each(|part| stripe.segment(tile, (part, parts), &mut cells).unwrap());
            cells
        };
        for parts in [1, 2, 8, 6000] {
            assert_eq!(all((0, TileSection::Light), parts), light);
            assert_eq!(all((1, TileSection::Heavy), parts), heavy);
            assert_eq!(all((0, TileSection::Heavy), parts), []);
        }
    }
}
