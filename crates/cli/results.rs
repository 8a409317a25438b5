//! What a run shows at its end.

use std::io::Write;

use wordmill_formats::RunDir;

use crate::config::Config;

/// Prints the results of a run.
pub fn print(dir: &RunDir, _config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", dir.root().display())?;
    Ok(())
}
