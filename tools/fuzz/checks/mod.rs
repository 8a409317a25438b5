//! What must hold whatever bytes a reader is given: it reads them, or it refuses them as a bad file;
//! it never panics, and it takes no more memory than the length of the file accounts for.
//!
//! A *target* is a reader with its bound. [`Target::check`] shows it the bytes as they are and, where
//! a checksum would end the reading at once, *repaired*: with the checksums, offsets and lengths that
//! the rest of the bytes would have, so that what lies behind them is reached. The fuzzer and the
//! plain tests run the same checks; what either finds is kept as a seed for both.
//!
//! Nothing here knows how inputs are made up. The settings of a pipeline are not here, because their
//! reader lives in the program: see `pipeline.rs`.

mod counts;
mod foreign;
mod framed;
mod index;
mod memory;
mod questions;
mod repair;
mod tensors;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;
use wordmill_formats::{FormatError, MemoryStorage, Storage};

pub use memory::bounded;

/// A reader, and what it may take.
pub struct Target {
    /// Name of the fuzz target and of the folder of its seeds.
    pub name: &'static str,
    /// Reads all of a file.
    read: Read,
    /// Makes bytes pass the checksums; `None` if there is nothing to repair.
    repair: fn(&[u8]) -> Option<Vec<u8>>,
    /// Memory beside what grows with the file, in bytes.
    fixed_bytes: usize,
    /// Memory for each byte of the file.
    times: usize,
}

/// How a target reads.
enum Read {
    /// A file of a storage.
    Stored(fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>),
    /// A file of the disk. The error says what is wrong with it; whatever else goes wrong is a panic.
    OnDisk(fn(&Path) -> Result<(), String>),
}

/// All readers.
pub const TARGETS: &[&[Target]] = &[
    framed::TARGETS,
    tensors::TARGETS,
    index::TARGETS,
    foreign::TARGETS,
    counts::TARGETS,
    questions::TARGETS,
];

/// The target of a name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> &'static Target {
    let mut all = TARGETS.iter().copied().flatten();
    all.find(|target| target.name == name).expect("every fuzz target is in the list")
}

impl Target {
    /// Reads the bytes as they are and repaired.
    ///
    /// # Panics
    /// If the reader breaks a rule.
    pub fn check(&self, bytes: &[u8]) {
        self.check_as_it_is(bytes);
        if let Some(repaired) = (self.repair)(bytes) {
            self.check_as_it_is(&repaired);
        }
    }

    fn check_as_it_is(&self, bytes: &[u8]) {
        let bound = self.fixed_bytes + self.times * bytes.len();
        let refused = match self.read {
            Read::Stored(read) => {
                let (storage, path) = held(bytes);
                let read = bounded(self.name, bound, || read(&storage, path));
                read.map_err(|error| {
                    assert!(error.is_bad_artefact(), "{}: blames another: {error}", self.name);
                    error.to_string()
                })
            }
            Read::OnDisk(read) => {
                let file = laid(bytes);
                bounded(self.name, bound, || read(file.path()))
            }
        };
        if let Err(text) = refused {
            assert!(text.contains("hostile"), "{}: names no file: {text}", self.name);
        }
    }
}

/// A file of these bytes in memory.
fn held(bytes: &[u8]) -> (Arc<dyn Storage>, &'static Path) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = Path::new("hostile/a");
    let mut file = storage.create(path).expect("memory can be written");
    file.write_all(bytes).expect("memory can be written");
    drop(file);
    (storage, path)
}

/// A file of these bytes in the folder for temporary files.
fn laid(bytes: &[u8]) -> NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("hostile").tempfile().expect("a folder for it");
    file.write_all(bytes).expect("the disk has room");
    file
}

/// For files without checksums.
fn nothing_to_repair(_: &[u8]) -> Option<Vec<u8>> {
    None
}
