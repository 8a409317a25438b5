//! How fast this machine is at the moment, beside the one on which costs were measured.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

/// Entries of the table that is written to all over: 1 MiB, which a core has to itself. A larger
/// table measures the neighbours: what they left of the shared cache made 8 MiB four times as slow
/// from one second to the next, and the stages hardly slower.
const ENTRIES: usize = 1 << 17;
/// Rounds, some 100 ms in all, of which the middle one counts, and the steps of each.
const ROUNDS: usize = 40;
const STEPS: u64 = 1 << 21;
/// Nanoseconds a step on the machine on which costs were measured.
const STEP_NS: f64 = 1.6;

/// The ratio of the time of work on this many threads here to the time where it was measured.
pub fn pace(threads: usize) -> f64 {
    let step_ns = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, step_ns).ok();
        let runs: Vec<_> = (0..threads).map_while(spawn).collect();
        let count = runs.len();
        let times = runs.into_iter().map(|run| run.join().unwrap_or(STEP_NS));
        match count {
            0 => STEP_NS,
            count => times.sum::<f64>() / count as f64,
        }
    });
    // Something other than speed is measured beyond that.
    (step_ns / STEP_NS).clamp(0.2, 10.0)
}

/// Nanoseconds of a step: of a multiplication, a load, an addition and a store.
fn step_ns() -> f64 {
    let mut table = vec![0u64; ENTRIES];
    let mut state = 1u64;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..STEPS {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let entry = &mut table[(state >> 32) as usize % ENTRIES];
                *entry = entry.wrapping_add(state);
            }
            start.elapsed().as_secs_f64() * 1e9 / STEPS as f64
        })
        .collect();
    drop(black_box(table));
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
