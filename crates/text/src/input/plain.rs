//! A plain file, whose chunks can be read in any order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::source::Input;
use crate::error::TextError;

/// A file whose bytes are the text, open for reading at any offset.
pub struct PlainText {
    input: Input,
    file: File,
    /// Bytes before the text.
    mark_bytes: u64,
    bytes: u64,
}

impl PlainText {
    /// A text of this many bytes after those of a mark.
    pub(super) fn new(input: Input, file: File, mark_bytes: u64, bytes: u64) -> Self {
        Self { input, file, mark_bytes, bytes }
    }

    /// The length of the text.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The error of a NUL at an offset of the text.
    #[must_use]
    pub fn nul_error(&self, offset: u64) -> TextError {
        self.input.nul_error(self.mark_bytes + offset)
    }

    /// Fills `buffer` with the text from `offset` on.
    ///
    /// # Errors
    /// Errors of the system, and a file that has become shorter.
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), TextError> {
        self.file.read_exact_at(buffer, self.mark_bytes + offset).map_err(|source| {
            match source.kind() {
                io::ErrorKind::UnexpectedEof => self.input.error(
                    "reading",
                    "it became shorter while it was read".to_owned(),
                    "run again when no program writes to it",
                ),
                _ => self.input.read_error("reading", source),
            }
        })
    }
}
