//! The shuffling stage: cells in any order in, tiles in random order out.
//!
//! The random order is defined without reference to memory or threads: a seeded 64-bit hash of (row,
//! column) says in which frame of its section a cell stands, and `tiles.rs` in which order a frame
//! is read. Cells are first *dealt* to the row stripes, as packed blocks that stay in memory as long
//! as they fit and go to a file a stripe where they do not. Then each stripe is laid out, tile by
//! tile, and written. Dealing keeps the order of the source, rows ascending, so that nothing is
//! ever sorted: frames are filled in that order and are sorted when they are full. Where slots will do
//! (`slots.rs`), the packed blocks are the frames and nothing is laid out.

mod deal;
mod layout;
mod slots;

use std::path::PathBuf;
use std::sync::Mutex;

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::{
    CellCodes, CellSource, FrameFile, Kind, RunDir, StripeFile, StripeLayout, StripeWriter,
    TileGrid, mix,
};

use crate::error::CooccurError;
use deal::{Loose, deal};
use layout::{SORT_BYTES_MIN, lay_out};
use slots::put_slots;

pub(crate) use deal::Share as DealShare;
pub(crate) use layout::CELL_BYTES as LAY_OUT_CELL_BYTES;

/// Groups of tiles that cells are dealt to: more of them make blocks of too few cells. A group is
/// one tile for up to 64 stripes.
const GROUPS_MAX: u32 = 4096;

/// How to shuffle.
#[derive(Clone, Debug)]
pub struct ShuffleConfig {
    /// Folder of the stripe files inside the run directory.
    pub folder: String,
    /// Stripes a side.
    pub grid: u32,
    /// Seed of the order.
    pub seed: u64,
    /// Identifies settings and inputs; files of another fingerprint are made anew.
    pub fingerprint: String,
    /// Slots that light cells are thrown into instead of being put in random order, or 0.
    pub slots: u32,
}

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
    let mut missing = Vec::new();
    for stripe in 0..config.grid {
        if shuffle.finished(stripe)?.is_none() {
            missing.push(stripe);
        }
    }
    if !missing.is_empty() {
        let loose = match shuffle.dealt(&missing)? {
            Some(loose) => loose,
            None => deal(&shuffle, &missing)?,
        };
        shuffle.lay_out(&missing, loose)?;
    }
    // A process killed at the wrong moment leaves loose cells of a finished stripe, or, in a
    // rebuild, stripes of another grid.
    let path = |stripe| dir.stripe(&config.folder, stripe);
    let ours = |name: &str| (0..config.grid).any(|stripe| path(stripe).ends_with(name));
    dir.sweep(&config.folder, |name| !ours(name))?;
    let open = |stripe| StripeFile::open(dir.storage(), &dir.stripe(&config.folder, stripe));
    Ok((0..config.grid).map(open).collect::<Result<_, _>>()?)
}

/// What both halves of the stage know.
struct Shuffle<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    config: &'a ShuffleConfig,
    source: &'a dyn CellSource,
    grid: TileGrid,
}

impl Shuffle<'_> {
    fn finished(&self, stripe: u32) -> Result<Option<StripeFile>, CooccurError> {
        let path = self.dir.stripe(&self.config.folder, stripe);
        match StripeFile::open(self.dir.storage(), &path) {
            Ok(file) => {
                let same = file.file().setting("fingerprint") == Some(&self.config.fingerprint);
                Ok(same.then_some(file))
            }
            Err(error) if error.is_not_found() || error.is_bad_artefact() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn loose_path(&self, stripe: u32) -> PathBuf {
        self.dir.path(&format!("{}/loose-{stripe:03}.cells", self.config.folder))
    }

    /// What an earlier attempt has dealt, if it wrote down all of these stripes.
    fn dealt(&self, stripes: &[u32]) -> Result<Option<Vec<Loose>>, CooccurError> {
        let mut loose = Vec::new();
        for &stripe in stripes {
            let path = self.loose_path(stripe);
            match FrameFile::open(self.dir.storage(), &path, Kind::LOOSE) {
                Ok(file) if self.is_ours(&file) => loose.push(Loose::File(file)),
                Err(error) if !error.is_not_found() && !error.is_bad_artefact() => {
                    return Err(error.into());
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(loose))
    }

    fn is_ours(&self, file: &FrameFile) -> bool {
        let same = file.setting("fingerprint") == Some(&self.config.fingerprint);
        same && file.version() == Kind::LOOSE.version
    }

    fn codes(&self) -> CellCodes {
        self.source.unit().map_or(CellCodes::None, CellCodes::of_unit)
    }

    fn groups(&self) -> Groups {
        let (grid, slots) = (self.grid.grid, 1 + self.config.slots);
        Groups { grid, groups: (GROUPS_MAX / slots / grid).clamp(1, grid), slots }
    }

    fn lay_out(&self, stripes: &[u32], loose: Vec<Loose>) -> Result<(), CooccurError> {
        let workers = (self.ctx.budget.left() / SORT_BYTES_MIN).clamp(1, self.ctx.threads as u64);
        let bytes = (self.ctx.budget.left() / workers).max(SORT_BYTES_MIN);
        let _memory = self.ctx.budget.reserve(bytes * workers, "laying out tiles")?;
        let progress = self.ctx.progress.stage("shuffle", "cells", self.source.cells());
        let loose: Vec<Mutex<Option<Loose>>> =
            loose.into_iter().map(|loose| Mutex::new(Some(loose))).collect();
        run_tasks(self.ctx, "shuffle", workers as usize, stripes.len(), |task| {
            let taken = loose[task].lock().ok().and_then(|mut loose| loose.take());
            let loose = taken.expect("each stripe is one task");
            self.stripe(stripes[task], &loose, bytes, |cells| progress.add(cells))?;
            if let Loose::File(file) = loose {
                self.dir.remove(file.path())?;
            }
            Ok::<_, CooccurError>(())
        })?;
        progress.set_total(progress.done());
        Ok(())
    }

    fn stripe(
        &self,
        stripe: u32,
        loose: &Loose,
        bytes: u64,
        mut done: impl FnMut(u64),
    ) -> Result<(), CooccurError> {
        let path = self.dir.stripe(&self.config.folder, stripe);
        let (grid, seed) = (self.grid, self.config.seed);
        let (unit, slots) = (self.source.unit(), self.config.slots);
        let layout = StripeLayout { grid, stripe, seed, unit, slots };
        let mut writer = StripeWriter::create(self.dir.storage(), &path, layout)?;
        writer.set("fingerprint", &self.config.fingerprint);
        for group in 0..self.groups().groups {
            let before = writer.cells();
            self.ctx.cancel.check_overdue()?;
            match self.config.slots {
                0 => lay_out(self, loose, (stripe, group), bytes, &mut writer)?,
                _ => put_slots(self, loose, group, &mut writer)?,
            }
            done(writer.cells() - before);
        }
        writer.finish()?;
        Ok(())
    }
}

/// Column stripes in groups. A column of a group has a number of its own there, in order.
#[derive(Clone, Copy, Debug)]
struct Groups {
    grid: u32,
    groups: u32,
    /// Buckets of a group: one for each slot, the heavy section first.
    slots: u32,
}

impl Groups {
    /// Buckets that a row stripe is dealt to.
    fn buckets(self) -> u32 {
        self.groups * self.slots
    }

    /// First column stripe of a group, and the number of them.
    fn stripes(self, group: u32) -> (u32, u32) {
        let edge =
            |group: u32| (u64::from(group) * u64::from(self.grid) / u64::from(self.groups)) as u32;
        (edge(group), edge(group + 1) - edge(group))
    }

    /// The group of each column stripe, with its place there and their number.
    fn table(self) -> Vec<(u32, u32, u32)> {
        let entries = (0..self.groups).flat_map(|group| {
            let (_, stripes) = self.stripes(group);
            (0..stripes).map(move |place| (group, place, stripes))
        });
        entries.collect()
    }
}

/// The seed of the hash that orders cells: `mix(row << 32 | column + mixed_seed)`.
fn mixed_seed(seed: u64) -> u64 {
    mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wordmill_flow::Budget;
    use wordmill_formats::{FormatError, MemoryStorage, TileCell, TileSection};

    use super::*;

    /// Every cell of a square whose row and column have something in common.
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
            if payload.is_multiple_of(10) { TileSection::Heavy } else { TileSection::Light }
        }

        fn unit(&self) -> Option<u64> {
            Some(60)
        }
    }

    fn config(grid: u32) -> ShuffleConfig {
        ShuffleConfig { folder: "t".into(), grid, seed: 4, fingerprint: "f".into(), slots: 0 }
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
            let heavy = (TileSection::Heavy, (0, 1));
            let light = (0..slots).map(|slot| (TileSection::Light, (slot, slots)));
            for (section, part) in std::iter::once(heavy).chain(light) {
                let mut cells = Vec::new();
                let file = &stripes[row_stripe as usize];
                file.segment((column_stripe, section), part, &mut cells).unwrap();
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
            let loose = deal(&shuffle, &[0, 1]).unwrap();
            let in_files = loose.iter().all(|loose| matches!(loose, Loose::File(_)));
            let again = shuffle.dealt(&[0, 1]).unwrap();
            assert_eq!(again.is_some(), in_files, "what is on disk is found again");
            for (stripe, loose) in again.unwrap_or(loose).iter().enumerate() {
                shuffle.stripe(stripe as u32, loose, bytes, |_| ()).unwrap();
                dir.storage().remove(&shuffle.loose_path(stripe as u32)).ok();
            }
            (in_files, memory.snapshot())
        };
        let (in_files, expected) = laid_out(1 << 30, 1 << 30);
        assert!(!in_files);
        // A pass is never for less than a frame.
        for (budget_bytes, bytes) in [(1 << 30, 1), (4_200_000, 1 << 30), (4_200_000, 1)] {
            let (in_files, found) = laid_out(budget_bytes, bytes);
            assert_eq!(in_files, budget_bytes < 1 << 30);
            assert!(found == expected, "{budget_bytes} {bytes}");
        }
    }
}
