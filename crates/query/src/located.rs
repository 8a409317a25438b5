//! Which file of vectors a path names: itself, or the only one of a run directory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_formats::{RunDir, Storage, is_stream};

use crate::error::QueryError;

/// The file of vectors that a path names: itself, or the only one of a run directory.
///
/// # Errors
/// [`QueryError::Folder`] for a run directory with several, or none, and for any other folder.
pub fn located<'a>(
    storage: &Arc<dyn Storage>,
    path: &'a Path,
) -> Result<Cow<'a, Path>, QueryError> {
    if is_stream(path) || !path.is_dir() {
        return Ok(Cow::Borrowed(path));
    }
    let refuse = |what: String| Err(QueryError::Folder { path: path.to_path_buf(), what });
    let run = RunDir::new(Arc::clone(storage), path);
    if !matches!(storage.size(&run.manifest()), Ok(Some(_))) {
        return refuse("; name a file of vectors, or a run directory".to_owned());
    }
    let listed = storage.list(&run.path("vectors")).unwrap_or_default();
    let is_vectors = |path: &PathBuf| path.extension().is_some_and(|it| it == "safetensors");
    let mut files: Vec<PathBuf> = listed.into_iter().filter(is_vectors).collect();
    files.sort();
    match (files.pop(), &files[..]) {
        (None, _) => {
            refuse(" of a run that has no vectors yet; `wordmill run` goes on with it".to_owned())
        }
        (Some(file), []) => Ok(Cow::Owned(file)),
        (Some(last), _) => {
            files.push(last);
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            refuse(format!(
                " of a run with {} files of vectors; name one of them: {}",
                names.len(),
                names.join(", ")
            ))
        }
    }
}
