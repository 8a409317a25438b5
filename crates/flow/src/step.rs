//! Steps of a stage and their units of work: from finished files to finished files.
//!
//! Terms: a [`Unit`] is a pure, idempotent, named piece of work. It reads finished files, writes files that no other
//! unit writes, and gives the same content however often, in whatever order and beside whichever other units it is
//! made. A [`Step`] is a list of units that do not depend on one another. The list is never stored: a corpus of
//! terabytes has a million units, so a unit is computed from its number. Restart, progress and threads use this list,
//! and so could an executor on another machine.
//!
//! The work that remains after a unit (recording it, removing its inputs) is [`Step::settle`], which only the process
//! that runs the step does, so that [`Step::make`] may be repeated. Work that is not a step from files to files, such
//! as a sum in memory over all shards, uses [`run_tasks`] or [`crate::run_workers`] directly. This module knows only
//! the paths of files.

use std::path::PathBuf;

use crate::cancel::Stopped;
use crate::context::Context;
use crate::progress::StageProgress;
use crate::workers::{NoThreads, run_tasks};

/// A piece of work from finished files to finished files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `merge/00003`, unique within its step.
    pub name: String,
    /// The files that it may read, as named in the storage.
    pub reads: Vec<PathBuf>,
    /// The files that it may write, which no other unit of its step writes.
    pub writes: Vec<PathBuf>,
}

/// The names of a step in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of its progress.
    pub stage: &'static str,
    /// Prefix of the names of its threads.
    pub threads: &'static str,
    /// What its progress counts, in the plural.
    pub noun: &'static str,
}

/// Units that may be made in any order, at once, and repeatedly.
pub trait Step: Sync {
    /// Data about a finished unit.
    type Done: Send;
    /// Its errors.
    type Error: Send + From<Stopped> + From<NoThreads>;

    /// Its names.
    fn label(&self) -> Label;

    /// Number of its units.
    fn units(&self) -> usize;

    /// The unit of a number below [`Step::units`].
    fn unit(&self, at: usize) -> Unit;

    /// The total of its progress, or an upper estimate.
    fn total(&self) -> u64 {
        self.units() as u64
    }

    /// The progress of a finished unit, beside what [`Step::make`] has reported.
    fn size(&self, _at: usize, _done: &Self::Done) -> u64 {
        1
    }

    /// What a unit adds to the progress that an earlier attempt has left: all that [`Step::make`] would have reported, too.
    fn found_size(&self, at: usize, done: &Self::Done) -> u64 {
        self.size(at, done)
    }

    /// The unit as an earlier attempt has left it; `None` if it is not there, is damaged or does not fit.
    ///
    /// # Errors
    /// Storage errors, except a missing file.
    fn finished(&self, at: usize) -> Result<Option<Self::Done>, Self::Error>;

    /// Makes the unit. It reads and writes only the files of [`Step::unit`], removes none, and may report progress as it goes.
    ///
    /// # Errors
    /// Problems of an input, and storage errors.
    fn make(&self, at: usize, progress: &StageProgress) -> Result<Self::Done, Self::Error>;

    /// Completes a finished unit. It is called once for each unit, by the process that runs the step; it may take data
    /// from `done` that is needed only here.
    ///
    /// # Errors
    /// Errors of its files.
    fn settle(&self, _at: usize, _done: &mut Self::Done) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Makes all missing units of a step, on up to `workers` threads, and returns the data of each, in order. Its progress
/// begins and ends here. Between two units it checks for a stop.
///
/// # Errors
/// The first error of a unit, [`Stopped`], or [`NoThreads`].
pub fn run_step<S: Step>(
    ctx: &Context,
    step: &S,
    workers: usize,
) -> Result<Vec<S::Done>, S::Error> {
    let Label { stage, noun, .. } = step.label();
    let progress = ctx.progress.stage(stage, noun, step.total());
    let done = run_units(ctx, step, workers, &progress)?;
    progress.complete();
    Ok(done)
}

/// The same as a part of work whose progress has begun, and continues afterwards.
///
/// # Errors
/// As for [`run_step`].
pub fn run_units<S: Step>(
    ctx: &Context,
    step: &S,
    workers: usize,
    progress: &StageProgress,
) -> Result<Vec<S::Done>, S::Error> {
    run_tasks(ctx, step.label().threads, workers, step.units(), |at| run_unit(step, at, progress))
}

/// The same with one unit after another on this thread, each of which uses all threads itself.
///
/// # Errors
/// As for [`run_step`].
pub fn run_in_turn<S: Step>(
    ctx: &Context,
    step: &S,
    progress: &StageProgress,
) -> Result<Vec<S::Done>, S::Error> {
    let run = |at| {
        ctx.cancel.check()?;
        run_unit(step, at, progress)
    };
    (0..step.units()).map(run).collect()
}

fn run_unit<S: Step>(step: &S, at: usize, progress: &StageProgress) -> Result<S::Done, S::Error> {
    let name = |what: &str| format!("{} {what}", step.unit(at).name);
    let mut done = match step.finished(at)? {
        Some(done) => {
            progress.skip(step.found_size(at, &done));
            progress.progress().detail(|| name("is there"));
            done
        }
        None => {
            let done = step.make(at, progress)?;
            progress.add(step.size(at, &done));
            progress.progress().detail(|| name("is made"));
            done
        }
    };
    step.settle(at, &mut done)?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::contract::{Access, Contract, Files};
    use crate::event::Event;
    use crate::progress::Progress;

    type Error = Box<dyn std::error::Error + Send + Sync>;

    /// Squares in place of files, with a log of operations.
    #[derive(Default)]
    struct Squares {
        files: Mutex<BTreeMap<PathBuf, u64>>,
        access: Mutex<Access>,
        settled: Mutex<Vec<usize>>,
        /// A file that is read but not listed.
        secret: Option<PathBuf>,
    }

    impl Squares {
        fn path(at: usize) -> PathBuf {
            format!("squares/{at}").into()
        }
    }

    impl Step for Squares {
        type Done = u64;
        type Error = Error;

        fn label(&self) -> Label {
            Label { stage: "squares", threads: "square", noun: "numbers" }
        }

        fn units(&self) -> usize {
            4
        }

        fn unit(&self, at: usize) -> Unit {
            let reads = vec![format!("numbers/{at}").into()];
            Unit { name: format!("square/{at}"), reads, writes: vec![Self::path(at)] }
        }

        fn finished(&self, at: usize) -> Result<Option<u64>, Error> {
            Ok(self.files.lock().unwrap().get(&Self::path(at)).copied())
        }

        fn make(&self, at: usize, _: &StageProgress) -> Result<u64, Error> {
            let mut access = self.access.lock().unwrap();
            access.read.insert(format!("numbers/{at}").into());
            access.read.extend(self.secret.clone());
            access.written.insert(Self::path(at));
            let square = (at * at) as u64;
            self.files.lock().unwrap().insert(Self::path(at), square);
            Ok(square)
        }

        fn settle(&self, at: usize, _: &mut u64) -> Result<(), Error> {
            self.settled.lock().unwrap().push(at);
            Ok(())
        }
    }

    fn check(squares: &Squares) {
        let bytes = |path: &std::path::Path| {
            squares.files.lock().unwrap().get(path).map(|square| square.to_le_bytes().to_vec())
        };
        let files = Files {
            access: &|| std::mem::take(&mut *squares.access.lock().unwrap()),
            bytes: &bytes,
            remove: &|path| {
                squares.files.lock().unwrap().remove(path);
            },
        };
        Contract { files, shared: &[], is_kept: true }.check(squares);
    }

    #[test]
    fn finished_units_are_kept_and_every_unit_is_settled_once() {
        for threads in [1, 3] {
            let ends = std::sync::Arc::new(Mutex::new(Vec::new()));
            let sink = std::sync::Arc::clone(&ends);
            let progress = Progress::new(move |event| {
                if let Event::Ended(work) = event {
                    let line = format!("{} {} {}", work.stage, work.done, work.unit);
                    sink.lock().unwrap().push(line);
                }
            });
            let ctx = Context { progress, ..Context::for_tests(threads) };
            let squares = Squares::default();
            squares.files.lock().unwrap().insert(Squares::path(2), 99);
            assert_eq!(run_step(&ctx, &squares, threads).unwrap(), [0, 1, 99, 9]);
            let settled = &mut *squares.settled.lock().unwrap();
            settled.sort_unstable();
            assert_eq!(*settled, [0, 1, 2, 3]);
            assert_eq!(*ends.lock().unwrap(), ["squares 4 numbers"]);
        }
    }

    #[test]
    fn units_in_turn_are_on_the_thread_of_the_caller_and_stop_between_two() {
        let (ctx, squares) = (Context::for_tests(2), Squares::default());
        let progress = ctx.progress.stage("squares", "numbers", 4);
        assert_eq!(run_in_turn(&ctx, &squares, &progress).unwrap(), [0, 1, 4, 9]);
        assert_eq!(*squares.settled.lock().unwrap(), [0, 1, 2, 3]);
        ctx.cancel.stop();
        assert!(run_in_turn(&ctx, &squares, &progress).is_err());
        assert_eq!(squares.settled.lock().unwrap().len(), 4);
    }

    #[test]
    fn a_step_that_keeps_to_its_list_passes() {
        check(&Squares::default());
    }

    #[test]
    #[should_panic(expected = "square/0 reads")]
    fn a_step_that_reads_more_than_its_list_is_found() {
        check(&Squares { secret: Some("clock".into()), ..Squares::default() });
    }
}
