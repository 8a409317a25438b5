//! A storage that fails on purpose: the n-th operation of a kind returns an error.
//!
//! It counts operations on every file together, so a test runs once without a fault to learn how
//! many there are, then once for each of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::{Mapped, ReadFile, Storage, WriteFile};

/// The kinds of operations that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `create`.
    Create,
    /// `write` and `write_at`.
    Write,
    /// `sync` of a file or folder.
    Sync,
    /// `rename`.
    Rename,
    /// `open` and `read_exact_at`.
    Read,
    /// `map`.
    Map,
}

const OPERATIONS: usize = 6;

/// Which operation fails, and how. A failing write leaves half of its bytes behind.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The kind of operation.
    pub operation: Operation,
    /// Which of them, counted from 0. It and all later ones fail, as on a full disk.
    pub nth: u64,
    /// The error, e.g. `StorageFull`.
    pub error: io::ErrorKind,
}

/// Wraps a storage and injects at most one kind of fault.
#[derive(Clone, Debug)]
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    fault: Option<Fault>,
    counts: [AtomicU64; OPERATIONS],
}

struct FaultyWrite {
    inner: Box<dyn WriteFile>,
    plan: Arc<Plan>,
}

struct FaultyRead {
    inner: Arc<dyn ReadFile>,
    plan: Arc<Plan>,
}

impl FaultyStorage {
    /// Wraps `inner`; without a fault it only counts.
    pub fn new(inner: Arc<dyn Storage>, fault: Option<Fault>) -> Self {
        Self { inner, plan: Arc::new(Plan { fault, counts: Default::default() }) }
    }

    /// How many operations of a kind were asked for so far.
    pub fn count(&self, operation: Operation) -> u64 {
        self.plan.counts[operation as usize].load(Ordering::SeqCst)
    }
}

impl Plan {
    fn pass(&self, operation: Operation) -> io::Result<()> {
        let nth = self.counts[operation as usize].fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Some(fault) if fault.operation == operation && nth >= fault.nth => {
                Err(io::Error::from(fault.error))
            }
            _ => Ok(()),
        }
    }
}

impl Storage for FaultyStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.plan.pass(Operation::Create)?;
        let inner = self.inner.create(path)?;
        Ok(Box::new(FaultyWrite { inner, plan: Arc::clone(&self.plan) }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.plan.pass(Operation::Read)?;
        Ok(Arc::new(FaultyRead { inner: self.inner.open(path)?, plan: Arc::clone(&self.plan) }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.plan.pass(Operation::Map)?;
        self.inner.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.pass(Operation::Rename)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.plan.pass(Operation::Sync)?;
        self.inner.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.inner.size(path)
    }
}

impl Write for FaultyWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.plan.pass(Operation::Write) {
            self.inner.write_all(&buffer[..buffer.len() / 2])?;
            return Err(error);
        }
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl WriteFile for FaultyWrite {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.plan.pass(Operation::Write) {
            self.inner.write_at(offset, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.inner.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.plan.pass(Operation::Sync)?;
        self.inner.sync()
    }
}

impl ReadFile for FaultyRead {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.plan.pass(Operation::Read)?;
        self.inner.read_exact_at(offset, buffer)
    }
}
