//! Write aside, sync, rename, sync the folder: how every file of a run comes into being.
//!
//! A file under its final name is whole. What a killed process leaves behind ends in `.partial`
//! and is never read. Dropping a writer without [`ArtefactWriter::finish`] removes the partial.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::storage::{Storage, WriteFile};
use crate::xxh3;

/// The ending of a file that is being written.
pub(crate) const PARTIAL: &str = ".partial";

/// A finished file: where it stands, how long it is, and its digest.
///
/// The digest is the XXH3 of the part that vouches for the rest: the whole of a plain file, the
/// footer of a framed file, the header of a tensor file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Path of the file.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest, see above.
    pub xxh3: u64,
}

/// A file being written aside.
pub struct ArtefactWriter {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    aside: PathBuf,
    file: Option<Box<dyn WriteFile>>,
    bytes: u64,
}

impl ArtefactWriter {
    /// Opens `path.partial` for writing, and its folder if need be.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            storage
                .create_dir(parent)
                .map_err(|e| FormatError::io(parent, "creating a folder", e))?;
        }
        let aside = aside_of(path);
        let file = storage.create(&aside).map_err(|e| FormatError::io(&aside, "creating", e))?;
        let storage = Arc::clone(storage);
        Ok(Self { storage, path: path.to_path_buf(), aside, file: Some(file), bytes: 0 })
    }

    /// The final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let file = self.file.as_mut().expect("only finish takes the file");
        file.write_all(bytes).map_err(|e| FormatError::io(&self.aside, "writing", e))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Overwrites bytes that were appended before.
    pub fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
        let file = self.file.as_mut().expect("only finish takes the file");
        file.write_at(offset, bytes).map_err(|e| FormatError::io(&self.aside, "writing", e))
    }

    /// Makes the file durable and gives it its name.
    pub fn finish(mut self, xxh3: u64) -> Result<Published, FormatError> {
        let mut file = self.file.take().expect("only finish takes the file");
        let done = file.sync().map_err(|e| FormatError::io(&self.aside, "syncing", e));
        drop(file);
        if let Err(error) = done.and_then(|()| self.publish()) {
            let _ = self.storage.remove(&self.aside);
            return Err(error);
        }
        Ok(Published { path: self.path.clone(), bytes: self.bytes, xxh3 })
    }

    fn publish(&self) -> Result<(), FormatError> {
        self.storage
            .rename(&self.aside, &self.path)
            .map_err(|e| FormatError::io(&self.path, "renaming into place", e))?;
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        self.storage.sync_dir(parent).map_err(|e| FormatError::io(parent, "syncing a folder", e))
    }
}

impl Drop for ArtefactWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The way here is an error that is already being reported; a partial that cannot be
            // removed is harmless.
            let _ = self.storage.remove(&self.aside);
        }
    }
}

/// Publishes a small file in one go; its digest covers all its bytes.
pub fn write_file(
    storage: &Arc<dyn Storage>,
    path: &Path,
    bytes: &[u8],
) -> Result<Published, FormatError> {
    let mut writer = ArtefactWriter::create(storage, path)?;
    writer.append(bytes)?;
    writer.finish(xxh3(bytes))
}

/// Reads a whole file of at most `limit_bytes`.
pub fn read_file(
    storage: &Arc<dyn Storage>,
    path: &Path,
    limit_bytes: u64,
) -> Result<Vec<u8>, FormatError> {
    let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
    if file.len() > limit_bytes {
        let what = format!("{} bytes long, at most {limit_bytes} were expected", file.len());
        return Err(FormatError::foreign(path, "a file of this kind", what));
    }
    let mut bytes = vec![0; usize::try_from(file.len()).expect("limited above")];
    file.read_exact_at(0, &mut bytes).map_err(|e| FormatError::io(path, "reading", e))?;
    Ok(bytes)
}

/// `path.partial`.
fn aside_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(PARTIAL);
    PathBuf::from(name)
}

/// Adapts [`ArtefactWriter::append`] to `io::Write` for text writers.
impl Write for ArtefactWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.append(buffer).map_err(|error| match error {
            FormatError::Io { source, .. } => source,
            other => io::Error::other(other),
        })?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
