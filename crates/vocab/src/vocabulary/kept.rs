//! The kept words: collected in the order of their bytes, cut to the most frequent, and ranked.
//!
//! The list of *kept* words is in memory, as the model will be, and its bytes are reserved in the
//! budget. With a maximum size it is cut back whenever it has grown to twice that, which changes no
//! result: counts are final when they are added.

use wordmill_flow::{Budget, Reservation};
use wordmill_formats::Words;

use crate::error::VocabError;
use crate::interner::prefix;

/// Bytes per step of reserving memory.
const STEP_BYTES: u64 = 4 << 20;
/// Memory of a word beside its bytes: its row, its place in two orders, its count and its prefix.
const ROW_BYTES: usize = size_of::<Row>() + 4 + 4 + 8 + 8;

#[derive(Clone, Copy, Debug)]
struct Row {
    count: u64,
    start: u64,
    len: u32,
}

/// The most frequent word of those that may be in the vocabulary.
#[derive(Debug, Default)]
pub(crate) struct MostFrequent {
    /// Its count; 0 if there is no such word.
    pub count: u64,
    pub word: Vec<u8>,
}

/// Words with their counts in the order of bytes.
pub(crate) struct Kept {
    budget: Budget,
    memory: Vec<Reservation>,
    reserved: u64,
    max_size: usize,
    rows: Vec<Row>,
    bytes: Vec<u8>,
}

impl Kept {
    /// Keeps at most `max_size` words; 0 is no limit.
    pub(crate) fn new(budget: Budget, max_size: usize) -> Self {
        let max_size = if max_size == 0 { usize::MAX } else { max_size };
        Self {
            budget,
            memory: Vec::new(),
            reserved: 0,
            max_size,
            rows: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Adds a word; words come in the order of their bytes.
    pub(crate) fn push(&mut self, word: &[u8], count: u64) -> Result<(), VocabError> {
        let needed = (self.rows.len() + 1) * ROW_BYTES + self.bytes.len() + word.len();
        // A growing vector takes twice its size for a moment.
        while 2 * needed as u64 > self.reserved {
            let step = STEP_BYTES.max(self.reserved / 4);
            let part = self.budget.reserve(step, "the vocabulary").map_err(|mut error| {
                error.advice =
                    ", or raise vocabulary.min_count or set vocabulary.max_size".to_owned();
                error
            })?;
            self.reserved += part.bytes();
            self.memory.push(part);
        }
        self.rows.push(Row { count, start: self.bytes.len() as u64, len: word.len() as u32 });
        self.bytes.extend_from_slice(word);
        if self.rows.len() / 2 >= self.max_size {
            self.cut();
        }
        Ok(())
    }

    /// Gives every word its id: by count, most frequent first, ties by bytes.
    pub(crate) fn rank(mut self) -> Ranked {
        self.cut();
        let order = self.order();
        let mut lookup = vec![0; order.len()];
        for (id, place) in order.iter().enumerate() {
            lookup[*place as usize] = id as u32;
        }
        let counts = order.iter().map(|place| self.rows[*place as usize].count).collect();
        let prefixes = (0..self.rows.len()).map(|place| prefix(self.word_at(place))).collect();
        Ranked { order, lookup, counts, prefixes, kept: self }
    }

    fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_unstable_by_key(|place| {
            (std::cmp::Reverse(self.rows[*place as usize].count), *place)
        });
        order
    }

    /// Leaves the `max_size` most frequent words, still in the order of bytes.
    fn cut(&mut self) {
        if self.rows.len() <= self.max_size {
            return;
        }
        let mut order = self.order();
        order.truncate(self.max_size);
        order.sort_unstable();
        let mut end = 0;
        for (place, old) in order.into_iter().enumerate() {
            let row = self.rows[old as usize];
            let start = row.start as usize;
            self.bytes.copy_within(start..start + row.len as usize, end);
            self.rows[place] = Row { start: end as u64, ..row };
            end += row.len as usize;
        }
        self.rows.truncate(self.max_size);
        self.bytes.truncate(end);
    }

    fn word_at(&self, place: usize) -> &[u8] {
        let row = self.rows[place];
        &self.bytes[row.start as usize..row.start as usize + row.len as usize]
    }
}

/// The kept words with their ids.
pub(crate) struct Ranked {
    kept: Kept,
    /// Place in the order of bytes of each id.
    order: Vec<u32>,
    /// Id at each place in the order of bytes.
    lookup: Vec<u32>,
    counts: Vec<u64>,
    /// First bytes at each place in the order of bytes, which distinguish most words.
    prefixes: Vec<u64>,
}

impl Ranked {
    /// The id of `word`, searched from `place` on; `place` moves to where the word is or would be.
    /// Callers search in the order of bytes, so most steps are short.
    pub(crate) fn find_from(&self, place: &mut usize, word: &[u8]) -> Option<u32> {
        let len = self.order.len();
        let wanted = prefix(word);
        let is_less = |at: usize| {
            self.prefixes[at] < wanted
                || self.prefixes[at] == wanted && self.kept.word_at(at) < word
        };
        let mut step = 1;
        let mut low = *place;
        while low + step <= len && is_less(low + step - 1) {
            low += step;
            step *= 2;
        }
        let (mut first, mut last) = (low, (low + step).min(len));
        while first < last {
            let middle = first.midpoint(last);
            if is_less(middle) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        *place = first;
        let is_it =
            first < len && self.prefixes[first] == wanted && self.kept.word_at(first) == word;
        is_it.then(|| self.lookup[first])
    }
}

impl Words for Ranked {
    fn len(&self) -> usize {
        self.order.len()
    }

    fn word(&self, id: usize) -> &[u8] {
        self.kept.word_at(self.order[id] as usize)
    }

    fn counts(&self) -> &[u64] {
        &self.counts
    }

    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(words: &[(&str, u64)], max_size: usize) -> Ranked {
        let mut kept = Kept::new(Budget::new(1 << 30), max_size);
        for (word, count) in words {
            kept.push(word.as_bytes(), *count).unwrap();
        }
        kept.rank()
    }

    #[test]
    fn ids_are_ranks_and_ties_are_broken_by_bytes() {
        let all = [("a", 3), ("b", 9), ("c", 3), ("d", 1), ("e", 9), ("f", 3)];
        let check = |max_size, expected: &[&str]| {
            let ranked = ranked(&all, max_size);
            let found: Vec<&[u8]> = (0..ranked.len()).map(|id| ranked.word(id)).collect();
            assert_eq!(found, expected.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
            let mut place = 0;
            for (word, _) in all {
                let id = ranked.find_from(&mut place, word.as_bytes());
                assert_eq!(
                    id,
                    expected.iter().position(|other| *other == word).map(|id| id as u32),
                    "{word}"
                );
            }
        };
        check(0, &["b", "e", "a", "c", "f", "d"]);
        check(3, &["b", "e", "a"]);
        check(1, &["b"]);
    }

    #[test]
    fn a_vocabulary_beyond_the_budget_names_the_settings() {
        let mut kept = Kept::new(Budget::new(5 << 20), 0);
        let error =
            (0..1_000_000).find_map(|n| kept.push(format!("{n:08}").as_bytes(), 1).err()).unwrap();
        assert!(error.to_string().contains("vocabulary.max_size"), "{error}");
    }
}
