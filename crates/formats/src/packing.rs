//! Packs and unpacks frames: zstd with reused contexts.
//!
//! A [`PackedFrame`] is a frame ready to be appended to a file, so that threads can pack while
//! another one writes. Its bytes are one block, or several *planes*: streams of different
//! statistics (row steps, column steps, weights), each compressed separately, because a code fitted
//! to one of them fits no other. The stored bytes of planes:
//!
//! ```text
//! 0        1  number of planes
//! 1      8 ×  plane: raw bytes u32, stored bytes u32 (the same: not compressed)
//! …        …  the planes, one after another
//! ```

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use crate::checksum::xxh3;

/// Limit of the raw bytes of a frame.
pub const MAX_FRAME_BYTES: usize = 1 << 26;
/// Limit of the planes of a frame.
pub const MAX_PLANES: usize = 16;
const PLANE_BYTES: usize = 8;
/// Measured on spill runs and token shards: level 1 is within 8 % of level 3 and twice as fast.
const ZSTD_LEVEL: i32 = 1;

/// How a frame is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is.
    Stored = 0,
    /// One block of zstd.
    Zstd = 1,
    /// Planes.
    Planes = 2,
}

impl Codec {
    pub(crate) fn of(number: u32) -> Option<Self> {
        [Self::Stored, Self::Zstd, Self::Planes].into_iter().find(|codec| *codec as u32 == number)
    }
}

/// Whether planes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// If that makes them smaller.
    #[default]
    Zstd,
    /// Never, for data that stays in memory.
    Stored,
}

/// The index entry of a frame, except its offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedEntry {
    pub raw_bytes: u32,
    pub items: u32,
    pub codec: Codec,
    pub tag: u64,
    pub xxh3: u64,
}

/// A frame that can be appended to a framed file.
#[derive(Clone, Debug)]
pub struct PackedFrame {
    entry: PackedEntry,
    pub(crate) stored: Vec<u8>,
}

thread_local! {
    // A context takes most of a megabyte to set up, a frame some ten kilobytes to pack.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

impl PackedFrame {
    /// An empty frame, as a buffer for packing.
    pub fn new() -> Self {
        let (raw_bytes, items, tag) = (0, 0, 0);
        let entry = PackedEntry { raw_bytes, items, codec: Codec::Stored, tag, xxh3: xxh3(&[]) };
        Self { entry, stored: Vec::new() }
    }

    /// Packs one block. `tag` and `items` are defined by the writer.
    pub fn pack(&mut self, tag: u64, items: u32, payload: &[u8]) -> std::io::Result<()> {
        self.stored.clear();
        let codec = match append_packed(payload, &mut self.stored)? {
            true => Codec::Zstd,
            false => Codec::Stored,
        };
        self.seal(codec, tag, items, payload.len());
        Ok(())
    }

    /// Packs planes.
    ///
    /// # Panics
    /// If there are more than [`MAX_PLANES`].
    pub fn pack_planes(
        &mut self,
        packing: Packing,
        tag: u64,
        items: u32,
        planes: &[&[u8]],
    ) -> std::io::Result<()> {
        assert!(planes.len() <= MAX_PLANES, "{} planes", planes.len());
        self.stored.clear();
        self.stored.push(planes.len() as u8);
        self.stored.resize(1 + planes.len() * PLANE_BYTES, 0);
        for (plane, raw) in planes.iter().enumerate() {
            let start = self.stored.len();
            match packing {
                Packing::Zstd => append_packed(raw, &mut self.stored).map(drop)?,
                Packing::Stored => self.stored.extend_from_slice(raw),
            }
            let bytes = [raw.len() as u32, (self.stored.len() - start) as u32];
            let at = 1 + plane * PLANE_BYTES;
            self.stored[at..at + 4].copy_from_slice(&bytes[0].to_le_bytes());
            self.stored[at + 4..at + 8].copy_from_slice(&bytes[1].to_le_bytes());
        }
        self.seal(Codec::Planes, tag, items, planes.iter().map(|plane| plane.len()).sum());
        Ok(())
    }

    /// The number of items, as given by the writer.
    pub fn items(&self) -> u32 {
        self.entry.items
    }

    pub(crate) fn entry(&self) -> PackedEntry {
        self.entry
    }

    /// Bytes of the frame in a file.
    pub fn stored_bytes(&self) -> usize {
        self.stored.len()
    }

    fn seal(&mut self, codec: Codec, tag: u64, items: u32, raw_bytes: usize) {
        assert!(raw_bytes <= MAX_FRAME_BYTES, "a frame of {raw_bytes} bytes");
        let (raw_bytes, xxh3) = (raw_bytes as u32, xxh3(&self.stored));
        self.entry = PackedEntry { raw_bytes, items, codec, tag, xxh3 };
    }
}

impl Default for PackedFrame {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends `raw`, compressed if that makes it smaller; returns whether it was.
fn append_packed(raw: &[u8], out: &mut Vec<u8>) -> std::io::Result<bool> {
    let start = out.len();
    out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
    let packed = COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            None => compressor.insert(Compressor::new(ZSTD_LEVEL)?),
        };
        compressor.compress_to_buffer(raw, &mut out[start..])
    })?;
    let smaller = packed < raw.len();
    if smaller {
        out.truncate(start + packed);
    } else {
        out.truncate(start);
        out.extend_from_slice(raw);
    }
    Ok(smaller)
}

/// Unpacks `stored` into `out`, which has the raw length; `None` if the length is wrong.
pub(crate) fn unpack(stored: &[u8], out: &mut [u8]) -> Option<()> {
    let bytes = DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(Decompressor::new().ok()?),
        };
        decompressor.decompress_to_buffer(stored, out).ok()
    });
    (bytes == Some(out.len())).then_some(())
}

/// The unpacked length stated in the stored bytes of a frame. It is checked before memory is
/// allocated, so that a few bytes with a large number in the index do not take 64 MiB.
pub(crate) fn unpacked_bytes(codec: Codec, stored: &[u8]) -> Option<u64> {
    let of_zstd = |bytes: &[u8]| zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    match codec {
        Codec::Stored => Some(stored.len() as u64),
        Codec::Zstd => of_zstd(stored),
        Codec::Planes => {
            let (table, mut rest) = plane_table(stored)?;
            table.chunks_exact(PLANE_BYTES).try_fold(0u64, |sum, plane| {
                let [raw, packed] = plane_sizes(plane);
                let (bytes, others) = rest.split_at_checked(packed)?;
                rest = others;
                let fits = raw == packed || of_zstd(bytes) == Some(raw as u64);
                fits.then_some(sum + raw as u64)
            })
        }
    }
}

fn plane_table(stored: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&planes, rest) = stored.split_first()?;
    rest.split_at_checked(usize::from(planes) * PLANE_BYTES)
}

/// Raw and stored bytes of a plane.
fn plane_sizes(plane: &[u8]) -> [usize; 2] {
    [0, 4].map(|at| u32::from_le_bytes(plane[at..at + 4].try_into().expect("four bytes")) as usize)
}

/// Unpacks planes one after another into `out`, whose length is their sum; `ends` are their ends.
pub(crate) fn unpack_planes(stored: &[u8], out: &mut [u8], ends: &mut Vec<usize>) -> Option<()> {
    ends.clear();
    let (table, mut rest) = plane_table(stored)?;
    let mut start = 0usize;
    for plane in table.chunks_exact(PLANE_BYTES) {
        let [raw, packed] = plane_sizes(plane);
        let end = start.checked_add(raw)?;
        let (bytes, others) = rest.split_at_checked(packed)?;
        let place = out.get_mut(start..end)?;
        if raw == packed {
            place.copy_from_slice(bytes);
        } else {
            unpack(bytes, place)?;
        }
        (start, rest) = (end, others);
        ends.push(end);
    }
    (rest.is_empty() && start == out.len()).then_some(())
}

/// The raw bytes of a frame's planes; kept between frames.
#[derive(Clone, Debug, Default)]
pub struct Planes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

impl Planes {
    /// The planes, if there are exactly `N` of them.
    pub fn all<const N: usize>(&self) -> Option<[&[u8]; N]> {
        let mut start = 0;
        let plane = |&end: &usize| &self.bytes[std::mem::replace(&mut start, end)..end];
        let planes: Vec<&[u8]> = self.ends.iter().map(plane).collect();
        planes.try_into().ok()
    }
}
