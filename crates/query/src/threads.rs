//! Processes blocks on threads: each thread takes the next block when it is free and keeps its own
//! state.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `work` for the blocks `0..blocks` on up to `threads` threads, including the calling one;
/// returns their states. A thread gets its blocks in ascending order.
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
    let others = threads.clamp(1, blocks.max(1)) - 1;
    thread::scope(|scope| {
        let begin = |number: usize| {
            let builder = thread::Builder::new().name(format!("query-{number}"));
            // If the system starts no more threads, the running ones do all the work.
            builder.spawn_scoped(scope, run).ok()
        };
        let others: Vec<_> = (0..others).map_while(begin).collect();
        let mut states = vec![run()];
        let ended = others.into_iter().map(|other| other.join().expect("a search does not panic"));
        states.extend(ended);
        states
    })
}
