//! Scores of pairs of words.
//!
//! | name | score of the pair a b | source |
//! |---|---|---|
//! | `default` | (n(ab) − δ) · N / (n(a) · n(b)), from 0 up | Mikolov et al. 2013, "Distributed Representations …", eq. 6 |
//! | `npmi` | ln(p(ab) / (p(a) · p(b))) / −ln p(ab), −1 to 1 | Bouma 2009, "Normalized (Pointwise) Mutual Information" |
//!
//! n counts, N is the number of all tokens, p = n / N, δ is `phrases.min_count`: a rarer pair has no score. The factor
//! N is that of the program word2phrase; with it, a text and the same text twice have about the same scores.

use wordmill_kernels::real;

/// How a pair is scored.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// How much more often the words occur side by side than by chance, less δ.
    Default,
    /// Normalised pointwise mutual information.
    Npmi,
}

/// Counts of a pair and its words in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairCount {
    /// The two side by side.
    pub both: u64,
    /// The first word.
    pub first: u64,
    /// The second word.
    pub second: u64,
    /// All tokens.
    pub tokens: u64,
}

impl Score {
    /// The default threshold.
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

    /// The score of a pair; `None` if it occurs less often than `delta`.
    pub(super) fn of(self, pair: PairCount, delta: u64) -> f64 {
        let PairCount { both, first, second, tokens } = pair;
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

    fn score(score: Score, both: u64, first: u64, second: u64) -> f64 {
        score.of(PairCount { both, first, second, tokens: 1000 }, 5)
    }

    #[test]
    fn scores_are_those_of_the_formulas() {
        assert_eq!(score(Score::Default, 15, 20, 50), 10.0);
        assert_eq!(score(Score::Default, 5, 20, 50), 0.0);
        assert_eq!(score(Score::Default, 4, 20, 50), f64::NEG_INFINITY);
        // Words that only occur together, and rarely: ln(1 / p) / −ln p.
        assert!((score(Score::Npmi, 10, 10, 10) - 1.0).abs() < 1e-12);
        // As often as by chance.
        assert!(score(Score::Npmi, 10, 100, 100).abs() < 1e-12);
        assert!(score(Score::Npmi, 5, 100, 100) < 0.0);
    }
}
