//! How much memory a piece of work takes at its most.

use peak_alloc::PeakAlloc;

/// Counts what is allocated. What C libraries take for themselves is not seen.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Does what `work` does and fails if it took more than `bound` bytes at any moment.
///
/// # Panics
/// If it did.
pub fn bounded<T>(name: &str, bound: usize, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = work();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(taken <= bound, "{name}: took {taken} bytes, may take {bound}");
    done
}
