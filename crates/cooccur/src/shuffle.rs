//! The shuffling stage: cells in any order in, tiles in random order out.
//!
//! The random order is defined without reference to memory or threads: inside a section of a tile
//! the cells stand in the order of a seeded 64-bit hash of (row, column). Cells are first dealt to
//! one file a row stripe, in frames tagged by column stripe; then each tile is read, sorted by that
//! hash, and written. A tile larger than the memory is sorted in several passes over its frames,
//! each for a range of hashes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Context, StageProgress, run_tasks, run_workers};
use wordmill_formats::{
    CellSource, FormatError, FrameFile, FrameWriter, Kind, RunDir, StripeFile, StripeWriter,
    TileCell, TileGrid, TileSection,
};

use crate::error::CooccurError;

/// Bytes of a loose cell: local row, local column, payload.
const LOOSE_BYTES: usize = 16;
/// The least that a worker deals with at a time.
const DEAL_BYTES_MIN: u64 = 4 << 20;
/// More than this only makes the buckets miss the caches: dealing 36 M cells took 5.5 s with 1 GiB a
/// worker and 3.0 s with 128 MiB.
const DEAL_BYTES_MAX: u64 = 64 << 20;
/// But each tile gets this much, so that frames are not tiny.
const DEAL_TILE_BYTES: u64 = 16 << 10;
/// A worker sorting a tile holds at least this much.
const SORT_BYTES_MIN: u64 = 8 << 20;

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
        if !shuffle.is_dealt(&missing)? {
            shuffle.deal(&missing)?;
        }
        shuffle.sort(&missing)?;
    }
    // A process killed at the wrong moment leaves loose cells of a finished stripe, or, in a
    // rebuild, stripes of another grid.
    let path = |stripe| dir.stripe(&config.folder, stripe);
    let ours = |name: &str| (0..config.grid).any(|stripe| path(stripe).ends_with(name));
    dir.sweep(&config.folder, |name| !ours(name))?;
    let open = |stripe| StripeFile::open(dir.storage(), &dir.stripe(&config.folder, stripe));
    Ok((0..config.grid).map(open).collect::<Result<_, _>>()?)
}

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

    fn loose(&self, stripe: u32) -> Result<FrameFile, FormatError> {
        FrameFile::open(self.dir.storage(), &self.loose_path(stripe), Kind::LOOSE)
    }

    /// Whether an earlier attempt has dealt the cells of all these stripes.
    fn is_dealt(&self, stripes: &[u32]) -> Result<bool, CooccurError> {
        for &stripe in stripes {
            match self.loose(stripe) {
                Ok(file) if file.setting("fingerprint") == Some(&self.config.fingerprint) => {}
                Err(error) if !error.is_not_found() && !error.is_bad_artefact() => {
                    return Err(error.into());
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Deals the cells of the source to one loose file a stripe.
    fn deal(&self, stripes: &[u32]) -> Result<(), CooccurError> {
        let least = DEAL_BYTES_MIN + self.source.part_bytes();
        let workers = (self.ctx.budget.left() / least).clamp(1, self.ctx.threads as u64);
        let most = DEAL_BYTES_MAX.max(DEAL_TILE_BYTES * u64::from(self.config.grid).pow(2));
        let share = self.ctx.budget.left() / workers;
        let bytes = share.clamp(least, most.max(DEAL_BYTES_MIN) + self.source.part_bytes());
        let _memory = self.ctx.budget.reserve(bytes * workers, "dealing cells to tiles")?;
        let mut files: Vec<Option<Mutex<FrameWriter>>> = Vec::new();
        files.resize_with(self.config.grid as usize, || None);
        for &stripe in stripes {
            let path = self.loose_path(stripe);
            let mut writer = FrameWriter::create(self.dir.storage(), &path, Kind::LOOSE)?;
            writer.set("fingerprint", &self.config.fingerprint);
            files[stripe as usize] = Some(Mutex::new(writer));
        }
        let progress = self.ctx.progress.stage("deal cells", "cells", self.source.cells());
        let next = AtomicUsize::new(0);
        run_workers("deal", workers as usize, |_| {
            let held_bytes = bytes - self.source.part_bytes();
            let mut dealer = Dealer::new(self.grid, &files, held_bytes);
            loop {
                self.ctx.cancel.check()?;
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= self.source.parts() {
                    return Ok::<_, CooccurError>(dealer.flush()?);
                }
                self.source.for_each(part, &mut |cells| {
                    progress.add(cells.len() as u64);
                    dealer.deal(cells)
                })?;
            }
        })?;
        progress.set_total(progress.done());
        for file in files.into_iter().flatten() {
            file.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        Ok(())
    }

    fn sort(&self, stripes: &[u32]) -> Result<(), CooccurError> {
        let workers = (self.ctx.budget.left() / SORT_BYTES_MIN).clamp(1, self.ctx.threads as u64);
        let bytes = (self.ctx.budget.left() / workers).max(SORT_BYTES_MIN);
        let _memory = self.ctx.budget.reserve(bytes * workers, "sorting tiles")?;
        let progress = self.ctx.progress.stage("shuffle", "cells", self.source.cells());
        run_tasks(self.ctx, "shuffle", workers as usize, stripes.len(), |task| {
            self.sort_stripe(stripes[task], bytes, &progress)
        })?;
        progress.set_total(progress.done());
        Ok(())
    }

    fn sort_stripe(
        &self,
        stripe: u32,
        bytes: u64,
        progress: &StageProgress,
    ) -> Result<(), CooccurError> {
        let loose = self.loose(stripe)?;
        let settings = [
            ("fingerprint", self.config.fingerprint.clone()),
            ("seed", self.config.seed.to_string()),
        ];
        let path = self.dir.stripe(&self.config.folder, stripe);
        let storage = self.dir.storage();
        let mut writer = StripeWriter::create(storage, &path, self.grid, stripe, &settings)?;
        for column_stripe in 0..self.config.grid {
            let before = writer.cells();
            self.sort_tile(&loose, (stripe, column_stripe), bytes, &mut writer)?;
            progress.add(writer.cells() - before);
        }
        writer.finish()?;
        self.dir.remove(&self.loose_path(stripe))?;
        Ok(())
    }

    /// Writes both sections of a tile, in as many passes over its frames as the memory asks for.
    fn sort_tile(
        &self,
        loose: &FrameFile,
        (stripe, column_stripe): (u32, u32),
        bytes: u64,
        writer: &mut StripeWriter,
    ) -> Result<(), CooccurError> {
        let is_ours = |frame: &usize| loose.entries()[*frame].tag == u64::from(column_stripe);
        let frames: Vec<usize> = (0..loose.entries().len()).filter(is_ours).collect();
        let cells: u64 = frames.iter().map(|&frame| u64::from(loose.entries()[frame].items)).sum();
        let held_bytes = 2 * size_of::<(bool, u64, TileCell)>() as u64;
        let passes = (cells * held_bytes).div_ceil(bytes).max(1).next_power_of_two();
        let mut held: Vec<(bool, u64, TileCell)> = Vec::new();
        let mut section_cells = Vec::new();
        for pass in 0..passes {
            for &frame in &frames {
                self.read_loose(loose, frame, |cell| {
                    let (row, column) = self.global(cell, stripe, column_stripe);
                    let order = order(self.config.seed, row, column);
                    let is_light = self.source.section(cell.payload) == TileSection::Light;
                    // The top bits of (section, order) say which pass a cell belongs to.
                    let rank = u64::from(is_light) << 63 | order >> 1;
                    if passes == 1 || rank >> (64 - passes.ilog2()) == pass {
                        held.push((is_light, order, cell));
                    }
                })?;
            }
            held.sort_unstable_by_key(|&(is_light, order, _)| (is_light, order));
            for (section, light) in [(TileSection::Heavy, false), (TileSection::Light, true)] {
                section_cells.clear();
                let ours = held.iter().filter(|(is_light, _, _)| *is_light == light);
                section_cells.extend(ours.map(|&(_, _, cell)| cell));
                if !section_cells.is_empty() {
                    writer.section(column_stripe, section, &section_cells)?;
                }
            }
            held.clear();
        }
        Ok(())
    }

    fn global(&self, cell: TileCell, stripe: u32, column_stripe: u32) -> (u32, u32) {
        let id = |local: u32, stripe: u32| local * self.config.grid + stripe;
        (id(cell.row, stripe), id(cell.column, column_stripe))
    }

    fn read_loose(
        &self,
        loose: &FrameFile,
        frame: usize,
        mut each: impl FnMut(TileCell),
    ) -> Result<(), FormatError> {
        let mut buffer = Vec::new();
        let bytes = loose.read(frame, &mut buffer)?;
        if bytes.len() != loose.entries()[frame].items as usize * LOOSE_BYTES {
            return Err(loose.bad_frame(frame, "cells that end early"));
        }
        for cell in bytes.chunks_exact(LOOSE_BYTES) {
            let u32_at = |at: usize| {
                u32::from_le_bytes([cell[at], cell[at + 1], cell[at + 2], cell[at + 3]])
            };
            let payload = u64::from(u32_at(8)) | u64::from(u32_at(12)) << 32;
            each(TileCell { row: u32_at(0), column: u32_at(4), payload });
        }
        Ok(())
    }
}

/// A worker's cells on their way to the loose files: one bucket a tile.
struct Dealer<'a> {
    grid: TileGrid,
    files: &'a [Option<Mutex<FrameWriter>>],
    buckets: Vec<Vec<u8>>,
    held_bytes: usize,
    limit_bytes: usize,
}

impl<'a> Dealer<'a> {
    fn new(grid: TileGrid, files: &'a [Option<Mutex<FrameWriter>>], bytes: u64) -> Self {
        let buckets = vec![Vec::new(); (grid.grid * grid.grid) as usize];
        // Buckets grow by doubling, so they may hold twice what is in them.
        Self { grid, files, buckets, held_bytes: 0, limit_bytes: bytes as usize / 2 }
    }

    fn deal(&mut self, cells: &[TileCell]) -> Result<(), FormatError> {
        for cell in cells {
            let (stripe, row) = self.grid.place(cell.row);
            let (column_stripe, column) = self.grid.place(cell.column);
            if self.files[stripe as usize].is_none() {
                continue;
            }
            let bucket = &mut self.buckets[(stripe * self.grid.grid + column_stripe) as usize];
            let mut bytes = [0; LOOSE_BYTES];
            bytes[..4].copy_from_slice(&row.to_le_bytes());
            bytes[4..8].copy_from_slice(&column.to_le_bytes());
            bytes[8..].copy_from_slice(&cell.payload.to_le_bytes());
            bucket.extend_from_slice(&bytes);
            self.held_bytes += LOOSE_BYTES;
        }
        if self.held_bytes >= self.limit_bytes { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        for (tile, bucket) in self.buckets.iter_mut().enumerate() {
            let (stripe, column_stripe) =
                (tile as u32 / self.grid.grid, tile as u32 % self.grid.grid);
            let Some(file) = &self.files[stripe as usize] else {
                continue;
            };
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // Frames of a megabyte, so that reading one takes little memory.
            for frame in bucket.chunks(LOOSE_BYTES << 16) {
                file.frame(u64::from(column_stripe), (frame.len() / LOOSE_BYTES) as u32, frame)?;
            }
            *bucket = Vec::new();
        }
        self.held_bytes = 0;
        Ok(())
    }
}

/// The place of a cell in the random order of its tile: a bijective mix (the finaliser of
/// splitmix64, Steele, Lea & Flood 2014) of the seeded pair, so no two cells share a place.
pub(crate) fn order(seed: u64, row: u32, column: u32) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let key = u64::from(row) << 32 | u64::from(column);
    mix(key.wrapping_add(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))))
}
