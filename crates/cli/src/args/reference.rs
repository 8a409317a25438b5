//! `docs/reference/commands.md`, generated from the commands as clap knows them.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::Cli;

const HEAD: &str = "# Commands

Every command and flag, generated from the program; `wordmill help COMMAND` prints the same. Where a file is named, `-` is standard input or
output. [Settings](settings.md) lists the keys that `--set` takes.
";

/// The page.
fn page() -> String {
    let mut program = Cli::command();
    program.build();
    let mut page = HEAD.to_owned();
    let shown = |command: &&mut Command| !command.is_hide_set();
    for command in program.get_subcommands_mut().filter(shown) {
        section(&mut page, command);
    }
    let codes = program.get_after_help().expect("exit codes").to_string();
    writeln!(page, "\n## Exit codes\n\n{}", codes.trim_start_matches("Exit codes: ")).unwrap();
    page
}

fn section(page: &mut String, command: &mut Command) {
    let usage = command.render_usage().to_string();
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default().replacen("\n\n", ".\n\n", 1);
    let about = about.trim_end_matches('.');
    let usage = usage.trim_start_matches("Usage: ");
    writeln!(page, "\n## {}\n\n{about}.\n\n```text\n{usage}\n```", command.get_name()).unwrap();
    let is_shown = |arg: &&Arg| !arg.is_hide_set() && arg.get_id() != "help";
    let args: Vec<&Arg> = command.get_arguments().filter(is_shown).collect();
    if !args.is_empty() {
        writeln!(page, "\n| | |\n|---|---|").unwrap();
    }
    for arg in args {
        let help = arg.get_long_help().or(arg.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let help = help.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>();
        let help = help.join(". ");
        writeln!(page, "| `{}` | {help}{} |", name_of(arg), values_of(arg)).unwrap();
    }
    if let Some(more) = command.get_after_long_help().or(command.get_after_help()) {
        writeln!(page, "\n```text\n{more}\n```").unwrap();
    }
}

/// `-n N`, `--set KEY=VALUE`, `VECTORS`.
fn name_of(arg: &Arg) -> String {
    let takes_value = !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let value = arg.get_value_names().filter(|_| takes_value).map(|names| names.join(" "));
    let value = value.unwrap_or_default().replace('|', "\\|");
    let flags = [
        arg.get_short().map(|short| format!("-{short}")),
        arg.get_long().map(|long| format!("--{long}")),
    ];
    let flags: Vec<String> = flags.into_iter().flatten().collect();
    let name = format!("{} {value}", flags.join(", "));
    name.trim().to_owned()
}

/// What a flag may be, and is without being written.
fn values_of(arg: &Arg) -> String {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let list = |values: Vec<String>| values.join(", ");
    let quoted = |value: &str| format!("`{value}`");
    let possible = arg.get_possible_values();
    let possible = list(possible.iter().map(|value| quoted(value.get_name())).collect());
    let default = arg.get_default_values().iter();
    let default = list(default.map(|value| quoted(&value.to_string_lossy())).collect());
    let mut values = String::new();
    if !possible.is_empty() && !is_switch {
        write!(values, ": {possible}").unwrap();
    }
    if !default.is_empty() && !is_switch {
        write!(values, " (default {default})").unwrap();
    }
    values
}

#[test]
fn the_reference_of_commands_is_generated() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/commands.md");
    let page = page();
    if std::env::var("WORDMILL_GOLDEN").is_ok_and(|it| it == "write") {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "WORDMILL_GOLDEN=write cargo test -p wordmill-cli writes {path:?}");
}
