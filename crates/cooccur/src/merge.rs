//! The merging stage: spill runs in, CSR shards of row ranges out.
//!
//! A unit of work is a row range. Ranges are merged in parallel, and the runs of a partition are removed once all of
//! its shards are on disk, so the spill shrinks while the matrix grows.

pub mod passes;
pub mod rows;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wordmill_flow::{Context, Label, Room, StageProgress, Step, Unit, run_step};
use wordmill_formats::{
    CsrShardReader, CsrShardWriter, FormatError, FrameFile, MatrixIndex, MatrixShardRow, RunDir,
    TensorReader,
};

use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{CURSOR_BYTES, RunWeights};
use crate::runs::spill::{RunRow, SpillRuns, run_path};
use crate::runs::sums::RowSums;
use passes::narrow;
use rows::{FAN_IN, merge_range};

/// Cells of a shard that a task keeps in memory before it uses a scratch file; most shards have
/// fewer.
const SPOOL_BYTES_MAX: u64 = 40 << 20;
/// The minimum of that.
const SPOOL_BYTES_MIN: u64 = 1 << 20;
/// Memory of a task beside all that: buffers of files being written.
const TASK_BYTES_FIXED: u64 = 1 << 20;

/// How to merge.
#[derive(Clone, Debug)]
pub struct MergeConfig {
    /// How many units a weight of 1 has.
    pub unit: u64,
    /// Samples of the text in which pairs were counted, 1 without subsampling.
    pub samples: u64,
    /// Identifies settings and inputs; files with another fingerprint are rebuilt.
    pub fingerprint: String,
    /// Digest of the vocabulary.
    pub vocabulary: String,
    /// Settings to be written into the matrix, for people.
    pub settings: BTreeMap<String, String>,
}

/// Merges spill runs into the matrix and removes them one by one. Finished shards of an earlier
/// attempt with the same fingerprint are kept.
///
/// # Errors
/// For a run that is damaged or missing. Then the list of runs is removed, too, so that the next
/// attempt counts again.
pub fn merge(
    ctx: &Context,
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    runs: SpillRuns,
) -> Result<MatrixIndex, CooccurError> {
    match merge_runs(ctx, dir, config, ranges, runs) {
        Err(CooccurError::Format(error)) if blames_runs(dir, &error) => {
            remove_runs(dir)?;
            let what = format!("{error}. The counts are incomplete now and were removed");
            let path = dir.path("spill");
            Err(FormatError::corrupt(&path, 0, what).into())
        }
        other => other,
    }
}

fn blames_runs(dir: &RunDir, error: &FormatError) -> bool {
    let path = match error {
        FormatError::Io { path, .. } if error.is_not_found() => path,
        FormatError::Corrupt { path, .. }
        | FormatError::Foreign { path, .. }
        | FormatError::Version { path, .. } => path,
        _ => return false,
    };
    path.starts_with(dir.path("spill"))
}

fn merge_runs(
    ctx: &Context,
    dir: &RunDir,
    config: &MergeConfig,
    ranges: &RowRanges,
    runs: SpillRuns,
) -> Result<MatrixIndex, CooccurError> {
    let weights = RunWeights { unit: config.unit, samples: config.samples };
    let list = narrow(ctx, dir, ranges, weights, runs)?;
    let merging = Merging::new(ctx, dir, config, ranges, &list);
    let share = merging.share;
    let _memory = ctx.budget.reserve(share.bytes, "merging row ranges")?;
    let shards = run_step(ctx, &merging, share.workers)?;
    let index = MatrixIndex {
        words: ranges.rows(),
        unit: config.unit,
        samples: config.samples,
        cells: shards.iter().map(|shard| shard.cells).sum(),
        weight: shards.iter().map(|shard| shard.weight).sum(),
        vocabulary: config.vocabulary.clone(),
        settings: config.settings.clone(),
        shards,
    };
    index.write(dir.storage(), &dir.matrix_index())?;
    // A process killed during a rebuild leaves shards of another vocabulary.
    let ours = |name: &str| index.shards.iter().any(|shard| shard.file == name);
    dir.sweep("matrix", |name| name != "index.json" && !ours(name))?;
    Ok(index)
}

/// Removes all files of counting, once the matrix is on record as finished.
pub fn remove_runs(dir: &RunDir) -> Result<(), CooccurError> {
    Ok(dir.sweep("spill", |_| true)?)
}

/// The units of merging a list of runs, one row range each. No partition may have more runs than can be open at
/// once.
pub fn merge_units(
    dir: &RunDir,
    ranges: &RowRanges,
    runs: &SpillRuns,
) -> impl Iterator<Item = Unit> {
    (0..ranges.len()).map(move |range| unit(dir, ranges, runs, range))
}

fn unit(dir: &RunDir, ranges: &RowRanges, list: &SpillRuns, range: usize) -> Unit {
    let ours = of_partition(list, ranges.partition(range));
    Unit {
        name: format!("merge/{range:05}"),
        reads: ours.map(|run| run_path(dir, &run.file)).collect(),
        writes: vec![dir.matrix_shard(range, ranges.len())],
    }
}

fn of_partition(list: &SpillRuns, partition: usize) -> impl Iterator<Item = &RunRow> {
    list.runs.iter().filter(move |run| run.partition as usize == partition)
}

/// The runs of a partition: opened when the first of its ranges is merged, removed after the last.
struct Partition {
    number: usize,
    ranges_left: AtomicUsize,
    files: Mutex<Option<Arc<[FrameFile]>>>,
}

impl Partition {
    fn new(ranges: &RowRanges, number: usize) -> Self {
        let ours = (0..ranges.len()).filter(|&range| ranges.partition(range) == number);
        Self { number, ranges_left: AtomicUsize::new(ours.count()), files: Mutex::new(None) }
    }

    fn open(&self, dir: &RunDir, list: &SpillRuns) -> Result<Arc<[FrameFile]>, FormatError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = &*files {
            return Ok(Arc::clone(files));
        }
        Ok(Arc::clone(files.insert(list.open(dir, self.number)?.into())))
    }

    /// Called when a range is on disk.
    fn done(&self, dir: &RunDir, list: &SpillRuns) -> Result<(), FormatError> {
        if self.ranges_left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = None;
        for run in of_partition(list, self.number) {
            let path = run_path(dir, &run.file);
            // The file is already gone if an earlier attempt came this far.
            let size = dir.storage().size(&path);
            if size.map_err(|e| FormatError::io(&path, "looking at", e))?.is_some() {
                dir.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// How memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub workers: usize,
    pub width: u32,
    pub spool_bytes: usize,
    pub bytes: u64,
}

impl Share {
    /// The division for a matrix of `words` words from at most `runs` runs per range.
    pub fn new(room: Room, words: u32, runs: u64) -> Self {
        let Room { bytes: left, threads } = room;
        let fixed = runs * CURSOR_BYTES + TASK_BYTES_FIXED;
        let one = fixed + RowSums::needed_bytes(words) + SPOOL_BYTES_MIN;
        let workers = (left / one).clamp(1, threads);
        let share = left / workers;
        let width = RowSums::widest(words, share.saturating_sub(fixed + SPOOL_BYTES_MIN));
        let rest = share.saturating_sub(fixed + RowSums::needed_bytes(width));
        let spool = rest.clamp(SPOOL_BYTES_MIN, SPOOL_BYTES_MAX);
        let bytes = workers * (fixed + RowSums::needed_bytes(width) + spool);
        Self { workers: workers as usize, width, spool_bytes: spool as usize, bytes }
    }
}

/// The step: a shard of the matrix for each row range.
pub(crate) struct Merging<'a> {
    dir: &'a RunDir,
    config: &'a MergeConfig,
    ranges: &'a RowRanges,
    list: &'a SpillRuns,
    weights: RunWeights,
    share: Share,
    partitions: Vec<Partition>,
}

impl Step for Merging<'_> {
    type Done = MatrixShardRow;
    type Error = CooccurError;

    fn label(&self) -> Label {
        Label { stage: "merge", threads: "merge", noun: "cells" }
    }

    fn units(&self) -> usize {
        self.ranges.len()
    }

    fn unit(&self, range: usize) -> Unit {
        unit(self.dir, self.ranges, self.list, range)
    }

    /// Cells that are in several runs count once in the matrix.
    fn total(&self) -> u64 {
        self.list.cells()
    }

    /// Cells are reported when they are read.
    fn size(&self, _: usize, _: &MatrixShardRow) -> u64 {
        0
    }

    /// How many cells were read is not known any more; there were at least as many.
    fn found_size(&self, _: usize, row: &MatrixShardRow) -> u64 {
        row.cells
    }

    fn finished(&self, range: usize) -> Result<Option<MatrixShardRow>, CooccurError> {
        self.finished_shard(range)
    }

    fn make(&self, range: usize, progress: &StageProgress) -> Result<MatrixShardRow, CooccurError> {
        let (row, read) =
            self.write_shard(range, &self.partition(range).open(self.dir, self.list)?)?;
        progress.add(read);
        Ok(row)
    }

    fn settle(&self, range: usize, _: &mut MatrixShardRow) -> Result<(), CooccurError> {
        Ok(self.partition(range).done(self.dir, self.list)?)
    }
}

impl<'a> Merging<'a> {
    /// Merges the runs of a list, within the free memory.
    pub fn new(
        ctx: &Context,
        dir: &'a RunDir,
        config: &'a MergeConfig,
        ranges: &'a RowRanges,
        list: &'a SpillRuns,
    ) -> Self {
        let weights = RunWeights { unit: config.unit, samples: config.samples };
        let partitions: Vec<Partition> =
            (0..ranges.partitions()).map(|number| Partition::new(ranges, number)).collect();
        let runs = (0..partitions.len()).map(|partition| of_partition(list, partition).count());
        let most = runs.max().unwrap_or(0).min(FAN_IN) as u64;
        let share = Share::new(ctx.room(), ranges.rows(), most);
        Self { dir, config, ranges, list, weights, share, partitions }
    }

    fn partition(&self, range: usize) -> &Partition {
        &self.partitions[self.ranges.partition(range)]
    }

    fn finished_shard(&self, range: usize) -> Result<Option<MatrixShardRow>, CooccurError> {
        let path = self.dir.matrix_shard(range, self.ranges.len());
        let storage = self.dir.storage();
        let reader = match TensorReader::open(storage, &path) {
            Err(error) if error.is_not_found() || error.is_bad_artefact() => return Ok(None),
            other => other?,
        };
        let index = reader.index();
        if index.metadata().get("fingerprint") != Some(&self.config.fingerprint) {
            return Ok(None);
        }
        let (first_row, rows) = self.ranges.range(range);
        let (mut cells, mut weight) = (0, 0);
        let shard = CsrShardReader::open(storage, &path)?;
        let read = shard.for_each_piece(|_, columns, weights| {
            cells += columns.len() as u64;
            weight += weights.iter().sum::<u64>();
            Ok::<_, FormatError>(())
        });
        match read {
            // Its runs may still exist, so it is rebuilt.
            Err(error) if error.is_bad_artefact() => return Ok(None),
            other => other?,
        }
        let file = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let xxh3 = format!("{:016x}", index.digest());
        Ok(Some(MatrixShardRow { file, first_row, rows, cells, weight, xxh3 }))
    }

    /// Writes a shard; gives its row, and how many cells of the runs were read.
    fn write_shard(
        &self,
        range: usize,
        files: &[FrameFile],
    ) -> Result<(MatrixShardRow, u64), CooccurError> {
        let (first_row, rows) = self.ranges.range(range);
        let mut settings = self.config.settings.clone();
        settings.insert("fingerprint".into(), self.config.fingerprint.clone());
        settings.insert("unit".into(), self.config.unit.to_string());
        settings.insert("vocabulary".into(), self.config.vocabulary.clone());
        let mut writer = CsrShardWriter::create(
            self.dir.storage(),
            &self.dir.matrix_shard(range, self.ranges.len()),
            range,
            first_row..first_row + rows,
            self.ranges.rows(),
            &settings,
            self.share.spool_bytes,
        )?;
        let mut sums = RowSums::new(self.share.width);
        let mut at = first_row;
        let read = merge_range(
            files,
            self.ranges,
            range,
            self.weights,
            &mut sums,
            |row, columns, weights| {
                (at..row).for_each(|_| writer.end_row());
                at = row;
                writer.cells(columns, weights)
            },
        )?;
        (at..first_row + rows).for_each(|_| writer.end_row());
        Ok((writer.finish()?.1, read))
    }
}
