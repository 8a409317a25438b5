//! Vectors of one program in another's format: what a file is, is told by its content.
//!
//! Vectors of another program have no contexts, biases or settings, and most have no counts: a file of
//! ours that is made of them has the words in the order of the rows, counts of 0 where they are not
//! known, and says so in its settings. A format that is written from our own files ([`export`]) is
//! written by way of one, which lies beside the result meanwhile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_formats::compat::incoming::{ListedWords, VectorFile, VectorForm};
use wordmill_formats::{
    ArtefactWriter, FormatError, Published, Storage, TensorReader, Vectors, VectorsWriter, Words,
    is_tensor_file, xxh3,
};

use crate::error::QueryError;
use crate::export::{ExportConfig, ExportFormat, export, packed};

/// What a conversion writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertFormat {
    /// Our own vectors file, all of it.
    Safetensors,
    /// Another program's.
    Export(ExportFormat),
}

/// Endings of names that tell the format.
const ENDINGS: [(&str, ConvertFormat); 7] = [
    ("safetensors", ConvertFormat::Safetensors),
    ("bin", ConvertFormat::Export(ExportFormat::Word2vec)),
    ("vec", ConvertFormat::Export(ExportFormat::Word2vecText)),
    ("fifu", ConvertFormat::Export(ExportFormat::Finalfusion)),
    ("npy", ConvertFormat::Export(ExportFormat::Npy)),
    ("arrow", ConvertFormat::Export(ExportFormat::Arrow)),
    ("parquet", ConvertFormat::Export(ExportFormat::Parquet)),
];
const CHOOSE: &str = "choose safetensors, word2vec, word2vec-text, glove, fasttext-vec, finalfusion, npy, projector, arrow or parquet";
/// Bytes copied at a time.
const PIECE_BYTES: usize = 1 << 20;

impl ConvertFormat {
    /// The format of a name.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] for a name that is unknown or not supported yet.
    pub fn parse(name: &str) -> Result<Self, QueryError> {
        match name {
            "safetensors" => Ok(Self::Safetensors),
            name => ExportFormat::parse(name).map(Self::Export).map_err(|_| {
                QueryError::ExportFormat(format!("{name:?} is no format to convert to; {CHOOSE}"))
            }),
        }
    }

    /// The format that the ending of a name stands for.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] if it stands for none: `.txt` may be word2vec's or GloVe's.
    pub fn of_ending(path: &Path) -> Result<Self, QueryError> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let known = ENDINGS.iter().find(|(known, _)| Some(*known) == ending);
        known.map(|(_, format)| *format).ok_or_else(|| {
            let path = path.display();
            QueryError::ExportFormat(format!("{path}: its ending tells no format; {CHOOSE}"))
        })
    }
}

/// What a conversion has read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// What the input was.
    pub from: &'static str,
    /// Rows.
    pub words: usize,
    /// Length of a vector; of those that were read.
    pub dim: usize,
    /// Whether the words have counts.
    pub counts_known: bool,
    /// The result.
    pub written: Published,
}

/// Reads vectors of any known format and writes those of the words in another.
///
/// # Errors
/// A file that holds no vectors or damaged ones, a word that the format cannot hold, storage errors.
pub fn convert(
    storage: &Arc<dyn Storage>,
    format: ConvertFormat,
    input: &Path,
    out: &Path,
) -> Result<Converted, QueryError> {
    if VectorForm::of(storage, input)?.is_none() && is_tensor_file(storage, input)? {
        return convert_ours(storage, format, input, out);
    }
    let file = VectorFile::open(storage, input)?;
    let words = ListedWords::read(&file)?;
    let written = match format {
        ConvertFormat::Safetensors => write_ours(storage, &file, &words, out)?,
        ConvertFormat::Export(format) => {
            let between = Between::new(storage, out);
            write_ours(storage, &file, &words, &between.path)?;
            export_words(storage, format, &Vectors::open(storage, &between.path)?, out)?
        }
    };
    Ok(Converted {
        from: file.form().what(),
        words: words.len(),
        dim: file.dim(),
        counts_known: counts_known(&words),
        written,
    })
}

/// Whether a file has vectors of ours with smaller numbers, which [`convert`] makes whole.
///
/// # Errors
/// Those of the storage, and of a tensor file that is damaged.
pub fn is_packed(storage: &Arc<dyn Storage>, path: &Path) -> Result<bool, FormatError> {
    if VectorForm::of(storage, path)?.is_some() || !is_tensor_file(storage, path)? {
        return Ok(false);
    }
    let reader = TensorReader::open(storage, path)?;
    Ok(reader.index().metadata().get("kind").is_some_and(|kind| kind == packed::KIND))
}

fn convert_ours(
    storage: &Arc<dyn Storage>,
    format: ConvertFormat,
    input: &Path,
    out: &Path,
) -> Result<Converted, QueryError> {
    if is_packed(storage, input)? {
        return convert_packed(storage, format, input, out);
    }
    let vectors = Vectors::open(storage, input)?;
    vectors.verify()?;
    let written = match format {
        ConvertFormat::Safetensors => copy(storage, input, out)?,
        ConvertFormat::Export(format) => export_words(storage, format, &vectors, out)?,
    };
    Ok(Converted {
        from: "word vectors",
        words: vectors.words().len(),
        dim: vectors.dim(),
        counts_known: counts_known(vectors.words()),
        written,
    })
}

fn convert_packed(
    storage: &Arc<dyn Storage>,
    format: ConvertFormat,
    input: &Path,
    out: &Path,
) -> Result<Converted, QueryError> {
    let between = Between::new(storage, out);
    let place = if format == ConvertFormat::Safetensors { out } else { &between.path };
    let (made, words, dim) = packed::unpack(storage, input, place)?;
    let vectors = Vectors::open(storage, place)?;
    let written = match format {
        ConvertFormat::Safetensors => made,
        ConvertFormat::Export(format) => export_words(storage, format, &vectors, out)?,
    };
    let counts_known = counts_known(vectors.words());
    Ok(Converted { from: "word vectors, packed", words, dim, counts_known, written })
}

fn counts_known(words: &impl Words) -> bool {
    words.counts().iter().any(|&count| count > 0)
}

fn export_words(
    storage: &Arc<dyn Storage>,
    format: ExportFormat,
    vectors: &Vectors,
    out: &Path,
) -> Result<Published, QueryError> {
    Ok(export(storage, &ExportConfig::all(format), vectors, out)?.published)
}

/// Streams the rows into a vectors file of ours.
fn write_ours(
    storage: &Arc<dyn Storage>,
    file: &VectorFile,
    words: &ListedWords,
    out: &Path,
) -> Result<Published, FormatError> {
    let counts = if counts_known(words) { "known" } else { "unknown" };
    let settings = [("converted_from", file.form().what()), ("counts", counts)];
    let settings: BTreeMap<String, String> =
        settings.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    let mut writer = VectorsWriter::create(storage, out, words, file.dim(), &settings)?;
    let reader = RefCell::new(file.reader()?);
    writer.matrix("word_vectors", words.len() as u32, |rows, out| {
        let mut reader = reader.borrow_mut();
        for row in rows {
            // The words were read before: a file that is another one now must not be mixed up with it.
            if !reader.advance()? || words.word(row as usize) != reader.word().as_bytes() {
                let what = "it has changed while it was being read";
                return Err(FormatError::corrupt(file.path(), 0, what));
            }
            out.extend_from_slice(reader.vector());
        }
        Ok(())
    })?;
    writer.finish(words)
}

/// A whole file of ours, which was verified.
fn copy(storage: &Arc<dyn Storage>, input: &Path, out: &Path) -> Result<Published, FormatError> {
    let map = storage.map(input).map_err(|e| FormatError::io(input, "opening", e))?;
    let mut writer = ArtefactWriter::create(storage, out)?;
    map.chunks(PIECE_BYTES).try_for_each(|piece| writer.append(piece))?;
    writer.finish(xxh3(&map))
}

/// A file on the way to another one, removed in the end.
struct Between<'a> {
    storage: &'a Arc<dyn Storage>,
    path: PathBuf,
}

impl<'a> Between<'a> {
    fn new(storage: &'a Arc<dyn Storage>, out: &Path) -> Self {
        let mut name = OsString::from(out.as_os_str());
        name.push(".safetensors.partial");
        Self { storage, path: name.into() }
    }
}

impl Drop for Between<'_> {
    fn drop(&mut self) {
        // It may never have been made; one that cannot be removed is harmless.
        let _ = self.storage.remove(&self.path);
    }
}
