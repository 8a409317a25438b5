//! Cancellation: a switch that is set by signals, deadlines and failed siblings, and checked by
//! workers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A unit that takes longer than this after a stop request is abandoned, to be done again: many supervisors
/// kill a process ten seconds after the request.
const GRACE: Duration = Duration::from_secs(5);

/// Work was stopped on request; finished work is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request; run again to resume")]
pub struct Stopped;

/// The switch. Clones share it.
#[derive(Clone, Debug)]
pub struct Cancel {
    requested: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// When the stop request was first seen.
    seen: Arc<OnceLock<Instant>>,
    grace: Duration,
}

impl Cancel {
    /// A switch that is off, with an optional deadline.
    pub fn new(deadline: Option<Instant>) -> Self {
        Self { requested: Arc::default(), deadline, seen: Arc::default(), grace: GRACE }
    }

    /// The same with another patience for a unit of work, for tests.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Requests a stop after the current unit.
    pub fn stop(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for signal handlers.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requested)
    }

    /// Whether a stop was requested or the deadline has passed.
    pub fn is_stopped(&self) -> bool {
        let late = || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.requested.load(Ordering::Relaxed) || late()
    }

    /// `Err(Stopped)` once a stop was requested: the check between two units of work.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// `Err(Stopped)` some seconds after a stop request: the check within a long unit of work.
    pub fn check_overdue(&self) -> Result<(), Stopped> {
        let is_late = || self.seen.get_or_init(Instant::now).elapsed() >= self.grace;
        if self.is_stopped() && is_late() { Err(Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_unit_has_some_patience_and_a_short_one_ends_at_once() {
        let patient = Cancel::new(None).with_grace(Duration::from_secs(3600));
        let hasty = Cancel::new(None).with_grace(Duration::ZERO);
        for cancel in [&patient, &hasty] {
            assert_eq!((cancel.check(), cancel.check_overdue()), (Ok(()), Ok(())));
            cancel.stop();
            assert_eq!(cancel.check(), Err(Stopped));
        }
        assert_eq!(patient.check_overdue(), Ok(()));
        assert_eq!(hasty.clone().check_overdue(), Err(Stopped));
        let late = Cancel::new(Some(Instant::now())).with_grace(Duration::ZERO);
        assert_eq!(late.check_overdue(), Err(Stopped));
    }
}
