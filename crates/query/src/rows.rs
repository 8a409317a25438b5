//! Reads the rows that a question is asked of, one block at a time.

use std::ops::Range;

use wordmill_formats::{Vectors, Words};
use wordmill_kernels::Kernels;

use crate::error::QueryError;

/// Size of a block of rows in bytes: a quarter of a second-level cache, which also holds the scores of a
/// batch.
const BLOCK_BYTES: usize = 256 << 10;

/// Which vectors of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Word vectors.
    Word,
    /// Context vectors.
    Context,
    /// The sum of both.
    Sum,
}

/// Rows of a model, mapped.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    word: Option<&'a [f32]>,
    context: Option<&'a [f32]>,
    /// The norms of the rows, if the file has them: neither sums nor old files do.
    norms: Option<&'a [f32]>,
    dim: usize,
    len: usize,
}

impl<'a> Rows<'a> {
    /// The rows of `which`.
    pub(crate) fn new(vectors: &'a Vectors, which: Which) -> Result<Self, QueryError> {
        let word = (which != Which::Context).then(|| vectors.word_vectors());
        let context = match which {
            Which::Word => None,
            Which::Context | Which::Sum => {
                Some(vectors.context_vectors().ok_or_else(|| {
                    QueryError::no_matrix(vectors.words().path(), "context vectors")
                })?)
            }
        };
        let norms = match which {
            Which::Word => vectors.word_norms(),
            Which::Context => vectors.context_norms(),
            Which::Sum => None,
        };
        Ok(Self { word, context, norms, dim: vectors.dim(), len: vectors.words().len() })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Length of a row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows in a block.
    pub(crate) fn block_rows(&self) -> usize {
        (BLOCK_BYTES / (4 * self.dim)).max(1)
    }

    /// Consecutive rows: a slice of the map, or sums in `scratch`.
    pub(crate) fn block<'b>(&self, rows: Range<usize>, scratch: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        let span = rows.start * self.dim..rows.end * self.dim;
        match (self.word, self.context) {
            (Some(word), Some(context)) => {
                scratch.clear();
                let both = word[span.clone()].iter().zip(&context[span]);
                scratch.extend(both.map(|(w, c)| w + c));
                scratch
            }
            (Some(one), None) | (None, Some(one)) => &one[span],
            (None, None) => unreachable!("there is at least one matrix"),
        }
    }

    /// One over the norm of each row of a block; 0 if that is not a finite number.
    pub(crate) fn inverse_norms(
        &self,
        rows: Range<usize>,
        block: &[f32],
        kernels: &Kernels,
        out: &mut Vec<f32>,
    ) {
        out.clear();
        match self.norms {
            Some(norms) => out.extend(norms[rows].iter().map(|&norm| inverse(norm))),
            None => out.extend(block.chunks_exact(self.dim).map(|row| inverse_norm(row, kernels))),
        }
    }

    /// One row, scaled to length 1; a row of zeros (or not finite) becomes zeros.
    pub(crate) fn unit(&self, id: usize, kernels: &Kernels) -> Vec<f32> {
        let mut scratch = Vec::new();
        let mut row = self.block(id..id + 1, &mut scratch).to_vec();
        normalize(&mut row, kernels);
        row
    }
}

/// Scales a vector to length 1; one of zeros, or not finite, becomes zeros.
pub(crate) fn normalize(row: &mut [f32], kernels: &Kernels) {
    let scale = inverse_norm(row, kernels);
    for value in row.iter_mut() {
        // Zero times infinity is NaN, so zeros are assigned, not multiplied.
        *value = if scale == 0.0 { 0.0 } else { *value * scale };
    }
}

/// One over the norm of a vector; 0 if that is not a finite number.
pub(crate) fn inverse_norm(row: &[f32], kernels: &Kernels) -> f32 {
    inverse(kernels.dot(row, row).sqrt())
}

fn inverse(norm: f32) -> f32 {
    let inverse = 1.0 / norm;
    if inverse.is_finite() { inverse } else { 0.0 }
}
