//! Opens inputs: their bytes are unpacked, converted, and taken out of records.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wordmill_flow::Cancel;
use wordmill_sample::SampleReader;

use super::pipe::{PipeReader, Waiting};
use super::plain::PlainText;
use super::source::{Input, Packed, Source};
use super::unpack;
use crate::encoding::{BYTE_ORDER_MARK, Converted, Converter};
use crate::error::TextError;
use crate::format::{RecordCounts, RecordFormat};
use crate::packing::{FRAME_HEAD_BYTES, Packing, packing, unpacker_bytes};
use crate::records::RecordText;
#[cfg(feature = "parquet")]
use crate::records::parquet::ColumnText;
use crate::sniff;

impl Input {
    /// Opens the text. Its first bytes show how it is packed; content other than text is refused.
    ///
    /// # Errors
    /// [`TextError::Read`] if the system refuses, [`TextError::Input`] if it is not text in UTF-8.
    pub fn open(&self) -> Result<InputReader, TextError> {
        self.open_waiting(Waiting::Always)
    }

    /// The same, with a limit of waiting for a text that can be read only once.
    ///
    /// # Errors
    /// As [`Input::open`], and a request to stop.
    pub fn open_waiting(&self, waiting: Waiting) -> Result<InputReader, TextError> {
        if let RecordFormat::Parquet { field } = &self.records.format {
            return self.open_table(&field.0);
        }
        let opened = self.open_as_waiting(Packed::ByContent, waiting)?;
        let (mut head, unpacked) = self.head(opened.reader)?;
        let is_archive = sniff::is_archive(&head);
        let refused = sniff::refused(&head, &self.records).filter(|_| !is_archive);
        if let Some((problem, way_out)) = refused {
            return Err(self.error("opening", problem, way_out));
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

    /// Opens a table, which has its own compression.
    #[cfg(feature = "parquet")]
    fn open_table(&self, column: &str) -> Result<InputReader, TextError> {
        let Source::File(path) = &self.source else {
            let problem = "a table of Parquet has to be a file".to_owned();
            return Err(self.error("opening", problem, "write it to a file first"));
        };
        let file = File::open(path).map_err(|source| self.read_error("opening", source))?;
        let (rows, stored) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let table = ColumnText::open(file, column, Arc::clone(&rows), Arc::clone(&stored));
        let way_out = "check corpus.format and corpus.field";
        let table = table.map_err(|problem| self.error("opening", problem, way_out))?;
        let (input, reader) = (self.clone(), Box::new(table));
        Ok(InputReader { rows: Some(rows), ..InputReader::new(input, reader, stored, 0) })
    }

    #[cfg(not(feature = "parquet"))]
    fn open_table(&self, _: &str) -> Result<InputReader, TextError> {
        let problem = "this build cannot read Parquet".to_owned();
        Err(self.error("opening", problem, "build wordmill with --features parquet"))
    }

    /// Opens the file, unpacked or as it is, whatever its content.
    ///
    /// # Errors
    /// Errors of the system, and damage of a packed file.
    pub fn open_as(&self, packed: Packed) -> Result<InputReader, TextError> {
        self.open_as_waiting(packed, Waiting::Always)
    }

    fn open_as_waiting(&self, packed: Packed, waiting: Waiting) -> Result<InputReader, TextError> {
        let stored = Arc::new(AtomicU64::new(0));
        let raw: Box<dyn Read + Send> = match &self.source {
            Source::File(path) => {
                Box::new(File::open(path).map_err(|source| self.read_error("opening", source))?)
            }
            Source::Memory(text) => Box::new(Cursor::new(Arc::clone(text))),
            Source::Sample { bytes, seed } => Box::new(SampleReader::new(*seed, *bytes)),
            Source::Stdin | Source::Pipe(_) => match self.begun.lock().take() {
                Some((head, pipe)) => Box::new(Cursor::new(head).chain(pipe)),
                None => Box::new(self.open_pipe(waiting)?.expect("it is read once")),
            },
        };
        let raw = Counted { inner: raw, bytes: Arc::clone(&stored) };
        let (head, raw) = self.head(raw)?;
        let packed_as = match packed {
            Packed::ByContent => packing(&head),
            Packed::No => Packing::Plain,
        };
        let unpacker_bytes = match packed_as {
            Packing::Plain => 0,
            _ => unpacker_bytes(&head),
        };
        let first = head[..head.len().min(FRAME_HEAD_BYTES)].to_vec();
        let raw: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(raw));
        let reader = match packed_as {
            Packing::Plain => raw,
            _ => {
                unpack::unpack(raw, packed_as, &first).map_err(|error| self.unpack_error(error))?
            }
        };
        Ok(InputReader::new(self.clone(), reader, stored, unpacker_bytes))
    }

    /// The command that unpacks its packing; `None` if it is not packed or nothing is known in advance.
    #[must_use]
    pub fn unpacker(&self) -> Option<&'static str> {
        let Source::File(path) = &self.source else { return None };
        let mut head = [0; FRAME_HEAD_BYTES];
        let filled = File::open(path).and_then(|file| file.read_at(&mut head, 0)).ok()?;
        packing(&head[..filled]).command()
    }

    /// Memory for unpacking it; 0 if it is not packed or nothing is known in advance.
    #[must_use]
    pub fn unpacker_bytes(&self) -> u64 {
        let Source::File(path) = &self.source else {
            return 0;
        };
        let mut head = [0; FRAME_HEAD_BYTES];
        // Opening it for reading will report the problem.
        let filled = File::open(path).and_then(|file| file.read_at(&mut head, 0));
        unpacker_bytes(&head[..filled.unwrap_or(0)])
    }

    /// The first bytes of the file, unpacked or as it is.
    ///
    /// # Errors
    /// As [`Input::open_as`].
    pub fn head_of(&self, packed: Packed) -> Result<Vec<u8>, TextError> {
        Ok(self.head(self.open_as(packed)?.reader)?.0)
    }

    /// The text as a plain file that can be read at any offset; `None` if it is not a file of known
    /// size, if it is packed, or if its text is in records.
    ///
    /// # Errors
    /// [`TextError::Read`] if the system refuses, [`TextError::Input`] if it is not text.
    pub fn open_plain(&self) -> Result<Option<PlainText>, TextError> {
        let (Source::File(path), Some(bytes)) = (&self.source, self.bytes) else {
            return Ok(None);
        };
        if self.records.format != RecordFormat::Lines || !self.records.encoding.is_utf8() {
            return Ok(None);
        }
        let file = File::open(path).map_err(|source| self.read_error("opening", source))?;
        let (head, file) = self.head(file)?;
        if packing(&head) != Packing::Plain || sniff::is_archive(&head) {
            return Ok(None);
        }
        if let Some((problem, way_out)) = sniff::refused(&head, &self.records) {
            return Err(self.error("opening", problem, way_out));
        }
        let mark_bytes = if head.starts_with(&BYTE_ORDER_MARK) { 3 } else { 0 };
        Ok(Some(PlainText::new(self.clone(), file, mark_bytes, bytes - mark_bytes)))
    }

    /// Whether an input that can be read only once has any text. Bytes read to find out are not lost. A terminal, and
    /// a named pipe that no program has opened for writing, count as empty.
    ///
    /// # Errors
    /// [`TextError::Read`] if the system refuses, and a request to stop.
    pub fn has_text(&self, cancel: &Cancel) -> Result<bool, TextError> {
        let failed = |source| self.unpack_error(source);
        let waiting = Waiting::IfThereIsText(cancel.clone());
        let mut begun = self.begun.lock();
        if begun.is_none() {
            let Some(mut pipe) = self.open_pipe(waiting)? else { return Ok(true) };
            let mut head = vec![0; sniff::HEAD_BYTES];
            let filled = pipe.read(&mut head).map_err(failed)?;
            head.truncate(filled);
            if filled > 0 {
                *begun = Some((head, pipe));
            }
        }
        Ok(begun.is_some())
    }

    /// Opens an input that can be read only once.
    fn open_pipe(&self, waiting: Waiting) -> Result<Option<PipeReader>, TextError> {
        let opened = match &self.source {
            Source::Stdin => PipeReader::stdin(waiting),
            Source::Pipe(path) => PipeReader::open(path, waiting),
            Source::File(_) | Source::Memory(_) | Source::Sample { .. } => return Ok(None),
        };
        opened.map(Some).map_err(|source| self.read_error("opening", source))
    }

    /// Reads the first bytes, all of them even from a pipe that returns few at a time.
    fn head<R: Read>(&self, mut reader: R) -> Result<(Vec<u8>, R), TextError> {
        let mut head = Vec::with_capacity(sniff::HEAD_BYTES);
        reader
            .by_ref()
            .take(sniff::HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|source| self.unpack_error(source))?;
        Ok((head, reader))
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
    /// Context of a text that may not contain a NUL; `None` if a NUL is allowed.
    text_offset: Option<u64>,
    /// Memory for unpacking.
    unpacker_bytes: u64,
}

impl InputReader {
    /// The raw bytes.
    fn new(
        input: Input,
        reader: Box<dyn Read + Send>,
        stored: Arc<AtomicU64>,
        unpacker_bytes: u64,
    ) -> Self {
        let (archive, records, rows, text_offset) = (None, None, None, None);
        Self { input, reader, stored, archive, records, rows, text_offset, unpacker_bytes }
    }

    /// Memory for unpacking; 0 if nothing is unpacked.
    #[must_use]
    pub fn unpacker_bytes(&self) -> u64 {
        self.unpacker_bytes
    }

    /// Reads some bytes of text; 0 at the end.
    ///
    /// # Errors
    /// As [`Input::open`], for damage later in the file; a broken record if that is not allowed, and an
    /// input with only broken records.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TextError> {
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
        let refuse = |problem, way_out| input.error("reading records", problem, way_out);
        let mut read = |buffer: &mut [u8]| {
            let count = match archive {
                Some(archive) => archive.read(refuse, buffer, &mut stored)?,
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
            Some(records) => records.read(refuse, buffer, read),
            None => read(buffer),
        }
    }

    /// Records read so far, and the first broken ones; none for plain lines. The files of an archive are
    /// records if there are no smaller ones; broken files are always counted.
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

    /// Stored bytes read so far, to be compared with [`Input::bytes`].
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }
}

/// Counts the bytes read.
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
