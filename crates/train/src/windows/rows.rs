//! One matrix of the model, in stripes that threads lock one at a time.
//!
//! Row `id` is in stripe `id mod 64`. A reader copies the rows of a piece of text (`local_rows.rs`), works on the
//! copies, and returns them: a lock is taken once per stripe and piece, which is some thousand windows, so locks
//! cost nothing measurable, and no thread ever sees a half-written row.

use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::stripes::{Squares, Stripe, StripeShape};

/// Readers of a round, whatever the number of threads.
pub(crate) const READERS: usize = 8;
/// Stripes of a matrix: many more than threads, so that these seldom wait for each other.
pub(crate) const STRIPES: u32 = 64;

/// A matrix whose rows are shared.
pub(crate) struct Rows {
    stripes: Vec<RwLock<Stripe>>,
    rows: u32,
}

/// Whether a matrix of vectors of this length has no other parts.
fn shape(dim: usize) -> StripeShape {
    StripeShape { dim, bias: false, squares: Squares::None }
}

impl Rows {
    /// Zeros.
    pub fn new(dim: usize, rows: u32) -> Self {
        let len = |stripe: u32| (rows + STRIPES - 1 - stripe) / STRIPES;
        let stripe = |stripe| RwLock::new(Stripe::new(shape(dim), len(stripe) as usize));
        Self { stripes: (0..STRIPES).map(stripe).collect(), rows }
    }

    /// Bytes of a matrix.
    pub fn bytes(dim: usize, rows: u32) -> u64 {
        shape(dim).bytes(u64::from(rows))
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.rows
    }

    /// Locks a stripe for reading.
    pub fn read(&self, stripe: u32) -> RwLockReadGuard<'_, Stripe> {
        self.stripes[stripe as usize].read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks a stripe for changes.
    pub fn write(&self, stripe: u32) -> RwLockWriteGuard<'_, Stripe> {
        self.stripes[stripe as usize].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the vectors of some rows, without padding.
    pub fn copy(&self, ids: Range<u32>, dim: usize, out: &mut Vec<f32>) {
        let stripes: Vec<_> = (0..STRIPES).map(|stripe| self.read(stripe)).collect();
        for id in ids {
            let stripe = &stripes[(id % STRIPES) as usize];
            let from = (id / STRIPES) as usize * stripe.stride();
            out.extend_from_slice(&stripe.vectors()[from..from + dim]);
        }
    }
}
