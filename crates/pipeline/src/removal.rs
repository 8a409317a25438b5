//! Removing a run: the files that it made, and nothing else that lies in its directory.

use std::io;
use std::path::Path;

use wordmill_formats::{FormatError, LockError, RunDir};

use crate::way_out::names_of_run;

/// The lock file.
const LOCK: &str = "run.lock";

/// Whether a run may begin or go on in a folder: it is a run directory, empty, or not there.
#[must_use]
pub fn is_free_for_run(folder: &Path) -> bool {
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
