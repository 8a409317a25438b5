//! `wordmill convert`: vectors of any known format in another one.

use std::io::Write;
use wordmill_formats::counted;

use wordmill_query::{ConvertConfig, ConvertFormat, convert, located};

use crate::args::ConvertArgs;
use crate::commands::given::{Files, messages, refuse_same, row_lines, written_line};

/// Writes the file.
pub fn run(args: &ConvertArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let format = match args.format {
        Some(format) => format,
        None => ConvertFormat::of_ending(&args.out)?,
    };
    let files = Files::to_write(&args.out, args.rows.bad_rows.into());
    let input = &*located(files.storage(), &args.input)?;
    refuse_same(input, &args.out, "converting")?;
    files.take(input)?;
    let config = ConvertConfig { format, rows: files.rows(), spaces: args.spaces.into() };
    let storage = files.output(&args.out, format.into())?;
    let done = convert(&storage, files.scratch(), &config, input, &args.out)?;
    let counts = if done.counts_known { "" } else { ", their counts are not known" };
    let mut out = messages(&args.out, out);
    writeln!(
        out,
        "{}: {}, {} of {} each{counts}",
        input.display(),
        done.from,
        counted(done.words as u64, "word"),
        counted(done.dim as u64, "number")
    )?;
    for line in row_lines(input, &done.rows) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", written_line(&done.written))?;
    Ok(())
}
