//! Memory that grows with what is learned, taken from the budget in steps.

use wordmill_flow::{Budget, OverBudget, Reservation};

/// What helps where a model does not fit.
pub(super) const ADVICE: &str = ", or raise corpus.pieces_min_count";
/// Bytes taken at a time.
const STEP_BYTES: u64 = 1 << 20;

/// What one learner has taken.
pub(super) struct Room {
    budget: Budget,
    held: Vec<Reservation>,
    reserved: u64,
    used: u64,
    what: &'static str,
}

impl Room {
    pub(super) fn new(budget: &Budget, what: &'static str) -> Self {
        Self { budget: budget.clone(), held: Vec::new(), reserved: 0, used: 0, what }
    }

    /// Takes more bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), OverBudget> {
        self.used += bytes;
        while self.used > self.reserved {
            let step = STEP_BYTES.max(self.reserved / 8).max(self.used - self.reserved);
            let part = self.budget.reserve(step, self.what).map_err(|mut error| {
                error.advice = ADVICE.to_owned();
                error
            })?;
            self.reserved += part.bytes();
            self.held.push(part);
        }
        Ok(())
    }
}
