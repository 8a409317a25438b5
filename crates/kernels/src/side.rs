//! What the training kernels have in common: the padded matrices they update and the loss they return.
//!
//! Terms: a `Side` is one of the two matrices of a model (words or contexts), rows at `id * stride`; a `Loss` is a sum
//! and its total weight. Not covered: ownership of the vectors, and the meaning of an id.

use core::ops::AddAssign;

use crate::lanes::{Block, LANES, Lanes};

/// `dim` rounded up to whole blocks of [`LANES`]: the stride of a row.
pub const fn padded(dim: usize) -> usize {
    dim.next_multiple_of(LANES)
}

/// Numbers before and after steps, of one length.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The old values.
    pub before: &'a [f32],
    /// The new values.
    pub after: &'a [f32],
}

/// One matrix of a model: row `id` is `vectors[id * stride..][..stride]`. The stride is a positive multiple of
/// [`LANES`], the padding beyond the dimension is zero (and stays zero). Fastest if `vectors` starts on a 64-byte
/// boundary.
#[derive(Debug)]
pub struct Side<'a> {
    /// All rows, row-major.
    pub vectors: &'a mut [f32],
    /// Floats from one row to the next.
    pub stride: usize,
}

/// Loss of a batch and the weight over which it is a sum; the mean is `loss / weight`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Sum of weighted losses in nats (squared error for GloVe), before the step.
    pub loss: f64,
    /// Sum of the weights, as each kernel defines it.
    pub weight: f64,
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.loss += other.loss;
        self.weight += other.weight;
    }
}

impl Side<'_> {
    /// Number of rows in the slice. Panics if the stride is not a positive multiple of [`LANES`].
    pub(crate) fn rows(&self) -> usize {
        rows(self.vectors.len(), self.stride)
    }

    /// One row.
    #[inline(always)]
    pub(crate) fn row(&self, id: u32) -> &[f32] {
        &self.vectors[id as usize * self.stride..][..self.stride]
    }

    /// J blocks of a row, from block `at` on.
    #[inline(always)]
    pub(crate) fn part<const J: usize>(&self, id: u32, at: usize) -> &[Block; J] {
        let from = id as usize * self.stride + at * LANES;
        self.vectors[from..from + J * LANES].as_chunks().0.try_into().expect("J blocks were taken")
    }

    /// The same, mutable.
    #[inline(always)]
    pub(crate) fn part_mut<const J: usize>(&mut self, id: u32, at: usize) -> &mut [Block; J] {
        let from = id as usize * self.stride + at * LANES;
        let blocks = self.vectors[from..from + J * LANES].as_chunks_mut().0;
        blocks.try_into().expect("J blocks were taken")
    }
}

/// Prefetches rows.
#[inline(always)]
pub(crate) fn prefetch<S: Lanes>(s: S, side: &Side, ids: &[u32]) {
    ids.iter().for_each(|&id| s.prefetch(side.row(id)));
}

/// Number of rows of `stride` in `len` floats.
pub(crate) fn rows(len: usize, stride: usize) -> usize {
    assert!(
        stride > 0 && stride.is_multiple_of(LANES),
        "stride {stride} is no positive multiple of {LANES}"
    );
    assert!(len.is_multiple_of(stride), "{len} floats are no whole number of rows of {stride}");
    len / stride
}
