//! Hashes of lines that can be combined from hashes of their parts.
//!
//! A word has two values in 1 .. p, p = 2⁶¹ − 1, one from each half of its 128-bit XXH3. A line is a polynomial in a
//! *base* with the values of its words as coefficients, modulo p (Karp & Rabin 1987), once for each half with its own
//! base. So H(xy) = H(x) · base^|y| + H(y), and a line that is cut anywhere has the hash of the uncut line.
//!
//! Two different lines of at most n words have the same hash with a probability of about (n / p)²; two words have the
//! same values with one of 2⁻¹²². Among 10¹⁰ distinct lines of at most 1,000 words, the probability of any collision is
//! 10⁻¹¹. The bases are fixed, so this is no protection against lines constructed to collide.

use xxhash_rust::xxh3::xxh3_128;

/// 2⁶¹ − 1, which is prime.
const PRIME: u64 = (1 << 61) - 1;
/// The base of each half: an arbitrary number below the prime.
const BASES: [u64; 2] = [0x0f1b_3c6e_a94d_5287, 0x1a7d_905f_83c2_e64b];

/// The key of a line in comparisons: a value of each half.
pub(super) type Key = [u64; 2];

/// The values of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WordHash([u64; 2]);

/// The hash of a line, or of a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineHash {
    key: Key,
    words: u64,
}

impl WordHash {
    /// The values of a word from its bytes.
    pub fn of(word: &[u8]) -> Self {
        let hash = xxh3_128(word);
        // No value is 0, or the word would be lost at the beginning of a line.
        Self([hash as u64, (hash >> 64) as u64].map(|half| half % (PRIME - 1) + 1))
    }
}

impl LineHash {
    /// A hash read from a file.
    pub fn new(key: Key, words: u64) -> Self {
        Self { key, words }
    }

    /// The value of each half.
    pub fn key(self) -> Key {
        self.key
    }

    /// The number of its words.
    pub fn words(self) -> u64 {
        self.words
    }

    /// Appends a word.
    #[inline]
    pub fn push(&mut self, word: WordHash) {
        for ((half, base), value) in self.key.iter_mut().zip(BASES).zip(word.0) {
            *half = sum(product(*half, base), value);
        }
        self.words += 1;
    }

    /// The hash of this part followed by the next one.
    pub fn then(self, next: Self) -> Self {
        let half = |half: usize| {
            sum(product(self.key[half], power(BASES[half], next.words)), next.key[half])
        };
        Self { key: [half(0), half(1)], words: self.words + next.words }
    }
}

/// Which of 2^`bits` ranges of equal size a key is in.
pub(super) fn range_of(key: Key, bits: u32) -> u32 {
    (key[0] >> (61 - bits)) as u32
}

#[inline]
fn sum(a: u64, b: u64) -> u64 {
    reduced(a + b)
}

/// Reduces the product of two numbers below the prime: bits from the 61st on count as much as those
/// below.
#[inline]
fn product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    reduced((product as u64 & PRIME) + (product >> 61) as u64)
}

/// Reduces a number below twice the prime.
#[inline]
fn reduced(number: u64) -> u64 {
    if number >= PRIME { number - PRIME } else { number }
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut square, mut power) = (base, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = product(power, square);
        }
        square = product(square, square);
        exponent >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    fn of(words: &[WordHash]) -> LineHash {
        let mut hash = LineHash::default();
        words.iter().for_each(|word| hash.push(*word));
        hash
    }

    #[test]
    fn numbers_are_those_of_long_arithmetic() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let edges = [0, 1, 2, PRIME - 1, PRIME - 2, 1 << 60, (1 << 60) - 1];
        let some: Vec<u64> = (0..200).map(|_| random.next_u64() % PRIME).chain(edges).collect();
        for a in &some {
            for b in &some {
                let wide = |n: u128| (n % u128::from(PRIME)) as u64;
                assert_eq!(product(*a, *b), wide(u128::from(*a) * u128::from(*b)), "{a} · {b}");
                assert_eq!(sum(*a, *b), wide(u128::from(*a) + u128::from(*b)), "{a} + {b}");
            }
        }
        // Fermat's little theorem.
        assert!(BASES.iter().all(|base| *base < PRIME && power(*base, PRIME - 1) == 1));
    }

    #[test]
    fn joined_parts_have_the_hash_of_the_whole() {
        for seed in 0..300 {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut roll = |limit: u64| random.next_u64() % limit;
            let len = roll(40);
            let words: Vec<WordHash> =
                (0..len).map(|_| WordHash::of(&roll(5).to_le_bytes())).collect();
            let whole = of(&words);
            assert_eq!(whole.words(), len);
            let (mut joined, mut at) = (LineHash::default(), 0);
            while at < words.len() {
                let end = (at + roll(7) as usize).min(words.len());
                joined = joined.then(of(&words[at..end]));
                at = end;
            }
            assert_eq!(joined, whole, "seed {seed}");
            // The definition: sum of value · base^(number of words after it).
            for (half, base) in BASES.into_iter().enumerate() {
                let terms = words.iter().zip((0..len).rev());
                let term =
                    |(word, behind): (&WordHash, u64)| product(word.0[half], power(base, behind));
                let direct = terms.map(term).fold(0, sum);
                assert_eq!(whole.key()[half], direct, "seed {seed}, half {half}");
            }
        }
    }

    #[test]
    fn order_number_and_words_distinguish_lines() {
        let [a, b] = [b"a", b"b"].map(|word| WordHash::of(word));
        let lines: [&[WordHash]; 9] =
            [&[], &[a], &[b], &[a, a], &[a, b], &[b, a], &[b, b], &[a, a, a], &[a, a, b]];
        let keys: std::collections::BTreeSet<Key> = lines.iter().map(|l| of(l).key()).collect();
        assert_eq!(keys.len(), lines.len());
    }

    #[test]
    fn ranges_are_of_equal_size_and_in_bounds() {
        assert_eq!([0, PRIME - 1].map(|first| range_of([first, 0], 3)), [0, 7]);
        assert_eq!(range_of([PRIME - 1, 0], 0), 0);
        assert_eq!(range_of([PRIME / 2 + 1, 0], 12), 1 << 11);
    }
}
