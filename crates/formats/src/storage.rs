//! The storage trait: the few operations that wordmill needs of a file system.
//!
//! Terms: [`Storage`] names and moves files, [`WriteFile`] is one being written, [`ReadFile`] one being read at
//! offsets, [`Mapped`] one mapped (or held) in memory. The implementations are the disk, scratch files, memory for
//! tests, a double that fails on purpose, one that counts bytes, and one that records what is touched. This module
//! knows no format.

use std::fmt::{self, Debug};
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::meter::Meter;

/// Where files live. Write-once: a file is created, written, synced, renamed, and then only read.
pub trait Storage: Debug + Send + Sync {
    /// Creates (or empties) a file for writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens a file for reading at offsets.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Maps a whole file.
    fn map(&self, path: &Path) -> io::Result<Mapped>;
    /// Renames a file, replacing `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder and its parents; an existing one is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes renames and removals in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The files of a folder, sorted; an absent folder has none.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// The length of a file in bytes, or `None` if there is no such file.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;
    /// What an output of this path becomes: by default a file of this path.
    fn outlet(&self, path: &Path) -> io::Result<Outlet> {
        Ok(Outlet::File(path.to_path_buf()))
    }
    /// Whether an output of this path is a pipe or a device.
    fn is_stream_out(&self, _: &Path) -> bool {
        false
    }
    /// The size of its files, if it is measured.
    fn meter(&self) -> Option<&Meter> {
        None
    }
}

/// What an output becomes.
pub enum Outlet {
    /// A file of this path, new or replacing another.
    File(PathBuf),
    /// A pipe or a device, which takes bytes in order.
    Stream(Box<dyn WriteFile>),
}

impl fmt::Debug for Outlet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => out.write_str("Stream"),
        }
    }
}

/// A file being written sequentially, which allows patching bytes already written.
pub trait WriteFile: Write + Send {
    /// Overwrites bytes that were written before.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Waits until everything written is durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file being read. Shared by threads, as every read has an offset.
pub trait ReadFile: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;
    /// Fills the buffer from `offset`; fails if the file ends before.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Whether the file is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The bytes of a whole file: a memory map, or (from memory) shared 8-byte-aligned words.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// A map of a file on disk.
    Map(Arc<memmap2::Mmap>),
    /// Bytes held in memory: the words and the length in bytes.
    Held(Arc<[u64]>, usize),
}

impl Mapped {
    /// Copies bytes into aligned memory.
    pub fn held(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self::Held(words.into(), bytes.len())
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Held(words, bytes) => &bytemuck::cast_slice(words)[..*bytes],
        }
    }
}

/// Reads a [`ReadFile`] sequentially.
pub struct FileReader {
    file: Arc<dyn ReadFile>,
    offset: u64,
    end: u64,
}

impl FileReader {
    /// Reads the bytes `start..end` of a file.
    pub fn new(file: Arc<dyn ReadFile>, start: u64, end: u64) -> Self {
        Self { file, offset: start, end }
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.offset);
        let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.file.read_exact_at(self.offset, &mut buffer[..bytes])?;
        self.offset += bytes as u64;
        Ok(bytes)
    }
}
