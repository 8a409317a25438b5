//! Random numbers and hashes by splitmix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
//!
//! It uses only whole numbers, so every function returns the same bits on every machine. Artefacts depend on these
//! bits: no constant and no shift may change. Terms: the *finaliser* scrambles 64 bits; a *hash* of a number is the
//! finaliser of the number and the increment; a *stream* counts in increments and returns the finaliser of each count.
//!
//! | function | for |
//! |---|---|
//! | [`finalize`] | keys that are already sums: the order of cells in tiles, digests of cells |
//! | [`hash`] | seeds and keys, one folded into the next: `hash(seed ^ hash(part))` |
//! | [`at`] | one number of a stream without those before it: dropped occurrences of words |
//! | [`SplitMix64`] | many numbers one after another, if speed matters more than quality: the bootstrap, tests |
//!
//! Streams of training (xoshiro256++ seeded by a [`hash`]) belong to `train`.

/// The increment of a stream: 2⁶⁴ divided by the golden ratio, made odd.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of splitmix64, variant 13 of Stafford's mixers (2011): a bijection, so no two numbers collide. It maps 0 to 0.
#[inline]
#[must_use]
pub fn finalize(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The hash of a number: the first output of the stream that is seeded with it.
#[inline]
#[must_use]
pub fn hash(value: u64) -> u64 {
    finalize(value.wrapping_add(INCREMENT))
}

/// Output `number`, from 1, of the stream that is seeded with `seed`.
#[inline]
#[must_use]
pub fn at(seed: u64, number: u64) -> u64 {
    finalize(seed.wrapping_add(number.wrapping_mul(INCREMENT)))
}

/// A stream; its field is the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(INCREMENT);
        finalize(self.0)
    }

    /// Uniform below `limit`: the high half of a product (Lemire 2019), with a bias below `limit` / 2⁶⁴.
    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // Vigna's splitmix64.c with the seed 1234567.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        let mut stream = SplitMix64(1_234_567);
        assert_eq!(expected.map(|_| stream.bits()), expected);
        for (number, bits) in (1..).zip(expected) {
            assert_eq!(at(1_234_567, number), bits);
        }
        assert_eq!([hash(1_234_567), finalize(0)], [expected[0], 0]);
    }

    #[test]
    fn draws_stay_below_their_limit() {
        let mut stream = SplitMix64(1);
        let mut counts = [0; 7];
        (0..7000).for_each(|_| counts[stream.below(7) as usize] += 1);
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
    }
}
