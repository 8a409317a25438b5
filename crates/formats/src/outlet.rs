//! Resolves an output that a user names: a new file, or an existing pipe or device.
//!
//! A [`UserFiles`] storage handles the difference. A regular file is written aside and renamed; a link stays a link,
//! and its target is replaced; pipes, devices and standard output (`-`) are written directly and never renamed over. A
//! format that seeks in its file or has several files checks first ([`crate::ArtefactWriter::create_file`]). Artefacts
//! of a run are written by the storage itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{Mapped, Outlet, ReadFile, Storage, WriteFile};

/// The name of standard output.
const STANDARD: &str = "-";
/// The most links that are followed, as by the system.
const LINKS_MAX: usize = 40;

/// Whether an output of this path goes into something that exists and is not a regular file.
#[must_use]
pub fn is_stream_out(path: &Path) -> bool {
    path.as_os_str() == STANDARD
        || descriptor(path).is_some()
        || fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// A storage for files that a user names, in front of another one.
#[derive(Debug)]
pub struct UserFiles(pub Arc<dyn Storage>);

impl UserFiles {
    /// The destination of an output of this path.
    fn find(path: &Path) -> io::Result<Outlet> {
        if path.as_os_str() == STANDARD {
            return standard_output();
        }
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if let Some(descriptor) = descriptor(path) {
            return open_descriptor(&descriptor);
        }
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(about) if about.file_type().is_socket() => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a socket; name a file or a pipe",
            )),
            Ok(about) if !about.is_file() => Ok(stream(OpenOptions::new().write(true).open(path)?)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => follow(path).map(Outlet::File),
        }
    }
}

/// The path behind all links; the last one may lead to a file that does not exist yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            // It is not a link, or does not exist.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "its links lead nowhere"))
}

/// The open file of this process that a path leads to, as with `/dev/stdout` and `/dev/fd/3`.
fn descriptor(path: &Path) -> Option<PathBuf> {
    let own = PathBuf::from(format!("/proc/{}", std::process::id()));
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()?;
        let full = folder.join(path.file_name()?);
        if folder.starts_with(&own) && folder.ends_with("fd") {
            return Some(full);
        }
        path = folder.join(fs::read_link(&full).ok()?);
    }
    None
}

fn open_descriptor(path: &Path) -> io::Result<Outlet> {
    if path.file_name().is_some_and(|name| name == "1") {
        return standard_output();
    }
    // A regular file is appended to, as its opener may have written into it.
    let is_file = fs::metadata(path)?.is_file();
    Ok(stream(OpenOptions::new().write(true).append(is_file).open(path)?))
}

fn standard_output() -> io::Result<Outlet> {
    Ok(stream(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

fn stream(file: File) -> Outlet {
    Outlet::Stream(Box::new(Stream(file)))
}

struct Stream(File);

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteFile for Stream {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        // A pipe needs no sync; a device stores what it can.
        match self.0.metadata()?.file_type().is_block_device() {
            true => self.0.sync_all(),
            false => Ok(()),
        }
    }
}

impl Storage for UserFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.0.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.0.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.0.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.0.size(path)
    }

    fn outlet(&self, path: &Path) -> io::Result<Outlet> {
        Self::find(path)
    }

    fn is_stream_out(&self, path: &Path) -> bool {
        is_stream_out(path)
    }
}
