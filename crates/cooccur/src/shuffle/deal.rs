//! Dealing: the cells of a source to the row stripes, as packed blocks in the order of the source.
//!
//! Dealing goes in rounds of consecutive parts of the source. A round ends at the age limit of a checkpoint and
//! is then written to disk: one file per stripe, valid if all of them exist. A process that was killed resumes
//! with the next round. Data that fits into memory and into one round is never written.
//!
//! Dealing is not a step of units: it reads the source once for all stripes, the clock decides where a round ends, and
//! data that fits into memory becomes no file.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wordmill_flow::{Reservation, Room, StageProgress, run_workers};
use wordmill_formats::{
    CellBlock, CellPacker, FormatError, FrameFile, FrameWriter, Kind, PackedFrame, Packing,
    TileCell, TileSection,
};

use super::job::{Groups, Shuffle};
use super::layout::SORT_BYTES_MIN;
use super::slots::Slots;
use super::unsorted::{GROUP_SHIFT, PART_SHIFT, UnsortedCells};
use crate::error::CooccurError;

/// Cells of an unsorted block.
const BLOCK_CELLS: usize = 4096;
/// The most bytes of a cell in an uncompressed block, if it is a weight.
const STORED_BYTES: u64 = 5;
/// Bytes of an unpacked cell: row, column, payload.
const CELL_BYTES: u64 = 20;
/// The minimum memory of a worker.
const DEAL_BYTES_MIN: u64 = 4 << 20;
/// Blocks larger than this do not pack better.
const DEAL_BYTES_MAX: u64 = 64 << 20;

/// The blocks of a stripe in memory, with their tags.
type Held = Arc<Vec<(u64, PackedFrame)>>;

/// Dealt cells: rounds on disk, and the cells of each stripe in memory.
pub(super) struct Dealt {
    rounds: u32,
    held: Vec<Mutex<Held>>,
    /// Memory of the cells held.
    _memory: Option<Reservation>,
}

impl Dealt {
    /// Number of rounds on disk.
    #[cfg(test)]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The files of a stripe; none if its cells are in memory.
    pub fn paths(&self, shuffle: &Shuffle<'_>, stripe: u32) -> impl Iterator<Item = PathBuf> {
        (0..self.rounds).map(move |round| shuffle.unsorted_path(stripe, round))
    }

    /// The cells of a stripe.
    pub fn unsorted(
        &self,
        shuffle: &Shuffle<'_>,
        stripe: u32,
    ) -> Result<UnsortedCells, FormatError> {
        let open = |path: PathBuf| FrameFile::open(shuffle.dir.storage(), &path, Kind::LOOSE);
        let files = self.paths(shuffle, stripe).map(open).collect::<Result<_, _>>()?;
        Ok(UnsortedCells { files, held: Arc::clone(&self.held(stripe)) })
    }

    /// Removes the cells of a stripe, which has been laid out.
    pub fn remove(&self, shuffle: &Shuffle<'_>, stripe: u32) -> Result<(), FormatError> {
        *self.held(stripe) = Held::default();
        self.paths(shuffle, stripe).try_for_each(|path| shuffle.dir.remove(&path))
    }

    fn held(&self, stripe: u32) -> MutexGuard<'_, Held> {
        self.held[stripe as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rounds that an earlier attempt wrote for all of these stripes, and the first part of the source that they
/// do not contain.
fn recover(shuffle: &Shuffle<'_>, stripes: &[u32]) -> Result<(u32, usize), CooccurError> {
    let (mut rounds, mut next) = (0, 0);
    loop {
        let mut end = None;
        for &stripe in stripes {
            let path = shuffle.unsorted_path(stripe, rounds);
            let file = match FrameFile::open(shuffle.dir.storage(), &path, Kind::LOOSE) {
                Ok(file) => file,
                Err(error) if error.is_not_found() || error.is_bad_artefact() => {
                    return Ok((rounds, next));
                }
                Err(error) => return Err(error.into()),
            };
            let parts = file.setting("parts").and_then(|parts| {
                let (first, end) = parts.split_once('-')?;
                Some((first.parse::<usize>().ok()?, end.parse::<usize>().ok()?))
            });
            let is_ours = file.setting("fingerprint") == Some(&shuffle.config.fingerprint)
                && file.version() == Kind::LOOSE.version;
            match parts.filter(|_| is_ours) {
                Some((first, last)) if first == next && *end.get_or_insert(last) == last => {}
                _ => return Ok((rounds, next)),
            }
        }
        rounds += 1;
        next = end.expect("there is a stripe");
    }
}

/// Division of ids by the grid, for all cells: by a product (Lemire, Kaser & Kurz 2019), which takes
/// a third of the time.
#[derive(Clone, Copy, Debug)]
struct Divider {
    grid: u32,
    inverse: u64,
}

impl Divider {
    fn new(grid: u32) -> Self {
        Self { grid, inverse: (u64::MAX / u64::from(grid)).wrapping_add(1) }
    }

    /// Remainder and quotient: stripe and local index.
    #[inline]
    fn place(self, id: u32) -> (u32, u32) {
        // The inverse of 1 would be 2⁶⁴.
        if self.grid == 1 {
            return (0, id);
        }
        let quotient = ((u128::from(self.inverse) * u128::from(id)) >> 64) as u32;
        (id - quotient * self.grid, quotient)
    }
}

/// The blocks of a stripe during dealing.
struct Pile {
    path: PathBuf,
    held: Vec<(u64, PackedFrame)>,
    held_bytes: u64,
    file: Option<FrameWriter>,
}

/// How memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub workers: u64,
    pub worker_bytes: u64,
    /// Per stripe, for its blocks.
    pile_bytes: u64,
    grid: u32,
}

impl Share {
    /// A third for unpacked blocks, a third for packed ones; the rest is the minimum of laying out.
    pub fn new(room: Room, part_bytes: u64, grid: u32) -> Self {
        let Room { bytes: left, threads } = room;
        let least = DEAL_BYTES_MIN + part_bytes;
        let workers = (left / 3 / least).clamp(1, threads);
        let worker_bytes = (left / 3 / workers).clamp(least, DEAL_BYTES_MAX + part_bytes);
        let pile_bytes = left.saturating_sub(workers * worker_bytes) / 2 / u64::from(grid);
        Self { workers, worker_bytes, pile_bytes, grid }
    }

    /// Compression takes a third of the time of dealing; it is skipped if everything stays in
    /// memory.
    pub fn packing(&self, cells: u64) -> Packing {
        match cells.saturating_mul(STORED_BYTES) <= self.pile_bytes * u64::from(self.grid) {
            true => Packing::Stored,
            false => Packing::Zstd,
        }
    }

    /// Memory for packed blocks.
    pub fn piles_bytes(&self) -> u64 {
        self.pile_bytes * u64::from(self.grid)
    }
}

/// Deals the cells of the source to the stripes, except those that an earlier attempt has dealt.
pub(super) fn deal(shuffle: &Shuffle<'_>, stripes: &[u32]) -> Result<Dealt, CooccurError> {
    let (ctx, source) = (shuffle.ctx, shuffle.source);
    let share = Share::new(ctx.room(), source.part_bytes(), shuffle.config.grid);
    let _memory =
        ctx.budget.reserve(share.worker_bytes * share.workers, "dealing cells to tiles")?;
    let (mut rounds, mut first) = recover(shuffle, stripes)?;
    let mut dealt = Dealt { rounds, held: Vec::new(), _memory: None };
    dealt.held.resize_with(shuffle.config.grid as usize, Mutex::default);
    let parts = source.parts();
    if first == parts {
        return Ok(dealt);
    }
    let progress = ctx.progress.stage("deal cells", "cells", source.cells());
    let before = u128::from(source.cells()) * first as u128 / parts.max(1) as u128;
    progress.skip(before as u64);
    loop {
        let mut piles: Vec<Option<Mutex<Pile>>> = Vec::new();
        piles.resize_with(shuffle.config.grid as usize, || None);
        for &stripe in stripes {
            let path = shuffle.unsorted_path(stripe, rounds);
            let pile = Pile { path, held: Vec::new(), held_bytes: 0, file: None };
            piles[stripe as usize] = Some(Mutex::new(pile));
        }
        let end = deal_round(shuffle, share, &piles, first, &progress)?;
        let unlock = |pile: Mutex<Pile>| pile.into_inner().unwrap_or_else(PoisonError::into_inner);
        let piles = piles.into_iter().map(|pile| pile.map(unlock));
        let piles: Vec<(usize, Pile)> =
            piles.enumerate().filter_map(|(stripe, pile)| Some((stripe, pile?))).collect();
        if end == parts && piles.iter().all(|(_, pile)| pile.file.is_none()) {
            let held: u64 = piles.iter().map(|(_, pile)| pile.held_bytes).sum();
            // Laying out can always begin with its minimum.
            let most = ctx.budget.left().saturating_sub(SORT_BYTES_MIN);
            dealt._memory = Some(ctx.budget.reserve(held.min(most), "cells dealt to tiles")?);
            for (stripe, pile) in piles {
                dealt.held[stripe] = Mutex::new(pile.held.into());
            }
        } else {
            for (_, pile) in piles {
                pile.publish(shuffle, first..end)?;
            }
            rounds += 1;
        }
        (first, dealt.rounds) = (end, rounds);
        if end == parts {
            progress.complete();
            return Ok(dealt);
        }
    }
}

/// Deals from a part on until all are dealt or the round is old enough; returns the first part that is
/// not dealt.
fn deal_round(
    shuffle: &Shuffle<'_>,
    share: Share,
    piles: &[Option<Mutex<Pile>>],
    first: usize,
    progress: &StageProgress,
) -> Result<usize, CooccurError> {
    let (ctx, source) = (shuffle.ctx, shuffle.source);
    // Slots are read as packed here, in every epoch.
    let packing = match shuffle.config.slots {
        0 => share.packing(source.cells()),
        _ => Packing::Stored,
    };
    let next = AtomicUsize::new(first);
    let started = Instant::now();
    let bytes = share.worker_bytes - source.part_bytes();
    run_workers("deal", share.workers as usize, |_| {
        let mut dealer = Dealer::new(shuffle, piles, bytes, packing, share.pile_bytes);
        loop {
            ctx.cancel.check()?;
            let is_old = started.elapsed() >= shuffle.config.checkpoint_every;
            if is_old && next.load(Ordering::Relaxed) > first {
                return Ok::<_, CooccurError>(());
            }
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= source.parts() {
                return Ok(());
            }
            dealer.blocks = 0;
            source.for_each(part, &mut |cells| {
                progress.add(cells.len() as u64);
                dealer.deal(part, cells)
            })?;
            dealer.flush(part)?;
        }
    })?;
    Ok(next.into_inner().min(source.parts()))
}

impl Pile {
    fn add(
        &mut self,
        shuffle: &Shuffle<'_>,
        tag: u64,
        frame: &PackedFrame,
        limit_bytes: u64,
    ) -> Result<(), FormatError> {
        self.held_bytes += frame.stored_bytes() as u64;
        // A copy is as long as its bytes; the buffer for packing is larger.
        self.held.push((tag, frame.clone()));
        if self.held_bytes <= limit_bytes {
            return Ok(());
        }
        self.held_bytes = 0;
        self.write(shuffle).map(drop)
    }

    /// Appends the held blocks to the file.
    fn write(&mut self, shuffle: &Shuffle<'_>) -> Result<&mut FrameWriter, FormatError> {
        if self.file.is_none() {
            self.file = Some(FrameWriter::create(shuffle.dir.storage(), &self.path, Kind::LOOSE)?);
        }
        let file = self.file.as_mut().expect("made above");
        self.held.drain(..).try_for_each(|(_, frame)| file.append(&frame))?;
        Ok(file)
    }

    /// Publishes a round as a file for these parts of the source.
    fn publish(mut self, shuffle: &Shuffle<'_>, parts: Range<usize>) -> Result<(), FormatError> {
        let file = self.write(shuffle)?;
        file.set("fingerprint", &shuffle.config.fingerprint);
        file.set("parts", format!("{}-{}", parts.start, parts.end));
        self.file.take().expect("written to above").finish().map(drop)
    }
}

/// A worker's cells during dealing: one block per group of tiles.
struct Dealer<'a> {
    shuffle: &'a Shuffle<'a>,
    piles: &'a [Option<Mutex<Pile>>],
    divider: Divider,
    groups: Groups,
    /// Of each column stripe.
    table: Vec<(u32, u32, u32)>,
    slots: Slots,
    buckets: Vec<CellBlock>,
    packer: CellPacker,
    /// Number of the next block of the part.
    blocks: u64,
    held_cells: u64,
    limit_cells: u64,
    pile_bytes: u64,
}

impl<'a> Dealer<'a> {
    fn new(
        shuffle: &'a Shuffle<'a>,
        piles: &'a [Option<Mutex<Pile>>],
        bytes: u64,
        packing: Packing,
        pile_bytes: u64,
    ) -> Self {
        let (grid, groups) = (shuffle.grid, shuffle.groups());
        let mut buckets = Vec::new();
        buckets.resize_with((grid.grid * groups.buckets()) as usize, CellBlock::default);
        Self {
            shuffle,
            piles,
            divider: Divider::new(grid.grid),
            groups,
            table: groups.table(),
            slots: Slots::new(shuffle.config.slots, shuffle.config.seed),
            buckets,
            packer: CellPacker::new(shuffle.codes()).packing(packing),
            blocks: 0,
            held_cells: 0,
            // Growing vectors may allocate twice their length.
            limit_cells: bytes / 2 / CELL_BYTES,
            pile_bytes,
        }
    }

    fn deal(&mut self, part: usize, cells: &[TileCell]) -> Result<(), FormatError> {
        let mut row = None;
        let (mut stripe, mut local_row) = (0, 0);
        for cell in cells {
            if row != Some(cell.row) {
                row = Some(cell.row);
                (stripe, local_row) = self.divider.place(cell.row);
            }
            if self.piles[stripe as usize].is_none() {
                continue;
            }
            let (column_stripe, column) = self.divider.place(cell.column);
            let (group, place, stripes) = self.table[column_stripe as usize];
            let slot = match self.groups.slots {
                1 => 0,
                _ => self.slot(cell),
            };
            let bucket =
                (stripe * self.groups.buckets() + group * self.groups.slots + slot) as usize;
            self.buckets[bucket].push(TileCell {
                row: local_row,
                column: column * stripes + place,
                payload: cell.payload,
            });
            if self.buckets[bucket].len() >= BLOCK_CELLS {
                self.held_cells -= BLOCK_CELLS as u64 - 1;
                self.flush_bucket(part, bucket)?;
            } else {
                self.held_cells += 1;
            }
        }
        if self.held_cells >= self.limit_cells { self.flush(part) } else { Ok(()) }
    }

    #[inline]
    fn slot(&self, cell: &TileCell) -> u32 {
        match self.shuffle.source.section(cell.payload) {
            TileSection::Hot => 0,
            TileSection::Cold => self.slots.of(cell),
        }
    }

    fn flush(&mut self, part: usize) -> Result<(), FormatError> {
        for bucket in 0..self.buckets.len() {
            self.flush_bucket(part, bucket)?;
        }
        self.held_cells = 0;
        Ok(())
    }

    fn flush_bucket(&mut self, part: usize, bucket: usize) -> Result<(), FormatError> {
        if self.buckets[bucket].is_empty() {
            return Ok(());
        }
        let (stripe, group) = (
            bucket as u32 / self.groups.buckets(),
            bucket as u64 % u64::from(self.groups.buckets()),
        );
        let tag = group << GROUP_SHIFT | (part as u64) << PART_SHIFT | self.blocks;
        assert!(self.blocks < 1 << PART_SHIFT, "a part of fewer blocks");
        self.blocks += 1;
        let packed = self.packer.pack(tag, &self.buckets[bucket]);
        let pile = self.piles[stripe as usize].as_ref().expect("only stripes wanted are dealt to");
        let mut pile = pile.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = packed.map_err(|e| FormatError::io(&pile.path, "compressing", e))?;
        pile.add(self.shuffle, tag, frame, self.pile_bytes)?;
        drop(pile);
        self.buckets[bucket].clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_by_products_equals_division() {
        for grid in [1, 2, 3, 7, 16, 48, 255, 256, 65_535] {
            let divider = Divider::new(grid);
            for id in (0..1000).chain([u32::MAX, u32::MAX - 1, 1 << 31, (1 << 31) - 1]) {
                for id in [id, id / grid * grid] {
                    assert_eq!(divider.place(id), (id % grid, id / grid), "{id} by {grid}");
                }
            }
        }
    }
}
