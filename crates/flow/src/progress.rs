//! Progress: counters that workers add to, and one thread that shows them.
//!
//! On a terminal one bar a stage; otherwise a plain line every ten seconds and at the end; with
//! `json` one event a line every second. Everything goes to standard error. Hot loops add in
//! batches; nothing is drawn by a worker.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::budget::format_bytes;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar on a terminal, plain lines otherwise.
    Auto,
    /// Always a bar.
    Bar,
    /// Plain lines.
    Plain,
    /// One JSON event a line.
    Json,
    /// Nothing.
    None,
}

/// Makes the progress of stages.
#[derive(Clone, Debug)]
pub struct Progress {
    mode: ProgressMode,
    plain_interval: Duration,
    /// Somebody wants to know now.
    asked: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Counters {
    stage: String,
    unit: &'static str,
    total: AtomicU64,
    done: AtomicU64,
    /// Bits of an f64; NaN while there is no loss.
    loss: AtomicU64,
    peak_bytes: AtomicU64,
    started: Instant,
    ended: AtomicBool,
    bar: Option<ProgressBar>,
}

/// The progress of one stage. Dropping it ends the display.
#[derive(Debug)]
pub struct StageProgress {
    counters: Arc<Counters>,
    mode: ProgressMode,
    painter: Mutex<Option<JoinHandle<()>>>,
}

const TICK: Duration = Duration::from_millis(100);

impl Progress {
    /// Progress in the given mode.
    pub fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            other => other,
        };
        Self { mode, plain_interval: Duration::from_secs(10), asked: Arc::default() }
    }

    /// A flag, for signal handlers, that asks for a line about the stage at work, whatever the mode.
    pub fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Whether nothing is to be shown.
    pub fn is_silent(&self) -> bool {
        self.mode == ProgressMode::None
    }

    /// A message for people, between stages; silent with `none`, an event with `json`.
    pub fn say(&self, message: &str) {
        match self.mode {
            ProgressMode::None => {}
            ProgressMode::Json => {
                print_line(&serde_json::json!({ "message": message }).to_string())
            }
            _ => print_line(message),
        }
    }

    /// Begins a stage of `total` units (0: not known yet).
    pub fn stage(&self, stage: &str, unit: &'static str, total: u64) -> StageProgress {
        let counters = Arc::new(Counters {
            stage: stage.into(),
            unit,
            total: AtomicU64::new(total),
            done: AtomicU64::new(0),
            loss: AtomicU64::new(f64::NAN.to_bits()),
            peak_bytes: AtomicU64::new(0),
            started: Instant::now(),
            ended: AtomicBool::new(false),
            bar: (self.mode == ProgressMode::Bar).then(|| new_bar(stage)),
        });
        let (shared, progress) = (Arc::clone(&counters), self.clone());
        let paint = move || paint_until_ended(&shared, &progress);
        // Where the system starts no more threads, work goes on without a display.
        let painter = Mutex::new(thread::Builder::new().name("progress".into()).spawn(paint).ok());
        StageProgress { counters, mode: self.mode, painter }
    }
}

impl StageProgress {
    /// Adds finished units.
    pub fn add(&self, units: u64) {
        self.counters.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Says how many units are done, where some are already, or are done again.
    pub fn set_done(&self, units: u64) {
        self.counters.done.store(units, Ordering::Relaxed);
    }

    /// Says how many units there are, once that is known.
    pub fn set_total(&self, total: u64) {
        self.counters.total.store(total, Ordering::Relaxed);
    }

    /// Shows a loss beside the rate.
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

    /// Highest resident memory seen so far, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.counters.sample_memory();
        self.counters.peak_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for StageProgress {
    fn drop(&mut self) {
        self.counters.ended.store(true, Ordering::Relaxed);
        if let Some(painter) = self.painter.lock().unwrap_or_else(PoisonError::into_inner).take() {
            painter.thread().unpark();
            // A painter that panicked has nothing left to show.
            let _ = painter.join();
        }
        self.counters.show(self.mode);
        if let Some(bar) = &self.counters.bar {
            bar.finish();
        }
    }
}

fn new_bar(stage: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix:>14} {wide_bar} {msg}");
    bar.set_style(style.expect("the template is valid"));
    bar.set_prefix(stage.to_owned());
    bar
}

fn paint_until_ended(counters: &Counters, progress: &Progress) {
    let mode = progress.mode;
    let interval = match mode {
        ProgressMode::Plain => progress.plain_interval,
        ProgressMode::Json => Duration::from_secs(1),
        _ => TICK,
    };
    let mut shown = Instant::now();
    while !counters.ended.load(Ordering::Relaxed) {
        counters.sample_memory();
        if progress.asked.swap(false, Ordering::Relaxed) {
            counters.answer(mode);
        }
        if shown.elapsed() >= interval {
            counters.show(mode);
            shown = Instant::now();
        }
        thread::park_timeout(TICK);
    }
    counters.sample_memory();
}

impl Counters {
    fn sample_memory(&self) {
        self.peak_bytes.fetch_max(resident_bytes(), Ordering::Relaxed);
    }

    fn show(&self, mode: ProgressMode) {
        let done = self.done.load(Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed).max(done);
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = done as f64 / seconds.max(1e-3);
        let left = (total > done && done > 0).then(|| (total - done) as f64 / rate);
        let loss = f64::from_bits(self.loss.load(Ordering::Relaxed));
        match mode {
            ProgressMode::None | ProgressMode::Auto => {}
            ProgressMode::Bar => {
                let bar = self.bar.as_ref().expect("made for this mode");
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(self.sentence(done, total, rate, left, loss));
            }
            ProgressMode::Plain => {
                let sentence = self.sentence(done, total, rate, left, loss);
                print_line(&format!("{}: {sentence} in {}", self.stage, format_duration(seconds)));
            }
            ProgressMode::Json => {
                let event = serde_json::json!({
                    "stage": self.stage, "unit": self.unit, "done": done, "total": total,
                    "rate": rate, "eta_s": left, "rss_bytes": resident_bytes(),
                    "loss": (!loss.is_nan()).then_some(loss),
                });
                print_line(&event.to_string());
            }
        }
    }

    /// One line for somebody who has asked, in a mode that shows no lines by itself too.
    fn answer(&self, mode: ProgressMode) {
        match (mode, &self.bar) {
            (ProgressMode::Json, _) => self.show(mode),
            (_, Some(bar)) => bar.suspend(|| self.show(ProgressMode::Plain)),
            (_, None) => self.show(ProgressMode::Plain),
        }
    }

    fn sentence(&self, done: u64, total: u64, rate: f64, left: Option<f64>, loss: f64) -> String {
        let mut text = match total > done {
            true => format!("{}/{} {}", short(done as f64), short(total as f64), self.unit),
            false if done == 1 => format!("1 {}", self.unit.trim_end_matches('s')),
            false => format!("{} {}", short(done as f64), self.unit),
        };
        text += &format!(", {}/s, {}", short(rate), format_bytes(resident_bytes()));
        if !loss.is_nan() {
            text += &format!(", loss {loss:.4}");
        }
        if let Some(seconds) = left {
            text += &format!(", {} left", format_duration(seconds));
        }
        text
    }
}

/// `12.3M`, `450k`, `17`.
fn short(value: f64) -> String {
    for (limit, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= limit {
            return format!("{:.1}{suffix}", value / limit);
        }
    }
    format!("{value:.0}")
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

/// Resident memory of this process in bytes; 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Memory of this process that is no map of a file, in bytes; 0 where the system does not say.
pub fn own_resident_bytes() -> u64 {
    status_bytes("RssAnon:")
}

/// Highest resident memory of this process in bytes; 0 where the system does not say.
pub fn peak_resident_bytes() -> u64 {
    status_bytes("VmHWM:")
}

fn status_bytes(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|kib| kib.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

fn print_line(line: &str) {
    // Standard error may be closed; progress is not worth failing for.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_numbers_read_well() {
        let progress = Progress::new(ProgressMode::None).stage("merge", "cells", 10);
        progress.add(3);
        progress.add(4);
        assert_eq!(progress.done(), 7);
        assert_eq!([format_duration(4.21), format_duration(3900.0)], ["4.2s", "1h05m"]);
        assert_eq!([short(12_345_678.0), short(950.0)], ["12.3M", "950"]);
    }
}
