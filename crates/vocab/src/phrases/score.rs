//! What a pair of words is worth.
//!
//! | name | score of the pair a b | source |
//! |---|---|---|
//! | `default` | (n(ab) − δ) · N / (n(a) · n(b)), from 0 up | Mikolov et al. 2013, "Distributed Representations …", eq. 6 |
//! | `npmi` | ln(p(ab) / (p(a) · p(b))) / −ln p(ab), −1 to 1 | Bouma 2009, "Normalized (Pointwise) Mutual Information" |
//!
//! n counts, N is the number of all tokens, p = n / N, δ is `phrases.min_count`: a pair that stands less often has no score. The factor
//! N is that of the program word2phrase; with it a text and the same text twice have about the same scores.

use wordmill_kernels::real;

/// What a pair is scored by.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// How much more often the words meet than by chance, less δ.
    Default,
    /// Normalised pointwise mutual information.
    Npmi,
}

impl Score {
    /// The threshold where none is written.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Default => 100.0,
            Self::Npmi => 0.5,
        }
    }

    /// The name in `pipeline.toml`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Npmi => "npmi",
        }
    }

    /// The score of a pair that stands `both` times, in a text of `tokens`.
    pub(super) fn of(self, both: u64, [first, second]: [u64; 2], delta: u64, tokens: u64) -> f64 {
        let [both, first, second, delta, tokens] =
            [both, first, second, delta, tokens].map(|n| n as f64);
        if both < delta {
            return f64::NEG_INFINITY;
        }
        match self {
            Self::Default => (both - delta) / first / second * tokens,
            Self::Npmi => {
                let [p_both, p_first, p_second] = [both, first, second].map(|n| n / tokens);
                real::ln(p_both / (p_first * p_second)) / -real::ln(p_both)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_formulas() {
        assert_eq!(Score::Default.of(15, [20, 50], 5, 1000), 10.0);
        assert_eq!(Score::Default.of(5, [20, 50], 5, 1000), 0.0);
        assert_eq!(Score::Default.of(4, [20, 50], 5, 1000), f64::NEG_INFINITY);
        // Words that only stand together, of which there are few: ln(1 / p) / −ln p.
        assert!((Score::Npmi.of(10, [10, 10], 5, 1000) - 1.0).abs() < 1e-12);
        // As often as chance has it.
        assert!(Score::Npmi.of(10, [100, 100], 5, 1000).abs() < 1e-12);
        assert!(Score::Npmi.of(5, [100, 100], 5, 1000) < 0.0);
    }
}
