//! A queue of bytes: in memory up to a limit, in a scratch file beyond it.
//!
//! A spool is not an artefact and does not survive its process. Bytes read from its scratch file are compared with
//! those written.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::error::FormatError;
use crate::storage::{Storage, WriteFile};

const READ_BYTES: usize = 1 << 18;

/// A write-once, read-once byte queue of any length in bounded memory.
pub struct Spool {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Option<Box<dyn WriteFile>>,
    written: u64,
    held: Vec<u8>,
    limit_bytes: usize,
    digest: Xxh3,
}

impl Spool {
    /// Holds up to `limit_bytes` in memory; beyond that, writes to `path`.
    pub fn new(storage: &Arc<dyn Storage>, path: &Path, limit_bytes: usize) -> Self {
        let (storage, path) = (Arc::clone(storage), path.to_path_buf());
        let (file, held, digest) = (None, Vec::new(), Xxh3::new());
        Self { storage, path, file, written: 0, held, limit_bytes, digest }
    }

    /// Total length in bytes.
    pub fn bytes(&self) -> u64 {
        self.written + self.held.len() as u64
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        self.held.extend_from_slice(bytes);
        if self.held.len() > self.limit_bytes { self.flush() } else { Ok(()) }
    }

    /// Passes all bytes to `sink`, in pieces whose lengths are multiples of 8 except the last, and
    /// removes the scratch file.
    pub fn drain(
        mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        if self.file.is_none() {
            return sink(&self.held);
        }
        self.flush()?;
        let path = &self.path;
        let io = |attempt| move |e| FormatError::io(path, attempt, e);
        let file = self.storage.open(&self.path).map_err(io("opening a scratch file"))?;
        let mut buffer = vec![0; READ_BYTES];
        let (mut digest, mut offset) = (Xxh3::new(), 0);
        while offset < self.written {
            let bytes = (self.written - offset).min(READ_BYTES as u64) as usize;
            file.read_exact_at(offset, &mut buffer[..bytes])
                .map_err(io("reading a scratch file"))?;
            digest.update(&buffer[..bytes]);
            sink(&buffer[..bytes])?;
            offset += bytes as u64;
        }
        if digest.digest() != self.digest.digest() {
            let what = "it differs from what was written to it: check the disk and the memory of this machine";
            return Err(FormatError::corrupt(path, 0, what));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        let io = |e| FormatError::io(&self.path, "writing a scratch file", e);
        if self.file.is_none() {
            self.file = Some(self.storage.create(&self.path).map_err(io)?);
        }
        let file = self.file.as_mut().expect("opened above");
        file.write_all(&self.held).map_err(io)?;
        self.digest.update(&self.held);
        self.written += self.held.len() as u64;
        self.held.clear();
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // A scratch file that stays behind is overwritten by the next run.
            let _ = self.storage.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    #[test]
    fn a_scratch_file_that_changed_on_the_disk_is_noticed() {
        let memory = MemoryStorage::default();
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let mut spool = Spool::new(&storage, Path::new("s"), 0);
        spool.append(&[7; 100]).unwrap();
        let mut bytes = memory.snapshot().remove(Path::new("s")).unwrap();
        bytes[50] ^= 1;
        memory.create(Path::new("s")).unwrap().write_all(&bytes).unwrap();
        assert!(spool.drain(|_| Ok(())).unwrap_err().is_bad_artefact());
    }

    #[test]
    fn what_goes_in_comes_out_under_any_limit() {
        for limit in [0, 3, 100, 5000] {
            let memory = MemoryStorage::default();
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            let mut spool = Spool::new(&storage, Path::new("s"), limit);
            let expected: Vec<u8> = (0..4000u32).map(|i| (i * 7) as u8).collect();
            expected.chunks(37).for_each(|chunk| spool.append(chunk).unwrap());
            assert_eq!(spool.bytes(), 4000);
            let mut found = Vec::new();
            spool
                .drain(|bytes| {
                    found.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            assert_eq!(found, expected);
            assert!(memory.snapshot().is_empty(), "the scratch file is gone");
        }
    }
}
