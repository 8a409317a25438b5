//! A storage that fails on purpose: the n-th operation of a kind, once or from then on.
//!
//! It counts operations on all files together, so a test runs once without a fault to count the
//! operations, then once for each of them.

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
    /// `remove`.
    Remove,
    /// `list` and `size`.
    Look,
    /// Any of them.
    Any,
}

impl Operation {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Write,
        Self::Sync,
        Self::Rename,
        Self::Read,
        Self::Map,
        Self::Remove,
        Self::Look,
        Self::Any,
    ];
}

/// The way an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With the error of this number (`errno`). A failing write writes half of its bytes.
    Error(i32),
    /// A write takes half of its bytes and reports so, which is no error; other operations do not
    /// fail.
    Short,
    /// The process is killed (`SIGKILL`) before the operation, or in the middle of a write.
    Kill,
}

impl Failure {
    /// `EINTR`: interrupted by a signal.
    pub const INTERRUPTED: Self = Self::Error(4);
    /// `EIO`: the device failed.
    pub const DEVICE: Self = Self::Error(5);
    /// `EACCES`: permission denied.
    pub const DENIED: Self = Self::Error(13);
    /// `EFBIG`: the file exceeds the size limit.
    pub const TOO_LARGE: Self = Self::Error(27);
    /// `ENOSPC`: the disk is full.
    pub const NO_SPACE: Self = Self::Error(28);
    /// `EROFS`: the file system is read-only.
    pub const READ_ONLY: Self = Self::Error(30);
    /// `EDQUOT`: the quota is exhausted.
    pub const QUOTA: Self = Self::Error(122);
}

/// Duration of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The one operation.
    Once,
    /// It and all later ones of its kind, as on a full disk.
    FromThenOn,
}

/// A fault: which operation fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of operation.
    pub operation: Operation,
    /// Which of them, counted from 0.
    pub nth: u64,
    /// Duration.
    pub span: Span,
    /// The way it fails.
    pub failure: Failure,
}

impl Fault {
    /// The disk is full from the n-th operation of a kind on.
    pub fn full(operation: Operation, nth: u64) -> Self {
        Self { operation, nth, span: Span::FromThenOn, failure: Failure::NO_SPACE }
    }
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
    counts: [AtomicU64; Operation::ALL.len()],
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

    /// Number of operations of a kind so far.
    pub fn count(&self, operation: Operation) -> u64 {
        self.plan.counts[operation as usize].load(Ordering::SeqCst)
    }
}

impl Plan {
    /// The fault of an operation, if any.
    fn failure(&self, operation: Operation) -> Option<Failure> {
        let add = |kind: Operation| self.counts[kind as usize].fetch_add(1, Ordering::SeqCst);
        let (of_kind, of_any) = (add(operation), add(Operation::Any));
        let fault = self.fault?;
        let nth = match fault.operation {
            Operation::Any => of_any,
            kind if kind == operation => of_kind,
            _ => return None,
        };
        let is_met = match fault.span {
            Span::Once => nth == fault.nth,
            Span::FromThenOn => nth >= fault.nth,
        };
        is_met.then_some(fault.failure)
    }

    fn pass(&self, operation: Operation) -> io::Result<()> {
        match self.failure(operation) {
            Some(Failure::Kill) => kill(),
            Some(Failure::Error(number)) => Err(io::Error::from_raw_os_error(number)),
            Some(Failure::Short) | None => Ok(()),
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
        self.plan.pass(Operation::Remove)?;
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
        self.plan.pass(Operation::Look)?;
        self.inner.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.plan.pass(Operation::Look)?;
        self.inner.size(path)
    }
}

impl Write for FaultyWrite {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.plan.failure(Operation::Write) {
            None => self.inner.write(buffer),
            // A write of nothing would be another error, and one byte has no half.
            Some(Failure::Short) => self.inner.write(&buffer[..buffer.len().div_ceil(2)]),
            Some(Failure::Kill) => {
                self.inner.write_all(&buffer[..buffer.len() / 2])?;
                kill()
            }
            Some(Failure::Error(number)) => {
                self.inner.write_all(&buffer[..half_of(number, buffer)])?;
                Err(io::Error::from_raw_os_error(number))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl WriteFile for FaultyWrite {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.plan.failure(Operation::Write) {
            None | Some(Failure::Short) => self.inner.write_at(offset, bytes),
            Some(Failure::Kill) => {
                self.inner.write_at(offset, &bytes[..bytes.len() / 2])?;
                kill()
            }
            Some(Failure::Error(number)) => {
                self.inner.write_at(offset, &bytes[..half_of(number, bytes)])?;
                Err(io::Error::from_raw_os_error(number))
            }
        }
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

/// Ends the process as the system would.
fn kill() -> ! {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    unreachable!("nobody survives this signal")
}

/// The part that a failing write writes. An interrupted one has written nothing, or it would have returned
/// the number.
fn half_of(number: i32, bytes: &[u8]) -> usize {
    match Failure::Error(number) {
        Failure::INTERRUPTED => 0,
        _ => bytes.len() / 2,
    }
}
