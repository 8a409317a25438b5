//! Where the words of a chunk begin and end, found by bit masks of 64 bytes at a time.
//!
//! A *span* is a word of pure ASCII; or a whole piece between ASCII white space that is left to the
//! tokenizer, because it is not ASCII or very long; or a single line end. The text is scanned block
//! by block into two lists of offsets, so that the walk over the masks and the look-up of words are
//! two short loops with few mispredicted branches. It knows nothing of words beyond their bytes.

use crate::tokenizer::{Spans, ascii};

/// White space that must follow the text, so that every window and every word can be read in full.
pub const PAD_BYTES: usize = 2 * WINDOW_BYTES;
/// Bytes that one set of masks covers.
const WINDOW_BYTES: usize = 64;
/// Bytes scanned before the found spans are returned: their offsets stay in the first-level cache.
pub const BLOCK_BYTES: usize = 4096;
/// Offsets written without checking their number: English has 11 words in a window.
const UNCHECKED_PLACES: usize = 12;

/// Finds the spans of one text after another.
pub struct Scanner {
    spans: Spans,
    /// The next byte to scan.
    at: usize,
    /// 1 if the byte before it belongs to a word.
    in_word: u64,
    /// 1 if the byte before it is a line end.
    after_line_end: u64,
    /// Start of the piece that continues at the end of the last block.
    piece_start: usize,
    starts: Places,
    ends: Places,
    given: usize,
}

/// Offsets in ascending order; entries beyond `count` are unused.
#[derive(Default)]
struct Places {
    offsets: Vec<u32>,
    count: usize,
}

/// Masks of a window; bit `i` is byte `i`.
struct Masks {
    word: u64,
    /// Marks that may join the parts of a word.
    mid: u64,
    line_end: u64,
}

impl Scanner {
    /// Finds such spans.
    #[must_use]
    pub fn new(spans: Spans) -> Self {
        Self {
            spans,
            at: 0,
            in_word: 0,
            after_line_end: 0,
            piece_start: 0,
            starts: Places::default(),
            ends: Places::default(),
            given: 0,
        }
    }

    /// Prepares for another text.
    pub fn begin(&mut self) {
        (self.at, self.in_word, self.after_line_end, self.piece_start) = (0, 0, 0, 0);
        (self.starts.count, self.ends.count, self.given) = (0, 0, 0);
    }

    /// The next starts and ends, the same number of each; `None` at the end. `text` is `len` bytes,
    /// of any case, and [`PAD_BYTES`] spaces.
    pub fn next_block(&mut self, text: &[u8], len: usize) -> Option<(&[u32], &[u32])> {
        self.starts.forget(self.given);
        self.ends.forget(self.given);
        self.given = 0;
        if self.at > len {
            return None;
        }
        let block = self.at;
        let stop = (block + BLOCK_BYTES).min(len + 1);
        match self.spans {
            Spans::Pieces | Spans::ToBeCut => {
                while self.at < stop {
                    self.window_of_pieces(text);
                }
                self.given = self.ends.count;
            }
            Spans::Words => {
                while self.at < stop {
                    self.window_of_words(text);
                }
                self.given =
                    if self.at > len { self.ends.count } else { self.settled(text, block) };
            }
        }
        Some((&self.starts.offsets[..self.given], &self.ends.offsets[..self.given]))
    }

    /// How many spans no later byte can change: those before the current piece, which becomes one
    /// span if a byte in it is not ASCII. A piece longer than a block becomes one span at once.
    fn settled(&mut self, text: &[u8], block: usize) -> usize {
        let last = text[block..self.at].iter().rposition(|byte| ascii::is_space(*byte));
        self.piece_start = last.map_or(self.piece_start, |last| block + last + 1);
        if self.at - self.piece_start > BLOCK_BYTES {
            self.whole_piece(text, self.piece_start, self.at);
            self.piece_start = self.at;
        }
        self.starts.before(self.piece_start).min(self.ends.count)
    }

    fn window_of_pieces(&mut self, text: &[u8]) {
        let masks = piece_masks(window(text, self.at));
        self.add(&masks);
        self.at += WINDOW_BYTES;
    }

    fn window_of_words(&mut self, text: &[u8]) {
        let window = window(text, self.at);
        let mut masks = word_masks(window);
        let joined = masks.mid & (masks.word << 1 | self.in_word) & (masks.word >> 1 | 1 << 63);
        if joined != 0 {
            self.join(text, &mut masks.word, joined);
        }
        if window.is_ascii() {
            self.add(&masks);
            self.at += WINDOW_BYTES;
        } else {
            self.window_with_others(text, &masks);
        }
    }

    /// Adds the marks among `places` that join two letters or two digits.
    fn join(&self, text: &[u8], word: &mut u64, mut places: u64) {
        while places != 0 {
            let bit = places.trailing_zeros();
            if ascii::joins(text, self.at + bit as usize) {
                *word |= 1 << bit;
            }
            places &= places - 1;
        }
    }

    /// Takes the window up to the first piece that is not ASCII, and that piece as one span.
    fn window_with_others(&mut self, text: &[u8], masks: &Masks) {
        let others = text[self.at..].iter().position(|byte| !byte.is_ascii());
        let other = self.at + others.expect("the caller has seen one");
        let space = text[..other].iter().rposition(|byte| ascii::is_space(*byte));
        let start = space.map_or(0, |space| space + 1);
        if start > self.at {
            let before = (1 << (start - self.at)) - 1;
            let (word, line_end) = (masks.word & before, masks.line_end & before);
            self.add(&Masks { word, mid: 0, line_end });
        } else if self.after_line_end == 1 {
            self.add(&Masks { word: 0, mid: 0, line_end: 0 });
        }
        self.whole_piece(text, start, other);
    }

    /// Makes one span of the piece that begins at `start` and contains `at`, replacing the spans
    /// found in it.
    fn whole_piece(&mut self, text: &[u8], start: usize, at: usize) {
        let rest = text[at..].iter().position(|byte| ascii::is_space(*byte));
        let end = at + rest.expect("white space follows the text");
        let before = self.starts.before(start);
        self.starts.count = before;
        self.ends.count = before;
        self.starts.push(start);
        self.ends.push(end);
        (self.at, self.in_word, self.after_line_end) = (end, 0, 0);
    }

    /// Adds the spans of a window at `at`.
    fn add(&mut self, masks: &Masks) {
        let after_word = masks.word << 1 | self.in_word;
        let after_line_end = masks.line_end << 1 | self.after_line_end;
        let starts = masks.word & !after_word | masks.line_end;
        let ends = !masks.word & after_word | after_line_end;
        let open = self.in_word + self.after_line_end;
        (self.in_word, self.after_line_end) = (masks.word >> 63, masks.line_end >> 63);
        let begun = starts.count_ones() as usize;
        let ended = begun + (open as usize) - (self.in_word + self.after_line_end) as usize;
        self.starts.add(self.at, starts, begun);
        self.ends.add(self.at, ends, ended);
    }
}

impl Places {
    /// Writes `base` and the place of each of the `count` bits.
    #[inline]
    fn add(&mut self, base: usize, mut bits: u64, count: usize) {
        if self.offsets.len() < self.count + WINDOW_BYTES + UNCHECKED_PLACES {
            self.offsets.resize(2 * self.count + BLOCK_BYTES, 0);
        }
        let base = base as u32;
        let out = &mut self.offsets[self.count..];
        let mut take = |place: &mut u32| {
            *place = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        };
        let (few, more) = out.split_at_mut(UNCHECKED_PLACES);
        few.iter_mut().for_each(&mut take);
        if count > UNCHECKED_PLACES {
            more[..count - UNCHECKED_PLACES].iter_mut().for_each(take);
        }
        self.count += count;
    }

    fn push(&mut self, offset: usize) {
        self.add(offset, 1, 1);
    }

    /// How many are below `offset`, searched from the end, where it is.
    fn before(&self, offset: usize) -> usize {
        let known = &self.offsets[..self.count];
        known.iter().rposition(|place| (*place as usize) < offset).map_or(0, |last| last + 1)
    }

    fn forget(&mut self, given: usize) {
        self.offsets.copy_within(given..self.count, 0);
        self.count -= given;
    }
}

fn window(text: &[u8], at: usize) -> &[u8; WINDOW_BYTES] {
    text[at..].first_chunk().expect("white space follows the text")
}

/// Everything but white space is a word.
fn piece_masks(window: &[u8; WINDOW_BYTES]) -> Masks {
    let (mut word, mut line_end) = ([0; WINDOW_BYTES], [0; WINDOW_BYTES]);
    for (at, byte) in window.iter().enumerate() {
        word[at] = u8::from((*byte != b' ') & (byte.wrapping_sub(9) >= 5));
        line_end[at] = u8::from(*byte == b'\n');
    }
    Masks { word: mask(&word), mid: 0, line_end: mask(&line_end) }
}

/// Letters, digits and `_` make words.
fn word_masks(window: &[u8; WINDOW_BYTES]) -> Masks {
    let (mut word, mut mid) = ([0; WINDOW_BYTES], [0; WINDOW_BYTES]);
    let mut line_end = [0; WINDOW_BYTES];
    for (at, &byte) in window.iter().enumerate() {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        word[at] = u8::from(letter | digit | (byte == b'_'));
        let stop = (byte == b'.') | (byte == b',') | (byte == b'\'');
        mid[at] = u8::from(stop | (byte == b':') | (byte == b';'));
        line_end[at] = u8::from(byte == b'\n');
    }
    Masks { word: mask(&word), mid: mask(&mid), line_end: mask(&line_end) }
}

/// Bit `i` is byte `i`, which is 0 or 1: the product moves each byte of eight to its bit of the top
/// byte.
#[inline]
fn mask(flags: &[u8; WINDOW_BYTES]) -> u64 {
    let mut bits = 0;
    for (index, eight) in flags.as_chunks().0.iter().enumerate() {
        let top = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= top << (8 * index);
    }
    bits
}
