//! Finished vectors: one tensor file that holds all that belongs to them, mapped as it is.
//!
//! Besides the word tensors (see `words.rs`):
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `word_vectors` | f32 | V × d | word vectors w |
//! | `context_vectors` | f32 | V × d | context vectors c (skip-gram with negative sampling, GloVe) |
//! | `word_bias`, `context_bias` | f32 | V | biases (GloVe) |
//! | `node_vectors` | f32 | (V − 1) × d | inner nodes of the Huffman tree (hierarchical softmax) |
//! | `tree_parents` | u32 | 2 V − 1 | the n of the parent of leaf `id`, then of node V + n; the root is its own; bit 31: a right child |
//!
//! The metadata holds the settings that made them (`model`, `objective`, `dim`, …).

use std::collections::BTreeMap;
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

/// Floats of a matrix that are asked for at a time: 4 MiB.
const MATRIX_FLOATS: u64 = 1 << 20;

/// Vectors in a map.
#[derive(Clone, Debug)]
pub struct Vectors {
    words: WordTable,
    dim: usize,
}

/// A vectors file being written: words, then each matrix row by row.
pub struct VectorsWriter {
    writer: TensorWriter,
    words: u64,
    dim: u64,
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
        names.extend(["node_vectors", "tree_parents"]);
        let mut settings = settings.clone();
        settings.insert("dim".into(), dim.to_string());
        let mut writer = TensorWriter::create(storage, path, KIND, &names, &settings)?;
        write_words(&mut writer, WordTensors::Wide, words)?;
        Ok(Self { writer, words: words.len() as u64, dim: dim as u64 })
    }

    /// Writes a matrix of `rows` vectors; `vectors` appends those of some rows after the others.
    pub fn matrix(
        &mut self,
        name: &str,
        rows: u32,
        mut vectors: impl FnMut(Range<u32>, &mut Vec<f32>) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.writer.begin(name, Dtype::F32);
        let step = (MATRIX_FLOATS / self.dim.max(1)).clamp(1, u64::from(u32::MAX)) as u32;
        let mut buffer = Vec::new();
        let mut first = 0;
        while first < rows {
            let end = first.saturating_add(step).min(rows);
            buffer.clear();
            vectors(first..end, &mut buffer)?;
            self.writer.write(&buffer)?;
            first = end;
        }
        self.writer.end(&[u64::from(rows), self.dim]);
        Ok(())
    }

    /// Writes one value a word, e.g. biases.
    pub fn column(&mut self, name: &str, values: &[f32]) -> Result<(), FormatError> {
        self.writer.tensor(name, Dtype::F32, &[self.words], values)
    }

    /// Writes the parents of the Huffman tree.
    pub fn tree(&mut self, parents: &[u32]) -> Result<(), FormatError> {
        self.writer.tensor("tree_parents", Dtype::U32, &[parents.len() as u64], parents)
    }

    /// Writes the rest of the words and publishes the file.
    pub fn finish(mut self, words: &impl Words) -> Result<Published, FormatError> {
        write_words(&mut self.writer, WordTensors::Narrow, words)?;
        self.writer.finish()
    }
}

impl Vectors {
    /// Maps a file; reads only its header.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = TensorFile::open(storage, path)?;
        file.index().expect_kind(KIND)?;
        let shape = file.index().info("word_vectors", Dtype::F32, 2)?.shape.clone();
        let words = WordTable::new(file)?;
        if shape[0] != words.len() as u64 || shape[1] == 0 {
            let what = "word_vectors have another number of rows than there are words";
            return Err(FormatError::corrupt(path, 8, what));
        }
        Ok(Self { words, dim: shape[1] as usize })
    }

    /// The words.
    pub fn words(&self) -> &WordTable {
        &self.words
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The settings that made the vectors.
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

    /// One value a word, by name.
    pub fn column(&self, name: &str) -> Option<&[f32]> {
        self.words.file().view(name, Dtype::F32, 1).ok()
    }

    /// The vector of a word.
    pub fn word_vector(&self, id: usize) -> &[f32] {
        &self.word_vectors()[id * self.dim..(id + 1) * self.dim]
    }

    /// Reads everything: checksums, order of words, finiteness of numbers, shape of the tree.
    pub fn verify(&self) -> Result<(), FormatError> {
        self.words.verify()?;
        let index = self.words.file().index();
        for (name, info) in index.tensors().iter().filter(|(_, info)| info.dtype == Dtype::F32) {
            let values = self.words.file().view::<f32>(name, Dtype::F32, info.shape.len())?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let what = format!("number {at} of {name} is not finite");
                return Err(FormatError::corrupt(self.words.path(), info.offset, what));
            }
        }
        match self.words.file().view::<u32>("tree_parents", Dtype::U32, 1) {
            Ok(parents) if !is_tree(parents, self.words.len()) => {
                let what = "tree_parents is not a binary tree over the words";
                Err(FormatError::corrupt(self.words.path(), 8, what))
            }
            _ => Ok(()),
        }
    }
}

/// Whether every inner node has one left and one right child made before it, and the last is the
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
