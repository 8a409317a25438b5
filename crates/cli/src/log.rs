//! The log of a run: a plain line an event, with time and level, appended to a file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use wordmill_formats::FormatError;

use crate::clock;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What ended the command.
    Error,
    /// Something was lost or ignored.
    Warn,
    /// What happens: stages, epochs, messages.
    Info,
    /// Every unit of work, the settings.
    Debug,
}

/// A file that lines are appended to.
#[derive(Debug)]
pub struct Log {
    file: File,
    most: Level,
    has_failed: AtomicBool,
}

impl Log {
    /// Opens the file, or creates it, for lines up to a level.
    pub fn open(path: &Path, most: Level) -> Result<Self, FormatError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| FormatError::io(path, "opening the log", error))?;
        Ok(Self { file, most, has_failed: AtomicBool::new(false) })
    }

    /// Appends a text line by line; true if that fails for the first time. A log is not worth failing for.
    pub fn write(&self, level: Level, text: &str) -> bool {
        if level > self.most {
            return false;
        }
        let name = ["ERROR", "WARN", "INFO", "DEBUG"][level as usize];
        let time = clock::now();
        let lines: String = text.lines().map(|line| format!("{time} {name:<5} {line}\n")).collect();
        // One write a call, so that lines of several processes stay whole.
        let failed = (&self.file).write_all(lines.as_bytes()).is_err();
        failed && !self.has_failed.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_up_to_their_level() {
        let path = std::env::temp_dir().join(format!("wordmill-log-{}", std::process::id()));
        for _ in 0..2 {
            let log = Log::open(&path, Level::Info).unwrap();
            assert!(!log.write(Level::Warn, "one\ntwo"));
            assert!(!log.write(Level::Debug, "three"));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.split_once("Z ").unwrap().1).collect();
        assert_eq!(lines, ["WARN  one", "WARN  two", "WARN  one", "WARN  two"]);
    }
}
