//! Initial values of a training: given vectors, and frozen words.
//!
//! A file of vectors has its own words in its own order. Words are matched to the vocabulary by their bytes, and their
//! vectors are used. All other words, and whatever the file does not have, start as usual. A vectors file of wordmill
//! is mapped. A file of another program can only be read sequentially, so the rows that are found are first written to
//! a scratch file beside the checkpoints; then stripes can read them in any order, and memory need not hold them.
//!
//! | scratch tensor | type | shape | what |
//! |---|---|---|---|
//! | `word_vectors` | f32 | N × d | rows of the file whose words are known, in its order |
//! | `ids` | u32 | N | their ids |
//! | `row_counts` | u8 | 80 | counts of rows left out and repaired: ten u64 |

pub mod frozen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_flow::{Context, Reservation};
use wordmill_formats::compat::incoming::{BadRows, RowConfig, RowCounts, VectorFile, VectorForm};
use wordmill_formats::{
    Dtype, FormatError, RunDir, Storage, TensorFile, TensorWriter, Vectors, Words, is_tensor_file,
};

use crate::error::TrainError;
use crate::huffman::HuffmanTree;
use crate::start::frozen::{Frozen, find};
use crate::stripes::{MatrixSide, Place, Stripe};

/// The kind of the scratch file.
const KIND: &str = "start";
/// A word that the file does not have.
const NONE: u32 = u32::MAX;
/// Rows between two checks for a stop.
const ROWS_BETWEEN: u64 = 4096;

/// The files of initial vectors and frozen words.
#[derive(Clone, Debug)]
pub struct StartConfig {
    /// Name of the trainer.
    pub name: String,
    /// Length of its vectors.
    pub dim: usize,
    /// Identifies the settings and the files.
    pub fingerprint: String,
    /// A file of vectors.
    pub init: Option<PathBuf>,
    /// How its rows are read, if another program wrote it.
    pub rows: RowConfig,
    /// A list of words.
    pub freeze: Option<PathBuf>,
    /// The storage that both are read from.
    pub files: Arc<dyn Storage>,
}

impl StartConfig {
    /// Fails if the vectors of the file have another length.
    ///
    /// # Errors
    /// [`TrainError::Given`], with both numbers.
    pub fn check_dim(&self, found: usize) -> Result<(), TrainError> {
        let Self { name, dim, .. } = self;
        match &self.init {
            Some(path) if found != *dim => {
                let what = format!(
                    "init of {name}: its vectors have {found} numbers, dim of {name} is {dim}; set dim = {found}, or name another \
                     file"
                );
                Err(TrainError::Given { path: path.clone(), what })
            }
            _ => Ok(()),
        }
    }
}

/// Initial values of a training. By default vectors start as usual, and nothing is frozen.
#[derive(Debug, Default)]
pub struct Start {
    given: Option<Given>,
    frozen: Frozen,
    _memory: Option<Reservation>,
}

/// The vectors of a file for the words of a vocabulary.
#[derive(Debug)]
struct Given {
    file: TensorFile,
    /// Id → row of the file.
    rows: Vec<u32>,
    has: Has,
}

/// Which parts of a file are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Words of the vocabulary that the file has.
    pub words: u64,
    /// Context vectors.
    pub contexts: bool,
    /// Biases of words and contexts.
    pub biases: bool,
    /// Vectors of the nodes of this vocabulary's Huffman tree.
    pub nodes: bool,
    /// Rows that were left out or repaired.
    pub rows: RowCounts,
}

impl Start {
    /// Opens the files.
    ///
    /// # Errors
    /// For a file that is damaged or of another kind, has vectors of another length or none of the words; for too
    /// little memory, as one number per word is needed; [`TrainError::Stopped`].
    pub fn open<W: Words>(
        ctx: &Context,
        dir: &RunDir,
        config: &StartConfig,
        words: &W,
    ) -> Result<Self, TrainError> {
        let frozen = match &config.freeze {
            Some(path) => Frozen::read(&config.files, path, words)?,
            None => Frozen::default(),
        };
        let Some(path) = &config.init else {
            return Ok(Self { given: None, frozen, _memory: None });
        };
        let what = format!("the words of {} in the vocabulary", path.display());
        let memory = ctx.budget.reserve(4 * words.len() as u64, &what)?;
        let is_foreign = VectorForm::of(&config.files, path)?.is_some();
        let given = match !is_foreign && is_tensor_file(&config.files, path)? {
            true => Given::ours(config, path, words)?,
            false => Given::foreign(ctx, dir, config, path, words)?,
        };
        if given.has.words == 0 {
            let what = format!(
                "init of {}: it has none of the {} words of the vocabulary; words are matched by their bytes: look at letter case \
                 (corpus.lowercase), or name another file",
                config.name,
                words.len()
            );
            return Err(TrainError::Given { path: path.clone(), what });
        }
        Ok(Self { given: Some(given), frozen, _memory: Some(memory) })
    }

    /// No initial vectors, some words frozen.
    #[must_use]
    pub fn with_frozen(self, frozen: Frozen) -> Self {
        Self { frozen, ..self }
    }

    /// The parts of the file of vectors that are used, if there is one.
    #[must_use]
    pub fn given(&self) -> Option<Has> {
        Some(self.given.as_ref()?.has)
    }

    /// The words that never move.
    #[must_use]
    pub fn frozen(&self) -> &Frozen {
        &self.frozen
    }

    /// Number of frozen words that the file of vectors does not have, which stay at random values.
    #[must_use]
    pub fn frozen_at_random(&self) -> u64 {
        let Some(given) = &self.given else { return self.frozen.words() };
        let ids = (0u32..).zip(&given.rows).filter(|&(_, &row)| row == NONE);
        ids.filter(|&(id, _)| self.frozen.has(id)).count() as u64
    }

    /// Copies the given vectors into a stripe that has its usual initial values.
    pub(crate) fn fill(
        &self,
        place: Place,
        columns: &str,
        stripe: &mut Stripe,
    ) -> Result<(), FormatError> {
        match &self.given {
            Some(given) => given.fill(place, columns, stripe),
            None => Ok(()),
        }
    }
}

impl Given {
    /// A vectors file of wordmill.
    fn ours<W: Words>(config: &StartConfig, path: &Path, words: &W) -> Result<Self, TrainError> {
        let vectors = Vectors::open(&config.files, path)?;
        config.check_dim(vectors.dim())?;
        vectors.verify()?;
        let row = |id: usize| vectors.words().find(words.word(id)).map_or(NONE, |row| row as u32);
        let rows: Vec<u32> = (0..words.len()).map(row).collect();
        let biases =
            |name| vectors.column(name).is_some_and(|it| it.len() == vectors.words().len());
        let has = Has {
            words: rows.iter().filter(|&&row| row != NONE).count() as u64,
            contexts: vectors.context_vectors().is_some(),
            biases: biases("word_bias") && biases("context_bias"),
            nodes: has_our_tree(&vectors, words),
            rows: RowCounts::default(),
        };
        Ok(Self { file: vectors.words().file().clone(), rows, has })
    }

    /// Vectors of another program.
    fn foreign<W: Words>(
        ctx: &Context,
        dir: &RunDir,
        config: &StartConfig,
        path: &Path,
        words: &W,
    ) -> Result<Self, TrainError> {
        let file = VectorFile::open_with(&config.files, path, config.rows)?;
        config.check_dim(file.dim())?;
        let scratch = dir.path(&format!("models/{}/init.scratch", config.name));
        if let Some(given) = Self::scratch(dir, config, &scratch, words.len())? {
            return Ok(given);
        }
        let names = ["word_vectors", "ids", "row_counts"];
        let settings = BTreeMap::from([("fingerprint".to_owned(), config.fingerprint.clone())]);
        let mut writer = TensorWriter::create(dir.storage(), &scratch, KIND, &names, &settings)?;
        writer.begin("word_vectors", Dtype::F32);
        let (mut rows, mut ids) = (vec![NONE; words.len()], Vec::new());
        let total = file.rows().unwrap_or(0);
        let progress = ctx.progress.stage(&format!("init {}", config.name), "rows", total);
        let mut reader = file.reader()?;
        let (mut good, mut twice) = (0u64, 0);
        while reader.advance()? {
            good += 1;
            if good.is_multiple_of(ROWS_BETWEEN) {
                ctx.cancel.check()?;
                progress.advance_to(reader.rows_read());
            }
            let Some(id) = find(words, reader.word().as_bytes()) else { continue };
            let row = &mut rows[id as usize];
            if *row != NONE {
                if config.rows.bad_rows == BadRows::Refuse {
                    let (word, row) = (reader.word(), reader.rows_read());
                    let what = format!("the word {word:?} is in an earlier row, too");
                    let (path, form) = (path.to_path_buf(), file.form().what());
                    let (place, advice) = (format!("row {row}"), config.rows.advice);
                    return Err(FormatError::Row { path, form, place, what, advice }.into());
                }
                twice += 1;
                continue;
            }
            *row = ids.len() as u32;
            ids.push(id);
            writer.write(reader.vector())?;
        }
        progress.advance_to(reader.rows_read());
        progress.complete();
        let found = ids.len() as u64;
        writer.end(&[found, file.dim() as u64]);
        writer.tensor("ids", Dtype::U32, &[found], &ids)?;
        let counts = RowCounts { twice, ..*reader.counts() };
        let bytes = counts.to_array().map(u64::to_le_bytes);
        writer.tensor("row_counts", Dtype::U8, &[80], bytes.as_flattened())?;
        writer.finish()?;
        let file = TensorFile::open(dir.storage(), &scratch)?;
        Ok(Self { file, rows, has: Has { words: found, rows: counts, ..Has::default() } })
    }

    /// The scratch file of an earlier process with the same fingerprint, if it is intact.
    fn scratch(
        dir: &RunDir,
        config: &StartConfig,
        path: &Path,
        words: usize,
    ) -> Result<Option<Self>, FormatError> {
        let open = || {
            let file = TensorFile::open(dir.storage(), path)?;
            file.index().expect_kind(KIND)?;
            file.verify()?;
            Ok(file)
        };
        let file = match open() {
            Ok(file) => file,
            Err(error) if FormatError::is_not_found(&error) || error.is_bad_artefact() => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let same = file.index().metadata().get("fingerprint") == Some(&config.fingerprint);
        let shape = file.index().info("word_vectors", Dtype::F32, 2)?.shape.clone();
        let ids: &[u32] = file.view("ids", Dtype::U32, 1)?;
        let fits = shape == [ids.len() as u64, config.dim as u64];
        let counts = file.view::<u8>("row_counts", Dtype::U8, 1).ok();
        let counts = counts.and_then(|bytes| bytes.as_chunks().0.first_chunk::<10>());
        let Some(counts) = counts else { return Ok(None) };
        let counts = RowCounts::from_array(counts.map(u64::from_le_bytes));
        if !same || !fits || ids.iter().any(|&id| id as usize >= words) {
            return Ok(None);
        }
        let mut rows = vec![NONE; words];
        (0..).zip(ids).for_each(|(row, &id)| rows[id as usize] = row);
        let has = Has { words: ids.len() as u64, rows: counts, ..Has::default() };
        Ok(Some(Self { file, rows, has }))
    }

    fn fill(&self, place: Place, columns: &str, stripe: &mut Stripe) -> Result<(), FormatError> {
        let names = match (place.side, columns) {
            (MatrixSide::Rows, _) => Some(("word_vectors", "word_bias")),
            (MatrixSide::Columns, "context_vectors") if self.has.contexts => {
                Some(("context_vectors", "context_bias"))
            }
            (MatrixSide::Columns, "node_vectors") if self.has.nodes => Some(("node_vectors", "")),
            _ => None,
        };
        let Some((vectors, bias)) = names else { return Ok(()) };
        let values: &[f32] = self.file.view(vectors, Dtype::F32, 2)?;
        let biases: Option<&[f32]> =
            match self.has.biases && !stripe.bias().is_empty() && !bias.is_empty() {
                true => Some(self.file.view(bias, Dtype::F32, 1)?),
                false => None,
            };
        for row in 0..stripe.rows() {
            // Nodes are used only if they are those of the same words in the same order.
            let from = self.rows[place.id(row) as usize] as usize;
            if from == NONE as usize {
                continue;
            }
            let vector = stripe.vector_mut(row);
            let dim = vector.len();
            vector.copy_from_slice(&values[from * dim..][..dim]);
            if let Some(biases) = biases {
                stripe.bias_mut()[row] = biases[from];
            }
        }
        Ok(())
    }
}

/// Whether a file has the nodes of the tree over the same words in the same order.
fn has_our_tree(vectors: &Vectors, words: &impl Words) -> bool {
    let theirs = vectors.words();
    let same_words = || {
        theirs.len() == words.len() && (0..words.len()).all(|id| theirs.word(id) == words.word(id))
    };
    let nodes = words.len().saturating_sub(1) * vectors.dim();
    vectors.matrix("node_vectors").is_some_and(|it| it.len() == nodes)
        && same_words()
        && theirs
            .file()
            .view::<u32>("tree_parents", Dtype::U32, 1)
            .is_ok_and(|parents| HuffmanTree::new(words.counts()).parents() == parents)
}

#[cfg(test)]
mod tests;
