//! `wordmill status`

use std::io::Write;

use crate::args::StatusArgs;

/// Runs the command.
pub fn run(args: &StatusArgs, _out: &mut dyn Write) -> anyhow::Result<()> {
    anyhow::bail!("wordmill status is not there yet: {args:?}")
}
