//! Reads any one chunk of a plain file, by its offset alone.
//!
//! Workers share the open file and read at offsets, so the chunks of one large file are read in
//! parallel and in any order. The chunks are the same as in sequential reading.

use wordmill_formats::ShardId;

use super::cut::{Boundary, Chunk, Cutter, Part};
use crate::error::TextError;
use crate::input::PlainText;
use crate::scan::PAD_BYTES;

/// Reads chunks of one plain file.
pub struct RangeReader {
    /// The file.
    pub text: PlainText,
    /// The number of the input, for the ids of chunks.
    pub input: u32,
}

impl RangeReader {
    /// How many chunks there may be.
    #[must_use]
    pub fn chunks(&self, cutter: &Cutter) -> u32 {
        u32::try_from(self.text.bytes().div_ceil(cutter.chunk_bytes as u64)).unwrap_or(u32::MAX)
    }

    /// Reads chunk `chunk` into `buffer`; `None` if no line begins in its range.
    ///
    /// # Errors
    /// For a file that cannot be read or has become shorter, and for a NUL in the text.
    pub fn chunk(
        &self,
        cutter: &Cutter,
        chunk: u32,
        mut buffer: Vec<u8>,
    ) -> Result<Option<Chunk>, TextError> {
        let (offset, part) = self.part(cutter, chunk, &mut buffer)?;
        if part.is_empty() {
            return Ok(None);
        }
        buffer.truncate(part.end);
        if let Some(at) = memchr::memchr(0, &buffer[part.start..]) {
            return Err(self.text.nul_error(offset + (part.start + at) as u64));
        }
        let mut overlong = part.overlong;
        if overlong.words > 0 {
            overlong.bytes += self.rest_of_word(cutter, chunk + 1)?;
        }
        let continues_line = part.start > 0 && buffer[part.start - 1] != b'\n';
        let id = ShardId { input: self.input, chunk };
        let (offset, start) = (offset + part.start as u64, part.start);
        Ok(Some(Chunk { id, offset, continues_line, overlong, start, buffer }))
    }

    /// Reads the bytes of a chunk, and returns where `buffer` begins and which part is the chunk.
    fn part(
        &self,
        cutter: &Cutter,
        chunk: u32,
        buffer: &mut Vec<u8>,
    ) -> Result<(u64, Part), TextError> {
        let begin = u64::from(chunk) * cutter.chunk_bytes as u64;
        // The byte before shows whether a line begins at the beginning of the range.
        let offset = begin.saturating_sub(1);
        let before = (begin - offset) as usize;
        let most = before + cutter.chunk_bytes + READ_AHEAD;
        let known = self.text.bytes().saturating_sub(offset).min(most as u64) as usize;
        // The content of a recycled buffer is overwritten, not cleared.
        buffer.truncate(known);
        buffer.reserve(known + PAD_BYTES - buffer.len());
        buffer.resize(known, 0);
        self.text.read_exact_at(offset, buffer)?;
        let fill = |text: &mut Vec<u8>, len| self.fill(text, offset, len);
        let first = match before {
            0 => Boundary::BEGIN,
            _ => Boundary { multiple: before, cut: cutter.cut(buffer, before, fill)? },
        };
        let multiple = before + cutter.chunk_bytes;
        let last = Boundary { multiple, cut: cutter.cut(buffer, multiple, fill)? };
        Ok((offset, cutter.between(buffer, first, last)))
    }

    /// Bytes from chunk `next` on of a word that began before it.
    fn rest_of_word(&self, cutter: &Cutter, next: u32) -> Result<u64, TextError> {
        let (mut bytes, mut buffer) = (0, Vec::new());
        for chunk in next..self.chunks(cutter) {
            let (_, part) = self.part(cutter, chunk, &mut buffer)?;
            bytes += part.end_of_word;
            if !part.is_inside {
                break;
            }
        }
        Ok(bytes)
    }

    /// Reads until `text`, which begins at `offset`, has `len` bytes; `false` if the file ends
    /// before.
    fn fill(&self, text: &mut Vec<u8>, offset: u64, len: usize) -> Result<bool, TextError> {
        let known = self.text.bytes().saturating_sub(offset).min(len as u64) as usize;
        if text.len() < known {
            let old = text.len();
            text.resize(known, 0);
            self.text.read_exact_at(offset + old as u64, &mut text[old..])?;
        }
        Ok(text.len() >= len)
    }
}

/// Bytes read beyond a chunk, as its last line usually ends there.
const READ_AHEAD: usize = 16 * 1024;
