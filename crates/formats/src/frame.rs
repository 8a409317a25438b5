//! Framed files: checksummed, zstd-compressed blocks with an index at the end.
//!
//! ```text
//! offset          bytes  what
//! 0                   8  magic "wmframe\n"
//! 8                   4  kind, four letters (see Kind)
//! 12                  4  version of the kind, u32
//! 16                  8  xxh3 of bytes 0..16
//! 24                  …  frames, one after another, no gaps
//! footer              4  length of the settings, u32
//!                     …  settings: a JSON object of strings
//!                     8  number of frames, u64
//!                  40 ×  frame: offset u64, stored bytes u32, raw bytes u32, items u32,
//!                        codec u32 (0 stored, 1 zstd, 2 planes), tag u64, xxh3 of the stored
//!                        bytes u64
//! end − 32            8  offset of the footer, u64
//!                     8  length of the footer, u64
//!                     8  xxh3 of the footer
//!                     8  magic "wmfinis\n"
//! ```
//!
//! The meaning of the tag and the items is defined by the writer of each kind. A frame is decoded
//! alone, so frames are the unit of parallel and random reading. Planes are described in
//! `packing.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artefact::{ArtefactWriter, Published};
use crate::checksum::xxh3;
use crate::error::FormatError;
use crate::packing::{Codec, MAX_FRAME_BYTES, PackedEntry, PackedFrame, Packing, Planes};
use crate::packing::{unpack, unpack_planes, unpacked_bytes};
use crate::storage::{ReadFile, Storage};

const MAGIC: &[u8; 8] = b"wmframe\n";
const END_MAGIC: &[u8; 8] = b"wmfinis\n";
const HEADER_BYTES: u64 = 24;
const TRAILER_BYTES: u64 = 32;
const ENTRY_BYTES: usize = 40;
/// The kind of a framed file, and the version of that layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Four letters.
    pub name: [u8; 4],
    /// Version of the layout inside the frames; older ones are opened too.
    pub version: u32,
    /// For messages.
    pub what: &'static str,
}

impl Kind {
    /// Token shard: chunk-local word ids.
    pub const TOKENS: Self = Self { name: *b"tokn", version: 2, what: "a token shard" };
    /// Sorted local word list of a shard, with counts.
    pub const WORDS: Self = Self { name: *b"word", version: 1, what: "a word list" };
    /// Local id to global id of a shard.
    pub const REMAP: Self = Self { name: *b"remp", version: 1, what: "a remap" };
    /// Hashes of the lines of a shard.
    pub const HASHES: Self = Self { name: *b"hash", version: 1, what: "hashes of lines" };
    /// Lines that are dropped from shards.
    pub const DROPPED: Self = Self { name: *b"drop", version: 1, what: "a list of dropped lines" };
    /// Sorted, summed co-occurrence cells.
    pub const RUN: Self = Self { name: *b"srun", version: 3, what: "a spill run" };
    /// Tiles of one row stripe.
    pub const TILES: Self = Self { name: *b"tile", version: 3, what: "a tile stripe" };
    /// Tiles of one row stripe whose cells are sorted, in slots.
    pub const SLOTS: Self = Self { name: *b"slot", version: 1, what: "a tile stripe in slots" };
    /// Unsorted cells to be laid out in tiles.
    pub const LOOSE: Self = Self { name: *b"loos", version: 3, what: "loose cells" };
}

/// One row of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameEntry {
    /// Offset of the stored bytes.
    pub offset: u64,
    /// Stored length in bytes.
    pub stored_bytes: u32,
    /// Raw length in bytes.
    pub raw_bytes: u32,
    /// Number of items, as given by the writer.
    pub items: u32,
    codec: Codec,
    /// The writer's tag.
    pub tag: u64,
    xxh3: u64,
}

/// A framed file being written aside.
pub struct FrameWriter {
    artefact: ArtefactWriter,
    settings: BTreeMap<String, String>,
    entries: Vec<FrameEntry>,
    packed: PackedFrame,
}

impl FrameWriter {
    /// Starts a file.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        kind: Kind,
    ) -> Result<Self, FormatError> {
        let mut artefact = ArtefactWriter::create(storage, path)?;
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&kind.name);
        header.extend_from_slice(&kind.version.to_le_bytes());
        let sum = xxh3(&header);
        header.extend_from_slice(&sum.to_le_bytes());
        artefact.append(&header)?;
        Ok(Self {
            artefact,
            settings: BTreeMap::new(),
            entries: Vec::new(),
            packed: PackedFrame::new(),
        })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.settings.insert(key.to_owned(), value.to_string());
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.artefact.bytes()
    }

    /// Number of frames so far.
    pub fn frames(&self) -> usize {
        self.entries.len()
    }

    /// Appends a frame, compressed if that makes it smaller.
    ///
    /// # Panics
    /// If the payload exceeds [`MAX_FRAME_BYTES`].
    pub fn frame(&mut self, tag: u64, items: u32, payload: &[u8]) -> Result<(), FormatError> {
        self.packed.pack(tag, items, payload).map_err(|e| self.compressing(e))?;
        append(&mut self.artefact, &mut self.entries, self.packed.entry(), &self.packed.stored)
    }

    /// Appends a frame of planes.
    ///
    /// # Panics
    /// If they exceed [`MAX_FRAME_BYTES`] or there are too many.
    pub fn planes(&mut self, tag: u64, items: u32, planes: &[&[u8]]) -> Result<(), FormatError> {
        let packed = self.packed.pack_planes(Packing::Zstd, tag, items, planes);
        packed.map_err(|e| self.compressing(e))?;
        append(&mut self.artefact, &mut self.entries, self.packed.entry(), &self.packed.stored)
    }

    /// The error for this file of a frame that could not be packed.
    pub fn compressing(&self, error: std::io::Error) -> FormatError {
        FormatError::io(self.artefact.path(), "compressing", error)
    }

    /// Appends a frame that was packed elsewhere.
    pub fn append(&mut self, frame: &PackedFrame) -> Result<(), FormatError> {
        self.append_as(frame.entry().tag, frame)
    }

    /// The same under another tag.
    pub fn append_as(&mut self, tag: u64, frame: &PackedFrame) -> Result<(), FormatError> {
        let entry = PackedEntry { tag, ..frame.entry() };
        append(&mut self.artefact, &mut self.entries, entry, &frame.stored)
    }

    /// Appends a frame without compression, for payloads that their writer has compressed already.
    ///
    /// # Panics
    /// If the payload exceeds [`MAX_FRAME_BYTES`].
    pub fn stored_frame(
        &mut self,
        tag: u64,
        items: u32,
        payload: &[u8],
    ) -> Result<(), FormatError> {
        assert!(payload.len() <= MAX_FRAME_BYTES, "a frame of {} bytes", payload.len());
        let raw_bytes = payload.len() as u32;
        let entry =
            PackedEntry { raw_bytes, items, codec: Codec::Stored, tag, xxh3: xxh3(payload) };
        append(&mut self.artefact, &mut self.entries, entry, payload)
    }

    /// Writes the footer and publishes the file.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        let settings = serde_json::to_vec(&self.settings).expect("strings are JSON");
        let mut footer = Vec::with_capacity(12 + settings.len() + self.entries.len() * ENTRY_BYTES);
        footer.extend_from_slice(&(settings.len() as u32).to_le_bytes());
        footer.extend_from_slice(&settings);
        footer.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        for entry in &self.entries {
            entry.put(&mut footer);
        }
        let sum = xxh3(&footer);
        let mut trailer = Vec::with_capacity(TRAILER_BYTES as usize);
        trailer.extend_from_slice(&self.artefact.bytes().to_le_bytes());
        trailer.extend_from_slice(&(footer.len() as u64).to_le_bytes());
        trailer.extend_from_slice(&sum.to_le_bytes());
        trailer.extend_from_slice(END_MAGIC);
        self.artefact.append(&footer)?;
        self.artefact.append(&trailer)?;
        self.artefact.finish(sum)
    }
}

/// Writes a frame's bytes at the end, with a row in the index.
fn append(
    artefact: &mut ArtefactWriter,
    entries: &mut Vec<FrameEntry>,
    entry: PackedEntry,
    stored: &[u8],
) -> Result<(), FormatError> {
    let PackedEntry { raw_bytes, items, codec, tag, xxh3 } = entry;
    let (offset, stored_bytes) = (artefact.bytes(), stored.len() as u32);
    entries.push(FrameEntry { offset, stored_bytes, raw_bytes, items, codec, tag, xxh3 });
    artefact.append(stored)
}

impl FrameEntry {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        for value in [self.stored_bytes, self.raw_bytes, self.items, self.codec as u32] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&self.tag.to_le_bytes());
        out.extend_from_slice(&self.xxh3.to_le_bytes());
    }

    fn get(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            offset: u64_at(bytes, 0),
            stored_bytes: u32_at(bytes, 8),
            raw_bytes: u32_at(bytes, 12),
            items: u32_at(bytes, 16),
            codec: Codec::of(u32_at(bytes, 20))?,
            tag: u64_at(bytes, 24),
            xxh3: u64_at(bytes, 32),
        })
    }
}

/// A finished framed file. Its index is checked, its frames are checked as they are read.
#[derive(Clone)]
pub struct FrameFile {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    version: u32,
    settings: BTreeMap<String, String>,
    entries: Arc<[FrameEntry]>,
    digest: u64,
}

impl FrameFile {
    /// Opens a file of the given kind and checks its header and index.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path, kind: Kind) -> Result<Self, FormatError> {
        let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
        let version = check_header(path, &*file, kind)?;
        let (start, footer, digest) = read_footer(path, &*file)?;
        let (settings, entries) = parse_footer(path, start, &footer)?;
        let entries = entries.into();
        Ok(Self { path: path.to_path_buf(), file, version, settings, entries, digest })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of the file in the manifest.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The version of its kind that the file has.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Length of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.len()
    }

    /// All settings from the footer.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// A setting from the footer.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// A setting that must exist and be a number.
    pub fn number(&self, key: &str) -> Result<u64, FormatError> {
        let value = self.setting(key).and_then(|text| text.parse().ok());
        value.ok_or_else(|| self.corrupt(0, format!("no number called {key} in its footer")))
    }

    /// The index.
    pub fn entries(&self) -> &[FrameEntry] {
        &self.entries
    }

    /// The sum of all frames' items.
    pub fn items(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.items)).sum()
    }

    /// Reads frame `index` into `buffer`, which is reused, checks it, and returns its raw bytes:
    /// those of planes, one after another.
    pub fn read<'b>(&self, index: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], FormatError> {
        let entry = self.entries[index];
        if entry.codec == Codec::Stored {
            self.stored(index, buffer)?;
            return Ok(buffer);
        }
        let mut stored = Vec::new();
        self.packed(index, &mut stored)?;
        buffer.resize(entry.raw_bytes as usize, 0);
        let unpacked = match entry.codec {
            Codec::Planes => unpack_planes(&stored, buffer, &mut Vec::new()),
            _ => unpack(&stored, buffer),
        };
        unpacked.map(|()| &buffer[..]).ok_or_else(|| self.unpackable(index))
    }

    /// Reads the planes of frame `index`; a frame of one block is one plane.
    pub fn read_planes(&self, index: usize, planes: &mut Planes) -> Result<(), FormatError> {
        let entry = self.entries[index];
        if entry.codec != Codec::Planes {
            self.read(index, &mut planes.bytes)?;
            planes.ends.clear();
            planes.ends.push(planes.bytes.len());
            return Ok(());
        }
        let mut stored = Vec::new();
        self.packed(index, &mut stored)?;
        planes.bytes.resize(entry.raw_bytes as usize, 0);
        unpack_planes(&stored, &mut planes.bytes, &mut planes.ends)
            .ok_or_else(|| self.unpackable(index))
    }

    /// The stored bytes of a frame, checked.
    fn stored(&self, index: usize, stored: &mut Vec<u8>) -> Result<(), FormatError> {
        let entry = self.entries[index];
        stored.resize(entry.stored_bytes as usize, 0);
        self.file
            .read_exact_at(entry.offset, stored)
            .map_err(|e| FormatError::io(&self.path, "reading", e))?;
        match xxh3(stored) == entry.xxh3 {
            true => Ok(()),
            false => Err(self.corrupt(entry.offset, format!("the checksum of frame {index}"))),
        }
    }

    /// The same for a frame that unpacks to as many bytes as the index says.
    fn packed(&self, index: usize, stored: &mut Vec<u8>) -> Result<(), FormatError> {
        self.stored(index, stored)?;
        let entry = self.entries[index];
        match unpacked_bytes(entry.codec, stored) == Some(u64::from(entry.raw_bytes)) {
            true => Ok(()),
            false => Err(self.unpackable(index)),
        }
    }

    fn unpackable(&self, index: usize) -> FormatError {
        self.corrupt(self.entries[index].offset, format!("frame {index} does not decompress"))
    }

    /// An error about a frame whose raw bytes are inconsistent.
    pub fn bad_frame(&self, index: usize, what: impl Into<String>) -> FormatError {
        self.corrupt(self.entries[index].offset, what)
    }

    /// Reads and checks every frame.
    pub fn verify(&self) -> Result<(), FormatError> {
        let mut buffer = Vec::new();
        for index in 0..self.entries.len() {
            self.read(index, &mut buffer)?;
        }
        Ok(())
    }

    fn corrupt(&self, offset: u64, what: impl Into<String>) -> FormatError {
        FormatError::corrupt(&self.path, offset, what)
    }
}

/// Checks the header and returns the version of the kind.
fn check_header(path: &Path, file: &dyn ReadFile, kind: Kind) -> Result<u32, FormatError> {
    let mut header = [0u8; HEADER_BYTES as usize];
    let held = usize::try_from(file.len()).unwrap_or(usize::MAX).min(header.len());
    file.read_exact_at(0, &mut header[..held]).map_err(|e| FormatError::io(path, "reading", e))?;
    if held >= 8 && &header[..8] != MAGIC {
        return Err(FormatError::foreign(path, kind.what, "it has another magic number"));
    }
    if file.len() < HEADER_BYTES + TRAILER_BYTES {
        return Err(FormatError::corrupt(path, file.len(), "the file ends early"));
    }
    if xxh3(&header[..16]) != u64_at(&header, 16) {
        return Err(FormatError::corrupt(path, 0, "the checksum of the header"));
    }
    if header[8..12] != kind.name {
        let found = String::from_utf8_lossy(&header[8..12]).into_owned();
        return Err(FormatError::foreign(path, kind.what, format!("it is of kind {found:?}")));
    }
    let found = u32_at(&header, 12);
    if found == 0 || found > kind.version {
        let (found, known) = (u64::from(found), u64::from(kind.version));
        return Err(FormatError::Version { path: path.to_path_buf(), found, known });
    }
    Ok(found)
}

/// The offset of the footer, its bytes, and its checksum.
fn read_footer(path: &Path, file: &dyn ReadFile) -> Result<(u64, Vec<u8>, u64), FormatError> {
    let end = file.len() - TRAILER_BYTES;
    let mut trailer = [0u8; TRAILER_BYTES as usize];
    file.read_exact_at(end, &mut trailer).map_err(|e| FormatError::io(path, "reading", e))?;
    let (start, bytes) = (u64_at(&trailer, 0), u64_at(&trailer, 8));
    if &trailer[24..] != END_MAGIC {
        return Err(FormatError::corrupt(
            path,
            end,
            "the end mark is missing, the file ends early",
        ));
    }
    if start < HEADER_BYTES || start.checked_add(bytes) != Some(end) {
        return Err(FormatError::corrupt(path, end, "the footer is not where it should be"));
    }
    let mut footer = vec![0; usize::try_from(bytes).expect("shorter than the file")];
    file.read_exact_at(start, &mut footer).map_err(|e| FormatError::io(path, "reading", e))?;
    let sum = xxh3(&footer);
    if sum != u64_at(&trailer, 16) {
        return Err(FormatError::corrupt(path, start, "the checksum of the footer"));
    }
    Ok((start, footer, sum))
}

type Footer = (BTreeMap<String, String>, Vec<FrameEntry>);

fn parse_footer(path: &Path, start: u64, footer: &[u8]) -> Result<Footer, FormatError> {
    let bad = |what: &str| FormatError::corrupt(path, start, what);
    let (length, rest) = footer.split_at_checked(4).ok_or_else(|| bad("a footer of no length"))?;
    let length = u32_at(length, 0) as usize;
    let (settings, rest) =
        rest.split_at_checked(length).ok_or_else(|| bad("settings end early"))?;
    let settings = serde_json::from_slice(settings).map_err(|_| bad("settings are not JSON"))?;
    let (frames, rest) = rest.split_at_checked(8).ok_or_else(|| bad("no number of frames"))?;
    if (rest.len() / ENTRY_BYTES) as u64 != u64_at(frames, 0) || rest.len() % ENTRY_BYTES != 0 {
        return Err(bad("the index has another length than it says"));
    }
    let entries: Option<Vec<_>> = rest.chunks_exact(ENTRY_BYTES).map(FrameEntry::get).collect();
    let entries = entries.ok_or_else(|| bad("a frame in the index has an unknown codec"))?;
    let mut next = HEADER_BYTES;
    for entry in &entries {
        let is_next = entry.offset == next;
        let raw = entry.raw_bytes as usize;
        let fits = raw <= MAX_FRAME_BYTES
            && (entry.codec != Codec::Stored || entry.stored_bytes == entry.raw_bytes);
        next = next.saturating_add(u64::from(entry.stored_bytes));
        if !is_next || !fits || next > start {
            return Err(bad("a frame in the index is not where it should be"));
        }
    }
    if next != start {
        return Err(bad("frames and footer leave a gap"));
    }
    Ok((settings, entries))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    fn sample(storage: &Arc<dyn Storage>, path: &Path) -> Published {
        let mut writer = FrameWriter::create(storage, path, Kind::RUN).unwrap();
        writer.set("unit", 60);
        writer.frame(5, 2, &[7; 1000]).unwrap();
        writer.frame(6, 1, b"").unwrap();
        writer.frame(9, 3, b"xyz").unwrap();
        writer.planes(10, 1, &[b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"", b"bc"]).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn frames_and_settings_come_back() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("run/a.run");
        let published = sample(&storage, path);
        let file = FrameFile::open(&storage, path, Kind::RUN).unwrap();
        assert_eq!((file.bytes(), file.digest()), (published.bytes, published.xxh3));
        assert_eq!((file.items(), file.number("unit").unwrap()), (7, 60));
        let tags: Vec<_> = file.entries().iter().map(|entry| entry.tag).collect();
        assert_eq!(tags, [5, 6, 9, 10]);
        let mut buffer = Vec::new();
        assert_eq!(file.read(0, &mut buffer).unwrap(), [7; 1000]);
        assert_eq!(file.read(1, &mut buffer).unwrap(), b"");
        assert_eq!(file.read(2, &mut buffer).unwrap(), b"xyz");
        assert_eq!(file.read(3, &mut buffer).unwrap(), [&[b'a'; 39][..], b"bc"].concat());
        let mut planes = Planes::default();
        file.read_planes(3, &mut planes).unwrap();
        assert_eq!(planes.all(), Some([&[b'a'; 39][..], b"", b"bc"]));
        assert_eq!(planes.all::<2>(), None);
        file.read_planes(2, &mut planes).unwrap();
        assert_eq!(planes.all(), Some([&b"xyz"[..]]));
        assert!(file.number("nothing").unwrap_err().is_bad_artefact());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let memory = MemoryStorage::default();
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let path = Path::new("a.run");
        sample(&storage, path);
        let whole = memory.snapshot().remove(path).unwrap();
        let read_all = |bytes: &[u8]| {
            write_file_raw(&storage, path, bytes);
            FrameFile::open(&storage, path, Kind::RUN).and_then(|file| file.verify())
        };
        for cut in 0..whole.len() {
            let error = read_all(&whole[..cut]).unwrap_err();
            assert!(error.is_bad_artefact(), "cut at {cut}: {error}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = read_all(&bytes).unwrap_err();
            assert!(error.is_bad_artefact(), "bit {bit}: {error}");
        }
    }

    #[test]
    fn another_kind_is_foreign_and_another_version_is_reported() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("a.run");
        sample(&storage, path);
        let open = |kind| FrameFile::open(&storage, path, kind).map(drop).unwrap_err();
        assert!(matches!(open(Kind::TILES), FormatError::Foreign { .. }));
        let older = Kind { version: 1, ..Kind::RUN };
        assert!(matches!(open(older), FormatError::Version { found: 3, known: 1, .. }));
        let newer = Kind { version: 4, ..Kind::RUN };
        assert_eq!(FrameFile::open(&storage, path, newer).unwrap().version(), 3);
    }

    fn write_file_raw(storage: &Arc<dyn Storage>, path: &Path, bytes: &[u8]) {
        use std::io::Write;
        storage.create(path).unwrap().write_all(bytes).unwrap();
    }
}
