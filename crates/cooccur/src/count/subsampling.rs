//! Subsampling of frequent words before windows are formed, as in word2vec (Mikolov et al. 2013).
//!
//! A dropped word leaves no gap, so the words around it become neighbours: a window of 5 reaches over
//! 6.5 words of English, and further where the text is full of frequent words. Multiplying cells by
//! keep(i) · keep(j) after counting gives the same number of pairs, but not the same pairs.
//!
//! Skip-gram with negative sampling on 22 million tokens of English, dimension 100, 5 epochs, means of 3
//! seeds (Google analogies, WordSim-353, SimLex-999, RG-65): 42.0, 65.5, 27.7, 62.2 with four samples,
//! 41.5, 63.7, 28.8, 62.6 with cells multiplied after counting. Counting takes three times as long. One
//! sample (one seed): 42.5, 65.1, 28.0, 57.0.
//!
//! The expectation over all samples has no closed form in whole numbers, so the text is subsampled
//! several times and all samples are counted; a pair of weight 1 has that many more units. Whether an
//! occurrence stays depends on the seed, the sample, its shard and its place there, so any thread can
//! compute it, in any order.

use wordmill_kernels::random::{at, finalize};

/// Which occurrences of a text are kept, and how often it is sampled.
#[derive(Clone, Debug)]
pub struct Subsampling {
    /// For each word: an occurrence stays if 32 random bits are below this.
    limits: Vec<u64>,
    seed: u64,
    samples: u32,
}

/// The occurrences of one shard in one sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardSubsampling<'a> {
    limits: &'a [u64],
    key: u64,
}

impl Subsampling {
    /// Keeps an occurrence of word i with probability `keep[i]`, in each of this many samples.
    pub fn new(keep: &[f32], seed: u64, samples: u32) -> Self {
        let limit = |&keep: &f32| (f64::from(keep).clamp(0.0, 1.0) * 4_294_967_296.0) as u64;
        Self { limits: keep.iter().map(limit).collect(), seed, samples: samples.max(1) }
    }

    /// Number of samples of the text.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Shard `shard` in sample `sample`.
    pub(crate) fn of_shard(&self, sample: u64, shard: u64) -> ShardSubsampling<'_> {
        ShardSubsampling {
            limits: &self.limits,
            key: finalize(self.seed ^ finalize(sample << 32 ^ finalize(shard))),
        }
    }
}

impl ShardSubsampling<'_> {
    /// Whether the occurrence of `word` at `item`, the number of the token in its shard, stays.
    #[inline]
    pub fn keeps(&self, word: u32, item: u64) -> bool {
        let limit = self.limits[word as usize];
        limit >> 32 > 0 || at(self.key, item) >> 32 < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_as_often_as_they_should() {
        let keep = [0.0, 0.1, 0.75, 1.0];
        let thinning = Subsampling::new(&keep, 7, 2);
        let draws = 100_000;
        for (word, keep) in (0u32..).zip(keep) {
            for (sample, shard) in [(0, 0), (1, 0), (0, 1)] {
                let thin = thinning.of_shard(sample, shard);
                let kept = (0..draws).filter(|&item| thin.keeps(word, item)).count() as f64;
                let expected = f64::from(keep) * draws as f64;
                let error = 6.0 * (expected * f64::from(1.0 - keep)).sqrt();
                assert!((kept - expected).abs() <= error, "{word}: {kept}");
            }
        }
        let draws = |sample, shard| {
            let thin = thinning.of_shard(sample, shard);
            (0..64).map(|item| thin.keeps(2, item)).collect::<Vec<_>>()
        };
        assert_ne!(draws(0, 0), draws(1, 0));
        assert_ne!(draws(0, 0), draws(0, 1));
        assert_ne!(draws(1, 0), draws(0, 1));
    }
}
