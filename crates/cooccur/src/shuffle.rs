//! The shuffling stage: cells in any order in, tiles in random order out.
//!
//! The random order is defined without reference to memory or threads: a seeded 64-bit hash of (row, column)
//! determines in which frame of its section a cell is, and `tiles.rs` in which order a frame is read. Cells are
//! first *dealt* to the row stripes, as packed blocks that stay in memory as long as they fit and otherwise go to
//! one file per stripe. Then each stripe, a unit of work, is laid out, tile by tile, and written. Dealing keeps
//! the order of the source, rows ascending, so nothing is sorted: frames are filled in that order and are sorted
//! when they are full. If slots suffice (`slots.rs`), the packed blocks are the frames and nothing is laid out.

mod deal;
mod job;
mod layout;
mod slots;
pub mod source;
mod unsorted;

use wordmill_flow::{Context, Label, StageProgress, Step, Unit, run_step};
use wordmill_formats::{CellSource, RunDir, StripeFile, StripeLayout, StripeWriter, TileGrid};

use crate::error::CooccurError;
use deal::{Dealt, deal};
use job::Shuffle;
use layout::{SORT_BYTES_MIN, lay_out};
use slots::put_slots;
use unsorted::UnsortedCells;

pub use job::{ShuffleConfig, TilesConfig};

pub(crate) use deal::Share as DealShare;
pub(crate) use layout::CELL_BYTES as LAY_OUT_CELL_BYTES;

/// Lays out the cells of `source` in tiles and returns the stripe files, in order. Finished stripes
/// of an earlier attempt with the same fingerprint are kept.
pub fn shuffle(
    ctx: &Context,
    dir: &RunDir,
    config: &ShuffleConfig,
    source: &dyn CellSource,
) -> Result<Vec<StripeFile>, CooccurError> {
    let grid = TileGrid { grid: config.grid, rows: source.rows(), columns: source.columns() };
    let shuffle = Shuffle { ctx, dir, config, source, grid };
    let (mut missing, mut there) = (Vec::new(), 0);
    for stripe in 0..config.grid {
        match shuffle.finished(stripe)? {
            Some(file) => there += file.file().items(),
            None => missing.push(stripe),
        }
    }
    if !missing.is_empty() {
        let dealt = deal(&shuffle, &missing)?;
        shuffle.lay_out(&missing, source.cells().saturating_sub(there), &dealt)?;
    }
    // A process killed at the wrong moment leaves unsorted cells of a finished stripe or, in a
    // rebuild, stripes of another grid.
    let path = |stripe| dir.stripe(&config.folder, stripe);
    let ours = |name: &str| (0..config.grid).any(|stripe| path(stripe).ends_with(name));
    dir.sweep(&config.folder, |name| !ours(name))?;
    let open = |stripe| StripeFile::open(dir.storage(), &dir.stripe(&config.folder, stripe));
    Ok((0..config.grid).map(open).collect::<Result<_, _>>()?)
}

impl Shuffle<'_> {
    /// Writes the files of these stripes, with at most this many cells.
    fn lay_out(&self, stripes: &[u32], cells: u64, dealt: &Dealt) -> Result<(), CooccurError> {
        let workers = (self.ctx.budget.left() / SORT_BYTES_MIN).clamp(1, self.ctx.threads as u64);
        let bytes = (self.ctx.budget.left() / workers).max(SORT_BYTES_MIN);
        let _memory = self.ctx.budget.reserve(bytes * workers, "laying out tiles")?;
        let laying = Stripes { shuffle: self, dealt, stripes, cells, bytes };
        run_step(self.ctx, &laying, workers as usize)?;
        Ok(())
    }

    fn stripe(
        &self,
        stripe: u32,
        unsorted: &UnsortedCells,
        bytes: u64,
        mut done: impl FnMut(u64),
    ) -> Result<(), CooccurError> {
        let path = self.dir.stripe(&self.config.folder, stripe);
        let (grid, seed) = (self.grid, self.config.seed);
        let (unit, slots) = (self.source.unit(), self.config.slots);
        let samples = self.source.samples();
        let layout = StripeLayout { grid, stripe, seed, unit, samples, slots };
        let mut writer = StripeWriter::create(self.dir.storage(), &path, layout)?;
        writer.set("fingerprint", &self.config.fingerprint);
        for group in 0..self.groups().groups {
            let before = writer.cells();
            self.ctx.cancel.check_overdue()?;
            match self.config.slots {
                0 => lay_out(self, unsorted, stripe, group, bytes, &mut writer)?,
                _ => put_slots(self, unsorted, group, &mut writer)?,
            }
            done(writer.cells() - before);
        }
        writer.finish()?;
        Ok(())
    }
}

/// The step: a file for each missing stripe. Cells that were dealt into memory can only be laid out by the process that
/// holds them; they are not files that a unit reads.
struct Stripes<'a> {
    shuffle: &'a Shuffle<'a>,
    dealt: &'a Dealt,
    stripes: &'a [u32],
    /// Cells of these stripes, or more.
    cells: u64,
    /// Memory of a worker.
    bytes: u64,
}

impl Step for Stripes<'_> {
    type Done = ();
    type Error = CooccurError;

    fn label(&self) -> Label {
        Label { stage: "shuffle", threads: "shuffle", noun: "cells" }
    }

    fn units(&self) -> usize {
        self.stripes.len()
    }

    fn unit(&self, at: usize) -> Unit {
        let (Shuffle { dir, config, .. }, stripe) = (self.shuffle, self.stripes[at]);
        Unit {
            name: format!("shuffle/{stripe:03}"),
            reads: self.dealt.paths(self.shuffle, stripe).collect(),
            writes: vec![dir.stripe(&config.folder, stripe)],
        }
    }

    fn total(&self) -> u64 {
        self.cells
    }

    /// Cells are reported while they are laid out.
    fn size(&self, _: usize, (): &()) -> u64 {
        0
    }

    fn finished(&self, at: usize) -> Result<Option<()>, CooccurError> {
        Ok(self.shuffle.finished(self.stripes[at])?.map(drop))
    }

    fn make(&self, at: usize, progress: &StageProgress) -> Result<(), CooccurError> {
        let unsorted = self.dealt.unsorted(self.shuffle, self.stripes[at])?;
        let done = |cells| progress.add(cells);
        self.shuffle.stripe(self.stripes[at], &unsorted, self.bytes, done)
    }

    fn settle(&self, at: usize, (): &mut ()) -> Result<(), CooccurError> {
        Ok(self.dealt.remove(self.shuffle, self.stripes[at])?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use wordmill_flow::Budget;
    use wordmill_formats::{
        Failure, Fault, FaultyStorage, FormatError, MemoryStorage, Operation, Segment, Span,
        Storage, TileCell, TileSection,
    };

    use super::*;
    use crate::test_support::RecordedRun;

    /// Every cell of a square whose row and column have a common divisor.
    struct Square(u32);

    impl CellSource for Square {
        fn rows(&self) -> u32 {
            self.0
        }

        fn columns(&self) -> u32 {
            self.0
        }

        fn cells(&self) -> u64 {
            u64::from(self.0) * u64::from(self.0)
        }

        fn parts(&self) -> usize {
            7
        }

        fn for_each(
            &self,
            part: usize,
            each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
        ) -> Result<(), FormatError> {
            let edge = |part: usize| part as u32 * self.0 / 7;
            (edge(part)..edge(part + 1)).try_for_each(|row| {
                let columns = (0..self.0).filter(|column| row * column % 3 != 1);
                let payload = |column| u64::from(row + column) * if row == 5 { 1 << 33 } else { 1 };
                let cell = |column| TileCell { row, column, payload: payload(column) };
                each(&columns.map(cell).collect::<Vec<_>>())
            })
        }

        fn section(&self, payload: u64) -> TileSection {
            if payload.is_multiple_of(10) { TileSection::Hot } else { TileSection::Cold }
        }

        fn unit(&self) -> Option<u64> {
            Some(60)
        }
    }

    fn config(grid: u32) -> ShuffleConfig {
        ShuffleConfig {
            folder: "t".into(),
            grid,
            seed: 4,
            fingerprint: "f".into(),
            slots: 0,
            checkpoint_every: Duration::MAX,
        }
    }

    fn dir() -> (MemoryStorage, RunDir) {
        let memory = MemoryStorage::default();
        (memory.clone(), RunDir::new(Arc::new(memory), "run"))
    }

    #[test]
    fn neither_memory_nor_threads_change_a_byte() {
        let source = Square(400);
        for grid in [1, 3, 70] {
            let mut snapshots = Vec::new();
            for (threads, memory_bytes) in [(1, 1 << 30), (3, 1 << 30), (2, 9_000_000)] {
                let (memory, dir) = dir();
                let budget = Budget::new(memory_bytes);
                let ctx = Context { budget, ..Context::for_tests(threads) };
                let stripes = shuffle(&ctx, &dir, &config(grid), &source).unwrap();
                assert_eq!(stripes.len(), grid as usize);
                snapshots.push(memory.snapshot());
            }
            assert!(snapshots.iter().all(|other| *other == snapshots[0]), "grid {grid}");
        }
    }

    #[test]
    fn slots_hold_every_cell_once_in_order_whatever_the_memory() {
        let source = Square(400);
        for grid in [1, 3, 70] {
            let mut all = Vec::new();
            for (threads, memory_bytes) in [(1, 1 << 30), (3, 1 << 30), (2, 9_000_000)] {
                let (_, dir) = dir();
                let ctx =
                    Context { budget: Budget::new(memory_bytes), ..Context::for_tests(threads) };
                let config = ShuffleConfig { slots: 3, ..config(grid) };
                let stripes = shuffle(&ctx, &dir, &config, &source).unwrap();
                all.push(in_slots(&stripes, 3));
            }
            assert!(all.iter().all(|other| *other == all[0]), "grid {grid}");
            let mut found: Vec<TileCell> = all.swap_remove(0);
            let mut expected = Vec::new();
            for part in 0..source.parts() {
                let keep = &mut |cells: &[TileCell]| {
                    expected.extend_from_slice(cells);
                    Ok(())
                };
                source.for_each(part, keep).unwrap();
            }
            found.sort_unstable_by_key(|cell| (cell.row, cell.column));
            assert_eq!(found, expected, "grid {grid}");
        }
    }

    /// The cells of all slots with global ids; each slot of a tile is in order.
    fn in_slots(stripes: &[StripeFile], slots: u32) -> Vec<TileCell> {
        let grid = stripes.len() as u32;
        let mut all = Vec::new();
        let tiles = (0..grid).flat_map(|row| (0..grid).map(move |column| (row, column)));
        for (row_stripe, column_stripe) in tiles {
            let hot = (TileSection::Hot, Segment::WHOLE);
            let cold =
                (0..slots).map(|slot| (TileSection::Cold, Segment { part: slot, parts: slots }));
            for (section, part) in std::iter::once(hot).chain(cold) {
                let mut cells = Vec::new();
                let file = &stripes[row_stripe as usize];
                file.segment(column_stripe, section, part, &mut cells).unwrap();
                assert!(cells.is_sorted_by_key(|cell| (cell.row, cell.column)));
                all.extend(cells.into_iter().map(|cell| TileCell {
                    row: cell.row * grid + row_stripe,
                    column: cell.column * grid + column_stripe,
                    ..cell
                }));
            }
        }
        all
    }

    #[test]
    fn loose_cells_may_be_in_files_and_laid_out_in_many_passes() {
        let (source, config, ctx) = (Square(400), config(2), Context::for_tests(2));
        let grid = TileGrid { grid: 2, rows: 400, columns: 400 };
        let laid_out = |budget_bytes: u64, bytes| {
            let (memory, dir) = dir();
            let ctx = Context { budget: Budget::new(budget_bytes), ..ctx.clone() };
            let shuffle = Shuffle { ctx: &ctx, dir: &dir, config: &config, source: &source, grid };
            let dealt = deal(&shuffle, &[0, 1]).unwrap();
            let in_files = dealt.rounds() > 0;
            // What is on disk is found again.
            let again = if in_files { deal(&shuffle, &[0, 1]).unwrap() } else { dealt };
            for stripe in 0..2 {
                let unsorted = again.unsorted(&shuffle, stripe).unwrap();
                shuffle.stripe(stripe, &unsorted, bytes, |_| ()).unwrap();
                again.remove(&shuffle, stripe).unwrap();
            }
            (in_files, memory.snapshot())
        };
        let (in_files, expected) = laid_out(1 << 30, 1 << 30);
        assert!(!in_files);
        // A pass always has at least a frame.
        for (budget_bytes, bytes) in [(1 << 30, 1), (4_200_000, 1 << 30), (4_200_000, 1)] {
            let (in_files, found) = laid_out(budget_bytes, bytes);
            assert_eq!(in_files, budget_bytes < 1 << 30);
            assert!(found == expected, "{budget_bytes} {bytes}");
        }
    }

    #[test]
    fn stripes_keep_to_their_lists() {
        let source = Square(200);
        for (slots, budget_bytes, is_in_files) in
            [(0, 1 << 30, false), (0, 4_200_000, true), (3, 4_200_000, true)]
        {
            let run = RecordedRun::new();
            let budget = Budget::new(budget_bytes);
            let ctx = Context { budget, ..Context::for_tests(1) };
            let config = ShuffleConfig { slots, ..config(3) };
            let grid = TileGrid { grid: 3, rows: 200, columns: 200 };
            let shuffle =
                Shuffle { ctx: &ctx, dir: &run.dir, config: &config, source: &source, grid };
            let stripes = [0, 2, 1];
            let dealt = deal(&shuffle, &stripes).unwrap();
            assert_eq!(dealt.rounds() > 0, is_in_files);
            let (shuffle, dealt) = (&shuffle, &dealt);
            let (stripes, bytes) = (&stripes[..], SORT_BYTES_MIN);
            let step = Stripes { shuffle, dealt, stripes, cells: 0, bytes };
            run.check(&step, true);
        }
    }

    /// A square that counts how often its parts are read.
    struct Counted(Square, AtomicUsize);

    impl CellSource for Counted {
        fn rows(&self) -> u32 {
            self.0.rows()
        }

        fn columns(&self) -> u32 {
            self.0.columns()
        }

        fn cells(&self) -> u64 {
            self.0.cells()
        }

        fn parts(&self) -> usize {
            self.0.parts()
        }

        fn for_each(
            &self,
            part: usize,
            each: &mut dyn FnMut(&[TileCell]) -> Result<(), FormatError>,
        ) -> Result<(), FormatError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.for_each(part, each)
        }

        fn section(&self, payload: u64) -> TileSection {
            self.0.section(payload)
        }

        fn unit(&self) -> Option<u64> {
            self.0.unit()
        }
    }

    #[test]
    fn dealing_resumes_after_every_failed_operation() {
        let source = Square(200);
        for (slots, budget_bytes) in [(0, 1 << 30), (0, 13_000_000), (3, 13_000_000)] {
            let whole = ShuffleConfig { slots, ..config(3) };
            // Every part is written to disk as it is dealt.
            let rounds = ShuffleConfig { checkpoint_every: Duration::ZERO, ..whole.clone() };
            let run = |storage: Arc<dyn Storage>,
                       config: &ShuffleConfig,
                       source: &dyn CellSource| {
                let dir = RunDir::new(storage, "run");
                let ctx = Context { budget: Budget::new(budget_bytes), ..Context::for_tests(1) };
                shuffle(&ctx, &dir, config, source)
            };
            let order = |stripes: Vec<StripeFile>| in_order(&stripes, slots);
            let undisturbed = order(run(dir().1.storage().clone(), &whole, &source).unwrap());
            let counting = FaultyStorage::new(Arc::new(MemoryStorage::default()), None);
            let stripes = run(Arc::new(counting.clone()), &rounds, &source).unwrap();
            let operations = counting.count(Operation::Any);
            assert!(order(stripes) == undisturbed);
            for nth in (0..operations).step_by(5) {
                let (operation, span) = (Operation::Any, Span::FromThenOn);
                let fault = Fault { operation, nth, span, failure: Failure::DEVICE };
                let memory = MemoryStorage::default();
                let faulty = FaultyStorage::new(Arc::new(memory.clone()), Some(fault));
                let first = Counted(Square(200), AtomicUsize::new(0));
                run(Arc::new(faulty), &rounds, &first).err().expect("it failed");
                memory.power_cut_by_chance(nth);
                let second = Counted(Square(200), AtomicUsize::new(0));
                let found = order(run(Arc::new(memory.clone()), &rounds, &second).unwrap());
                assert!(found == undisturbed, "{slots} slots, {budget_bytes}, operation {nth}");
                let (first, second) = (first.1.into_inner(), second.1.into_inner());
                let again = (first + second).saturating_sub(source.parts());
                // Seven parts; those not yet laid out are in files.
                assert!(again <= 1, "operation {nth}: {again} parts were dealt again");
                let left = memory.snapshot().len();
                assert_eq!(left, 3, "operation {nth}: files are left over");
            }
        }
    }

    /// The cells of tiles in their order, or those of slots.
    fn in_order(stripes: &[StripeFile], slots: u32) -> Vec<TileCell> {
        match slots {
            0 => {
                let mut cells = Vec::new();
                for (stripe, column) in stripes.iter().flat_map(|it| (0..3).map(move |c| (it, c))) {
                    for section in [TileSection::Hot, TileSection::Cold] {
                        stripe.segment(column, section, Segment::WHOLE, &mut cells).unwrap();
                    }
                }
                cells
            }
            slots => in_slots(stripes, slots),
        }
    }
}
