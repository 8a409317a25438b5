//! Files that are read more than once: lists, models, `tokenizer.json`.

use std::fs;
use std::io;
use std::path::Path;

/// Reads a file that is looked at before its stage begins and read by the stage again.
///
/// # Errors
/// What the system says; a pipe or a device, of which the second reading would find nothing.
pub fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other(
            "it is not a regular file, but has to be read more than once; write it to a file first",
        ));
    }
    fs::read(path)
}
