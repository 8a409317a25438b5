//! The arguments of commands that take long: how they show what they do.

use std::path::PathBuf;

use clap::Args;

use super::values::{LevelArg, ProgressArg};

/// How a command that takes long shows what it does.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Progress: auto|bar|plain|json|none
    ///
    /// How to show progress, on standard error: bars on a terminal and plain lines
    /// elsewhere (auto), always bars, always lines, JSON events for programs
    /// (docs/reference/json.md), or nothing but warnings.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressArg,
    /// Append what happens to a file
    ///
    /// Each line has its time and level.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Level of --log: error|warn|info|debug
    ///
    /// Lines that are less important are not logged. info has stages, epochs and
    /// messages; debug has each unit of work and the settings, too.
    #[arg(long, value_name = "LEVEL", default_value = "info", requires = "log")]
    pub log_level: LevelArg,
}
