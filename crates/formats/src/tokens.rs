//! Token shards, their word lists and their remaps: what `tokenize` writes and counting reads.
//!
//! All three are framed files (see `frame.rs`), one of each for every chunk of the corpus.
//!
//! **Token shard**, kind `tokn`: chunk-local word ids in corpus order, [`LINE_END`] after each line.
//! Settings: `local_words`, `continues_line` (1 if the chunk begins within the last line of the
//! chunk before), and those of the writer. A frame has up to [`FRAME_TOKENS`] ids as codes in two
//! planes (see `codes.rs`), uncompressed: zstd takes another 4 ns per token to save a tenth. The
//! last line of a chunk has a line end only if it ends in the chunk. In version 1 a setting `width`
//! is the number of bytes of an id, 2 or 4, little-endian, all ones for a line end.
//!
//! **Word list**, kind `word`: the distinct words of a shard sorted by bytes, with counts. The local id of a word is
//! its rank by count, the most frequent first, ties in the order of the list ([`local_ids`]); for token shards of
//! version 1 it was the index in the list. An entry is: bytes shared with the word before it in the same frame
//! (varint), length of the rest (varint), the rest, the count (varint). Merged lists of the stage `vocabulary` have the
//! same format.
//!
//! **Remap**, kind `remp`: for each local id the vocabulary's id as u32, [`NO_WORD`] for a word that
//! is not in it.

use std::path::Path;
use std::sync::Arc;

use crate::artefact::Published;
use crate::codes::{decode, encode};
use crate::error::FormatError;
use crate::frame::{FrameFile, FrameWriter, Kind};
use crate::storage::Storage;
use crate::varint::{get_varint, put_varint};

/// Represents the end of a line among token ids.
pub const LINE_END: u32 = u32::MAX;
/// Represents "not in the vocabulary" in a remap.
pub const NO_WORD: u32 = u32::MAX;
/// Ids in a frame.
pub const FRAME_TOKENS: usize = 1 << 16;
/// Raw bytes after which a frame of a word list is closed.
const FRAME_WORD_BYTES: usize = 1 << 16;

/// A token shard being written.
pub struct TokenShardWriter {
    writer: FrameWriter,
    local_words: u32,
    held: Vec<u32>,
    bytes: Vec<u8>,
    second: Vec<u8>,
}

impl TokenShardWriter {
    /// Starts a shard whose ids are below `local_words`.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        local_words: u32,
        continues_line: bool,
    ) -> Result<Self, FormatError> {
        let mut writer = FrameWriter::create(storage, path, Kind::TOKENS)?;
        writer.set("local_words", local_words);
        writer.set("continues_line", u32::from(continues_line));
        Ok(Self { writer, local_words, held: Vec::new(), bytes: Vec::new(), second: Vec::new() })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.writer.set(key, value);
    }

    /// Appends ids and line ends.
    pub fn tokens(&mut self, mut ids: &[u32]) -> Result<(), FormatError> {
        while !ids.is_empty() {
            let (now, later) = ids.split_at(ids.len().min(FRAME_TOKENS - self.held.len()));
            ids = later;
            if now.len() == FRAME_TOKENS {
                self.frame(now)?;
                continue;
            }
            self.held.extend_from_slice(now);
            if self.held.len() == FRAME_TOKENS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Publishes the shard.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        if !self.held.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        let held = std::mem::take(&mut self.held);
        self.frame(&held)?;
        self.held = held;
        self.held.clear();
        Ok(())
    }

    fn frame(&mut self, ids: &[u32]) -> Result<(), FormatError> {
        let most = ids.iter().fold(0, |most, id| id.wrapping_add(1).max(most));
        assert!(most <= self.local_words, "a token outside the local word list");
        encode(ids, &mut self.bytes, &mut self.second);
        self.writer.stored_frame(0, ids.len() as u32, &self.bytes)
    }
}

/// A finished token shard.
#[derive(Clone)]
pub struct TokenShard {
    file: FrameFile,
    layout: Layout,
    local_words: u32,
    continues_line: bool,
}

/// The layout of ids in a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Version 1.
    TwoBytes,
    /// Version 1, with more local words than two bytes can number.
    FourBytes,
    /// Version 2.
    Codes,
}

impl TokenShard {
    /// Opens a shard and checks its index.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = FrameFile::open(storage, path, Kind::TOKENS)?;
        let is_first = file.version() == 1;
        let bad = || FormatError::corrupt(path, 0, "its settings make no sense");
        let layout = match is_first.then(|| file.number("width")).transpose()? {
            None => Layout::Codes,
            Some(2) => Layout::TwoBytes,
            Some(4) => Layout::FourBytes,
            Some(_) => return Err(bad()),
        };
        let continues_line = file.number("continues_line")? == 1;
        let local_words = u32::try_from(file.number("local_words")?).map_err(|_| bad())?;
        Ok(Self { file, layout, local_words, continues_line })
    }

    /// The file behind it, for settings and checks.
    pub fn file(&self) -> &FrameFile {
        &self.file
    }

    /// Number of distinct words.
    pub fn local_words(&self) -> u32 {
        self.local_words
    }

    /// Whether the shard begins within the last line of the shard before it.
    pub fn continues_line(&self) -> bool {
        self.continues_line
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.file.entries().len()
    }

    /// Replaces `ids` by the ids and line ends of a frame.
    pub fn read(
        &self,
        frame: usize,
        buffer: &mut Vec<u8>,
        ids: &mut Vec<u32>,
    ) -> Result<(), FormatError> {
        let count = self.file.entries()[frame].items as usize;
        if count > FRAME_TOKENS {
            return Err(self.file.bad_frame(frame, "more tokens than a frame holds"));
        }
        let bytes = self.file.read(frame, buffer)?;
        let read = match self.layout {
            Layout::Codes => decode(bytes, count, self.local_words, ids),
            Layout::FourBytes => {
                self.read_fixed(bytes, count, ids, |b: [u8; 4]| u32::from_le_bytes(b))
            }
            Layout::TwoBytes => {
                self.read_fixed(bytes, count, ids, |b: [u8; 2]| match u16::from_le_bytes(b) {
                    u16::MAX => LINE_END,
                    id => u32::from(id),
                })
            }
        };
        read.ok_or_else(|| self.file.bad_frame(frame, "a token outside the local word list"))
    }

    fn read_fixed<const N: usize>(
        &self,
        bytes: &[u8],
        count: usize,
        ids: &mut Vec<u32>,
        id: impl Fn([u8; N]) -> u32,
    ) -> Option<()> {
        let (whole, rest) = bytes.as_chunks::<N>();
        ids.clear();
        ids.extend(whole.iter().map(|bytes| id(*bytes)));
        let known = ids.iter().all(|&id| id < self.local_words || id == LINE_END);
        (known && rest.is_empty() && ids.len() == count).then_some(())
    }
}

/// The local id of each word of a list with these counts: its rank, the most frequent word first,
/// ties in the order of the list.
pub fn local_ids(counts: &[u64]) -> Vec<u32> {
    // Few words are frequent. The others are ordered by a table of the number of words of each
    // count.
    const RARE: u64 = 256;
    let mut frequent: Vec<u32> =
        (0..counts.len() as u32).filter(|place| counts[*place as usize] >= RARE).collect();
    frequent.sort_by_key(|place| std::cmp::Reverse(counts[*place as usize]));
    let mut next = [0_u32; RARE as usize];
    counts.iter().filter(|count| **count < RARE).for_each(|count| next[*count as usize] += 1);
    let mut rank = frequent.len() as u32;
    for next in next.iter_mut().rev() {
        rank += std::mem::replace(next, rank);
    }
    let mut ids = Vec::with_capacity(counts.len());
    ids.extend(counts.iter().map(|count| match next.get_mut(*count as usize) {
        Some(next) if *count < RARE => {
            *next += 1;
            *next - 1
        }
        _ => 0,
    }));
    for (rank, place) in frequent.into_iter().enumerate() {
        ids[place as usize] = rank as u32;
    }
    ids
}

/// A word list being written.
pub struct WordListWriter {
    writer: FrameWriter,
    last: Vec<u8>,
    bytes: Vec<u8>,
    items: u32,
    words: u64,
}

impl WordListWriter {
    /// Starts a list.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let writer = FrameWriter::create(storage, path, Kind::WORDS)?;
        Ok(Self { writer, last: Vec::new(), bytes: Vec::new(), items: 0, words: 0 })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.writer.set(key, value);
    }

    /// Appends a word; words must be sorted by bytes, each once.
    pub fn push(&mut self, word: &[u8], count: u64) -> Result<(), FormatError> {
        let shared = self.last.iter().zip(word).take_while(|(a, b)| a == b).count();
        let ascends = self.last.get(shared) < word.get(shared);
        assert!(self.words == 0 || ascends, "words come in ascending order");
        let shared = if self.items == 0 { 0 } else { shared };
        put_varint(shared as u64, &mut self.bytes);
        put_varint((word.len() - shared) as u64, &mut self.bytes);
        self.bytes.extend_from_slice(&word[shared..]);
        put_varint(count, &mut self.bytes);
        self.last.clear();
        self.last.extend_from_slice(word);
        self.items += 1;
        self.words += 1;
        if self.bytes.len() >= FRAME_WORD_BYTES { self.flush() } else { Ok(()) }
    }

    /// Number of words so far.
    pub fn words(&self) -> u64 {
        self.words
    }

    /// Publishes the list.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        if self.items > 0 {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        self.writer.frame(0, self.items, &self.bytes)?;
        self.bytes.clear();
        self.items = 0;
        Ok(())
    }
}

/// A word list read sequentially, with one frame in memory.
pub struct WordListReader {
    file: FrameFile,
    next_frame: usize,
    /// Words of the current frame that are not yet returned.
    left: u32,
    buffer: Vec<u8>,
    at: usize,
    word: Vec<u8>,
}

impl WordListReader {
    /// Opens a list and checks its index.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = FrameFile::open(storage, path, Kind::WORDS)?;
        Ok(Self { file, next_frame: 0, left: 0, buffer: Vec::new(), at: 0, word: Vec::new() })
    }

    /// The file behind it, for settings and checks.
    pub fn file(&self) -> &FrameFile {
        &self.file
    }

    /// Number of words.
    pub fn words(&self) -> u64 {
        self.file.items()
    }

    /// Moves to the next word and returns its count; `None` at the end.
    pub fn advance(&mut self) -> Result<Option<u64>, FormatError> {
        while self.at == self.buffer.len() {
            if self.left > 0 {
                return Err(self.bad_frame());
            }
            if self.next_frame == self.file.entries().len() {
                return Ok(None);
            }
            self.file.read(self.next_frame, &mut self.buffer)?;
            self.left = self.file.entries()[self.next_frame].items;
            self.next_frame += 1;
            self.at = 0;
        }
        let mut rest = &self.buffer[self.at..];
        let count = take_entry(&mut rest, &mut self.word).filter(|_| self.left > 0);
        self.at = self.buffer.len() - rest.len();
        self.left = self.left.saturating_sub(1);
        count.map(Some).ok_or_else(|| self.bad_frame())
    }

    fn bad_frame(&self) -> FormatError {
        let what = "its words end early or differ in number from what it says";
        self.file.bad_frame(self.next_frame - 1, what)
    }

    /// The word that [`WordListReader::advance`] moved to.
    pub fn word(&self) -> &[u8] {
        &self.word
    }
}

fn take_entry(rest: &mut &[u8], word: &mut Vec<u8>) -> Option<u64> {
    let shared = usize::try_from(get_varint(rest)?).ok()?;
    let length = usize::try_from(get_varint(rest)?).ok()?;
    if shared > word.len() {
        return None;
    }
    let (suffix, after) = rest.split_at_checked(length)?;
    word.truncate(shared);
    word.extend_from_slice(suffix);
    *rest = after;
    get_varint(rest)
}

/// A remap being written: ids are appended in local order.
pub struct RemapWriter {
    writer: FrameWriter,
    held: Vec<u32>,
}

impl RemapWriter {
    /// Starts a remap.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        Ok(Self { writer: FrameWriter::create(storage, path, Kind::REMAP)?, held: Vec::new() })
    }

    /// Records a setting in the footer.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.writer.set(key, value);
    }

    /// Appends the global id of the next local word, or [`NO_WORD`].
    pub fn push(&mut self, id: u32) -> Result<(), FormatError> {
        self.held.push(id);
        if self.held.len() == FRAME_TOKENS { self.flush() } else { Ok(()) }
    }

    /// Publishes the remap.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        if !self.held.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        self.writer.frame(0, self.held.len() as u32, bytemuck::cast_slice(&self.held))?;
        self.held.clear();
        Ok(())
    }
}

/// Reads a whole remap: one id per local word, each below `words` or [`NO_WORD`].
pub fn read_remap(
    storage: &Arc<dyn Storage>,
    path: &Path,
    words: u32,
) -> Result<Vec<u32>, FormatError> {
    let file = FrameFile::open(storage, path, Kind::REMAP)?;
    let mut ids = Vec::new();
    let mut buffer = Vec::new();
    for frame in 0..file.entries().len() {
        if file.entries()[frame].items as usize > FRAME_TOKENS {
            return Err(file.bad_frame(frame, "more ids than a frame holds"));
        }
        let bytes = file.read(frame, &mut buffer)?;
        let before = ids.len();
        ids.extend(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        let whole = bytes.len() == file.entries()[frame].items as usize * 4;
        if !whole || ids[before..].iter().any(|&id| id >= words && id != NO_WORD) {
            return Err(file.bad_frame(frame, "an id outside the vocabulary"));
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    fn storage() -> Arc<dyn Storage> {
        Arc::new(MemoryStorage::default())
    }

    #[test]
    fn tokens_of_every_length_come_back() {
        for local_words in [1u32, 160, 23_711, 65_536, 300_000] {
            let (storage, path) = (storage(), Path::new("a.tok"));
            let token = |i: u64| match i % 11 {
                10 => LINE_END,
                _ => (i * 7919 % u64::from(local_words)) as u32,
            };
            let expected: Vec<u32> = (0..150_000).map(token).collect();
            let mut writer = TokenShardWriter::create(&storage, path, local_words, true).unwrap();
            expected.chunks(999).for_each(|ids| writer.tokens(ids).unwrap());
            writer.finish().unwrap();
            let shard = TokenShard::open(&storage, path).unwrap();
            assert_eq!((shard.local_words(), shard.continues_line()), (local_words, true));
            let (mut found, mut ids, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
            for frame in 0..shard.frames() {
                shard.read(frame, &mut buffer, &mut ids).unwrap();
                found.extend_from_slice(&ids);
            }
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn word_lists_come_back_over_many_frames() {
        let (storage, path) = (storage(), Path::new("a.words"));
        let mut words: Vec<String> = (0..30_000u64).map(|i| format!("w{:x}", i * 7919)).collect();
        words.push("x".repeat(200_000));
        words.sort();
        let mut writer = WordListWriter::create(&storage, path).unwrap();
        for (word, count) in words.iter().zip(1u64 << 33..) {
            writer.push(word.as_bytes(), count).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = WordListReader::open(&storage, path).unwrap();
        assert_eq!(reader.words(), words.len() as u64);
        for (word, count) in words.iter().zip(1u64 << 33..) {
            assert_eq!(reader.advance().unwrap(), Some(count));
            assert_eq!(reader.word(), word.as_bytes());
        }
        assert_eq!(reader.advance().unwrap(), None);
    }

    #[test]
    fn remaps_come_back_and_ids_are_checked() {
        let (storage, path) = (storage(), Path::new("a.bin"));
        let expected: Vec<u32> =
            (0..100_000).map(|i| if i % 3 == 0 { NO_WORD } else { i }).collect();
        let mut writer = RemapWriter::create(&storage, path).unwrap();
        expected.iter().for_each(|&id| writer.push(id).unwrap());
        writer.finish().unwrap();
        assert_eq!(read_remap(&storage, path, 100_000).unwrap(), expected);
        assert!(read_remap(&storage, path, 99_000).unwrap_err().is_bad_artefact());
    }
}
