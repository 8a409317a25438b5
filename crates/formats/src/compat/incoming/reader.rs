//! The rows of a foreign file, one after another.

use super::columns::Table;
use super::npy::Element;
use super::source::{Source, fields};
use super::{LINE_BYTES_MAX, ROWS_MAX, VectorFile, VectorForm, WORD_BYTES_MAX};
use crate::error::FormatError;
use crate::half::from_f16;

/// What a reader is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Rows,
    Words,
}

/// What stands apart from the numbers, or instead of them.
pub(super) struct Beside {
    /// The words.
    pub names: Option<Source>,
    /// The lengths of the rows.
    pub norms: Option<Source>,
    /// A table that has all of it.
    pub table: Option<Table>,
}

/// Reads rows from front to back and keeps one.
pub struct VectorReader {
    form: VectorForm,
    source: Source,
    beside: Beside,
    /// Where the words end, in a file of finalfusion.
    names_end: u64,
    wanted: Wanted,
    rows: Option<u64>,
    dim: usize,
    element: Element,
    /// Rows so far.
    row: u64,
    word: String,
    count: u64,
    vector: Vec<f32>,
    buffer: Vec<u8>,
}

impl VectorReader {
    /// Reads from where the source stands.
    pub(super) fn new(file: &VectorFile, wanted: Wanted, source: Source, beside: Beside) -> Self {
        Self {
            form: file.form,
            source,
            beside,
            names_end: file.layout.words_end,
            wanted,
            rows: file.rows,
            dim: file.dim,
            element: file.element,
            row: 0,
            word: String::new(),
            count: 0,
            vector: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Goes to the next row; `false` at the end.
    ///
    /// # Errors
    /// [`FormatError::Incoming`] for a row that cannot be taken over, and those of the storage.
    pub fn advance(&mut self) -> Result<bool, FormatError> {
        let more = match self.form {
            VectorForm::Word2vec => self.binary_row(),
            VectorForm::Npy => self.array_row(),
            VectorForm::Finalfusion => self.chunk_row(),
            VectorForm::Arrow | VectorForm::Parquet => self.table_row(),
            _ => self.text_row(),
        }?;
        self.row += u64::from(more);
        if self.row > ROWS_MAX {
            return Err(self.bad(self.source.at(), "more rows than ids can tell apart"));
        }
        Ok(more)
    }

    /// The word of the row.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// How often the word stands in the text, 0 where nothing is said about it.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The vector of the row.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    fn binary_row(&mut self) -> Result<bool, FormatError> {
        let start = self.source.at();
        if Some(self.row) == self.rows {
            // The last vector may be followed by a line feed, like all others.
            self.source.until(b'\n', 2, &mut self.buffer)?;
            let is_end = self.buffer.is_empty() || self.buffer == b"\n";
            return match is_end && self.source.at() == self.source.len() {
                true => Ok(false),
                false => Err(self.bad(start, "there is more behind the last row")),
            };
        }
        if !self.source.until(b' ', WORD_BYTES_MAX + 2, &mut self.buffer)? {
            return Err(self.bad(start, "there is no word with a space behind it"));
        }
        let word = &self.buffer[..self.buffer.len() - 1];
        let word = word.strip_prefix(b"\n").unwrap_or(word).to_vec();
        self.take_word(start, &word)?;
        self.take_numbers(start)?;
        Ok(true)
    }

    fn text_row(&mut self) -> Result<bool, FormatError> {
        let start = self.source.at();
        let ended = self.source.until(b'\n', LINE_BYTES_MAX, &mut self.buffer)?;
        if self.buffer.is_empty() {
            return match self.rows {
                Some(rows) if self.row < rows => {
                    let what = format!("the file ends, and its header says {rows} rows");
                    Err(self.bad(start, &what))
                }
                _ => Ok(false),
            };
        }
        if Some(self.row) == self.rows {
            return Err(self.bad(start, "there is more behind the last row"));
        }
        if !ended {
            let what = "the line does not end: it is too long, or the file is cut off";
            return Err(self.bad(start, what));
        }
        let line = std::mem::take(&mut self.buffer);
        let mut fields = fields(&line);
        let word = fields.next().unwrap_or_default();
        self.take_word(start, word)?;
        if self.wanted == Wanted::Rows {
            self.vector.clear();
            for field in &mut fields {
                let number = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
                let Some(number) = number.filter(|_| self.vector.len() < self.dim) else {
                    let text = String::from_utf8_lossy(&field[..field.len().min(40)]);
                    let what = format!("{text:?} is not one of {} numbers", self.dim);
                    return Err(self.bad(start, &what));
                };
                self.vector.push(number);
            }
            self.check_vector(start)?;
        }
        drop(fields);
        self.buffer = line;
        Ok(true)
    }

    fn array_row(&mut self) -> Result<bool, FormatError> {
        let start = self.source.at();
        let names = self.beside.names.as_mut().expect("an array has a file of words");
        let at = names.at();
        let ended = names.until(b'\n', LINE_BYTES_MAX, &mut self.buffer)?;
        let more = Some(self.row) != self.rows;
        if self.buffer.is_empty() || !more {
            return match (more, self.buffer.is_empty()) {
                (false, true) => Ok(false),
                (false, false) => Err(names.error(at, "more words than the array has rows".into())),
                _ => Err(names.error(at, format!("words for {} rows of the array", self.row))),
            };
        }
        if !ended {
            return Err(names.error(at, "the last line does not end: it may be cut off".into()));
        }
        let line = std::mem::take(&mut self.buffer);
        let mut fields = fields(&line);
        let (word, count) = (fields.next().unwrap_or_default(), fields.next());
        let number = count.map(|text| std::str::from_utf8(text).ok().and_then(|n| n.parse().ok()));
        let (Some(count), None) = (number.unwrap_or(Some(0)), fields.next()) else {
            let what = format!("line {}: expected a word, and perhaps its count", self.row + 1);
            return Err(names.error(at, what));
        };
        self.count = count;
        self.take_word(start, word)?;
        self.take_numbers(start)?;
        drop(fields);
        self.buffer = line;
        Ok(true)
    }

    fn chunk_row(&mut self) -> Result<bool, FormatError> {
        let names = self.beside.names.as_mut().expect("a file of finalfusion has words");
        let at = names.at();
        if Some(self.row) == self.rows {
            return match at == self.names_end {
                true => Ok(false),
                false => Err(self.bad(at, "its words are not as long as their chunk")),
            };
        }
        names.exactly(4, &mut self.buffer)?;
        let length = self.buffer.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        if length > WORD_BYTES_MAX {
            return Err(self.bad(at, "its word is too long"));
        }
        names.exactly(length, &mut self.buffer)?;
        let word = std::mem::take(&mut self.buffer);
        self.take_word(at, &word)?;
        self.buffer = word;
        let start = self.source.at();
        self.take_numbers(start)?;
        if let Some(norms) = self.beside.norms.as_mut().filter(|_| self.wanted == Wanted::Rows) {
            norms.exactly(4, &mut self.buffer)?;
            let norm = f32::from_le_bytes(self.buffer[..].try_into().expect("four bytes"));
            self.vector.iter_mut().for_each(|x| *x *= norm);
            self.check_vector(start)?;
        }
        Ok(true)
    }

    fn table_row(&mut self) -> Result<bool, FormatError> {
        let table = self.beside.table.as_mut().expect("it was opened with the file");
        let mut word = std::mem::take(&mut self.word);
        let vector = (self.wanted == Wanted::Rows).then_some(&mut self.vector);
        match table.advance(&mut word, &mut self.count, vector) {
            Ok(true) => {}
            Ok(false) if self.rows.is_some_and(|rows| rows != self.row) => {
                return Err(self.bad(0, "the file ends, and says that it has more rows"));
            }
            Ok(false) => return Ok(false),
            Err(what) => return Err(self.bad(0, &what)),
        }
        self.take_word(0, word.as_bytes())?;
        if self.wanted == Wanted::Rows {
            self.check_vector(0)?
        }
        Ok(true)
    }

    fn take_word(&mut self, start: u64, word: &[u8]) -> Result<(), FormatError> {
        let problem = match std::str::from_utf8(word) {
            Ok("") => "it has no word",
            Ok(text) if text.len() <= WORD_BYTES_MAX => {
                self.word.clear();
                self.word.push_str(text);
                return Ok(());
            }
            Ok(_) => "its word is too long",
            Err(_) => "its word is not UTF-8",
        };
        Err(self.bad(start, problem))
    }

    /// The numbers of a row, as they lie in memory.
    fn take_numbers(&mut self, start: u64) -> Result<(), FormatError> {
        let bytes = self.dim * self.element.bytes() as usize;
        if self.wanted == Wanted::Words {
            return self.source.skip(bytes as u64);
        }
        self.source.exactly(bytes, &mut self.buffer)?;
        self.vector.clear();
        match self.element {
            Element::F16 => {
                let numbers = self.buffer.as_chunks().0.iter();
                self.vector.extend(numbers.map(|bytes| from_f16(u16::from_le_bytes(*bytes))));
            }
            Element::F32 => {
                let numbers = self.buffer.as_chunks().0.iter();
                self.vector.extend(numbers.map(|bytes| f32::from_le_bytes(*bytes)));
            }
            Element::F64 => {
                let numbers = self.buffer.as_chunks().0.iter();
                self.vector.extend(numbers.map(|bytes| f64::from_le_bytes(*bytes) as f32));
            }
        }
        self.check_vector(start)
    }

    fn check_vector(&self, start: u64) -> Result<(), FormatError> {
        if self.vector.len() != self.dim {
            let what = format!("{} numbers, expected {}", self.vector.len(), self.dim);
            return Err(self.bad(start, &what));
        }
        match self.vector.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(self.bad(start, &format!("number {} is not finite as f32", at + 1))),
            None => Ok(()),
        }
    }

    /// An error about the row.
    pub(super) fn bad(&self, offset: u64, what: &str) -> FormatError {
        let place = match self.form {
            VectorForm::Word2vecText => format!("line {}", self.row + 2),
            VectorForm::Glove => format!("line {}", self.row + 1),
            _ => format!("row {}", self.row + 1),
        };
        self.source.error(offset, format!("{place}: {what}"))
    }
}
