//! Storage in memory, for tests. It is stricter than a disk, because it can lose what was not
//! synced.
//!
//! Each file has its live bytes and the bytes of its last sync; each name is live at once but
//! durable only after its folder was synced. [`MemoryStorage::power_cut`] drops the rest, and
//! [`MemoryStorage::power_cut_by_chance`] as much of it as a disk might.

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
    /// Changes that are not durable, in order.
    changes: Vec<Change>,
}

/// A change of names.
#[derive(Clone, Debug)]
enum Change {
    Create(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
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
    /// Drops every byte and every name that was not made durable by a sync.
    pub fn power_cut(&self) {
        let mut names = lock(&self.names);
        names.live = names.durable.clone();
        names.changes.clear();
        for inode in names.live.values() {
            let mut content = lock(inode);
            content.live = content.synced.clone();
        }
    }

    /// Drops a part of it, drawn from `seed`: a file system may keep more than it promised. Changes of
    /// names are kept up to some point in their order; a file that was not synced has its old bytes, or
    /// some of its new ones.
    pub fn power_cut_by_chance(&self, seed: u64) {
        let mut names = lock(&self.names);
        let mut draw = seed;
        let mut roll = |limit: usize| {
            draw = crate::order_hash::order_hash(draw.wrapping_add(0x9e37_79b9_7f4a_7c15));
            (draw % (limit as u64 + 1)) as usize
        };
        let mut kept = std::mem::take(&mut names.changes);
        kept.truncate(roll(kept.len()));
        kept.iter().for_each(|change| change.apply(&mut names.durable));
        names.live = names.durable.clone();
        for inode in names.live.values() {
            let mut content = lock(inode);
            if content.live != content.synced && roll(1) == 1 {
                let bytes = roll(content.live.len());
                content.live.truncate(bytes);
            } else {
                content.live = content.synced.clone();
            }
            content.synced = content.live.clone();
        }
    }

    /// Every live file with its bytes, for comparison in tests.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let names = lock(&self.names);
        names.live.iter().map(|(path, inode)| (path.clone(), lock(inode).live.clone())).collect()
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        let names = lock(&self.names);
        names.live.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Names {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.changes.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Self::Create(path, inode) => {
                names.insert(path.clone(), Arc::clone(inode));
            }
            Self::Rename(from, to) => {
                // Already durable by a sync of the folder.
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }

    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Create(path, _) | Self::Rename(_, path) | Self::Remove(path) => path.parent(),
        }
    }
}

impl Storage for MemoryStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let mut names = lock(&self.names);
        // An existing file is emptied and keeps its name.
        let inode = match names.live.get(path) {
            Some(inode) => Arc::clone(inode),
            None => {
                let inode = Inode::default();
                names.change(Change::Create(path.to_path_buf(), Arc::clone(&inode)));
                inode
            }
        };
        lock(&inode).live.clear();
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
        self.inode(from)?;
        lock(&self.names).change(Change::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inode(path)?;
        lock(&self.names).change(Change::Remove(path.to_path_buf()));
        Ok(())
    }

    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut names = lock(&self.names);
        let changes = std::mem::take(&mut names.changes);
        let (durable, changes) =
            changes.into_iter().partition(|change| change.folder() == Some(path));
        names.changes = changes;
        let durable: Vec<Change> = durable;
        durable.iter().for_each(|change| change.apply(&mut names.durable));
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

    #[test]
    fn chance_keeps_changes_of_names_in_order_and_parts_of_files() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let storage = MemoryStorage::default();
            let (aside, kept, old) = (Path::new("d/a.partial"), Path::new("d/a"), Path::new("d/o"));
            storage.create(old).unwrap();
            storage.sync_dir(Path::new("d")).unwrap();
            storage.create(aside).unwrap().write_all(b"1234").unwrap();
            storage.rename(aside, kept).unwrap();
            storage.remove(old).unwrap();
            storage.power_cut_by_chance(seed);
            let names: Vec<_> = storage.snapshot().into_iter().collect();
            let name = |at: usize| names.get(at).map(|(path, _)| path.to_str().unwrap());
            seen.insert(format!("{:?} {:?}", name(0), name(1)));
            let bytes = names.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
            seen.insert(bytes.to_string());
        }
        let expected = ["0", "1", "2", "3", "4"].map(str::to_owned).into_iter().chain(
            [
                r#"Some("d/o") None"#,
                r#"Some("d/a.partial") Some("d/o")"#,
                r#"Some("d/a") Some("d/o")"#,
                r#"Some("d/a") None"#,
            ]
            .map(str::to_owned),
        );
        assert_eq!(seen, expected.collect());
    }
}
