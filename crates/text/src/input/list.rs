//! The list of inputs: resolves its entries and orders them.
//!
//! An entry is a file, a folder, a pattern, `-`, `builtin:sample`, or `@LIST`, a file that names files. Only lists
//! are opened here.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use wordmill_flow::parse_size;
use wordmill_sample::DEFAULT_SAMPLE_BYTES;

use super::glob;
use super::source::{Input, Source};
use crate::encoding::BYTE_ORDER_MARK;
use crate::error::TextError;

/// Resolves `corpus.inputs`: files, folders (all files in them except hidden ones), patterns, `-`, `builtin:sample`,
/// `builtin:sample:SIZE`, and `@LIST`, a file with one path per line (or with a NUL after each path; `@-` is the
/// standard input). Relative paths are relative to `base`; `seed` is the seed of the sample. The order is that of the
/// list; the files of a folder or a pattern are sorted by the bytes of their paths. Links to folders are followed, each
/// folder once.
///
/// # Errors
/// For a file that is missing, a folder or pattern without a file, a file that two entries name,
/// and an empty list.
pub fn resolve(patterns: &[String], base: &Path, seed: u64) -> Result<Vec<Input>, TextError> {
    resolve_as(patterns, Base { folder: base, name: base }, seed)
}

/// The same with paths relative to `folder`, which need not be the current folder. Names of inputs and messages are as
/// if it were.
///
/// # Errors
/// Those of [`resolve`].
pub fn resolve_in(patterns: &[String], folder: &Path, seed: u64) -> Result<Vec<Input>, TextError> {
    resolve_as(patterns, Base { folder, name: Path::new(".") }, seed)
}

/// The folder that relative paths begin at, and how it is shown in names and messages.
#[derive(Clone, Copy)]
struct Base<'a> {
    folder: &'a Path,
    name: &'a Path,
}

impl Base<'_> {
    /// The same for an entry; an absolute path begins at no folder.
    fn of(self, entry: &Path) -> Self {
        let nowhere = Base { folder: Path::new(""), name: Path::new("") };
        if entry.is_absolute() { nowhere } else { self }
    }

    /// The shown name of a path that was found in the folder, or of a text that begins with one.
    fn name_of(self, path: &str) -> String {
        let rest = path.strip_prefix(&*self.folder.to_string_lossy());
        match rest {
            Some(rest) if self.folder != self.name => {
                self.name.join(rest.strip_prefix('/').unwrap_or(rest)).display().to_string()
            }
            _ => path.to_owned(),
        }
    }

    fn show(self, path: &Path) -> String {
        self.name_of(&path.display().to_string())
    }

    fn missing(self, path: &Path, problem: String, way_out: &'static str) -> TextError {
        TextError::Input { path: self.show(path), tried: "looking for inputs", problem, way_out }
    }

    fn read_error(self, path: &Path, tried: &'static str, source: io::Error) -> TextError {
        TextError::Read { path: self.show(path), tried, source }
    }
}

fn resolve_as(patterns: &[String], base: Base<'_>, seed: u64) -> Result<Vec<Input>, TextError> {
    let mut inputs = Vec::new();
    for pattern in patterns {
        resolve_one(pattern, base, seed, &mut inputs)?;
    }
    if inputs.is_empty() {
        return Err(config(
            "the list is empty".to_owned(),
            "name a file, a folder, \"-\" or \"builtin:sample\"",
        ));
    }
    check_distinct(&inputs)?;
    Ok(inputs)
}

/// Fails if two entries are the same text, however they are spelled.
fn check_distinct(inputs: &[Input]) -> Result<(), TextError> {
    let mut seen = HashMap::new();
    for input in inputs {
        let Some(other) = seen.insert(identity(input), &input.name) else { continue };
        let name = &input.name;
        let problem = match other == name {
            true => format!("{name} is named twice and would be counted twice"),
            false => format!("{other} and {name} are the same file, which would be counted twice"),
        };
        return Err(config(problem, "remove one of the two entries"));
    }
    Ok(())
}

/// The identity of an input: the device and inode of its file, or its name if it has none.
fn identity(input: &Input) -> Result<(u64, u64), &str> {
    let found = match &input.source {
        Source::File(path) | Source::Pipe(path) => {
            fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
        }
        Source::Stdin => rustix::fs::fstat(io::stdin()).ok().map(|data| (data.st_dev, data.st_ino)),
        Source::Memory(_) | Source::Sample { .. } => None,
    };
    found.ok_or(&input.name)
}

fn resolve_one(
    pattern: &str,
    base: Base<'_>,
    seed: u64,
    inputs: &mut Vec<Input>,
) -> Result<(), TextError> {
    if pattern == "-" {
        inputs.push(Input::new(Source::Stdin, "-".to_owned()));
        return Ok(());
    }
    if let Some(list) = pattern.strip_prefix('@') {
        return resolve_list(list, base, inputs);
    }
    if let Some(rest) = pattern.strip_prefix("builtin:") {
        let bytes = sample_bytes(pattern, rest)?;
        let sample = Input::new(Source::Sample { bytes, seed }, pattern.to_owned());
        inputs.push(Input { bytes: Some(bytes), ..sample });
        return Ok(());
    }
    let base = base.of(Path::new(pattern));
    let path = base.folder.join(pattern);
    if path.is_dir() {
        return resolve_folder(&path, base, inputs);
    }
    if path.exists() || !glob::is_pattern(pattern) {
        inputs.push(file(path, base)?);
        return Ok(());
    }
    let found = glob::expand(base.folder, pattern)
        .map_err(|source| base.read_error(&path, "listing", source))?;
    let nothing = Nothing {
        problem: "no file matches",
        way_out: "check the pattern; quote it so that the shell leaves it alone",
    };
    take_found((&path, base), found, nothing, inputs)
}

/// The error if no file was found.
struct Nothing {
    problem: &'static str,
    way_out: &'static str,
}

/// Appends the found files; the first one has the report of what was skipped.
fn take_found(
    (path, base): (&Path, Base<'_>),
    found: glob::Found,
    nothing: Nothing,
    inputs: &mut Vec<Input>,
) -> Result<(), TextError> {
    let left_out: Vec<String> = found.left_out.iter().map(|told| base.name_of(told)).collect();
    if found.files.is_empty() {
        let told = left_out.first().map(|first| format!("; {first}")).unwrap_or_default();
        return Err(base.missing(path, format!("{}{told}", nothing.problem), nothing.way_out));
    }
    let first = inputs.len();
    for path in found.files {
        inputs.push(file(path, base)?);
    }
    inputs[first].left_out = left_out.into();
    Ok(())
}

/// The files that a list names; its lines are not patterns.
fn resolve_list(list: &str, base: Base<'_>, inputs: &mut Vec<Input>) -> Result<(), TextError> {
    let of_list = base.of(Path::new(list));
    let path = of_list.folder.join(list);
    let mut bytes = Vec::new();
    let read = match list {
        "-" => io::stdin().read_to_end(&mut bytes).map(drop),
        _ => fs::read(&path).map(|read| bytes = read),
    };
    read.map_err(|source| of_list.read_error(&path, "reading the list of inputs", source))?;
    if bytes.starts_with(&BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let before = inputs.len();
    for (number, line) in bytes.split(|byte| *byte == end).enumerate() {
        let line = if end == 0 { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        if line.is_empty() {
            continue;
        }
        let line = Path::new(OsStr::from_bytes(line));
        let base = base.of(line);
        let named = base.folder.join(line);
        if named.is_dir() {
            resolve_folder(&named, base, inputs)?;
            continue;
        }
        inputs.push(file(named, base).map_err(|error| match error {
            TextError::Input { path: named, tried, problem, .. } => {
                let problem = format!(
                    "{problem}, and line {} of {} names it",
                    number + 1,
                    of_list.show(&path)
                );
                TextError::Input { path: named, tried, problem, way_out: "correct the list" }
            }
            error => error,
        })?);
    }
    if inputs.len() == before {
        return Err(of_list.missing(
            &path,
            "it names no file".to_owned(),
            "write one path per line into the list",
        ));
    }
    Ok(())
}

fn resolve_folder(path: &Path, base: Base<'_>, inputs: &mut Vec<Input>) -> Result<(), TextError> {
    let found = glob::walk(path).map_err(|source| base.read_error(path, "listing", source))?;
    let nothing = Nothing {
        problem: "there is no file in the folder (hidden ones are left out)",
        way_out: "put text files there or name another folder",
    };
    take_found((path, base), found, nothing, inputs)
}

fn file(path: PathBuf, base: Base<'_>) -> Result<Input, TextError> {
    let data = match fs::metadata(&path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(base.missing(
                &path,
                "there is no such file".to_owned(),
                "check the path in corpus.inputs",
            ));
        }
        Err(error) => return Err(base.read_error(&path, "looking up", error)),
    };
    let modified_ns = data
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| u64::try_from(age.as_nanos()).ok());
    let name = base.show(&path);
    if !data.is_file() {
        // It has no size, and its time is that of the last write by any program.
        return Ok(Input::new(Source::Pipe(path), name));
    }
    Ok(Input { bytes: Some(data.len()), modified_ns, ..Input::new(Source::File(path), name) })
}

impl Input {
    /// A single file.
    ///
    /// # Errors
    /// If the file is missing; `way_out` is the advice for that.
    pub fn file(path: &Path, way_out: &'static str) -> Result<Self, TextError> {
        let base = Base { folder: Path::new(""), name: Path::new("") };
        file(path.to_path_buf(), base).map_err(|error| match error {
            TextError::Input { path, tried, problem, .. } => {
                TextError::Input { path, tried, problem, way_out }
            }
            error => error,
        })
    }
}

fn sample_bytes(pattern: &str, rest: &str) -> Result<u64, TextError> {
    match rest.split_once(':') {
        None if rest == "sample" => Ok(DEFAULT_SAMPLE_BYTES),
        Some(("sample", size)) => parse_size(&in_full(size)).map_err(|_| {
            config(
                format!("\"{size}\" in \"{pattern}\" is no size"),
                "write a size as in builtin:sample:100MB",
            )
        }),
        _ => Err(config(
            format!("there is no built-in text \"{pattern}\""),
            "write builtin:sample or builtin:sample:100MB",
        )),
    }
}

/// Parses a size whose unit may be a letter alone: `100M` is `100MB`.
fn in_full(size: &str) -> String {
    let is_short = size.ends_with(['k', 'K', 'm', 'M', 'g', 'G']);
    format!("{size}{}", if is_short { "B" } else { "" })
}

fn config(problem: String, way_out: &str) -> TextError {
    TextError::Config { key: "corpus.inputs", problem, way_out: way_out.to_owned() }
}
