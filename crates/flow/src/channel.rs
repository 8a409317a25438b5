//! Channels with two bounds: the number of batches (crossbeam's bound) and the bytes of the
//! batches.
//!
//! The caller reserves the bytes from the budget once; the channel stays within them. A single
//! batch larger than the bound passes alone, when nothing else is in flight.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A value that knows its size in memory.
pub trait Weighted {
    /// Bytes on the heap.
    fn held_bytes(&self) -> usize;
}

impl<T> Weighted for Vec<T> {
    fn held_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

/// The other side is gone: all its threads have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side of a channel is gone")]
pub struct Closed;

/// Bytes in flight, with a bound.
#[derive(Debug)]
struct Gate {
    limit_bytes: usize,
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    in_flight: usize,
    receivers: usize,
}

/// The sending side; clones share it.
#[derive(Debug)]
pub struct Sender<T> {
    inner: crossbeam_channel::Sender<T>,
    gate: Arc<Gate>,
}

/// The receiving side; clones share it, each batch goes to one of them.
#[derive(Debug)]
pub struct Receiver<T> {
    inner: crossbeam_channel::Receiver<T>,
    gate: Arc<Gate>,
}

/// A channel of at most `batches` batches and `limit_bytes` bytes.
pub fn channel<T: Weighted>(batches: usize, limit_bytes: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = crossbeam_channel::bounded(batches);
    let state = Mutex::new(GateState { in_flight: 0, receivers: 1 });
    let gate = Arc::new(Gate { limit_bytes, state, changed: Condvar::new() });
    (Sender { inner: sender, gate: Arc::clone(&gate) }, Receiver { inner: receiver, gate })
}

impl<T: Weighted> Sender<T> {
    /// Sends a batch; waits while the channel is full. Fails when every receiver is gone.
    pub fn send(&self, batch: T) -> Result<(), Closed> {
        self.gate.enter(batch.held_bytes())?;
        self.inner.send(batch).map_err(|_| Closed)
    }
}

impl<T: Weighted> Receiver<T> {
    /// Receives a batch; waits for one. Fails when every sender is gone and the channel is empty.
    pub fn receive(&self) -> Result<T, Closed> {
        let batch = self.inner.recv().map_err(|_| Closed)?;
        self.gate.leave(batch.held_bytes());
        Ok(batch)
    }
}

impl Gate {
    fn enter(&self, bytes: usize) -> Result<(), Closed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.receivers == 0 {
                return Err(Closed);
            }
            if state.in_flight == 0 || state.in_flight + bytes <= self.limit_bytes {
                state.in_flight += bytes;
                return Ok(());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn leave(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_flight -= bytes;
        self.changed.notify_all();
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gate: Arc::clone(&self.gate) }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.gate.state.lock().unwrap_or_else(PoisonError::into_inner).receivers += 1;
        Self { inner: self.inner.clone(), gate: Arc::clone(&self.gate) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.gate.state.lock().unwrap_or_else(PoisonError::into_inner).receivers -= 1;
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_waits_for_bytes_and_fails_without_receivers() {
        let (sender, receiver) = channel::<Vec<u8>>(100, 10);
        std::thread::scope(|scope| {
            let feeder = scope.spawn(move || {
                let mut sent = 0;
                while sender.send(Vec::with_capacity(6)).is_ok() {
                    sent += 1;
                }
                sent
            });
            (0..5).for_each(|_| assert_eq!(receiver.receive().unwrap().capacity(), 6));
            drop(receiver);
            let sent = feeder.join().unwrap();
            assert!((5..=6).contains(&sent), "one batch of 6 in 10 bytes at a time: {sent}");
        });
    }

    #[test]
    fn a_batch_beyond_the_bound_passes_alone() {
        let (sender, receiver) = channel::<Vec<u8>>(1, 10);
        sender.send(Vec::with_capacity(100)).unwrap();
        drop(sender);
        assert_eq!(receiver.receive().unwrap().capacity(), 100);
        assert_eq!(receiver.receive(), Err(Closed));
    }
}
