//! Blocks on threads: each thread takes the next block when it is free and keeps a state of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` for the blocks `0..blocks` on up to `threads` named threads; returns their states.
/// A thread gets its blocks in ascending order.
pub(crate) fn over_blocks<S: Send>(
    threads: usize,
    blocks: usize,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
) -> Vec<S> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = start();
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= blocks {
                return state;
            }
            work(&mut state, block);
        }
    };
    let threads = threads.clamp(1, blocks.max(1));
    if threads == 1 {
        return vec![run()];
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|thread| format!("query-{thread}"))
        .build()
        .expect("the system starts threads");
    pool.broadcast(|_| run())
}
