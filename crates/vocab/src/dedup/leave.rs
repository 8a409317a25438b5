//! Rewrites one token shard without some of its lines.
//!
//! A dropped line becomes one without a word, and is written as the tokeniser would write it: not at all, unless it
//! begins in an earlier shard; then its end stays.

use wordmill_formats::{FormatError, LINE_END};

use super::job::Dedup;
use super::repeats::{self, LineSet};
use crate::error::VocabError;
use crate::rewrite::{Contents, Numbered, Read, Rewriting, Rewritten};

/// Memory of a word: its bytes, its place among these, its counts before and after, its index by id, in two orders.
const WORD_BYTES: u64 = 128;
/// Memory of frames being read and written.
const FIXED_BYTES: u64 = 3 << 20;

/// The key of the number of dropped lines, in the footer of a shard.
pub(super) const DROPPED: &str = "dropped_lines";

/// Memory for a shard of this many words and lines.
pub(super) fn needed_bytes(local_words: u64, lines: u64) -> u64 {
    FIXED_BYTES + WORD_BYTES * local_words + LineSet::bytes(room(lines))
}

/// The shard without the dropped lines, and how many of them begin in it.
pub(super) fn shard(
    dedup: &Dedup<'_>,
    job: &Rewriting<'_>,
    at: u32,
) -> Result<Rewritten, VocabError> {
    let lines = repeats::of_shard(dedup, at, room(job.row.counts.lines))?;
    let read = job.read()?;
    let source = &read.source;
    let mut kept = read.counts.clone();
    if lines.len() > 0 {
        sift(&read, &lines, |_, gone| {
            for place in gone {
                let count = &mut kept[*place as usize];
                *count = count.checked_sub(1).ok_or_else(|| {
                    let what = "a word occurs more often than its list says";
                    FormatError::corrupt(source.file().path(), 0, what)
                })?;
            }
            Ok(())
        })?;
    }
    // The first line of a shard that begins within a line was counted in the shard where it begins.
    let begun_before = source.continues_line() && lines.contains(0);
    let dropped = lines.len() - u64::from(begun_before);
    let left = job.row.counts.lines.saturating_sub(dropped);
    let numbered = Numbered { names: read.words.iter().zip(0..).collect(), counts: &kept };
    let continues_line = source.continues_line();
    let contents = Contents { words: numbered, lines: left, continues_line, counted: dropped };
    job.publish(contents, |ids, tokens| {
        let mut out = Vec::new();
        sift(&read, &lines, |kept, _| {
            let id = |place: &u32| match *place {
                LINE_END => LINE_END,
                place => ids[place as usize],
            };
            out.clear();
            out.extend(kept.iter().map(id));
            Ok(tokens.tokens(&out)?)
        })
    })
}

/// Line numbers are below this if this many lines begin: one may continue from before, one may have no
/// beginning.
fn room(lines: u64) -> u64 {
    lines + 2
}

/// Calls `each` with the remaining tokens and line ends of each frame, and with the tokens of the dropped lines, as
/// places.
fn sift(
    read: &Read,
    lines: &LineSet,
    mut each: impl FnMut(&[u32], &[u32]) -> Result<(), VocabError>,
) -> Result<(), VocabError> {
    let source = &read.source;
    let (mut buffer, mut places, mut kept, mut gone) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut line, mut is_dropped) = (0, lines.contains(0));
    let mut found = u64::from(is_dropped);
    for frame in 0..source.frames() {
        read.frame(frame, &mut buffer, &mut places)?;
        kept.clear();
        gone.clear();
        for place in &places {
            if *place != LINE_END {
                if is_dropped { &mut gone } else { &mut kept }.push(*place);
                continue;
            }
            if !is_dropped || (line == 0 && source.continues_line()) {
                kept.push(LINE_END);
            }
            line += 1;
            is_dropped = lines.contains(line);
            found += u64::from(is_dropped);
        }
        each(&kept, &gone)?;
    }
    if found == lines.len() {
        return Ok(());
    }
    let what = "it has fewer lines than were dropped from it";
    Err(FormatError::corrupt(source.file().path(), 0, what).into())
}
