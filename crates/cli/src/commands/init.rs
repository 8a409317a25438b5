//! `wordmill init`: a commented pipeline.toml, never over a file that is there.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use wordmill_formats::{FormatError, Outlet};

use super::given::messages;
use super::user_files;
use crate::args::InitArgs;
use wordmill_pipeline::config::{ConfigError, TEMPLATE};

/// Writes the template.
pub fn run(args: &InitArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let error = |error| FormatError::io(&args.path, "writing the template", error);
    let text = TEMPLATE.as_bytes();
    match user_files().outlet(&args.path).map_err(error)? {
        Outlet::Stream(mut pipe) => pipe.write_all(text).map_err(error)?,
        Outlet::File(target) => {
            write_new(&target, text).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    let what = "writing the template: there is such a file; name another one";
                    ConfigError::new(args.path.display(), what).into()
                }
                _ => {
                    anyhow::Error::from(FormatError::io(&args.path, "writing the template", error))
                }
            })?;
            let (path, mut out) = (args.path.display(), messages(&args.path, out));
            writeln!(out, "{path}: written; `wordmill run {path}` follows it")?;
        }
    }
    Ok(())
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
