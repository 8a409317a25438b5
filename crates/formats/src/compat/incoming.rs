//! Vectors that another program has written, read row by row.
//!
//! A [`VectorForm`] is one of seven formats; which one a file has is told by its first bytes. A
//! [`VectorFile`] is a file whose header was read; a [`VectorReader`] goes through its rows, of which it
//! keeps one; [`ListedWords`] are the words of all rows, for those who need them at once.
//!
//! | form | header | row |
//! |---|---|---|
//! | word2vec, binary | `ROWS DIM` | word, space, d f32 little-endian; a line feed may follow |
//! | word2vec, text (fastText's `.vec`) | `ROWS DIM` | `word v1 … vd`, spaces or tabs between |
//! | GloVe | none | the same; at least two numbers, or it would look like a list of counts |
//! | finalfusion | `FiFu`, chunks | words and numbers in chunks of their own; lengths of the rows in a third |
//! | npy | NumPy's, versions 1 to 3 | d f2, f4 or f8, little-endian; the words stand in FILE`.vocab.txt` |
//! | Arrow, Parquet | the libraries' | columns of words, vectors, perhaps counts; behind the feature `parquet` |
//!
//! In text the last d fields of a line are the numbers, and all that stands before them is the word, so a word may have spaces
//! in it. A byte-order mark at the beginning of a text is no part of it.
//!
//! A bad row has a word that is empty, not UTF-8, longer than 1 MiB or that of an earlier row; a number that is not finite as f32,
//! because no neighbour of it can be found; too many or too few numbers; or is a last line without an end, because a number cut off
//! is a number, too. [`BadRows`] says what is done about them, and [`RowCounts`] are what was. Another number of rows than the
//! header says is refused, unless bad rows of a text are not. No length in a file is believed before it is checked, so memory grows
//! with a row, and a row is limited.

mod bad;
#[cfg(feature = "parquet")]
mod columns;
#[cfg(not(feature = "parquet"))]
#[path = "incoming/no_columns.rs"]
mod columns;
mod finalfusion;
mod npy;
mod reader;
mod sniff;
mod source;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::compression::{Compression, archive};
use crate::error::FormatError;
use crate::storage::Storage;
use finalfusion::Layout;
use npy::Element;
use reader::{Beside, Wanted};
use source::Source;

pub use bad::{BadRows, RowCounts};
pub use reader::VectorReader;
pub use words::ListedWords;

/// The most numbers of a vector.
pub const DIM_MAX: usize = 1 << 16;
/// The longest word in bytes: that of the tokenizers.
const WORD_BYTES_MAX: usize = 1 << 20;
/// The longest line of text: a word and as many numbers as there may be.
const LINE_BYTES_MAX: usize = WORD_BYTES_MAX + 64 * DIM_MAX;
/// Ids are u32, and the last of them has a meaning of its own.
const ROWS_MAX: u64 = u32::MAX as u64 - 1;

/// How another program has written vectors down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorForm {
    /// word2vec's binary format.
    Word2vec,
    /// word2vec's text format, which is fastText's too.
    Word2vecText,
    /// GloVe's text format.
    Glove,
    /// An array of NumPy.
    Npy,
    /// finalfusion's format.
    Finalfusion,
    /// Arrow's file format, a table of columns.
    Arrow,
    /// Parquet, likewise.
    Parquet,
}

impl VectorForm {
    /// Its name in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Word2vec => "vectors in word2vec's binary format",
            Self::Word2vecText => "vectors in word2vec's text format",
            Self::Glove => "vectors in GloVe's text format",
            Self::Npy => "an array of NumPy",
            Self::Finalfusion => "vectors in finalfusion's format",
            Self::Arrow => "a table in Arrow's file format",
            Self::Parquet => "a table in Parquet",
        }
    }

    fn is_table(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }

    /// Tells it by the first bytes of a file; `None` if they are of something else.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn of(storage: &Arc<dyn Storage>, path: &Path) -> Result<Option<Self>, FormatError> {
        Ok(sniff::form_of(&Source::head(storage, path)?))
    }
}

/// A file of vectors, its header checked.
#[derive(Clone, Debug)]
pub struct VectorFile {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    form: VectorForm,
    rows: Option<u64>,
    dim: usize,
    /// Where the first row stands.
    start: u64,
    element: Element,
    /// Where things stand in a file of finalfusion.
    layout: Layout,
    bad_rows: BadRows,
    advice: &'static str,
}

/// How rows are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowConfig {
    /// What is done about bad rows.
    pub bad_rows: BadRows,
    /// How whoever reads can have them left out: what an error about a row ends with.
    pub advice: &'static str,
}

impl VectorFile {
    /// Finds out what a file is and reads its header.
    ///
    /// # Errors
    /// [`FormatError::Foreign`] for anything but vectors of another program, [`FormatError::Incoming`] for
    /// a header that does not fit the file.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        Self::open_with(storage, path, RowConfig::default())
    }

    /// The same; rows are read as `config` says.
    ///
    /// # Errors
    /// Those of [`VectorFile::open`].
    pub fn open_with(
        storage: &Arc<dyn Storage>,
        path: &Path,
        config: RowConfig,
    ) -> Result<Self, FormatError> {
        let head = Source::head(storage, path)?;
        let Some(form) = sniff::form_of(&head) else {
            return Err(FormatError::foreign(path, "vectors of another program", unknown(&head)));
        };
        let mut source = Source::open(storage, path, form)?;
        source.pass_mark()?;
        let mut layout = Layout::default();
        let (rows, dim, element) = match form {
            VectorForm::Arrow | VectorForm::Parquet => {
                let (rows, dim) = columns::shape(storage, path, form)?;
                (rows, dim, Element::F32)
            }
            VectorForm::Npy => npy::header(&mut source)?,
            VectorForm::Finalfusion => {
                let (rows, dim, places) = finalfusion::header(&mut source)?;
                layout = places;
                (Some(rows), dim, Element::F32)
            }
            VectorForm::Glove => (None, sniff::dim_of_lines(&mut source)?, Element::F32),
            _ => {
                let (rows, dim) = sniff::sizes_of_first_line(&mut source)?;
                (Some(rows), dim, Element::F32)
            }
        };
        let dim = usize::try_from(dim).ok().filter(|dim| (1..=DIM_MAX).contains(dim));
        let Some(dim) = dim else {
            return Err(source.error(0, format!("vectors of 1 to {DIM_MAX} numbers can be read")));
        };
        let start = match form {
            VectorForm::Glove => sniff::mark_bytes(&head),
            VectorForm::Finalfusion => layout.array,
            _ => source.at(),
        };
        let (storage, path) = (Arc::clone(storage), path.to_path_buf());
        let RowConfig { bad_rows, advice } = config;
        let file =
            Self { storage, path, form, rows, dim, start, element, layout, bad_rows, advice };
        file.check_length(&source)?;
        Ok(file)
    }

    /// A header that promises more than the file can hold is refused before anything is read.
    fn check_length(&self, source: &Source) -> Result<(), FormatError> {
        let Some(rows) = self.rows else {
            return Ok(());
        };
        if rows == 0 || rows > ROWS_MAX {
            let what = format!("it says that it has {rows} rows; 1 to {ROWS_MAX} can be read");
            return Err(source.error(0, what));
        }
        if self.form == VectorForm::Finalfusion || self.form.is_table() {
            // The lengths of its chunks were compared with the file; a table is compared by its library.
            return Ok(());
        }
        if self.form == VectorForm::Word2vecText && self.bad_rows != BadRows::Refuse {
            // Its lines are counted.
            return Ok(());
        }
        let dim = self.dim as u64;
        let least = match self.form {
            VectorForm::Npy => self.element.bytes() * dim,
            VectorForm::Word2vec => 2 + 4 * dim,
            _ => 2 + 2 * dim,
        };
        let held = source.len() - self.start;
        let needed = rows.checked_mul(least);
        let exact = self.form == VectorForm::Npy;
        match needed {
            Some(needed) if needed == held || (needed < held && !exact) => Ok(()),
            _ => {
                let what = format!(
                    "{rows} rows of {dim} numbers do not fit the {held} bytes behind the header: the \
                     file is cut off or has grown"
                );
                if self.form != VectorForm::Word2vecText {
                    return Err(source.error(0, what));
                }
                // Whoever leaves out bad rows takes those that are there.
                let (path, form) = (self.path.clone(), self.form.what());
                let (place, advice) = ("byte 0".to_owned(), self.advice);
                Err(FormatError::Row { path, form, place, what, advice })
            }
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn form(&self) -> VectorForm {
        self.form
    }

    /// The number of rows, where the file says it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Where the words of an array are looked for: a line a word, perhaps with its count.
    pub fn names_path(path: &Path) -> PathBuf {
        let mut name = OsString::from(path.as_os_str());
        name.push(".vocab.txt");
        PathBuf::from(name)
    }

    /// Starts reading at the first row.
    ///
    /// # Errors
    /// Those of the storage; an array without a file of words.
    pub fn reader(&self) -> Result<VectorReader, FormatError> {
        self.read(Wanted::Rows)
    }

    fn read(&self, wanted: Wanted) -> Result<VectorReader, FormatError> {
        let mut source = Source::open(&self.storage, &self.path, self.form)?;
        source.skip(self.start)?;
        let names = match self.form {
            VectorForm::Npy => Some(self.names()?),
            VectorForm::Finalfusion => Some(self.open_at(self.layout.words)?),
            _ => None,
        };
        let norms = self.layout.norms.map(|at| self.open_at(at)).transpose()?;
        let table = match self.form.is_table() {
            true => Some(columns::Table::open(&self.storage, &self.path, self.form, wanted)?.0),
            false => None,
        };
        Ok(VectorReader::new(self, wanted, source, Beside { names, norms, table }))
    }

    fn open_at(&self, offset: u64) -> Result<Source, FormatError> {
        let mut source = Source::open(&self.storage, &self.path, self.form)?;
        source.skip(offset)?;
        Ok(source)
    }

    fn names(&self) -> Result<Source, FormatError> {
        let path = Self::names_path(&self.path);
        // An array that is packed may have been packed after the words were written beside it.
        let unpacked = self.path.extension().is_some_and(Compression::is_ending);
        let other = unpacked.then(|| Self::names_path(&self.path.with_extension("")));
        let first = Source::open(&self.storage, &path, self.form);
        let opened = match (first, other) {
            (Err(error), Some(other)) if error.is_not_found() => {
                Source::open(&self.storage, &other, self.form)
            }
            (opened, _) => opened,
        };
        let mut names = opened.map_err(|error| match error.is_not_found() {
            true => {
                let what = format!("its words should stand in {}, one a line", path.display());
                FormatError::foreign(&self.path, "an array with words", what)
            }
            false => error,
        })?;
        names.pass_mark()?;
        Ok(names)
    }
}

/// Why a file that begins so is not read.
fn unknown(head: &[u8]) -> String {
    let packed = Compression::of(head).map(Compression::name);
    match (packed, archive(head)) {
        _ if head.is_empty() => "it is empty".to_owned(),
        (Some(name), _) => format!("it is packed with {name}"),
        (_, Some(what)) => format!("it is {what}"),
        _ if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) => {
            "it is text in UTF-16; `iconv -f UTF-16 -t UTF-8 FILE` writes it in UTF-8".to_owned()
        }
        _ => "it begins like none of word2vec, GloVe, finalfusion, NumPy, Arrow and Parquet"
            .to_owned(),
    }
}

#[cfg(test)]
mod bad_tests;
#[cfg(test)]
#[cfg(feature = "parquet")]
mod columns_tests;
#[cfg(test)]
mod tests;
