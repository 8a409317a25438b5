//! One way to stop: a switch that signals, deadlines and failed siblings turn, and workers look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Work was stopped on request; what is finished is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request; run the same command again to go on")]
pub struct Stopped;

/// The switch. Clones share it.
#[derive(Clone, Debug)]
pub struct Cancel {
    requested: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancel {
    /// A switch that is off, with an optional deadline.
    pub fn new(deadline: Option<Instant>) -> Self {
        Self { requested: Arc::default(), deadline }
    }

    /// Asks everyone to stop after the unit in hand.
    pub fn stop(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for signal handlers.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requested)
    }

    /// Whether a stop was asked for or the deadline has passed.
    pub fn is_stopped(&self) -> bool {
        let late = || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.requested.load(Ordering::Relaxed) || late()
    }

    /// `Err(Stopped)` once a stop was asked for: the check between two units of work.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }
}
