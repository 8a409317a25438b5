//! Settings of an export.

use crate::error::QueryError;

/// A format that another program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// word2vec's binary format.
    Word2vec,
    /// word2vec's text format.
    Word2vecText,
    /// GloVe's text format: no header line.
    Glove,
    /// fastText's `.vec`, which is word2vec's text format.
    FasttextVec,
    /// finalfusion's format.
    Finalfusion,
    /// An array of NumPy, with its words in a file beside it.
    Npy,
    /// A vectors file of wordmill with only the requested vectors.
    Safetensors,
    /// A folder for TensorBoard's projector.
    Projector,
    /// A table in Arrow's file format; only in builds with the feature `parquet`.
    Arrow,
    /// A table in Parquet; only in builds with the feature `parquet`.
    Parquet,
}

/// The type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportElement {
    /// f32, as they are.
    F32,
    /// Sixteen-bit floats: half the size.
    F16,
    /// Whole numbers from -127 to 127, with one scale per row: a quarter of the size.
    Int8,
}

/// What to do with words that contain white space, in formats that cannot store them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportSpaces {
    /// Refuse them.
    Refuse,
    /// Replace white space by `_`; refuse a word if the result is another word.
    Underscore,
}

/// Which vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportWhich {
    /// Word vectors.
    Word,
    /// Context vectors.
    Context,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The word vector followed by the context vector: twice as long.
    Concat,
}

/// Settings of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportConfig {
    /// The format.
    pub format: ExportFormat,
    /// Which vectors.
    pub which: ExportWhich,
    /// Whether vectors are scaled to length 1.
    pub scale: ExportScale,
    /// Only this many of the most frequent words; 0 means all.
    pub top: usize,
    /// The type of the numbers.
    pub element: ExportElement,
    /// What to do with words that contain white space.
    pub spaces: ExportSpaces,
}

impl ExportConfig {
    /// Exports all word vectors as they are.
    pub fn all(format: ExportFormat) -> Self {
        Self {
            format,
            which: ExportWhich::Word,
            scale: ExportScale::Keep,
            top: 0,
            element: ExportElement::F32,
            spaces: ExportSpaces::Refuse,
        }
    }
}

/// Whether vectors keep their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportScale {
    /// As they are.
    Keep,
    /// Length 1.
    Unit,
}

const FORMATS: [(&str, ExportFormat); 10] = [
    ("word2vec", ExportFormat::Word2vec),
    ("word2vec-text", ExportFormat::Word2vecText),
    ("glove", ExportFormat::Glove),
    ("fasttext-vec", ExportFormat::FasttextVec),
    ("finalfusion", ExportFormat::Finalfusion),
    ("npy", ExportFormat::Npy),
    ("safetensors", ExportFormat::Safetensors),
    ("projector", ExportFormat::Projector),
    ("arrow", ExportFormat::Arrow),
    ("parquet", ExportFormat::Parquet),
];

impl ExportFormat {
    /// Parses the name of a format.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] for an unknown name.
    pub fn parse(name: &str) -> Result<Self, QueryError> {
        let known = FORMATS.iter().find(|(known, _)| *known == name);
        known.map(|(_, format)| *format).ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
            let what = format!("unknown format {name:?}; choose {}", names.join(", "));
            QueryError::ExportFormat(what)
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let known = FORMATS.iter().find(|(_, format)| *format == self);
        known.map_or("", |(name, _)| name)
    }
}
