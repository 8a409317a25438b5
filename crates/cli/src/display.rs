//! How a run is shown on standard error, and what of it goes to its log.
//!
//! On a terminal one bar for each work; otherwise a plain line every ten seconds and at the end; with `json` one event a line,
//! progress every second. Warnings are shown in every mode, unless `--quiet` asks for errors and results alone.

mod bar;
mod json;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wordmill_flow::{Event, Work, format_bytes, format_duration};
use wordmill_train::EpochRow;

use crate::log::{Level, Log};
use bar::short;

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
    /// Nothing but warnings.
    None,
}

/// How much is shown, in all commands: `--quiet`, neither, `--verbose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    /// Errors and results.
    Quiet,
    /// Warnings, messages and progress, too.
    Usual,
    /// Every unit of work, too.
    Verbose,
}

/// That of the process: it has one standard error.
static LOUDNESS: AtomicU8 = AtomicU8::new(Loudness::Usual as u8);

impl Loudness {
    /// Holds from now on.
    pub fn set(self) {
        LOUDNESS.store(self as u8, Ordering::Relaxed);
    }

    /// What holds now.
    pub fn now() -> Self {
        let all = [Self::Quiet, Self::Usual, Self::Verbose];
        all[usize::from(LOUDNESS.load(Ordering::Relaxed))]
    }
}

/// Shows events.
#[derive(Debug)]
pub struct Display {
    mode: ProgressMode,
    log: Option<Log>,
    /// Somebody wants to know now.
    asked: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The stage of the ledger that is at work.
    stage: Option<String>,
    /// When each work was shown last.
    works: BTreeMap<u64, Instant>,
    /// Whether the last line of the terminal is a bar.
    has_bar: bool,
}

impl Display {
    /// A display of the given mode.
    pub fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Json => mode,
            _ if Loudness::now() == Loudness::Quiet => ProgressMode::None,
            ProgressMode::Auto if io::stderr().is_terminal() => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            other => other,
        };
        Self { mode, log: None, asked: Arc::default(), state: Mutex::default() }
    }

    /// The same with a log.
    #[must_use]
    pub fn with_log(self, log: Option<Log>) -> Self {
        Self { log, ..self }
    }

    /// A flag, for signal handlers, that asks for a line about the work at hand, whatever the mode.
    pub fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.asked)
    }

    /// Whether there is somebody to read tables: a person, who has not asked for silence.
    pub fn shows_tables(&self) -> bool {
        !matches!(self.mode, ProgressMode::None | ProgressMode::Json)
    }

    /// Whether events are shown as JSON, errors among them.
    pub fn is_json(&self) -> bool {
        self.mode == ProgressMode::Json
    }

    /// Shows an event, or not, as the mode has it, and logs it.
    pub fn show(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::StageBegan { stage } => state.stage = Some(stage.clone()),
            Event::Started(work) => drop(state.works.insert(work.id, Instant::now())),
            _ => {}
        }
        if let (Some(log), Some((level, text))) = (&self.log, line(event))
            && log.write(level, &text)
        {
            self.print(&mut state, "wordmill: the log cannot be written");
        }
        match event {
            Event::Working(work) => self.go_on(&mut state, work),
            Event::Started(_) => {}
            Event::Ended(work) => {
                state.works.remove(&work.id);
                self.draw(&mut state, event, work);
            }
            event if self.wants(event) => match self.mode {
                ProgressMode::Json => self.json(&state, event),
                _ => {
                    let text = line(event).map(|(_, text)| text).unwrap_or_default();
                    let warns = matches!(event, Event::Warning(_));
                    self.print(&mut state, &format!("{}{text}", if warns { PROGRAM } else { "" }));
                }
            },
            _ => {}
        }
        if matches!(event, Event::StageEnded { .. }) {
            state.stage = None;
        }
    }

    /// A message for people.
    pub fn say(&self, text: &str) {
        self.show(&Event::Message(text.to_owned()));
    }

    /// An event of the program itself: with `json` an object, in the log a line, and nothing otherwise.
    pub fn tell(&self, kind: &str, level: Level, text: &str, rest: Value) {
        if let Some(log) = &self.log {
            log.write(level, text);
        }
        let is_wanted = Loudness::now() != Loudness::Quiet || matches!(kind, "error" | "result");
        if self.is_json() && is_wanted {
            print_line(&json::object(kind, self.state().stage.as_deref(), rest).to_string());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an event, but for progress, is shown.
    fn wants(&self, event: &Event) -> bool {
        let loudness = Loudness::now();
        match event {
            _ if loudness == Loudness::Quiet => false,
            Event::Warning(_) | Event::Output(_) => true,
            Event::Message(_) => self.mode != ProgressMode::None,
            Event::Detail(_) => loudness == Loudness::Verbose,
            _ => self.is_json() || loudness == Loudness::Verbose,
        }
    }

    fn go_on(&self, state: &mut State, work: &Work) {
        let interval = match self.mode {
            ProgressMode::Plain => Duration::from_secs(10),
            ProgressMode::Json => Duration::from_secs(1),
            _ => Duration::ZERO,
        };
        let event = Event::Working(work.clone());
        if self.asked.swap(false, Ordering::Relaxed) {
            match self.is_json() {
                true => self.json(state, &event),
                false => self.print(state, &plain(work)),
            }
        }
        // Of works within one another the one that began last is shown.
        let is_last = state.works.last_key_value().is_some_and(|(id, _)| *id == work.id);
        let Some(last) = state.works.get_mut(&work.id) else { return };
        if last.elapsed() >= interval && (is_last || self.mode != ProgressMode::Bar) {
            *last = Instant::now();
            self.draw(state, &event, work);
        }
    }

    fn draw(&self, state: &mut State, event: &Event, work: &Work) {
        let has_ended = matches!(event, Event::Ended(_));
        match self.mode {
            ProgressMode::None | ProgressMode::Auto => {}
            ProgressMode::Plain => print_line(&plain(work)),
            ProgressMode::Json if Loudness::now() == Loudness::Quiet => {}
            ProgressMode::Json => self.json(state, event),
            ProgressMode::Bar => {
                let line = bar::line(work, columns(), has_ended);
                let end = if has_ended { "\n" } else { "" };
                let _ = write!(io::stderr().lock(), "\r{line}\x1b[K{end}");
                state.has_bar = !has_ended;
            }
        }
    }

    fn json(&self, state: &State, event: &Event) {
        if let Some(object) = json::of_event(event, state.stage.as_deref()) {
            print_line(&object.to_string());
        }
    }

    /// A line for people, above the bar if there is one.
    fn print(&self, state: &mut State, line: &str) {
        match self.is_json() {
            true => {
                print_line(&json::object("warning", None, json!({"message": line})).to_string())
            }
            false if std::mem::take(&mut state.has_bar) => print_line(&format!("\r\x1b[K{line}")),
            false => print_line(line),
        }
    }
}

/// What messages about something that may be wrong begin with.
const PROGRAM: &str = "wordmill: ";

/// What an event says to people, and how important it is to a log.
fn line(event: &Event) -> Option<(Level, String)> {
    Some(match event {
        Event::Message(text) | Event::Output(text) => (Level::Info, text.clone()),
        Event::Warning(text) => (Level::Warn, text.clone()),
        Event::Detail(text) => (Level::Debug, text.clone()),
        Event::StageBegan { stage } => (Level::Info, format!("{stage}: begins")),
        Event::StageEnded { stage, seconds, is_done } => {
            let what = if *is_done { "done" } else { "not finished" };
            (Level::Info, format!("{stage}: {what} after {}", format_duration(*seconds)))
        }
        Event::Epoch { stage, row } => (Level::Info, epoch(stage, row)),
        Event::Ended(work) => (Level::Debug, plain(work)),
        _ => return None,
    })
}

fn epoch(stage: &str, row: &EpochRow) -> String {
    let mut text = format!("{stage}: epoch {}, loss {:.4}", row.epoch, row.loss);
    if let Some(loss) = row.held_out_loss {
        text += &format!(", held out {loss:.4}");
    }
    text + &format!(", {} visits/s, {}", short(row.visits_per_second), format_duration(row.seconds))
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

/// The columns of the terminal that standard error is.
fn columns() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0))
}

fn print_line(line: &str) {
    // Standard error may be closed; progress is not worth failing for.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use wordmill_flow::Progress;

    #[test]
    fn numbers_read_well() {
        assert_eq!([short(12_345_678.0), short(950.0)], ["12.3M", "950"]);
    }

    /// Some work: its name, unit, what is done and what there is, a loss.
    fn work(stage: &str, unit: &'static str, [done, total]: [u64; 2], loss: Option<f64>) -> Work {
        let (sink, events) = mpsc::channel();
        let sink = Mutex::new(sink);
        let progress = Progress::new(move |event| {
            if let Event::Ended(work) = event {
                sink.lock().unwrap().send(work.clone()).unwrap();
            }
        });
        let stage = progress.stage(stage, unit, total);
        stage.add(done);
        loss.inspect(|loss| stage.set_loss(*loss));
        drop(stage);
        let mut work = events.recv().unwrap();
        work.seconds_left = (total > done).then_some(65.0);
        (work.rate, work.seconds, work.resident_bytes) = (450_000.0, 83.0, 851_443_712);
        work
    }

    #[test]
    fn bars_fit_into_terminals_of_any_width_and_cut_no_number() {
        let works = [
            work("cooccur", "tokens", [892_300, 1_400_000], None),
            work("train a-name-that-is-rather-long", "tiles", [77, 123_456], Some(0.123_456)),
            work("tokenize", "bytes", [3_400_000_000, 0], None),
        ];
        for work in &works {
            for columns in 5..200 {
                for has_ended in [false, true] {
                    let line = bar::line(work, columns, has_ended);
                    assert!(line.chars().count() < columns, "{columns} columns: {line}");
                    let whole = bar::line(work, 400, has_ended);
                    for word in line.split([' ', '█', '░', ',']).filter(|word| !word.is_empty())
                    {
                        assert!(whole.contains(word), "{columns} columns: {word} of {line}");
                    }
                }
            }
        }
        let [counting, training, reading] = &works;
        let at = |work: &Work, columns: usize| bar::line(work, columns, false);
        assert_eq!(
            [60, 80, 120].map(|columns| at(counting, columns)),
            [
                "cooccur      ██████░░░░  63% 892.3k/1.4M tokens, 1m05s left",
                "cooccur      ███████░░░░  63% 892.3k/1.4M tokens, 450.0k/s, 1m05s left, 812 MiB",
                "cooccur      █████████████████████████░░░░░░░░░░░░░░░  63% 892.3k/1.4M tokens, 450.0k/s, 1m05s left, 812 MiB",
            ]
        );
        assert_eq!(at(training, 60), "train a-name-that-is-rather-long   0% 77/123.5k tiles");
        assert_eq!(at(reading, 60), "tokenize     3.4G bytes, 450.0k/s, 812 MiB");
        assert_eq!(
            bar::line(reading, 60, true),
            "tokenize     3.4G bytes, 450.0k/s, in 1m23s, 812 MiB"
        );
    }
}
