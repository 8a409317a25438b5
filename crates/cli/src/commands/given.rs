//! Files of vectors that a command is given: of any format, packed or not, plain files or pipes.
//!
//! What is no vectors file of ours is converted for the command alone, into a file without a name that goes with it. Whatever is done
//! with a file before it can be asked is reported on standard error, and so are rows that were left out or mended.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_formats::compat::incoming::{BadRows, RowConfig, RowCounts};
use wordmill_formats::{
    DiskStorage, FormatError, Intake, PackedFiles, Published, ScratchStorage, Spelling, Storage,
    UserFiles, Vectors, counted, is_stream, is_stream_out,
};
use wordmill_query::{Converted, ExportFormat, QueryError, located, open};

use crate::args::{RawArg, RowsArg};
use crate::display::Loudness;
use wordmill_pipeline::config::ConfigError;
use wordmill_pipeline::spelling_of;

/// How an error about a row ends.
const ADVICE: &str =
    "--bad-rows skip leaves such rows out, --bad-rows repair also mends what can be mended";

/// Where files of vectors are read from, and outputs written to.
pub struct Files {
    intake: Arc<Intake>,
    storage: Arc<dyn Storage>,
    scratch: Arc<dyn Storage>,
    rows: RowConfig,
}

impl Files {
    /// Files that are only read: scratch files go to the folder of the system for such.
    pub fn to_read(rows: BadRows) -> Self {
        Self::new(&std::env::temp_dir(), rows)
    }

    /// Files that become `out`: scratch files lie on its disk, unless it is a pipe or a device.
    pub fn to_write(out: &Path, rows: BadRows) -> Self {
        if is_stream_out(out) {
            return Self::to_read(rows);
        }
        let out = std::fs::canonicalize(out).unwrap_or_else(|_| out.to_path_buf());
        let absolute = std::path::absolute(&out).unwrap_or(out);
        let folder = absolute.ancestors().skip(1).find(|folder| folder.is_dir());
        Self::new(folder.unwrap_or(Path::new(".")), rows)
    }

    fn new(folder: &Path, bad_rows: BadRows) -> Self {
        let disk: Arc<dyn Storage> = Arc::new(UserFiles(Arc::new(DiskStorage)));
        let intake = Arc::new(Intake::new(disk, folder));
        let storage: Arc<dyn Storage> = intake.clone();
        let scratch: Arc<dyn Storage> = Arc::new(ScratchStorage::new(folder));
        Self { intake, storage, scratch, rows: RowConfig { bad_rows, advice: ADVICE } }
    }

    /// Files as a command names them.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Where an output goes: packed if its name ends in `.gz` or `.zst`.
    ///
    /// # Errors
    /// A format that cannot be packed.
    pub fn output(
        &self,
        out: &Path,
        format: ExportFormat,
    ) -> Result<Arc<dyn Storage>, ConfigError> {
        use ExportFormat::{Arrow, Npy, Parquet, Projector, Safetensors};
        match PackedFiles::of_ending(&self.storage, out) {
            Some(_) if matches!(format, Safetensors | Npy | Projector | Arrow | Parquet) => {
                let name = format.name();
                let what = format!("{name} is not packed; leave .gz or .zst out of the name");
                Err(ConfigError::new(out.display(), what))
            }
            Some(packed) => Ok(Arc::new(packed)),
            None => Ok(Arc::clone(&self.storage)),
        }
    }

    /// Files that go when the command ends.
    pub fn scratch(&self) -> &Arc<dyn Storage> {
        &self.scratch
    }

    /// How rows are read.
    pub fn rows(&self) -> RowConfig {
        self.rows
    }

    /// Makes a file of a pipe, and unpacks what is packed.
    pub fn take(&self, path: &Path) -> Result<(), FormatError> {
        if let Some(taken) = self.intake.take(path)? {
            note(&taken.to_string());
        }
        Ok(())
    }

    /// Opens vectors of any format.
    pub fn open(&self, path: &Path) -> Result<Vectors, QueryError> {
        let path = &*located(&self.storage, path)?;
        self.take(path)?;
        let opened = open(&self.storage, &self.scratch, self.rows, path)?;
        if let Some(converted) = &opened.converted {
            say_converted(path, converted);
        }
        Ok(opened.vectors)
    }

    /// Opens vectors of which words are asked: they are spelled as their text is, or taken as they are if the arguments say so.
    pub fn open_to_ask(&self, path: &Path, raw: RawArg) -> Result<Vectors, QueryError> {
        let vectors = self.open(path)?;
        let spelling = if raw.raw { Spelling::Exact } else { spelling_of(vectors.settings()) };
        Ok(vectors.spelled(spelling))
    }
}

/// Opens one file of vectors of which words are asked.
pub fn open_to_ask(path: &Path, raw: RawArg, rows: RowsArg) -> Result<Vectors, QueryError> {
    Files::to_read(rows.bad_rows.into()).open_to_ask(path, raw)
}

/// Refuses to write a file over the one that is read.
pub fn refuse_same(input: &Path, out: &Path, doing: &str) -> Result<(), ConfigError> {
    let real = |path: &Path| -> Option<PathBuf> {
        let is_stream = is_stream(path) || is_stream_out(path);
        if is_stream { None } else { std::fs::canonicalize(path).ok() }
    };
    match (real(input), real(out)) {
        (Some(input), Some(real)) if input == real => {
            let what = format!("{doing}: this is the file that is read; name another one");
            Err(ConfigError::new(out.display(), what))
        }
        _ => Ok(()),
    }
}

/// Where what is said about an output goes: not between its bytes.
pub fn messages<'a>(path: &Path, out: &'a mut dyn Write) -> Box<dyn Write + 'a> {
    match is_stream_out(path) {
        true => Box::new(io::stderr()),
        false => Box::new(out),
    }
}

/// What is said of a file that was written.
pub fn written_line(written: &Published) -> String {
    let path = written.path.display();
    let bytes = counted(written.bytes, "byte");
    let is_packed = PackedFiles::is_asked(&written.path);
    match std::fs::metadata(&written.path).ok().filter(|about| is_packed && about.is_file()) {
        Some(about) => format!("{path}: {bytes}, packed into {}", about.len()),
        None => format!("{path}: {bytes}"),
    }
}

/// What was left out and mended, a line each.
pub fn row_lines(path: &Path, rows: &RowCounts) -> Vec<String> {
    rows.lines().iter().map(|line| format!("{}: {line}", path.display())).collect()
}

/// A line on standard error, which may be closed.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "wordmill: {line}");
}

/// The same for what is worth knowing, but neither an error nor a result.
fn note(line: &str) {
    if Loudness::now() != Loudness::Quiet {
        say(line);
    }
}

fn say_converted(path: &Path, converted: &Converted) {
    let Converted { from, words, dim, rows, .. } = converted;
    let name = path.display();
    let once = match is_stream(path) {
        true => String::new(),
        false => format!("; `wordmill convert {name} OUT.safetensors` does so once and for all"),
    };
    note(&format!(
        "{name}: {from}, {words} words of {dim} numbers, converted for this command{once}"
    ));
    row_lines(path, rows).iter().for_each(|line| note(line));
}
