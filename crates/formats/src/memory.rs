//! Storage in memory, for tests: stricter than a disk, because it can lose what was not synced.
//!
//! Each file has its live bytes and the bytes of its last sync; each name is live at once but
//! durable only after its folder was synced. [`MemoryStorage::power_cut`] forgets the rest.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// Files held in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    names: Arc<Mutex<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    live: BTreeMap<PathBuf, Inode>,
    durable: BTreeMap<PathBuf, Inode>,
}

type Inode = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct Content {
    live: Vec<u8>,
    synced: Vec<u8>,
}

struct MemoryWrite(Inode);

struct MemoryRead(Vec<u8>);

impl MemoryStorage {
    /// Forgets every byte and every name that was not made durable by a sync.
    pub fn power_cut(&self) {
        let mut names = lock(&self.names);
        names.live = names.durable.clone();
        for inode in names.live.values() {
            let mut content = lock(inode);
            content.live = content.synced.clone();
        }
    }

    /// Every live file with its bytes: what a test compares.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let names = lock(&self.names);
        names.live.iter().map(|(path, inode)| (path.clone(), lock(inode).live.clone())).collect()
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        let names = lock(&self.names);
        names.live.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Storage for MemoryStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let inode = Inode::default();
        lock(&self.names).live.insert(path.to_path_buf(), Arc::clone(&inode));
        Ok(Box::new(MemoryWrite(inode)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inode = self.inode(path)?;
        let bytes = lock(&inode).live.clone();
        Ok(Arc::new(MemoryRead(bytes)))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let inode = self.inode(path)?;
        let content = lock(&inode);
        Ok(Mapped::held(&content.live))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.inode(from)?;
        let mut names = lock(&self.names);
        names.live.remove(from);
        names.live.insert(to.to_path_buf(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = lock(&self.names).live.remove(path);
        removed.map(drop).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut names = lock(&self.names);
        let names = &mut *names;
        names.durable.retain(|name, _| name.parent() != Some(path));
        let inside = names.live.iter().filter(|(name, _)| name.parent() == Some(path));
        names.durable.extend(inside.map(|(name, inode)| (name.clone(), Arc::clone(inode))));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let names = lock(&self.names);
        Ok(names.live.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self.inode(path).ok().map(|inode| lock(&inode).live.len() as u64))
    }
}

impl Write for MemoryWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        lock(&self.0).live.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for MemoryWrite {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let mut content = lock(&self.0);
        let target = content.live.get_mut(start..start + bytes.len());
        target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = lock(&self.0);
        content.synced = content.live.clone();
        Ok(())
    }
}

impl ReadFile for MemoryRead {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.0.get(start..start.saturating_add(buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_cut_keeps_only_what_was_synced_and_named() {
        let storage = MemoryStorage::default();
        let (aside, kept) = (Path::new("d/a.partial"), Path::new("d/a"));
        let mut file = storage.create(aside).unwrap();
        file.write_all(b"safe").unwrap();
        file.sync().unwrap();
        file.write_all(b" lost").unwrap();
        storage.rename(aside, kept).unwrap();
        storage.sync_dir(Path::new("d")).unwrap();
        storage.create(Path::new("d/b")).unwrap();
        storage.power_cut();
        let expected = BTreeMap::from([(kept.to_path_buf(), b"safe".to_vec())]);
        assert_eq!(storage.snapshot(), expected);
    }
}
