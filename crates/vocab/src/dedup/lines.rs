//! The hashes of the lines of one shard, in a file.
//!
//! **Hashes of lines**, kind `hash`: a frame has lines of one *range* of keys (the tag) in the order of the shard, as
//! many as its items, 20 bytes each, little-endian: the two halves of the key, 8 bytes each (`hash.rs`), and the number
//! of the line in the shard, 4 bytes. The number of a line is the number of line ends before it; lines without a word
//! are left out. Parts of lines that may be cut are stored in the settings, as two halves and a number of words
//! separated by spaces: `head`, up to the first line end of a shard that begins within a line, and `tail`, the words
//! after the last line end. `ends` is the number of line ends.

use std::path::PathBuf;

use wordmill_formats::{
    FormatError, FrameFile, FrameWriter, Kind, LINE_END, RunDir, ShardId, TokenShard,
    WordListReader, local_ids,
};

use super::hash::{Key, LineHash, WordHash, range_of};
use super::job::{Dedup, FOLDER};
use crate::error::VocabError;
use crate::rewrite::MADE_OF;
use crate::shard::ShardRow;

/// Bytes of a line in a frame.
const LINE_BYTES: usize = 20;
/// Lines that are buffered until their frames are written, of all ranges together.
const HELD_LINES: usize = 1 << 16;
/// The minimum number of buffered lines per range.
const HELD_LEAST: usize = 16;
/// Memory of a word: its hash by place and by id (32), its count, and its id with the table for it (16).
const WORD_BYTES: u64 = 56;
/// Memory of frames being read and written.
const FIXED_BYTES: u64 = 2 << 20;

/// The parts of a shard beside whole lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Whether it begins within a line.
    pub continues: bool,
    /// Number of line ends.
    pub ends: u32,
    /// The words before the first line end, if it begins within a line.
    pub head: LineHash,
    /// The words after the last line end.
    pub tail: LineHash,
}

/// The path of the hashes of a shard.
pub(super) fn path(run: &RunDir, shard: ShardId) -> PathBuf {
    run.path(&format!("{FOLDER}/lines-{shard}.hashes"))
}

/// Memory for a shard of this many words.
pub(super) fn needed_bytes(local_words: u64, bits: u32) -> u64 {
    let lines = (held_lines(bits) as u64) << bits;
    FIXED_BYTES + WORD_BYTES * local_words + LINE_BYTES as u64 * lines
}

/// Buffered lines per range.
fn held_lines(bits: u32) -> usize {
    (HELD_LINES >> bits).max(HELD_LEAST)
}

/// Properties of a shard whose lines are hashed.
pub(super) struct Hashed {
    pub ends: Ends,
    /// Number of lines of each range.
    pub counts: Box<[u64]>,
}

fn made_of(job: &Dedup<'_>, row: &ShardRow) -> String {
    format!("{} {:016x} {:016x}", job.made_of(), row.tokens.xxh3, row.words.xxh3)
}

fn no_lines(bits: u32) -> Box<[u64]> {
    vec![0; 1 << bits].into()
}

/// The existing hashes of a shard, if they fit.
pub(super) fn existing(job: &Dedup<'_>, row: &ShardRow) -> Result<Option<Hashed>, VocabError> {
    let run = job.shards.run();
    let file = match FrameFile::open(run.storage(), &path(run, row.id), Kind::HASHES) {
        Ok(file) if file.setting(MADE_OF) == Some(&made_of(job, row)) => file,
        _ => return Ok(None),
    };
    let mut counts = no_lines(job.bits);
    for entry in file.entries() {
        // Invalid ranges are detected when ranges are read.
        if let Some(count) = counts.get_mut(entry.tag as usize) {
            *count += u64::from(entry.items);
        }
    }
    let tokens = TokenShard::open(run.storage(), &run.token_shard(row.id))?;
    Ok(Some(Hashed { ends: Ends::read(&file, tokens.continues_line())?, counts }))
}

/// Writes the hashes of a shard.
pub(super) fn hash(job: &Dedup<'_>, row: &ShardRow) -> Result<Hashed, VocabError> {
    let run = job.shards.run();
    let tokens = TokenShard::open(run.storage(), &run.token_shard(row.id))?;
    let words = word_hashes(run, row)?;
    let mut counts = no_lines(job.bits);
    let mut writer = Writer {
        file: FrameWriter::create(run.storage(), &path(run, row.id), Kind::HASHES)?,
        bits: job.bits,
        held: vec![Vec::new(); 1 << job.bits],
        counts: &mut counts,
    };
    let ends = scan(&tokens, &words, &mut writer)?;
    writer.finish(ends, made_of(job, row))?;
    Ok(Hashed { ends, counts })
}

/// The hash of each word by local id.
fn word_hashes(run: &RunDir, row: &ShardRow) -> Result<Vec<WordHash>, VocabError> {
    let mut list = WordListReader::open(run.storage(), &run.word_list(row.id))?;
    let (mut counts, mut by_place) = (Vec::new(), Vec::new());
    while let Some(count) = list.advance()? {
        counts.push(count);
        by_place.push(WordHash::of(list.word()));
    }
    let mut by_id = by_place.clone();
    for (hash, id) in by_place.iter().zip(local_ids(&counts)) {
        by_id[id as usize] = *hash;
    }
    Ok(by_id)
}

/// Writes all whole lines, and returns the parts at both ends.
fn scan(
    tokens: &TokenShard,
    words: &[WordHash],
    writer: &mut Writer<'_>,
) -> Result<Ends, VocabError> {
    let continues = tokens.continues_line();
    let mut found =
        Ends { continues, ends: 0, head: LineHash::default(), tail: LineHash::default() };
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    for frame in 0..tokens.frames() {
        tokens.read(frame, &mut buffer, &mut ids)?;
        for id in &ids {
            if *id != LINE_END {
                let word = words.get(*id as usize).ok_or_else(|| {
                    tokens.file().bad_frame(frame, "more words than its list has")
                })?;
                found.tail.push(*word);
                continue;
            }
            let line = std::mem::take(&mut found.tail);
            if continues && found.ends == 0 {
                found.head = line;
            } else if line.words() > 0 {
                writer.line(line.key(), found.ends)?;
            }
            found.ends = found
                .ends
                .checked_add(1)
                .ok_or_else(|| tokens.file().bad_frame(frame, "more lines than can be numbered"))?;
        }
    }
    Ok(found)
}

impl Ends {
    fn read(file: &FrameFile, continues: bool) -> Result<Self, VocabError> {
        let part = |key: &str| {
            let text = file.setting(key).unwrap_or_default();
            let numbers: Option<Vec<u64>> = text.split(' ').map(|n| n.parse().ok()).collect();
            match numbers.as_deref() {
                Some([one, two, words]) => Ok(LineHash::new([*one, *two], *words)),
                _ => Err(FormatError::corrupt(file.path(), 0, format!("no hash called {key}"))),
            }
        };
        let ends = u32::try_from(file.number("ends")?)
            .map_err(|_| FormatError::corrupt(file.path(), 0, "more line ends than it can have"))?;
        Ok(Self { continues, ends, head: part("head")?, tail: part("tail")? })
    }
}

/// A file of hashes being written.
struct Writer<'a> {
    file: FrameWriter,
    bits: u32,
    /// Lines of each range that are not yet written.
    held: Vec<Vec<u8>>,
    /// Number of lines of each range.
    counts: &'a mut [u64],
}

impl Writer<'_> {
    fn line(&mut self, key: Key, line: u32) -> Result<(), FormatError> {
        let range = range_of(key, self.bits);
        self.counts[range as usize] += 1;
        let held = &mut self.held[range as usize];
        held.extend_from_slice(&key[0].to_le_bytes());
        held.extend_from_slice(&key[1].to_le_bytes());
        held.extend_from_slice(&line.to_le_bytes());
        if held.len() < LINE_BYTES * held_lines(self.bits) {
            return Ok(());
        }
        self.flush(range)
    }

    fn flush(&mut self, range: u32) -> Result<(), FormatError> {
        let held = &mut self.held[range as usize];
        let lines = (held.len() / LINE_BYTES) as u32;
        self.file.stored_frame(u64::from(range), lines, held)?;
        held.clear();
        Ok(())
    }

    fn finish(mut self, ends: Ends, made_of: String) -> Result<(), FormatError> {
        for range in 0..self.held.len() {
            if !self.held[range].is_empty() {
                self.flush(range as u32)?;
            }
        }
        for (key, hash) in [("head", ends.head), ("tail", ends.tail)] {
            let [one, two] = hash.key();
            self.file.set(key, format!("{one} {two} {}", hash.words()));
        }
        self.file.set("ends", ends.ends);
        self.file.set(MADE_OF, made_of);
        self.file.finish().map(drop)
    }
}

/// Calls `each` with the lines of a range of a shard, in order.
pub(super) fn for_each_line(
    run: &RunDir,
    shard: ShardId,
    range: u32,
    buffer: &mut Vec<u8>,
    mut each: impl FnMut(Key, u32) -> Result<(), VocabError>,
) -> Result<(), VocabError> {
    let file = FrameFile::open(run.storage(), &path(run, shard), Kind::HASHES)?;
    let of_range = file.entries().iter().enumerate().filter(|(_, it)| it.tag == u64::from(range));
    for (frame, entry) in of_range {
        let bytes = file.read(frame, buffer)?;
        let (lines, rest) = bytes.as_chunks::<LINE_BYTES>();
        if !rest.is_empty() || lines.len() != entry.items as usize {
            return Err(file
                .bad_frame(frame, "its lines differ in number from what it says")
                .into());
        }
        for line in lines {
            let half = |at: usize| u64::from_le_bytes(line[at..at + 8].try_into().expect("eight"));
            let number = u32::from_le_bytes(line[16..].try_into().expect("four"));
            each([half(0), half(8)], number)?;
        }
    }
    Ok(())
}
