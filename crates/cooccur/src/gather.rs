//! Gathers cells that come in any order from a source other than text, sums them, and spills them
//! as runs.
//!
//! Cells are held until the memory is full, then sorted by row, summed and written as runs; all of them form one batch.
//! An interrupted gathering begins from scratch. It is not a step of units: cells come from a feeder, once and in its
//! order, not from files of the run.

pub mod whole;

use wordmill_flow::Context;
use wordmill_formats::RunDir;

use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{RunFile, RunWeights, RunWriter};
use crate::runs::spill::{BatchRow, RunRow, SpillRuns, recover, run_name, run_path};
use crate::runs::sums::RowSums;

/// Memory beside the cells and the sums: a run being written.
const FIXED_BYTES: u64 = 2 << 20;
/// The fewest cells to hold: smaller runs would make merging dominate.
const CELLS_MIN: usize = 1 << 16;
const CELLS_BYTES_MIN: u64 = (CELLS_MIN * size_of::<Cell>()) as u64;
/// Columns that are summed at once if memory is short.
const WIDTH_MIN: u32 = 1 << 14;
/// Cells between two checks for a stop.
const STRIDE_CELLS: u64 = 1 << 16;

/// How to gather.
#[derive(Clone, Debug)]
pub struct GatherConfig {
    /// Identifies the source; files with another fingerprint are rebuilt.
    pub fingerprint: String,
    /// How many units a weight of 1 has.
    pub unit: u64,
}

/// Row, column, weight.
type Cell = (u32, u32, u64);

/// Writes cells that come in any order as spill runs, as [`crate::count`] does for text.
///
/// `feed` gets a function to call with a row, a column and a weight above 0 in units; equal cells
/// are added. If an earlier process has gathered the same source, `feed` is not called.
///
/// The caller ensures that all weights sum to at most 64 bits and that ids are below
/// `ranges.rows()`.
///
/// # Errors
/// Errors of `feed`; [`CooccurError::OverBudget`] if the minimum memory does not fit; storage
/// errors.
pub fn gather(
    ctx: &Context,
    dir: &RunDir,
    config: &GatherConfig,
    ranges: &RowRanges,
    feed: impl FnOnce(
        &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError>,
) -> Result<SpillRuns, CooccurError> {
    if let Some(list) = SpillRuns::read(dir, &config.fingerprint)? {
        return Ok(list);
    }
    let recovered = recover(dir, &config.fingerprint)?;
    if !recovered.covered.is_empty() {
        recovered.list.write(dir)?;
        return Ok(recovered.list);
    }
    let words = ranges.rows();
    let least = FIXED_BYTES + CELLS_BYTES_MIN + RowSums::needed_bytes(words.min(WIDTH_MIN));
    let bytes = ctx.budget.left().max(least);
    let _memory = ctx.budget.reserve(bytes, "gathering cells")?;
    let width = RowSums::widest(words, bytes / 4).max(words.min(WIDTH_MIN));
    let room = bytes - FIXED_BYTES - RowSums::needed_bytes(width);
    let mut limit = (room / size_of::<Cell>() as u64) as usize;
    let weights = RunWeights { unit: config.unit, samples: 1 };
    let mut gatherer = Gatherer {
        dir,
        ranges,
        sums: RowSums::new(width),
        weights,
        writer: RunWriter::new(weights.codes()),
        runs: Vec::new(),
        batches: 0,
    };
    // Pages are allocated only when they are written to; a system that commits them earlier
    // provides fewer.
    let mut held: Vec<Cell> = Vec::new();
    while held.try_reserve_exact(limit).is_err() && limit > CELLS_MIN {
        limit /= 2;
    }
    let mut fed = 0u64;
    feed(&mut |row, column, weight| {
        if fed.is_multiple_of(STRIDE_CELLS) {
            ctx.cancel.check()?;
        }
        fed += 1;
        if held.len() == limit {
            gatherer.spill(&mut held)?;
        }
        held.push((row, column, weight));
        Ok(())
    })?;
    gatherer.spill(&mut held)?;
    let (fingerprint, runs) = (config.fingerprint.clone(), gatherer.runs);
    BatchRow { fingerprint, covers: vec![0], pairs: fed, runs }.write(dir, 0)?;
    let list = recover(dir, &config.fingerprint)?.list;
    list.write(dir)?;
    Ok(list)
}

/// Writes the held cells as runs.
struct Gatherer<'a> {
    dir: &'a RunDir,
    ranges: &'a RowRanges,
    sums: RowSums,
    weights: RunWeights,
    writer: RunWriter,
    runs: Vec<RunRow>,
    batches: u64,
}

impl Gatherer<'_> {
    fn spill(&mut self, held: &mut Vec<Cell>) -> Result<(), CooccurError> {
        held.sort_unstable_by_key(|(row, _, _)| *row);
        let mut rest = &held[..];
        for partition in 0..self.ranges.partitions() {
            let file = run_name(partition, self.batches);
            let run =
                RunFile::create(self.dir.storage(), &run_path(self.dir, &file), self.weights)?;
            let before = self.writer.cells();
            let ours = |range: &usize| self.ranges.partition(*range) == partition;
            for range in (0..self.ranges.len()).filter(ours).collect::<Vec<_>>() {
                let (first, rows) = self.ranges.range(range);
                let end = rest.partition_point(|(row, _, _)| *row < first + rows);
                let (now, later) = rest.split_at(end);
                self.range(now, &run)?;
                rest = later;
            }
            let cells = self.writer.cells() - before;
            if cells > 0 {
                let bytes = run.finish()?.bytes;
                self.runs.push(RunRow { partition: partition as u32, file, cells, bytes });
            }
        }
        held.clear();
        self.batches += 1;
        Ok(())
    }

    fn range(&mut self, cells: &[Cell], run: &RunFile) -> Result<(), CooccurError> {
        for row in cells.chunk_by(|a, b| a.0 == b.0) {
            for base in self.sums.blocks(self.ranges.rows()) {
                self.sums.enter(base);
                row.iter().for_each(|&(_, column, weight)| self.sums.add(column, weight));
                let (columns, weights) = self.sums.take();
                self.writer.row(run, row[0].0, columns, weights)?;
            }
        }
        Ok(self.writer.flush(run)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;
    use wordmill_flow::Budget;
    use wordmill_formats::{
        CsrShardReader, Fault, FaultyStorage, FormatError, MemoryStorage, Operation, Storage,
    };

    use crate::{MergeConfig, merge, remove_runs};

    type Fed = Vec<(u32, u32, u64)>;

    const WORDS: u32 = 400;

    /// Cells in any order, many of them repeated, also on the diagonal.
    fn random(seed: u64, cells: usize) -> Fed {
        let mut state = seed;
        let mut roll = |limit: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % limit
        };
        let word = |roll: &mut dyn FnMut(u64) -> u64| {
            let most = 1 + roll(u64::from(WORDS));
            roll(most) as u32
        };
        (0..cells).map(|_| (word(&mut roll), word(&mut roll), 1 + roll(1 << 20))).collect()
    }

    /// Gathers within this many bytes and merges; returns the number of runs.
    fn run(storage: &Arc<dyn Storage>, bytes: u64, fed: &Fed) -> Result<usize, CooccurError> {
        let dir = RunDir::new(Arc::clone(storage), "run");
        let ranges = RowRanges::new(&vec![100; WORDS as usize], 5);
        let ctx = Context { budget: Budget::new(bytes), ..Context::for_tests(1) };
        let config = GatherConfig { fingerprint: "fed".into(), unit: 60 };
        let feed = |emit: &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>| {
            fed.iter().try_for_each(|&(row, column, weight)| emit(row, column, weight))
        };
        let runs = gather(&ctx, &dir, &config, &ranges, feed)?;
        let count = runs.runs.iter().filter(|run| run.partition == 0).count();
        let config = MergeConfig {
            unit: 60,
            samples: 1,
            fingerprint: "merged".into(),
            vocabulary: String::new(),
            settings: BTreeMap::new(),
        };
        merge(&Context::for_tests(2), &dir, &config, &ranges, runs)?;
        remove_runs(&dir)?;
        Ok(count)
    }

    fn check(files: &BTreeMap<PathBuf, Vec<u8>>, storage: &Arc<dyn Storage>, fed: &Fed) {
        let mut expected: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for &(row, column, weight) in fed {
            *expected.entry((row, column)).or_default() += weight;
        }
        let mut found = BTreeMap::new();
        for path in files.keys().filter(|path| path.to_string_lossy().contains("rows-")) {
            let reader = CsrShardReader::open(storage, path).unwrap();
            let each = |row, columns: &[u32], weights: &[u64]| {
                let cells = columns.iter().zip(weights);
                found.extend(cells.map(|(&column, &weight)| ((row, column), weight)));
                Ok::<_, FormatError>(())
            };
            reader.for_each_piece(each).unwrap();
        }
        assert!(found == expected, "{} cells of {}", found.len(), expected.len());
    }

    #[test]
    fn any_memory_gives_the_sums_and_the_same_bytes() {
        let mut first = None;
        // The minimum memory holds 65536 cells at a time.
        let least = FIXED_BYTES + CELLS_BYTES_MIN + RowSums::needed_bytes(WORDS);
        for (bytes, runs) in [(1 << 30, 1), (6 << 20, 2), (least, 5)] {
            let memory = MemoryStorage::default();
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            let fed = random(1, 300_000);
            assert_eq!(run(&storage, bytes, &fed).unwrap(), runs, "{bytes} bytes");
            let files = memory.snapshot();
            check(&files, &storage, &fed);
            assert!(*first.get_or_insert(files.clone()) == files, "{bytes} bytes");
        }
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let refused = run(&storage, least - 1, &random(1, 1)).unwrap_err();
        assert!(matches!(refused, CooccurError::OverBudget(_)), "{refused}");
    }

    #[test]
    fn a_failed_gathering_is_repeated_and_a_finished_one_is_kept() {
        let fed = random(2, 150_000);
        let least = FIXED_BYTES + CELLS_BYTES_MIN + RowSums::needed_bytes(WORDS);
        let undisturbed = MemoryStorage::default();
        run(&(Arc::new(undisturbed.clone()) as Arc<dyn Storage>), least, &fed).unwrap();
        for nth in 0.. {
            let memory = MemoryStorage::default();
            let plain: Arc<dyn Storage> = Arc::new(memory.clone());
            let fault = Fault::full(Operation::Rename, nth);
            let faulty = FaultyStorage::new(Arc::clone(&plain), Some(fault));
            let failed = run(&(Arc::new(faulty) as Arc<dyn Storage>), least, &fed).is_err();
            run(&plain, least, &fed).unwrap();
            assert!(memory.snapshot() == undisturbed.snapshot(), "rename {nth}");
            if !failed {
                assert!(nth > 4);
                break;
            }
        }
    }

    #[test]
    fn errors_of_the_feeder_are_returned() {
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let ranges = RowRanges::new(&[5, 4], 5);
        let config = GatherConfig { fingerprint: "fed".into(), unit: 60 };
        let feed = |_: &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>| {
            Err(CooccurError::Feed("line 7".into()))
        };
        let error = gather(&Context::for_tests(1), &dir, &config, &ranges, feed).unwrap_err();
        assert_eq!(error.to_string(), "line 7");
    }
}
