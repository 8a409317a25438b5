//! The lines of a text of another program, and the fields of each.

use wordmill_text::input::{Input, InputReader, Packed};

use crate::error::VocabError;

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 20;
/// The longest line: two words of the largest size and a number.
const LINE_BYTES_MAX: usize = (2 << 20) + 100;

/// The fields between spaces and tabs.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|field| !field.is_empty())
}

/// The lines of a text file of any size, with their numbers.
pub(super) struct ForeignLines {
    input: Input,
    reader: InputReader,
    buffer: Vec<u8>,
    /// Bytes that are read but not yet returned.
    held: std::ops::Range<usize>,
    /// The number of the last returned line.
    at: u64,
}

impl ForeignLines {
    pub(super) fn new(input: Input, packed: Packed) -> Result<Self, VocabError> {
        let reader = input.open_as(packed)?;
        let buffer = vec![0; PIECE_BYTES];
        Ok(Self { input, reader, buffer, held: 0..0, at: 0 })
    }

    /// The next line, without its end, and its number from 1. A line end at the end of the file
    /// begins no line.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, VocabError> {
        let mut looked_at = 0;
        let (end, next) = loop {
            let held = &self.buffer[self.held.clone()];
            if let Some(at) = memchr::memchr(b'\n', &held[looked_at..]) {
                break (looked_at + at, looked_at + at + 1);
            }
            looked_at = held.len();
            if !self.fill()? {
                break (looked_at, looked_at);
            }
        };
        if next == 0 {
            return Ok(None);
        }
        let start = self.held.start;
        self.held.start += next;
        self.at += 1;
        let line = &self.buffer[start..start + end];
        let mark = if self.at == 1 { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        Ok(Some((self.at, mark.unwrap_or(line))))
    }

    /// Appends more bytes; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, VocabError> {
        self.buffer.copy_within(self.held.clone(), 0);
        self.held = 0..self.held.len();
        if self.held.end > LINE_BYTES_MAX {
            let problem = format!("line {} is longer than {LINE_BYTES_MAX} bytes", self.at + 1);
            let way_out = "check that it is text with one entry per line";
            return Err(self.input.error("reading lines", problem, way_out).into());
        }
        if self.held.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let read = self.reader.read(&mut self.buffer[self.held.end..])?;
        self.held.end += read;
        Ok(read > 0)
    }
}
