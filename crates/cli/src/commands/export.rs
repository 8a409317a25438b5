//! `wordmill export`: vectors in another program's format.

use std::io::Write;

use wordmill_query::{ExportConfig, ExportScale, export};

use crate::args::ExportArgs;
use crate::commands::given::{Files, messages, refuse_same};

/// Writes the file.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    refuse_same(&args.vectors, &args.out, "exporting")?;
    let files = Files::to_write(&args.out, args.rows.bad_rows.into());
    let vectors = files.open(&args.vectors)?;
    let scale = match args.normalize {
        true => ExportScale::Unit,
        false => ExportScale::Keep,
    };
    let config = ExportConfig {
        format: args.format,
        which: args.which.into(),
        scale,
        top: args.top,
        element: args.dtype.into(),
        spaces: args.spaces.into(),
    };
    let exported = export(files.storage(), &config, &vectors, &args.out)?;
    let published = exported.published;
    let mut out = messages(&args.out, out);
    writeln!(out, "{}: {} bytes", published.path.display(), published.bytes)?;
    if let Some(loss) = exported.loss {
        writeln!(out, "{loss}")?;
    }
    Ok(())
}
