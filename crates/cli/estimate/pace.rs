//! How fast this machine is at the moment, beside the one on which costs were measured.

use std::time::Instant;

/// Entries of the table that is written to all over: 8 MiB, more than a core's own caches.
const ENTRIES: usize = 1 << 20;
const STEPS: u64 = 1 << 22;
/// Nanoseconds a step on the machine on which costs were measured.
const STEP_NS: f64 = 3.0;

/// Time that work takes here, over the time that it took there.
pub fn pace() -> f64 {
    let mut table = vec![0u64; ENTRIES];
    let mut state = 1u64;
    let mut run = |steps: u64| {
        let start = Instant::now();
        for _ in 0..steps {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let entry = &mut table[(state >> 44) as usize];
            *entry = entry.wrapping_add(state);
        }
        start.elapsed().as_secs_f64() * 1e9 / steps as f64
    };
    run(ENTRIES as u64);
    let step_ns = (0..3).map(|_| run(STEPS / 3)).fold(f64::MAX, f64::min);
    // Something other than speed is measured beyond that.
    let pace = std::hint::black_box(step_ns) / STEP_NS;
    drop(std::hint::black_box(table));
    pace.clamp(0.2, 10.0)
}
