//! `wordmill completions` and `wordmill man`: the command line for shells and manuals.

use std::io::Write;

use wordmill_formats::FormatError;

use crate::args::{Cli, CompletionsArgs, ManArgs};

/// Prints the script that completes commands and flags.
pub fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // The generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::shown(), "wordmill", &mut script);
    Ok(out.write_all(&script)?)
}

/// Prints the page of the program, or writes it and one for each command into a folder.
pub fn man(args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let command = Cli::shown();
    let Some(dir) = &args.dir else {
        return Ok(clap_mangen::Man::new(command).render(out)?);
    };
    let error = |error| FormatError::io(dir, "writing manual pages", error);
    std::fs::create_dir_all(dir).map_err(error)?;
    clap_mangen::generate_to(command, dir).map_err(error)?;
    writeln!(out, "{}: pages written; `man -l {0}/wordmill.1` shows the first", dir.display())?;
    Ok(())
}
