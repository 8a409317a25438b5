//! Tables: one column of rows between commas or tabs.
//!
//! A text is handed on as it is parsed, so it may be of any length and hold line breaks between quotes.
//! Rows without the column are broken. Blank rows are none.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use super::{Column, Refused, Sink, Take};

/// Rows of columns.
pub(super) struct Columns {
    reader: Reader,
    column: Column,
    /// Which number the column has, once that is known.
    wanted: Option<usize>,
    /// Names of the first row so far.
    names: Vec<Vec<u8>>,
    /// The column that is being read, and where its row begins.
    at: usize,
    row: u64,
    buffer: Vec<u8>,
}

impl Columns {
    pub fn new(delimiter: u8, column: Column) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).quoting(delimiter == b',').build();
        let wanted = match column {
            Column::Numbered(number) => Some(number),
            Column::Named(_) => None,
        };
        let (names, buffer) = (vec![Vec::new()], vec![0; 16 << 10]);
        Self { reader, column, wanted, names, at: 0, row: 0, buffer }
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

    /// A field ends.
    fn end_field(&mut self, is_last: bool, sink: &mut Sink) -> Result<(), Refused> {
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
                let what = format!("it has {found} column(s), column {number} is asked for");
                sink.broken(self.row, &what)?;
            }
            self.at = 0;
        }
        Ok(())
    }
}

impl Take for Columns {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        let mut taken = 0;
        loop {
            let rest = &raw[taken..];
            if rest.is_empty() && !is_end {
                return Ok(taken);
            }
            let (result, read, written) = self.reader.read_field(rest, &mut self.buffer);
            taken += read;
            match self.wanted {
                None => {
                    self.names.last_mut().expect("there is one").extend(&self.buffer[..written])
                }
                Some(wanted) if wanted == self.at => {
                    sink.text.extend_from_slice(&self.buffer[..written]);
                }
                Some(_) => {}
            }
            match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
                ReadFieldResult::Field { record_end } => {
                    self.end_field(record_end, sink)?;
                    if record_end {
                        self.row = sink.place(taken);
                    }
                }
                ReadFieldResult::End => return Ok(taken),
            }
        }
    }
}
