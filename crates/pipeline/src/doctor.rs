//! Whether runs will work on a machine and in a folder, and what to do where they will not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wordmill_flow::format_bytes;
use wordmill_formats::{free_bytes, open_file_limit};
use wordmill_kernels::Level;

use crate::config::threads_or_all;

/// Less memory than the default of run.memory and the program take: settings have to be changed.
const MEMORY_MIN: u64 = 5 << 28;
/// Less disk than a corpus of some hundred megabytes takes.
const DISK_MIN: u64 = 1 << 30;
/// A merge opens 64 files at once on each thread.
const FILES_MIN: u64 = 1024;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is as it should be.
    Ok,
    /// Some runs will be slow or fail.
    Warn,
    /// No run can work.
    Fail,
}

/// A check of a machine or a folder.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub check: &'static str,
    /// What was found.
    pub state: Health,
    /// The same in words, and what to do about it.
    pub message: String,
}

/// Checks the machine, and a folder in which runs are to be kept. In that it writes files, which it removes again.
#[must_use]
pub fn checks(dir: &Path) -> Vec<Check> {
    let machine = [processor(), memory(), files()];
    machine.into_iter().chain([disk(dir), locks(dir), renames(dir)]).collect()
}

impl Check {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: Health::Ok, message: message.into() }
    }

    fn warn(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: Health::Warn, message: message.into() }
    }

    fn fail(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: Health::Fail, message: message.into() }
    }
}

fn processor() -> Check {
    let (level, threads) = (wordmill_kernels::best().level(), threads_or_all(0));
    let message = format!("{threads} threads, {level} kernels");
    match level {
        Level::Scalar => {
            let why = "the processor has none of AVX2, AVX-512 and NEON: training is several times slower";
            Check::warn("processor", format!("{message}; {why}"))
        }
        _ => Check::ok("processor", message),
    }
}

fn memory() -> Check {
    let (machine, group) = (available_bytes(), group_limit_bytes());
    let Some(bytes) = machine.into_iter().chain(group).min() else {
        return Check::warn("memory", "the system does not say how much there is");
    };
    let limit = if group == Some(bytes) { ", the limit of this control group" } else { "" };
    let message = format!("{} available{limit}", format_bytes(bytes));
    match bytes < MEMORY_MIN {
        true => {
            let half = format_bytes(bytes / 2);
            let what =
                format!("the default budget is 1 GiB; set run.memory (--memory) to {half} or less");
            Check::warn("memory", format!("{message}; {what}"))
        }
        false => Check::ok("memory", message),
    }
}

/// What the machine can give without writing memory to the disk.
fn available_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The least limit of the control groups that this process is in, of version 2 or 1.
fn group_limit_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        let folder = Path::new(root).join(group);
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
        folders.filter_map(|folder| limit_of(&folder.join(file))).min()
    });
    limits.min()
}

/// The limit in a file; `max` is none, nor is what version 1 writes for none.
fn limit_of(file: &Path) -> Option<u64> {
    let limit: u64 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (limit < 1 << 60).then_some(limit)
}

fn files() -> Check {
    match open_file_limit() {
        Some(limit) if limit < FILES_MIN => Check::warn(
            "open files",
            format!("at most {limit}; large runs want {FILES_MIN}: `ulimit -n {FILES_MIN}`"),
        ),
        Some(limit) => Check::ok("open files", format!("at most {limit}")),
        None => Check::ok("open files", "no limit"),
    }
}

fn disk(dir: &Path) -> Check {
    match free_bytes(dir) {
        Ok(bytes) if bytes < DISK_MIN => Check::warn(
            "disk",
            format!("{} free; name a folder on a larger disk (--run-dir)", format_bytes(bytes)),
        ),
        Ok(bytes) => Check::ok("disk", format!("{} free", format_bytes(bytes))),
        Err(error) => Check::warn("disk", error.to_string()),
    }
}

/// A file that is removed when it is dropped.
struct Probe(PathBuf);

impl Probe {
    fn new(dir: &Path, what: &str) -> io::Result<(Self, File)> {
        let path = dir.join(format!(".wordmill-doctor-{what}-{}", std::process::id()));
        let file = OpenOptions::new().create_new(true).write(true).open(&path)?;
        Ok((Self(path), file))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It was renamed, or its folder is gone.
        let _ = fs::remove_file(&self.0);
    }
}

const ELSEWHERE: &str = "name a folder on a local disk in which you may write";

fn locks(dir: &Path) -> Check {
    let lock = || -> io::Result<bool> {
        let (probe, file) = Probe::new(dir, "lock")?;
        file.try_lock()?;
        match OpenOptions::new().write(true).open(&probe.0)?.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(false),
        }
    };
    match lock() {
        Ok(true) => Check::ok("locks", "a file that is locked keeps others out"),
        Ok(false) => {
            let what = "locks have no effect here: two runs in one directory would spoil it";
            Check::warn("locks", format!("{what}; {ELSEWHERE}"))
        }
        Err(error) => Check::fail("locks", format!("{}: {error}; {ELSEWHERE}", dir.display())),
    }
}

fn renames(dir: &Path) -> Check {
    let rename = || -> io::Result<bool> {
        let (old, mut file) = Probe::new(dir, "old")?;
        file.write_all(b"old")?;
        let (new, mut file) = Probe::new(dir, "new")?;
        file.write_all(b"new")?;
        file.sync_all()?;
        fs::rename(&new.0, &old.0)?;
        File::open(dir)?.sync_all()?;
        Ok(fs::read(&old.0)? == b"new")
    };
    match rename() {
        Ok(true) => Check::ok("renames", "a file replaces another in one step, and is synced"),
        Ok(false) => Check::fail("renames", format!("a rename has no effect here; {ELSEWHERE}")),
        Err(error) => Check::fail("renames", format!("{}: {error}; {ELSEWHERE}", dir.display())),
    }
}
