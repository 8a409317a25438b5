//! The merging stage: spill runs in, CSR shards of row ranges out.

use std::collections::BTreeMap;

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::{
    CsrShardReader, CsrShardWriter, FormatError, FrameFile, Kind, MatrixIndex, MatrixShardRow,
    RunDir, TensorReader,
};

use crate::cell::Cell;
use crate::count::COUNTED;
use crate::error::CooccurError;
use crate::mirror::{MIRRORED, mirror, upper_path};
use crate::ranges::RowRanges;
use crate::run::RunCursor;
use crate::spill::SpillRuns;
use crate::tree::{FAN_IN, MERGE_BYTES, merge_runs, reduce};
use crate::weighting::{Sides, WindowConfig};

/// Columns of a row are handed to the shard in pieces of this many.
const PIECE_CELLS: usize = 1 << 14;
/// Cells of a shard that a task keeps in memory before it uses a scratch file.
const SPOOL_BYTES: u64 = 8 << 20;

/// How to merge.
#[derive(Clone, Debug)]
pub struct MergeConfig {
    /// The window that was counted.
    pub window: WindowConfig,
    /// Identifies settings and inputs; files of another fingerprint are made anew.
    pub fingerprint: String,
    /// Digest of the vocabulary.
    pub vocabulary: String,
    /// Settings to be written into the matrix, for people.
    pub settings: BTreeMap<String, String>,
    /// Memory of a worker's mirrored cells in bytes; `None` for an even share of the budget.
    pub worker_bytes: Option<u64>,
}

/// Merges spill runs into the matrix. Finished shards of an earlier attempt with the same
/// fingerprint are kept. The runs stay until [`remove_runs`] is called.
pub fn merge(
    ctx: &Context,
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    runs: SpillRuns,
) -> Result<MatrixIndex, CooccurError> {
    let parts = parts(ctx, dir, config, ranges, runs)?;
    let each = MERGE_BYTES + 2 * SPOOL_BYTES;
    let workers = (ctx.budget.left() / each).clamp(1, ctx.threads as u64);
    let _memory = ctx.budget.reserve(each * workers, "merging row ranges")?;
    let total = parts.uppers.iter().chain(&parts.files).map(FrameFile::items).sum();
    let progress = ctx.progress.stage("merge", "cells", total);
    let shards = run_tasks(ctx, "merge", workers as usize, ranges.len(), |range| {
        let row = match finished_shard(dir, config, ranges, range)? {
            Some(row) => row,
            None => write_shard(dir, config, ranges, range, &parts)?,
        };
        progress.add(row.cells);
        Ok::<_, CooccurError>(row)
    })?;
    let index = MatrixIndex {
        words: ranges.rows(),
        unit: config.window.unit(),
        cells: shards.iter().map(|shard| shard.cells).sum(),
        weight: shards.iter().map(|shard| shard.weight).sum(),
        vocabulary: config.vocabulary.clone(),
        settings: config.settings.clone(),
        shards,
    };
    index.write(dir.storage(), &dir.matrix_index())?;
    // A process killed in a rebuild leaves shards of another vocabulary.
    let ours = |name: &str| index.shards.iter().any(|shard| shard.file == name);
    dir.sweep("matrix", |name| name != "index.json" && !ours(name))?;
    Ok(index)
}

/// Removes all spill runs: the matrix is on record as finished.
pub fn remove_runs(dir: &RunDir) -> Result<(), CooccurError> {
    Ok(dir.sweep("spill", |_| true)?)
}

/// The runs that row ranges are merged from.
struct Parts {
    /// Runs of one range each; empty unless the matrix is symmetric.
    uppers: Vec<FrameFile>,
    /// Runs over all ranges.
    files: Vec<FrameFile>,
}

fn parts(
    ctx: &Context,
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    runs: SpillRuns,
) -> Result<Parts, CooccurError> {
    if config.window.sides == Sides::Left {
        let files = reduce(ctx, dir, ranges, (COUNTED, FAN_IN), runs)?;
        return Ok(Parts { uppers: Vec::new(), files });
    }
    let mirrored = match SpillRuns::read(dir, MIRRORED, &config.fingerprint)? {
        Some(mirrored) => mirrored,
        None => {
            let files = reduce(ctx, dir, ranges, (COUNTED, FAN_IN), runs)?;
            mirror(ctx, dir, config, ranges, &files)?
        }
    };
    // From here on the upper runs stand for the runs that were counted.
    let is_counted = |file: &str| {
        file.ends_with(".run") && (file.starts_with('g') || file.starts_with("counted-pass"))
    };
    dir.sweep("spill", is_counted)?;
    let files = reduce(ctx, dir, ranges, (MIRRORED, FAN_IN - 1), mirrored)?;
    let open = |range| FrameFile::open(dir.storage(), &upper_path(dir, range), Kind::RUN);
    let uppers = (0..ranges.len()).map(open).collect::<Result<_, _>>()?;
    Ok(Parts { uppers, files })
}

fn finished_shard(
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    range: usize,
) -> Result<Option<MatrixShardRow>, CooccurError> {
    let path = dir.matrix_shard(range, ranges.len());
    if dir.storage().size(&path).ok().flatten().is_none() {
        return Ok(None);
    }
    let reader = match TensorReader::open(dir.storage(), &path) {
        Err(error) if error.is_bad_artefact() => return Ok(None),
        other => other?,
    };
    let index = reader.index();
    if index.metadata().get("fingerprint") != Some(&config.fingerprint) {
        return Ok(None);
    }
    let (first_row, rows) = ranges.range(range);
    let (mut cells, mut weight) = (0, 0);
    let read = CsrShardReader::open(dir.storage(), &path)?.for_each_piece(|_, columns, weights| {
        cells += columns.len() as u64;
        weight += weights.iter().sum::<u64>();
        Ok::<_, FormatError>(())
    });
    match read {
        // Its runs are still there, so it is made anew.
        Err(error) if error.is_bad_artefact() => return Ok(None),
        other => other?,
    }
    let file = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    let xxh3 = format!("{:016x}", index.digest());
    Ok(Some(MatrixShardRow { file, first_row, rows, cells, weight, xxh3 }))
}

fn write_shard(
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    range: usize,
    parts: &Parts,
) -> Result<MatrixShardRow, CooccurError> {
    let (first_row, rows) = ranges.range(range);
    let mut settings = config.settings.clone();
    settings.insert("fingerprint".into(), config.fingerprint.clone());
    settings.insert("unit".into(), config.window.unit().to_string());
    settings.insert("vocabulary".into(), config.vocabulary.clone());
    let writer = CsrShardWriter::create(
        dir.storage(),
        &dir.matrix_shard(range, ranges.len()),
        range,
        (first_row, rows, ranges.rows()),
        &settings,
        SPOOL_BYTES as usize,
    )?;
    let mut rows_out =
        RowPieces { writer, row: first_row, columns: Vec::new(), weights: Vec::new() };
    let mut cursors: Vec<RunCursor> =
        parts.files.iter().map(|file| RunCursor::new(file.clone(), Some(range))).collect();
    if let Some(upper) = parts.uppers.get(range) {
        cursors.push(RunCursor::new(upper.clone(), None));
    }
    let doubles_diagonal = config.window.sides == Sides::Both;
    merge_runs(cursors, |cell| {
        // A word that meets itself meets itself twice: once on either side.
        let twice = doubles_diagonal && cell.row() == cell.column();
        rows_out.push(if twice { Cell { weight: 2 * cell.weight, ..cell } } else { cell })
    })?;
    let (_, row) = rows_out.finish(first_row + rows)?.finish()?;
    Ok(row)
}

/// Cuts a stream of cells into rows.
struct RowPieces {
    writer: CsrShardWriter,
    row: u32,
    columns: Vec<u32>,
    weights: Vec<u64>,
}

impl RowPieces {
    fn push(&mut self, cell: Cell) -> Result<(), CooccurError> {
        if cell.row() > self.row {
            self.end_rows_before(cell.row())?;
        } else if self.columns.len() == PIECE_CELLS {
            self.flush()?;
        }
        self.columns.push(cell.column());
        self.weights.push(cell.weight);
        Ok(())
    }

    fn finish(mut self, end: u32) -> Result<CsrShardWriter, CooccurError> {
        self.end_rows_before(end)?;
        Ok(self.writer)
    }

    fn end_rows_before(&mut self, row: u32) -> Result<(), CooccurError> {
        self.flush()?;
        (self.row..row).for_each(|_| self.writer.end_row());
        self.row = row;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CooccurError> {
        self.writer.cells(&self.columns, &self.weights)?;
        self.columns.clear();
        self.weights.clear();
        Ok(())
    }
}
