//! The files and folders of the stage `phrases`.

use std::path::PathBuf;

use wordmill_formats::{FormatError, RunDir};

/// The folder of the shards with phrases, and of their list.
pub const FOLDER: &str = "phrases";
/// The most passes: phrases of up to 256 words.
pub const MOST_PASSES: u32 = 8;

/// The path of the list of a run.
#[must_use]
pub fn list_path(run: &RunDir) -> PathBuf {
    run.path(&format!("{FOLDER}/phrases.tsv"))
}

/// The path of the list of a pass until the last one is done.
pub(super) fn pass_path(run: &RunDir, pass: u32) -> PathBuf {
    run.path(&format!("{FOLDER}/pass-{pass}.tsv"))
}

/// The folder of the shards of a pass, of this many passes.
#[must_use]
pub fn shards_folder(pass: u32, passes: u32) -> String {
    if pass == passes { FOLDER.to_owned() } else { format!("{FOLDER}/pass-{pass}") }
}

/// Folders of intermediate counts, within that of the stage.
pub const COUNTED: [&str; 4] = ["units", "vocab", "spill", "matrix"];

/// All folders that the stage writes to.
#[must_use]
pub fn folders() -> Vec<String> {
    let counted = COUNTED.iter().map(|name| format!("{FOLDER}/{name}"));
    let passes = (1..=MOST_PASSES).map(|pass| shards_folder(pass, 0));
    [FOLDER.to_owned()].into_iter().chain(counted).chain(passes).collect()
}

/// Removes the files of the passes, once the shards of the last pass and the list of the run exist.
///
/// # Errors
/// If a file cannot be removed.
pub fn sweep(run: &RunDir) -> Result<(), FormatError> {
    for folder in folders().iter().filter(|folder| *folder != FOLDER) {
        run.sweep(folder, |_| true)?;
    }
    run.sweep(FOLDER, |name| name.starts_with("pass-"))
}
