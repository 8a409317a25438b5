//! Writes the finished matrix in formats of other programs, with statistics computed in one pass.
//!
//! A *pass* reads the shards once in row order, a piece of a row at a time, so memory does not grow
//! with the number of cells. Positive pointwise mutual information also keeps two sums per word. A
//! *word weight* is a weight in units divided by the unit. The words are written to `OUT.vocab.txt`
//! beside the matrix, in the order of its rows. Nothing is published before all of it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_flow::{Context, StageProgress};
use wordmill_formats::compat::glove::{CountsWriter, VocabularyWriter};
use wordmill_formats::compat::market::{MarketWriter, Symmetry};
use wordmill_formats::compat::npz::{NpyElement, NpyType, NpzWriter};
use wordmill_formats::{
    CsrShardReader, FormatError, MatrixIndex, Published, RunDir, Spool, Storage, Words,
    check_no_stream, xxh3,
};
use wordmill_kernels::real;

use crate::error::CooccurError;

/// Row starts that are held in memory before they go to a scratch file.
const STARTS_BYTES: usize = 4 << 20;

/// A format that another program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixFormat {
    /// `scipy.sparse.load_npz`: compressed sparse rows of word weights.
    Npz,
    /// MatrixMarket's coordinate format, text.
    Mtx,
    /// GloVe's `cooccurrence.bin`.
    Glove,
    /// Positive pointwise mutual information, as [`MatrixFormat::Npz`].
    Ppmi,
}

/// A finished matrix and its words.
#[derive(Clone, Copy, Debug)]
pub struct MatrixInput<'a, W> {
    /// The run directory.
    pub dir: &'a RunDir,
    /// Its matrix.
    pub index: &'a MatrixIndex,
    /// The words of its rows.
    pub words: &'a W,
}

/// The path of the words of the matrix `out`.
pub fn words_path(out: &Path) -> PathBuf {
    beside(out, ".vocab.txt")
}

fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Writes the matrix to `out` and its words to `OUT.vocab.txt`; existing files are replaced.
///
/// # Errors
/// For a shard that is missing, damaged or not listed in this index, for words that `vocab.txt`
/// cannot store, for more words than the format can number, and for storage errors. Then no new
/// file is left behind.
pub fn export_matrix<W: Words>(
    ctx: &Context,
    input: MatrixInput<'_, W>,
    format: MatrixFormat,
    out: &Path,
) -> Result<[Published; 2], CooccurError> {
    let (dir, index) = (input.dir, input.index);
    check_no_stream(dir.storage(), out, "a matrix with its words in a file beside it")?;
    let words = VocabularyWriter::create(dir.storage(), &words_path(out), input.words)?;
    let passes = match format {
        MatrixFormat::Glove => 1,
        MatrixFormat::Npz | MatrixFormat::Mtx => 2,
        MatrixFormat::Ppmi => 3,
    };
    let progress = ctx.progress.stage("matrix", "cells", passes * index.cells);
    let pass = Pass { ctx, dir, index, progress: &progress };
    let unit = index.unit as f64;
    let matrix: Finish = match format {
        MatrixFormat::Npz => {
            pass.npz(out, NpyType::F64, |_, _, weight| Some(weight as f64 / unit))?
        }
        MatrixFormat::Mtx => pass.market(out)?,
        MatrixFormat::Glove => pass.glove(out)?,
        MatrixFormat::Ppmi => {
            let sums = Sums::new(&pass)?;
            pass.npz(out, NpyType::F32, |row, column, weight| sums.ppmi(row, column, weight))?
        }
    };
    progress.complete();
    let words = words.finish()?;
    Ok([matrix()?, words])
}

/// Whether cell (r, c) has the same weight as (c, r), for all cells.
pub fn is_symmetric(
    ctx: &Context,
    dir: &RunDir,
    index: &MatrixIndex,
) -> Result<bool, CooccurError> {
    let progress = ctx.progress.stage("symmetry", "cells", index.cells);
    let (symmetry, _) = Pass { ctx, dir, index, progress: &progress }.symmetry()?;
    progress.complete();
    Ok(symmetry == Symmetry::Symmetric)
}

/// Publishes a file that is otherwise complete.
type Finish = Box<dyn FnOnce() -> Result<Published, FormatError>>;

/// Reads the matrix, once per call.
struct Pass<'a> {
    ctx: &'a Context,
    dir: &'a RunDir,
    index: &'a MatrixIndex,
    progress: &'a StageProgress,
}

impl Pass<'_> {
    fn storage(&self) -> &Arc<dyn Storage> {
        self.dir.storage()
    }

    fn for_each_piece(
        &self,
        mut each: impl FnMut(u32, &[u32], &[u64]) -> Result<(), FormatError>,
    ) -> Result<(), CooccurError> {
        for shard in &self.index.shards {
            let path = self.dir.path("matrix").join(&shard.file);
            let reader = CsrShardReader::open(self.storage(), &path)?;
            if format!("{:016x}", reader.digest()) != shard.xxh3 {
                let what = "it is intact, but not the shard that matrix/index.json lists";
                return Err(FormatError::corrupt(&path, 0, what).into());
            }
            reader.for_each_piece(|row, columns, weights| {
                self.ctx.cancel.check()?;
                self.progress.add(columns.len() as u64);
                Ok::<_, CooccurError>(each(row, columns, weights)?)
            })?;
        }
        Ok(())
    }

    /// Writes the cells for which `value` returns one. Indices and values are in separate arrays,
    /// so this takes two passes; zip allows either array first.
    fn npz<T: NpyElement>(
        &self,
        out: &Path,
        element: NpyType,
        value: impl Fn(u32, u32, u64) -> Option<T>,
    ) -> Result<Finish, CooccurError> {
        let words = u64::from(self.index.words);
        let mut npz = NpzWriter::create(self.storage(), out)?;
        npz.array("format", NpyType::Text3, &[], b"csr")?;
        npz.array("shape", NpyType::I64, &[2], &[words, words])?;
        let scratch = beside(out, ".indptr.scratch");
        let mut starts = RowStarts::new(Spool::new(self.storage(), &scratch, STARTS_BYTES));
        // scipy's indices are signed.
        let narrow = i32::try_from(self.index.words).is_ok();
        npz.begin("indices", if narrow { NpyType::I32 } else { NpyType::I64 })?;
        let (mut kept, mut wide) = (Vec::new(), Vec::new());
        self.for_each_piece(|row, columns, weights| {
            let cells = columns.iter().zip(weights);
            kept.clear();
            kept.extend(
                cells.filter(|(c, w)| value(row, **c, **w).is_some()).map(|(&column, _)| column),
            );
            starts.cells(row, kept.len() as u64)?;
            if narrow {
                return npz.write(&kept);
            }
            wide.clear();
            wide.extend(kept.iter().map(|&column| u64::from(column)));
            npz.write(&wide)
        })?;
        let (cells, starts) = starts.finish(self.index.words)?;
        npz.end(&[cells])?;
        npz.begin("indptr", NpyType::I64)?;
        starts.drain(|bytes| npz.write(bytes))?;
        npz.end(&[words + 1])?;
        npz.begin("data", element)?;
        let mut values = Vec::new();
        self.for_each_piece(|row, columns, weights| {
            let cells = columns.iter().zip(weights);
            values.clear();
            values.extend(cells.filter_map(|(&column, &weight)| value(row, column, weight)));
            npz.write(&values)
        })?;
        npz.end(&[cells])?;
        Ok(Box::new(|| npz.finish()))
    }

    fn market(&self, out: &Path) -> Result<Finish, CooccurError> {
        let (symmetry, lower) = self.symmetry()?;
        let entries = match symmetry {
            Symmetry::Symmetric => lower,
            Symmetry::General => self.index.cells,
        };
        let mut comments = vec![
            format!("co-occurrences counted by wordmill, in multiples of 1/{}", self.index.unit),
            "the words of the rows: OUT.vocab.txt, one a line".to_owned(),
        ];
        comments.extend(self.index.settings.iter().map(|(key, value)| format!("{key} = {value}")));
        let rows = self.index.words;
        let mut file =
            MarketWriter::create(self.storage(), out, symmetry, &comments, rows, entries)?;
        let unit = self.index.unit as f64;
        self.for_each_piece(|row, columns, weights| {
            let cells = columns.iter().zip(weights);
            let mut written =
                cells.filter(|(column, _)| symmetry == Symmetry::General || **column <= row);
            written.try_for_each(|(&column, &weight)| file.entry(row, column, weight as f64 / unit))
        })?;
        Ok(Box::new(|| file.finish()))
    }

    fn glove(&self, out: &Path) -> Result<Finish, CooccurError> {
        let mut file = CountsWriter::create(self.storage(), out, self.index.words)?;
        let unit = self.index.unit as f64;
        self.for_each_piece(|row, columns, weights| {
            let mut cells = columns.iter().zip(weights);
            cells.try_for_each(|(&column, &weight)| file.record(row, column, weight as f64 / unit))
        })?;
        Ok(Box::new(|| file.finish()))
    }

    /// Whether the matrix is symmetric, and how many cells are not above its diagonal.
    ///
    /// Each half has a sum of weight × hash of the place, with the place mirrored in the upper half.
    /// Equal halves have equal sums; different halves have equal ones with a probability of about
    /// 2⁻⁶⁰.
    fn symmetry(&self) -> Result<(Symmetry, u64), CooccurError> {
        let (mut cells, mut lower, mut upper) = (0, 0u64, 0u64);
        let place = |large: u32, small: u32| {
            xxh3(&(u64::from(large) << 32 | u64::from(small)).to_le_bytes())
        };
        self.for_each_piece(|row, columns, weights| {
            for (&column, &weight) in columns.iter().zip(weights) {
                cells += u64::from(column <= row);
                if column < row {
                    lower = lower.wrapping_add(weight.wrapping_mul(place(row, column)));
                } else if column > row {
                    upper = upper.wrapping_add(weight.wrapping_mul(place(column, row)));
                }
            }
            Ok(())
        })?;
        let same = lower == upper;
        Ok((if same { Symmetry::Symmetric } else { Symmetry::General }, cells))
    }
}

/// How many cells precede each row, computed while cells are read.
struct RowStarts {
    spool: Spool,
    /// Rows whose start is known.
    rows: u64,
    cells: u64,
}

impl RowStarts {
    fn new(spool: Spool) -> Self {
        Self { spool, rows: 0, cells: 0 }
    }

    /// Adds `cells` more cells of `row`, which is not below the last one.
    fn cells(&mut self, row: u32, cells: u64) -> Result<(), FormatError> {
        self.start(u64::from(row))?;
        self.cells += cells;
        Ok(())
    }

    /// The number of all cells, and the starts of rows 0 to `rows`, 64 bits each.
    fn finish(mut self, rows: u32) -> Result<(u64, Spool), FormatError> {
        self.start(u64::from(rows))?;
        Ok((self.cells, self.spool))
    }

    /// Sets the start of all rows up to this one that have none yet.
    fn start(&mut self, row: u64) -> Result<(), FormatError> {
        while self.rows <= row {
            self.spool.append(&self.cells.to_le_bytes())?;
            self.rows += 1;
        }
        Ok(())
    }
}

/// Sums of the rows and columns, in units.
struct Sums {
    rows: Vec<u64>,
    columns: Vec<u64>,
    total: f64,
}

impl Sums {
    fn new(pass: &Pass<'_>) -> Result<Self, CooccurError> {
        let words = pass.index.words as usize;
        let (mut rows, mut columns) = (vec![0u64; words], vec![0u64; words]);
        pass.for_each_piece(|row, ids, weights| {
            // The sum of all weights fits into 64 bits, so no part of it can overflow.
            rows[row as usize] += weights.iter().sum::<u64>();
            ids.iter().zip(weights).for_each(|(&id, weight)| columns[id as usize] += weight);
            Ok(())
        })?;
        Ok(Self { rows, columns, total: pass.index.weight as f64 })
    }

    /// Positive pointwise mutual information, max(0, ln(x_ij · N / (x_i · c_j))), where x_i and c_j are
    /// the sums of row and column and N is that of all cells (Church & Hanks 1990; Levy & Goldberg
    /// 2014). `None` for 0, which a sparse matrix leaves out.
    fn ppmi(&self, row: u32, column: u32, weight: u64) -> Option<f32> {
        let chance = self.rows[row as usize] as f64 * self.columns[column as usize] as f64;
        let information = real::ln(weight as f64 * self.total / chance) as f32;
        (information > 0.0).then_some(information)
    }
}

#[cfg(test)]
mod tests;
