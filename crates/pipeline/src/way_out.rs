//! What to do about a bad file: a file of a run can be rebuilt, all others belong to the user.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::path::Path;
use std::sync::OnceLock;

use wordmill_cooccur::CooccurError;
use wordmill_formats::{FormatError, LockError};
use wordmill_query::QueryError;
use wordmill_train::TrainError;
use wordmill_vocab::VocabError;

use crate::error::Error;
use crate::stages::KINDS;

/// What a run has in its directory beside the folders of its stages.
const OF_RUN: [&str; 2] = ["run.json", "report"];

impl Error {
    /// What to do about a bad file, which the message does not say: files of a run are rebuilt, all others belong to somebody.
    #[must_use]
    pub fn way_out(&self) -> Option<&'static str> {
        way_out(self)
    }
}

/// What to do about the bad file that an error of any room is about, if it is about one.
#[must_use]
pub fn way_out(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    match format_of(error)? {
        FormatError::Corrupt { path, .. } if is_of_run(path) => {
            Some("delete it and run again, it will be rebuilt")
        }
        FormatError::Corrupt { .. } => Some("get a whole copy of the file"),
        FormatError::Foreign { path, .. } if is_of_run(path) => {
            Some("if it is damaged, delete it and run again, it will be rebuilt")
        }
        FormatError::Foreign { .. } => Some("name another file"),
        _ => None,
    }
}

/// The error about a file that another one wraps.
fn format_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a FormatError> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.as_format();
    }
    if let Some(error) = error.downcast_ref::<FormatError>() {
        return Some(error);
    }
    if let Some(QueryError::Format(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(CooccurError::Format(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(TrainError::Format(error)) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(LockError::Format(error)) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref() {
        Some(VocabError::Format(error)) => Some(error),
        _ => None,
    }
}

/// Whether the ledger of a run lists a file: people put vectors of their own beside those of a run.
fn is_listed(root: &Path, inside: &Path) -> bool {
    let ledger = std::fs::read_to_string(root.join("run.json")).unwrap_or_default();
    ledger.contains(&format!("\"{}\"", inside.display()))
}

/// What a run makes in its directory.
pub(crate) fn names_of_run() -> &'static BTreeSet<String> {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let folders = KINDS.iter().flat_map(|kind| (kind.folders)(kind.name));
        let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
        folders.map(|folder| first(&folder.path)).chain(OF_RUN.map(str::to_owned)).collect()
    })
}

/// Whether a file is one that a run has made.
fn is_of_run(path: &Path) -> bool {
    path.ancestors().skip(1).any(|root| {
        let Ok(inside) = path.strip_prefix(root) else { return false };
        let first = inside.iter().next().and_then(|name| name.to_str());
        first.is_some_and(|name| names_of_run().contains(name))
            && ["run.json", "run.lock"].iter().any(|name| root.join(name).is_file())
            && (first != Some("vectors") || is_listed(root, inside))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_a_stage_is_one_of_a_run() {
        for name in ["run.json", "tokens", "phrases", "models", "vectors", "report"] {
            assert!(names_of_run().contains(name), "{name}");
        }
        assert!(names_of_run().iter().all(|name| !name.is_empty() && name != "train:"));
    }
}
