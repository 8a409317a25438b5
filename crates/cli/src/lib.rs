//! The program wordmill: arguments, commands, what they print, exit codes.
//!
//! [`main`] reads the command line (`args`), passes it to one of the `commands`, and turns errors into messages and exit codes
//! (`exit`). What a run is and what its stages do is known in the other crates. This is the only crate that prints, installs
//! signal handlers and reads the environment.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod args;
mod clock;
mod commands;
mod display;
mod exit;
mod log;
mod report;
mod session;
mod style;
mod summary;
mod topics;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Cli, Command};

/// Runs the program with the arguments of the process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    main_of(std::env::args_os())
}

/// The same with other arguments, the name of the program first.
#[must_use]
pub fn main_of(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words = args::joined_switches(arguments.into_iter().collect());
    if let Some(error) = args::one_dash(Cli::command(), &words) {
        error.exit();
    }
    let parsed = Cli::shown().try_get_matches_from(&words);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        // clap ends as soon as it sees the flag; the other arguments say how much is wanted.
        Err(error) if error.kind() == ErrorKind::DisplayVersion && is_verbose(&words) => {
            print!("{}", commands::version::text());
            return ExitCode::SUCCESS;
        }
        parsed => parsed.unwrap_or_else(|error| args::hinted(&words, error).exit()),
    };
    // Without it the end would be the system's; that is no reason not to begin.
    let _ = wordmill_formats::on_cut_map(exit::CUT_MAP, exit::BAD_ARTEFACT.into());
    let mut out = BufWriter::new(exit::Output(io::stdout().lock()));
    cli.loudness().set();
    let done = dispatch(&cli.command, &mut out);
    // A command that fails has often said where: `verify` tells all before it fails with the first.
    let flushed = out.flush();
    let done = done.and_then(|()| Ok(flushed?));
    // What a failed command left in the buffer was written, or cannot be.
    drop(out.into_parts());
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    let code = exit::code(&error);
    if code != 0 && !error.is::<exit::Reported>() {
        // Standard error may be closed; the exit code still tells.
        let _ = writeln!(io::stderr(), "wordmill: {}", exit::message(&error));
    }
    ExitCode::from(code)
}

/// Whether `-v` or `--verbose` is among the arguments, alone or with others in one.
fn is_verbose(arguments: &[OsString]) -> bool {
    let arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let is_short =
        |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains('v');
    arguments.into_iter().any(|text| text == "--verbose" || is_short(text))
}

fn dispatch(command: &Command, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => commands::run::run(args, out),
        Command::Train(args) => commands::train::run(args, out),
        Command::Plan(args) => commands::plan::run(args, out),
        Command::Status(args) => commands::status::run(args, out),
        Command::Clean(args) => commands::clean::run(args, out),
        Command::Verify(args) => commands::verify::run(args, out),
        Command::Init(args) => commands::init::run(args, out),
        Command::Schema => commands::schema::run(out),
        Command::Preview(args) => commands::preview::run(args, out),
        Command::Sample(args) => commands::sample::run(args, out),
        Command::Info(args) => commands::info::run(args, out),
        Command::Vector(args) => commands::vector::run(args, out),
        Command::Similar(args) => commands::similar::run(args, out),
        Command::Analogy(args) => commands::analogy::run(args, out),
        Command::Predict(args) => commands::predict::run(args, out),
        Command::Query(args) => commands::query::run(args, out),
        Command::Eval(args) => commands::eval::run(args, out),
        Command::Export(args) => commands::export::run(args, out),
        Command::Convert(args) => commands::convert::run(args, out),
        Command::Report(args) => commands::report::run(args, out),
        Command::Matrix(args) => commands::matrix::run(args, out),
        Command::ImportCounts(args) => commands::import_counts::run(args, out),
        Command::Help(args) => commands::help::run(args, out),
        Command::Doctor(args) => commands::doctor::run(args, out),
        Command::Completions(args) => commands::manual::completions(args, out),
        Command::Man(args) => commands::manual::man(args, out),
    }
}
