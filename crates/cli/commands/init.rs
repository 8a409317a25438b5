//! `wordmill init`: a commented pipeline.toml, never over a file that is there.

use std::fs::OpenOptions;
use std::io::{self, Write};

use wordmill_formats::FormatError;

use crate::args::InitArgs;
use crate::config::{ConfigError, TEMPLATE};

/// Writes the template.
pub fn run(args: &InitArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let path = args.path.display().to_string();
    let created = OpenOptions::new().write(true).create_new(true).open(&args.path);
    let mut file = created.map_err(|error| {
        let way_out = match error.kind() {
            io::ErrorKind::AlreadyExists => "; name another file, or delete this one first",
            _ => "",
        };
        ConfigError::new(&path, format!("writing the template: {error}{way_out}"))
    })?;
    let written = file.write_all(TEMPLATE.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| FormatError::io(&args.path, "writing the template", error))?;
    writeln!(out, "{path}: written; `wordmill run {path}` follows it")?;
    Ok(())
}
