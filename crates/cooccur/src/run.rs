//! Spill runs: sorted, summed cells in a framed file, one or more frames a row range.
//!
//! Kind `srun`; the tag of a frame is the range of its rows, ascending. A frame holds up to
//! [`FRAME_CELLS`] cells:
//!
//! ```text
//! varint                length of the key bytes
//! keys                  per cell: column − column of the cell before, as varint; or, for the first
//!                       cell of a row: 0, row − row of the cell before (of 0), column, as varints
//! weights               a varint a cell
//! ```

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    FormatError, FrameFile, FrameWriter, Kind, Published, Storage, get_varint, put_varint,
};

use crate::cell::Cell;
use crate::ranges::RowRanges;

/// Cells of a frame: 64 KiB decoded, so that 64 open runs take 4 MiB.
pub(crate) const FRAME_CELLS: usize = 4096;

/// A run being written in ascending order.
pub(crate) struct RunWriter<'a> {
    writer: FrameWriter,
    ranges: &'a RowRanges,
    range: usize,
    range_end: u32,
    items: u32,
    last: Option<Cell>,
    keys: Vec<u8>,
    weights: Vec<u8>,
    payload: Vec<u8>,
    cells: u64,
}

impl<'a> RunWriter<'a> {
    /// Starts a run.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        ranges: &'a RowRanges,
    ) -> Result<Self, FormatError> {
        Ok(Self {
            writer: FrameWriter::create(storage, path, Kind::RUN)?,
            ranges,
            range: 0,
            range_end: 0,
            items: 0,
            last: None,
            keys: Vec::new(),
            weights: Vec::new(),
            payload: Vec::new(),
            cells: 0,
        })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.writer.set(key, value);
    }

    /// Cells so far.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Appends a cell; keys strictly ascend.
    pub fn push(&mut self, cell: Cell) -> Result<(), FormatError> {
        if cell.row() >= self.range_end {
            self.flush()?;
            self.range = self.ranges.of(cell.row());
            let (first, rows) = self.ranges.range(self.range);
            self.range_end = first + rows;
        } else if self.items as usize == FRAME_CELLS {
            self.flush()?;
        }
        match self.last {
            Some(last) if last.row() == cell.row() => {
                debug_assert!(last.key < cell.key);
                put_varint(u64::from(cell.column() - last.column()), &mut self.keys);
            }
            last => {
                let row = last.map_or(0, Cell::row);
                self.keys.push(0);
                put_varint(u64::from(cell.row() - row), &mut self.keys);
                put_varint(u64::from(cell.column()), &mut self.keys);
            }
        }
        put_varint(cell.weight, &mut self.weights);
        self.last = Some(cell);
        self.items += 1;
        self.cells += 1;
        Ok(())
    }

    /// Publishes the run.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        self.flush()?;
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        self.last = None;
        if self.items == 0 {
            return Ok(());
        }
        self.payload.clear();
        put_varint(self.keys.len() as u64, &mut self.payload);
        self.payload.extend_from_slice(&self.keys);
        self.payload.extend_from_slice(&self.weights);
        self.writer.frame(self.range as u64, self.items, &self.payload)?;
        self.keys.clear();
        self.weights.clear();
        self.items = 0;
        Ok(())
    }
}

/// The cells of one range (or of all) of a run, in order, one frame in memory.
pub(crate) struct RunCursor {
    file: FrameFile,
    frames: std::ops::Range<usize>,
    buffer: Vec<u8>,
    cells: Vec<Cell>,
    at: usize,
}

impl RunCursor {
    /// A cursor over the frames of `range`, or over all frames.
    pub fn new(file: FrameFile, range: Option<usize>) -> Self {
        let entries = file.entries();
        let frames = match range {
            None => 0..entries.len(),
            Some(range) => {
                let edge = |tag: u64| entries.partition_point(|entry| entry.tag < tag);
                edge(range as u64)..edge(range as u64 + 1)
            }
        };
        Self { file, frames, buffer: Vec::new(), cells: Vec::new(), at: 0 }
    }

    /// The next cell; `None` at the end.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Cell>, FormatError> {
        if self.at == self.cells.len() && !self.load()? {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.cells[self.at - 1]))
    }

    fn load(&mut self) -> Result<bool, FormatError> {
        let Some(frame) = self.frames.next() else {
            return Ok(false);
        };
        let bytes = self.file.read(frame, &mut self.buffer)?;
        self.cells.clear();
        self.at = 0;
        let items = self.file.entries()[frame].items as usize;
        let whole = items > 0 && items <= FRAME_CELLS;
        if !whole || decode(bytes, items, &mut self.cells).is_none() {
            return Err(self.file.bad_frame(frame, "cells that end early or are out of order"));
        }
        Ok(true)
    }
}

fn decode(bytes: &[u8], items: usize, cells: &mut Vec<Cell>) -> Option<()> {
    let mut rest = bytes;
    let key_bytes = usize::try_from(get_varint(&mut rest)?).ok()?;
    let (mut keys, mut weights) = rest.split_at_checked(key_bytes)?;
    let (mut row, mut column) = (0u32, 0u32);
    for _ in 0..items {
        match u32::try_from(get_varint(&mut keys)?).ok()? {
            0 => {
                row = row.checked_add(u32::try_from(get_varint(&mut keys)?).ok()?)?;
                column = u32::try_from(get_varint(&mut keys)?).ok()?;
            }
            step => column = column.checked_add(step)?,
        }
        cells.push(Cell::new(row, column, get_varint(&mut weights)?));
    }
    (keys.is_empty() && weights.is_empty() && cells.is_sorted_by(|a, b| a.key < b.key))
        .then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wordmill_formats::MemoryStorage;

    #[test]
    fn a_run_comes_back_whole_and_by_range() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let ranges = RowRanges::new(&vec![100; 500], 5);
        assert!(ranges.len() > 3);
        let cell = |i: u64| Cell::new((i / 37) as u32, (i % 37 * i % 37) as u32, i * i + 1);
        let mut cells: Vec<Cell> = (0..18_000).map(cell).collect();
        cells.sort_unstable();
        cells.dedup_by_key(|cell| cell.key);
        let mut writer = RunWriter::create(&storage, Path::new("a.run"), &ranges).unwrap();
        cells.iter().for_each(|&cell| writer.push(cell).unwrap());
        writer.finish().unwrap();
        let file = FrameFile::open(&storage, Path::new("a.run"), Kind::RUN).unwrap();
        let read = |range| {
            let mut cursor = RunCursor::new(file.clone(), range);
            std::iter::from_fn(move || cursor.next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(read(None), cells);
        let parts: Vec<Cell> = (0..ranges.len()).flat_map(|range| read(Some(range))).collect();
        assert_eq!(parts, cells);
    }
}
