//! The command of a user's own after each epoch.
//!
//! `{epoch}`, `{loss}`, `{held_out_loss}`, `{rate}`, `{seconds}` and `{name}` stand for what the row of the epoch says; what it does
//! not say becomes `nan`. A command that fails is told and changes nothing.

use std::process::{Command, Stdio};
use std::sync::Arc;

use wordmill_flow::Context;
use wordmill_train as train;

/// What calls the command of a trainer, if it has one.
pub(super) fn on_epoch(ctx: &Context, trainer: &train::TrainConfig) -> Option<train::OnEpoch> {
    if trainer.passes.on_epoch.is_empty() {
        return None;
    }
    let (progress, name) = (ctx.progress.clone(), trainer.name.clone());
    let template = trainer.passes.on_epoch.clone();
    Some(train::OnEpoch(Arc::new(move |row| {
        let line = filled(&template, &name, row);
        if let Err(what) = call(&line) {
            progress.say(&format!("train {name}: on_epoch: {line}: {what}; training goes on"));
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

/// Runs a command by the shell of the system, and waits for it. What it prints goes to standard error, apart from results.
fn call(line: &str) -> Result<(), String> {
    let mut command = match cfg!(windows) {
        true => Command::new("cmd"),
        false => Command::new("sh"),
    };
    command.args([if cfg!(windows) { "/C" } else { "-c" }, line]);
    let output = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match output {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ended with {status}")),
        Err(error) => Err(format!("starting it: {error}")),
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
        assert_eq!(call("exit 0"), Ok(()));
        assert!(call("exit 3").unwrap_err().contains('3'));
    }
}
