//! Progress: counters that workers add to, and one thread per stage that reports them.
//!
//! Terms: an [`Event`] is what an *observer* receives: a message for people, or the state of some [`Work`]. Hot loops
//! add in batches; the reporting thread calls an observer about ten times a second, when work begins and when it ends.
//! This crate displays nothing: without an observer no thread is started and nothing is reported.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::event::{Event, Work};

/// The function called with every event. It must not block for long, as the end of work waits for
/// it.
type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Reports events to an observer, if there is one.
#[derive(Clone, Default)]
pub struct Progress {
    observer: Option<Observer>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_silent() { "silent progress" } else { "observed progress" })
    }
}

#[derive(Debug)]
struct Counters {
    id: u64,
    stage: String,
    unit: &'static str,
    total: AtomicU64,
    done: AtomicU64,
    /// Units that were finished since the work began: the rate is theirs.
    worked: AtomicU64,
    /// Bits of an f64; NaN while there is no loss.
    loss: AtomicU64,
    started: Instant,
    ended: AtomicBool,
}

/// The progress of one stage. Dropping it reports its end.
#[derive(Debug)]
pub struct StageProgress {
    counters: Arc<Counters>,
    progress: Progress,
    reporter: Mutex<Option<JoinHandle<()>>>,
}

/// Time between two reports of the same work.
const TICK: Duration = Duration::from_millis(100);

/// Work so far in this process.
static WORKS: AtomicU64 = AtomicU64::new(0);

impl Progress {
    /// Progress that is reported to an observer.
    pub fn new(observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { observer: Some(Arc::new(observer)) }
    }

    /// Progress that nobody observes.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// Whether nobody observes it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.observer.is_none()
    }

    /// Reports a message for people.
    pub fn say(&self, message: &str) {
        self.report(|| Event::Message(message.to_owned()));
    }

    /// Reports a warning about something that the user may not have intended.
    pub fn warn(&self, message: &str) {
        self.report(|| Event::Warning(message.to_owned()));
    }

    /// Reports a message for people who look for the cause of something. It is put together only where somebody observes.
    pub fn detail(&self, message: impl FnOnce() -> String) {
        self.report(|| Event::Detail(message()));
    }

    /// Reports an event.
    pub fn event(&self, event: impl FnOnce() -> Event) {
        self.report(event);
    }

    /// Begins work of `total` units (0: not known yet).
    #[must_use]
    pub fn stage(&self, stage: &str, unit: &'static str, total: u64) -> StageProgress {
        let counters = Arc::new(Counters {
            id: WORKS.fetch_add(1, Ordering::Relaxed),
            stage: stage.into(),
            unit,
            total: AtomicU64::new(total),
            done: AtomicU64::new(0),
            worked: AtomicU64::new(0),
            loss: AtomicU64::new(f64::NAN.to_bits()),
            started: Instant::now(),
            ended: AtomicBool::new(false),
        });
        self.report(|| Event::Started(counters.work()));
        let start = || {
            let (shared, progress) = (Arc::clone(&counters), self.clone());
            let report = move || report_until_ended(&shared, &progress);
            // If the system starts no more threads, work continues without reports.
            thread::Builder::new().name("progress".into()).spawn(report).ok()
        };
        let reporter = if self.is_silent() { None } else { start() };
        StageProgress { counters, progress: self.clone(), reporter: Mutex::new(reporter) }
    }

    fn report(&self, event: impl FnOnce() -> Event) {
        if let Some(observer) = &self.observer {
            observer(&event());
        }
    }
}

impl StageProgress {
    /// Adds finished units.
    pub fn add(&self, units: u64) {
        self.counters.done.fetch_add(units, Ordering::Relaxed);
        self.counters.worked.fetch_add(units, Ordering::Relaxed);
    }

    /// Adds units that an earlier run finished: they are done, but took no time now.
    pub fn skip(&self, units: u64) {
        self.counters.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Adds units up to this many.
    pub fn advance_to(&self, units: u64) {
        self.add(units.saturating_sub(self.done()));
    }

    /// Sets how many units are done, where an earlier run finished some, or some are done again.
    pub fn set_done(&self, units: u64) {
        self.counters.done.store(units, Ordering::Relaxed);
    }

    /// Sets the total once it is known.
    pub fn set_total(&self, total: u64) {
        self.counters.total.store(total, Ordering::Relaxed);
    }

    /// Notes that there is no more to do: what is done is all, whatever was expected.
    pub fn complete(&self) {
        self.set_total(self.done());
    }

    /// Where its messages go.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Reports a loss beside the rate.
    pub fn set_loss(&self, loss: f64) {
        self.counters.loss.store(loss.to_bits(), Ordering::Relaxed);
    }

    /// Units done so far.
    pub fn done(&self) -> u64 {
        self.counters.done.load(Ordering::Relaxed)
    }

    /// Seconds since the stage began.
    pub fn seconds(&self) -> f64 {
        self.counters.started.elapsed().as_secs_f64()
    }
}

impl Drop for StageProgress {
    fn drop(&mut self) {
        self.counters.ended.store(true, Ordering::Relaxed);
        let reporter = self.reporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reporter) = reporter {
            reporter.thread().unpark();
            // An observer that panicked is not called again.
            let _ = reporter.join();
        }
        self.progress.report(|| Event::Ended(self.counters.work()));
    }
}

fn report_until_ended(counters: &Counters, progress: &Progress) {
    thread::park_timeout(TICK);
    while !counters.ended.load(Ordering::Relaxed) {
        progress.report(|| Event::Working(counters.work()));
        thread::park_timeout(TICK);
    }
}

impl Counters {
    fn work(&self) -> Work {
        let done = self.done.load(Ordering::Relaxed);
        let expected = self.total.load(Ordering::Relaxed);
        let total = expected.max(done);
        let seconds = self.started.elapsed().as_secs_f64();
        let worked = self.worked.load(Ordering::Relaxed);
        let rate = worked as f64 / seconds.max(1e-3);
        let loss = f64::from_bits(self.loss.load(Ordering::Relaxed));
        Work {
            id: self.id,
            stage: self.stage.clone(),
            unit: self.unit,
            done,
            total,
            is_total_known: expected > 0,
            seconds,
            rate,
            seconds_left: (total > done && worked > 0).then(|| (total - done) as f64 / rate),
            loss: (!loss.is_nan()).then_some(loss),
            resident_bytes: resident_bytes(),
        }
    }
}

/// `1h05m`, `2m10s`, `4.2s`.
pub fn format_duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
    }
}

/// Resident memory of this process in bytes; 0 if the system does not report it.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Memory of this process except maps of files, in bytes; 0 if the system does not report it.
pub fn own_resident_bytes() -> u64 {
    status_bytes("RssAnon:")
}

/// Peak resident memory of this process in bytes; 0 if the system does not report it.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

fn status_bytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|kib| kib.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_numbers_read_well() {
        let progress = Progress::silent().stage("merge", "cells", 10);
        progress.add(3);
        progress.add(4);
        assert_eq!(progress.done(), 7);
        assert_eq!([format_duration(4.21), format_duration(3900.0)], ["4.2s", "1h05m"]);
    }

    #[test]
    fn an_observer_receives_messages_and_the_begin_and_end_of_work() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let progress = Progress::new(move |event| {
            let line = match event {
                Event::Message(text) => text.clone(),
                Event::Started(work) => {
                    format!("{} begins, {} {}", work.stage, work.total, work.unit)
                }
                Event::Ended(work) => {
                    format!("{} ends, {} of {}", work.stage, work.done, work.total)
                }
                _ => return,
            };
            sink.lock().unwrap().push(line);
        });
        let work = progress.stage("merge", "cells", 10);
        work.add(10);
        progress.say("a message");
        drop(work);
        let lines = ["merge begins, 10 cells", "a message", "merge ends, 10 of 10"];
        assert_eq!(*seen.lock().unwrap(), lines);
    }
    #[test]
    fn a_rate_after_a_resume_leaves_out_what_was_done_before() {
        let work = Progress::silent().stage("train sgns", "tiles", 100);
        work.set_done(60);
        work.skip(20);
        let resumed = work.counters.work();
        assert_eq!((resumed.done, resumed.rate, resumed.seconds_left), (80, 0.0, None));
        work.add(10);
        let Work { done, rate, seconds, seconds_left, .. } = work.counters.work();
        assert_eq!(done, 90);
        assert!(rate <= 10.0 / seconds.min(1e-3), "{rate} in {seconds} s");
        // As many are left as were done now.
        let left = seconds_left.expect("a rate is known");
        assert!((left * rate - 10.0).abs() < 1e-6, "{left} s at {rate}");
    }

    #[test]
    fn complete_work_has_done_what_there_is() {
        let work = Progress::silent().stage("merge", "cells", 10);
        work.advance_to(7);
        work.complete();
        let Work { done, total, seconds_left, .. } = work.counters.work();
        assert_eq!((done, total, seconds_left), (7, 7, None));
    }
}
