//! The commands, one file each. Every command has a function `run(args, out)`, where `out` is standard
//! output: a closed pipe comes back as an error and ends the program quietly.

pub mod run;

pub mod clean;
pub mod plan;
pub mod status;
pub mod verify;

pub mod init;
pub mod preview;
pub mod sample;

pub mod import_counts;

pub mod info;
pub mod report;

pub mod answers;

pub mod analogy;
pub mod convert;
pub mod eval;
pub mod export;
pub mod matrix;
pub mod predict;
pub mod query;
pub mod similar;
pub mod vector;

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{DiskStorage, FormatError, Spelling, Storage, Vectors};

use crate::args::RawArg;
use crate::spelling;

/// The storage of the command line.
pub fn disk() -> Arc<dyn Storage> {
    Arc::new(DiskStorage)
}

/// Maps a vectors file.
pub fn open_vectors(path: &Path) -> Result<Vectors, FormatError> {
    Vectors::open(&disk(), path)
}

/// Maps a vectors file of which words are asked: they are spelled as its text is, or if `raw` is given taken as they are.
pub fn open_to_ask(path: &Path, raw: RawArg) -> Result<Vectors, FormatError> {
    let vectors = open_vectors(path)?;
    let spelling = if raw.raw { Spelling::Exact } else { spelling::of(vectors.settings()) };
    Ok(vectors.spelled(spelling))
}
