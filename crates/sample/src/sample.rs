//! The text of one seed, written or read as a stream.

use std::io::{self, Read, Write};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::grammar::Grammar;

/// Bytes of `builtin:sample` when no size is given.
pub const DEFAULT_SAMPLE_BYTES: u64 = 24_000_000;
/// Bytes made at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// The text of one seed.
#[derive(Clone, Debug)]
pub struct Sample {
    grammar: Grammar,
    seed: u64,
}

impl Sample {
    /// The sample of `seed`. Another seed gives other sentences with the same words.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { grammar: Grammar::new(), seed }
    }

    /// Writes whole lines until at least `bytes` are written. A larger sample begins with the
    /// smaller one.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_to(&self, bytes: u64, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = Lines::new(self.seed, bytes);
        let mut block = Vec::with_capacity(BLOCK_BYTES + 4096);
        while lines.fill(&self.grammar, &mut block) {
            out.write_all(&block)?;
        }
        Ok(())
    }
}

/// The same bytes as [`Sample::write_to`], to be read.
#[derive(Clone, Debug)]
pub struct SampleReader {
    sample: Sample,
    lines: Lines,
    block: Vec<u8>,
    taken: usize,
}

impl SampleReader {
    /// At least `bytes` of the sample of `seed`, up to the end of a line.
    #[must_use]
    pub fn new(seed: u64, bytes: u64) -> Self {
        Self {
            sample: Sample::new(seed),
            lines: Lines::new(seed, bytes),
            block: Vec::new(),
            taken: 0,
        }
    }
}

impl Read for SampleReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.block.len() {
            self.taken = 0;
            self.lines.fill(&self.sample.grammar, &mut self.block);
        }
        let count = buffer.len().min(self.block.len() - self.taken);
        buffer[..count].copy_from_slice(&self.block[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// The position in the sample.
#[derive(Clone, Debug)]
struct Lines {
    random: Xoshiro256PlusPlus,
    left: u64,
}

impl Lines {
    fn new(seed: u64, bytes: u64) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), left: bytes }
    }

    /// Replaces `block` by the next lines; `false` and an empty block at the end.
    fn fill(&mut self, grammar: &Grammar, block: &mut Vec<u8>) -> bool {
        block.clear();
        while block.len() < BLOCK_BYTES && (block.len() as u64) < self.left {
            grammar.write_line(&mut self.random, block);
        }
        self.left = self.left.saturating_sub(block.len() as u64);
        !block.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::{analogies, similarities};
    use std::collections::{HashMap, HashSet};

    fn text(seed: u64, bytes: u64) -> String {
        let mut out = Vec::new();
        Sample::new(seed).write_to(bytes, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reader_gives_the_same_bytes() {
        for bytes in [0, 1, 1_000, 65_536, 300_000] {
            let mut read = String::new();
            SampleReader::new(7, bytes).read_to_string(&mut read).unwrap();
            assert_eq!(read, text(7, bytes), "{bytes} bytes");
            assert!(read.len() as u64 >= bytes && (read.len() as u64) < bytes + 2_000);
            assert!(read.is_empty() || read.ends_with(" .\n"));
        }
    }

    #[test]
    fn a_larger_sample_begins_with_the_smaller() {
        let (small, large) = (text(3, 100_000), text(3, 250_000));
        assert!(large.starts_with(&small));
        assert_ne!(small, text(4, 100_000));
    }

    #[test]
    fn every_question_word_is_frequent() {
        let text = text(1, 10_000_000);
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for word in text.split_whitespace() {
            *counts.entry(word).or_default() += 1;
        }
        let questions = analogies() + &similarities();
        let asked: HashSet<&str> = questions
            .lines()
            .filter(|line| !line.starts_with(':'))
            .flat_map(|line| line.split_whitespace())
            .filter(|word| word.parse::<f32>().is_err())
            .collect();
        for word in asked {
            let count = counts.get(word).copied().unwrap_or(0);
            assert!(count >= 40, "{word} occurs {count} times");
        }
        let frequent = counts.values().filter(|count| **count >= 5).count();
        assert!(frequent > 4_000, "{frequent} words occur five times");
    }
}
