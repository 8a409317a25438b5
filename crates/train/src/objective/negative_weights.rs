//! The weights of negatives: for every row and column stripe, the total weight of those beside a visit.
//!
//! They take as much memory as G coordinates of all words. If that is a large part of the free
//! budget, they go to pages on disk, one per row stripe (`column stripe × rows + row`).

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use wordmill_flow::{Context, Reservation};
use wordmill_formats::{FormatError, Pages, RunDir};

use crate::error::TrainError;
use crate::random::Alias;

/// Weights stay in memory if they take at most one part in this many of the free budget; the model
/// needs the rest.
const SHARE: u64 = 8;

/// The weights of all row stripes.
pub(crate) enum NegativeWeights {
    Held(Vec<OnceLock<Vec<f32>>>),
    Paged(Pages),
}

impl NegativeWeights {
    /// Prepares storage for the weights of `words` words, and reserves the memory of all tables of
    /// a stripe.
    pub fn new(
        ctx: &Context,
        dir: &RunDir,
        name: &str,
        words: u64,
        grid: u32,
    ) -> Result<(Self, Reservation), TrainError> {
        let bytes = words * u64::from(grid) * 4;
        // Each thread computes the weights of a stripe from its visits.
        let making = 2 * bytes.div_ceil(u64::from(grid)) * ctx.threads as u64;
        let is_small = bytes <= ctx.budget.left() / SHARE;
        let held = making + if is_small { bytes } else { 0 };
        let tables = Alias::bytes(words) + words * 2 * 4;
        let memory = ctx.budget.reserve(tables + held, &format!("the noise tables of {name}"))?;
        let pages = || Pages::create(dir, &format!("models/{name}"), "negatives", grid as usize);
        let negative_weights = match is_small {
            true => Self::Held((0..grid).map(|_| OnceLock::new()).collect()),
            false => Self::Paged(pages()?),
        };
        Ok((negative_weights, memory))
    }

    /// Stores the weights of a row stripe.
    pub fn keep(&self, stripe: usize, weights: Vec<f32>) -> Result<(), FormatError> {
        match self {
            Self::Held(all) => all[stripe].set(weights).expect("a stripe is weighed once"),
            Self::Paged(pages) => pages.write(stripe, &[&weights])?,
        }
        Ok(())
    }

    /// Weights of a row stripe.
    pub fn of(&self, stripe: usize, span: Range<usize>) -> Result<Cow<'_, [f32]>, FormatError> {
        match self {
            Self::Held(all) => {
                Ok(Cow::Borrowed(&all[stripe].get().expect("every stripe was weighed")[span]))
            }
            Self::Paged(pages) => {
                let mut weights = vec![0.0; span.len()];
                pages.read_part(stripe, span.start as u64, &mut weights)?;
                Ok(Cow::Owned(weights))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wordmill_flow::Budget;
    use wordmill_formats::MemoryStorage;

    use super::*;

    #[test]
    fn weights_are_the_same_in_memory_and_in_pages() {
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let (words, grid) = (1000, 50);
        for (budget_bytes, is_paged) in [(1 << 30, false), (100_000, true)] {
            let ctx = Context { budget: Budget::new(budget_bytes), ..Context::for_tests(2) };
            let (negative_weights, _memory) =
                NegativeWeights::new(&ctx, &dir, "sgns", words, grid).unwrap();
            assert_eq!(matches!(negative_weights, NegativeWeights::Paged(_)), is_paged);
            let weights = |stripe: usize| (0..1000).map(|i| (stripe * 1000 + i) as f32).collect();
            (0..50).for_each(|stripe| negative_weights.keep(stripe, weights(stripe)).unwrap());
            assert_eq!(*negative_weights.of(3, 20..22).unwrap(), [3020.0, 3021.0]);
            assert_eq!(negative_weights.of(49, 0..1000).unwrap().into_owned(), weights(49));
        }
    }
}
