//! `wordmill convert`: vectors of any known format in another one.

use std::io::Write;

use wordmill_query::{ConvertFormat, convert};

use crate::args::ConvertArgs;
use crate::commands::disk;
use crate::config::ConfigError;

/// Writes the file.
pub fn run(args: &ConvertArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let format = match args.format {
        Some(format) => format,
        None => ConvertFormat::of_ending(&args.out)?,
    };
    let same = std::fs::canonicalize(&args.out).ok() == std::fs::canonicalize(&args.input).ok();
    if same && args.input.exists() {
        let what = "converting: this is the file that is read; name another one";
        return Err(ConfigError::new(args.out.display(), what).into());
    }
    let done = convert(&disk(), format, &args.input, &args.out)?;
    let counts = if done.counts_known { "" } else { ", their counts are not known" };
    writeln!(
        out,
        "{}: {}, {} words of {} numbers{counts}",
        args.input.display(),
        done.from,
        done.words,
        done.dim
    )?;
    writeln!(out, "{}: {} bytes", args.out.display(), done.written.bytes)?;
    Ok(())
}
