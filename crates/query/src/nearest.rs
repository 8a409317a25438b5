//! The nearest rows of words, and of sums and differences of words, by an exact scan of cosines.

use wordmill_formats::Vectors;
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::rows::{Rows, Which, normalize};
use crate::search::{Answers, Judge, Search};

/// The rounding error that a sum of zero may have, per term: each number below 1 is rounded by up to 2^-24.
const ROUNDING: f32 = 1e-6;

/// The `n` rows of the highest cosine with Σ positive − Σ negative, each word scaled to length 1
/// first. The words themselves are left out; ties go to the lower id; a row of zeros has cosine 0.
///
/// # Errors
/// If the model has no such vectors, or if the sum is zero and thus has no direction.
///
/// # Panics
/// If an id has no row.
pub fn nearest(
    vectors: &Vectors,
    which: Which,
    positive: &[usize],
    negative: &[usize],
    n: usize,
    threads: usize,
) -> Result<Answers, QueryError> {
    let rows = Rows::new(vectors, which)?;
    let search = Search { rows: &rows, among: rows.len(), judge: Judge::Cosine, n, threads };
    let query = direction(&rows, positive, negative);
    if query.iter().all(|x| *x == 0.0) {
        return Err(QueryError::zero(vectors, positive.iter().chain(negative)));
    }
    let asked = positive.iter().chain(negative).copied().collect();
    Ok(search.answers(&query, &[asked]).remove(0))
}

/// The `n` nearest rows of each of several words, computed as one matrix product; none for a word whose row is
/// all zeros.
///
/// # Errors
/// If the model has no such vectors.
///
/// # Panics
/// If an id has no row.
pub fn nearest_each(
    vectors: &Vectors,
    which: Which,
    ids: &[usize],
    n: usize,
    threads: usize,
) -> Result<Vec<Answers>, QueryError> {
    let rows = Rows::new(vectors, which)?;
    let search = Search { rows: &rows, among: rows.len(), judge: Judge::Cosine, n, threads };
    let queries: Vec<f32> = ids.iter().flat_map(|&id| rows.unit(id, best())).collect();
    let asked: Vec<Vec<usize>> = ids.iter().map(|&id| vec![id]).collect();
    let mut answers = search.answers(&queries, &asked);
    for (found, query) in answers.iter_mut().zip(queries.chunks(rows.dim())) {
        if query.iter().all(|x| *x == 0.0) {
            found.clear();
        }
    }
    Ok(answers)
}

/// Σ positive − Σ negative of rows scaled to length 1, itself scaled to length 1; zeros if only a rounding error is
/// left.
pub(crate) fn direction(rows: &Rows<'_>, positive: &[usize], negative: &[usize]) -> Vec<f32> {
    let kernels = best();
    let mut query = vec![0.0; rows.dim()];
    for (ids, sign) in [(positive, 1.0), (negative, -1.0)] {
        for &id in ids {
            kernels.axpy(sign, &rows.unit(id, kernels), &mut query);
        }
    }
    let terms = (positive.len() + negative.len()) as f32;
    if kernels.dot(&query, &query).sqrt() <= ROUNDING * terms {
        query.fill(0.0);
    }
    normalize(&mut query, kernels);
    query
}

/// The cosine of two rows in f64; 0 if one of them is all zeros.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let both = a.iter().zip(b);
        both.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / norms;
    if cosine.is_finite() { cosine } else { 0.0 }
}
