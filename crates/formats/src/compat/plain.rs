//! Writes a plain file of another program: buffered, with a digest of all of it.

use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::artefact::{ArtefactWriter, Published};
use crate::error::FormatError;
use crate::storage::Storage;

/// The storage gets bytes in pieces of about this size.
const PIECE_BYTES: usize = 1 << 18;

/// A file being written sequentially.
pub(super) struct PlainWriter {
    artefact: ArtefactWriter,
    digest: Xxh3,
    held: Vec<u8>,
}

impl PlainWriter {
    /// Starts the partial file.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let artefact = ArtefactWriter::create(storage, path)?;
        Ok(Self { artefact, digest: Xxh3::new(), held: Vec::with_capacity(PIECE_BYTES + 4096) })
    }

    /// Appends the bytes that `fill` puts into the buffer.
    #[inline]
    pub fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), FormatError> {
        fill(&mut self.held);
        if self.held.len() < PIECE_BYTES { Ok(()) } else { self.flush() }
    }

    /// Publishes the file.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        self.flush()?;
        self.artefact.finish(self.digest.digest())
    }

    fn flush(&mut self) -> Result<(), FormatError> {
        self.digest.update(&self.held);
        self.artefact.append(&self.held)?;
        self.held.clear();
        Ok(())
    }
}
