//! Records: texts that stand in fields of a larger format, taken out as lines.
//!
//! A *record* is an object of a JSON Lines file, a row of a table, a page of a crawl or a wiki, a file of an archive, a document. Its text
//! becomes lines: a line break within it is a line end, and so is its end, so no window reaches from one
//! record into the next. What cannot be read as a record is *broken*: left out, counted, the first few told,
//! or refused where the reader is strict. A taker works on bytes as they come and holds no more of them than
//! one record, or less where the format allows it. Words are not known here.

mod delimited;
mod documents;
mod jsonl;
mod mediawiki;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
pub(crate) mod tar;
mod wet;

use crate::encoding::Encoding;
use crate::error::CorpusError;
use crate::input::Input;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// The longest JSON object that is read.
const MAX_RECORD_BYTES: usize = 64 << 20;
/// Broken records of an input that are told.
const TOLD: usize = 3;

/// What the bytes of an input are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RecordFormat {
    /// Text, a line is a line.
    #[default]
    Lines,
    /// Text; lines up to a blank one belong together, as one line.
    Documents,
    /// An object a line (<https://jsonlines.org>), whose text stands at a path of keys; in a list on the
    /// way, each entry counts.
    JsonLines {
        /// The keys.
        path: Vec<String>,
    },
    /// Rows of columns. Between commas as in RFC 4180, with quotes; between tabs without.
    Columns {
        /// What stands between columns.
        delimiter: u8,
        /// Which column.
        column: Column,
    },
    /// A dump of MediaWiki: the articles, without their markup.
    MediaWiki,
    /// A column of a Parquet file; read only in builds with the feature `parquet`.
    Parquet {
        /// Its name.
        column: String,
    },
    /// The records of type `conversion` of a WARC file (ISO 28500), as Common Crawl's WET files have them.
    Wet,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the first row.
    Named(String),
    /// By its number, from 0; the first row is a row like others.
    Numbered(usize),
}

/// What the readers of inputs share about their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// What the inputs are.
    pub format: RecordFormat,
    /// Whether the first broken record ends the run.
    pub strict: bool,
    /// How bytes represent characters.
    pub encoding: Encoding,
    /// What becomes of a text most of whose lines are in another encoding.
    pub mostly_foreign: MostlyForeign,
}

/// What becomes of a text most of whose lines are in another encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MostlyForeign {
    /// It is refused.
    #[default]
    Refuse,
    /// Each line is dealt with by itself.
    Accept,
}

/// Records that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// All of them.
    pub records: u64,
    /// Those left out.
    pub broken: u64,
}

impl std::ops::AddAssign for RecordCounts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.broken += other.broken;
    }
}

/// Takes records from bytes.
trait Take: Send {
    /// Takes what is complete in `raw`, at least all of it at the end, and says how many bytes that were.
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused>;
    /// `raw` holds the longest record that is read, and it is not complete: goes on without it.
    fn give_up(&mut self, _sink: &mut Sink) -> Result<(), Refused> {
        Ok(())
    }
}

/// Why an input cannot be read on, and what to do.
struct Refused(String, &'static str);

/// What takers give.
struct Sink {
    text: Vec<u8>,
    counts: RecordCounts,
    told: Vec<String>,
    strict: bool,
    /// Where `raw` begins in the input.
    offset: u64,
}

impl Sink {
    /// A record begins.
    fn record(&mut self) {
        self.counts.records += 1;
    }

    /// The last record is broken; `place` is where in the input that is seen.
    fn broken(&mut self, place: u64, what: &str) -> Result<(), Refused> {
        self.counts.broken += 1;
        let told = format!("record {}, byte {place}: {what}", self.counts.records);
        if self.strict {
            return Err(Refused(told, "mend it, or set corpus.strict to false to leave it out"));
        }
        if self.told.len() < TOLD {
            self.told.push(told);
        }
        Ok(())
    }

    /// A place in `raw`, counted from the begin of the input.
    fn place(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    fn end_line(&mut self) {
        self.text.push(b'\n');
    }
}

/// The text of records, as one would read it from a file.
pub(crate) struct RecordText {
    taker: Box<dyn Take>,
    /// Read and not taken.
    raw: Vec<u8>,
    sink: Sink,
    /// What of the text is given out.
    given: usize,
    /// Whether no more bytes come.
    is_read: bool,
    /// Whether no more records come.
    is_done: bool,
    /// What to do where nothing can be read.
    way_out: &'static str,
}

impl RecordText {
    /// For an input of a format other than lines.
    pub fn new(records: &Records) -> Option<Self> {
        let taker: Box<dyn Take> = match &records.format {
            // A table gives its texts by itself.
            RecordFormat::Lines | RecordFormat::Parquet { .. } => return None,
            RecordFormat::Documents => Box::new(documents::Documents::default()),
            RecordFormat::JsonLines { path } => Box::new(jsonl::JsonLines::new(path.clone())),
            RecordFormat::Columns { delimiter, column } => {
                Box::new(delimited::Columns::new(*delimiter, column.clone()))
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

    /// What was counted so far, and the first broken records.
    pub fn counts(&self) -> (RecordCounts, &[String]) {
        (self.sink.counts, &self.sink.told)
    }

    /// Gives some bytes of text; 0 at the end.
    pub fn read(
        &mut self,
        input: &Input,
        buffer: &mut [u8],
        mut more: impl FnMut(&mut [u8]) -> Result<usize, CorpusError>,
    ) -> Result<usize, CorpusError> {
        let refused = |Refused(problem, way_out)| input.error("reading records", problem, way_out);
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

    /// Takes the records that are complete.
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

    /// An input without any record that can be read is not what it was taken for.
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

#[cfg(test)]
mod tar_tests;
#[cfg(test)]
mod tests;
