//! `wordmill matrix`: the co-occurrence matrix in another program's format.
//!
//! Like `verify` it takes no lock: it reads finished files, checks them, and writes elsewhere.

use std::io::Write;
use std::path::{Component, Path};

use wordmill_cooccur::{MatrixFormat, MatrixInput, export_matrix, words_path};
use wordmill_formats::{
    FormatError, MatrixIndex, RunDir, StageRow, TensorFile, WordTable, Words, check_no_stream,
};

use crate::args::MatrixArgs;
use crate::commands::user_files;
use crate::display::{Display, ProgressMode};
use crate::session;
use std::sync::Arc;
use wordmill_pipeline::config::ConfigError;
use wordmill_pipeline::ledger::{Ledger, check_index};
use wordmill_pipeline::stages::import::{imported_row, is_imported};
use wordmill_pipeline::stages::kind_of_stage;

/// What wordmill keeps in a run directory.
const KEPT: [&str; 9] =
    ["run.json", "run.lock", "tokens", "vocab", "spill", "matrix", "tiles", "models", "vectors"];

/// Writes the file, and its words beside it.
pub fn run(args: &MatrixArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let dir = RunDir::new(user_files(), &args.run_dir);
    let index = finished_matrix(&dir)?;
    let words = words_of(&dir, &index)?;
    check_no_stream(dir.storage(), &args.out, "a matrix with its words in a file beside it")?;
    check_place(&dir, &args.out)?;
    let format = MatrixFormat::from(args.format);
    // The memory does not grow with the matrix, so there is nothing to be budgeted.
    let ctx =
        session::context_of((1, u64::MAX), &Arc::new(Display::new(ProgressMode::Auto)), None)?;
    let input = MatrixInput { dir: &dir, index: &index, words: &words };
    for file in export_matrix(&ctx, input, format, &args.out)? {
        writeln!(out, "{}: {} bytes", file.path.display(), file.bytes)?;
    }
    writeln!(
        out,
        "{} words, {} cells of weight {} in all, counted in units of 1/{}",
        words.len(),
        index.cells,
        index.weight as f64 / index.unit as f64,
        index.unit
    )?;
    Ok(())
}

/// The index of the matrix, if its stage is done and its files are there.
fn finished_matrix(dir: &RunDir) -> anyhow::Result<MatrixIndex> {
    let ledger = Ledger::open(dir, kind_of_stage)?;
    let rows = &ledger.manifest().stages;
    if rows.is_empty() {
        let what = "there is no run.json; `wordmill run --until merge --run-dir DIR` makes one";
        return Err(FormatError::foreign(dir.root(), "a run directory", what).into());
    }
    if is_imported(&ledger) {
        check_index(dir, imported_row(dir, &ledger)?)?;
        return Ok(MatrixIndex::read(dir.storage(), &dir.matrix_index())?);
    }
    let is_ready = |row: &&StageRow| row.is_settled();
    let Some(row) = ledger.manifest().stage("merge").filter(is_ready) else {
        let done = rows.iter().filter(is_ready);
        let done: Vec<&str> = done.map(|row| row.name.as_str()).collect();
        let what = format!(
            "reading the matrix: the stage merge, which makes it, is not done (done: {}); go on with \
             `wordmill run PIPELINE.toml --run-dir {} --until merge`",
            if done.is_empty() { "none".to_owned() } else { done.join(", ") },
            dir.root().display()
        );
        return Err(ConfigError::new(dir.root().display(), what).into());
    };
    if let Some(path) = ledger.missing(row)?.first() {
        let what = "the file is missing or has another length than run.json says";
        return Err(FormatError::corrupt(&dir.path(path), 0, what).into());
    }
    check_index(dir, row)?;
    Ok(MatrixIndex::read(dir.storage(), &dir.matrix_index())?)
}

fn words_of(dir: &RunDir, index: &MatrixIndex) -> Result<WordTable, FormatError> {
    let path = dir.vocabulary();
    let file = TensorFile::open(dir.storage(), &path).map_err(|error| match error {
        error if error.is_not_found() => FormatError::corrupt(&path, 0, "the file is missing"),
        error => error,
    })?;
    let table = WordTable::new(file)?;
    table.verify()?;
    let digest = format!("{:016x}", table.file().index().digest());
    if table.len() != index.words as usize || digest != index.vocabulary {
        let what = "it is not the vocabulary that the matrix was counted with";
        return Err(FormatError::corrupt(&path, 0, what));
    }
    Ok(table)
}

/// Refuses a place before hours of work end there.
fn check_place(dir: &RunDir, out: &Path) -> Result<(), ConfigError> {
    let refuse = |what: String| Err(ConfigError::new(out.display(), what));
    let Some(name) = out.file_name() else {
        return refuse("writing the matrix: this is no file name; name a file".into());
    };
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let folder = match std::fs::canonicalize(parent) {
        Ok(folder) if folder.is_dir() => folder,
        _ => {
            let what = "writing the matrix: there is no folder";
            return refuse(format!("{what} {}; make it or name another file", parent.display()));
        }
    };
    for path in [out, &words_path(out)] {
        if path.is_dir() {
            return refuse(format!(
                "writing the matrix: {} is a folder; name another file",
                path.display()
            ));
        }
    }
    let root = std::fs::canonicalize(dir.root()).unwrap_or_default();
    // Of a link, what it leads to is replaced.
    let full = std::fs::canonicalize(out).unwrap_or_else(|_| folder.join(name));
    let inside = full.strip_prefix(&root).ok().and_then(|inside| inside.components().next());
    match inside {
        Some(Component::Normal(first)) if KEPT.iter().any(|kept| first == *kept) => {
            refuse("writing the matrix: wordmill keeps files of its own there; name another".into())
        }
        _ => Ok(()),
    }
}
