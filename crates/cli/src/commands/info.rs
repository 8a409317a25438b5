//! `wordmill info`: what a file is.

use std::io::Write;

use serde_json::{Map, Value, json};
use wordmill_formats::compat::incoming::BadRows;
use wordmill_query::describe;

use crate::args::InfoArgs;
use crate::commands::given::Files;
use crate::style::{Meaning, Style};

/// Describes the file; a terminal shows titles in bold.
pub fn run(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let files = Files::to_read(BadRows::Refuse);
    if !args.file.is_dir() {
        files.take(&args.file)?;
    }
    let about = describe(files.storage(), &args.file)?;
    if args.json {
        let facts: Map<String, Value> =
            about.facts.into_iter().map(|(name, fact)| (name, fact.into())).collect();
        let spreads = about.spreads.iter().map(|(name, spread)| (name.clone(), json!(spread)));
        let all = json!({
            "path": about.path, "what": about.what, "bytes": about.bytes, "facts": facts,
            "spreads": spreads.collect::<Map<_, _>>(), "settings": about.settings,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    for line in about.to_string().lines() {
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
