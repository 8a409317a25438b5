//! Chunks: the corpus cut into pieces that are tokenised each on its own.
//!
//! A *chunk* is a run of whole lines of one input, a little longer than `chunk_bytes`. A line that
//! does not end within twice that is cut between two words, and the next chunk continues it; a word
//! that does not end within twice that is left out and counted. Where the cuts fall depends on the
//! bytes alone, never on how they were read.

use std::{mem, str};

use memchr::{memchr, memchr3, memrchr3};
use wordmill_flow::Weighted;

use crate::error::CorpusError;
use crate::input::{Input, InputReader};
use crate::scan::PAD_BYTES;
use crate::tokenizer::Tokenizer;

/// Bytes of a chunk where nothing else is asked for. A shard then has some 50,000 distinct words,
/// whose table stays in the second-level cache.
pub const DEFAULT_CHUNK_BYTES: usize = 4 << 20;
/// The longest word that can become a token.
pub const MAX_WORD_BYTES: usize = 1 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// A part of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, from 0, over all inputs.
    pub index: u64,
    /// The number of the input it comes from.
    pub input: usize,
    /// Where it begins in the unpacked text of the input, in bytes.
    pub offset: u64,
    /// Whether it begins within a line whose first part is in the chunk before.
    pub continues_line: bool,
    /// Words left out between the chunk before and this one because they are too long to be read.
    pub overlong: Overlong,
    /// The bytes, which may or may not be UTF-8. Empty only where words were left out at the very
    /// end.
    pub text: Vec<u8>,
}

impl Chunk {
    /// A chunk that begins an input and ends where the text ends.
    pub(crate) fn new(text: Vec<u8>) -> Self {
        let overlong = Overlong::default();
        Self { index: 0, input: 0, offset: 0, continues_line: false, overlong, text }
    }
}

impl Weighted for Chunk {
    fn held_bytes(&self) -> usize {
        self.text.capacity()
    }
}

/// Words too long to be tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlong {
    /// How many were left out.
    pub words: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Reads the inputs in order and cuts them into chunks.
pub struct ChunkReader {
    chunk_bytes: usize,
    tokenizer: Tokenizer,
    inputs: Vec<Input>,
    next_input: usize,
    reader: Option<InputReader>,
    /// Read but not yet given out.
    rest: Vec<u8>,
    rest_offset: u64,
    continues_line: bool,
    next_index: u64,
    /// Not yet told by a chunk.
    overlong: Overlong,
    stored_bytes: u64,
}

/// What to do with the text at hand.
enum Cut {
    At(usize),
    LongWord,
}

impl ChunkReader {
    /// Reads `inputs` in chunks of at least `chunk_bytes` (never less than 64); `tokenizer` says
    /// where a long line may be cut.
    #[must_use]
    pub fn new(inputs: Vec<Input>, chunk_bytes: usize, tokenizer: Tokenizer) -> Self {
        Self {
            chunk_bytes: chunk_bytes.max(64),
            tokenizer,
            inputs,
            next_input: 0,
            reader: None,
            rest: Vec::new(),
            rest_offset: 0,
            continues_line: false,
            next_index: 0,
            overlong: Overlong::default(),
            stored_bytes: 0,
        }
    }

    /// The most bytes a chunk and the text read ahead of it take together, for the memory budget.
    #[must_use]
    pub fn peak_bytes(chunk_bytes: usize) -> usize {
        3 * chunk_bytes.max(64) + 2 * READ_BYTES
    }

    /// The inputs that are read.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Bytes read so far as they are stored: comparable with the sum of [`Input::bytes`].
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes + self.reader.as_ref().map_or(0, InputReader::stored_bytes)
    }

    /// The next chunk, whose text is put into `buffer`; `None` at the end of the last input.
    ///
    /// # Errors
    /// An input that cannot be opened, read or unpacked.
    pub fn next_chunk(&mut self, mut buffer: Vec<u8>) -> Result<Option<Chunk>, CorpusError> {
        while self.open()? {
            let Cut::At(cut) = self.cut()? else {
                self.skip_word()?;
                continue;
            };
            if cut == 0 {
                self.close();
                continue;
            }
            buffer.clear();
            buffer.reserve(cut + PAD_BYTES);
            buffer.extend_from_slice(&self.rest[..cut]);
            self.rest.drain(..cut);
            return Ok(Some(self.give(buffer)));
        }
        buffer.clear();
        Ok((self.overlong.words > 0).then(|| self.give(buffer)))
    }

    fn give(&mut self, text: Vec<u8>) -> Chunk {
        let chunk = Chunk {
            index: self.next_index,
            input: self.next_input - 1,
            offset: self.rest_offset,
            continues_line: self.continues_line,
            overlong: mem::take(&mut self.overlong),
            text,
        };
        self.continues_line = chunk.text.last() != Some(&b'\n');
        self.rest_offset += chunk.text.len() as u64;
        self.next_index += 1;
        chunk
    }

    /// Opens the next input where none is open; `false` after the last.
    fn open(&mut self) -> Result<bool, CorpusError> {
        if self.reader.is_some() {
            return Ok(true);
        }
        let Some(input) = self.inputs.get(self.next_input) else {
            return Ok(false);
        };
        self.reader = Some(input.open()?);
        self.next_input += 1;
        self.rest_offset = 0;
        self.continues_line = false;
        Ok(true)
    }

    fn close(&mut self) {
        self.stored_bytes = self.stored_bytes();
        self.reader = None;
    }

    /// Where the chunk ends that begins the text at hand.
    fn cut(&mut self) -> Result<Cut, CorpusError> {
        let (least, most) = (self.chunk_bytes, 2 * self.chunk_bytes);
        let mut searched = least - 1;
        loop {
            let wanted = (searched + READ_BYTES).min(most + 1);
            let ended = !self.fill(wanted)?;
            let upto = self.rest.len().min(most);
            if let Some(end) = self.rest.get(searched..upto).and_then(|text| memchr(b'\n', text)) {
                return Ok(Cut::At(searched + end + 1));
            }
            if ended && self.rest.len() <= most {
                return Ok(Cut::At(self.rest.len()));
            }
            if upto == most && self.rest.len() > most {
                return Ok(self.cut_line(most));
            }
            searched = searched.max(upto);
        }
    }

    /// Where a line that is too long may be cut.
    fn cut_line(&self, most: usize) -> Cut {
        let text = &self.rest[..most];
        if let Some(space) = memrchr3(b' ', b'\t', b'\n', text) {
            return Cut::At(space + 1);
        }
        for window in [MAX_WORD_BYTES.min(most), most] {
            let start = most - window;
            let (valid, text) = last_valid(&text[start..]);
            if let Some(cut) =
                self.tokenizer.last_boundary(text).filter(|cut| start + valid + cut > 0)
            {
                return Cut::At(start + valid + cut);
            }
        }
        Cut::LongWord
    }

    /// Drops the text up to the next white space.
    fn skip_word(&mut self) -> Result<(), CorpusError> {
        let mut dropped = 0;
        loop {
            let end = memchr3(b' ', b'\t', b'\n', &self.rest);
            let part = end.unwrap_or(self.rest.len());
            self.rest.drain(..part);
            dropped += part as u64;
            if end.is_some() || !self.fill(READ_BYTES)? && self.rest.is_empty() {
                break;
            }
        }
        self.overlong.words += 1;
        self.overlong.bytes += dropped;
        self.rest_offset += dropped;
        self.continues_line = true;
        Ok(())
    }

    /// Reads until `wanted` bytes are at hand; `false` if the input ends before.
    fn fill(&mut self, wanted: usize) -> Result<bool, CorpusError> {
        let Some(reader) = self.reader.as_mut() else {
            return Ok(false);
        };
        while self.rest.len() < wanted {
            let old = self.rest.len();
            self.rest.resize(old + READ_BYTES, 0);
            let count = reader.read(&mut self.rest[old..]);
            self.rest.truncate(old + count.as_ref().map_or(0, |count| *count));
            if count? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The last run of UTF-8 in `bytes`, and where it begins.
fn last_valid(bytes: &[u8]) -> (usize, &str) {
    let mut at = bytes.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
    loop {
        match str::from_utf8(&bytes[at..]) {
            Ok(text) => return (at, text),
            Err(error) => {
                let valid = error.valid_up_to();
                match error.error_len() {
                    Some(len) => at += valid + len,
                    None => {
                        return (at, str::from_utf8(&bytes[at..at + valid]).unwrap_or_default());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
