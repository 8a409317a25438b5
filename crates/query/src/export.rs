//! Vectors in other programs' formats.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::{Rows as OutRows, glove, word2vec};
use wordmill_formats::{Published, Storage, Vectors, Words};
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::rows::normalize;

/// What another program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// word2vec's binary format.
    Word2vec,
    /// word2vec's text format.
    Word2vecText,
    /// GloVe's text format: no header line.
    Glove,
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
    /// The word vector, then the context vector: twice as long.
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
    /// Only the so many most frequent words; 0 is all.
    pub top: usize,
}

/// Whether vectors keep their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportScale {
    /// As they are.
    Keep,
    /// Length 1.
    Unit,
}

const FORMATS: [(&str, ExportFormat); 3] = [
    ("word2vec", ExportFormat::Word2vec),
    ("word2vec-text", ExportFormat::Word2vecText),
    ("glove", ExportFormat::Glove),
];
const LATER: [&str; 5] = ["fasttext-vec", "finalfusion", "npy", "safetensors", "projector"];

impl ExportFormat {
    /// The format of a name.
    ///
    /// # Errors
    /// [`QueryError::ExportFormat`] for a name that is unknown or not supported yet.
    pub fn parse(name: &str) -> Result<Self, QueryError> {
        if let Some((_, format)) = FORMATS.iter().find(|(known, _)| *known == name) {
            return Ok(*format);
        }
        let choose = "choose word2vec, word2vec-text or glove";
        let what = match LATER.contains(&name) {
            true => format!("{name} is not supported yet; {choose}"),
            false => format!("unknown format {name:?}; {choose}"),
        };
        Err(QueryError::ExportFormat(what))
    }
}

/// Writes the vectors of the most frequent words to `out`.
///
/// # Errors
/// Vectors that the model does not have, a word that the format cannot hold, and storage errors.
pub fn export(
    storage: &Arc<dyn Storage>,
    config: &ExportConfig,
    vectors: &Vectors,
    out: &Path,
) -> Result<Published, QueryError> {
    let words = vectors.words();
    let (word, context) = matrices(vectors, config.which)?;
    let dim = vectors.dim();
    let row_of = |rows: Option<&'_ [f32]>, id: usize, row: &mut Vec<f32>| {
        row.extend_from_slice(rows.map_or(&[], |rows| &rows[id * dim..(id + 1) * dim]));
    };
    let vector = |id: usize, row: &mut Vec<f32>| {
        row_of(word, id, row);
        row_of(context, id, row);
        if matches!(config.which, ExportWhich::Sum | ExportWhich::Mean) {
            let share = if config.which == ExportWhich::Mean { 0.5 } else { 1.0 };
            let (one, other) = row.split_at_mut(dim);
            for (one, other) in one.iter_mut().zip(other) {
                *one = (*one + *other) * share;
            }
            row.truncate(dim);
        }
        if config.scale == ExportScale::Unit {
            normalize(row, best());
        }
    };
    let top = if config.top == 0 { words.len() } else { config.top };
    let concat = config.which == ExportWhich::Concat;
    let rows = OutRows {
        len: top.min(words.len()),
        dim: if concat { 2 * dim } else { dim },
        word: &|id| words.text(id).into_owned(),
        vector: &vector,
    };
    let written = match config.format {
        ExportFormat::Word2vec => word2vec::write_binary(storage, out, &rows),
        ExportFormat::Word2vecText => word2vec::write_text(storage, out, &rows),
        ExportFormat::Glove => glove::write_text(storage, out, &rows),
    };
    Ok(written?)
}

type Matrices<'a> = (Option<&'a [f32]>, Option<&'a [f32]>);

/// The word and context vectors that an export needs.
fn matrices(vectors: &Vectors, which: ExportWhich) -> Result<Matrices<'_>, QueryError> {
    let word = (which != ExportWhich::Context).then(|| vectors.word_vectors());
    if which == ExportWhich::Word {
        return Ok((word, None));
    }
    let none = || QueryError::no_matrix(vectors.words().path(), "context vectors");
    Ok((word, Some(vectors.context_vectors().ok_or_else(none)?)))
}
