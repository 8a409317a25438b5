//! Inputs: what `corpus.inputs` names, in order, and how each is opened.
//!
//! An *input* is one text: a file, the standard input, or the built-in sample. A *reader* gives its
//! unpacked bytes without a byte-order mark. Lines and words are not known here.

mod glob;
mod list;
mod pipe;
mod plain;
mod sniff;
mod unpack;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wordmill_flow::Stopped;

use crate::encoding::{Converted, Converter};
use crate::error::CorpusError;
#[cfg(feature = "parquet")]
use crate::records::parquet::ColumnText;
use crate::records::{RecordCounts, RecordFormat, RecordText, Records};
use crate::sample::SampleReader;
pub use list::resolve;
use pipe::Begun;
pub(crate) use pipe::Waiting;
pub(crate) use plain::PlainText;
use sniff::Packing;
pub(crate) use sniff::{NO_NUL, not_plain_text, not_text};
use unpack::UnpackError;

/// U+FEFF, with which some programs begin a text.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A regular file.
    File(PathBuf),
    /// The standard input; it can be read once.
    Stdin,
    /// A named pipe, a device, a pipe of the shell such as `/dev/fd/63`; it can be read once.
    Pipe(PathBuf),
    /// The built-in sample.
    Sample {
        /// Its size; the sample goes on to the end of the line.
        bytes: u64,
        /// Its seed.
        seed: u64,
    },
}

/// One text of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it comes from.
    pub source: Source,
    /// Its name in messages: the path, `-` or `builtin:sample`.
    pub name: String,
    /// Its size in bytes as it is stored, where that is known.
    pub bytes: Option<u64>,
    /// When it was changed last, in nanoseconds since 1970, where that is known.
    pub modified_ns: Option<u64>,
    /// What its bytes are, once unpacked.
    pub records: Arc<Records>,
    /// What was passed over where it was found, and why; the first input of a folder or a pattern has it.
    pub left_out: Arc<[String]>,
    /// What was read of it to see whether there is anything.
    begun: Begun,
}

/// Whether a file is to be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// If its first bytes say that it is packed.
    ByContent,
    /// Its bytes are taken as they are.
    No,
}

impl Input {
    /// Opens the text: finds out by its first bytes how it is packed, and refuses what is no text.
    ///
    /// # Errors
    /// [`CorpusError::Read`] if the system refuses, [`CorpusError::Input`] if it is no text in
    /// UTF-8.
    pub fn open(&self) -> Result<InputReader, CorpusError> {
        self.open_waiting(Waiting::Always)
    }

    /// The same, where a text that can be read once is waited for only so long.
    pub(crate) fn open_waiting(&self, waiting: Waiting) -> Result<InputReader, CorpusError> {
        if let RecordFormat::Parquet { column } = &self.records.format {
            return self.open_table(column);
        }
        let opened = self.open_as_waiting(Packed::ByContent, waiting)?;
        let (mut head, unpacked) = self.head(opened.reader)?;
        let is_archive = sniff::is_archive(&head);
        let refused = sniff::refused(&head, &self.records).filter(|_| !is_archive);
        if let Some((problem, way_out)) = refused {
            return Err(self.input_error("opening", problem, way_out));
        }
        let mut mark_bytes = 0;
        if head.starts_with(&BYTE_ORDER_MARK) {
            mark_bytes = BYTE_ORDER_MARK.len() as u64;
            head.drain(..3);
        }
        let text = Cursor::new(head).chain(unpacked);
        let converter =
            Converter::new(self.records.encoding).filter(|_| !is_archive && mark_bytes == 0);
        let reader: Box<dyn Read + Send> = match converter {
            Some(converter) => Box::new(Converted::new(text, converter)),
            None => Box::new(text),
        };
        Ok(InputReader {
            reader,
            archive: is_archive.then(|| RecordText::archive(&self.records)),
            records: RecordText::new(&self.records),
            text_offset: Some(mark_bytes),
            ..opened
        })
    }

    /// Opens a table, which says itself how it is packed.
    #[cfg(feature = "parquet")]
    fn open_table(&self, column: &str) -> Result<InputReader, CorpusError> {
        let Source::File(path) = &self.source else {
            let problem = "a table of Parquet has to be a file".to_owned();
            return Err(self.input_error("opening", problem, "write it to a file first"));
        };
        let file = File::open(path).map_err(|source| self.read_error("opening", source))?;
        let (rows, stored) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let table = ColumnText::open(file, column, Arc::clone(&rows), Arc::clone(&stored));
        let way_out = "check corpus.format and corpus.field";
        let table = table.map_err(|problem| self.input_error("opening", problem, way_out))?;
        let (input, reader) = (self.clone(), Box::new(table));
        Ok(InputReader { rows: Some(rows), ..InputReader::new(input, reader, stored, 0) })
    }

    #[cfg(not(feature = "parquet"))]
    fn open_table(&self, _: &str) -> Result<InputReader, CorpusError> {
        let problem = "this build cannot read Parquet".to_owned();
        Err(self.input_error("opening", problem, "build wordmill with --features parquet"))
    }

    /// A single file.
    ///
    /// # Errors
    /// A file that is missing; `way_out` says what to do then.
    pub(crate) fn file(path: &Path, way_out: &'static str) -> Result<Self, CorpusError> {
        list::file(path.to_path_buf()).map_err(|error| match error {
            CorpusError::Input { path, tried, problem, .. } => {
                CorpusError::Input { path, tried, problem, way_out }
            }
            error => error,
        })
    }

    /// Opens the file, unpacked or as it is, whatever it holds.
    pub(crate) fn open_as(&self, packed: Packed) -> Result<InputReader, CorpusError> {
        self.open_as_waiting(packed, Waiting::Always)
    }

    fn open_as_waiting(
        &self,
        packed: Packed,
        waiting: Waiting,
    ) -> Result<InputReader, CorpusError> {
        let stored = Arc::new(AtomicU64::new(0));
        let raw: Box<dyn Read + Send> = match &self.source {
            Source::File(path) => {
                Box::new(File::open(path).map_err(|source| self.read_error("opening", source))?)
            }
            Source::Sample { bytes, seed } => Box::new(SampleReader::new(*seed, *bytes)),
            Source::Stdin | Source::Pipe(_) => match self.begun.lock().take() {
                Some((head, pipe)) => Box::new(Cursor::new(head).chain(pipe)),
                None => Box::new(self.open_pipe(waiting)?.expect("it is read once")),
            },
        };
        let raw = Counted { inner: raw, bytes: Arc::clone(&stored) };
        let (head, raw) = self.head(raw)?;
        let packing = match packed {
            Packed::ByContent => sniff::packing(&head),
            Packed::No => Packing::Plain,
        };
        let unpacker_bytes = match packing {
            Packing::Plain => 0,
            _ => sniff::unpacker_bytes(&head),
        };
        let first = head[..head.len().min(sniff::FRAME_HEAD_BYTES)].to_vec();
        let raw: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(raw));
        let reader = match packing {
            Packing::Plain => raw,
            _ => unpack::unpack(raw, packing, &first).map_err(|error| self.unpack_error(error))?,
        };
        Ok(InputReader::new(self.clone(), reader, stored, unpacker_bytes))
    }

    /// What it is packed with, as a command that unpacks it; `None` if it is not packed or nothing is known in advance.
    #[must_use]
    pub fn unpacker(&self) -> Option<&'static str> {
        let Source::File(path) = &self.source else { return None };
        let mut head = [0; sniff::FRAME_HEAD_BYTES];
        let filled = File::open(path).and_then(|file| file.read_at(&mut head, 0)).ok()?;
        sniff::packing(&head[..filled]).command()
    }

    /// An input with nothing known of it but where it comes from.
    pub(crate) fn new(source: Source, name: String) -> Self {
        let (records, begun) = <(Arc<Records>, Begun)>::default();
        let left_out = Arc::default();
        Self { source, name, bytes: None, modified_ns: None, records, left_out, begun }
    }

    /// Memory that unpacking it takes; 0 where nothing is unpacked or nothing is known in advance.
    #[must_use]
    pub fn unpacker_bytes(&self) -> u64 {
        let Source::File(path) = &self.source else {
            return 0;
        };
        let mut head = [0; sniff::FRAME_HEAD_BYTES];
        // Whoever opens it to be read says what is wrong with it.
        let filled = File::open(path).and_then(|file| file.read_at(&mut head, 0));
        sniff::unpacker_bytes(&head[..filled.unwrap_or(0)])
    }

    /// The first bytes of the file, unpacked or as it is.
    pub(crate) fn head_of(&self, packed: Packed) -> Result<Vec<u8>, CorpusError> {
        Ok(self.head(self.open_as(packed)?.reader)?.0)
    }

    /// An error about what the input holds.
    pub(crate) fn error(
        &self,
        tried: &'static str,
        problem: String,
        way_out: &'static str,
    ) -> CorpusError {
        self.input_error(tried, problem, way_out)
    }

    /// The text as a plain file that can be read at any place; `None` if it is no file of known size
    /// or is packed, or its text stands in records.
    pub(crate) fn open_plain(&self) -> Result<Option<PlainText>, CorpusError> {
        let (Source::File(path), Some(bytes)) = (&self.source, self.bytes) else {
            return Ok(None);
        };
        if self.records.format != RecordFormat::Lines || !self.records.encoding.is_utf8() {
            return Ok(None);
        }
        let file = File::open(path).map_err(|source| self.read_error("opening", source))?;
        let (head, file) = self.head(file)?;
        if sniff::packing(&head) != Packing::Plain || sniff::is_archive(&head) {
            return Ok(None);
        }
        if let Some((problem, way_out)) = sniff::refused(&head, &self.records) {
            return Err(self.input_error("opening", problem, way_out));
        }
        let mark_bytes = if head.starts_with(&BYTE_ORDER_MARK) { 3 } else { 0 };
        Ok(Some(PlainText::new(self.clone(), file, mark_bytes, bytes - mark_bytes)))
    }

    /// Reads the first bytes, all of them even from a pipe that gives few at a time.
    fn head<R: Read>(&self, mut reader: R) -> Result<(Vec<u8>, R), CorpusError> {
        let mut head = Vec::with_capacity(sniff::HEAD_BYTES);
        reader
            .by_ref()
            .take(sniff::HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|source| self.unpack_error(source))?;
        Ok((head, reader))
    }

    fn read_error(&self, tried: &'static str, source: io::Error) -> CorpusError {
        CorpusError::Read { path: self.name.clone(), tried, source }
    }

    fn input_error(
        &self,
        tried: &'static str,
        problem: String,
        way_out: &'static str,
    ) -> CorpusError {
        CorpusError::Input { path: self.name.clone(), tried, problem, way_out }
    }

    /// The error for a NUL within a text.
    pub(crate) fn nul_error(&self, offset: u64) -> CorpusError {
        self.input_error("reading text", sniff::nul_at(offset), NO_NUL)
    }

    /// Tells the system's errors from those of the unpackers, which carry no error number.
    fn unpack_error(&self, source: io::Error) -> CorpusError {
        if source.raw_os_error().is_some() {
            return self.read_error("reading", source);
        }
        if source.get_ref().is_some_and(|inner| inner.is::<Stopped>()) {
            return CorpusError::Stopped(Stopped);
        }
        match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(UnpackError::Memory { bytes }) => {
                let path = self.name.clone();
                return CorpusError::Window { path, bytes: *bytes };
            }
            Some(UnpackError::Behind { offset }) => {
                let problem = format!(
                    "from byte {offset} on follows what is not packed: the file is damaged, or more was written behind it"
                );
                let way_out =
                    "get a whole copy of the file, or unpack it with a pipe and inputs = [\"-\"]";
                return self.input_error("unpacking", problem, way_out);
            }
            None => {}
        }
        let problem = match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                "the packed data end too early: the file is cut off".to_owned()
            }
            _ => format!("the packed data are damaged ({source})"),
        };
        self.input_error(
            "unpacking",
            problem,
            "get a whole copy of the file, or leave it out of corpus.inputs",
        )
    }
}

/// The unpacked bytes of one input.
pub struct InputReader {
    input: Input,
    reader: Box<dyn Read + Send>,
    stored: Arc<AtomicU64>,
    /// The files of an archive, one after another.
    archive: Option<RecordText>,
    records: Option<RecordText>,
    /// Rows of a table read so far.
    rows: Option<Arc<AtomicU64>>,
    /// Where text is read that may not hold a NUL; `None` where it may, which is no text.
    text_offset: Option<u64>,
    /// Memory that unpacking takes.
    unpacker_bytes: u64,
}

impl InputReader {
    /// The bytes as they come.
    fn new(
        input: Input,
        reader: Box<dyn Read + Send>,
        stored: Arc<AtomicU64>,
        unpacker_bytes: u64,
    ) -> Self {
        let (archive, records, rows, text_offset) = (None, None, None, None);
        Self { input, reader, stored, archive, records, rows, text_offset, unpacker_bytes }
    }

    /// Memory that unpacking takes; 0 where nothing is unpacked.
    #[must_use]
    pub fn unpacker_bytes(&self) -> u64 {
        self.unpacker_bytes
    }

    /// Reads some bytes of text; 0 at the end.
    ///
    /// # Errors
    /// As [`Input::open`], where the damage stands later in the file; a broken record where that is not
    /// allowed, and an input without any other.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, CorpusError> {
        let (input, reader, archive) = (&self.input, &mut self.reader, &mut self.archive);
        let mut stored = |buffer: &mut [u8]| {
            loop {
                match reader.read(buffer) {
                    Ok(count) => return Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(input.unpack_error(error)),
                }
            }
        };
        let offset = &mut self.text_offset;
        let mut read = |buffer: &mut [u8]| {
            let count = match archive {
                Some(archive) => archive.read(input, buffer, &mut stored)?,
                None => stored(buffer)?,
            };
            if let Some(offset) = offset {
                if let Some(at) = memchr::memchr(0, &buffer[..count]) {
                    return Err(input.nul_error(*offset + at as u64));
                }
                *offset += count as u64;
            }
            Ok(count)
        };
        match &mut self.records {
            Some(records) => records.read(input, buffer, read),
            None => read(buffer),
        }
    }

    /// Records read so far, and the first broken ones; none where a line is a line. The files of an archive are
    /// records where nothing smaller is; those of them that are broken always are.
    #[must_use]
    pub fn records(&self) -> Option<(RecordCounts, Vec<String>)> {
        if let Some(rows) = &self.rows {
            let counts = RecordCounts { records: rows.load(Ordering::Relaxed), broken: 0 };
            return Some((counts, Vec::new()));
        }
        let files = self.archive.as_ref().map(RecordText::counts);
        let records = self.records.as_ref().map(RecordText::counts);
        let told =
            [files, records].into_iter().flatten().flat_map(|(_, told)| told.iter().cloned());
        let counts = match (files, records) {
            (Some((files, _)), Some((records, _))) => RecordCounts {
                records: records.records + files.broken,
                broken: records.broken + files.broken,
            },
            (Some((counts, _)), None) | (None, Some((counts, _))) => counts,
            (None, None) => return None,
        };
        Some((counts, told.collect()))
    }

    /// Bytes read so far as they are stored: to be compared with [`Input::bytes`].
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
