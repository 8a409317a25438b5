//! A storage that records which files are read, written and removed, for tests of what a piece of work touches.
//!
//! A file that is created under another name and renamed is recorded under its last name. A file that is created and
//! removed again, such as a scratch file, is not recorded; nor is reading a file that was written since the record
//! began.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// What happened to files since the record began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Files that were opened or mapped, and files and folders that were checked, whether they existed or not.
    pub read: BTreeSet<PathBuf>,
    /// Files that were written, by their last name.
    pub written: BTreeSet<PathBuf>,
    /// Earlier files that were removed.
    pub removed: BTreeSet<PathBuf>,
}

/// Wraps a storage and records. Clones share the record.
#[derive(Clone, Debug)]
pub struct RecordingStorage {
    inner: Arc<dyn Storage>,
    record: Arc<Mutex<Record>>,
}

impl RecordingStorage {
    /// Wraps `inner`; the record is empty.
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self { inner, record: Arc::default() }
    }

    /// Returns the record and begins a new one.
    #[must_use]
    pub fn take(&self) -> Record {
        std::mem::take(&mut self.record())
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_read(&self, path: &Path) {
        let mut record = self.record();
        if !record.written.contains(path) {
            record.read.insert(path.to_path_buf());
        }
    }
}

impl Storage for RecordingStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.record().written.insert(path.to_path_buf());
        self.inner.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.note_read(path);
        self.inner.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.note_read(path);
        self.inner.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut record = self.record();
        if !record.written.remove(from) {
            record.removed.insert(from.to_path_buf());
        }
        record.written.insert(to.to_path_buf());
        drop(record);
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut record = self.record();
        if !record.written.remove(path) {
            record.removed.insert(path.to_path_buf());
        }
        drop(record);
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.note_read(dir);
        self.inner.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.note_read(path);
        self.inner.size(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::write_file;
    use crate::memory::MemoryStorage;

    #[test]
    fn files_count_by_their_last_name_and_scratch_files_do_not() {
        let recording = RecordingStorage::new(Arc::new(MemoryStorage::default()));
        let storage: Arc<dyn Storage> = Arc::new(recording.clone());
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
        write_file(&storage, Path::new("d/a"), b"a").unwrap();
        storage.open(Path::new("d/a")).unwrap();
        drop(storage.create(Path::new("d/scratch")).unwrap());
        storage.open(Path::new("d/scratch")).unwrap();
        storage.remove(Path::new("d/scratch")).unwrap();
        let record = recording.take();
        assert_eq!(record, Record { written: paths(&["d/a"]), ..Record::default() });
        storage.map(Path::new("d/a")).unwrap();
        assert!(storage.open(Path::new("d/b")).is_err());
        storage.list(Path::new("d")).unwrap();
        storage.remove(Path::new("d/a")).unwrap();
        let (read, removed) = (paths(&["d", "d/a", "d/b"]), paths(&["d/a"]));
        assert_eq!(recording.take(), Record { read, removed, ..Record::default() });
    }
}
