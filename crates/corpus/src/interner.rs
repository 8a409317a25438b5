//! The words of one chunk: each distinct word gets a number in order of appearance, and is counted.
//!
//! The bytes of all words stand in one buffer. A word of up to 16 bytes, as nearly all are, is
//! found by its bytes packed into two numbers, without a look at that buffer. Hashes have a seed of
//! their own in every process: nothing written depends on the order of the tables.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The longest word that is packed.
const PACKED_BYTES: usize = 16;

/// A short word in two numbers: with its length they tell its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    first: u64,
    last: u64,
    len: u32,
}

/// A table of words with their counts; emptied and used again for the next chunk.
pub(crate) struct Interner {
    state: RandomState,
    /// Two factors of the hash of short words.
    seeds: [u64; 2],
    short: HashTable<(Packed, u32)>,
    /// Half the hash and the number of a long word.
    long: HashTable<(u32, u32)>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    counts: Vec<u32>,
}

impl Default for Interner {
    fn default() -> Self {
        let state = RandomState::default();
        let seeds = [state.hash_one(1_u8), state.hash_one(2_u8)];
        let (short, long) = (HashTable::new(), HashTable::new());
        Self { state, seeds, short, long, bytes: Vec::new(), ends: Vec::new(), counts: Vec::new() }
    }
}

impl Interner {
    /// Forgets every word and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
        self.bytes.clear();
        self.ends.clear();
        self.counts.clear();
    }

    /// Counts the word and returns its number.
    #[inline]
    pub(crate) fn add(&mut self, word: &[u8]) -> u32 {
        let number =
            if word.len() <= PACKED_BYTES { self.add_short(word) } else { self.add_long(word) };
        self.counts[number as usize] += 1;
        number
    }

    #[inline]
    fn add_short(&mut self, word: &[u8]) -> u32 {
        let packed = Packed::new(word);
        let hash = packed.hash(self.seeds);
        if let Some((_, number)) = self.short.find(hash, |(other, _)| *other == packed) {
            return *number;
        }
        let number = self.push(word);
        let seeds = self.seeds;
        self.short.insert_unique(hash, (packed, number), |(packed, _)| packed.hash(seeds));
        number
    }

    fn add_long(&mut self, word: &[u8]) -> u32 {
        let mut hasher = self.state.build_hasher();
        hasher.write(word);
        let half = hasher.finish() as u32;
        let (bytes, ends) = (&self.bytes, &self.ends);
        let same =
            |&(other, number): &(u32, u32)| other == half && word_at(bytes, ends, number) == word;
        if let Some((_, number)) = self.long.find(spread(half), same) {
            return *number;
        }
        let number = self.push(word);
        self.long.insert_unique(spread(half), (half, number), |(half, _)| spread(*half));
        number
    }

    #[cold]
    fn push(&mut self, word: &[u8]) -> u32 {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len() as u32);
        self.counts.push(0);
        self.counts.len() as u32 - 1
    }

    /// How many distinct words there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The bytes of a word.
    pub(crate) fn word(&self, number: u32) -> &[u8] {
        word_at(&self.bytes, &self.ends, number)
    }

    /// How often the word was added.
    pub(crate) fn count(&self, number: u32) -> u32 {
        self.counts[number as usize]
    }

    /// The numbers of all words in the order of their bytes.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut keyed: Vec<(u64, u32)> =
            (0..self.len() as u32).map(|number| (prefix(self.word(number)), number)).collect();
        keyed.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.word(a.1).cmp(self.word(b.1)))
        });
        keyed.into_iter().map(|(_, number)| number).collect()
    }
}

impl Packed {
    /// The first and the last eight bytes, which overlap where there are fewer than sixteen.
    #[inline]
    fn new(word: &[u8]) -> Self {
        let len = word.len();
        let (first, last) = match (word.first_chunk(), word.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (Self::few(word), 0),
        };
        Self { first, last, len: len as u32 }
    }

    /// Up to seven bytes.
    #[inline]
    fn few(word: &[u8]) -> u64 {
        if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
            return u64::from(u32::from_le_bytes(*first))
                | u64::from(u32::from_le_bytes(*last)) << 32;
        }
        let at = |index: usize| word.get(index).map_or(0, |byte| u64::from(*byte));
        at(0) | at(1) << 8 | at(2) << 16
    }

    /// The two halves of a product of 128 bits, folded.
    #[inline]
    fn hash(self, [one, two]: [u64; 2]) -> u64 {
        let product =
            u128::from(self.first ^ one) * u128::from(self.last ^ two ^ u64::from(self.len));
        product as u64 ^ (product >> 64) as u64
    }
}

/// The table looks at the highest and the lowest bits of a hash.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

#[inline]
fn word_at<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &bytes[start..ends[number] as usize]
}

/// The first eight bytes as a number that sorts as they do.
fn prefix(word: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = word.len().min(8);
    first[..len].copy_from_slice(&word[..len]);
    u64::from_le_bytes(first).swap_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_length_are_told_apart() {
        let mut interner = Interner::default();
        let mut words: Vec<Vec<u8>> = Vec::new();
        for len in 0..40 {
            words.push(vec![b'a'; len]);
            words.push(b"ab".iter().copied().cycle().take(len + 2).collect());
            words.push([vec![b'a'; len], vec![0]].concat());
            for at in 0..len {
                words.push((0..len).map(|other| if other == at { b'b' } else { b'a' }).collect());
            }
        }
        words.sort();
        words.dedup();
        for _ in 0..2 {
            for (number, word) in words.iter().enumerate() {
                assert_eq!(interner.add(word), number as u32, "{word:?}");
            }
        }
        assert!((0..words.len() as u32).all(|number| interner.count(number) == 2));
    }

    #[test]
    fn words_are_counted_and_sorted() {
        let mut interner = Interner::default();
        for _ in 0..2 {
            interner.clear();
            let text = "b a b aaaaaaaab aaaaaaaa aaaaaaaab\u{0} a\u{0} b 한";
            let numbers: Vec<u32> =
                text.split(' ').map(|word| interner.add(word.as_bytes())).collect();
            assert_eq!(numbers, [0, 1, 0, 2, 3, 4, 5, 0, 6]);
            assert_eq!(interner.count(0), 3);
            let sorted: Vec<&[u8]> =
                interner.sorted().iter().map(|number| interner.word(*number)).collect();
            let mut expected = sorted.clone();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
            assert_eq!(sorted.len(), interner.len());
        }
    }
}
