//! Finished vectors: one mapped tensor file with everything that belongs to them.
//!
//! Besides the word tensors (see `words.rs`):
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `word_vectors` | f32 | V × d | word vectors w |
//! | `context_vectors` | f32 | V × d | context vectors c (skip-gram with negative sampling, GloVe) |
//! | `word_bias`, `context_bias` | f32 | V | biases (GloVe) |
//! | `word_norms`, `context_norms` | f32 | V | norms of the rows, so that a query need not read them twice |
//! | `node_vectors` | f32 | (V − 1) × d | inner nodes of the Huffman tree (hierarchical softmax) |
//! | `tree_parents` | u32 | 2 V − 1 | the n of the parent of leaf `id`, then of node V + n; the root is its own; bit 31: a right child |
//!
//! The metadata has the settings that they were made with (`model`, `objective`, `dim`, …).
//!
//! Version 2 added the norms: √Σx² in f64, rounded to f32 (infinity if it does not fit). Files of version 1 have none
//! and can still be read.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;
use crate::tensor::{Dtype, TensorFile, TensorWriter};
use crate::words::{WORD_TENSORS, WordTable, WordTensors, Words, write_words};

/// The kind of these files.
pub(crate) const KIND: &str = "vectors";

/// The written version, and the latest readable one.
const VERSION: u32 = 2;

/// The matrices with one row per word, and the tensors of their norms.
const NORMS: [(&str, &str); 2] =
    [("word_vectors", "word_norms"), ("context_vectors", "context_norms")];

/// Floats of a matrix that are requested at a time: 4 MiB.
const MATRIX_FLOATS: u64 = 1 << 20;

/// Mapped vectors.
#[derive(Clone, Debug)]
pub struct Vectors {
    words: WordTable,
    dim: usize,
    spelling: Spelling,
}

/// How a requested word is spelled in the text that the vectors were trained on. The caller provides it, who knows the
/// tokeniser named in the settings.
#[derive(Clone, Default)]
pub enum Spelling {
    /// In lower case, if the settings say that the text was.
    #[default]
    ByCase,
    /// As it is requested.
    Exact,
    /// As this function says, among the existing words.
    Of(Arc<SpelledAmong>),
}

/// Maps the existing words and a requested one to one of them, or to none.
pub type SpelledAmong = dyn Fn(&WordTable, &str) -> Option<String> + Send + Sync;

impl fmt::Debug for Spelling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::ByCase => "ByCase",
            Self::Exact => "Exact",
            Self::Of(_) => "Of(..)",
        })
    }
}

/// A vectors file being written: words, then each matrix row by row.
pub struct VectorsWriter {
    writer: TensorWriter,
    words: u64,
    dim: u64,
    norms: Vec<(&'static str, Vec<f32>)>,
}

impl VectorsWriter {
    /// Starts a file with the given words.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        words: &impl Words,
        dim: usize,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, FormatError> {
        let mut names = WORD_TENSORS.to_vec();
        names.extend(["word_vectors", "context_vectors", "word_bias", "context_bias"]);
        names.extend(["node_vectors", "tree_parents", "word_norms", "context_norms"]);
        let mut settings = settings.clone();
        settings.insert("dim".into(), dim.to_string());
        let mut writer = TensorWriter::create(storage, path, KIND, &names, &settings)?;
        writer.set_version(VERSION);
        write_words(&mut writer, WordTensors::Wide, words)?;
        let norms = Vec::new();
        Ok(Self { writer, words: words.len() as u64, dim: dim as u64, norms })
    }

    /// Writes a matrix of `rows` vectors; `vectors` appends consecutive rows.
    pub fn matrix(
        &mut self,
        name: &str,
        rows: u32,
        mut vectors: impl FnMut(Range<u32>, &mut Vec<f32>) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.writer.begin(name, Dtype::F32);
        let step = (MATRIX_FLOATS / self.dim.max(1)).clamp(1, u64::from(u32::MAX)) as u32;
        let mut buffer = Vec::new();
        let mut norms = Vec::new();
        let tensor = NORMS.iter().find(|(matrix, _)| *matrix == name).map(|(_, norms)| *norms);
        let mut first = 0;
        while first < rows {
            let end = first.saturating_add(step).min(rows);
            buffer.clear();
            vectors(first..end, &mut buffer)?;
            self.writer.write(&buffer)?;
            if tensor.is_some() {
                norms.extend(buffer.chunks_exact(self.dim.max(1) as usize).map(norm));
            }
            first = end;
        }
        self.writer.end(&[u64::from(rows), self.dim]);
        self.norms.extend(tensor.map(|tensor| (tensor, norms)));
        Ok(())
    }

    /// Writes one value per word, e.g. biases.
    pub fn column(&mut self, name: &str, values: &[f32]) -> Result<(), FormatError> {
        self.writer.tensor(name, Dtype::F32, &[self.words], values)
    }

    /// Writes the parents of the Huffman tree.
    pub fn tree(&mut self, parents: &[u32]) -> Result<(), FormatError> {
        self.writer.tensor("tree_parents", Dtype::U32, &[parents.len() as u64], parents)
    }

    /// Writes the norms and the rest of the words, and publishes the file.
    pub fn finish(mut self, words: &impl Words) -> Result<Published, FormatError> {
        for (name, norms) in std::mem::take(&mut self.norms) {
            self.column(name, &norms)?;
        }
        write_words(&mut self.writer, WordTensors::Narrow, words)?;
        self.writer.finish()
    }
}

impl Vectors {
    /// Maps a file; reads only its header.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = TensorFile::open(storage, path)?;
        file.index().expect_version(KIND, VERSION)?;
        let shape = file.index().info("word_vectors", Dtype::F32, 2)?.shape.clone();
        let words = WordTable::new(file)?;
        if shape[0] != words.len() as u64 || shape[1] == 0 {
            let what = "word_vectors have another number of rows than there are words";
            return Err(FormatError::corrupt(path, 8, what));
        }
        Ok(Self { words, dim: shape[1] as usize, spelling: Spelling::default() })
    }

    /// The same vectors with another spelling of requests.
    pub fn spelled(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// How requested words are spelled.
    pub fn spelling(&self) -> &Spelling {
        &self.spelling
    }

    /// The words.
    pub fn words(&self) -> &WordTable {
        &self.words
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The settings that the vectors were made with.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        self.words.file().index().metadata()
    }

    /// All word vectors, V × d.
    pub fn word_vectors(&self) -> &[f32] {
        self.matrix("word_vectors").expect("checked when opened")
    }

    /// All context vectors, V × d, if the model has them.
    pub fn context_vectors(&self) -> Option<&[f32]> {
        self.matrix("context_vectors").filter(|rows| rows.len() == self.words.len() * self.dim)
    }

    /// A matrix by name.
    pub fn matrix(&self, name: &str) -> Option<&[f32]> {
        self.words.file().view(name, Dtype::F32, 2).ok()
    }

    /// One value per word, by name.
    pub fn column(&self, name: &str) -> Option<&[f32]> {
        self.words.file().view(name, Dtype::F32, 1).ok()
    }

    /// The norms of the word vectors; `None` for older files.
    pub fn word_norms(&self) -> Option<&[f32]> {
        self.column("word_norms").filter(|norms| norms.len() == self.words.len())
    }

    /// The norms of the context vectors; `None` for older files.
    pub fn context_norms(&self) -> Option<&[f32]> {
        self.column("context_norms").filter(|norms| norms.len() == self.words.len())
    }

    /// The vector of a word.
    pub fn word_vector(&self, id: usize) -> &[f32] {
        &self.word_vectors()[id * self.dim..(id + 1) * self.dim]
    }

    /// Reads everything: checksums, order of words, finiteness of numbers, norms, shape of the tree.
    pub fn verify(&self) -> Result<(), FormatError> {
        self.words.verify()?;
        let index = self.words.file().index();
        let is_norm = |name: &str| NORMS.iter().any(|(_, norms)| *norms == name);
        let numbers = index.tensors().iter();
        let numbers = numbers.filter(|(name, info)| info.dtype == Dtype::F32 && !is_norm(name));
        for (name, info) in numbers {
            let values = self.words.file().view::<f32>(name, Dtype::F32, info.shape.len())?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let what = format!("number {at} of {name} is not finite");
                return Err(FormatError::corrupt(self.words.path(), info.offset, what));
            }
        }
        self.verify_norms()?;
        match self.words.file().view::<u32>("tree_parents", Dtype::U32, 1) {
            Ok(parents) if !is_tree(parents, self.words.len()) => {
                let what = "tree_parents is not a binary tree over the words";
                Err(FormatError::corrupt(self.words.path(), 8, what))
            }
            _ => Ok(()),
        }
    }

    fn verify_norms(&self) -> Result<(), FormatError> {
        for (matrix, name) in NORMS {
            let (Some(rows), Ok(norms)) =
                (self.matrix(matrix), self.words.file().view::<f32>(name, Dtype::F32, 1))
            else {
                continue;
            };
            let rows = rows.chunks_exact(self.dim);
            let wrong =
                rows.len() != norms.len() || rows.zip(norms).any(|(row, &is)| norm(row) != is);
            if wrong {
                let what = format!("{name} are not the norms of the rows of {matrix}");
                return Err(FormatError::corrupt(self.words.path(), 8, what));
            }
        }
        Ok(())
    }
}

/// The norm of a row: the same on every machine, since the order of the sum is fixed.
fn norm(row: &[f32]) -> f32 {
    let mut sums = [0.0f64; 8];
    let (blocks, rest) = row.as_chunks::<8>();
    for block in blocks {
        for (sum, &x) in sums.iter_mut().zip(block) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f64::from(x) * f64::from(x);
    }
    sums.iter().sum::<f64>().sqrt() as f32
}

/// Whether every inner node has one left and one right child created before it, and the last is the
/// root.
fn is_tree(parents: &[u32], words: usize) -> bool {
    let nodes = words.saturating_sub(1);
    if parents.len() != words + nodes {
        return false;
    }
    let mut children = vec![[0u8; 2]; nodes];
    for (at, &entry) in parents.iter().enumerate().take(parents.len().saturating_sub(1)) {
        let parent = (entry & !(1 << 31)) as usize;
        if parent >= nodes || (at >= words && parent <= at - words) {
            return false;
        }
        children[parent][(entry >> 31) as usize] += 1;
    }
    children.iter().all(|sides| *sides == [1, 1])
}
