//! Named threads that are always joined; the first error wins and stops the others.
//!
//! Either all threads of a group run or none: workers may wait for one another.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use crate::cancel::Stopped;
use crate::context::Context;

/// The system refused to start a thread, by a limit of processes (`ulimit -u`, a pids cgroup) or of
/// memory.
#[derive(Debug, thiserror::Error)]
#[error(
    "thread {name}: starting it: {source}; lower run.threads, or raise the limit of processes (ulimit -u, or pids.max of the cgroup)"
)]
pub struct NoThreads {
    /// The thread.
    name: String,
    /// The error of the system.
    source: io::Error,
}

impl NoThreads {
    /// The thread called `name` could not be started.
    pub fn new(name: &str, source: io::Error) -> Self {
        Self { name: name.into(), source }
    }
}

/// Runs `workers` threads called `NAME-0`, `NAME-1`, … and joins them. Returns the result of each,
/// in worker order, or the first error in time. A worker that ends drops its ends of channels, so
/// the others notice and end, too.
///
/// # Errors
/// The first error of a worker; [`NoThreads`] if the system does not start all threads; then no work is done.
///
/// # Panics
/// If a worker panics, after all others have ended.
pub fn run_workers<T: Send, E: Send + From<NoThreads>>(
    name: &str,
    workers: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let first_error = Mutex::new(None);
    let note = |error: E| {
        first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    // Locked while threads are started: none of them works before all are running.
    let may_work = RwLock::new(false);
    let work = |worker| match *may_work.read().unwrap_or_else(PoisonError::into_inner) {
        true => work(worker).map_err(note),
        false => Err(()),
    };
    let results: Vec<Result<T, ()>> = thread::scope(|scope| {
        let spawn = |worker| {
            let name = format!("{name}-{worker}");
            let work = &work;
            thread::Builder::new()
                .name(name.clone())
                .spawn_scoped(scope, move || work(worker))
                .map_err(|source| note(NoThreads::new(&name, source).into()))
                .ok()
        };
        let mut starting = may_work.write().unwrap_or_else(PoisonError::into_inner);
        let threads: Vec<_> = (0..workers).map_while(spawn).collect();
        *starting = threads.len() == workers;
        drop(starting);
        let joined: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        let unwrap = |result: thread::Result<_>| {
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        joined.into_iter().map(unwrap).collect()
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(results.into_iter().map(|result| result.expect("no error was kept")).collect()),
    }
}

/// Runs tasks `0..tasks` on up to `workers` threads, each taking the next one when it is free, and
/// returns their results in task order. Between two tasks it checks for a stop.
///
/// # Errors
/// The first error of a task, [`Stopped`], or [`NoThreads`].
pub fn run_tasks<T: Send, E: Send + From<Stopped> + From<NoThreads>>(
    ctx: &Context,
    name: &str,
    workers: usize,
    tasks: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let halted = AtomicUsize::new(0);
    let worker = |_| {
        let mut done = Vec::new();
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks || halted.load(Ordering::Relaxed) > 0 {
                return Ok(done);
            }
            let result = ctx.cancel.check().map_err(E::from).and_then(|()| work(task));
            match result {
                Ok(value) => done.push((task, value)),
                Err(error) => {
                    halted.fetch_add(1, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let workers = workers.clamp(1, tasks.max(1));
    let mut results: Vec<_> = run_workers(name, workers, worker)?.into_iter().flatten().collect();
    results.sort_by_key(|(task, _)| *task);
    Ok(results.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Failed {
        Task(usize),
        Stopped,
        NoThreads,
    }

    impl From<NoThreads> for Failed {
        fn from(_: NoThreads) -> Self {
            Self::NoThreads
        }
    }

    impl From<Stopped> for Failed {
        fn from(_: Stopped) -> Self {
            Self::Stopped
        }
    }

    #[test]
    fn results_come_in_task_order_and_the_first_error_wins() {
        for threads in [1, 2, 7] {
            let ctx = Context::for_tests(threads);
            let double = |task| Ok::<_, Failed>(task * 2);
            let doubled = run_tasks(&ctx, "double", threads, 100, double).unwrap();
            assert_eq!(doubled, (0..100).map(|task| task * 2).collect::<Vec<_>>());
            let fail = |task| {
                if task == 5 { Err(Failed::Task(task)) } else { Ok(task) }
            };
            assert_eq!(run_tasks(&ctx, "fail", threads, 100, fail), Err(Failed::Task(5)));
            ctx.cancel.stop();
            assert_eq!(run_tasks(&ctx, "stop", threads, 3, double), Err(Failed::Stopped));
        }
    }

    #[test]
    fn workers_have_names() {
        let name = |_| Ok::<_, Failed>(thread::current().name().map(str::to_owned));
        let names = run_workers("merge", 2, name).unwrap();
        assert_eq!(names, [Some("merge-0".into()), Some("merge-1".into())]);
    }
}
