//! All words of a foreign file, as written first into a vectors file of wordmill.

use super::bad::{BadRows, RowCounts};
use super::file::VectorFile;
use super::form::Wanted;
use super::reader::VectorReader;
use crate::error::FormatError;
use crate::words::Words;

/// Words in the order of the rows. Most files have the most frequent word first, as wordmill's do. Only
/// a list beside an array has the counts of words, so otherwise they are 0.
#[derive(Debug, Default)]
pub struct ListedWords {
    bytes: Vec<u8>,
    ends: Vec<u64>,
    counts: Vec<u64>,
    lookup: Vec<u32>,
    /// Good rows with the word of an earlier row.
    twice: Vec<u64>,
    rows: RowCounts,
}

impl ListedWords {
    /// Reads the words and skips the numbers.
    ///
    /// # Errors
    /// For a word in two rows, unless bad rows are left out, when the first row is used; errors of
    /// [`super::VectorReader::advance`].
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
        words.rows = *reader.counts();
        let same = |pair: &&[u32]| words.word(pair[0] as usize) == words.word(pair[1] as usize);
        match lookup.windows(2).find(same) {
            Some(&[one, other]) if file.bad_rows == BadRows::Refuse => {
                let word = String::from_utf8_lossy(words.word(one as usize)).into_owned();
                let what = format!("the word {word:?} is in rows {} and {}", one + 1, other + 1);
                return Err(reader.bad_row(format!("row {}", other + 1), what));
            }
            Some(_) => words.keep_first(lookup),
            None => words.lookup = lookup,
        }
        Ok(words)
    }

    /// Removes all but the first row of a word; `lookup` has the rows of a word in order.
    fn keep_first(&mut self, mut lookup: Vec<u32>) {
        let same =
            |row: &mut u32, first: &mut u32| self.word(*row as usize) == self.word(*first as usize);
        lookup.dedup_by(same);
        let mut is_kept = vec![false; self.len()];
        lookup.iter().for_each(|&row| is_kept[row as usize] = true);
        let mut kept = Self { rows: self.rows, ..Self::default() };
        // The new index of each row.
        let mut places = vec![0; self.len()];
        for row in 0..self.len() {
            if !is_kept[row] {
                kept.twice.push(row as u64);
                continue;
            }
            places[row] = kept.ends.len() as u32;
            kept.bytes.extend_from_slice(self.word(row));
            kept.ends.push(kept.bytes.len() as u64);
            kept.counts.push(self.counts[row]);
        }
        kept.lookup = lookup.into_iter().map(|row| places[row as usize]).collect();
        kept.rows.twice = kept.twice.len() as u64;
        *self = kept;
    }

    /// Counts of rows left out and repaired.
    pub fn rows(&self) -> &RowCounts {
        &self.rows
    }

    /// Reads the rows that these words belong to.
    ///
    /// # Errors
    /// Storage errors.
    pub fn reader(&self, file: &VectorFile) -> Result<VectorReader, FormatError> {
        let mut reader = file.reader()?;
        reader.pass_over(&self.twice);
        Ok(reader)
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
