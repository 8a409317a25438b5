//! The words of chunks: each distinct word gets a number in order of appearance, and is counted.
//!
//! A word of up to 15 bytes, as nearly all are, is *short*: its bytes and its length form a unique
//! key of 16 bytes. Every process has its own seed of hashes: nothing written depends on the order
//! of the tables.

use std::hash::{BuildHasher as _, Hasher as _};
use std::hint::black_box;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The longest word that is packed into a key; the sixteenth byte is its length.
const SHORT_BYTES: usize = 15;
/// Slots of a new index: enough for most chunks of 4 MiB.
const INDEX_MIN: usize = 1 << 16;
/// Words that stay for the next chunk, as most occur again. On English this takes 1.4 ns off a token;
/// with twice as many the index no longer fits the second-level cache, and a token takes 2 ns more.
const WORDS_KEPT: usize = 1 << 16;
/// Bytes of long words that stay.
const LONG_BYTES_KEPT: usize = 1 << 20;
/// Words looked up at once.
pub(crate) const BATCH: usize = 64;
/// The top bit of every byte.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A short word: its bytes, zeros, and its length in the last byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ShortWord(u128);

/// A word that has occurred.
#[derive(Clone, Copy)]
struct Entry {
    /// The bytes of a short word. For a long word, where its bytes begin and end, and a last byte of
    /// 0, which is no length.
    key: [u8; 16],
    /// How often it occurs in this chunk.
    count: u32,
}

/// A table of words with their counts in one chunk. Numbers begin with 1, so 0 is free for another
/// meaning.
///
/// Words stay from chunk to chunk, as most will occur again, until there are too many. The index is
/// small enough for the second-level cache, and the entries of frequent words are adjacent, as those
/// are seen first.
pub(crate) struct Interner {
    state: RandomState,
    /// Two factors of the hash of short words.
    seeds: [u64; 2],
    /// Numbers of short words, 0 if there is none. The length is a power of two, at most three quarters
    /// full; a word is at its hash or right after.
    index: Vec<u32>,
    short_words: usize,
    /// Half the hash and the number of a long word.
    long: HashTable<(u32, u32)>,
    /// The bytes of long words.
    bytes: Vec<u8>,
    /// By number; number 0 is unused.
    entries: Vec<Entry>,
    keys: Vec<u128>,
    /// The numbers of the words of this chunk.
    seen: Vec<u32>,
}

/// For each length, which bits belong to a word.
const KEEP: [(u64, u64); SHORT_BYTES + 1] = {
    let mut table = [(0, 0); SHORT_BYTES + 1];
    let mut len = 1;
    while len <= SHORT_BYTES {
        let bits: u128 = (1 << (8 * len)) - 1;
        table[len] = (bits as u64, (bits >> 64) as u64);
        len += 1;
    }
    table
};

impl ShortWord {
    /// The word of `len` bytes, at least one, at the beginning of `text`. If it is not plain (short,
    /// ASCII, and without a bit of `odd` at its first byte), the result differs from all added
    /// words.
    #[inline]
    pub(crate) fn plain(text: &[u8; 16], len: usize, odd: &[u8; 256]) -> Self {
        let (low, high) = text.split_at(8);
        let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let (keep_low, keep_high) = KEEP[len & 15];
        let (low, high) = (half(low) & keep_low, half(high) & keep_high);
        let beyond = (low | high) & HIGH_BITS | (len & !SHORT_BYTES) as u64;
        let is_odd = beyond | u64::from(odd[usize::from(low as u8)]) != 0;
        let high = high | (len as u64) << 56 | u64::from(is_odd) << 63;
        Self(u128::from(low) | u128::from(high) << 64)
    }

    /// A word of at most [`SHORT_BYTES`] bytes, and at least one.
    #[inline]
    pub(crate) fn new(word: &[u8]) -> Option<Self> {
        if !(1..=SHORT_BYTES).contains(&word.len()) {
            return None;
        }
        let mut key = [0; 16];
        key[..word.len()].copy_from_slice(word);
        key[15] = word.len() as u8;
        Some(Self(u128::from_le_bytes(key)))
    }

    /// Whether [`ShortWord::plain`] found it plain.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 >> 127 == 0
    }

    /// The two halves of a product of 128 bits, folded.
    #[inline]
    fn hash(self, [one, two]: [u64; 2]) -> u64 {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let product = u128::from(low ^ one) * u128::from(high ^ two);
        product as u64 ^ (product >> 64) as u64
    }
}

impl Entry {
    #[inline]
    fn is(&self, word: ShortWord) -> bool {
        u128::from_le_bytes(self.key) == word.0
    }

    fn is_short(&self) -> bool {
        self.key[15] != 0
    }

    fn of_long(start: usize, end: usize) -> Self {
        Self { key: (start as u128 | (end as u128) << 32).to_le_bytes(), count: 1 }
    }

    fn bytes<'a>(&'a self, long: &'a [u8]) -> &'a [u8] {
        if self.is_short() {
            return &self.key[..usize::from(self.key[15])];
        }
        let place = u128::from_le_bytes(self.key);
        &long[place as u32 as usize..(place >> 32) as u32 as usize]
    }
}

impl Default for Interner {
    fn default() -> Self {
        let state = RandomState::default();
        let seeds = [state.hash_one(1_u8), state.hash_one(2_u8)];
        Self {
            state,
            seeds,
            index: vec![0; INDEX_MIN],
            short_words: 0,
            long: HashTable::new(),
            bytes: Vec::new(),
            entries: vec![Entry::of_long(0, 0)],
            keys: Vec::new(),
            seen: Vec::new(),
        }
    }
}

impl Interner {
    /// Prepares for another chunk.
    pub(crate) fn begin(&mut self) {
        if self.entries.len() <= WORDS_KEPT && self.bytes.len() <= LONG_BYTES_KEPT {
            self.entries.iter_mut().for_each(|entry| entry.count = 0);
            return;
        }
        self.index.clear();
        self.index.resize(INDEX_MIN, 0);
        self.short_words = 0;
        self.long.clear();
        self.bytes.clear();
        self.entries.truncate(1);
    }

    /// Counts the word and returns its number.
    pub(crate) fn add(&mut self, word: &[u8]) -> u32 {
        match ShortWord::new(word) {
            Some(word) => self.add_short(word),
            None => self.add_long(word),
        }
    }

    /// The probable numbers of the words, for [`Interner::add_likely`].
    ///
    /// A rare word is in no near cache. Loops that do little else than load have many cache lines
    /// in flight at once, and afterwards everything that the batch needs is in the cache.
    #[inline]
    pub(crate) fn likely(&self, words: &[ShortWord; BATCH]) -> [u32; BATCH] {
        let last = self.index.len() - 1;
        let hashes = words.map(|word| word.hash(self.seeds) as u32);
        let likely = hashes.map(|hash| self.index[hash as usize & last]);
        let touch = |all, number: &u32| all | self.entries[*number as usize].count;
        black_box(likely.iter().fold(0, touch));
        likely
    }

    /// Counts the word if its number is `likely`.
    #[inline]
    pub(crate) fn add_likely(&mut self, word: ShortWord, likely: u32) -> bool {
        let entry = &mut self.entries[likely as usize];
        let is_it = entry.is(word);
        if is_it {
            entry.count += 1;
        }
        is_it
    }

    /// Counts the plain word and returns its number.
    pub(crate) fn add_short(&mut self, word: ShortWord) -> u32 {
        let last = self.index.len() - 1;
        let mut at = word.hash(self.seeds) as usize & last;
        while self.index[at] != 0 {
            let number = self.index[at];
            let entry = &mut self.entries[number as usize];
            if entry.is(word) {
                entry.count += 1;
                return number;
            }
            at = (at + 1) & last;
        }
        let number = self.entries.len() as u32;
        self.entries.push(Entry { key: word.0.to_le_bytes(), count: 1 });
        self.index[at] = number;
        self.short_words += 1;
        if self.short_words > self.index.len() / 4 * 3 {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let last = 2 * self.index.len() - 1;
        self.index.clear();
        self.index.resize(last + 1, 0);
        for (number, entry) in self.entries.iter().enumerate().filter(|(_, e)| e.is_short()) {
            let word = ShortWord(u128::from_le_bytes(entry.key));
            let mut at = word.hash(self.seeds) as usize & last;
            while self.index[at] != 0 {
                at = (at + 1) & last;
            }
            self.index[at] = number as u32;
        }
    }

    fn add_long(&mut self, word: &[u8]) -> u32 {
        let mut hasher = self.state.build_hasher();
        hasher.write(word);
        let half = hasher.finish() as u32;
        let (bytes, entries) = (&self.bytes, &self.entries);
        let same = |&(other, number): &(u32, u32)| {
            other == half && entries[number as usize].bytes(bytes) == word
        };
        if let Some((_, number)) = self.long.find(spread(half), same) {
            self.entries[*number as usize].count += 1;
            return *number;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(word);
        let number = self.entries.len() as u32;
        self.entries.push(Entry::of_long(start, self.bytes.len()));
        self.long.insert_unique(spread(half), (half, number), |(half, _)| spread(*half));
        number
    }

    /// All numbers are below this one.
    pub(crate) fn end(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all long words.
    pub(crate) fn long_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of a word.
    pub(crate) fn word(&self, number: u32) -> &[u8] {
        self.entries[number as usize].bytes(&self.bytes)
    }

    /// How often the word was added.
    pub(crate) fn count(&self, number: u32) -> u32 {
        self.entries[number as usize].count
    }

    /// Resets a word that this chunk does not have.
    pub(crate) fn forget(&mut self, number: u32) {
        self.entries[number as usize].count = 0;
    }

    /// Puts the numbers of the words of this chunk, in the order of their bytes, into `sorted`.
    pub(crate) fn sort(&mut self, sorted: &mut Vec<u32>) {
        let mut numbers = std::mem::take(&mut self.seen);
        numbers.clear();
        let end = self.end() as u32;
        numbers.extend((1..end).filter(|number| self.count(*number) > 0));
        self.sort_those(numbers.iter().copied(), sorted);
        self.seen = numbers;
    }

    /// Puts these numbers, in the order of their words' bytes, into `sorted`.
    pub(crate) fn sort_those(&mut self, numbers: impl Iterator<Item = u32>, sorted: &mut Vec<u32>) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        keys.extend(
            numbers.map(|number| u128::from(prefix(self.word(number))) << 32 | u128::from(number)),
        );
        keys.sort_unstable();
        sorted.clear();
        sorted.extend(keys.iter().map(|key| *key as u32));
        let mut first = 0;
        for same in keys.chunk_by(|one, two| one >> 32 == two >> 32) {
            let end = first + same.len();
            if same.len() > 1 {
                sorted[first..end].sort_unstable_by(|a, b| self.word(*a).cmp(self.word(*b)));
            }
            first = end;
        }
        self.keys = keys;
    }
}

/// The table uses the highest and the lowest bits of a hash.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

/// The first eight bytes as a number that sorts like them.
pub(crate) fn prefix(word: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = word.len().min(8);
    first[..len].copy_from_slice(&word[..len]);
    u64::from_le_bytes(first).swap_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_length_are_distinct() {
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
        words.extend((0..20_000).map(|n| format!("{n:x}").into_bytes()));
        words.sort();
        words.dedup();
        for _ in 0..2 {
            for (number, word) in words.iter().enumerate() {
                assert_eq!(interner.add(word), number as u32 + 1, "{word:?}");
            }
        }
        assert!((1..interner.end() as u32).all(|number| interner.count(number) == 2));
        let mut sorted = Vec::new();
        interner.sort(&mut sorted);
        let sorted: Vec<&[u8]> = sorted.iter().map(|number| interner.word(*number)).collect();
        assert_eq!(sorted, words);
    }

    #[test]
    fn words_are_counted_and_sorted() {
        let mut interner = Interner::default();
        for _ in 0..2 {
            interner.begin();
            let text = "b a b aaaaaaaab aaaaaaaa aaaaaaaab\u{0} a\u{0} b 한";
            let numbers: Vec<u32> =
                text.split(' ').map(|word| interner.add(word.as_bytes())).collect();
            assert_eq!(numbers, [1, 2, 1, 3, 4, 5, 6, 1, 7]);
            assert_eq!(interner.count(1), 3);
            let mut sorted = Vec::new();
            interner.sort(&mut sorted);
            let sorted: Vec<&[u8]> = sorted.iter().map(|number| interner.word(*number)).collect();
            let mut expected = sorted.clone();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
            assert_eq!(sorted.len(), 7);
        }
    }
}
