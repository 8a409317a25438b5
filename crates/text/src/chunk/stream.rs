//! Reads chunks of a text sequentially: a pipe, a packed file, the sample.
//!
//! The buffered text begins one byte before the next chunk, so that a cut can see whether a line
//! ends there. A stream does not know other inputs.

use wordmill_formats::ShardId;

use super::cut::{Boundary, Chunk, Cut, Cutter, READ_BYTES};
use crate::error::TextError;
use crate::format::RecordCounts;
use crate::input::{Input, InputReader};
use crate::scan::PAD_BYTES;
use crate::tokenizer::Tokenizer;

/// Reads the chunks of one input.
pub struct StreamReader {
    cutter: Cutter,
    reader: InputReader,
    input: u32,
    next: u32,
    /// Bytes read but not yet returned.
    text: Vec<u8>,
    /// Where it begins in the input.
    offset: u64,
    /// Where the next chunk begins in `text`.
    first: Boundary,
    ended: bool,
    /// Bytes already read to find the end of a word.
    ready: Option<Chunk>,
}

impl StreamReader {
    /// Opens a single input, to be read in chunks of `chunk_bytes`; `tokenizer` determines where a
    /// long line may be cut.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn open(
        input: &Input,
        chunk_bytes: usize,
        tokenizer: Tokenizer,
    ) -> Result<Self, TextError> {
        Ok(Self::new(Cutter::new(chunk_bytes, tokenizer), input.open()?, 0))
    }

    /// Reads the chunks of an open input; `input` is its number, for their ids.
    #[must_use]
    pub fn new(cutter: Cutter, reader: InputReader, input: u32) -> Self {
        let first = Boundary::BEGIN;
        let (text, ready) = (Vec::new(), None);
        Self { cutter, reader, input, next: 0, text, offset: 0, first, ended: false, ready }
    }

    /// Stored bytes read so far, to be compared with [`Input::bytes`].
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.reader.stored_bytes()
    }

    /// Records read so far, and the first broken ones; none for plain lines.
    #[must_use]
    pub fn records(&self) -> Option<(RecordCounts, Vec<String>)> {
        self.reader.records()
    }

    /// Reads the next chunk into `buffer`; `None` at the end.
    ///
    /// # Errors
    /// For an input that cannot be read or unpacked.
    pub fn next_chunk(&mut self, buffer: Vec<u8>) -> Result<Option<Chunk>, TextError> {
        let mut chunk = match self.ready.take() {
            Some(chunk) => Some(chunk),
            None => self.read_chunk(buffer)?.1,
        };
        // A word that was cut off is counted once, however far it continues.
        if let Some(cut_off) = chunk.as_mut().filter(|chunk| chunk.overlong.words > 0) {
            let (end_of_word, next) = self.read_chunk(Vec::new())?;
            cut_off.overlong.bytes += end_of_word;
            self.ready = next;
        }
        Ok(chunk)
    }

    /// The next chunk that is not empty, and the bytes before it of a word that began earlier.
    fn read_chunk(&mut self, mut buffer: Vec<u8>) -> Result<(u64, Option<Chunk>), TextError> {
        let mut end_of_word = 0;
        while !self.ended {
            let multiple = (u64::from(self.next) + 1) * self.cutter.chunk_bytes as u64;
            let multiple = (multiple - self.offset) as usize;
            let (reader, text) = (&mut self.reader, &mut self.text);
            let cut = self.cutter.cut(text, multiple, |text, len| fill(reader, text, len))?;
            let last = Boundary { multiple, cut };
            let end = last.place().min(text.len());
            self.ended = cut == Cut::At(text.len()) && !fill(reader, text, end + 1)?;
            let part = self.cutter.between(text, self.first, last);
            end_of_word += part.end_of_word;
            let id = ShardId { input: self.input, chunk: self.next };
            let offset = self.offset + part.start as u64;
            let continues_line = part.start > 0 && text[part.start - 1] != b'\n';
            if !part.is_empty() {
                buffer.clear();
                buffer.reserve(part.end - part.start + PAD_BYTES);
                buffer.extend_from_slice(&text[part.start..part.end]);
            }
            self.next += 1;
            self.forget(end, last);
            if !part.is_empty() {
                let overlong = part.overlong;
                let chunk = Chunk { id, offset, continues_line, overlong, buffer, start: 0 };
                return Ok((end_of_word, Some(chunk)));
            }
        }
        Ok((end_of_word, None))
    }

    /// Drops the text before `end` except one byte, by which the next cut sees whether a line ends
    /// there.
    fn forget(&mut self, end: usize, last: Boundary) {
        let gone = end.saturating_sub(1);
        self.text.drain(..gone);
        self.offset += gone as u64;
        let cut = match last.cut {
            Cut::At(place) => Cut::At(place - gone),
            Cut::InWord => Cut::InWord,
        };
        self.first = Boundary { multiple: last.multiple.max(gone) - gone, cut };
    }
}

/// Reads until `len` bytes are buffered; `false` if the input ends before.
fn fill(reader: &mut InputReader, text: &mut Vec<u8>, len: usize) -> Result<bool, TextError> {
    while text.len() < len {
        let old = text.len();
        text.resize(old + READ_BYTES, 0);
        let count = reader.read(&mut text[old..]);
        text.truncate(old + count.as_ref().map_or(0, |count| *count));
        if count? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
