//! Storage that measures how many bytes its files take, and the peak.
//!
//! A [`Meter`] counts bytes written, and the sizes of files removed or replaced. Files that existed
//! before are added once.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::meter::Meter;
use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// A storage behind a meter.
#[derive(Debug)]
pub struct MeteredStorage<S> {
    inner: S,
    meter: Arc<Meter>,
}

struct MeteredWrite {
    inner: Box<dyn WriteFile>,
    meter: Arc<Meter>,
}

impl<S: Storage> MeteredStorage<S> {
    /// Adds a meter to a storage.
    pub fn new(inner: S) -> Self {
        Self { inner, meter: Arc::default() }
    }

    /// Counts the existing files of these folders.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn count(&self, folders: impl IntoIterator<Item = PathBuf>) -> io::Result<()> {
        for folder in folders {
            for file in self.inner.list(&folder)? {
                self.meter.add(self.inner.size(&file)?.unwrap_or(0));
            }
        }
        Ok(())
    }

    fn forget(&self, path: &Path) {
        if let Ok(Some(bytes)) = self.inner.size(path) {
            self.meter.subtract(bytes);
        }
    }
}

impl<S: Storage> Storage for MeteredStorage<S> {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.forget(path);
        let inner = self.inner.create(path)?;
        Ok(Box::new(MeteredWrite { inner, meter: Arc::clone(&self.meter) }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.inner.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.inner.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let replaced = self.inner.size(to).ok().flatten();
        self.inner.rename(from, to)?;
        self.meter.subtract(replaced.unwrap_or(0));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.inner.size(path).ok().flatten();
        self.inner.remove(path)?;
        self.meter.subtract(removed.unwrap_or(0));
        Ok(())
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
        self.inner.size(path)
    }

    fn meter(&self) -> Option<&Meter> {
        Some(&self.meter)
    }
}

impl Write for MeteredWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = self.inner.write(buffer)?;
        self.meter.add(bytes as u64);
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl WriteFile for MeteredWrite {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    #[test]
    fn the_meter_follows_writes_renames_and_removals() {
        let memory = MemoryStorage::default();
        memory.create(Path::new("d/old")).unwrap().write_all(&[0; 100]).unwrap();
        let storage = MeteredStorage::new(memory);
        storage.count([PathBuf::from("d")]).unwrap();
        let meter = storage.meter().unwrap();
        let check = |live, peak| assert_eq!((meter.live_bytes(), meter.peak_bytes()), (live, peak));
        check(100, 100);
        storage.create(Path::new("d/a")).unwrap().write_all(&[0; 30]).unwrap();
        check(130, 130);
        storage.create(Path::new("d/a")).unwrap().write_all(&[0; 10]).unwrap();
        check(110, 130);
        storage.rename(Path::new("d/a"), Path::new("d/old")).unwrap();
        check(10, 130);
        meter.reset_peak();
        storage.remove(Path::new("d/old")).unwrap();
        check(0, 10);
        assert!(storage.remove(Path::new("d/old")).is_err());
        check(0, 10);
    }
}
