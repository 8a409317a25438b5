//! How every file of a run is written: aside, synced, renamed, and its folder synced.
//!
//! A file under its final name is complete. A file left by a killed process ends in `.partial` and is never read.
//! Dropping a writer without [`ArtefactWriter::finish`] removes the partial file. An output that a user names may be a
//! pipe instead ([`crate::UserFiles`]), which is written directly.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::checksum::xxh3;
use crate::error::FormatError;
use crate::storage::Outlet;
use crate::storage::{Storage, WriteFile};

/// The suffix of a file that is being written.
pub(crate) const PARTIAL: &str = ".partial";

/// Bytes copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A finished file: its path, length and digest.
///
/// The digest is the XXH3 of the part that covers the rest: all of a plain file, the footer of a
/// framed file, the header of a tensor file.
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
    place: Place,
    file: Option<Box<dyn WriteFile>>,
    bytes: u64,
}

/// The destination of the bytes.
enum Place {
    /// A file aside, which is renamed to `target` in the end.
    Aside { aside: PathBuf, target: PathBuf },
    /// A pipe or a device.
    Stream,
}

impl ArtefactWriter {
    /// Opens `path.partial` for writing, and creates its folder if necessary.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let outlet = storage.outlet(path);
        let (place, file) = match outlet.map_err(|e| FormatError::io(path, "creating", e))? {
            Outlet::Stream(file) => (Place::Stream, file),
            Outlet::File(target) => {
                let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
                if let Some(parent) = parent {
                    let made = storage.create_dir(parent);
                    made.map_err(|e| FormatError::io(parent, "creating a folder", e))?;
                }
                let aside = aside_of(&target);
                let file = storage.create(&aside);
                let file = file.map_err(|e| FormatError::io(&aside, "creating", e))?;
                (Place::Aside { aside, target }, file)
            }
        };
        let (storage, path) = (Arc::clone(storage), path.to_path_buf());
        Ok(Self { storage, path, place, file: Some(file), bytes: 0 })
    }

    /// The same for a format that cannot be written into a pipe.
    ///
    /// # Errors
    /// [`FormatError::Unwritable`] if the output is one.
    pub fn create_file(
        storage: &Arc<dyn Storage>,
        path: &Path,
        format: &'static str,
    ) -> Result<Self, FormatError> {
        check_no_stream(storage, path, format)?;
        Self::create(storage, path)
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
        file.write_all(bytes)
            .map_err(|e| FormatError::io(self.place.path(&self.path), "writing", e))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Overwrites bytes that were appended before.
    pub fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
        let file = self.file.as_mut().expect("only finish takes the file");
        let path = self.place.path(&self.path);
        file.write_at(offset, bytes).map_err(|e| FormatError::io(path, "writing", e))
    }

    /// Makes the file durable and renames it to its final name.
    pub fn finish(mut self, xxh3: u64) -> Result<Published, FormatError> {
        let mut file = self.file.take().expect("only finish takes the file");
        let synced = file.sync();
        let done = synced.map_err(|e| FormatError::io(self.place.path(&self.path), "syncing", e));
        drop(file);
        if let Err(error) = done.and_then(|()| self.publish()) {
            self.remove();
            return Err(error);
        }
        Ok(Published { path: self.path.clone(), bytes: self.bytes, xxh3 })
    }

    fn publish(&self) -> Result<(), FormatError> {
        let Place::Aside { aside, target } = &self.place else {
            return Ok(());
        };
        self.storage
            .rename(aside, target)
            .map_err(|e| FormatError::io(target, "renaming into place", e))?;
        let parent = target.parent().unwrap_or(Path::new("."));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        self.storage.sync_dir(parent).map_err(|e| FormatError::io(parent, "syncing a folder", e))
    }

    /// Removes the partial file. This happens on the way out of an error that is already reported; a partial file that
    /// cannot be removed is harmless.
    fn remove(&self) {
        if let Place::Aside { aside, .. } = &self.place {
            let _ = self.storage.remove(aside);
        }
    }
}

impl Drop for ArtefactWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            self.remove();
        }
    }
}

impl Place {
    /// The path that an error of a write names.
    fn path<'a>(&'a self, path: &'a Path) -> &'a Path {
        match self {
            Self::Aside { aside, .. } => aside,
            Self::Stream => path,
        }
    }
}

/// Refuses a pipe or a device as an output, before anything is written or waited for.
///
/// # Errors
/// [`FormatError::Unwritable`].
pub fn check_no_stream(
    storage: &Arc<dyn Storage>,
    path: &Path,
    format: &'static str,
) -> Result<(), FormatError> {
    if !storage.is_stream_out(path) {
        return Ok(());
    }
    let what = "the output is a pipe or a device, but this format seeks in its file or needs others beside it; name a regular file";
    Err(FormatError::Unwritable { path: path.to_path_buf(), format, what: what.into() })
}

/// The first bytes of a file, at most this many.
pub(crate) fn first_bytes(
    storage: &Arc<dyn Storage>,
    path: &Path,
    most: u64,
) -> Result<Vec<u8>, FormatError> {
    let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
    let mut head = vec![0; file.len().min(most) as usize];
    file.read_exact_at(0, &mut head).map_err(|e| FormatError::io(path, "reading", e))?;
    Ok(head)
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

/// Copies a file; its digest then covers all its bytes.
pub fn copy_file(
    storage: &Arc<dyn Storage>,
    from: &Path,
    to: &Path,
) -> Result<Published, FormatError> {
    let mut writer = ArtefactWriter::create(storage, to)?;
    let digest = for_each_piece(storage, from, |piece| writer.append(piece))?;
    writer.finish(digest)
}

/// The digest of all bytes of a file, which is read in pieces and never mapped.
pub fn digest_file(storage: &Arc<dyn Storage>, path: &Path) -> Result<(u64, u64), FormatError> {
    let bytes = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?.len();
    Ok((bytes, for_each_piece(storage, path, |_| Ok(()))?))
}

/// Reads a file sequentially; returns the digest of all its bytes.
fn for_each_piece(
    storage: &Arc<dyn Storage>,
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), FormatError>,
) -> Result<u64, FormatError> {
    let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
    let (mut digest, mut piece, mut at) = (Xxh3::new(), vec![0; PIECE_BYTES], 0);
    while at < file.len() {
        piece.truncate((file.len() - at).min(PIECE_BYTES as u64) as usize);
        file.read_exact_at(at, &mut piece).map_err(|e| FormatError::io(path, "reading", e))?;
        each(&piece)?;
        digest.update(&piece);
        at += piece.len() as u64;
    }
    Ok(digest.digest())
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
