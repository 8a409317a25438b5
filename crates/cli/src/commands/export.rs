//! `wordmill export`: vectors in another program's format.

use std::io::Write;

use wordmill_query::{ConvertFormat, ExportConfig, ExportScale, export};

use crate::args::ExportArgs;
use crate::commands::given::{Files, messages, refuse_same, written_line};

/// Writes the file.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let format = match args.format {
        Some(format) => format,
        None => ConvertFormat::of_ending(&args.out)?.into(),
    };
    refuse_same(&args.vectors, &args.out, "exporting")?;
    let files = Files::to_write(&args.out, args.rows.bad_rows.into());
    let vectors = files.open(&args.vectors)?;
    let scale = match args.normalize {
        true => ExportScale::Unit,
        false => ExportScale::Keep,
    };
    let config = ExportConfig {
        format,
        which: args.which.into(),
        scale,
        top: args.top,
        element: args.dtype.into(),
        spaces: args.spaces.into(),
    };
    let storage = files.output(&args.out, format)?;
    let exported = export(&storage, &config, &vectors, &args.out)?;
    let published = exported.published;
    let mut out = messages(&args.out, out);
    writeln!(out, "{}", written_line(&published))?;
    if let Some(loss) = exported.loss {
        writeln!(out, "{loss}")?;
    }
    Ok(())
}
