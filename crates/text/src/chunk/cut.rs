//! A chunk, and where text is cut into chunks.

use std::str;

use memchr::{memchr, memchr2, memchr3, memrchr3};
use wordmill_flow::Weighted;
use wordmill_formats::ShardId;

use crate::error::TextError;
use crate::tokenizer::Tokenizer;

/// Default size of a chunk in bytes. A shard then has some 40,000 distinct words, whose index stays
/// in the second-level cache.
pub const DEFAULT_CHUNK_BYTES: usize = 4 << 20;
/// The longest word that can become a token.
pub const MAX_WORD_BYTES: usize = 1 << 20;
/// Bytes read at once.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// A part of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The number of its input, and its own number in that input.
    pub id: ShardId,
    /// Where it begins in the unpacked text of the input, in bytes.
    pub offset: u64,
    /// Whether it begins within a line whose first part is in a chunk before.
    pub continues_line: bool,
    /// The word left out at its end because it is too long.
    pub overlong: Overlong,
    /// The text, which may be invalid UTF-8, after `start` unused bytes.
    pub buffer: Vec<u8>,
    /// Where the text begins.
    pub start: usize,
}

impl Chunk {
    /// A chunk that is a whole input.
    #[must_use]
    pub fn new(buffer: Vec<u8>) -> Self {
        let overlong = Overlong::default();
        Self {
            id: ShardId::default(),
            offset: 0,
            continues_line: false,
            overlong,
            buffer,
            start: 0,
        }
    }

    /// The bytes. Empty only if all were left out.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The bytes, mutable.
    pub fn text_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }
}

impl Weighted for Chunk {
    fn held_bytes(&self) -> usize {
        self.buffer.capacity()
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

/// Determines where text is cut.
#[derive(Clone, Debug)]
pub struct Cutter {
    pub(super) chunk_bytes: usize,
    tokenizer: Tokenizer,
}

/// The cut at a multiple of the chunk size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It is cut here, at or after the multiple.
    At(usize),
    /// A word without end covers the multiple.
    InWord,
}

/// Where one chunk ends and the next begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boundary {
    /// A multiple of the chunk size, as an offset in the available text.
    pub multiple: usize,
    /// The cut there.
    pub cut: Cut,
}

impl Boundary {
    /// The beginning of a text.
    pub const BEGIN: Self = Self { multiple: 0, cut: Cut::At(0) };

    /// The end of the chunk before it.
    pub fn place(self) -> usize {
        match self.cut {
            Cut::At(place) => place,
            Cut::InWord => self.multiple,
        }
    }
}

impl Cutter {
    /// Cuts into chunks of `chunk_bytes` (never less than 64); `tokenizer` determines where a long
    /// line may be cut.
    #[must_use]
    pub fn new(chunk_bytes: usize, tokenizer: Tokenizer) -> Self {
        Self { chunk_bytes: chunk_bytes.max(64), tokenizer }
    }

    /// The most bytes that a chunk takes while it is read: its text, which may begin and end almost
    /// a chunk late, and what is read beyond.
    #[must_use]
    pub fn peak_bytes(chunk_bytes: usize) -> usize {
        2 * chunk_bytes.max(64) + 2 * READ_BYTES
    }

    /// The cut at `multiple`, an offset in `text` other than its beginning. `fill` reads until the
    /// given number of bytes is available and returns whether it is.
    pub(super) fn cut(
        &self,
        text: &mut Vec<u8>,
        multiple: usize,
        mut fill: impl FnMut(&mut Vec<u8>, usize) -> Result<bool, TextError>,
    ) -> Result<Cut, TextError> {
        let most = multiple + self.chunk_bytes;
        let mut searched = multiple - 1;
        loop {
            let wanted = (searched + READ_BYTES).min(most);
            let ended = !fill(text, wanted)?;
            let upto = text.len().min(most - 1);
            if let Some(end) = text.get(searched..upto).and_then(|text| memchr(b'\n', text)) {
                return Ok(Cut::At(searched + end + 1));
            }
            if ended && text.len() < most {
                return Ok(Cut::At(text.len()));
            }
            if upto == most - 1 && text.len() >= most {
                return Ok(self.cut_line(text, multiple, most - 1));
            }
            searched = searched.max(upto);
        }
    }

    /// The cut of a line that continues from `multiple` to `most`.
    fn cut_line(&self, text: &[u8], multiple: usize, most: usize) -> Cut {
        if let Some(space) = memchr2(b' ', b'\t', &text[multiple..most]) {
            return Cut::At(multiple + space + 1);
        }
        for window in [MAX_WORD_BYTES.min(most - multiple), most - multiple] {
            let (skipped, valid) = last_valid(&text[multiple..multiple + window]);
            if let Some(cut) = self.tokenizer.last_boundary(valid).filter(|cut| *cut > 0) {
                return Cut::At(multiple + skipped + cut);
            }
        }
        Cut::InWord
    }

    /// The text between the cuts at `first` and `last`, without the words that do not end there.
    pub(super) fn between(&self, text: &[u8], first: Boundary, last: Boundary) -> Part {
        let (begin, end) = (first.place(), last.place());
        let mut start = begin;
        if first.cut == Cut::InWord {
            let rest = memchr3(b' ', b'\t', b'\n', &text[begin..end]);
            start = rest.map_or(end, |rest| begin + rest);
        }
        let end_of_word = (start - begin) as u64;
        let is_inside = last.cut == Cut::InWord && first.cut == Cut::InWord && start == end;
        let mut part = Part { start, end, end_of_word, is_inside, overlong: Overlong::default() };
        if last.cut == Cut::InWord && !is_inside {
            part.end = start + self.last_cut(&text[start..end]);
            part.overlong = Overlong { words: 1, bytes: (end - part.end) as u64 };
        }
        part
    }

    /// Where the last word of the text begins.
    fn last_cut(&self, text: &[u8]) -> usize {
        if let Some(space) = memrchr3(b' ', b'\t', b'\n', text) {
            return space + 1;
        }
        for window in [text.len().saturating_sub(MAX_WORD_BYTES), 0] {
            let (skipped, valid) = last_valid(&text[window..]);
            if let Some(cut) = self.tokenizer.last_boundary(valid) {
                return window + skipped + cut;
            }
        }
        0
    }
}

/// The text of a chunk, and what was left out of it.
pub(super) struct Part {
    pub start: usize,
    pub end: usize,
    /// Bytes before the text that belong to a word of an earlier chunk.
    pub end_of_word: u64,
    /// Whether there is only a part of that word, which continues.
    pub is_inside: bool,
    /// The word that is cut off at the end.
    pub overlong: Overlong,
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && self.overlong.words == 0
    }
}

/// The last run of UTF-8 in `bytes`, and its offset.
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
