//! The steps before shards are rewritten: hashes of the lines of each shard, then the repeated lines of each range.

use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Label, StageProgress, Step, Unit};

use super::job::Dedup;
use super::lines::{self, Hashed};
use super::ranges::distinct_at_most;
use super::repeats::{self, Open};
use crate::error::VocabError;

/// The step that hashes: one unit per shard.
pub(super) struct Hashing<'a> {
    dedup: &'a Dedup<'a>,
    /// Number of lines of each range, of the finished shards.
    counts: Mutex<Vec<u64>>,
}

/// The step that compares: one unit per range.
pub(super) struct Comparing<'a> {
    dedup: &'a Dedup<'a>,
    ranges: &'a [u32],
    /// Lines that may be cut.
    joined: &'a [Option<Open>],
    /// Number of lines of each range.
    counts: &'a [u64],
}

impl<'a> Hashing<'a> {
    pub fn new(dedup: &'a Dedup<'a>) -> Self {
        Self { dedup, counts: Mutex::new(vec![0; 1 << dedup.bits]) }
    }

    /// The number of lines of each range.
    pub fn counts(self) -> Vec<u64> {
        self.counts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Step for Hashing<'_> {
    type Done = Hashed;
    type Error = VocabError;

    fn label(&self) -> Label {
        Label { stage: "dedup: hashing", threads: "dedup", noun: "shards" }
    }

    fn units(&self) -> usize {
        self.dedup.shards.len()
    }

    fn unit(&self, at: usize) -> Unit {
        let (run, id) = (self.dedup.shards.run(), self.dedup.shards.ids()[at]);
        Unit {
            name: format!("dedup-lines/{id}"),
            reads: vec![run.token_shard(id), run.word_list(id)],
            writes: vec![lines::path(run, id)],
        }
    }

    fn finished(&self, at: usize) -> Result<Option<Hashed>, VocabError> {
        lines::existing(self.dedup, &self.dedup.shards.rows()[at])
    }

    fn make(&self, at: usize, _: &StageProgress) -> Result<Hashed, VocabError> {
        lines::hash(self.dedup, &self.dedup.shards.rows()[at])
    }

    /// Sums the lines of ranges; keeping the numbers of every shard would take too much memory.
    fn settle(&self, _: usize, hashed: &mut Hashed) -> Result<(), VocabError> {
        let own = std::mem::take(&mut hashed.counts);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        Ok(())
    }
}

impl<'a> Comparing<'a> {
    pub fn new(
        dedup: &'a Dedup<'a>,
        ranges: &'a [u32],
        joined: &'a [Option<Open>],
        counts: &'a [u64],
    ) -> Self {
        Self { dedup, ranges, joined, counts }
    }

    /// Memory of a unit.
    pub fn needed_bytes(&self) -> u64 {
        let most = self.ranges.iter().map(|range| self.most(*range)).max();
        repeats::needed_bytes(most.unwrap_or(0))
    }

    /// The most distinct lines of a range. One line of each shard was not counted.
    fn most(&self, range: u32) -> u64 {
        let sure = distinct_at_most(self.dedup.shards.totals().lines, self.dedup.bits);
        (self.counts[range as usize] + self.joined.len() as u64).min(sure)
    }
}

impl Step for Comparing<'_> {
    type Done = ();
    type Error = VocabError;

    fn label(&self) -> Label {
        Label { stage: "dedup: comparing", threads: "dedup", noun: "ranges" }
    }

    fn units(&self) -> usize {
        self.ranges.len()
    }

    /// It reads the frames of its range of all shards.
    fn unit(&self, at: usize) -> Unit {
        let (shards, range) = (self.dedup.shards, self.ranges[at]);
        Unit {
            name: format!("dedup-range/{range:04}"),
            reads: shards.ids().iter().map(|id| lines::path(shards.run(), *id)).collect(),
            writes: vec![repeats::path(shards.run(), range)],
        }
    }

    fn finished(&self, at: usize) -> Result<Option<()>, VocabError> {
        Ok(repeats::is_there(self.dedup, self.ranges[at]).then_some(()))
    }

    fn make(&self, at: usize, _: &StageProgress) -> Result<(), VocabError> {
        let range = self.ranges[at];
        repeats::find(self.dedup, range, self.joined, self.most(range))
    }
}
