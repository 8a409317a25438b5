//! A file of vectors whose header was read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bad::BadRows;
use super::finalfusion::{self, Layout};
use super::form::{DIM_MAX, ROWS_MAX, VectorForm, Wanted};
use super::npy::{self, Element};
use super::reader::{Beside, Known, VectorReader};
use super::source::Source;
use super::{columns, sniff};
use crate::compat::stranger::Stranger;
use crate::compression::Compression;
use crate::error::FormatError;
use crate::storage::Storage;

impl VectorForm {
    /// Detects the form by the first bytes of a file; `None` if it is none of them.
    ///
    /// # Errors
    /// Storage errors.
    pub fn of(storage: &Arc<dyn Storage>, path: &Path) -> Result<Option<Self>, FormatError> {
        Ok(Self::of_head(&Source::head(storage, path)?))
    }

    /// The same of first bytes.
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<Self> {
        sniff::form_of(head)
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
    /// The offset of the first row.
    start: u64,
    element: Element,
    /// The offsets within a file of finalfusion.
    layout: Layout,
    pub(super) bad_rows: BadRows,
    advice: &'static str,
}

/// Endings of arrays that gensim writes beside a large model.
const ARRAYS_OF_GENSIM: [&str; 3] = [".wv.vectors.npy", ".vectors.npy", ".syn1neg.npy"];

/// How rows are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowConfig {
    /// What to do with bad rows.
    pub bad_rows: BadRows,
    /// The end of an error about a row: how to have such rows left out.
    pub advice: &'static str,
}

impl VectorFile {
    /// Detects the format of a file and reads its header.
    ///
    /// # Errors
    /// [`FormatError::Foreign`] for anything but vectors of another program, [`FormatError::Incoming`] for
    /// a header that does not fit the file.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        Self::open_with(storage, path, RowConfig::default())
    }

    /// The same; rows are read by `config`.
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
            return Err(match Stranger::of_tensors_too(&head) {
                Some(stranger) => stranger.error(path),
                None => FormatError::foreign(path, "vectors of another program", unknown(&head)),
            });
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

    /// A header that promises more than the file can contain is refused before anything is read.
    fn check_length(&self, source: &Source) -> Result<(), FormatError> {
        let Some(rows) = self.rows else {
            return Ok(());
        };
        if rows == 0 || rows > ROWS_MAX {
            let what = format!("it says that it has {rows} rows; 1 to {ROWS_MAX} can be read");
            return Err(source.error(0, what));
        }
        if self.form == VectorForm::Finalfusion || self.form.is_table() {
            // The lengths of its chunks were compared with the file; the library checks a table.
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
                // If bad rows are left out, the existing ones are used.
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

    /// Its format.
    pub fn form(&self) -> VectorForm {
        self.form
    }

    /// The number of rows, if the file states it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Where the words of an array are expected: one per line, optionally with its count.
    pub fn names_path(path: &Path) -> PathBuf {
        let mut name = OsString::from(path.as_os_str());
        name.push(".vocab.txt");
        PathBuf::from(name)
    }

    /// Starts reading at the first row.
    ///
    /// # Errors
    /// Storage errors, and an array without a file of words.
    pub fn reader(&self) -> Result<VectorReader, FormatError> {
        self.read(Wanted::Rows)
    }

    pub(super) fn read(&self, wanted: Wanted) -> Result<VectorReader, FormatError> {
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
        let Self { form, bad_rows, advice, rows, dim, element, .. } = *self;
        let names_end = self.layout.words_end;
        let known = Known { form, names_end, bad_rows, advice, rows, dim, element };
        Ok(VectorReader::new(known, wanted, source, Beside { names, norms, table }))
    }

    fn open_at(&self, offset: u64) -> Result<Source, FormatError> {
        let mut source = Source::open(&self.storage, &self.path, self.form)?;
        source.skip(offset)?;
        Ok(source)
    }

    /// Why an array has no words: it may be that of a model of gensim, which has them.
    fn no_words(&self, wanted: &Path) -> FormatError {
        let what = format!("its words should be in {}, one per line", wanted.display());
        let Some(model) = beside_array(&self.path) else {
            return FormatError::foreign(&self.path, "an array with words", what);
        };
        let way_out = Stranger::pickled_by_gensim().way_out_of(&model);
        let what = "an array of a model that gensim has saved";
        FormatError::Stranger { path: self.path.clone(), what, way_out }
    }

    fn names(&self) -> Result<Source, FormatError> {
        let path = Self::names_path(&self.path);
        // A packed array may have been packed after the words were written beside it.
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
            true => self.no_words(&path),
            false => error,
        })?;
        names.pass_mark()?;
        Ok(names)
    }
}

/// The file that gensim wrote beside an array of this name.
fn beside_array(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let model = ARRAYS_OF_GENSIM.iter().find_map(|ending| name.strip_suffix(ending))?;
    Some(path.with_file_name(model)).filter(|model| model.is_file())
}

/// Why a file with these first bytes cannot be read.
fn unknown(head: &[u8]) -> String {
    let packed = Compression::of(head).map(Compression::name);
    match packed {
        Some(name) => format!("it is packed with {name}"),
        _ if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) => {
            "it is text in UTF-16; `iconv -f UTF-16 -t UTF-8 FILE` writes it in UTF-8".to_owned()
        }
        _ => "it begins like none of word2vec, GloVe, finalfusion, NumPy, Arrow and Parquet"
            .to_owned(),
    }
}
