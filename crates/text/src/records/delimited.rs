//! Tables: one column of rows between commas or tabs (RFC 4180).
//!
//! A *field* that begins with a quote continues to the closing quote, over delimiters and line ends; two quotes are
//! one. A field without quotes is passed on as it is parsed, so it may have any length. A quoted field is buffered
//! until its end is seen, because a quote that is not closed would turn many rows or the rest of the file into one
//! text: its row is broken, and reading continues at the next line. Rows without the column are broken. Blank rows are
//! ignored. A line ends with LF, CRLF or CR.

use memchr::{memchr, memchr_iter, memchr3};
use wordmill_formats::counted;

use super::sink::{Refused, Sink, Take};
use crate::format::Column;

/// Rows of columns.
pub(super) struct Columns {
    delimiter: u8,
    has_quotes: bool,
    column: Column,
    /// The number of the column, once known.
    wanted: Option<usize>,
    /// Names of the first row so far.
    names: Vec<Vec<u8>>,
    state: State,
    /// The current column, and where its row begins.
    at: usize,
    row: u64,
    /// Line ends so far, and whether the last byte was a CR.
    lines: u64,
    after_cr: bool,
    /// Buffered bytes of the quoted field that were already scanned.
    seen: usize,
    /// Whether the current quoted field is too long.
    is_too_long: bool,
}

/// The state of the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two rows.
    Row,
    /// At the beginning of a field.
    Field,
    /// In a field, outside of quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote between quotes: their end, or the first of two.
    Quote,
}

impl Columns {
    pub fn new(delimiter: u8, column: Column) -> Self {
        let wanted = match column {
            Column::Numbered(number) => Some(number),
            Column::Named(_) => None,
        };
        Self {
            delimiter,
            has_quotes: delimiter == b',',
            column,
            wanted,
            names: vec![Vec::new()],
            state: State::Row,
            at: 0,
            row: 0,
            lines: 0,
            after_cr: false,
            seen: 0,
            is_too_long: false,
        }
    }

    /// Finds the column by the first row.
    fn find(&mut self) -> Result<(), Refused> {
        let Column::Named(name) = &self.column else { return Ok(()) };
        let is_it = |found: &Vec<u8>| found.trim_ascii() == name.as_bytes();
        self.wanted = self.names.iter().position(is_it);
        if self.wanted.is_some() {
            return Ok(());
        }
        let some = self.names.iter().take(20);
        let names: Vec<_> = some.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let what = format!("no column is named \"{name}\"; the first row has {}", names.join(", "));
        Err(Refused(what, "set corpus.field to one of them, or to the number of a column from 1"))
    }

    /// Passes on a part of the current field.
    fn part(&mut self, part: &[u8], sink: &mut Sink) {
        match self.wanted {
            None => self.names.last_mut().expect("there is one").extend(part),
            Some(wanted) if wanted == self.at => sink.text.extend_from_slice(part),
            Some(_) => {}
        }
    }

    /// Ends a field.
    fn end_field(&mut self, is_last: bool, sink: &mut Sink) -> Result<(), Refused> {
        self.state = if is_last { State::Row } else { State::Field };
        let Some(wanted) = self.wanted else {
            if is_last {
                self.find()?;
                self.at = 0;
            } else {
                self.names.push(Vec::new());
            }
            return Ok(());
        };
        if self.at == wanted {
            sink.end_line();
        }
        self.at += 1;
        if is_last {
            sink.record();
            if self.at <= wanted {
                let (found, number) = (self.at, wanted + 1);
                let what = format!(
                    "it has {}, but column {number} is selected",
                    counted(found as u64, "column")
                );
                sink.broken(self.row, &what)?;
            }
            self.at = 0;
        }
        Ok(())
    }

    /// Skips line ends between rows; returns where the next row begins, if it is available.
    fn between_rows(&mut self, raw: &[u8], mut at: usize, sink: &Sink) -> usize {
        while let Some(byte @ (b'\n' | b'\r')) = raw.get(at) {
            self.lines += u64::from(*byte == b'\r' || !self.after_cr);
            self.after_cr = *byte == b'\r';
            at += 1;
        }
        if at < raw.len() {
            (self.state, self.row, self.after_cr) = (State::Field, sink.place(at), false);
        }
        at
    }

    /// Reads a field without quotes, or what follows quotes, as far as available; returns where it
    /// ends.
    fn plain(&mut self, raw: &[u8], at: usize, sink: &mut Sink) -> Result<usize, Refused> {
        let end = memchr3(self.delimiter, b'\n', b'\r', &raw[at..]).map(|len| at + len);
        self.part(&raw[at..end.unwrap_or(raw.len())], sink);
        let Some(end) = end else { return Ok(raw.len()) };
        let is_last = raw[end] != self.delimiter;
        self.end_field(is_last, sink)?;
        Ok(end + usize::from(!is_last))
    }

    /// Whether a quote that closes a text of several lines more likely opens a later field: no separator follows.
    fn ends_elsewhere(&self, quoted: &[u8], next: u8) -> bool {
        let is_end = next == self.delimiter || matches!(next, b'\n' | b'\r');
        !is_end && memchr(b'\n', quoted).is_some()
    }

    /// Passes on the whole text between the quotes of a field.
    fn close(&mut self, mut quoted: &[u8], sink: &mut Sink) {
        self.lines += memchr_iter(b'\n', quoted).count() as u64;
        while let Some(quote) = memchr(b'"', quoted) {
            self.part(&quoted[..=quote], sink);
            quoted = quoted.get(quote + 2..).unwrap_or_default();
        }
        self.part(quoted, sink);
        self.state = State::Plain;
    }

    /// The quote at `begin` is not closed: leaves its row out; returns where the next line begins.
    fn leave_row(
        &mut self,
        raw: &[u8],
        begin: usize,
        what: &str,
        sink: &mut Sink,
    ) -> Result<usize, Refused> {
        let next = memchr(b'\n', &raw[begin..]).map_or(raw.len(), |end| begin + end);
        (self.state, self.at, self.seen) = (State::Row, 0, 0);
        sink.record();
        let what = format!("the quote that begins in line {} {what}", self.lines + 1);
        sink.broken(sink.place(begin), &what)?;
        Ok(next)
    }

    /// Ends the input outside of quotes.
    fn finish(&mut self, sink: &mut Sink) -> Result<(), Refused> {
        match self.state {
            State::Row if self.wanted.is_none() && self.lines > 0 => self.find(),
            State::Row => Ok(()),
            _ => self.end_field(true, sink),
        }
    }
}

impl Take for Columns {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        // The buffer begins with the open quote.
        let (mut begin, mut at) = (0, self.seen);
        if std::mem::take(&mut self.is_too_long) {
            at = self.leave_row(raw, 0, "is not closed within 64 MiB", sink)?;
        }
        loop {
            while at < raw.len() {
                match self.state {
                    State::Row => at = self.between_rows(raw, at, sink),
                    State::Field if self.has_quotes && raw[at] == b'"' => {
                        (self.state, begin, at) = (State::Quoted, at, at + 1);
                    }
                    State::Field => self.state = State::Plain,
                    State::Plain => at = self.plain(raw, at, sink)?,
                    State::Quoted => match memchr(b'"', &raw[at..]) {
                        Some(len) => (self.state, at) = (State::Quote, at + len + 1),
                        None => at = raw.len(),
                    },
                    State::Quote if raw[at] == b'"' => (self.state, at) = (State::Quoted, at + 1),
                    State::Quote => {
                        let quoted = &raw[begin + 1..at - 1];
                        if self.ends_elsewhere(quoted, raw[at]) {
                            let what = "is not closed before another one in a later line";
                            at = self.leave_row(raw, begin, what, sink)?;
                        } else {
                            self.close(quoted, sink);
                        }
                    }
                }
            }
            match self.state {
                State::Quoted if is_end => {
                    at = self.leave_row(raw, begin, "is not closed", sink)?;
                }
                State::Quoted | State::Quote if !is_end => {
                    self.seen = at - begin;
                    return Ok(begin);
                }
                State::Quote => self.close(&raw[begin + 1..at - 1], sink),
                _ => break,
            }
        }
        self.seen = 0;
        if is_end {
            self.finish(sink)?;
        }
        Ok(at)
    }

    fn give_up(&mut self, _: &mut Sink) -> Result<(), Refused> {
        self.is_too_long = true;
        Ok(())
    }
}
