//! A worker's counting memory: a dense head for the most frequent words, a flat tail for the rest.
//!
//! A tail entry packs a pair into 64 bits: row (28), column (28), distance − 1 (8). The tail is
//! sorted and summed when it is full. With symmetric windows a pair is kept as row ≤ column.

use crate::cell::{Cell, combine};
use crate::error::CooccurError;
use crate::weighting::{Sides, WindowConfig};

/// The most words that a pair of packed ids can name.
pub(crate) const MAX_WORDS: u32 = 1 << 28;

/// Words in the dense head. The head takes 8 · 256² = 512 KiB at most and, of a symmetric matrix,
/// only its upper half is touched: it stays in a core's second-level cache.
const HEAD_WORDS: u32 = 256;

/// Counting memory of one worker.
pub(crate) struct Counter {
    weights: Vec<u64>,
    symmetric: bool,
    head_words: u32,
    head: Vec<u64>,
    tail: Vec<u64>,
    tail_limit: usize,
    pairs: u64,
}

impl Counter {
    /// Memory for `words` words in `bytes` bytes.
    pub fn new(config: &WindowConfig, words: u32, bytes: u64) -> Self {
        let head_words = words.min(HEAD_WORDS);
        let head = vec![0; (head_words * head_words) as usize];
        let tail_limit = (bytes / 8).saturating_sub(head.len() as u64).max(64) as usize;
        Self {
            weights: config.weights(),
            symmetric: config.sides == Sides::Both,
            head_words,
            head,
            // Pages are only taken when they are written to.
            tail: Vec::with_capacity(tail_limit),
            tail_limit,
            pairs: 0,
        }
    }

    /// Counts a pair: a word, an earlier one, and their distance − 1.
    #[inline]
    pub fn pair(&mut self, id: u32, earlier: u32, reach: usize) {
        let (row, column) = match self.symmetric && earlier < id {
            true => (earlier, id),
            false => (id, earlier),
        };
        self.pairs += 1;
        if row < self.head_words && column < self.head_words {
            self.head[(row * self.head_words + column) as usize] += self.weights[reach];
        } else {
            self.tail.push(u64::from(row) << 36 | u64::from(column) << 8 | reach as u64);
        }
    }

    /// Whether the next line's worth of pairs might not fit.
    pub fn is_full(&self, upcoming: usize) -> bool {
        self.tail.len() + upcoming > self.tail_limit
    }

    /// How full the tail is, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.tail.len() as f64 / self.tail_limit as f64
    }

    /// Pairs counted since the last drain.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Hands over all cells in ascending order, summed, and forgets them.
    pub fn drain(
        &mut self,
        mut emit: impl FnMut(Cell) -> Result<(), CooccurError>,
    ) -> Result<(), CooccurError> {
        self.tail.sort_unstable();
        let weights = &self.weights;
        let mut tail = self.tail.iter().map(|&entry| {
            let (row, column) = ((entry >> 36) as u32, (entry >> 8) as u32 & (MAX_WORDS - 1));
            Cell::new(row, column, weights[(entry & 0xff) as usize])
        });
        let mut next_tail = tail.next();
        let mut last = None;
        for (place, &weight) in self.head.iter().enumerate().filter(|(_, weight)| **weight > 0) {
            let (row, column) = (place as u32 / self.head_words, place as u32 % self.head_words);
            let cell = Cell::new(row, column, weight);
            while let Some(entry) = next_tail.filter(|entry| entry.key < cell.key) {
                combine(&mut last, entry, &mut emit)?;
                next_tail = tail.next();
            }
            combine(&mut last, cell, &mut emit)?;
        }
        while let Some(entry) = next_tail {
            combine(&mut last, entry, &mut emit)?;
            next_tail = tail.next();
        }
        last.map_or(Ok(()), &mut emit)?;
        self.tail.clear();
        self.head.fill(0);
        self.pairs = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weighting::{Dropped, Weighting};
    use std::collections::BTreeMap;

    fn check(sides: Sides) {
        let config = WindowConfig {
            window: 3,
            weighting: Weighting::Linear,
            sides,
            dropped: Dropped::Close,
        };
        let mut counter = Counter::new(&config, 1000, 0);
        let mut expected = BTreeMap::new();
        let mut state = 7u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (a, b) = ((state >> 33) as u32 % 1000, (state >> 43) as u32 % 300);
            let reach = (state >> 60) as usize % 3;
            counter.pair(a, b, reach);
            let (row, column) = if sides == Sides::Both { (a.min(b), a.max(b)) } else { (a, b) };
            *expected.entry((row, column)).or_insert(0) += 3 - reach as u64;
        }
        let mut found = Vec::new();
        counter
            .drain(|cell| {
                found.push(((cell.row(), cell.column()), cell.weight));
                Ok(())
            })
            .unwrap();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        counter.drain(|_| panic!("nothing is left")).unwrap();
    }

    #[test]
    fn head_and_tail_come_out_as_one_sorted_sum() {
        check(Sides::Both);
        check(Sides::Left);
    }
}
