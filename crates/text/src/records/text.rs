//! The text of records as one stream: bytes in, lines out, whatever the format.

use super::sink::{Refused, Sink, Take};
use super::{delimited, documents, jsonl, mediawiki, tar, wet};
use crate::error::TextError;
use crate::format::{RecordCounts, RecordFormat, Records};

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 256 * 1024;
/// The longest JSON object that is read.
pub(super) const MAX_RECORD_BYTES: usize = 64 << 20;

/// Reads the text of records.
pub(crate) struct RecordText {
    taker: Box<dyn Take>,
    /// Bytes read and not yet taken.
    raw: Vec<u8>,
    sink: Sink,
    /// How much of the text is returned.
    given: usize,
    /// Whether the bytes have ended.
    is_read: bool,
    /// Whether the records have ended.
    is_done: bool,
    /// Advice if nothing can be read.
    way_out: &'static str,
}

impl RecordText {
    /// For an input of a format other than lines.
    pub fn new(records: &Records) -> Option<Self> {
        let taker: Box<dyn Take> = match &records.format {
            // A table returns its texts directly.
            RecordFormat::Lines | RecordFormat::Parquet { .. } => return None,
            RecordFormat::Documents => Box::new(documents::Documents::default()),
            RecordFormat::Jsonl { field } => Box::new(jsonl::JsonLines::new(field.0.clone())),
            RecordFormat::CsvColumn { field } => {
                Box::new(delimited::Columns::new(b',', field.clone()))
            }
            RecordFormat::TsvColumn { field } => {
                Box::new(delimited::Columns::new(b'\t', field.clone()))
            }
            RecordFormat::MediaWiki => Box::new(mediawiki::MediaWiki::default()),
            RecordFormat::Wet => Box::new(wet::Wet::default()),
        };
        Some(Self::of(taker, records.strict, "check corpus.format and corpus.field"))
    }

    /// For the files of a tar archive.
    pub fn archive(records: &Records) -> Self {
        let taker = Box::new(tar::Tar::new(records.clone()));
        Self::of(taker, records.strict, "unpack it and name the files that are text")
    }

    fn of(taker: Box<dyn Take>, strict: bool, way_out: &'static str) -> Self {
        let counts = RecordCounts::default();
        let sink = Sink { text: Vec::new(), counts, told: Vec::new(), strict, offset: 0 };
        let raw = Vec::new();
        Self { taker, raw, sink, given: 0, is_read: false, is_done: false, way_out }
    }

    /// Counts so far, and the first broken records.
    pub fn counts(&self) -> (RecordCounts, &[String]) {
        (self.sink.counts, &self.sink.told)
    }

    /// Returns some bytes of text; 0 at the end. `refuse` makes an error of a problem and a way
    /// out.
    pub fn read(
        &mut self,
        refuse: impl Fn(String, &'static str) -> TextError,
        buffer: &mut [u8],
        mut more: impl FnMut(&mut [u8]) -> Result<usize, TextError>,
    ) -> Result<usize, TextError> {
        let refused = |Refused(problem, way_out)| refuse(problem, way_out);
        while self.given == self.sink.text.len() && !self.is_done {
            self.sink.text.clear();
            self.given = 0;
            self.advance().map_err(refused)?;
            if !self.is_done {
                let held = self.raw.len();
                self.raw.resize(held + READ_BYTES, 0);
                let count = more(&mut self.raw[held..])?;
                self.raw.truncate(held + count);
                self.is_read = count == 0;
            }
        }
        let count = buffer.len().min(self.sink.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.sink.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }

    /// Takes the complete records.
    fn advance(&mut self) -> Result<(), Refused> {
        let taken = self.taker.take(&self.raw, self.is_read, &mut self.sink)?;
        self.sink.offset += taken as u64;
        self.is_done = self.is_read;
        if self.is_done {
            return self.check();
        }
        if taken == 0 && self.raw.len() >= MAX_RECORD_BYTES {
            self.taker.give_up(&mut self.sink)?;
        }
        self.raw.drain(..taken);
        Ok(())
    }

    /// An input without any readable record is in another format.
    fn check(&self) -> Result<(), Refused> {
        let RecordCounts { records, broken } = self.sink.counts;
        if records == 0 || broken < records {
            return Ok(());
        }
        let first = self.sink.told.first().map_or("", String::as_str);
        let what = match records {
            1 => format!("its only record cannot be read; {first}"),
            records => format!("none of its {records} records can be read; {first}"),
        };
        Err(Refused(what, self.way_out))
    }
}
