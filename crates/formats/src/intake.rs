//! Opens files that a user names: pipes, devices and packed files are copied to files that can be read at any offset.
//!
//! Readers of vectors read a file more than once and at any offset. An [`Intake`] is a storage in front of another one:
//! a pipe, standard input or packed file is read once by [`Intake::take`], sequentially, into a scratch file, which
//! replaces the path from then on. A plain file is read directly. Artefacts of a run never go through it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compat::stranger::Stranger;
use crate::compression::{Compression, HEAD_BYTES};
use crate::error::FormatError;
use crate::scratch::ScratchStorage;
use crate::storage::Outlet;
use crate::storage::{FileReader, Mapped, ReadFile, Storage, WriteFile};

/// Bytes copied at a time.
const PIECE_BYTES: usize = 1 << 18;
/// The name of standard input.
const STANDARD: &str = "-";

/// A storage in which pipes and packed files can be read like others.
#[derive(Debug)]
pub struct Intake {
    inner: Arc<dyn Storage>,
    scratch: ScratchStorage,
}

/// How a file that could not be read directly was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The path, as it was named.
    pub path: PathBuf,
    /// The program that packed it.
    pub compression: Option<Compression>,
    /// Whether it is not a regular file, and could be read only once.
    pub is_stream: bool,
    /// Its unpacked length.
    pub bytes: u64,
}

impl Intake {
    /// Reads through `inner`; scratch files are on the disk of `folder`.
    pub fn new(inner: Arc<dyn Storage>, folder: &Path) -> Self {
        Self { inner, scratch: ScratchStorage::new(folder) }
    }

    /// Copies the file at a path, unless it is a plain one; then it returns `None`.
    ///
    /// # Errors
    /// For a file that is missing, damaged, packed in an unsupported way, or an archive of others; storage errors.
    pub fn take(&self, path: &Path) -> Result<Option<Taken>, FormatError> {
        let io = |attempt| move |e| FormatError::io(path, attempt, e);
        if self.scratch.has(path) {
            return Ok(None);
        }
        if is_stream(path) {
            let raw = open_stream(path).map_err(io("opening"))?;
            return self.copy(path, raw, Origin::Stream).map(Some);
        }
        let file = self.inner.open(path).map_err(io("opening"))?;
        let mut head = vec![0; file.len().min(HEAD_BYTES as u64) as usize];
        file.read_exact_at(0, &mut head).map_err(io("reading"))?;
        match Compression::of(&head) {
            None => check_known(path, &head).map(|()| None),
            Some(_) => {
                let raw = FileReader::new(Arc::clone(&file), 0, file.len());
                self.copy(path, raw, Origin::File).map(Some)
            }
        }
    }

    /// Copies the stream, unpacked if it is packed, into the scratch file.
    fn copy(&self, path: &Path, raw: impl Read, origin: Origin) -> Result<Taken, FormatError> {
        let mut raw = BufReader::with_capacity(PIECE_BYTES, raw);
        let mut head = Vec::new();
        let read = raw.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
        read.map_err(|e| FormatError::io(path, "reading", e))?;
        let compression = Compression::of(&head);
        check_known(path, &head)?;
        let whole = Cursor::new(head).chain(raw);
        let bytes = match compression {
            None => self.pour(path, whole, "reading")?,
            Some(compression) => {
                let unpacked =
                    compression.unpack(whole).map_err(|e| damaged(path, compression, e))?;
                self.pour(path, unpacked, compression.name()).map_err(|error| match error {
                    FormatError::Io { source, attempt, .. } if attempt == compression.name() => {
                        damaged(path, compression, source)
                    }
                    error => error,
                })?
            }
        };
        let path = path.to_path_buf();
        Ok(Taken { path, compression, is_stream: origin == Origin::Stream, bytes })
    }

    /// Copies bytes into the scratch file; `attempt` is used in the error of a failed read.
    fn pour(
        &self,
        path: &Path,
        mut from: impl Read,
        attempt: &'static str,
    ) -> Result<u64, FormatError> {
        let folder = self.scratch.folder();
        let full = |e| FormatError::io(folder, "writing a temporary file", e);
        let aside = path.join("aside");
        let mut file = self.scratch.create(&aside).map_err(full)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut bytes = 0;
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => {
                    file.write_all(&piece[..read]).map_err(full)?;
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FormatError::io(path, attempt, error)),
            }
        }
        self.scratch.rename(&aside, path).map_err(full)?;
        Ok(bytes)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Stream,
    File,
}

/// Whether a path names an existing file that can be read only once: standard input, a pipe, a device, a socket.
pub fn is_stream(path: &Path) -> bool {
    if path.as_os_str() == STANDARD {
        return true;
    }
    std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

fn open_stream(path: &Path) -> io::Result<Box<dyn Read>> {
    if path.as_os_str() == STANDARD {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(path)?))
}

fn check_known(path: &Path, head: &[u8]) -> Result<(), FormatError> {
    match Stranger::of(head) {
        Some(stranger) => Err(stranger.error(path)),
        None => Ok(()),
    }
}

fn damaged(path: &Path, compression: Compression, error: io::Error) -> FormatError {
    if error.raw_os_error().is_some() {
        return FormatError::io(path, "reading", error);
    }
    let what = format!("it is packed with {}: {error}", compression.name());
    FormatError::foreign(path, "a file that can be unpacked here", what)
}

impl fmt::Display for Taken {
    /// Describes what was done.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, compression, is_stream, bytes } = self;
        match compression {
            Some(packed) => write!(out, "{}: unpacked with {}", path.display(), packed.name())?,
            None => write!(out, "{}: read to its end", path.display())?,
        }
        let once = if *is_stream { ", as it can be read only once" } else { "" };
        write!(out, " into a temporary file of {bytes} bytes{once}")
    }
}

impl Storage for Intake {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.inner.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        if self.scratch.has(path) { self.scratch.open(path) } else { self.inner.open(path) }
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        if self.scratch.has(path) { self.scratch.map(path) } else { self.inner.map(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        if self.scratch.has(path) { self.scratch.size(path) } else { self.inner.size(path) }
    }

    fn outlet(&self, path: &Path) -> io::Result<Outlet> {
        self.inner.outlet(path)
    }

    fn is_stream_out(&self, path: &Path) -> bool {
        self.inner.is_stream_out(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskStorage;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    /// What `take` returns for a file with these bytes, and what is read in its place.
    fn check(bytes: &[u8], expected: Result<(bool, &[u8]), &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, bytes).unwrap();
        let intake = Intake::new(Arc::new(DiskStorage), folder.path());
        let taken = match (intake.take(&path), expected) {
            (Err(error), Err(says)) => {
                assert!(error.is_bad_artefact() && error.to_string().contains(says), "{error}");
                return;
            }
            (taken, _) => taken.unwrap(),
        };
        let (is_taken, content) = expected.expect("it is refused");
        assert_eq!(taken.is_some(), is_taken);
        assert_eq!(intake.map(&path).unwrap()[..], *content);
        assert_eq!(intake.size(&path).unwrap(), Some(content.len() as u64));
        assert!(intake.take(&path).unwrap().is_none(), "once");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is seen");
    }

    #[test]
    fn packed_files_are_read_by_what_they_hold() {
        check(b"plain", Ok((false, b"plain")));
        check(b"", Err("it is empty"));
        check(&gzip(b"packed"), Ok((true, b"packed")));
        check(&gzip(b""), Ok((true, b"")));
        check(&gzip(b"cut off")[..15], Err("gzip"));
        check(b"PK\x03\x04rest", Err("unzip -p"));
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar");
        check(&tar, Err("tar -xOf"));
    }
}
