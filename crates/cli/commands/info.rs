//! `wordmill info`: what a file is.

use std::io::Write;

use wordmill_query::describe;

use crate::args::InfoArgs;
use crate::commands::disk;
use crate::look::{Look, Tone};

/// Describes the file; titles stand out on a terminal.
pub fn run(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let look = Look::of_output();
    for line in describe(&disk(), &args.file)?.to_string().lines() {
        let tone = match line {
            _ if line.contains("NOT FINITE") => Some(Tone::Bad),
            _ if line.starts_with("  ") => None,
            _ => Some(Tone::Title),
        };
        let line = tone.map_or(line.to_owned(), |tone| look.paint(tone, line));
        writeln!(out, "{line}")?;
    }
    Ok(())
}
