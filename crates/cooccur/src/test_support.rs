//! Shared by tests of several steps: a run in memory that records which files are touched.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::Step;
use wordmill_flow::contract::{Access, Contract, Files};
use wordmill_formats::{MemoryStorage, Record, RecordingStorage, RunDir, Storage as _};

/// A run in memory, recorded.
pub(crate) struct RecordedRun {
    pub memory: MemoryStorage,
    recording: RecordingStorage,
    pub dir: RunDir,
}

impl RecordedRun {
    pub fn new() -> Self {
        let memory = MemoryStorage::default();
        let recording = RecordingStorage::new(Arc::new(memory.clone()));
        let dir = RunDir::new(Arc::new(recording.clone()), "run");
        Self { memory, recording, dir }
    }

    /// Checks a step against its contract; `is_kept` is whether it keeps the files of an earlier
    /// attempt.
    pub fn check<S: Step<Error: Debug>>(&self, step: &S, is_kept: bool) {
        let access = || {
            let Record { read, written, removed } = self.recording.take();
            Access { read, written, removed }
        };
        let files = Files {
            access: &access,
            bytes: &|path| Some(self.memory.map(path).ok()?.to_vec()),
            remove: &|path| drop(self.memory.remove(path)),
        };
        let shared: &[PathBuf] = &[];
        Contract { files, shared, is_kept }.check(step);
    }
}
