//! Storage on the real disk. It has the only memory map of the program.

use std::borrow::Borrow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::FormatError;
use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// Files of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStorage;

struct DiskWrite<F>(F);

struct DiskRead<F> {
    file: F,
    bytes: u64,
}

/// A file of this process, being written.
pub(crate) fn open_write(file: Arc<File>) -> Box<dyn WriteFile> {
    Box::new(DiskWrite(file))
}

/// The same, being read.
pub(crate) fn open_read(file: Arc<File>) -> io::Result<Arc<dyn ReadFile>> {
    let bytes = file.metadata()?.len();
    Ok(Arc::new(DiskRead { file, bytes }))
}

/// A map of an open file; `None` if it is empty.
pub(crate) fn shared_map(file: &File) -> io::Result<Mapped> {
    if file.metadata()?.len() == 0 {
        return Ok(Mapped::held(&[]));
    }
    // SAFETY: a map is sound as long as no process changes the file under it. Artefacts are written aside and published
    // by rename, and never changed in place; a run directory is locked by the process that works in it; scratch files
    // have no name. Other processes may change a file that a user names: if it is truncated, reading the lost part
    // raises SIGBUS, which ends the program (`on_cut_map`), and never returns bytes that are not in the file.
    Ok(Mapped::Map(Arc::new(unsafe { memmap2::Mmap::map(file)? })))
}

/// Writes a message to standard error and ends the process with `code` if a mapped file is truncated, or its disk
/// fails, while it is being read. Without it the system's message is "Bus error". The program should call it once.
///
/// # Errors
/// If the system refuses the handler.
pub fn on_cut_map(message: &'static str, code: i32) -> io::Result<()> {
    let end = move || {
        // One write of existing bytes; if it is incomplete, nothing can be done about it.
        let _ = rustix::io::write(rustix::stdio::stderr(), message.as_bytes());
        signal_hook::low_level::exit(code);
    };
    // SAFETY: the handler only writes to a descriptor and exits; both are async-signal-safe.
    unsafe { signal_hook::low_level::register(signal_hook::consts::SIGBUS, end) }.map(drop)
}

impl Storage for DiskStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(DiskWrite(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Arc::new(DiskRead { file, bytes: metadata.len() }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        shared_map(&file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                paths.push(entry.path());
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Bytes that a user may still write on the disk of a path, which need not exist yet.
///
/// # Errors
/// If the system cannot report it.
pub fn free_bytes(path: &Path) -> Result<u64, FormatError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(&absolute);
    let found = rustix::fs::statvfs(there)
        .map_err(|e| FormatError::io(there, "reading the free space", e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// How many files this process may have open at once; `None` if there is no limit.
#[must_use]
pub fn open_file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

impl<F: Borrow<File>> Write for DiskWrite<F> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.borrow().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow().flush()
    }
}

impl<F: Borrow<File> + Send> WriteFile for DiskWrite<F> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow().write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.borrow().sync_all()
    }
}

impl<F: Borrow<File> + Send + Sync> ReadFile for DiskRead<F> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.borrow().read_exact_at(buffer, offset)
    }
}
