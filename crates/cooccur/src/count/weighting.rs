//! Weights of pairs: whole numbers by distance.
//!
//! | weighting | weight at distance d in a window W | unit | source |
//! |---|---|---|---|
//! | `linear` | (W − d + 1) / W | W | word2vec's random shrinking window, in expectation (Mikolov et al. 2013) |
//! | `harmonic` | 1 / d | lcm(1..=W), at most lcm(1..=20) | GloVe (Pennington et al. 2014, §4.2) |
//! | `flat` | 1 | 1 | |
//!
//! For `harmonic` windows beyond 20 the least common multiple would leave no headroom for sums, so 1
//! / d is rounded to the nearest multiple of 1 / 232 792 560: a relative error below 6 · 10⁻⁷ up to
//! W = 255, and deterministic, too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::CooccurError;

/// How weight falls with distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// (W − d + 1) / W.
    Linear,
    /// 1 / d.
    Harmonic,
    /// 1.
    Flat,
}

/// Which neighbours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Sides {
    /// Both: the matrix is symmetric.
    Both,
    /// Only words to the left of the row's word.
    Left,
}

/// Whether a word outside the vocabulary keeps its place in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dropped {
    /// It leaves no gap, as in GloVe and word2vec.
    Close,
    /// Its place stays, so distances are those of the text.
    Gap,
}

/// A window: its width, weights and sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowConfig {
    /// Number of words on each side.
    #[schemars(range(min = 1, max = 255))]
    pub window: u8,
    /// How weight falls with distance.
    pub weighting: Weighting,
    /// `true` counts the words on both sides, `false` only those to the left.
    #[serde(rename = "symmetric")]
    #[schemars(with = "bool")]
    pub sides: Sides,
    /// Whether a word outside the vocabulary keeps its place in the window.
    pub dropped: Dropped,
}

impl From<bool> for Sides {
    fn from(is_symmetric: bool) -> Self {
        if is_symmetric { Self::Both } else { Self::Left }
    }
}

impl From<Sides> for bool {
    fn from(sides: Sides) -> Self {
        sides == Sides::Both
    }
}

/// lcm(1..=20).
const LARGEST_UNIT: u64 = 232_792_560;

impl WindowConfig {
    /// How many units a weight of 1 has.
    pub fn unit(&self) -> u64 {
        match self.weighting {
            Weighting::Linear => u64::from(self.window),
            Weighting::Flat => 1,
            Weighting::Harmonic => {
                let multiples = (1..=u64::from(self.window).min(20)).fold(1, lcm);
                multiples.min(LARGEST_UNIT)
            }
        }
    }

    /// Weights in units at distances 1, 2, …, window.
    pub fn weights(&self) -> Vec<u64> {
        let (window, unit) = (u64::from(self.window), self.unit());
        let weight = |distance: u64| match self.weighting {
            Weighting::Linear => window - distance + 1,
            Weighting::Flat => 1,
            Weighting::Harmonic => (unit + distance / 2) / distance,
        };
        (1..=window).map(weight).collect()
    }

    /// Fails if the sum of all weights of a corpus of `tokens` words might not fit into 64 bits.
    pub fn check_total(&self, tokens: u64) -> Result<(), CooccurError> {
        let all: u64 = self.weights().iter().sum();
        match all.checked_mul(2).and_then(|all| all.checked_mul(tokens)) {
            Some(_) => Ok(()),
            None => Err(CooccurError::Config {
                key: "cooccur.window",
                what: format!(
                    "{tokens} words in windows of {} overflow 64 bits; choose a smaller window or \
                     another weighting",
                    self.window
                ),
            }),
        }
    }
}

fn lcm(a: u64, b: u64) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    a / gcd(a, b) * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(weighting: Weighting, window: u8, unit: u64, weights: &[u64]) {
        let config =
            WindowConfig { window, weighting, sides: Sides::Both, dropped: Dropped::Close };
        assert_eq!(config.unit(), unit);
        assert_eq!(config.weights()[..weights.len()], *weights);
        assert_eq!(config.weights().len(), usize::from(window));
    }

    #[test]
    fn weights_are_whole_numbers_of_units() {
        check(Weighting::Linear, 5, 5, &[5, 4, 3, 2, 1]);
        check(Weighting::Flat, 3, 1, &[1, 1, 1]);
        check(Weighting::Harmonic, 5, 60, &[60, 30, 20, 15, 12]);
        check(Weighting::Harmonic, 10, 2520, &[2520, 1260, 840]);
        check(Weighting::Harmonic, 15, 360_360, &[360_360, 180_180]);
        check(Weighting::Harmonic, 255, LARGEST_UNIT, &[LARGEST_UNIT]);
    }

    #[test]
    fn an_overflowing_corpus_is_refused() {
        let config = WindowConfig {
            window: 20,
            weighting: Weighting::Harmonic,
            sides: Sides::Both,
            dropped: Dropped::Close,
        };
        assert!(config.check_total(1 << 32).is_ok());
        assert!(config.check_total(1 << 40).is_err());
    }
}
