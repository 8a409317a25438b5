//! Files without a name, for data that a command needs only while it runs.
//!
//! A [`ScratchStorage`] gives each created path a file in one folder that no other process can see; the system removes
//! it when this process ends, however it ends. Mapping such a file is always safe.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{open_read, open_write, shared_map};
use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// Files of this process alone, by path.
#[derive(Debug)]
pub struct ScratchStorage {
    folder: PathBuf,
    files: Mutex<BTreeMap<PathBuf, Arc<File>>>,
}

impl ScratchStorage {
    /// Files on the disk of `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), files: Mutex::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a file of this path.
    pub fn has(&self, path: &Path) -> bool {
        self.files().contains_key(path)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<File>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error that names the folder, as the file has no name.
    fn named(folder: &Path, error: io::Error) -> io::Error {
        let what = format!("{error}, in {} (TMPDIR, or where the output goes)", folder.display());
        io::Error::new(error.kind(), what)
    }

    fn find(&self, path: &Path) -> io::Result<Arc<File>> {
        let file = self.files().get(path).map(Arc::clone);
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A scratch file being written.
struct ScratchWrite {
    file: Box<dyn WriteFile>,
    folder: PathBuf,
}

impl Write for ScratchWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer).map_err(|error| ScratchStorage::named(&self.folder, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl WriteFile for ScratchWrite {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_at(offset, bytes);
        written.map_err(|error| ScratchStorage::named(&self.folder, error))
    }

    fn sync(&mut self) -> io::Result<()> {
        // Nothing outlives the process.
        Ok(())
    }
}

impl Storage for ScratchStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|e| Self::named(&self.folder, e))?;
        let file = Arc::new(file);
        self.files().insert(path.to_path_buf(), Arc::clone(&file));
        Ok(Box::new(ScratchWrite { file: open_write(file), folder: self.folder.clone() }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        open_read(self.find(path)?)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        shared_map(&*self.find(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let inside = |path: &&PathBuf| path.parent() == Some(dir);
        Ok(self.files().keys().filter(inside).cloned().collect())
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        let file = self.files().get(path).map(Arc::clone);
        file.map(|file| Ok(file.metadata()?.len())).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::write_file;

    #[test]
    fn a_scratch_file_is_read_and_mapped_and_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let scratch: Arc<dyn Storage> = Arc::new(ScratchStorage::new(folder.path()));
        let path = Path::new("any/name");
        write_file(&scratch, path, b"content").unwrap();
        assert_eq!(scratch.size(path).unwrap(), Some(7));
        assert_eq!(scratch.map(path).unwrap()[..], *b"content");
        let mut bytes = [0; 3];
        scratch.open(path).unwrap().read_exact_at(2, &mut bytes).unwrap();
        assert_eq!(&bytes, b"nte");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        scratch.remove(path).unwrap();
        assert!(scratch.open(path).is_err() && scratch.size(path).unwrap().is_none());
    }
}
