//! The memory budget: bytes are reserved before they are allocated, and released when the
//! reservation is dropped.
//!
//! A budget is a counter, not an allocator: code that needs memory in proportion to the data
//! reserves it here first, and fails if the sum would exceed the limit. Small fixed amounts
//! (stacks, file buffers, the program itself) are covered by a constant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// More memory was requested than is left.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{what} needs {} of memory, {} of the budget of {} are left; raise `memory` (--memory) to at least {}{advice}",
    format_bytes(*needed), format_bytes(*left), format_bytes(*total), format_bytes(total + needed - left)
)]
pub struct OverBudget {
    /// What the memory was for.
    pub what: String,
    /// Bytes requested.
    pub needed: u64,
    /// Bytes left.
    pub left: u64,
    /// The whole budget in bytes.
    pub total: u64,
    /// Further advice, empty or beginning with a comma.
    pub advice: String,
}

/// A counter of bytes with a limit. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    total: u64,
    base: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
}

/// Bytes reserved from a budget, released when dropped.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self { shared: Arc::new(Shared { total, base: zero(), used: zero(), peak: zero() }) }
    }

    /// The whole budget in bytes.
    pub fn total(&self) -> u64 {
        self.shared.total
    }

    /// Bytes not reserved at the moment.
    pub fn left(&self) -> u64 {
        let taken = self.shared.used.load(Ordering::Relaxed) + self.base();
        self.shared.total.saturating_sub(taken)
    }

    /// Sets the memory of the program itself, beside all reservations; it counts as taken from here
    /// on.
    pub fn set_base(&self, bytes: u64) {
        self.shared.base.store(bytes.min(self.shared.total), Ordering::Relaxed);
    }

    fn base(&self) -> u64 {
        self.shared.base.load(Ordering::Relaxed)
    }

    /// The peak of reserved bytes.
    pub fn peak(&self) -> u64 {
        self.shared.peak.load(Ordering::Relaxed)
    }

    /// Reserves bytes, or returns an error that says how many are missing. `what` begins the
    /// message: "the model of `sgns`".
    pub fn reserve(&self, bytes: u64, what: &str) -> Result<Reservation, OverBudget> {
        let shared = &self.shared;
        let most = shared.total - self.base();
        let grow = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= most);
        match shared.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(used) => {
                shared.peak.fetch_max(used + bytes, Ordering::Relaxed);
                Ok(Reservation { shared: Arc::clone(shared), bytes })
            }
            Err(used) => Err(OverBudget {
                what: what.into(),
                needed: bytes,
                left: most.saturating_sub(used),
                total: shared.total,
                advice: String::new(),
            }),
        }
    }
}

impl Reservation {
    /// Number of reserved bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// `1.5 GiB`, `640 KiB`, `12 bytes`.
pub fn format_bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1023.95 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match value >= 99.95 || value.fract() < 0.05 {
        true => format!("{value:.0} {}", units[unit]),
        false => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_add_up_and_come_back() {
        let budget = Budget::new(100);
        let first = budget.reserve(60, "a").unwrap();
        let refused = budget.reserve(50, "the matrix").unwrap_err();
        assert_eq!((refused.left, budget.left()), (40, 40));
        assert!(refused.to_string().starts_with("the matrix needs 50 bytes of memory, 40 bytes"));
        drop(first);
        assert_eq!((budget.left(), budget.peak()), (100, 60));
        assert!(budget.reserve(u64::MAX, "b").is_err());
        budget.set_base(30);
        assert_eq!(budget.left(), 70);
        assert!(budget.reserve(71, "c").is_err());
        let whole = budget.reserve(70, "c").unwrap();
        budget.set_base(200);
        assert_eq!(budget.left(), 0);
        drop(whole);
    }

    #[test]
    fn bytes_read_well() {
        let text = |bytes| format_bytes(bytes);
        assert_eq!([text(12), text(1024), text(1 << 30)], ["12 bytes", "1 KiB", "1 GiB"]);
        assert_eq!([text(1536), text(256 << 20)], ["1.5 KiB", "256 MiB"]);
    }
}
