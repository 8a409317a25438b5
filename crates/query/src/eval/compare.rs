//! Compares two vectors files on one set: which is better, and how likely is the difference by
//! chance?
//!
//! Only questions that both files were asked count. Analogies use McNemar's exact test (1947): of the questions that
//! only one file answers correctly, chance would give half to each. For similarity, pairs are resampled for both files
//! at once; p is twice the share of draws in which the difference has the opposite sign.

use std::collections::HashMap;

use super::bootstrap::{middle, scores};
use super::report::{Comparison, EvalReport};
use super::similarity::spearman;

/// Compares each report with the first one, set by set.
pub fn compare(reports: &[EvalReport], seed: u64) -> Vec<Comparison> {
    let Some((first, others)) = reports.split_first() else {
        return Vec::new();
    };
    let sets = first.analogies.len() + first.similarity.len();
    let each = |at: usize| {
        others.iter().map(move |other| match at.checked_sub(first.analogies.len()) {
            None => analogies(first, other, at, seed),
            Some(at) => similarity(first, other, at, seed),
        })
    };
    (0..sets).flat_map(each).collect()
}

fn analogies(first: &EvalReport, other: &EvalReport, at: usize, seed: u64) -> Comparison {
    let (one, two) = (&first.analogies[at], &other.analogies[at]);
    let known: HashMap<u64, bool> = one.outcomes.iter().copied().collect();
    let both = two.outcomes.iter();
    let both = both.filter_map(|(number, right)| Some((*known.get(number)?, *right)));
    let differences: Vec<i8> = both.map(|(one, two)| i8::from(two) - i8::from(one)).collect();
    let mean = |some: &[i8]| {
        let sum: i64 = some.iter().map(|&it| i64::from(it)).sum();
        (!some.is_empty()).then(|| sum as f64 / some.len() as f64)
    };
    let of = |value: i8| differences.iter().filter(|it| **it == value).count() as u64;
    Comparison {
        set: one.set.clone(),
        kind: "analogies",
        first: first.vectors.clone(),
        other: other.vectors.clone(),
        common: differences.len() as u64,
        difference: mean(&differences),
        interval: scores(&differences, seed, mean).map(|scores| middle(&scores)),
        p: mean(&differences).map(|_| mcnemar(of(-1), of(1))),
    }
}

/// McNemar's exact test: the two-sided binomial probability of a split at least as uneven as this.
fn mcnemar(one: u64, two: u64) -> f64 {
    let (all, less) = (one + two, one.min(two));
    // ln C(all, k) − all · ln 2, term by term from k = 0.
    let mut log = -(all as f64) * 2f64.ln();
    let mut sum = log.exp();
    for k in 1..=less {
        log += ((all - k + 1) as f64 / k as f64).ln();
        sum += log.exp();
    }
    (2.0 * sum).min(1.0)
}

fn similarity(first: &EvalReport, other: &EvalReport, at: usize, seed: u64) -> Comparison {
    let (one, two) = (&first.similarity[at], &other.similarity[at]);
    let both = one.pairs_scored.iter().zip(&two.pairs_scored);
    let common: Vec<[f64; 3]> = both
        .filter_map(|(one, two)| one.zip(*two))
        .map(|((score, one), (_, two))| [score, one, two])
        .collect();
    let difference = |some: &[[f64; 3]]| {
        let column = |at: usize| some.iter().map(|row| row[at]).collect::<Vec<f64>>();
        let people = column(0);
        Some(spearman(&people, &column(2))? - spearman(&people, &column(1))?)
    };
    let drawn = scores(&common, seed, difference);
    let p = drawn.as_ref().map(|drawn| {
        let below = drawn.iter().filter(|it| **it <= 0.0).count();
        let above = drawn.iter().filter(|it| **it >= 0.0).count();
        (2.0 * below.min(above).max(1) as f64 / drawn.len() as f64).min(1.0)
    });
    Comparison {
        set: one.set.clone(),
        kind: "similarity",
        first: first.vectors.clone(),
        other: other.vectors.clone(),
        common: common.len() as u64,
        difference: difference(&common),
        interval: drawn.map(|drawn| middle(&drawn)),
        p,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uneven_splits_are_improbable() {
        // Sums of binomial coefficients by hand: 2 · (1 + 10) / 2¹⁰; 2 · (1 + 8 + 28 + 56) / 2⁸.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((mcnemar(5, 3) - 186.0 / 256.0).abs() < 1e-12);
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(7, 7), 1.0);
        assert!(mcnemar(2000, 2400) < 1e-8 && mcnemar(20_000, 20_100) > 0.5);
    }
}
