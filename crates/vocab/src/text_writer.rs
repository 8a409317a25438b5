//! Texts that a stage writes for people and programs: the vocabulary, models of pieces, phrases.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{ArtefactWriter, FormatError, Published, Storage};
use xxhash_rust::xxh3::Xxh3;

/// Text is written in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// A text that is written aside, row by row.
pub(crate) struct TextWriter {
    writer: ArtefactWriter,
    digest: Xxh3,
    text: Vec<u8>,
}

impl TextWriter {
    /// Starts a text.
    pub(crate) fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let writer = ArtefactWriter::create(storage, path)?;
        Ok(Self { writer, digest: Xxh3::new(), text: Vec::with_capacity(2 * PIECE_BYTES) })
    }

    /// Appends bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        self.text.extend_from_slice(bytes);
        if self.text.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Appends a line.
    pub(crate) fn row(&mut self, row: std::fmt::Arguments<'_>) -> Result<(), FormatError> {
        self.bytes(format!("{row}\n").as_bytes())
    }

    /// Publishes the text.
    pub(crate) fn finish(mut self) -> Result<Published, FormatError> {
        self.flush()?;
        self.writer.finish(self.digest.digest())
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        self.digest.update(&self.text);
        self.writer.append(&self.text)?;
        self.text.clear();
        Ok(())
    }
}
