//! The nearest rows of a query: an exact scan of all of them, by cosine.

use std::collections::BTreeSet;

use wordmill_formats::Vectors;
use wordmill_kernels::{Kernels, best};

use crate::error::QueryError;
use crate::rows::{Rows, Which, inverse_norms, normalize};
use crate::threads::over_blocks;
use crate::top::Top;

/// The `n` rows of the highest cosine with Σ positive − Σ negative, each word scaled to length 1
/// first. The words themselves are left out; ties go to the lower id; a row of zeros has cosine 0.
///
/// # Errors
/// Where the model has no such vectors.
///
/// # Panics
/// Where an id has no row.
pub fn nearest(
    vectors: &Vectors,
    which: Which,
    positive: &[usize],
    negative: &[usize],
    n: usize,
    threads: usize,
) -> Result<Vec<(usize, f32)>, QueryError> {
    let rows = Rows::new(vectors, which)?;
    let kernels = best();
    let mut query = vec![0.0; rows.dim()];
    for (ids, sign) in [(positive, 1.0), (negative, -1.0)] {
        for &id in ids {
            kernels.axpy(sign, &rows.unit(id, kernels), &mut query);
        }
    }
    normalize(&mut query, kernels);
    let asked = positive.iter().chain(negative).copied().collect();
    Ok(scan(&rows, &query, &asked, n, threads, |cosines| cosines[0]))
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

/// What a thread keeps while it scans.
struct Scan {
    top: Top,
    sums: Vec<f32>,
    scores: Vec<f32>,
    norms: Vec<f32>,
}

/// The `n` rows that `judge` likes best, given their cosines with each of the unit queries, which
/// stand one after another. Rows in `left_out` are passed over.
pub(crate) fn scan(
    rows: &Rows<'_>,
    queries: &[f32],
    left_out: &BTreeSet<usize>,
    n: usize,
    threads: usize,
    judge: impl Fn(&[f32]) -> f32 + Sync,
) -> Vec<(usize, f32)> {
    let (kernels, block_rows) = (best(), rows.block_rows());
    let start = || Scan {
        // One room for each row that is left out is never needed, but costs nothing either.
        top: Top::new(n.min(rows.len())),
        sums: Vec::new(),
        scores: Vec::new(),
        norms: Vec::new(),
    };
    let work = |state: &mut Scan, block: usize| {
        let first = block * block_rows;
        let span = first..(first + block_rows).min(rows.len());
        let block = rows.block(span, &mut state.sums);
        inverse_norms(block, rows.dim(), kernels, &mut state.norms);
        scores(kernels, queries, block, rows.dim(), &mut state.scores);
        let count = state.norms.len();
        let mut cosines = vec![0.0; queries.len() / rows.dim()];
        for (at, &inverse) in state.norms.iter().enumerate() {
            for (query, cosine) in cosines.iter_mut().enumerate() {
                *cosine = finite(state.scores[query * count + at] * inverse);
            }
            let id = first + at;
            if !left_out.contains(&id) {
                state.top.offer(id, judge(&cosines));
            }
        }
    };
    let states = over_blocks(threads, rows.len().div_ceil(block_rows), start, work);
    Top::merge(states.into_iter().map(|state| state.top).collect())
}

/// Every query against every row.
fn scores(kernels: &Kernels, queries: &[f32], block: &[f32], dim: usize, out: &mut Vec<f32>) {
    let count = block.len() / dim;
    out.resize(count * (queries.len() / dim), 0.0);
    match queries.len() == dim {
        true => kernels.scores(queries, block, dim, out),
        false => kernels.scores_many(queries, block, dim, out),
    }
}

/// Rows of zeros, and damaged ones, are like nothing.
fn finite(cosine: f32) -> f32 {
    if cosine.is_finite() { cosine } else { 0.0 }
}
