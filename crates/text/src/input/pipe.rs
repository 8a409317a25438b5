//! Texts that can be read only once: the standard input, named pipes, devices.
//!
//! A read waits for data no longer than a tenth of a second before it checks whether the run should stop, so that
//! a pipe without a writer, or with a silent one, does not delay a signal.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use wordmill_flow::{Cancel, Stopped};

/// The longest wait before the switch is checked.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long to wait for text.
#[derive(Clone, Debug, Default)]
pub enum Waiting {
    /// As long as it takes.
    #[default]
    Always,
    /// Until the run should stop.
    UntilStopped(Cancel),
    /// The same, except for a writer to open a named pipe or a user to type at a terminal: there may be no
    /// text.
    IfThereIsText(Cancel),
}

/// A stream that a request to stop interrupts.
pub(super) struct PipeReader {
    file: File,
    waiting: Waiting,
    /// Whether this process opened it by name.
    is_named: bool,
    has_begun: bool,
}

impl PipeReader {
    /// The standard input.
    pub fn stdin(waiting: Waiting) -> io::Result<Self> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { file, waiting, is_named: false, has_begun: false })
    }

    /// Opens a file that is not regular. A named pipe opens at once, with or without a writer.
    pub fn open(path: &Path, waiting: Waiting) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(open(path, flags, Mode::empty())?);
        Ok(Self { file, waiting, is_named: true, has_begun: false })
    }

    /// Waits until there are bytes to read, or the last writer has closed the pipe.
    fn wait(&self) -> io::Result<()> {
        let stop = match &self.waiting {
            Waiting::Always => None,
            Waiting::UntilStopped(stop) | Waiting::IfThereIsText(stop) => Some(stop),
        };
        loop {
            if stop.is_some_and(Cancel::is_stopped) {
                return Err(io::Error::other(Stopped));
            }
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut fds, Some(&WAIT)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let may_lack = is_first && matches!(self.waiting, Waiting::IfThereIsText(_));
        if may_lack && self.file.is_terminal() {
            return Ok(0);
        }
        // A named pipe was opened in non-blocking mode, in which a read ends at once if no program
        // writes.
        let mut waits = !(may_lack && self.file.metadata()?.file_type().is_fifo() && self.is_named);
        loop {
            if std::mem::replace(&mut waits, true) {
                self.wait()?;
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// The first bytes of a text that can be read only once, and the rest of it.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Option<Head>>>);

/// The buffered bytes, and the source of the next ones.
type Head = (Vec<u8>, PipeReader);

impl Begun {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Head>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.lock().is_some() { "begun" } else { "not begun" })
    }
}

impl PartialEq for Begun {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.lock().is_none() && other.lock().is_none()
    }
}

impl Eq for Begun {}
