//! Run directories that lie beside an output until that is written: whether one may, and how it is removed.
//!
//! Only what a run has made is removed, and nothing else that lies in its directory.

use std::io;
use std::path::Path;

use wordmill_flow::Progress;
use wordmill_formats::{FormatError, LockError, RunDir};

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::texts;
use crate::way_out::names_of_run;

/// The lock file.
const LOCK: &str = "run.lock";

/// Refuses an output that is one of the texts, and a run directory that is among them or a folder of something else.
///
/// # Errors
/// What is in the way; texts that cannot be found.
pub fn check_place(config: &Config, out: &Path) -> Result<(), Error> {
    let run = &config.run.dir;
    if !is_free(run) {
        let what =
            "there are other files in this folder; name another one for the run: --run-dir DIR";
        return Err(ConfigError::new(run.display(), what).into());
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    // Its folder may not be there yet.
    let parent = std::path::absolute(run).ok();
    let parent = parent.and_then(|run| run.ancestors().skip(1).find_map(real));
    let is_around = |folder: &&Path| {
        let folder = real(folder).filter(|folder| folder.is_dir());
        folder.zip(parent.as_ref()).is_some_and(|(folder, parent)| parent.starts_with(folder))
    };
    if let Some(folder) = config.corpus.inputs.iter().map(Path::new).find(is_around) {
        let (run, folder) = (run.display(), folder.display());
        let what = format!(
            "its run directory {run} would be among the texts of {folder}; write the vectors elsewhere, or add --run-dir DIR"
        );
        return Err(ConfigError::new(out.display(), what).into());
    }
    // A list that comes through a pipe can be read once.
    if config.corpus.inputs.iter().any(|input| input == "@-") {
        return Ok(());
    }
    let out_is = real(out);
    for input in texts::inputs(config, &Progress::silent())? {
        if out_is.is_some() && real(Path::new(&input.name)) == out_is {
            let what = "writing the vectors: this is a text that is read; name another file";
            return Err(ConfigError::new(out.display(), what).into());
        }
    }
    Ok(())
}

/// Whether a run may begin or go on in a folder: it is a run directory, empty, or not there.
fn is_free(folder: &Path) -> bool {
    let is_run = ["run.json", LOCK].iter().any(|name| folder.join(name).is_file());
    is_run
        || std::fs::read_dir(folder).map_or(!folder.exists(), |mut inside| inside.next().is_none())
}

/// Removes what a run made in its directory on disk, and the directory if nothing else is in it.
///
/// # Errors
/// A directory in which another process works; files that cannot be removed.
pub fn remove_run(dir: &RunDir) -> Result<(), LockError> {
    let root = dir.root();
    if !root.join("run.json").is_file() && !root.join(LOCK).is_file() {
        return Ok(());
    }
    let lock = dir.lock()?;
    for name in names_of_run().iter().map(String::as_str).chain([LOCK]) {
        let path = root.join(name);
        let removed = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
        if let Err(error) = removed.or_else(none_is_there) {
            return Err(FormatError::io(&path, "removing", error).into());
        }
    }
    drop(lock);
    // Whatever is left belongs to somebody else.
    let _ = std::fs::remove_dir(root);
    Ok(())
}

fn none_is_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
