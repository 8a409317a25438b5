//! Merging sorted word lists: equal words become one, their counts are added.
//!
//! A *merge* holds one word of each list; the least of them is next. At most [`FAN_IN`] lists are
//! open at once: more of them are merged group by group into longer lists first. The sums are whole
//! numbers, so grouping changes nothing.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::PathBuf;

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::{RunDir, WordListReader, WordListWriter};

use crate::error::CorpusError;

/// Lists that are open at once.
pub(crate) const FAN_IN: usize = 64;
/// Memory of an open list: a frame packed and unpacked, and its word.
pub(super) const LIST_BYTES: u64 = 256 * 1024;

/// An open list at its next word.
struct Head {
    reader: WordListReader,
    count: u64,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.reader.word().cmp(other.reader.word())
    }
}

/// Calls `each` with every distinct word of the lists and the sum of its counts, in the order of
/// bytes.
pub(super) fn merge_lists(
    run: &RunDir,
    lists: &[PathBuf],
    mut each: impl FnMut(&[u8], u64) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let mut heads = BinaryHeap::with_capacity(lists.len());
    for list in lists {
        let mut reader = WordListReader::open(run.storage(), list)?;
        if let Some(count) = reader.advance()? {
            heads.push(Reverse(Head { reader, count }));
        }
    }
    let (mut word, mut sum) = (Vec::new(), 0);
    while let Some(mut least) = heads.peek_mut() {
        let head = &mut least.0;
        if head.reader.word() != word {
            if sum > 0 {
                each(&word, sum)?;
            }
            word.clear();
            word.extend_from_slice(head.reader.word());
            sum = 0;
        }
        sum += head.count;
        match head.reader.advance()? {
            Some(count) => head.count = count,
            None => drop(std::collections::binary_heap::PeekMut::pop(least)),
        }
    }
    if sum > 0 { each(&word, sum) } else { Ok(()) }
}

/// Merges groups of lists until at most `fan_in` are left, and returns them.
pub(super) fn narrow(
    ctx: &Context,
    run: &RunDir,
    mut lists: Vec<PathBuf>,
    fan_in: usize,
) -> Result<Vec<PathBuf>, CorpusError> {
    let mut pass = 0;
    while lists.len() > fan_in {
        let groups: Vec<&[PathBuf]> = lists.chunks(fan_in).collect();
        let per_group = LIST_BYTES * fan_in as u64;
        let workers = (1..=ctx.threads)
            .rev()
            .find(|n| per_group * *n as u64 <= ctx.budget.left())
            .unwrap_or(1);
        let _memory = ctx.budget.reserve(per_group * workers as u64, "merging word lists")?;
        let merged = run_tasks(ctx, "merge-words", workers, groups.len(), |group| {
            let path = run.path(&format!("vocab/merge-{pass}-{group:05}.words"));
            let mut writer = WordListWriter::create(run.storage(), &path)?;
            merge_lists(run, groups[group], |word, count| Ok(writer.push(word, count)?))?;
            writer.finish()?;
            Ok::<_, CorpusError>(path)
        })?;
        for old in lists.iter().filter(|_| pass > 0) {
            run.remove(old)?;
        }
        lists = merged;
        pass += 1;
    }
    Ok(lists)
}
