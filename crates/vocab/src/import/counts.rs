//! Co-occurrence counts of another program, as GloVe's `cooccurrence.bin` or as text.
//!
//! A *count* is a row, a column and a weight, stored in a record of 16 bytes or in a line `word word
//! weight`, separated by white space. The first bytes of a file show which of the two it contains,
//! and whether it is packed. Files are read sequentially as often as needed; nothing of them is
//! kept.

use std::hash::BuildHasher as _;
use std::path::Path;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use wordmill_formats::compat::glove::{RECORD_BYTES, parse_record};
use wordmill_formats::{WordTable, Words as _, xxh3};
use wordmill_text::input::{Input, Packed};
use wordmill_text::not_text;

use super::kinds::other_kind;
use super::lines::{ForeignLines, fields};
use crate::error::VocabError;

/// Bytes read at a time, a whole number of records.
const PIECE_BYTES: usize = 1 << 20;
const WAY_OUT: &str = "check that VOCAB and COUNTS were made together, and that both are whole";

const TAKES: &str =
    "COUNTS is cooccurrence.bin of GloVe, or a text with a line `word word weight` a pair";

/// What a reader of counts needs to know of their words.
#[derive(Clone, Copy, Debug)]
pub struct CountWords<'a> {
    /// The vocabulary, in which the words of text are looked up.
    pub table: &'a WordTable,
    /// The id of each line of the vocabulary's file, by which records number words.
    pub ids: &'a [u32],
}

/// The weight of a word and a context word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// Id of the word.
    pub row: u32,
    /// Id of the context word.
    pub column: u32,
    /// Above 0, finite.
    pub weight: f64,
}

/// A file of counts.
#[derive(Clone, Debug)]
pub struct CountsFile {
    input: Input,
    packed: Packed,
    form: CountsForm,
}

/// The format of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountsForm {
    /// Records of GloVe.
    Records,
    /// Lines of text.
    Lines,
}

/// What one reading of a file found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountsRead {
    /// Number of records or lines.
    pub counts: u64,
    /// Sum of the digests of all counts: the same in any order and in either format.
    pub digest: u64,
}

impl Count {
    fn digest(&self) -> u64 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.row.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.column.to_le_bytes());
        bytes[8..].copy_from_slice(&self.weight.to_le_bytes());
        xxh3(&bytes)
    }
}

impl CountsFile {
    /// Examines the first bytes of a file.
    ///
    /// # Errors
    /// For a file that is missing, is not a regular file (a pipe cannot be read twice), or has
    /// other content.
    pub fn open(path: &Path, words: CountWords<'_>) -> Result<Self, VocabError> {
        let input = Input::file(path, "check the path of COUNTS")?;
        if input.bytes.is_none() {
            let problem = "it is not a regular file, but counts are read twice".to_owned();
            return Err(input.error("opening", problem, "write them to a file first").into());
        }
        let raw = input.head_of(Packed::No)?;
        // The first four bytes of a record may look like the magic number of a packed format, but
        // all bytes of a packed file do not look like records.
        if are_records(&raw, words) {
            return Ok(Self { input, packed: Packed::No, form: CountsForm::Records });
        }
        let head = input.head_of(Packed::ByContent)?;
        let first = head.first_chunk().map(parse_record);
        let in_range = |id: i32| id >= 1 && id as usize <= words.ids.len();
        let nul = head.contains(&0);
        let form = match first {
            _ if are_records(&head, words) => CountsForm::Records,
            Some((row, column, _)) if nul && in_range(row) && in_range(column) => {
                CountsForm::Records
            }
            _ if other_kind(&head).is_some() => {
                let what = other_kind(&head).unwrap_or_default();
                return Err(input.error("reading counts", format!("it is {what}"), TAKES).into());
            }
            _ => match not_text(&head) {
                Some((problem, way_out)) if !problem.contains("NUL") => {
                    return Err(input.error("reading counts", problem, way_out).into());
                }
                Some(_) => CountsForm::Records,
                None => CountsForm::Lines,
            },
        };
        Ok(Self { input, packed: Packed::ByContent, form })
    }

    /// The format of the counts.
    #[must_use]
    pub fn form(&self) -> CountsForm {
        self.form
    }

    /// The number of counts, if it is known without reading them.
    #[must_use]
    pub fn len_if_known(&self) -> Option<u64> {
        let plain = self.form == CountsForm::Records && self.packed == Packed::No;
        self.input.bytes.filter(|_| plain).map(|bytes| bytes / RECORD_BYTES as u64)
    }

    /// Memory for reading the counts that is proportional to the number of words.
    #[must_use]
    pub fn words_bytes(&self, words: CountWords<'_>) -> u64 {
        match self.form {
            CountsForm::Records => 0,
            // Pairs of numbers in a table that is at least seven sixteenths full.
            CountsForm::Lines => 21 * words.table.len() as u64,
        }
    }

    /// The error of a count that cannot be used: `at` is its place, from 1.
    #[must_use]
    pub fn refuse(&self, at: u64, problem: &str) -> VocabError {
        let unit = match self.form {
            CountsForm::Records => "record",
            CountsForm::Lines => "line",
        };
        self.input.error("reading counts", format!("{unit} {at}: {problem}"), WAY_OUT).into()
    }

    /// Reads all counts in the order of the file, each with its place, from 1.
    ///
    /// # Errors
    /// For ids and words outside the vocabulary, weights that are not above 0 and finite, a file
    /// that is cut off or damaged, and the errors of `each`.
    pub fn for_each<E: From<VocabError>>(
        &self,
        words: CountWords<'_>,
        mut each: impl FnMut(u64, Count) -> Result<(), E>,
    ) -> Result<CountsRead, E> {
        let mut read = CountsRead { counts: 0, digest: 0 };
        let checked = |at: u64, count: Count| {
            read.counts = at;
            read.digest = read.digest.wrapping_add(count.digest());
            let problem = match count.weight {
                weight if weight.is_nan() => "its weight is not a number",
                weight if weight.is_infinite() => "its weight is infinite",
                weight if weight < 0.0 => "its weight is negative",
                0.0 => "its weight is 0",
                _ => return each(at, count),
            };
            Err(self.refuse(at, problem).into())
        };
        match self.form {
            CountsForm::Records => self.records(words, checked)?,
            CountsForm::Lines => self.lines(words, checked)?,
        }
        Ok(read)
    }

    fn records<E: From<VocabError>>(
        &self,
        words: CountWords<'_>,
        mut each: impl FnMut(u64, Count) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = self.input.open_as(self.packed).map_err(VocabError::from)?;
        let (mut buffer, mut held) = (vec![0; PIECE_BYTES], 0);
        let mut at = 0;
        loop {
            let read = reader.read(&mut buffer[held..]).map_err(VocabError::from)?;
            held += read;
            if read == 0 {
                break;
            }
            let (records, rest) = buffer[..held].as_chunks::<RECORD_BYTES>();
            for record in records {
                at += 1;
                let (row, column, weight) = parse_record(record);
                let (row, column) = (self.id(words, at, row)?, self.id(words, at, column)?);
                each(at, Count { row, column, weight })?;
            }
            let left = rest.len();
            buffer.copy_within(held - left..held, 0);
            held = left;
        }
        if held > 0 {
            return Err(self.refuse(at + 1, "the file ends in the middle of it").into());
        }
        Ok(())
    }

    #[inline]
    fn id(&self, words: CountWords<'_>, at: u64, id: i32) -> Result<u32, VocabError> {
        let known = usize::try_from(id).ok().and_then(|id| words.ids.get(id.wrapping_sub(1)));
        known.copied().ok_or_else(|| {
            self.refuse(at, &format!("word {id}, and VOCAB has words 1 to {}", words.ids.len()))
        })
    }

    fn lines<E: From<VocabError>>(
        &self,
        words: CountWords<'_>,
        mut each: impl FnMut(u64, Count) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut lines = ForeignLines::new(self.input.clone(), self.packed)?;
        let finder = WordFinder::new(words.table);
        // In most files all counts of a word are consecutive.
        let mut last: (Vec<u8>, u32) = (Vec::new(), 0);
        while let Some((at, line)) = lines.next()? {
            let mut fields = fields(line);
            let (Some(word), Some(other), Some(weight), None) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                let what = "expected a word, another word and a weight, white space between";
                return Err(self.refuse(at, what).into());
            };
            if last.0 != word {
                last.1 = self.find(&finder, at, word)?;
                last.0.clear();
                last.0.extend_from_slice(word);
            }
            let column = self.find(&finder, at, other)?;
            let number = std::str::from_utf8(weight).ok().and_then(|text| text.parse().ok());
            let weight: f64 = number.ok_or_else(|| {
                let text = String::from_utf8_lossy(weight);
                self.refuse(at, &format!("{text:?} is not a number"))
            })?;
            each(at, Count { row: last.1, column, weight })?;
        }
        Ok(())
    }

    fn find(&self, finder: &WordFinder<'_>, at: u64, word: &[u8]) -> Result<u32, VocabError> {
        finder.find(word).ok_or_else(|| {
            let text = String::from_utf8_lossy(&word[..word.len().min(100)]).into_owned();
            self.refuse(at, &format!("the word {text:?} is not in VOCAB"))
        })
    }
}

/// The words by their hashes: bisection of the mapped table takes ten times as long.
struct WordFinder<'a> {
    table: &'a WordTable,
    state: RandomState,
    /// Half the hash, and the id.
    ids: HashTable<(u32, u32)>,
}

impl<'a> WordFinder<'a> {
    fn new(table: &'a WordTable) -> Self {
        let state = RandomState::default();
        let mut ids = HashTable::with_capacity(table.len());
        for id in 0..table.len() {
            let half = state.hash_one(table.word(id)) as u32;
            ids.insert_unique(spread(half), (half, id as u32), |(half, _)| spread(*half));
        }
        Self { table, state, ids }
    }

    fn find(&self, word: &[u8]) -> Option<u32> {
        let half = self.state.hash_one(word) as u32;
        let same =
            |(other, id): &(u32, u32)| *other == half && self.table.word(*id as usize) == word;
        self.ids.find(spread(half), same).map(|(_, id)| *id)
    }
}

/// The table uses the highest and the lowest bits of a hash.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

/// Whether the first bytes of a file look like counts of these words, and hardly like anything
/// else.
fn are_records(head: &[u8], words: CountWords<'_>) -> bool {
    let in_range = |id: i32| id >= 1 && id as usize <= words.table.len();
    let records = head.as_chunks::<RECORD_BYTES>().0;
    let is_count = |record: &[u8; RECORD_BYTES]| {
        let (row, column, weight) = parse_record(record);
        in_range(row) && in_range(column) && weight.is_finite() && weight > 0.0
    };
    !records.is_empty() && records.iter().all(is_count)
}
