//! The best few of many scores: higher scores first, ties by id, whatever the order in which they
//! come.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A scored row. The better one compares as greater.
#[derive(Clone, Copy, Debug)]
struct Entry {
    score: f32,
    id: usize,
}

/// Keeps the `n` best rows.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    n: usize,
    heap: BinaryHeap<Reverse<Entry>>,
    /// The score that a row must reach to be considered.
    floor: f32,
}

impl Top {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            n,
            heap: BinaryHeap::new(),
            floor: if n == 0 { f32::INFINITY } else { f32::NEG_INFINITY },
        }
    }

    /// The score below which a row is not among the best.
    #[inline]
    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// Offers a row.
    #[inline]
    pub(crate) fn offer(&mut self, id: usize, score: f32) {
        if score >= self.floor && self.n > 0 {
            self.insert(Entry { score, id });
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.heap.push(Reverse(entry));
        if self.heap.len() > self.n {
            self.heap.pop();
        }
        if self.heap.len() == self.n {
            self.floor = self.heap.peek().map_or(f32::INFINITY, |worst| worst.0.score);
        }
    }

    /// Merges several lists, best first.
    pub(crate) fn merge(parts: Vec<Self>) -> Vec<(usize, f32)> {
        let n = parts.first().map_or(0, |top| top.n);
        let mut all: Vec<Entry> = parts.into_iter().flat_map(|top| top.heap).map(|e| e.0).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(n);
        all.into_iter().map(|entry| (entry.id, entry.score)).collect()
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
