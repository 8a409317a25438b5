//! The tokeniser `command:PROGRAM ARGUMENTS`: a user's program that reads lines and writes lines of words.
//!
//! Every text has its own copy of the program, so several run at once, and the result for one text cannot depend on
//! another. The program gets the lines on its standard input, one by one, then end of file; for each it must write
//! exactly one line, with words separated by white space. A program that cannot be started, ends with an error, or
//! writes too few or too many lines ends the run. It is killed with the run.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wordmill_flow::NoThreads;
use wordmill_formats::counted;

use super::lines::{Item, Lines, Stop};
use crate::error::TextError;

/// Limit of the bytes that a program may write: this many per byte of its input, and this many
/// besides.
const MOST_TIMES: u64 = 64;
const MOST_BYTES: u64 = 1 << 20;
/// How much of its standard error is shown: its end.
const TOLD_BYTES: usize = 2000;
/// How often to check for a stop, and whether it has ended.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_AT_END: Duration = Duration::from_millis(2);

/// Splits a command line as a shell would: at white space, but not within quotes of either kind.
///
/// # Errors
/// A quote that does not end, or no word at all.
pub fn words_of(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c.is_whitespace() => words.extend(word.take()),
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match (quote, words.is_empty()) {
        (Some(quote), _) => Err(format!("the quote {quote} does not end")),
        (None, true) => Err("there is no program in it".to_owned()),
        (None, false) => Ok(words),
    }
}

/// A program as a tokeniser.
pub(super) struct Program {
    line: String,
}

/// The input of a program.
#[derive(Clone, Copy)]
struct Given {
    bytes: u64,
    lines: u64,
    /// Whether the last line has an end.
    last_has_end: bool,
}

impl Program {
    pub(super) fn new(line: &str) -> Self {
        Self { line: line.to_owned() }
    }

    fn error(&self, problem: String) -> TextError {
        TextError::Input {
            path: format!("command:{}", self.line),
            tried: "cutting lines into words",
            problem,
            way_out: "it must write one line, words separated by spaces, for each line it reads",
        }
    }

    fn start(&self) -> Result<Child, TextError> {
        let words = words_of(&self.line).map_err(|problem| self.error(problem))?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map_err(|error| self.error(format!("starting {:?}: {error}", words[0])))
    }

    /// Reads one line for each line of the input, and checks that there are no more.
    fn read(
        &self,
        given: Given,
        output: impl Read,
        each: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), TextError> {
        let Given { bytes, lines, last_has_end } = given;
        let most = bytes.saturating_mul(MOST_TIMES).saturating_add(MOST_BYTES);
        let mut output = BufReader::new(output.take(most));
        let mut line = Vec::new();
        for number in 0..lines {
            line.clear();
            let read = output.read_until(b'\n', &mut line);
            if read.map_err(|error| self.error(format!("reading what it wrote: {error}")))? == 0 {
                return Err(match output.get_ref().limit() {
                    0 => self.error(format!("it wrote more than {most} bytes for {bytes}")),
                    _ => self.error(format!("it wrote {} for {lines}", counted(number, "line"))),
                });
            }
            let text = std::str::from_utf8(&line)
                .map_err(|_| self.error(format!("its line {} is not UTF-8", number + 1)))?;
            text.split_whitespace().for_each(|word| each(Item::Word(word)));
            if number + 1 < lines || last_has_end {
                each(Item::LineEnd);
            }
        }
        match output.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => {
                Err(self
                    .error(format!("it wrote more than {} for {lines}", counted(lines, "line"))))
            }
            Err(error) => Err(self.error(format!("reading what it wrote: {error}"))),
        }
    }

    /// The result: the exit status of the program takes precedence over errors in its lines.
    fn outcome(
        &self,
        read: Result<(), TextError>,
        ended: io::Result<ExitStatus>,
        said: &[u8],
    ) -> Result<(), TextError> {
        let ended = ended.map_err(|error| self.error(format!("waiting for it: {error}")))?;
        let said = String::from_utf8_lossy(said);
        let said = match said.trim() {
            "" => String::new(),
            said => format!("; it said: {said}"),
        };
        match (read, ended.success()) {
            // If the program was killed because of its lines, its exit status is no failure.
            (Err(error), _) if ended.code().is_none() => Err(error),
            (Err(error @ TextError::NoThreads(_)), _) => Err(error),
            (Ok(()) | Err(_), false) => Err(self.error(format!("it ended with {ended}{said}"))),
            (Err(TextError::Input { problem, .. }), true) => Err(self.error(problem + &said)),
            (read, true) => read,
        }
    }
}

impl Lines for Program {
    fn split(
        &mut self,
        text: &str,
        stop: &Stop<'_>,
        each: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), TextError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut child = self.start()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(self.error("it has no standard streams".to_owned()));
        };
        let child = Mutex::new(child);
        let last_has_end = text.ends_with('\n');
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() + usize::from(!last_has_end);
        let given = Given { bytes: text.len() as u64, lines: lines as u64, last_has_end };
        let (done, is_done) = channel();
        let (read, ended, said) = thread::scope(|scope| {
            let watched = &child;
            let errors = started(scope, "errors", || tail(errors));
            let others = started(scope, "lines", || write(input, text))
                .and_then(|_| started(scope, "watch", move || watch(watched, &is_done, stop)));
            let (errors, read) = match (errors, others) {
                (Ok(errors), Ok(_)) => (Some(errors), self.read(given, output, each)),
                (Err(error), _) | (_, Err(error)) => (None, Err(error.into())),
            };
            if read.is_err() {
                // It may be waiting for its output to be read, or never end.
                give_time(&child);
                let _ = locked(&child).kill();
            }
            let ended = wait(&child);
            drop(done);
            (read, ended, errors.map_or_else(Vec::new, |it| it.join().unwrap_or_default()))
        });
        // The exit status of a program that was killed with the run is no failure.
        stop()?;
        self.outcome(read, ended, &said)
    }
}

fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that serves the program.
fn started<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>, NoThreads> {
    let builder = thread::Builder::new().name(format!("tokenizer-{name}"));
    builder.spawn_scoped(scope, work).map_err(|source| NoThreads::new(name, source))
}

/// Writes all lines. If a program does not read them, its output will show it.
fn write(input: ChildStdin, text: &str) {
    let mut input = BufWriter::new(input);
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).is_err() {
            return;
        }
    }
    let _ = input.flush();
}

/// Kills the program when the run should stop.
fn watch(child: &Mutex<Child>, done: &Receiver<()>, stop: &Stop<'_>) {
    while done.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if stop().is_err() {
            let _ = locked(child).kill();
            return;
        }
    }
}

/// Waits for a program that is about to end, so that its exit status can be reported.
fn give_time(child: &Mutex<Child>) {
    for _ in 0..50 {
        if !matches!(locked(child).try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(LOOK_AT_END);
    }
}

fn wait(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = locked(child).try_wait()? {
            return Ok(status);
        }
        thread::sleep(LOOK_AT_END);
    }
}

/// The last bytes of a stream.
fn tail(mut stream: impl Read) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let more = kept.len().saturating_sub(TOLD_BYTES);
        kept.drain(..more);
    }
    kept
}

#[cfg(test)]
mod tests {
    use wordmill_flow::Cancel;

    use super::*;

    fn run(line: &str, text: &str) -> Result<String, String> {
        let mut found = String::new();
        let split = Program::new(line).split(text, &|| Ok(()), &mut |item| match item {
            Item::Word(word) => found += &format!("{word} "),
            Item::LineEnd => found.push('|'),
        });
        split.map(|()| found).map_err(|error| error.to_string())
    }

    fn check(line: &str, text: &str, expected: Result<&str, &str>) {
        match (run(line, text), expected) {
            (Ok(found), expected) => assert_eq!(Ok(found.as_str()), expected, "{line}"),
            (Err(error), Ok(_)) => panic!("{line}: {error}"),
            (Err(error), Err(says)) => {
                assert!(error.starts_with(&format!("command:{line}: ")), "{error}");
                assert!(error.contains(says), "{says:?} is not in {error:?}");
            }
        }
    }

    #[test]
    fn command_lines_are_parted_as_a_shell_does() {
        let parted = |line: &str| words_of(line).map(|words| words.join("|"));
        assert_eq!(parted("a  b 'c d' \"e'f\" g\"h i\"j ''").as_deref(), Ok("a|b|c d|e'f|gh ij|"));
        assert_eq!(parted("a 'b").unwrap_err(), "the quote ' does not end");
        assert_eq!(parted("  ").unwrap_err(), "there is no program in it");
    }

    #[test]
    fn a_line_comes_back_for_each_line() {
        check("cat", "a b\n\n  c\td \n", Ok("a b ||c d |"));
        check("cat", "a\r\nb", Ok("a |b "));
        check("sed 's/-/ /g'", "a-b\nc\n", Ok("a b |c |"));
        check("sed s/a/한국/", "a\n", Ok("한국 |"));
        check("cat", "", Ok(""));
        // More than the buffer of a pipe, in both directions.
        let long = "word \n".repeat(200_000);
        assert_eq!(run("cat", &long).unwrap().len(), 200_000 * 6);
    }

    #[test]
    fn a_program_that_breaks_the_rule_is_reported() {
        let text = "a\nb\nc\n";
        check("no-such-program", text, Err("starting \"no-such-program\": "));
        check("head -n 2", text, Err("it wrote 2 lines for 3"));
        check("sed p", text, Err("it wrote more than 3 lines for 3"));
        check(
            "sh -c 'cat; echo bad >&2; exit 3'",
            text,
            Err("it ended with exit status: 3; it said: bad"),
        );
        check("sh -c 'read a; echo $a; exit 4'", text, Err("it ended with exit status: 4"));
        check("sh -c 'kill -9 $$'", text, Err("it wrote 0 lines for 3"));
        check("printf 'a\\377\\nb\\nc\\n'", text, Err("its line 1 is not UTF-8"));
        check("yes", text, Err("it wrote more than 3 lines for 3"));
        check("head -c 3000000 /dev/zero", text, Err("bytes for 6"));
    }

    #[test]
    fn a_program_that_never_ends_is_killed_with_the_run() {
        let mut program = Program::new("tail -f /dev/null");
        let cancel = Cancel::new(None);
        cancel.stop();
        let split = program.split("a\n", &|| Ok(cancel.check()?), &mut |_| {});
        assert!(matches!(split, Err(TextError::Stopped(_))), "{split:?}");
    }
}
