//! Inputs: what `corpus.inputs` names, in order, and how each is opened.
//!
//! An *input* is one text: a file, the standard input, or the built-in sample. A *reader* gives its
//! unpacked bytes without a byte-order mark. Lines and words are not known here.

mod glob;
mod plain;
mod sniff;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use crate::error::CorpusError;
use crate::records::{RecordCounts, RecordFormat, RecordText, Records};
use crate::sample::{DEFAULT_SAMPLE_BYTES, SampleReader};
pub(crate) use plain::PlainText;
use sniff::Packing;
pub(crate) use sniff::not_text;

/// The largest window a zstd file may ask for: 2 GiB, as `zstd --long=31` writes it.
const ZSTD_WINDOW_LOG_MAX: u32 = 31;

/// U+FEFF, with which some programs begin a text.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The standard input; it can be read once.
    Stdin,
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
}

/// Whether a file is to be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// If its first bytes say that it is packed.
    ByContent,
    /// Its bytes are taken as they are.
    No,
}

/// Resolves `corpus.inputs`: files, folders (all that is in them, hidden names left out), patterns,
/// `-`, `builtin:sample` and `builtin:sample:SIZE`. Relative paths are taken from `base`; `seed` is
/// the seed of the sample. The order is the order of the list; what one entry finds is sorted by
/// the bytes of its path.
///
/// # Errors
/// A file that is missing, a folder or pattern without a file, a file that two entries name, no
/// entry at all.
pub fn resolve(patterns: &[String], base: &Path, seed: u64) -> Result<Vec<Input>, CorpusError> {
    let mut inputs = Vec::new();
    for pattern in patterns {
        resolve_one(pattern, base, seed, &mut inputs)?;
    }
    if inputs.is_empty() {
        return Err(config(
            "the list is empty".to_owned(),
            "name a file, a folder, \"-\" or \"builtin:sample\"",
        ));
    }
    let mut seen = HashSet::new();
    for input in &inputs {
        if !seen.insert(&input.name) {
            return Err(config(
                format!("{} is named twice and would be counted twice", input.name),
                "remove one of the two entries",
            ));
        }
    }
    Ok(inputs)
}

impl Input {
    /// Opens the text: finds out by its first bytes how it is packed, and refuses what is no text.
    ///
    /// # Errors
    /// [`CorpusError::Read`] if the system refuses, [`CorpusError::Input`] if it is no text in
    /// UTF-8.
    pub fn open(&self) -> Result<InputReader, CorpusError> {
        let InputReader { reader, stored, .. } = self.open_as(Packed::ByContent)?;
        let (mut head, unpacked) = self.head(reader)?;
        if let Some((problem, way_out)) = sniff::not_text(&head) {
            return Err(self.input_error("opening", problem, way_out));
        }
        if head.starts_with(&BYTE_ORDER_MARK) {
            head.drain(..3);
        }
        Ok(InputReader {
            input: self.clone(),
            reader: Box::new(Cursor::new(head).chain(unpacked)),
            stored,
            records: RecordText::new(&self.records),
        })
    }

    /// A single file.
    ///
    /// # Errors
    /// A file that is missing; `way_out` says what to do then.
    pub(crate) fn file(path: &Path, way_out: &'static str) -> Result<Self, CorpusError> {
        file(path.to_path_buf()).map_err(|error| match error {
            CorpusError::Input { path, tried, problem, .. } => {
                CorpusError::Input { path, tried, problem, way_out }
            }
            error => error,
        })
    }

    /// Opens the file, unpacked or as it is, whatever it holds.
    pub(crate) fn open_as(&self, packed: Packed) -> Result<InputReader, CorpusError> {
        let stored = Arc::new(AtomicU64::new(0));
        let raw: Box<dyn Read + Send> = match &self.source {
            Source::File(path) => {
                Box::new(File::open(path).map_err(|source| self.read_error("opening", source))?)
            }
            Source::Stdin => Box::new(io::stdin()),
            Source::Sample { bytes, seed } => Box::new(SampleReader::new(*seed, *bytes)),
        };
        let raw = Counted { inner: raw, bytes: Arc::clone(&stored) };
        let (head, raw) = self.head(raw)?;
        let packing = match packed {
            Packed::ByContent => sniff::packing(&head),
            Packed::No => Packing::Plain,
        };
        let raw = Cursor::new(head).chain(raw);
        let unpacked: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(raw),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(raw)),
            Packing::Zstd => self.zstd(raw)?,
        };
        Ok(InputReader { input: self.clone(), reader: unpacked, stored, records: None })
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
        if self.records.format != RecordFormat::Lines {
            return Ok(None);
        }
        let file = File::open(path).map_err(|source| self.read_error("opening", source))?;
        let (head, file) = self.head(file)?;
        if sniff::packing(&head) != Packing::Plain {
            return Ok(None);
        }
        if let Some((problem, way_out)) = sniff::not_text(&head) {
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

    fn zstd(&self, raw: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, CorpusError> {
        let mut decoder =
            zstd::stream::read::Decoder::new(raw).map_err(|e| self.unpack_error(e))?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|e| self.unpack_error(e))?;
        Ok(Box::new(decoder))
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

    /// Tells the system's errors from those of the unpackers, which carry no error number.
    fn unpack_error(&self, source: io::Error) -> CorpusError {
        if source.raw_os_error().is_some() {
            return self.read_error("reading", source);
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
    records: Option<RecordText>,
}

impl InputReader {
    /// Reads some bytes of text; 0 at the end.
    ///
    /// # Errors
    /// As [`Input::open`], where the damage stands later in the file; a broken record where that is not
    /// allowed, and an input without any other.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, CorpusError> {
        let (input, reader) = (&self.input, &mut self.reader);
        let mut read = |buffer: &mut [u8]| {
            loop {
                match reader.read(buffer) {
                    Ok(count) => return Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(input.unpack_error(error)),
                }
            }
        };
        match &mut self.records {
            Some(records) => records.read(input, buffer, read),
            None => read(buffer),
        }
    }

    /// Records read so far, and the first broken ones; none where a line is a line.
    #[must_use]
    pub fn records(&self) -> Option<(RecordCounts, &[String])> {
        self.records.as_ref().map(RecordText::counts)
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

fn resolve_one(
    pattern: &str,
    base: &Path,
    seed: u64,
    inputs: &mut Vec<Input>,
) -> Result<(), CorpusError> {
    if pattern == "-" {
        inputs.push(Input {
            source: Source::Stdin,
            name: "-".to_owned(),
            bytes: None,
            modified_ns: None,
            records: Arc::default(),
        });
        return Ok(());
    }
    if let Some(rest) = pattern.strip_prefix("builtin:") {
        let bytes = sample_bytes(pattern, rest)?;
        let source = Source::Sample { bytes, seed };
        inputs.push(Input {
            source,
            name: pattern.to_owned(),
            bytes: Some(bytes),
            modified_ns: None,
            records: Arc::default(),
        });
        return Ok(());
    }
    let path = base.join(pattern);
    if path.is_dir() {
        return resolve_folder(&path, inputs);
    }
    if path.exists() || !glob::is_pattern(pattern) {
        inputs.push(file(path)?);
        return Ok(());
    }
    let found = glob::expand(&path).map_err(|source| read_error(&path, "listing", source))?;
    if found.is_empty() {
        let problem = "no file matches".to_owned();
        return Err(missing(
            &path,
            problem,
            "check the pattern; quote it so that the shell leaves it alone",
        ));
    }
    for path in found {
        inputs.push(file(path)?);
    }
    Ok(())
}

fn resolve_folder(path: &Path, inputs: &mut Vec<Input>) -> Result<(), CorpusError> {
    let mut found = Vec::new();
    walk(path, &mut found)?;
    glob::sort_by_bytes(&mut found);
    if found.is_empty() {
        let problem = "there is no file in the folder (hidden ones are left out)".to_owned();
        return Err(missing(path, problem, "put text files there or name another folder"));
    }
    for path in found {
        inputs.push(file(path)?);
    }
    Ok(())
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    let failed = |source| read_error(folder, "listing", source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if glob::is_hidden(&path) {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&path, found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn file(path: PathBuf) -> Result<Input, CorpusError> {
    let data = match fs::metadata(&path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(missing(
                &path,
                "there is no such file".to_owned(),
                "check the path in corpus.inputs",
            ));
        }
        Err(error) => return Err(read_error(&path, "looking up", error)),
    };
    let modified_ns = data
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| u64::try_from(age.as_nanos()).ok());
    // A named pipe or a device has no size of its own.
    let bytes = data.is_file().then_some(data.len());
    let (name, records) = (path.display().to_string(), Arc::default());
    Ok(Input { name, source: Source::File(path), bytes, modified_ns, records })
}

fn sample_bytes(pattern: &str, rest: &str) -> Result<u64, CorpusError> {
    match rest.split_once(':') {
        None if rest == "sample" => Ok(DEFAULT_SAMPLE_BYTES),
        Some(("sample", size)) => parse_size(size).ok_or_else(|| {
            config(
                format!("\"{size}\" in \"{pattern}\" is no size"),
                "write a size as in builtin:sample:100MB",
            )
        }),
        _ => Err(config(
            format!("there is no built-in text \"{pattern}\""),
            "write builtin:sample or builtin:sample:100MB",
        )),
    }
}

/// `100`, `100B`, `1.5kB`, `100MB`, `2GiB`.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor),
        Err(_) => number.parse::<f64>().ok().map(|part| (part * factor as f64) as u64),
    }
}

fn config(problem: String, way_out: &str) -> CorpusError {
    CorpusError::Config { key: "corpus.inputs", problem, way_out: way_out.to_owned() }
}

fn missing(path: &Path, problem: String, way_out: &'static str) -> CorpusError {
    CorpusError::Input {
        path: path.display().to_string(),
        tried: "looking for inputs",
        problem,
        way_out,
    }
}

fn read_error(path: &Path, tried: &'static str, source: io::Error) -> CorpusError {
    CorpusError::Read { path: path.display().to_string(), tried, source }
}

#[cfg(test)]
mod tests;
