//! `wordmill info`: what a file is.

use std::io::Write;

use wordmill_query::describe;

use crate::args::InfoArgs;
use crate::commands::disk;

/// Describes the file.
pub fn run(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    write!(out, "{}", describe(&disk(), &args.file)?)?;
    Ok(())
}
