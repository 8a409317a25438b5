//! How progress is shown on standard error.
//!
//! On a terminal one bar a stage; otherwise a plain line every ten seconds and at the end; with `json` one event a line every
//! second. Warnings are shown whatever the mode.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wordmill_flow::{Event, Work, format_bytes, format_duration};

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

/// Shows events.
#[derive(Debug)]
pub struct Display {
    mode: ProgressMode,
    /// Somebody wants to know now.
    asked: Arc<AtomicBool>,
    works: Mutex<BTreeMap<u64, Shown>>,
}

/// Work that is being shown.
#[derive(Debug)]
struct Shown {
    last: Instant,
    bar: Option<ProgressBar>,
}

impl Display {
    /// A display of the given mode.
    pub fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto if io::stderr().is_terminal() => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            other => other,
        };
        Self { mode, asked: Arc::default(), works: Mutex::default() }
    }

    /// A flag, for signal handlers, that asks for a line about the work at hand, whatever the mode.
    pub fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Whether messages are shown.
    pub fn is_silent(&self) -> bool {
        self.mode == ProgressMode::None
    }

    /// Shows an event, or not, as the mode has it.
    pub fn show(&self, event: &Event) {
        match event {
            Event::Message(text) => self.say(text),
            Event::Warning(text) => print_line(&format!("wordmill: {text}")),
            Event::Started(work) => {
                let bar = (self.mode == ProgressMode::Bar).then(|| new_bar(&work.stage));
                self.works().insert(work.id, Shown { last: Instant::now(), bar });
            }
            Event::Working(work) => self.go_on(work),
            Event::Ended(work) => {
                if let Some(shown) = self.works().remove(&work.id) {
                    self.draw(work, &shown);
                    shown.bar.inspect(ProgressBar::finish);
                }
            }
            _ => {}
        }
    }

    /// A message for people: an event with `json`, nothing with `none`.
    pub fn say(&self, text: &str) {
        match self.mode {
            ProgressMode::None => {}
            ProgressMode::Json => print_line(&serde_json::json!({ "message": text }).to_string()),
            _ => print_line(text),
        }
    }

    fn works(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Shown>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, work: &Work) {
        let interval = match self.mode {
            ProgressMode::Plain => Duration::from_secs(10),
            ProgressMode::Json => Duration::from_secs(1),
            _ => Duration::ZERO,
        };
        let mut works = self.works();
        let Some(shown) = works.get_mut(&work.id) else { return };
        if self.asked.swap(false, Ordering::Relaxed) {
            match (self.mode, &shown.bar) {
                (ProgressMode::Json, _) => print_line(&event(work)),
                (_, Some(bar)) => bar.suspend(|| print_line(&plain(work))),
                (_, None) => print_line(&plain(work)),
            }
        }
        if shown.last.elapsed() >= interval {
            shown.last = Instant::now();
            self.draw(work, shown);
        }
    }

    fn draw(&self, work: &Work, shown: &Shown) {
        match self.mode {
            ProgressMode::None | ProgressMode::Auto => {}
            ProgressMode::Bar => {
                if let Some(bar) = &shown.bar {
                    bar.set_length(work.total);
                    bar.set_position(work.done);
                    bar.set_message(sentence(work));
                }
            }
            ProgressMode::Plain => print_line(&plain(work)),
            ProgressMode::Json => print_line(&event(work)),
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

/// A line of JSON.
fn event(work: &Work) -> String {
    serde_json::json!({
        "stage": work.stage, "unit": work.unit, "done": work.done, "total": work.total,
        "rate": work.rate, "eta_s": work.seconds_left, "rss_bytes": work.resident_bytes,
        "loss": work.loss,
    })
    .to_string()
}

/// A line for people.
fn plain(work: &Work) -> String {
    format!("{}: {} in {}", work.stage, sentence(work), format_duration(work.seconds))
}

fn sentence(work: &Work) -> String {
    let Work { done, total, unit, rate, .. } = *work;
    let mut text = match total > done {
        true => format!("{}/{} {unit}", short(done as f64), short(total as f64)),
        false if done == 1 => format!("1 {}", unit.trim_end_matches('s')),
        false => format!("{} {unit}", short(done as f64)),
    };
    text += &format!(", {}/s, {}", short(rate), format_bytes(work.resident_bytes));
    if let Some(loss) = work.loss {
        text += &format!(", loss {loss:.4}");
    }
    if let Some(seconds) = work.seconds_left {
        text += &format!(", {} left", format_duration(seconds));
    }
    text
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

fn print_line(line: &str) {
    // Standard error may be closed; progress is not worth failing for.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([short(12_345_678.0), short(950.0)], ["12.3M", "950"]);
    }
}
