//! Spill runs: summed cells of one partition of the rows, in framed files.
//!
//! The kind is `srun`. A frame is a block of cells (see `CellBlock`) of one row range, its tag is
//! the row and the column of its first cell. Threads append frames as they finish them, so the
//! frames of a file are in any order; a cursor sorts those that it reads. No cell occurs twice in a
//! run.
//! twice in a run.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use wordmill_formats::{
    CellBlock, CellCodes, CellPacker, FormatError, FrameFile, FrameWriter, Kind, Published, Storage,
};

use super::ranges::RowRanges;

/// Cells of a frame: 100 KiB in memory, so that 64 open runs take 9 MiB. Smaller frames pack worse:
/// 2.21 bytes a cell with 2048, 2.07 with 8192, 2.04 with 32768 (English, harmonic window of 5).
pub(crate) const FRAME_CELLS: usize = 8192;
/// Memory of an open run: a block and its planes.
pub(crate) const CURSOR_BYTES: u64 = (FRAME_CELLS as u64) * 22;

/// The weights of a run, which determine the codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunWeights {
    /// Units of a weight of 1.
    pub unit: u64,
    /// Samples of the text in which pairs were counted.
    pub samples: u64,
}

impl RunWeights {
    /// The kind of new runs. They differ from version 2 only in the codes of several samples.
    fn kind(self) -> Kind {
        if self.samples > 1 { Kind::RUN } else { Kind { version: 2, ..Kind::RUN } }
    }

    /// The codes of new runs.
    pub fn codes(self) -> CellCodes {
        CellCodes::of_unit(self.unit, self.samples)
    }

    /// The codes of an existing run.
    fn codes_of(self, file: &FrameFile) -> CellCodes {
        CellCodes::of_unit(self.unit, if file.version() < 3 { 1 } else { self.samples })
    }
}

/// A run to which several threads append.
pub(crate) struct RunFile {
    writer: Mutex<FrameWriter>,
}

impl RunFile {
    /// Starts a run.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        weights: RunWeights,
    ) -> Result<Self, FormatError> {
        Ok(Self { writer: Mutex::new(FrameWriter::create(storage, path, weights.kind())?) })
    }

    /// Publishes the run.
    pub fn finish(self) -> Result<Published, FormatError> {
        self.writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

/// Cuts ascending cells into frames and appends them to runs.
pub(crate) struct RunWriter {
    packer: CellPacker,
    block: CellBlock,
    cells: u64,
}

impl RunWriter {
    /// An empty writer.
    pub fn new(codes: CellCodes) -> Self {
        Self { packer: CellPacker::new(codes), block: CellBlock::default(), cells: 0 }
    }

    /// Appends cells of a row. Call [`RunWriter::flush`] before a row of another range or file.
    pub fn row(
        &mut self,
        run: &RunFile,
        row: u32,
        mut columns: &[u32],
        mut weights: &[u64],
    ) -> Result<(), FormatError> {
        self.cells += columns.len() as u64;
        while self.block.len() + columns.len() >= FRAME_CELLS {
            let now = FRAME_CELLS - self.block.len();
            self.block.extend(row, &columns[..now], &weights[..now]);
            (columns, weights) = (&columns[now..], &weights[now..]);
            self.flush(run)?;
        }
        self.block.extend(row, columns, weights);
        Ok(())
    }

    /// Writes the current frame.
    pub fn flush(&mut self, run: &RunFile) -> Result<(), FormatError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let tag = self.block.first_key();
        let packed = self.packer.pack(tag, &self.block);
        let mut writer = run.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = packed.map_err(|e| writer.compressing(e))?;
        self.block.clear();
        writer.append(frame)
    }

    /// Cells so far.
    pub fn cells(&self) -> u64 {
        self.cells
    }
}

/// The cells of one range of a run, row by row, one frame in memory.
pub(crate) struct RunCursor {
    file: FrameFile,
    /// Frames yet to come, last first.
    frames: Vec<usize>,
    packer: CellPacker,
    block: CellBlock,
    /// The current row and its remaining cells.
    at_row: usize,
    at: usize,
    row_end: usize,
    rows: std::ops::Range<u32>,
}

impl RunCursor {
    /// A cursor over the frames of `range`.
    pub fn new(
        file: FrameFile,
        ranges: &RowRanges,
        range: usize,
        weights: RunWeights,
    ) -> Result<Self, FormatError> {
        let (first, rows) = ranges.range(range);
        let rows = first..first + rows;
        let tag = |frame: &usize| file.entries()[*frame].tag;
        let is_ours = |frame: &usize| rows.contains(&((tag(frame) >> 32) as u32));
        let mut frames: Vec<usize> = (0..file.entries().len()).filter(is_ours).collect();
        frames.sort_unstable_by_key(|frame| std::cmp::Reverse(tag(frame)));
        let packer = CellPacker::new(weights.codes_of(&file));
        let mut cursor = Self {
            file,
            frames,
            packer,
            block: CellBlock::default(),
            at_row: 0,
            at: 0,
            row_end: 0,
            rows,
        };
        cursor.load()?;
        Ok(cursor)
    }

    /// The row of the next cell; `None` at the end.
    #[inline]
    pub fn row(&self) -> Option<u32> {
        self.block.rows().get(self.at_row).map(|(row, _)| *row)
    }

    /// Passes on the cells of `row` whose columns are below `end`, in pieces, if `row` is next.
    pub fn take(
        &mut self,
        row: u32,
        end: u64,
        mut each: impl FnMut(&[u32], &[u64]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        while self.row() == Some(row) {
            let columns = &self.block.columns()[self.at..self.row_end];
            let cells = match columns.last() {
                Some(&last) if u64::from(last) < end => columns.len(),
                _ => columns.partition_point(|&column| u64::from(column) < end),
            };
            each(&columns[..cells], &self.block.payloads()[self.at..self.at + cells])?;
            self.at += cells;
            if self.at < self.row_end {
                return Ok(());
            }
            self.at_row += 1;
            match self.block.rows().get(self.at_row) {
                Some((_, cells)) => self.row_end += *cells as usize,
                None => self.load()?,
            }
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), FormatError> {
        let last = self.block.rows().last().map(|(row, _)| *row);
        self.block.clear();
        (self.at_row, self.at) = (0, 0);
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        self.packer.unpack(&self.file, frame, &mut self.block)?;
        let rows = self.block.rows();
        let inside = rows.first().is_some_and(|(row, _)| last.is_none_or(|last| last <= *row))
            && rows.iter().all(|(row, _)| self.rows.contains(row));
        if !inside {
            return Err(self.file.bad_frame(frame, "cells of another row range"));
        }
        // In the sums, a sum of 0 marks a column that has no weight yet.
        if self.block.payloads().contains(&0) {
            return Err(self.file.bad_frame(frame, "a cell of weight 0"));
        }
        self.row_end = rows[0].1 as usize;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wordmill_formats::MemoryStorage;

    const PLAIN: RunWeights = RunWeights { unit: 1, samples: 1 };

    #[test]
    fn a_cell_of_weight_0_is_refused_before_it_is_summed() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let run = RunFile::create(&storage, Path::new("a.run"), PLAIN).unwrap();
        let mut writer = RunWriter::new(PLAIN.codes());
        writer.row(&run, 0, &[1, 2], &[5, 0]).unwrap();
        writer.flush(&run).unwrap();
        run.finish().unwrap();
        let file = FrameFile::open(&storage, Path::new("a.run"), Kind::RUN).unwrap();
        let ranges = RowRanges::new(&[100; 5], 1);
        let cursor = RunCursor::new(file, &ranges, 0, PLAIN);
        let error = cursor.map(|_| ()).unwrap_err();
        assert!(error.is_bad_artefact() && error.to_string().contains("weight 0"), "{error}");
    }

    #[test]
    fn a_run_comes_back_by_range_whatever_the_order_of_its_frames() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let ranges = RowRanges::new(&vec![100; 500], 5);
        assert!(ranges.len() > 3);
        let columns =
            |row: u32| (0..row * 37 % 20_000).map(|i| i * 3 + row % 2).collect::<Vec<_>>();
        let weights =
            |row: u32| (0..u64::from(row * 37 % 20_000)).map(|i| i * i + 1).collect::<Vec<_>>();
        let run = RunFile::create(&storage, Path::new("a.run"), PLAIN).unwrap();
        let mut writer = RunWriter::new(PLAIN.codes());
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.reverse();
        for range in order {
            let (first, rows) = ranges.range(range);
            for row in first..first + rows {
                writer.row(&run, row, &columns(row), &weights(row)).unwrap();
            }
            writer.flush(&run).unwrap();
        }
        run.finish().unwrap();
        let file = FrameFile::open(&storage, Path::new("a.run"), Kind::RUN).unwrap();
        for range in 0..ranges.len() {
            let mut cursor = RunCursor::new(file.clone(), &ranges, range, PLAIN).unwrap();
            let (first, rows) = ranges.range(range);
            for row in first..first + rows {
                let (mut found, mut sums) = (Vec::new(), Vec::new());
                for end in [5000, 1 << 32] {
                    cursor
                        .take(row, end, |columns, weights| {
                            assert!(columns.iter().all(|&column| u64::from(column) < end));
                            found.extend_from_slice(columns);
                            sums.extend_from_slice(weights);
                            Ok(())
                        })
                        .unwrap();
                }
                assert_eq!((found, sums), (columns(row), weights(row)));
            }
            assert_eq!(cursor.row(), None);
        }
    }
}
