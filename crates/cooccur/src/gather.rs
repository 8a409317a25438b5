//! Cells that come in any order, from somewhere else than text: gathered, summed, spilled as runs.
//!
//! Cells are held until the memory is full, then sorted, summed and written as a run; all of them
//! form one group. A gathering that was cut short begins anew.

use wordmill_flow::Context;
use wordmill_formats::RunDir;

use crate::cell::{Cell, combine};
use crate::count::COUNTED;
use crate::error::CooccurError;
use crate::ranges::RowRanges;
use crate::spill::{GroupWriter, SpillRuns, recover};

/// What is held besides the cells: a run being written.
const FIXED_BYTES: u64 = 4 << 20;
/// The fewest cells that are held: smaller runs would make merging them dominate.
const CELLS_MIN: usize = 1 << 16;
const CELLS_BYTES_MIN: u64 = (CELLS_MIN * size_of::<Cell>()) as u64;
/// Cells between two looks at whether to stop.
const STRIDE_CELLS: u64 = 1 << 16;

/// How to gather.
#[derive(Clone, Debug)]
pub struct GatherConfig {
    /// Identifies what is fed; files of another fingerprint are made anew.
    pub fingerprint: String,
}

/// Writes cells that come in any order as spill runs, as [`crate::count`] does for text.
///
/// `feed` is handed a function that takes a row, a column and a weight in units; equal cells are
/// added. What is fed is the final weight: merge it with a window on one side, so that nothing is
/// mirrored. If an earlier process has gathered the same, `feed` is not called.
///
/// The caller makes sure that all weights sum to 64 bits and that ids are below `ranges.rows()`.
///
/// # Errors
/// Those of `feed`; [`CooccurError::OverBudget`] if the least memory does not fit; storage errors.
pub fn gather(
    ctx: &Context,
    dir: &RunDir,
    config: &GatherConfig,
    ranges: &RowRanges,
    feed: impl FnOnce(
        &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError>,
) -> Result<SpillRuns, CooccurError> {
    if let Some(list) = SpillRuns::read(dir, COUNTED, &config.fingerprint)? {
        return Ok(list);
    }
    let (covered, list) = recover(dir, "g", &config.fingerprint)?;
    if !covered.is_empty() {
        list.write(dir, COUNTED)?;
        return Ok(list);
    }
    let bytes = ctx.budget.left().max(FIXED_BYTES + CELLS_BYTES_MIN);
    let _memory = ctx.budget.reserve(bytes, "gathering cells")?;
    let mut limit = ((bytes - FIXED_BYTES) / size_of::<Cell>() as u64) as usize;
    let mut group = GroupWriter::new(dir, ranges, &config.fingerprint, "g");
    group.begin(0);
    // Pages are only taken when they are written to; a system that counts them before gives less.
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
            group.spill(held.len() as u64, |emit| drain(&mut held, emit))?;
        }
        held.push(Cell::new(row, column, weight));
        Ok(())
    })?;
    group.commit(held.len() as u64, |emit| drain(&mut held, emit))?;
    let (_, list) = recover(dir, "g", &config.fingerprint)?;
    list.write(dir, COUNTED)?;
    Ok(list)
}

/// Hands over all cells in ascending order, summed, and forgets them.
fn drain(
    held: &mut Vec<Cell>,
    mut emit: &mut dyn FnMut(Cell) -> Result<(), CooccurError>,
) -> Result<(), CooccurError> {
    held.sort_unstable_by_key(|cell| cell.key);
    let mut last = None;
    held.drain(..).try_for_each(|cell| combine(&mut last, cell, &mut emit))?;
    last.map_or(Ok(()), emit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io;
    use std::path::PathBuf;
    use std::sync::Arc;
    use wordmill_flow::Budget;
    use wordmill_formats::{
        CsrShardReader, Fault, FaultyStorage, FormatError, MemoryStorage, Operation, Storage,
    };

    use crate::{MergeConfig, UnitSearch, merge, remove_runs};

    type Fed = Vec<(u32, u32, u64)>;

    const WORDS: u32 = 400;

    /// Cells in any order, many of them more than once, also on the diagonal.
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

    /// Gathers in so many bytes and merges; gives the number of runs.
    fn run(storage: &Arc<dyn Storage>, bytes: u64, fed: &Fed) -> Result<usize, CooccurError> {
        let dir = RunDir::new(Arc::clone(storage), "run");
        let ranges = RowRanges::new(&vec![100; WORDS as usize], 5);
        let ctx = Context { budget: Budget::new(bytes), ..Context::for_tests(1) };
        let config = GatherConfig { fingerprint: "fed".into() };
        let feed = |emit: &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>| {
            fed.iter().try_for_each(|&(row, column, weight)| emit(row, column, weight))
        };
        let runs = gather(&ctx, &dir, &config, &ranges, feed)?;
        let count = runs.runs.len();
        let config = MergeConfig {
            window: UnitSearch::default().found().window,
            fingerprint: "merged".into(),
            vocabulary: String::new(),
            settings: BTreeMap::new(),
            worker_bytes: None,
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
        // The least memory holds 65536 cells at a time.
        let least = FIXED_BYTES + CELLS_BYTES_MIN;
        for (bytes, runs) in [(1 << 30, 1), (8 << 20, 2), (least, 5)] {
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
    fn a_gathering_that_failed_is_made_anew_and_a_finished_one_is_kept() {
        let fed = random(2, 150_000);
        let least = FIXED_BYTES + CELLS_BYTES_MIN;
        let undisturbed = MemoryStorage::default();
        run(&(Arc::new(undisturbed.clone()) as Arc<dyn Storage>), least, &fed).unwrap();
        for nth in 0.. {
            let memory = MemoryStorage::default();
            let plain: Arc<dyn Storage> = Arc::new(memory.clone());
            let fault =
                Fault { operation: Operation::Rename, nth, error: io::ErrorKind::StorageFull };
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
    fn errors_of_the_feeder_come_back() {
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let ranges = RowRanges::new(&[5, 4], 5);
        let config = GatherConfig { fingerprint: "fed".into() };
        let feed = |_: &mut dyn FnMut(u32, u32, u64) -> Result<(), CooccurError>| {
            Err(CooccurError::Feed("line 7".into()))
        };
        let error = gather(&Context::for_tests(1), &dir, &config, &ranges, feed).unwrap_err();
        assert_eq!(error.to_string(), "line 7");
    }
}
