//! What happens after each epoch: an event, and the command of a user's own.
//!
//! `{epoch}`, `{loss}`, `{held_out_loss}`, `{rate}`, `{seconds}` and `{name}` are replaced with the values of the epoch's row; what it does
//! not say becomes `nan`. A command that fails is reported and changes nothing. What it prints is reported line by line, so that it
//! is neither a result nor an event.

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use wordmill_flow::{Context, Event, Progress};
use wordmill_train as train;

/// How long the end of the output is waited for once a command has ended. A process that it left in the background may keep its output
/// open; the training goes on then, and what comes later is reported when it comes.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest line that is reported in one piece.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// What is called with the row of each epoch of a trainer.
pub(super) fn on_epoch(ctx: &Context, trainer: &train::TrainConfig) -> Option<train::OnEpoch> {
    let (progress, name) = (ctx.progress.clone(), trainer.name.clone());
    let template = trainer.passes.on_epoch.clone();
    if template.is_empty() && progress.is_silent() {
        return None;
    }
    Some(train::OnEpoch(Arc::new(move |row| {
        let stage = format!("train:{name}");
        progress.event(|| Event::Epoch { stage, row: row.clone() });
        if template.is_empty() {
            return;
        }
        let line = filled(&template, &name, row);
        if let Err(what) = call(&progress, &line) {
            progress.warn(&format!("train {name}: on_epoch: {line}: {what}; training goes on"));
        }
    })))
}

/// The command of an epoch.
fn filled(template: &str, name: &str, row: &train::EpochRow) -> String {
    let number = |value: Option<f64>| value.map_or("nan".to_owned(), |value| value.to_string());
    template
        .replace("{epoch}", &row.epoch.to_string())
        .replace("{loss}", &row.loss.to_string())
        .replace("{held_out_loss}", &number(row.held_out_loss))
        .replace("{rate}", &number(row.rate))
        .replace("{seconds}", &row.seconds.to_string())
        .replace("{name}", name)
}

/// Runs a command by the shell of the system, and waits for it.
fn call(progress: &Progress, line: &str) -> Result<(), String> {
    let starting = |error| format!("starting it: {error}");
    let (reader, writer) = std::io::pipe().map_err(starting)?;
    let mut command = match cfg!(windows) {
        true => Command::new("cmd"),
        false => Command::new("sh"),
    };
    command.args([if cfg!(windows) { "/C" } else { "-c" }, line]).stdin(Stdio::null());
    command.stdout(writer.try_clone().map_err(starting)?).stderr(writer);
    let mut child = command.spawn().map_err(starting)?;
    // It holds the ends of the pipe that the child writes to.
    drop(command);
    let (ended, end) = mpsc::sync_channel::<()>(1);
    let progress = progress.clone();
    let read = move || {
        report_lines(&progress, reader);
        let _ = ended.try_send(());
    };
    std::thread::Builder::new().name("on_epoch".into()).spawn(read).map_err(starting)?;
    let status = child.wait().map_err(|error| format!("waiting for it: {error}"))?;
    let _ = end.recv_timeout(PATIENCE);
    if status.success() { Ok(()) } else { Err(format!("ended with {status}")) }
}

fn report_lines(progress: &Progress, output: PipeReader) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while std::io::Read::take(&mut output, LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .is_ok_and(|n| n > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        progress.event(|| Event::Output(text));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(held_out_loss: Option<f64>) -> train::EpochRow {
        let (epoch, visits, halvings) = (3, 4, 0);
        train::EpochRow {
            epoch,
            loss: 0.25,
            weight: 2.0,
            visits,
            seconds: 1.5,
            visits_per_second: 3.0,
            rate: Some(0.01),
            held_out_loss,
            gradient_norm: None,
            halvings,
        }
    }

    #[test]
    fn a_command_is_filled_in() {
        let template = "log {name} {epoch} {loss} {held_out_loss} {rate} {seconds} {else}";
        assert_eq!(filled(template, "a", &row(None)), "log a 3 0.25 nan 0.01 1.5 {else}");
        assert_eq!(filled("{held_out_loss}", "a", &row(Some(0.5))), "0.5");
    }

    #[test]
    #[cfg(unix)]
    fn a_command_that_fails_says_how() {
        let call = |line| call(&Progress::silent(), line);
        assert_eq!(call("exit 0"), Ok(()));
        assert!(call("exit 3").unwrap_err().contains('3'));
    }
    #[test]
    #[cfg(unix)]
    fn what_a_command_prints_is_reported_line_by_line() {
        let (sink, lines) = mpsc::channel();
        let sink = std::sync::Mutex::new(sink);
        let progress = Progress::new(move |event| {
            if let Event::Output(line) = event {
                sink.lock().unwrap().send(line.clone()).unwrap();
            }
        });
        assert_eq!(call(&progress, "echo one; echo two >&2; printf three"), Ok(()));
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
