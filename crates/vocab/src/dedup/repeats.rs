//! Finds the lines of one range of keys that repeat an earlier line, over all shards, and writes
//! them to a file.
//!
//! **Dropped lines**, kind `drop`: pairs of a shard's place in the index of shards and a line's number in it
//! (`lines.rs`), ascending, 4 bytes each, little-endian, at most [`FRAME_LINES`] per frame; the tag is the first shard.
//! For a line that continues in later shards, the first line of each of these is listed, too.

use std::path::PathBuf;

use hashbrown::HashSet;
use wordmill_formats::{FormatError, FrameFile, FrameWriter, Kind, RunDir};

use super::hash::{Key, LineHash, range_of};
use super::job::{Dedup, FOLDER};
use super::lines::{Ends, for_each_line};
use crate::error::VocabError;
use crate::rewrite::MADE_OF;

/// Lines in a frame: few enough to make it cheap to search for those of one shard.
const FRAME_LINES: usize = 1 << 12;
/// Bytes of a line in a frame.
const LINE_BYTES: usize = 8;
/// Memory of frames being read and written.
const FIXED_BYTES: u64 = 3 << 20;

/// The last line of a shard, which may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    hash: LineHash,
    /// Its number in the shard where it begins.
    line: u32,
    /// The place of the last shard that it reaches.
    last: u32,
}

/// The last line of each shard, if it has a word, joined from the ends of all shards.
pub(super) fn join(ends: &[Ends]) -> Vec<Option<Open>> {
    let mut joined = vec![None; ends.len()];
    let mut open: Option<(usize, Open)> = None;
    let mut close = |open: Option<(usize, Open)>| {
        if let Some((first, open)) = open.filter(|(_, open)| open.hash.words() > 0) {
            joined[first] = Some(open);
        }
    };
    for (shard, ends) in ends.iter().enumerate() {
        if ends.continues {
            let nothing = Open { hash: LineHash::default(), line: 0, last: shard as u32 };
            let (first, before) = open.take().unwrap_or((shard, nothing));
            let part = if ends.ends == 0 { ends.tail } else { ends.head };
            let line = Open { hash: before.hash.then(part), last: shard as u32, ..before };
            if ends.ends == 0 {
                open = Some((first, line));
                continue;
            }
            close(Some((first, line)));
        } else {
            close(open.take());
        }
        open = Some((shard, Open { hash: ends.tail, line: ends.ends, last: shard as u32 }));
    }
    close(open);
    joined
}

/// The path of the dropped lines of a range.
pub(super) fn path(run: &RunDir, range: u32) -> PathBuf {
    run.path(&format!("{FOLDER}/range-{range:04}.dropped"))
}

/// A fingerprint of what the dropped lines of a range depend on.
fn made_of(job: &Dedup<'_>) -> String {
    format!("{} {:016x}", job.made_of(), job.shards.digest())
}

/// Whether the dropped lines of a range exist.
pub(super) fn is_there(job: &Dedup<'_>, range: u32) -> bool {
    let run = job.shards.run();
    let file = FrameFile::open(run.storage(), &path(run, range), Kind::DROPPED);
    file.is_ok_and(|file| file.setting(MADE_OF) == Some(&made_of(job)))
}

/// Memory for a range with this many distinct lines: 16 bytes and a mark for each slot of a table, an eighth of which
/// stays free.
pub(super) fn needed_bytes(lines: u64) -> u64 {
    FIXED_BYTES + 17 * (lines.max(7) * 8 / 7).next_power_of_two()
}

/// Finds the lines of a range that repeat an earlier one. There are at most `most` distinct ones.
pub(super) fn find(
    job: &Dedup<'_>,
    range: u32,
    joined: &[Option<Open>],
    most: u64,
) -> Result<(), VocabError> {
    let run = job.shards.run();
    let mut seen: HashSet<Key, foldhash::fast::RandomState> =
        HashSet::with_capacity_and_hasher(most as usize, foldhash::fast::RandomState::default());
    let mut writer = Writer::create(run, range)?;
    let mut buffer = Vec::new();
    for (id, shard) in job.shards.ids().iter().zip(0_u32..) {
        job.ctx.cancel.check_overdue()?;
        for_each_line(run, *id, range, &mut buffer, |key, line| {
            if seen.insert(key) { Ok(()) } else { Ok(writer.line(shard, line)?) }
        })?;
        let Some(open) = joined[shard as usize] else { continue };
        let key = open.hash.key();
        if range_of(key, job.bits) == range && !seen.insert(key) {
            writer.line(shard, open.line)?;
            for later in shard + 1..=open.last {
                writer.line(later, 0)?;
            }
        }
    }
    writer.finish(made_of(job))?;
    Ok(())
}

/// A list being written.
struct Writer {
    file: FrameWriter,
    held: Vec<u8>,
    first: u32,
}

impl Writer {
    fn create(run: &RunDir, range: u32) -> Result<Self, FormatError> {
        let file = FrameWriter::create(run.storage(), &path(run, range), Kind::DROPPED)?;
        Ok(Self { file, held: Vec::new(), first: 0 })
    }

    fn line(&mut self, shard: u32, line: u32) -> Result<(), FormatError> {
        if self.held.is_empty() {
            self.first = shard;
        }
        self.held.extend_from_slice(&shard.to_le_bytes());
        self.held.extend_from_slice(&line.to_le_bytes());
        if self.held.len() < LINE_BYTES * FRAME_LINES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        let lines = (self.held.len() / LINE_BYTES) as u32;
        self.file.frame(u64::from(self.first), lines, &self.held)?;
        self.held.clear();
        Ok(())
    }

    fn finish(mut self, made_of: String) -> Result<(), FormatError> {
        if !self.held.is_empty() {
            self.flush()?;
        }
        self.file.set(MADE_OF, made_of);
        self.file.finish().map(drop)
    }
}

/// The set of lines that have been seen.
pub(super) struct LineSet {
    marks: Vec<u64>,
    lines: u64,
}

impl LineSet {
    /// Memory of a set with room for this many lines.
    pub fn bytes(room: u64) -> u64 {
        room / 8 + 8
    }

    /// Number of lines.
    pub fn len(&self) -> u64 {
        self.lines
    }

    /// Whether the set contains a line.
    #[inline]
    pub fn contains(&self, line: u32) -> bool {
        let marks = self.marks.get(line as usize / 64);
        marks.is_some_and(|marks| marks >> (line % 64) & 1 == 1)
    }

    /// Adds a line; `None` if there is no room for it.
    fn insert(&mut self, line: u32) -> Option<()> {
        let marks = self.marks.get_mut(line as usize / 64)?;
        self.lines += !*marks >> (line % 64) & 1;
        *marks |= 1 << (line % 64);
        Some(())
    }
}

/// The dropped lines of a shard; their numbers are below `room`.
pub(super) fn of_shard(job: &Dedup<'_>, shard: u32, room: u64) -> Result<LineSet, VocabError> {
    let run = job.shards.run();
    let mut set = LineSet { marks: vec![0; room.div_ceil(64) as usize], lines: 0 };
    let mut buffer = Vec::new();
    for range in 0..1 << job.bits {
        let file = FrameFile::open(run.storage(), &path(run, range), Kind::DROPPED)?;
        // The first of them may be at the end of a frame that begins with an earlier shard.
        let after = file.entries().partition_point(|entry| entry.tag < u64::from(shard));
        for frame in after.saturating_sub(1)..file.entries().len() {
            let entry = file.entries()[frame];
            if entry.tag > u64::from(shard) {
                break;
            }
            let (pairs, rest) = file.read(frame, &mut buffer)?.as_chunks::<LINE_BYTES>();
            let word = |pair: &[u8; 8], at| {
                u32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]])
            };
            let mut of_shard = pairs.iter().filter(|pair| word(pair, 0) == shard);
            let fits = rest.is_empty() && pairs.len() == entry.items as usize;
            if !fits || of_shard.any(|pair| set.insert(word(pair, 4)).is_none()) {
                let what =
                    "its lines differ in number from what it says, or are not in their shard";
                return Err(file.bad_frame(frame, what).into());
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_the_added_lines() {
        let mut set = LineSet { marks: vec![0; 2], lines: 0 };
        for line in [0, 5, 63, 64, 127, 5] {
            assert!(set.insert(line).is_some());
        }
        assert!(set.insert(128).is_none());
        let found: Vec<u32> = (0..300).filter(|line| set.contains(*line)).collect();
        assert_eq!((found, set.len()), (vec![0, 5, 63, 64, 127], 5));
    }
}
