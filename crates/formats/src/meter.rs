//! Counts the bytes of files, now and at most.

use std::sync::atomic::{AtomicI64, Ordering};

/// Bytes in files, now and at most.
#[derive(Debug, Default)]
pub struct Meter {
    live: AtomicI64,
    peak: AtomicI64,
}

impl Meter {
    /// Bytes in files.
    pub fn live_bytes(&self) -> u64 {
        self.live.load(Ordering::Relaxed).max(0) as u64
    }

    /// The most since the meter was made or reset.
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).max(0) as u64
    }

    /// From here on the peak is what there is now.
    pub fn reset_peak(&self) {
        self.peak.store(self.live.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Adds bytes of files that were there before.
    pub fn add(&self, bytes: u64) {
        let live = self.live.fetch_add(bytes as i64, Ordering::Relaxed) + bytes as i64;
        self.peak.fetch_max(live, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: u64) {
        self.live.fetch_sub(bytes as i64, Ordering::Relaxed);
    }
}
