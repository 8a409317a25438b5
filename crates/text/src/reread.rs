//! Files that are read more than once: lists, models, `tokenizer.json`.

use std::fs;
use std::io;
use std::path::Path;

/// Reads a file that is opened once before its stage begins and again by the stage.
///
/// # Errors
/// Errors of the system; a pipe or a device, which would be empty at the second reading.
pub fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other(
            "it is not a regular file, but has to be read more than once; write it to a file first",
        ));
    }
    fs::read(path)
}
