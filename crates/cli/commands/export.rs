//! `wordmill export`: vectors in another program's format.

use std::io::Write;

use wordmill_query::{ExportConfig, ExportScale, export};

use crate::args::ExportArgs;
use crate::commands::{disk, open_vectors};
use crate::config::ConfigError;

/// Writes the file.
pub fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_vectors(&args.vectors)?;
    let same = std::fs::canonicalize(&args.out).ok() == std::fs::canonicalize(&args.vectors).ok();
    if same {
        let what = "exporting: this is the vectors file itself; name another one";
        return Err(ConfigError::new(args.out.display(), what).into());
    }
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
    let exported = export(&disk(), &config, &vectors, &args.out)?;
    let published = exported.published;
    writeln!(out, "{}: {} bytes", published.path.display(), published.bytes)?;
    if let Some(loss) = exported.loss {
        writeln!(out, "{loss}")?;
    }
    Ok(())
}
