//! `wordmill plan`

use std::io::Write;

use crate::args::PlanArgs;

/// Runs the command.
pub fn run(args: &PlanArgs, _out: &mut dyn Write) -> anyhow::Result<()> {
    anyhow::bail!("wordmill plan is not there yet: {args:?}")
}
