//! A barrier at which threads wait for each other between two phases of a round.
//!
//! Unlike the barrier of the standard library it opens permanently when a thread fails or panics, so no thread
//! waits for one that will not come.

use std::sync::{Condvar, Mutex, PoisonError};

use wordmill_flow::Stopped;

/// A barrier for a fixed number of threads.
pub(crate) struct Barrier {
    threads: usize,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    turn: u64,
    is_broken: bool,
}

/// Breaks the barrier when dropped, unless [`Self::finish`] was called.
pub(crate) struct PanicGuard<'a> {
    barrier: &'a Barrier,
    is_well: bool,
}

impl Barrier {
    pub fn new(threads: usize) -> Self {
        Self { threads, state: Mutex::default(), opened: Condvar::new() }
    }

    /// Waits for all others; the last thread runs `serial` before any continues. An error means that another thread
    /// failed.
    pub fn pass(&self, serial: impl FnOnce()) -> Result<(), Stopped> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = state.turn;
        state.waiting += 1;
        if state.waiting == self.threads {
            serial();
            state.waiting = 0;
            state.turn += 1;
            self.opened.notify_all();
        }
        while state.turn == turn && !state.is_broken {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_broken { Err(Stopped) } else { Ok(()) }
    }

    /// A guard for this thread, which breaks the barrier if the thread fails.
    pub fn guard(&self) -> PanicGuard<'_> {
        PanicGuard { barrier: self, is_well: false }
    }
}

impl PanicGuard<'_> {
    /// The thread has ended normally.
    pub fn finish(mut self) {
        self.is_well = true;
    }
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if !self.is_well {
            self.barrier.state.lock().unwrap_or_else(PoisonError::into_inner).is_broken = true;
            self.barrier.opened.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::error::TrainError;
    use wordmill_flow::run_workers;

    #[test]
    fn the_last_thread_runs_the_serial_part_once() {
        let (barrier, done) = (Barrier::new(3), AtomicU32::new(0));
        let work = |_| {
            let guard = barrier.guard();
            for turn in 1..=100 {
                barrier.pass(|| {
                    done.fetch_add(1, Ordering::Relaxed);
                })?;
                assert_eq!(done.load(Ordering::Relaxed), turn);
                barrier.pass(|| ())?;
            }
            guard.finish();
            Ok::<_, TrainError>(())
        };
        run_workers("gate", 3, work).unwrap();
    }

    #[test]
    fn no_thread_waits_for_one_that_failed() {
        let barrier = Barrier::new(2);
        let work = |worker| {
            let _guard = barrier.guard();
            if worker == 0 { Err(TrainError::Stopped(Stopped)) } else { Ok(barrier.pass(|| ())?) }
        };
        let failed = run_workers("gate", 2, work);
        assert!(matches!(failed, Err(TrainError::Stopped(Stopped))), "{failed:?}");
    }
}
