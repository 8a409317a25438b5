//! Random streams: one for each unit of work, keyed by (seed, unit), never by thread.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use wordmill_kernels::random::hash;

/// The stream of a unit of work.
pub(crate) struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The stream of `seed` for the unit named by `key`.
    pub fn new(seed: u64, key: &[u64]) -> Self {
        let state = key.iter().fold(hash(seed), |state, &part| hash(state ^ hash(part)));
        Self(Xoshiro256PlusPlus::seed_from_u64(state))
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 24 bits.
    #[inline]
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform below `limit` (Lemire's multiplication; the bias is below 2⁻³²).
    #[inline]
    pub fn below(&mut self, limit: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// A random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = match u32::try_from(last + 1) {
                Ok(limit) => self.below(limit) as usize,
                Err(_) => (self.bits() % (last as u64 + 1)) as usize,
            };
            items.swap(last, chosen);
        }
    }
}

/// Draws indices in proportion to weights in constant time (Walker 1977; Vose 1991).
///
/// A slot is 8 bytes: a threshold and the index that applies above it.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    slots: Vec<(u32, u32)>,
}

impl Alias {
    /// A table of non-negative weights with a positive sum.
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let scale = weights.len() as f64 / total;
        let mut share: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for (index, &share) in share.iter().enumerate() {
            if share < 1.0 { small.push(index) } else { large.push(index) }
        }
        let mut slots: Vec<(u32, u32)> = (0..weights.len()).map(|i| (u32::MAX, i as u32)).collect();
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            slots[poor] = ((share[poor] * 4_294_967_296.0) as u32, rich as u32);
            share[rich] -= 1.0 - share[poor];
            if share[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { slots }
    }

    /// Bytes of a table of `slots` slots.
    pub fn bytes(slots: u64) -> u64 {
        8 * slots
    }

    /// A random index.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u32 {
        let bits = stream.bits();
        let slot = (((bits >> 32) * self.slots.len() as u64) >> 32) as u32;
        let (threshold, alias) = self.slots[slot as usize];
        if (bits as u32) < threshold { slot } else { alias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_table_draws_in_proportion() {
        let weights = [0.0, 1.0, 5.0, 0.5, 100.0, 3.5];
        let table = Alias::new(&weights);
        let mut stream = Stream::new(1, &[2]);
        let draws = 2_200_000;
        let mut counts = [0u32; 6];
        (0..draws).for_each(|_| counts[table.draw(&mut stream) as usize] += 1);
        for (weight, count) in weights.iter().zip(counts) {
            let expected = weight / 110.0 * f64::from(draws);
            assert!((f64::from(count) - expected).abs() <= 6.0 * expected.sqrt(), "{counts:?}");
        }
    }

    #[test]
    fn streams_differ_by_key_and_repeat() {
        let bits = |seed, key: &[u64]| Stream::new(seed, key).bits();
        assert_eq!(bits(1, &[2, 3]), bits(1, &[2, 3]));
        assert_ne!(bits(1, &[2, 3]), bits(1, &[3, 2]));
        assert_ne!(bits(1, &[2, 3]), bits(2, &[2, 3]));
    }
}
