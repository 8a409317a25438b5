//! `wordmill info`: what a file is.

use std::io::Write;

use wordmill_formats::compat::incoming::BadRows;
use wordmill_query::describe;

use crate::args::InfoArgs;
use crate::commands::given::Files;
use crate::style::{Meaning, Style};

/// Describes the file; titles stand out on a terminal.
pub fn run(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let files = Files::to_read(BadRows::Refuse);
    if !args.file.is_dir() {
        files.take(&args.file)?;
    }
    for line in describe(files.storage(), &args.file)?.to_string().lines() {
        let tone = match line {
            _ if line.contains("NOT FINITE") => Some(Meaning::Bad),
            _ if line.starts_with("  ") => None,
            _ => Some(Meaning::Title),
        };
        let line = tone.map_or(line.to_owned(), |tone| style.paint(tone, line));
        writeln!(out, "{line}")?;
    }
    Ok(())
}
