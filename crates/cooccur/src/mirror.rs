//! The lower half of a symmetric matrix, by a second trip through sorted runs.
//!
//! Runs hold row ≤ column. For every row range this merges them into `upper-RRRRR.run`, final sums,
//! and sends each cell off the diagonal, mirrored, to runs of its own. Afterwards a row range is the
//! merge of its upper run with its part of the mirrored runs. That costs a second pass over the
//! distinct cells and halves all that is sorted and spilled while counting.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use wordmill_flow::{Context, StageProgress, run_workers};
use wordmill_formats::{FrameFile, RunDir};

use crate::cell::Cell;
use crate::error::CooccurError;
use crate::merge::MergeConfig;
use crate::ranges::RowRanges;
use crate::run::{RunCursor, RunWriter};
use crate::spill::{GroupWriter, SpillRuns, recover};
use crate::tree::{MERGE_BYTES, merge_runs};

/// The list that this leaves behind: `spill/mirrored.json`.
pub(crate) const MIRRORED: &str = "mirrored";

const CELL_BYTES: u64 = size_of::<Cell>() as u64;

/// The final sums of the upper half of a row range.
pub(crate) fn upper_path(dir: &RunDir, range: usize) -> PathBuf {
    dir.path(&format!("spill/upper-{range:05}.run"))
}

/// Writes the upper runs and the mirrored runs.
pub(crate) fn mirror(
    ctx: &Context,
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    files: &[FrameFile],
) -> Result<SpillRuns, CooccurError> {
    let fingerprint = &config.fingerprint;
    let (covered, _) = recover(dir, "m", fingerprint)?;
    let is_waiting = |range: &usize| !covered.contains(&(*range as u64));
    let waiting: Vec<usize> = (0..ranges.len()).filter(is_waiting).collect();
    let needed = MERGE_BYTES + (1 << 20);
    let workers = (ctx.budget.left() / needed).clamp(1, ctx.threads as u64);
    let bytes = (ctx.budget.left() / workers).max(needed);
    let _memory = ctx.budget.reserve(bytes * workers, "mirroring the matrix")?;
    let held_bytes = config.worker_bytes.unwrap_or(bytes - MERGE_BYTES);
    let limit = (held_bytes / CELL_BYTES).max(1) as usize;
    let cells = files.iter().map(FrameFile::items).sum();
    let progress = ctx.progress.stage("mirror", "cells", cells);
    let next = AtomicUsize::new(0);
    run_workers("mirror", workers as usize, |_| {
        let group = GroupWriter::new(dir, ranges, fingerprint, "m");
        let worker =
            Worker { ctx, dir, ranges, files, limit, held: Vec::new(), group, progress: &progress };
        worker.run(&waiting, &next)
    })?;
    progress.set_total(progress.done());
    let (_, list) = recover(dir, "m", fingerprint)?;
    list.write(dir, MIRRORED)?;
    Ok(list)
}

struct Worker<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    ranges: &'a RowRanges,
    files: &'a [FrameFile],
    limit: usize,
    held: Vec<Cell>,
    group: GroupWriter<'a>,
    progress: &'a StageProgress,
}

impl Worker<'_> {
    fn run(mut self, waiting: &[usize], next: &AtomicUsize) -> Result<(), CooccurError> {
        self.held.reserve_exact(self.limit);
        while !self.ctx.cancel.is_stopped() {
            let Some(&range) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            self.group.begin(range as u64);
            self.range(range)?;
            if self.held.len() > self.limit / 2 {
                self.commit()?;
            }
        }
        if self.group.has_units() {
            self.commit()?;
        }
        Ok(self.ctx.cancel.check()?)
    }

    fn commit(&mut self) -> Result<(), CooccurError> {
        let held = &mut self.held;
        self.group.commit(0, |emit| drain(held, emit))
    }

    fn range(&mut self, range: usize) -> Result<(), CooccurError> {
        let storage = self.dir.storage();
        let mut upper = RunWriter::create(storage, &upper_path(self.dir, range), self.ranges)?;
        let mut cursors = Vec::new();
        for file in self.files {
            cursors.push(RunCursor::new(file.clone(), Some(range)));
        }
        let (held, group, limit) = (&mut self.held, &mut self.group, self.limit);
        merge_runs(cursors, |cell| {
            upper.push(cell)?;
            if cell.row() != cell.column() {
                if held.len() == limit {
                    group.spill(0, |emit| drain(held, emit))?;
                }
                held.push(cell.mirrored());
            }
            Ok(())
        })?;
        self.progress.add(upper.cells());
        upper.finish()?;
        Ok(())
    }
}

fn drain(
    held: &mut Vec<Cell>,
    emit: &mut dyn FnMut(Cell) -> Result<(), CooccurError>,
) -> Result<(), CooccurError> {
    held.sort_unstable_by_key(|cell| cell.key);
    held.drain(..).try_for_each(emit)
}
