//! Writes vectors in formats of other programs.

mod config;
pub(crate) mod packed;

pub use config::{
    ExportConfig, ExportElement, ExportFormat, ExportScale, ExportSpaces, ExportWhich,
};

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::{Rows as OutRows, finalfusion, glove, npy, projector, word2vec};
use wordmill_formats::{Published, Storage, Vectors, WordTable, Words};
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::nearest::cosine;
use crate::rows::normalize;

/// The result of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The file, or the largest of several.
    pub published: Published,
    /// The loss of precision, if numbers were written in a smaller type.
    pub loss: Option<Loss>,
}

/// How far rows are from their originals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    /// Mean cosine of a row with its original.
    pub cosine_mean: f64,
    /// The lowest of these cosines.
    pub cosine_least: f64,
    /// The word that has it.
    pub worst: String,
    /// Root mean square of the errors, divided by that of the numbers.
    pub relative: f64,
}

/// Writes the vectors of the most frequent words to `out`.
///
/// # Errors
/// If the model does not have the requested vectors, if the format cannot store a word or the element type,
/// and for storage errors.
pub fn export(
    storage: &Arc<dyn Storage>,
    config: &ExportConfig,
    vectors: &Vectors,
    out: &Path,
) -> Result<Exported, QueryError> {
    use ExportElement::{F16, F32, Int8};
    let words = vectors.words();
    let chosen = Chosen::new(vectors, config)?;
    let names = Names::new(words, chosen.len, config)?;
    let row = |id: usize, row: &mut Vec<f32>| chosen.row(id, row);
    let rows = OutRows {
        len: chosen.len,
        dim: chosen.dim,
        word: &|id| names.name(id),
        count: &|id| words.counts()[id],
        vector: &row,
    };
    let published = match (config.format, config.element) {
        (ExportFormat::Word2vec, F32) => word2vec::write_binary(storage, out, &rows)?,
        (ExportFormat::Word2vecText | ExportFormat::FasttextVec, F32) => {
            word2vec::write_text(storage, out, &rows)?
        }
        (ExportFormat::Glove, F32) => glove::write_text(storage, out, &rows)?,
        (ExportFormat::Finalfusion, F32) => {
            finalfusion::write(storage, out, &rows, settings(vectors))?
        }
        (format @ (ExportFormat::Arrow | ExportFormat::Parquet), F32) => {
            write_columns(storage, out, format, &rows, vectors)?
        }
        (ExportFormat::Projector, F32) => projector::write(storage, out, &rows)?,
        (ExportFormat::Npy, F32) => npy::write(storage, out, &rows, npy::NpyElement::F32)?,
        (ExportFormat::Npy, F16) => npy::write(storage, out, &rows, npy::NpyElement::F16)?,
        (ExportFormat::Safetensors, element) => {
            packed::write(storage, out, &rows, element, vectors, config)?
        }
        (format, element) => {
            let (name, element) = (format.name(), if element == Int8 { "int8" } else { "f16" });
            let what =
                format!("{name} cannot store {element}; safetensors can, and npy can store f16");
            return Err(QueryError::ExportFormat(what));
        }
    };
    let loss = (config.element != F32).then(|| loss(&rows, config.element));
    Ok(Exported { published, loss })
}

/// The metadata of the file, without digests of the parts it contains.
fn settings(vectors: &Vectors) -> impl Iterator<Item = (&str, &str)> {
    let settings = vectors.settings().iter().map(|(key, value)| (&key[..], &value[..]));
    settings.filter(|(key, _)| !key.starts_with("xxh3."))
}

#[cfg(feature = "parquet")]
fn write_columns(
    storage: &Arc<dyn Storage>,
    out: &Path,
    format: ExportFormat,
    rows: &OutRows<'_>,
    vectors: &Vectors,
) -> Result<Published, QueryError> {
    use wordmill_formats::compat::columns::{ColumnsForm, write};
    let is_arrow = format == ExportFormat::Arrow;
    let form = if is_arrow { ColumnsForm::Arrow } else { ColumnsForm::Parquet };
    Ok(write(storage, out, form, rows, settings(vectors))?)
}

#[cfg(not(feature = "parquet"))]
fn write_columns(
    _: &Arc<dyn Storage>,
    _: &Path,
    format: ExportFormat,
    _: &OutRows<'_>,
    _: &Vectors,
) -> Result<Published, QueryError> {
    Err(missing_feature(format))
}

/// A format that needs another build.
pub(crate) fn missing_feature(format: ExportFormat) -> QueryError {
    let name = format.name();
    let what = format!("this build cannot write {name}: build wordmill with --features parquet");
    QueryError::ExportFormat(what)
}

/// The rows that are written.
struct Chosen<'a> {
    matrices: Matrices<'a>,
    which: ExportWhich,
    scale: ExportScale,
    from: usize,
    len: usize,
    dim: usize,
}

impl<'a> Chosen<'a> {
    fn new(vectors: &'a Vectors, config: &ExportConfig) -> Result<Self, QueryError> {
        let ExportConfig { which, scale, top, .. } = *config;
        let (words, from) = (vectors.words().len(), vectors.dim());
        let len = if top == 0 { words } else { top.min(words) };
        let dim = if which == ExportWhich::Concat { 2 * from } else { from };
        Ok(Self { matrices: matrices(vectors, which)?, which, scale, from, len, dim })
    }

    /// Appends a row.
    fn row(&self, id: usize, row: &mut Vec<f32>) {
        let start = row.len();
        for rows in [self.matrices.0, self.matrices.1].into_iter().flatten() {
            row.extend_from_slice(&rows[id * self.from..(id + 1) * self.from]);
        }
        if matches!(self.which, ExportWhich::Sum | ExportWhich::Mean) {
            let share = if self.which == ExportWhich::Mean { 0.5 } else { 1.0 };
            let (one, other) = row[start..].split_at_mut(self.from);
            for (one, other) in one.iter_mut().zip(other) {
                *one = (*one + *other) * share;
            }
            row.truncate(start + self.from);
        }
        if self.scale == ExportScale::Unit {
            normalize(&mut row[start..], best());
        }
    }
}

/// The words as they are written.
struct Names<'a> {
    words: &'a WordTable,
    spaces: ExportSpaces,
}

impl<'a> Names<'a> {
    /// Fails if two words would become the same.
    fn new(words: &'a WordTable, len: usize, config: &ExportConfig) -> Result<Self, QueryError> {
        let names = Self { words, spaces: config.spaces };
        if config.spaces == ExportSpaces::Underscore {
            let mut seen = HashSet::new();
            let spaced = (0..len).filter(|&id| words.text(id).contains(char::is_whitespace));
            for name in spaced.map(|id| names.name(id)) {
                if words.find(name.as_bytes()).is_some() || !seen.insert(name.clone()) {
                    let what = format!(
                        "--spaces underscore turns two words into {name:?}; choose another format"
                    );
                    return Err(QueryError::ExportFormat(what));
                }
            }
        }
        Ok(names)
    }

    fn name(&self, id: usize) -> String {
        let text = self.words.text(id);
        match self.spaces {
            ExportSpaces::Refuse => text.into_owned(),
            ExportSpaces::Underscore => text.replace(char::is_whitespace, "_"),
        }
    }
}

/// Measures what rows lose in a smaller type.
fn loss(rows: &OutRows<'_>, element: ExportElement) -> Loss {
    let mut loss = Loss { cosine_least: f64::INFINITY, ..Loss::default() };
    let (mut errors, mut squares) = (0.0, 0.0);
    let (mut row, mut back) = (Vec::new(), Vec::new());
    for index in 0..rows.len {
        row.clear();
        (rows.vector)(index, &mut row);
        back.clear();
        back.extend_from_slice(&row);
        packed::round(&mut back, element);
        let both = row.iter().zip(&back);
        errors += both.map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum::<f64>();
        squares += row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let is_zero = row.iter().all(|x| *x == 0.0);
        let cosine = if is_zero { 1.0 } else { cosine(&row, &back) };
        loss.cosine_mean += cosine / rows.len as f64;
        if cosine < loss.cosine_least {
            (loss.cosine_least, loss.worst) = (cosine, (rows.word)(index));
        }
    }
    loss.relative = if squares > 0.0 { (errors / squares).sqrt() } else { 0.0 };
    loss
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "loss: a row's cosine with its original is {:.8} on average and {:.8} at worst ({}); numbers are {:.4} % off",
            self.cosine_mean,
            self.cosine_least,
            self.worst,
            100.0 * self.relative
        )
    }
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
