//! The rows of a foreign file, one after another.

use std::collections::VecDeque;
use std::ops::Range;

use super::bad::{BadRow, BadRows, RowCounts};
use super::columns::{Table, TableRow};
use super::form::{LINE_BYTES_MAX, ROWS_MAX, VectorForm, WORD_BYTES_MAX, Wanted};
use super::npy::Element;
use super::source::{Source, fields};
use crate::error::FormatError;
use crate::float16::from_f16;

/// Properties of a file before its rows are read.
pub(super) struct Known {
    pub form: VectorForm,
    /// Where the words end, in a file of finalfusion.
    pub names_end: u64,
    pub bad_rows: BadRows,
    pub advice: &'static str,
    /// The number of rows, if the file states it.
    pub rows: Option<u64>,
    pub dim: usize,
    pub element: Element,
}

/// Data stored apart from the numbers, or instead of them.
pub(super) struct Beside {
    /// The words.
    pub names: Option<Source>,
    /// The norms of the rows.
    pub norms: Option<Source>,
    /// A table, which has everything.
    pub table: Option<Table>,
}

/// Reads rows sequentially and keeps one.
pub struct VectorReader {
    form: VectorForm,
    source: Source,
    beside: Beside,
    /// Where the words end, in a file of finalfusion.
    names_end: u64,
    wanted: Wanted,
    bad_rows: BadRows,
    advice: &'static str,
    rows: Option<u64>,
    dim: usize,
    element: Element,
    /// Rows of the file so far, good and bad.
    row: u64,
    /// Good rows so far.
    good: u64,
    /// Good rows that are still skipped, in ascending order.
    passed_over: VecDeque<u64>,
    counts: RowCounts,
    word: String,
    count: u64,
    vector: Vec<f32>,
    buffer: Vec<u8>,
    fields: Vec<Range<usize>>,
}

/// The next item of a file.
enum Next {
    End,
    Row,
    Bad(u64, BadRow),
}

impl VectorReader {
    /// Reads from the current offset of the source.
    pub(super) fn new(known: Known, wanted: Wanted, source: Source, beside: Beside) -> Self {
        // If bad rows are left out, all of each row has to be checked.
        let wanted = if known.bad_rows == BadRows::Refuse { wanted } else { Wanted::Rows };
        let Known { form, names_end, bad_rows, advice, rows, dim, element } = known;
        Self {
            form,
            source,
            beside,
            names_end,
            wanted,
            bad_rows,
            advice,
            rows,
            dim,
            element,
            row: 0,
            good: 0,
            passed_over: VecDeque::new(),
            counts: RowCounts::default(),
            word: String::new(),
            count: 0,
            vector: Vec::new(),
            buffer: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Skips these of the good rows, in ascending order.
    pub(super) fn pass_over(&mut self, rows: &[u64]) {
        self.passed_over = rows.iter().copied().collect();
    }

    /// Moves to the next usable row; `false` at the end.
    ///
    /// # Errors
    /// [`FormatError::Incoming`] for a row that cannot be used, unless bad rows are left out, and for a file that is
    /// cut off; storage errors.
    pub fn advance(&mut self) -> Result<bool, FormatError> {
        loop {
            let is_good = match self.next()? {
                Next::End => return Ok(false),
                Next::Bad(start, bad) => self.leave_out(start, &bad).map(|()| false)?,
                Next::Row => !self.is_passed_over(),
            };
            self.row += 1;
            if self.row > ROWS_MAX {
                return Err(self.bad(self.source.at(), "more rows than there are ids"));
            }
            if is_good {
                return Ok(true);
            }
        }
    }

    fn is_passed_over(&mut self) -> bool {
        let is_one = self.passed_over.front() == Some(&self.good);
        if is_one {
            self.passed_over.pop_front();
        }
        self.good += 1;
        is_one
    }

    fn next(&mut self) -> Result<Next, FormatError> {
        match self.form {
            VectorForm::Word2vec => self.binary_row(),
            VectorForm::Npy => self.array_row(),
            VectorForm::Finalfusion => self.chunk_row(),
            VectorForm::Arrow | VectorForm::Parquet => self.table_row(),
            _ => self.text_row(),
        }
    }

    fn leave_out(&mut self, start: u64, bad: &BadRow) -> Result<(), FormatError> {
        if self.bad_rows == BadRows::Refuse {
            let place = format!("byte {start}: {}", self.place());
            return Err(self.bad_row(place, bad.to_string()));
        }
        self.counts.leave_out(bad);
        Ok(())
    }

    /// The word of the row.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// How often the word occurs in the text; 0 if it is unknown.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The vector of the row.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// Rows of the file so far, including those left out.
    pub fn rows_read(&self) -> u64 {
        self.row
    }

    /// Counts of rows left out and repaired so far.
    pub fn counts(&self) -> &RowCounts {
        &self.counts
    }

    fn binary_row(&mut self) -> Result<Next, FormatError> {
        let start = self.source.at();
        if Some(self.row) == self.rows {
            // The last vector may be followed by a line feed, like all others.
            self.source.until(b'\n', 2, &mut self.buffer)?;
            let is_end = self.buffer.is_empty() || self.buffer == b"\n";
            return match is_end && self.source.at() == self.source.len() {
                true => Ok(Next::End),
                false => Err(self.bad(start, "there is more after the last row")),
            };
        }
        if !self.source.until(b' ', WORD_BYTES_MAX + 2, &mut self.buffer)? {
            return Err(self.bad(start, "there is no word followed by a space"));
        }
        let word = &self.buffer[..self.buffer.len() - 1];
        let word = word.strip_prefix(b"\n").unwrap_or(word).to_vec();
        let word = self.take_word(&word);
        self.with_numbers(start, word)
    }

    fn text_row(&mut self) -> Result<Next, FormatError> {
        let start = self.source.at();
        let ended = self.source.until(b'\n', LINE_BYTES_MAX, &mut self.buffer)?;
        let is_strict = self.bad_rows == BadRows::Refuse;
        if self.buffer.is_empty() {
            self.counts.said = self.rows.filter(|rows| *rows != self.row);
            return match self.counts.said {
                Some(rows) if is_strict => {
                    let what = format!("the file ends, and its header says {rows} rows");
                    let place = format!("byte {start}: {}", self.place());
                    Err(self.bad_row(place, what))
                }
                _ => Ok(Next::End),
            };
        }
        if Some(self.row) == self.rows && is_strict {
            let place = format!("byte {start}: {}", self.place());
            return Err(self.bad_row(place, "there is more after the last row".into()));
        }
        if !ended && self.buffer.len() >= LINE_BYTES_MAX {
            return Err(self.bad(start, "the line is longer than a row can be"));
        }
        let line = std::mem::take(&mut self.buffer);
        let taken = self.take_line(&line, ended);
        self.buffer = line;
        Ok(taken.map_or_else(|bad| Next::Bad(start, bad), |()| Next::Row))
    }

    /// Parses a line: its last fields are the numbers, and everything before them is the word.
    fn take_line(&mut self, line: &[u8], ended: bool) -> Result<(), BadRow> {
        let is_repair = self.bad_rows == BadRows::Repair;
        if !ended && !is_repair {
            return Err(BadRow::Open);
        }
        let mut fields = std::mem::take(&mut self.fields);
        spans(line, &mut fields);
        let taken = self.take_fields(line, &fields);
        self.fields = fields;
        let guessed = taken?;
        self.counts.guessed += u64::from(guessed || !ended);
        Ok(())
    }

    /// Whether the end of the word is a guess.
    fn take_fields(&mut self, line: &[u8], fields: &[Range<usize>]) -> Result<bool, BadRow> {
        let Some(parts) = fields.len().checked_sub(self.dim).filter(|parts| *parts > 0) else {
            if fields.is_empty() || fields.len() == self.dim && is_number(&line[fields[0].clone()])
            {
                return Err(BadRow::NoWord);
            }
            let numbers = fields.len() - 1;
            return Err(BadRow::Numbers(format!("{numbers} numbers, expected {}", self.dim)));
        };
        let (of_word, numbers) = fields.split_at(parts);
        if self.wanted == Wanted::Rows || parts > 1 {
            self.vector.clear();
            for field in numbers {
                self.vector.push(self.number(&line[field.clone()])?);
            }
            self.check_vector()?;
        }
        let last = &line[of_word[parts - 1].clone()];
        let is_unclear = parts > 1 && is_number(last);
        if is_unclear && self.bad_rows != BadRows::Repair {
            let text = lossy(&line[fields[self.dim + 1].start..]);
            let (dim, last) = (self.dim, lossy(last));
            let what =
                format!("{text:?} is not one of {dim} numbers, or {last:?} is the end of its word");
            return Err(BadRow::Unclear(what));
        }
        self.take_word(&line[of_word[0].start..of_word[parts - 1].end])?;
        self.counts.spaced += u64::from(parts > 1);
        Ok(is_unclear)
    }

    fn number(&self, field: &[u8]) -> Result<f32, BadRow> {
        let number = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| {
            let what = format!("{:?} is not one of {} numbers", lossy(field), self.dim);
            BadRow::Numbers(what)
        })
    }

    fn array_row(&mut self) -> Result<Next, FormatError> {
        let start = self.source.at();
        let names = self.beside.names.as_mut().expect("an array has a file of words");
        let at = names.at();
        names.until(b'\n', LINE_BYTES_MAX, &mut self.buffer)?;
        let more = Some(self.row) != self.rows;
        if self.buffer.is_empty() || !more {
            return match (more, self.buffer.is_empty()) {
                (false, true) => Ok(Next::End),
                (false, false) => Err(names.error(at, "more words than the array has rows".into())),
                _ => Err(names.error(at, format!("words for {} rows of the array", self.row))),
            };
        }
        // A last line without its end is complete: there are as many lines as rows, and only a count could be cut.
        let line = std::mem::take(&mut self.buffer);
        let word = self.take_name(&line);
        self.buffer = line;
        self.with_numbers(start, word)
    }

    /// `word` or `word count`; a word with spaces in it must be followed by a count.
    fn take_name(&mut self, line: &[u8]) -> Result<(), BadRow> {
        let mut fields = std::mem::take(&mut self.fields);
        spans(line, &mut fields);
        let whole =
            |span: &Range<usize>| std::str::from_utf8(&line[span.clone()]).ok()?.parse().ok();
        let taken = match &fields[..] {
            [] => Err(BadRow::NoWord),
            [word] => Ok((word.clone(), 0)),
            [first, .., before, last] | [first @ before, last] => match whole(last) {
                Some(count) => Ok((first.start..before.end, count)),
                None if self.bad_rows == BadRows::Repair => {
                    self.counts.guessed += 1;
                    Ok((first.start..last.end, 0))
                }
                None => Err(BadRow::Numbers(format!(
                    "line {} of its words: expected a word, and perhaps its count",
                    self.row + 1
                ))),
            },
        };
        self.fields = fields;
        let (word, count) = taken?;
        self.count = count;
        self.counts.spaced += u64::from(line[word.clone()].contains(&b' '));
        self.take_word(&line[word])
    }

    fn chunk_row(&mut self) -> Result<Next, FormatError> {
        let names = self.beside.names.as_mut().expect("a file of finalfusion has words");
        let at = names.at();
        if Some(self.row) == self.rows {
            return match at == self.names_end {
                true => Ok(Next::End),
                false => Err(self.bad(at, "its words and their chunk differ in length")),
            };
        }
        names.exactly(4, &mut self.buffer)?;
        let length = self.buffer.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        if length > WORD_BYTES_MAX {
            return Err(self.bad(at, "its word is too long"));
        }
        names.exactly(length, &mut self.buffer)?;
        let word = std::mem::take(&mut self.buffer);
        let taken = self.take_word(&word);
        self.buffer = word;
        let start = self.source.at();
        let next = self.with_numbers(start, taken)?;
        let Some(norms) = self.beside.norms.as_mut().filter(|_| self.wanted == Wanted::Rows) else {
            return Ok(next);
        };
        norms.exactly(4, &mut self.buffer)?;
        let norm = f32::from_le_bytes(self.buffer[..].try_into().expect("four bytes"));
        self.vector.iter_mut().for_each(|x| *x *= norm);
        Ok(match (next, self.check_vector()) {
            (Next::Row, Err(bad)) => Next::Bad(start, bad),
            (next, _) => next,
        })
    }

    fn table_row(&mut self) -> Result<Next, FormatError> {
        let table = self.beside.table.as_mut().expect("it was opened with the file");
        let mut word = std::mem::take(&mut self.word);
        let vector = (self.wanted == Wanted::Rows).then_some(&mut self.vector);
        let next = table.advance(&mut word, &mut self.count, vector);
        let taken = match next {
            Ok(TableRow::Row) => self.take_word(word.as_bytes()),
            Ok(TableRow::Bad(bad)) => Err(bad),
            Ok(TableRow::End) if self.rows.is_some_and(|rows| rows != self.row) => {
                return Err(self.bad(0, "the file ends before its last row"));
            }
            Ok(TableRow::End) => return Ok(Next::End),
            Err(what) => return Err(self.bad(0, &what)),
        };
        let checked = taken.and_then(|()| match self.wanted {
            Wanted::Rows => self.check_vector(),
            Wanted::Words => Ok(()),
        });
        Ok(checked.map_or_else(|bad| Next::Bad(0, bad), |()| Next::Row))
    }

    fn take_word(&mut self, word: &[u8]) -> Result<(), BadRow> {
        self.word.clear();
        match std::str::from_utf8(word) {
            Ok("") => return Err(BadRow::NoWord),
            _ if word.len() > WORD_BYTES_MAX => return Err(BadRow::LongWord),
            Ok(text) => self.word.push_str(text),
            Err(_) if self.bad_rows == BadRows::Repair => {
                self.word.push_str(&String::from_utf8_lossy(word));
                self.counts.replaced += 1;
            }
            Err(_) => return Err(BadRow::NotUtf8),
        }
        Ok(())
    }

    /// Reads the numbers of a row in any case, as the next row follows them.
    fn with_numbers(&mut self, start: u64, word: Result<(), BadRow>) -> Result<Next, FormatError> {
        let numbers = self.take_numbers()?;
        Ok(match word.and(numbers) {
            Ok(()) => Next::Row,
            Err(bad) => Next::Bad(start, bad),
        })
    }

    /// The numbers of a row, as stored in memory.
    fn take_numbers(&mut self) -> Result<Result<(), BadRow>, FormatError> {
        let bytes = self.dim * self.element.bytes() as usize;
        if self.wanted == Wanted::Words {
            return self.source.skip(bytes as u64).map(Ok);
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
        Ok(self.check_vector())
    }

    fn check_vector(&self) -> Result<(), BadRow> {
        if self.vector.len() != self.dim {
            let what = format!("{} numbers, expected {}", self.vector.len(), self.dim);
            return Err(BadRow::Numbers(what));
        }
        match self.vector.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(BadRow::NotFinite(at + 1)),
            None => Ok(()),
        }
    }

    /// An error about a row that the caller can have left out.
    pub(super) fn bad_row(&self, place: String, what: String) -> FormatError {
        let (path, advice) = (self.source.path().to_path_buf(), self.advice);
        FormatError::Row { path, form: self.form.what(), place, what, advice }
    }

    /// The place of the current row.
    fn place(&self) -> String {
        match self.form {
            VectorForm::Word2vecText => format!("line {}", self.row + 2),
            VectorForm::Glove => format!("line {}", self.row + 1),
            _ => format!("row {}", self.row + 1),
        }
    }

    /// An error about the current row.
    pub(super) fn bad(&self, offset: u64, what: &str) -> FormatError {
        self.source.error(offset, format!("{}: {what}", self.place()))
    }
}

/// The ranges of a line's fields.
fn spans(line: &[u8], out: &mut Vec<Range<usize>>) {
    out.clear();
    let start = line.as_ptr() as usize;
    out.extend(fields(line).map(|field| {
        let at = field.as_ptr() as usize - start;
        at..at + field.len()
    }));
}

fn is_number(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| text.parse::<f32>().is_ok())
}

/// The beginning of a field, for a message.
fn lossy(field: &[u8]) -> String {
    let end = field.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    String::from_utf8_lossy(&field[..end.unwrap_or(field.len()).min(40)]).into_owned()
}
