//! Words whose vectors never move.
//!
//! Terms: [`Frozen`] is a set of word ids, one bit each; [`Fixed`] are the rows of one stripe among them; [`Before`]
//! saves rows while a kernel changes them. Kernels change every row that they get, so the caller saves the rows that
//! must not move and restores them before anyone reads them again. All other vectors thus learn from a constant vector,
//! which ends with the bits that it began with. Only the word vector is frozen, not the word's context vector, its
//! biases or the state of the optimiser.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{FileReader, FormatError, Storage, Words, counted};
use wordmill_kernels::Side;

use crate::error::TrainError;

/// The longest line of a list: the longest word and a line end.
const LINE_BYTES_MAX: usize = (1 << 20) + 2;
/// U+FEFF, the byte order mark, with which some programs begin a text.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const LIST: &str = "a list of words, one per line";

/// Words whose vectors keep their initial values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    bits: Vec<u64>,
    words: u64,
    unknown: u64,
}

/// Rows of a stripe that do not move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed<'a> {
    frozen: &'a Frozen,
    number: u32,
    grid: u32,
}

/// Saved rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    rows: Vec<u32>,
    values: Vec<f32>,
}

impl Frozen {
    /// Reads a list of words, one per line, matched by their bytes; empty lines are ignored.
    ///
    /// # Errors
    /// For a file that is not such a list, or has none of the words.
    pub fn read(
        storage: &Arc<dyn Storage>,
        path: &Path,
        words: &impl Words,
    ) -> Result<Self, TrainError> {
        let io = |attempt| move |e| FormatError::io(path, attempt, e);
        let file = storage.open(path).map_err(io("opening"))?;
        let mut lines = BufReader::new(FileReader::new(Arc::clone(&file), 0, file.len()));
        let mut frozen = Self::default();
        let (mut line, mut number) = (Vec::new(), 0u64);
        loop {
            line.clear();
            let mut next = (&mut lines).take(LINE_BYTES_MAX as u64);
            if next.read_until(b'\n', &mut line).map_err(io("reading"))? == 0 {
                break;
            }
            number += 1;
            let mark = if number == 1 { BYTE_ORDER_MARK } else { &[] };
            let word = line.strip_prefix(mark).unwrap_or(&line);
            let word = word.strip_suffix(b"\n").unwrap_or(word);
            let word = word.strip_suffix(b"\r").unwrap_or(word);
            // A byte order mark is not part of the list.
            let mark = if number == 1 { word.strip_prefix(b"\xef\xbb\xbf") } else { None };
            let word = mark.unwrap_or(word);
            if word.contains(&0) || std::str::from_utf8(word).is_err() {
                let what = format!("line {number} is not text in UTF-8");
                return Err(FormatError::foreign(path, LIST, what).into());
            }
            if line.len() == LINE_BYTES_MAX {
                let what = format!("line {number} is longer than any word");
                return Err(FormatError::foreign(path, LIST, what).into());
            }
            match find(words, word) {
                _ if word.is_empty() => {}
                Some(id) => frozen.insert(id),
                None => frozen.unknown += 1,
            }
        }
        if frozen.words == 0 {
            let what = match frozen.unknown {
                0 => "there is no word in it; name a list of words, one per line".to_owned(),
                lines => format!(
                    "none of its {} is a word of the vocabulary; it should be a list of words, one per line, \
                     spelled as in vocab/vocabulary.tsv",
                    counted(lines, "line")
                ),
            };
            return Err(TrainError::Given { path: path.to_path_buf(), what });
        }
        Ok(frozen)
    }

    /// Adds a word.
    pub fn insert(&mut self, id: u32) {
        let place = id as usize / 64;
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        self.words += u64::from(!self.has(id));
        self.bits[place] |= 1 << (id % 64);
    }

    /// How many words are frozen.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.words
    }

    /// How many lines of the list are not words of the vocabulary.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Whether no word is frozen.
    pub(crate) fn is_none(&self) -> bool {
        self.words == 0
    }

    /// Whether a word is frozen.
    #[inline]
    pub(crate) fn has(&self, id: u32) -> bool {
        self.bits.get(id as usize / 64).is_some_and(|bits| bits >> (id % 64) & 1 == 1)
    }

    /// The frozen rows of a stripe.
    pub(crate) fn of_stripe(&self, number: u32, grid: u32) -> Fixed<'_> {
        Fixed { frozen: self, number, grid }
    }
}

impl Fixed<'_> {
    /// Whether no row of any stripe is frozen.
    pub fn is_none(self) -> bool {
        self.frozen.is_none()
    }

    /// Whether a row is frozen.
    #[inline]
    pub fn has(self, row: u32) -> bool {
        !self.frozen.is_none() && self.frozen.has(row * self.grid + self.number)
    }
}

impl Before {
    /// Saves those of some rows that must not move.
    #[inline]
    pub fn keep(&mut self, side: &Side<'_>, rows: &[u32], stays: impl Fn(u32) -> bool) {
        self.rows.clear();
        self.values.clear();
        for &row in rows.iter().filter(|&&row| stays(row)) {
            self.rows.push(row);
            self.values
                .extend_from_slice(&side.vectors[row as usize * side.stride..][..side.stride]);
        }
    }

    /// Restores them.
    #[inline]
    pub fn put_back(&self, side: &mut Side<'_>) {
        for (&row, values) in self.rows.iter().zip(self.values.chunks_exact(side.stride)) {
            side.vectors[row as usize * side.stride..][..side.stride].copy_from_slice(values);
        }
    }
}

/// Splits items into runs that either all stay or all move.
pub(crate) fn apart<T>(
    items: &[T],
    stays: impl Fn(&T) -> bool,
) -> impl Iterator<Item = (&[T], bool)> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let first = stays(rest.first()?);
        let len = rest.iter().position(|item| stays(item) != first).unwrap_or(rest.len());
        let (some, behind) = rest.split_at(len);
        rest = behind;
        Some((some, first))
    })
}

/// The id of a word.
pub(crate) fn find(words: &impl Words, word: &[u8]) -> Option<u32> {
    let lookup = words.lookup();
    let found = lookup.binary_search_by(|&id| words.word(id as usize).cmp(word));
    found.ok().map(|at| lookup[at])
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use wordmill_formats::MemoryStorage;

    use super::*;
    use crate::test_support::Bench;

    fn read(bytes: &[u8]) -> Result<Frozen, TrainError> {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        storage.create(Path::new("list")).unwrap().write_all(bytes).unwrap();
        Frozen::read(&storage, Path::new("list"), &Bench::new().table)
    }

    #[test]
    fn a_list_is_matched_by_bytes_and_counted() {
        let frozen = read(b"\xef\xbb\xbfw003\r\n\nW003\nw059\nw003\nw0\xc3\xa9\nw010").unwrap();
        let ids: Vec<u32> = (0..70).filter(|&id| frozen.has(id)).collect();
        assert_eq!((ids, frozen.words(), frozen.unknown()), (vec![3, 10, 59], 3, 2));
        let of_stripe: Vec<u32> = (0..15).filter(|&row| frozen.of_stripe(3, 4).has(row)).collect();
        assert_eq!(of_stripe, [0, 14], "words 3 and 59 of four stripes");
    }

    #[test]
    fn errors_of_bad_lists_name_the_problem() {
        let long = b"a".repeat(LINE_BYTES_MAX);
        for (bytes, says) in [
            (&b"w001\nw\xff\n"[..], "line 2 is not text"),
            (b"a\0b\n", "line 1 is not text"),
            (&long, "line 1 is longer than any word"),
            (b"\n\n", "there is no word"),
            (b"", "there is no word"),
            (b"one\ntwo\n", "none of its 2 lines"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("list"), "{says}: {error}");
        }
    }

    #[test]
    fn frozen_rows_are_restored_to_the_bit() {
        let mut vectors: Vec<f32> = (0..64).map(|x| x as f32).collect();
        vectors[16] = -0.0;
        let old = vectors.clone();
        let mut side = Side { vectors: &mut vectors, stride: 16 };
        let mut before = Before::default();
        before.keep(&side, &[1, 2, 1, 3], |row| row % 2 == 1);
        side.vectors.fill(0.0);
        before.put_back(&mut side);
        let bits = |row: usize, all: &[f32]| -> Vec<u32> {
            all[row * 16..][..16].iter().map(|x| x.to_bits()).collect()
        };
        assert_eq!(bits(1, &vectors), bits(1, &old));
        assert_eq!(bits(3, &vectors), bits(3, &old));
        assert!(vectors[32..48].iter().all(|&x| x == 0.0), "the second row has moved");
    }

    #[test]
    fn items_are_split_in_order() {
        let cut = |items: &[i32]| -> Vec<(Vec<i32>, bool)> {
            apart(items, |item| *item < 0).map(|(some, stays)| (some.to_vec(), stays)).collect()
        };
        assert_eq!(cut(&[]), []);
        let expected =
            [(vec![1, 2], false), (vec![-1], true), (vec![3], false), (vec![-2, -3], true)];
        assert_eq!(cut(&[1, 2, -1, 3, -2, -3]), expected);
    }
}
