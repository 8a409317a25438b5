//! Reads the bytes of a foreign file sequentially, with limits on each read.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::form::VectorForm;
use crate::artefact::first_bytes;
use crate::error::FormatError;
use crate::storage::{FileReader, ReadFile, Storage};

/// Number of bytes that are examined to detect the format.
const HEAD_BYTES: u64 = 1 << 16;
const BUFFER_BYTES: usize = 1 << 18;
/// U+FEFF, the byte order mark, with which some programs begin a text.
pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A file being read.
pub(super) struct Source {
    path: PathBuf,
    form: VectorForm,
    file: Arc<dyn ReadFile>,
    reader: BufReader<FileReader>,
    at: u64,
}

impl Source {
    pub fn open(
        storage: &Arc<dyn Storage>,
        path: &Path,
        form: VectorForm,
    ) -> Result<Self, FormatError> {
        let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
        let reader = FileReader::new(Arc::clone(&file), 0, file.len());
        let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Ok(Self { path: path.to_path_buf(), form, file, reader, at: 0 })
    }

    /// The first bytes of a file.
    pub fn head(storage: &Arc<dyn Storage>, path: &Path) -> Result<Vec<u8>, FormatError> {
        first_bytes(storage, path, HEAD_BYTES)
    }

    /// Skips a byte order mark at the beginning.
    pub fn pass_mark(&mut self) -> Result<(), FormatError> {
        let held = self.reader.fill_buf().map_err(|e| FormatError::io(&self.path, "reading", e))?;
        match held.starts_with(&BYTE_ORDER_MARK) {
            true => self.skip(BYTE_ORDER_MARK.len() as u64),
            false => Ok(()),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file.
    pub fn len(&self) -> u64 {
        self.file.len()
    }

    /// The offset of the next byte.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Replaces `out` by the next bytes up to and including `end`, at most `limit` bytes; returns
    /// whether `end` is among them. At the end of the file `out` is empty.
    pub fn until(&mut self, end: u8, limit: usize, out: &mut Vec<u8>) -> Result<bool, FormatError> {
        out.clear();
        let read = self.reader.by_ref().take(limit as u64).read_until(end, out);
        self.at += read.map_err(|e| FormatError::io(&self.path, "reading", e))? as u64;
        Ok(out.last() == Some(&end))
    }

    /// Replaces `out` by the next `bytes` bytes, a number that was checked.
    pub fn exactly(&mut self, bytes: usize, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.check_left(bytes as u64)?;
        out.resize(bytes, 0);
        self.reader.read_exact(out).map_err(|e| FormatError::io(&self.path, "reading", e))?;
        self.at += bytes as u64;
        Ok(())
    }

    /// Skips bytes.
    pub fn skip(&mut self, bytes: u64) -> Result<(), FormatError> {
        self.check_left(bytes)?;
        // Skipped bytes in the buffer are dropped; the rest is never read.
        let held = (self.reader.buffer().len() as u64).min(bytes);
        self.reader.consume(held as usize);
        self.at += bytes;
        if held < bytes {
            let reader = FileReader::new(Arc::clone(&self.file), self.at, self.len());
            self.reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        }
        Ok(())
    }

    fn check_left(&self, bytes: u64) -> Result<(), FormatError> {
        match self.len() - self.at >= bytes {
            true => Ok(()),
            false => Err(self.error(self.at, "the file ends early".into())),
        }
    }

    pub fn error(&self, offset: u64, what: String) -> FormatError {
        FormatError::Incoming { path: self.path.clone(), form: self.form.what(), offset, what }
    }
}

/// The fields between spaces and tabs in a line, without its end. Other Unicode white space may be part
/// of a word: C's programs do not know it.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
}
