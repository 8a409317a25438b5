//! The bootstrap (Efron 1979): how much a score varies between sets of questions of the same kind.
//!
//! Questions are drawn with replacement, a thousand times; the interval contains the middle 95 % of the scores. It
//! covers only the variation from the choice of questions. Vectors trained with another seed may differ by more, and
//! questions that share words vary less than the bootstrap assumes.

use wordmill_kernels::random::SplitMix64;

/// Number of resampled sets.
const DRAWS: usize = 1000;

/// The scores of sets resampled from `items`, in ascending order. `None` if there are no items or if a draw has no
/// score.
pub(super) fn scores<T: Copy>(
    items: &[T],
    seed: u64,
    score: impl Fn(&[T]) -> Option<f64>,
) -> Option<Vec<f64>> {
    if items.len() < 2 {
        return None;
    }
    let mut stream = SplitMix64(seed);
    let mut drawn = Vec::with_capacity(items.len());
    let mut scores = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        drawn.clear();
        drawn.extend((0..items.len()).map(|_| items[stream.below(items.len() as u64) as usize]));
        // A draw in which all values are equal has no rank correlation. This happens only in tiny
        // sets.
        scores.push(score(&drawn)?);
    }
    scores.sort_unstable_by(f64::total_cmp);
    Some(scores)
}

/// The interval that contains the middle 95 % of sorted scores.
pub(super) fn middle(scores: &[f64]) -> [f64; 2] {
    let cut = scores.len() / 40;
    [scores[cut], scores[scores.len() - 1 - cut]]
}

/// The interval of a share of right answers.
pub(super) fn share_interval(right: &[bool], seed: u64) -> Option<[f64; 2]> {
    let share = |drawn: &[bool]| {
        Some(drawn.iter().filter(|right| **right).count() as f64 / drawn.len() as f64)
    };
    scores(right, seed, share).map(|scores| middle(&scores))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_shares_are_those_of_the_normal_limit() {
        // 300 of 1000: deviation √(0.3 · 0.7 / 1000) = 0.0145, 1.96 of it on each side.
        let right: Vec<bool> = (0..1000).map(|at| at % 10 < 3).collect();
        let [low, high] = share_interval(&right, 5).unwrap();
        assert!((low - 0.2716).abs() < 0.004 && (high - 0.3284).abs() < 0.004, "{low} {high}");
        assert_eq!(share_interval(&right, 5), Some([low, high]), "one seed, one interval");
        assert_eq!(share_interval(&[true; 9], 1), Some([1.0, 1.0]));
        assert_eq!(share_interval(&[true], 1), None);
    }
}
