//! Finds the files of sets, reads them, and splits them into lines.

use std::path::{Path, PathBuf};

use crate::error::QueryError;

/// The text of a set.
pub fn read_set(path: &Path) -> Result<String, QueryError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(source) => Err(QueryError::Read { path: name, source }),
    }
}

/// The files below a folder with one of these extensions, sorted; for a file, only the file itself.
pub fn files_of(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, QueryError> {
    let error = |source| QueryError::Read { path: path.display().to_string(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(error)? {
        let inside = entry.map_err(error)?.path();
        if inside.is_dir() {
            files.extend(files_of(&inside, endings)?);
        } else if inside.extension().is_some_and(|it| endings.iter().any(|known| it == *known)) {
            files.push(inside);
        }
    }
    files.sort();
    Ok(files)
}

/// The name of a file without its extension, which is the name of a section.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// The lines of a set with their numbers, trimmed, without empty ones and without the byte order
/// mark.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate();
    numbered.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}
