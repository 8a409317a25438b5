//! Dealing: the cells of a source to the row stripes, as packed blocks in the order of the source.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use wordmill_flow::run_workers;
use wordmill_formats::{
    CellBlock, CellPacker, FormatError, FrameFile, FrameWriter, Kind, PackedFrame, Packing,
    TileCell, TileSection,
};

use super::slots::Slots;
use super::{Groups, Shuffle};
use crate::error::CooccurError;

/// Cells of a loose block.
const BLOCK_CELLS: usize = 4096;
/// Bytes of a cell in a block that is not compressed, at most where it is a weight.
const STORED_BYTES: u64 = 5;
/// Bytes of a cell in hand: row, column, payload.
const CELL_BYTES: u64 = 20;
/// The least that a worker deals with at a time.
const DEAL_BYTES_MIN: u64 = 4 << 20;
/// Blocks larger than this do not pack better.
const DEAL_BYTES_MAX: u64 = 64 << 20;

/// The cells of a row stripe: blocks, each of one group of tiles.
pub(super) enum Loose {
    /// In memory, in order.
    Held(Vec<(u64, PackedFrame)>),
    /// In a file; a frame's tag tells its place.
    File(FrameFile),
}

impl Loose {
    /// The blocks of a group in the order of the source: each with the number of its cells.
    pub fn blocks(&self, group: u32) -> Vec<(usize, u64)> {
        let tags: Vec<(u64, u64)> = match self {
            Self::Held(frames) => {
                frames.iter().map(|(tag, frame)| (*tag, u64::from(frame.items()))).collect()
            }
            Self::File(file) => {
                file.entries().iter().map(|entry| (entry.tag, u64::from(entry.items))).collect()
            }
        };
        let ours = |index: &usize| tags[*index].0 >> GROUP_SHIFT == u64::from(group);
        let mut blocks: Vec<usize> = (0..tags.len()).filter(ours).collect();
        blocks.sort_unstable_by_key(|&index| tags[index].0);
        blocks.into_iter().map(|index| (index, tags[index].1)).collect()
    }

    /// A block that is in memory.
    pub fn held(&self, index: usize) -> Option<&PackedFrame> {
        match self {
            Self::Held(frames) => Some(&frames[index].1),
            Self::File(_) => None,
        }
    }

    /// Unpacks a block.
    pub fn unpack(
        &self,
        index: usize,
        packer: &mut CellPacker,
        block: &mut CellBlock,
    ) -> Result<(), FormatError> {
        match self {
            Self::Held(frames) => {
                packer.unpack_frame(&frames[index].1, block).expect("what was packed unpacks");
                Ok(())
            }
            Self::File(file) => packer.unpack(file, index, block),
        }
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

/// A tag: the group, then the part of the source, then the number of the block.
const GROUP_SHIFT: u32 = 48;
const PART_SHIFT: u32 = 24;

/// The blocks of a stripe while they come.
struct Pile {
    held: Vec<(u64, PackedFrame)>,
    held_bytes: u64,
    file: Option<FrameWriter>,
}

/// How memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub workers: u64,
    pub worker_bytes: u64,
    /// For the blocks of a stripe.
    pile_bytes: u64,
    grid: u32,
}

impl Share {
    /// With so many bytes left and threads: a third for the blocks in hand, a third for those that
    /// were packed; the rest is what laying out needs at least.
    pub fn new((left, threads): (u64, u64), part_bytes: u64, grid: u32) -> Self {
        let least = DEAL_BYTES_MIN + part_bytes;
        let workers = (left / 3 / least).clamp(1, threads);
        let worker_bytes = (left / 3 / workers).clamp(least, DEAL_BYTES_MAX + part_bytes);
        let pile_bytes = left.saturating_sub(workers * worker_bytes) / 2 / u64::from(grid);
        Self { workers, worker_bytes, pile_bytes, grid }
    }

    /// Compressing takes a third of the time of dealing: it is left where all stays in memory.
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

/// Deals the cells of the source to the stripes.
pub(super) fn deal(shuffle: &Shuffle<'_>, stripes: &[u32]) -> Result<Vec<Loose>, CooccurError> {
    let (ctx, source) = (shuffle.ctx, shuffle.source);
    let room = (ctx.budget.left(), ctx.threads as u64);
    let share = Share::new(room, source.part_bytes(), shuffle.config.grid);
    let (workers, bytes) = (share.workers, share.worker_bytes);
    let _memory = ctx.budget.reserve(bytes * workers, "dealing cells to tiles")?;
    let pile_bytes = share.pile_bytes;
    let mut piles: Vec<Option<Mutex<Pile>>> = Vec::new();
    piles.resize_with(shuffle.config.grid as usize, || None);
    for &stripe in stripes {
        let pile = Pile { held: Vec::new(), held_bytes: 0, file: None };
        piles[stripe as usize] = Some(Mutex::new(pile));
    }
    // Slots are read as they were packed, in every epoch.
    let packing = match shuffle.config.slots {
        0 => share.packing(source.cells()),
        _ => Packing::Stored,
    };
    let progress = ctx.progress.stage("deal cells", "cells", source.cells());
    let next = AtomicUsize::new(0);
    run_workers("deal", workers as usize, |_| {
        let mut dealer =
            Dealer::new(shuffle, &piles, bytes - source.part_bytes(), (packing, pile_bytes));
        loop {
            ctx.cancel.check()?;
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= source.parts() {
                return Ok::<_, CooccurError>(());
            }
            source.for_each(part, &mut |cells| {
                progress.add(cells.len() as u64);
                dealer.deal(part, cells)
            })?;
            dealer.flush(part)?;
        }
    })?;
    progress.set_total(progress.done());
    let piles = piles.into_iter().zip(0..).filter_map(|(pile, stripe)| Some((pile?, stripe)));
    let finish = |(pile, stripe): (Mutex<Pile>, u32)| {
        let pile = pile.into_inner().unwrap_or_else(PoisonError::into_inner);
        pile.finish(shuffle, stripe)
    };
    Ok(piles.map(finish).collect::<Result<_, _>>()?)
}

impl Pile {
    fn add(
        &mut self,
        shuffle: &Shuffle<'_>,
        stripe: u32,
        (tag, frame): (u64, &PackedFrame),
        limit_bytes: u64,
    ) -> Result<(), FormatError> {
        self.held_bytes += frame.stored_bytes() as u64;
        // A copy is as long as its bytes; what was packed into has room to spare.
        self.held.push((tag, frame.clone()));
        if self.held_bytes <= limit_bytes {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let path = shuffle.loose_path(stripe);
                let file = FrameWriter::create(shuffle.dir.storage(), &path, Kind::LOOSE)?;
                let file = self.file.insert(file);
                file.set("fingerprint", &shuffle.config.fingerprint);
                file
            }
        };
        self.held_bytes = 0;
        self.held.drain(..).try_for_each(|(_, frame)| file.append(&frame))
    }

    fn finish(mut self, shuffle: &Shuffle<'_>, stripe: u32) -> Result<Loose, FormatError> {
        let Some(mut file) = self.file else {
            return Ok(Loose::Held(self.held));
        };
        self.held.drain(..).try_for_each(|(_, frame)| file.append(&frame))?;
        file.finish()?;
        let path = shuffle.loose_path(stripe);
        FrameFile::open(shuffle.dir.storage(), &path, Kind::LOOSE).map(Loose::File)
    }
}

/// A worker's cells on their way: a block a group of tiles.
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
        (packing, pile_bytes): (Packing, u64),
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
            // Vectors that grow may hold twice what is in them.
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
            TileSection::Heavy => 0,
            TileSection::Light => self.slots.of(cell),
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
        let path = || self.shuffle.loose_path(stripe);
        let frame = packed.map_err(|e| FormatError::io(&path(), "compressing", e))?;
        let pile = self.piles[stripe as usize].as_ref().expect("only stripes wanted are dealt to");
        let mut pile = pile.lock().unwrap_or_else(PoisonError::into_inner);
        pile.add(self.shuffle, stripe, (tag, frame), self.pile_bytes)?;
        drop(pile);
        self.buckets[bucket].clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_divide_as_divisions_do() {
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
