//! The words of a foreign file, all at once: what our own vectors files begin with.

use super::{VectorFile, Wanted};
use crate::error::FormatError;
use crate::words::Words;

/// Words in the order of the rows. Most files have the most frequent word first, as ours do; how often
/// a word stands in the text is told by none but a list beside an array, so the counts are 0 otherwise.
#[derive(Debug, Default)]
pub struct ListedWords {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    counts: Vec<u64>,
    lookup: Vec<u32>,
}

impl ListedWords {
    /// Reads the words and passes over the numbers.
    ///
    /// # Errors
    /// A word that stands in two rows: nobody could tell which of them is meant; and what
    /// [`super::VectorReader::advance`] says.
    pub fn read(file: &VectorFile) -> Result<Self, FormatError> {
        let mut reader = file.read(Wanted::Words)?;
        let mut words = Self::default();
        while reader.advance()? {
            words.bytes.extend_from_slice(reader.word().as_bytes());
            words.ends.push(words.bytes.len() as u64);
            words.counts.push(reader.count());
        }
        let mut lookup: Vec<u32> = (0..words.ends.len() as u32).collect();
        lookup.sort_unstable_by_key(|&id| (words.word(id as usize), id));
        let same = |pair: &&[u32]| words.word(pair[0] as usize) == words.word(pair[1] as usize);
        if let Some(&[one, other]) = lookup.windows(2).find(same) {
            let word = String::from_utf8_lossy(words.word(one as usize)).into_owned();
            let what =
                format!("the word {word:?} stands in the rows {} and {}", one + 1, other + 1);
            return Err(reader.bad(0, &what));
        }
        words.lookup = lookup;
        Ok(words)
    }
}

impl Words for ListedWords {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn word(&self, id: usize) -> &[u8] {
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[start as usize..self.ends[id] as usize]
    }

    fn counts(&self) -> &[u64] {
        &self.counts
    }

    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}
