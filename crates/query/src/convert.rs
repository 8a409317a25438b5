//! Converts vectors between formats of different programs. The content of a file decides its
//! format.
//!
//! Vectors of another program have no contexts, biases or settings, and most have no counts. A wordmill file
//! converted from them keeps the words in the order of the rows, has counts of 0 where they are unknown, and
//! records this in its settings. The writers of other formats ([`export`()]) read wordmill files only, so a
//! conversion goes through such a file in scratch storage. [`open`] gives access to vectors of any format in the
//! same way: it maps a wordmill file and converts all others first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::incoming::{
    BadRows, ListedWords, RowConfig, RowCounts, VectorFile, VectorForm,
};
use wordmill_formats::compat::stranger::Stranger;
use wordmill_formats::{
    FormatError, PackedFiles, Published, Storage, TensorReader, Vectors, VectorsWriter, Words,
    check_no_stream, copy_file, is_tensor_file,
};

use crate::error::QueryError;
use crate::export::{ExportConfig, ExportFormat, ExportSpaces, export, missing_feature, packed};
use crate::located::located;

/// What a conversion writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertFormat {
    /// A complete vectors file of wordmill.
    Safetensors,
    /// A format of another program.
    Export(ExportFormat),
}

/// File extensions that determine the format.
const ENDINGS: [(&str, ConvertFormat); 7] = [
    ("safetensors", ConvertFormat::Safetensors),
    ("bin", ConvertFormat::Export(ExportFormat::Word2vec)),
    ("vec", ConvertFormat::Export(ExportFormat::Word2vecText)),
    ("fifu", ConvertFormat::Export(ExportFormat::Finalfusion)),
    ("npy", ConvertFormat::Export(ExportFormat::Npy)),
    ("arrow", ConvertFormat::Export(ExportFormat::Arrow)),
    ("parquet", ConvertFormat::Export(ExportFormat::Parquet)),
];
/// Endings of packed files.
const PACKED: [&str; 2] = ["bz2", "xz"];
const CHOOSE: &str = "choose safetensors, word2vec, word2vec-text, glove, fasttext-vec, finalfusion, npy, projector, arrow or parquet";

impl ConvertFormat {
    /// Parses the name of a format.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] for a name that is unknown or not supported yet.
    pub fn parse(name: &str) -> Result<Self, QueryError> {
        match name {
            "safetensors" => Ok(Self::Safetensors),
            name => ExportFormat::parse(name).map(Self::Export).map_err(|_| {
                QueryError::ExportFormat(format!(
                    "{name:?} is not a format to convert to; {CHOOSE}"
                ))
            }),
        }
    }

    /// Checks in advance that this format can be written to `out`.
    ///
    /// # Errors
    /// A format that this build does not have; a pipe where a format needs a file; a folder where it is none.
    pub fn check(self, storage: &Arc<dyn Storage>, out: &Path) -> Result<(), QueryError> {
        use ExportFormat as F;
        match self {
            Self::Export(format @ (F::Arrow | F::Parquet)) if !cfg!(feature = "parquet") => {
                return Err(missing_feature(format));
            }
            Self::Export(F::Npy) => check_no_stream(storage, out, "npy")?,
            Self::Export(F::Projector) => {
                return Ok(check_no_stream(storage, out, "a folder for TensorBoard's projector")?);
            }
            _ => {}
        }
        match out.is_dir() {
            true => Err(FormatError::io(out, "writing", io::ErrorKind::IsADirectory.into()).into()),
            false => Ok(()),
        }
    }

    /// The format that a file extension denotes; `.gz` and `.zst` after it say how the file is packed.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] if it denotes none: `.txt` may be word2vec's or GloVe's.
    pub fn of_ending(path: &Path) -> Result<Self, QueryError> {
        let name = match PackedFiles::is_asked(path) {
            true => path.with_extension(""),
            false => path.to_path_buf(),
        };
        let ending = name.extension().and_then(|ending| ending.to_str());
        let known = ENDINGS.iter().find(|(known, _)| Some(*known) == ending);
        known.map(|(_, format)| *format).ok_or_else(|| {
            let shown = path.display();
            if ending.is_some_and(|ending| PACKED.contains(&ending)) {
                let program = if ending == Some("xz") { "xz" } else { "bzip2" };
                let what = format!(
                    "{shown}: only .gz and .zst are packed; pack it through a pipe: `wordmill … - --format word2vec-text \
                     | {program} > {shown}`"
                );
                return QueryError::ExportFormat(what);
            }
            let what = format!("{shown}: its ending names no format; add --format (word2vec-text, glove, …), or end it in {}", endings());
            QueryError::ExportFormat(what)
        })
    }
}

impl From<ConvertFormat> for ExportFormat {
    /// The same, where vectors of ours become a file of ours with only what was asked for.
    fn from(format: ConvertFormat) -> Self {
        match format {
            ConvertFormat::Safetensors => Self::Safetensors,
            ConvertFormat::Export(format) => format,
        }
    }
}

fn endings() -> String {
    let endings: Vec<String> = ENDINGS.iter().map(|(ending, _)| format!(".{ending}")).collect();
    endings.join(", ")
}

/// Settings of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvertConfig {
    /// What is written.
    pub format: ConvertFormat,
    /// How rows of other programs are read.
    pub rows: RowConfig,
    /// What to do with words that contain white space.
    pub spaces: ExportSpaces,
}

/// What a conversion read and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The kind of the input.
    pub from: &'static str,
    /// Number of rows.
    pub words: usize,
    /// Length of a vector in the input.
    pub dim: usize,
    /// Whether the words have counts.
    pub counts_known: bool,
    /// Rows that were left out or repaired.
    pub rows: RowCounts,
    /// The result of the export.
    pub written: Published,
}

/// Vectors that can be queried.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The vectors.
    pub vectors: Vectors,
    /// The conversion, unless the file was mapped directly.
    pub converted: Option<Converted>,
}

/// Opens vectors of any known format. A vectors file of wordmill is mapped, whatever its size. A file of another
/// program, or one with f16 or int8 numbers, is converted into `scratch` under the same path.
///
/// # Errors
/// For a file that has no vectors or is damaged, and for storage errors.
pub fn open(
    storage: &Arc<dyn Storage>,
    scratch: &Arc<dyn Storage>,
    rows: RowConfig,
    path: &Path,
) -> Result<Opened, QueryError> {
    let path = &*located(storage, path)?;
    check_known(storage, path)?;
    let is_foreign = VectorForm::of(storage, path)?.is_some();
    if !is_foreign && is_tensor_file(storage, path)? && !is_packed(storage, path)? {
        return Ok(Opened { vectors: Vectors::open(storage, path)?, converted: None });
    }
    let converted = match is_foreign || !is_tensor_file(storage, path)? {
        true => Source::open(storage, rows, path)?.convert(scratch, path)?,
        false => unpack(storage, path, scratch, path)?,
    };
    Ok(Opened { vectors: Vectors::open(scratch, path)?, converted: Some(converted) })
}

/// Reads vectors of any known format and writes the word vectors in another. Intermediate files go to `scratch`.
///
/// # Errors
/// For a file that has no vectors or is damaged, for a word that the format cannot store, and for
/// storage errors.
pub fn convert(
    storage: &Arc<dyn Storage>,
    scratch: &Arc<dyn Storage>,
    config: &ConvertConfig,
    input: &Path,
    out: &Path,
) -> Result<Converted, QueryError> {
    let input = &*located(storage, input)?;
    check_known(storage, input)?;
    let is_foreign = VectorForm::of(storage, input)?.is_some();
    let is_ours = !is_foreign && is_tensor_file(storage, input)?;
    if is_ours && !is_packed(storage, input)? {
        return convert_ours(storage, config, input, out);
    }
    let (place, name) = match config.format {
        ConvertFormat::Safetensors => (storage, out),
        ConvertFormat::Export(_) => (scratch, input),
    };
    let mut done = match is_ours {
        true => unpack(storage, input, place, name)?,
        false => Source::open(storage, config.rows, input)?.convert(place, name)?,
    };
    if let ConvertFormat::Export(format) = config.format {
        let vectors = Vectors::open(place, name)?;
        done.written = export_words(storage, config, format, &vectors, out)?;
    }
    Ok(done)
}

/// Names a file that holds no vectors and is recognised.
fn check_known(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    match Stranger::at(storage, path)? {
        Some(stranger) => Err(stranger.error(path)),
        None => Ok(()),
    }
}

/// Whether a file has f16 or int8 vectors of wordmill, which [`convert`] expands to f32.
///
/// # Errors
/// Storage errors, and a damaged tensor file.
pub fn is_packed(storage: &Arc<dyn Storage>, path: &Path) -> Result<bool, FormatError> {
    if VectorForm::of(storage, path)?.is_some() || !is_tensor_file(storage, path)? {
        return Ok(false);
    }
    let reader = TensorReader::open(storage, path)?;
    Ok(reader.index().metadata().get("kind").is_some_and(|kind| kind == packed::KIND))
}

fn convert_ours(
    storage: &Arc<dyn Storage>,
    config: &ConvertConfig,
    input: &Path,
    out: &Path,
) -> Result<Converted, QueryError> {
    let vectors = Vectors::open(storage, input)?;
    vectors.verify()?;
    let written = match config.format {
        ConvertFormat::Safetensors => copy_file(storage, input, out)?,
        ConvertFormat::Export(format) => export_words(storage, config, format, &vectors, out)?,
    };
    Ok(Converted {
        from: "word vectors",
        words: vectors.words().len(),
        dim: vectors.dim(),
        counts_known: counts_known(vectors.words()),
        rows: RowCounts::default(),
        written,
    })
}

/// Expands f16 or int8 vectors of wordmill to f32.
fn unpack(
    storage: &Arc<dyn Storage>,
    input: &Path,
    to: &Arc<dyn Storage>,
    out: &Path,
) -> Result<Converted, QueryError> {
    let (written, words, dim) = packed::unpack(storage, input, to, out)?;
    let counts_known = counts_known(Vectors::open(to, out)?.words());
    let from = "word vectors in f16 or int8";
    Ok(Converted { from, words, dim, counts_known, rows: RowCounts::default(), written })
}

fn counts_known(words: &impl Words) -> bool {
    words.counts().iter().any(|&count| count > 0)
}

fn export_words(
    storage: &Arc<dyn Storage>,
    config: &ConvertConfig,
    format: ExportFormat,
    vectors: &Vectors,
    out: &Path,
) -> Result<Published, QueryError> {
    let config = ExportConfig { spaces: config.spaces, ..ExportConfig::all(format) };
    Ok(export(storage, &config, vectors, out)?.published)
}

/// Vectors of another program, and their words.
struct Source {
    file: VectorFile,
    words: ListedWords,
    bad_rows: BadRows,
}

impl Source {
    fn open(
        storage: &Arc<dyn Storage>,
        config: RowConfig,
        path: &Path,
    ) -> Result<Self, FormatError> {
        let file = VectorFile::open_with(storage, path, config)?;
        let words = ListedWords::read(&file)?;
        if words.is_empty() {
            let what = "none of its rows can be converted";
            return Err(FormatError::foreign(path, "a file with vectors", what));
        }
        Ok(Self { file, words, bad_rows: config.bad_rows })
    }

    /// Streams the rows into a vectors file of wordmill.
    fn convert(&self, to: &Arc<dyn Storage>, out: &Path) -> Result<Converted, QueryError> {
        let (file, words) = (&self.file, &self.words);
        let mut writer = VectorsWriter::create(to, out, words, file.dim(), &self.settings())?;
        let reader = RefCell::new(words.reader(file)?);
        writer.matrix("word_vectors", words.len() as u32, |rows, out| {
            let mut reader = reader.borrow_mut();
            for row in rows {
                // The words were read before. If the file was replaced since, its rows must not be mixed
                // with them.
                if !reader.advance()? || words.word(row as usize) != reader.word().as_bytes() {
                    let what = "it has changed while it was being read; run again";
                    return Err(FormatError::foreign(file.path(), "the file that it was", what));
                }
                out.extend_from_slice(reader.vector());
            }
            Ok(())
        })?;
        Ok(Converted {
            from: file.form().what(),
            words: words.len(),
            dim: file.dim(),
            counts_known: counts_known(words),
            rows: *words.rows(),
            written: writer.finish(words)?,
        })
    }

    /// The metadata of the vectors file.
    fn settings(&self) -> BTreeMap<String, String> {
        let counts = if counts_known(&self.words) { "known" } else { "unknown" };
        let settings = [("converted_from", self.file.form().what()), ("counts", counts)];
        let settings = settings.into_iter().map(|(key, value)| (key.into(), value.into()));
        let bad_rows = (self.bad_rows != BadRows::Refuse)
            .then(|| ("bad_rows".to_owned(), self.bad_rows.name().to_owned()));
        settings.chain(bad_rows).chain(self.words.rows().settings()).collect()
    }
}
