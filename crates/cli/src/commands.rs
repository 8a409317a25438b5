//! The commands, one file each. Every command has a function `run(args, out)`, where `out` is standard
//! output: a closed pipe comes back as an error and ends the program quietly.

pub mod help;
pub mod run;

pub mod clean;
pub mod plan;
pub mod status;
pub mod train;
pub mod verify;

pub mod init;
pub mod preview;
pub mod sample;
pub mod schema;

pub mod import_counts;

pub mod doctor;
pub mod manual;
pub mod version;

pub mod info;
pub mod report;

pub mod answers;
pub mod given;

pub mod analogy;
pub mod convert;
pub mod eval;
pub mod export;
pub mod matrix;
pub mod predict;
pub mod query;
pub mod similar;
pub mod vector;

use std::sync::Arc;

use wordmill_formats::{DiskStorage, Storage, UserFiles};

/// The storage of the command line.
pub fn disk() -> Arc<dyn Storage> {
    Arc::new(DiskStorage)
}

/// The same for outputs that a user names: pipes and links are not renamed over.
pub fn user_files() -> Arc<dyn Storage> {
    Arc::new(UserFiles(disk()))
}
