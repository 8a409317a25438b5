//! `wordmill verify`

use std::io::Write;

use crate::args::VerifyArgs;

/// Runs the command.
pub fn run(args: &VerifyArgs, _out: &mut dyn Write) -> anyhow::Result<()> {
    anyhow::bail!("wordmill verify is not there yet: {args:?}")
}
