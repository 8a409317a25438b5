//! Counts the bytes of files, current and peak.

use std::sync::atomic::{AtomicI64, Ordering};

/// Bytes in files, current and peak.
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

    /// The peak since the meter was created or reset.
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).max(0) as u64
    }

    /// Resets the peak to the current value.
    pub fn reset_peak(&self) {
        self.peak.store(self.live.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Adds bytes of files that existed before.
    pub fn add(&self, bytes: u64) {
        let live = self.live.fetch_add(bytes as i64, Ordering::Relaxed) + bytes as i64;
        self.peak.fetch_max(live, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: u64) {
        self.live.fetch_sub(bytes as i64, Ordering::Relaxed);
    }
}
