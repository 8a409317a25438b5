//! The words of a vocabulary as tensors: ids are frequency ranks, words are found by bisection.
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `word_offsets` | u64 | V + 1 | word `id` is `word_bytes[offsets[id]..offsets[id + 1]]` |
//! | `counts` | u64 | V | how often the word occurs in the corpus |
//! | `lookup` | u32 | V | the ids in the order of the words' bytes |
//! | `word_bytes` | u8 | | UTF-8, one word after another |

use std::path::Path;

use crate::error::FormatError;
use crate::tensor::{Dtype, TensorFile, TensorWriter};

/// The words of a mapped file.
#[derive(Clone, Debug)]
pub struct WordTable {
    file: TensorFile,
    words: usize,
}

/// The tensors of a word table that are wider than `f32`, and the others. A file with matrices
/// writes them between the two calls of [`write_words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordTensors {
    /// `word_offsets` and `counts`.
    Wide,
    /// `lookup` and `word_bytes`.
    Narrow,
}

/// The names of the tensors, to reserve space in the header.
pub const WORD_TENSORS: [&str; 4] = ["word_offsets", "counts", "lookup", "word_bytes"];

/// Words are written in pieces of this size, as a system call for each would take 1 µs.
const WRITE_BYTES: usize = 1 << 16;

/// Writes one half of the word tensors.
///
/// `words` are in id order; `lookup` are the ids sorted by the words' bytes.
pub fn write_words(
    writer: &mut TensorWriter,
    half: WordTensors,
    table: &impl Words,
) -> Result<(), FormatError> {
    let words = table.len() as u64;
    if half == WordTensors::Narrow {
        writer.tensor("lookup", Dtype::U32, &[words], table.lookup())?;
        writer.begin("word_bytes", Dtype::U8);
        let (mut bytes, mut held) = (0, Vec::new());
        for id in 0..table.len() {
            held.extend_from_slice(table.word(id));
            if held.len() >= WRITE_BYTES || id + 1 == table.len() {
                writer.write(&held)?;
                bytes += held.len() as u64;
                held.clear();
            }
        }
        writer.end(&[bytes]);
        return Ok(());
    }
    writer.begin("word_offsets", Dtype::U64);
    let mut offset = 0u64;
    let mut offsets = vec![0];
    for id in 0..table.len() {
        offset += table.word(id).len() as u64;
        offsets.push(offset);
        if offsets.len() == 8192 {
            writer.write(&offsets)?;
            offsets.clear();
        }
    }
    writer.write(&offsets)?;
    writer.end(&[words + 1]);
    writer.tensor("counts", Dtype::U64, &[words], table.counts())
}

/// Words with counts in id order, wherever they are stored.
pub trait Words {
    /// Number of words.
    fn len(&self) -> usize;
    /// The bytes of a word.
    fn word(&self, id: usize) -> &[u8];
    /// The counts of all words.
    fn counts(&self) -> &[u64];
    /// The ids in the order of the words' bytes.
    fn lookup(&self) -> &[u32];
    /// Whether there is no word.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl WordTable {
    /// Opens the word tensors of a mapped file; checks lengths, not contents.
    pub fn new(file: TensorFile) -> Result<Self, FormatError> {
        let index = file.index();
        let words = index.info("counts", Dtype::U64, 1)?.shape[0];
        let offsets = file.view::<u64>("word_offsets", Dtype::U64, 1)?;
        let lookup = index.info("lookup", Dtype::U32, 1)?.shape[0];
        let bytes = index.info("word_bytes", Dtype::U8, 1)?.shape[0];
        let ends = (offsets.first().copied(), offsets.last().copied());
        let agree = offsets.len() as u64 == words + 1 && lookup == words;
        if !agree || ends != (Some(0), Some(bytes)) || words > u64::from(u32::MAX) {
            let what = "the word tensors disagree about the number of words";
            return Err(FormatError::corrupt(index.path(), 8, what));
        }
        Ok(Self { words: words as usize, file })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.index().path()
    }

    /// The file behind the table.
    pub fn file(&self) -> &TensorFile {
        &self.file
    }

    /// The word as text; bytes that are not UTF-8 (in a damaged file) are replaced.
    pub fn text(&self, id: usize) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.word(id))
    }

    /// The id of a word.
    pub fn find(&self, word: &[u8]) -> Option<usize> {
        let found = self.lookup().binary_search_by(|&id| match (id as usize) < self.words {
            true => self.word(id as usize).cmp(word),
            false => std::cmp::Ordering::Less,
        });
        found.ok().map(|at| self.lookup()[at] as usize)
    }

    /// Checks that offsets ascend, words are distinct UTF-8, and `lookup` is their order.
    pub fn verify(&self) -> Result<(), FormatError> {
        self.file.verify()?;
        let corrupt = |what: String| Err(FormatError::corrupt(self.path(), 8, what));
        if self.offsets().windows(2).any(|pair| pair[0] > pair[1]) {
            return corrupt("word_offsets descend".into());
        }
        let (bytes, offsets) = (self.bytes(), self.offsets());
        let word = |id: usize| word_at(bytes, offsets, id);
        if let Some(id) = (0..self.words).find(|&id| std::str::from_utf8(word(id)).is_err()) {
            return corrupt(format!("word {id} is not UTF-8"));
        }
        let lookup = self.lookup();
        let in_range = lookup.iter().all(|&id| (id as usize) < self.words);
        let ascends = |pair: &[u32]| word(pair[0] as usize) < word(pair[1] as usize);
        if !in_range || !lookup.windows(2).all(ascends) {
            return corrupt("lookup is not the order of the words".into());
        }
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.file.view("word_bytes", Dtype::U8, 1).expect("checked when opened")
    }

    fn offsets(&self) -> &[u64] {
        self.file.view("word_offsets", Dtype::U64, 1).expect("checked when opened")
    }
}

impl Words for WordTable {
    fn len(&self) -> usize {
        self.words
    }

    fn word(&self, id: usize) -> &[u8] {
        word_at(self.bytes(), self.offsets(), id)
    }

    fn counts(&self) -> &[u64] {
        self.file.view("counts", Dtype::U64, 1).expect("checked when opened")
    }

    fn lookup(&self) -> &[u32] {
        self.file.view("lookup", Dtype::U32, 1).expect("checked when opened")
    }
}

/// Offsets in a damaged file may descend or point outside.
fn word_at<'a>(bytes: &'a [u8], offsets: &[u64], id: usize) -> &'a [u8] {
    bytes.get(offsets[id] as usize..offsets[id + 1] as usize).unwrap_or_default()
}
