//! Golden files: version 1 of every format, byte for byte, in `golden/`.
//!
//! A [`Golden`] is a file with the functions that write it, read it and return its content. The
//! tests read the files with today's readers, write them again with today's writers, and damage
//! them: one cut and one flipped copy of each file that can be checked are in `golden/corrupt/`;
//! every other cut and every other flipped bit is tried in memory. The contents are arbitrary:
//! crates that write such files test their content.
//!
//! A golden file never changes: a changed layout is a new version of its format and gets a file
//! beside the old one, which must still open. Missing files (and no others) are written by
//!
//! ```sh
//! WORDMILL_GOLDEN=write cargo test -p wordmill-formats --test golden
//! ```

#![allow(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

mod golden_content;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use golden_content::{GOLDEN, Golden, Made};
use wordmill_formats::{
    CsrShard, DiskStorage, FormatError, FrameFile, Kind, MatrixIndex, MemoryStorage, Storage,
    TensorFile, xxh3,
};

/// The damage of a copy in `golden/corrupt/`.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Cut,
    Flipped,
}

impl Damage {
    fn apply(self, made: Made, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match (self, made) {
            (Self::Cut, _) => bytes.truncate(bytes.len() * 2 / 3),
            // The first frame, or the last tensor: a bit that a checksum covers.
            (Self::Flipped, Made::Framed(_)) => bytes[30] ^= 0x10,
            (Self::Flipped, _) => *bytes.iter_mut().nth_back(2).expect("no file is empty") ^= 0x10,
        }
        bytes
    }

    fn path(self, name: &str) -> PathBuf {
        folder().join("corrupt").join(match self {
            Self::Cut => format!("cut-{name}"),
            Self::Flipped => format!("flipped-{name}"),
        })
    }
}

/// The folder of golden files; writes missing ones if the environment variable is set.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        if std::env::var_os("WORDMILL_GOLDEN").is_some_and(|value| value == "write") {
            fs::create_dir_all(folder.join("corrupt")).unwrap();
            GOLDEN.iter().for_each(|golden| make_missing(&folder.join(golden.name), golden));
        }
        folder
    })
}

fn make_missing(path: &Path, golden: &Golden) {
    if !path.exists() {
        fs::write(path, write_anew(golden)).unwrap();
    }
    let corrupt = path.parent().unwrap().join("corrupt");
    for (damage, prefix) in [(Damage::Cut, "cut"), (Damage::Flipped, "flipped")] {
        let copy = corrupt.join(format!("{prefix}-{}", golden.name));
        if golden.made != Made::Plain && !copy.exists() {
            fs::write(copy, damage.apply(golden.made, &fs::read(path).unwrap())).unwrap();
        }
    }
}

/// The bytes of today's writer.
fn write_anew(golden: &Golden) -> Vec<u8> {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    (golden.write)(&storage, Path::new(golden.name)).unwrap();
    let mut files = memory.snapshot();
    let bytes = files.remove(Path::new(golden.name)).unwrap();
    assert!(files.is_empty(), "{}: other files beside it", golden.name);
    bytes
}

fn disk() -> Arc<dyn Storage> {
    Arc::new(DiskStorage)
}

/// A file of these bytes in memory.
fn held(bytes: &[u8]) -> (Arc<dyn Storage>, &'static Path) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = Path::new("a");
    storage.create(path).unwrap().write_all(bytes).unwrap();
    (storage, path)
}

/// The settings of a framed file, and each frame's tag, items and raw bytes.
fn frames(bytes: &[u8], kind: Kind) -> String {
    let (storage, path) = held(bytes);
    let file = FrameFile::open(&storage, path, kind).unwrap();
    let mut frames = Vec::new();
    for (index, entry) in file.entries().iter().enumerate() {
        let raw = file.read(index, &mut Vec::new()).unwrap().to_vec();
        assert_eq!(raw.len(), entry.raw_bytes as usize);
        frames.push((entry.tag, entry.items, raw));
    }
    format!("{:?} {frames:?}", file.settings())
}

/// The digest of the file in the ledger.
fn digest(made: Made, storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    match made {
        Made::Framed(kind) => FrameFile::open(storage, path, kind).map(|file| file.digest()),
        Made::Tensor => TensorFile::open(storage, path).map(|file| file.index().digest()),
        Made::Json | Made::Plain => Ok(xxh3(&storage.map(path).unwrap())),
    }
}

#[test]
fn every_golden_file_is_small_and_known() {
    let mut expected: Vec<&str> = GOLDEN.iter().map(|golden| golden.name).collect();
    expected.sort_unstable();
    let files = disk().list(folder()).unwrap();
    let found: Vec<_> = files.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(found, expected);
    for path in files {
        assert!(fs::metadata(&path).unwrap().len() < 8192, "{} is large", path.display());
    }
}

#[test]
fn golden_files_hold_what_they_held() {
    for golden in GOLDEN {
        let found = (golden.read)(&disk(), &folder().join(golden.name)).unwrap();
        assert_eq!(found, (golden.holds)(), "{}", golden.name);
    }
}

#[test]
fn todays_writers_make_golden_files() {
    for golden in GOLDEN {
        let old = fs::read(folder().join(golden.name)).unwrap();
        let new = write_anew(golden);
        match golden.made {
            Made::Framed(kind) => {
                // Another zstd may pack the frames differently, but the header must be the same.
                assert_eq!(new[..24], old[..24], "the header of {}", golden.name);
                assert_eq!(frames(&new, kind), frames(&old, kind), "{}", golden.name);
            }
            _ => assert!(new == old, "{}: today's writer makes other bytes", golden.name),
        }
    }
}

#[test]
fn the_golden_index_lists_the_golden_shards() {
    let index = MatrixIndex::read(&disk(), &folder().join("index.json")).unwrap();
    let (mut cells, mut weight) = (0, 0);
    for row in &index.shards {
        let path = folder().join(&row.file);
        assert_eq!(CsrShard::open(&disk(), &path).unwrap().first_row(), row.first_row);
        let digest = digest(Made::Tensor, &disk(), &path).unwrap();
        assert_eq!(format!("{digest:016x}"), row.xxh3);
        cells += row.cells;
        weight += row.weight;
    }
    assert_eq!((cells, weight), (index.cells, index.weight));
}

#[test]
fn corrupt_copies_are_refused() {
    for golden in GOLDEN.iter().filter(|golden| golden.made != Made::Plain) {
        let whole = fs::read(folder().join(golden.name)).unwrap();
        for damage in [Damage::Cut, Damage::Flipped] {
            let path = damage.path(golden.name);
            assert_eq!(fs::read(&path).unwrap(), damage.apply(golden.made, &whole));
            let error = (golden.read)(&disk(), &path).unwrap_err();
            assert!(error.is_bad_artefact(), "{damage:?}: {error}");
            assert!(error.to_string().contains(golden.name), "no path: {error}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for golden in GOLDEN.iter().filter(|golden| golden.made != Made::Plain) {
        let whole = fs::read(folder().join(golden.name)).unwrap();
        for cut in 0..whole.len() {
            let (storage, path) = held(&whole[..cut]);
            let error = (golden.read)(&storage, path).unwrap_err();
            assert!(error.is_bad_artefact(), "{} cut at {cut}: {error}", golden.name);
        }
    }
}

/// A flipped bit in the text of a tensor file's header or in JSON may leave a consistent file; then
/// its digest differs.
#[test]
fn every_flipped_bit_is_an_error_or_another_digest() {
    for golden in GOLDEN.iter().filter(|golden| golden.made != Made::Plain) {
        let whole = fs::read(folder().join(golden.name)).unwrap();
        let (storage, path) = held(&whole);
        let known = digest(golden.made, &storage, path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (storage, path) = held(&bytes);
            match (golden.read)(&storage, path) {
                Err(error) => {
                    assert!(error.is_bad_artefact(), "{} bit {bit}: {error}", golden.name);
                }
                Ok(_) => {
                    assert!(!matches!(golden.made, Made::Framed(_)), "{} bit {bit}", golden.name);
                    let found = digest(golden.made, &storage, path).unwrap();
                    assert_ne!(found, known, "{} bit {bit}", golden.name);
                }
            }
        }
    }
}
