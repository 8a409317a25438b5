//! For benches only: the hot loops separately, on text in memory. It is not part of the API and may change at any time.
//!
//! Each function does one part of tokenising and all parts before it, on text of whole lines, so
//! the cost of a part is a difference.

use wordmill_text::chunk::Chunk;
use wordmill_text::scan::{PAD_BYTES, Scanner};
use wordmill_text::tokenizer::{Tokenizer, TokenizerConfig};

use crate::numbering::Numbering;

/// The parts, with reusable memory.
pub struct HotLoops {
    scanner: Scanner,
    numbering: Numbering,
    chunk: Chunk,
    sorted: Vec<u32>,
}

impl HotLoops {
    /// Prepares for text cut as `config` says.
    #[must_use]
    pub fn new(config: TokenizerConfig) -> Self {
        Self {
            scanner: Scanner::new(Tokenizer::new(config.clone()).spans()),
            numbering: Numbering::new(config),
            chunk: Chunk::new(Vec::new()),
            sorted: Vec::new(),
        }
    }

    fn copy(&mut self, text: &str) {
        self.chunk.buffer.clear();
        self.chunk.buffer.extend_from_slice(text.as_bytes());
    }

    /// Copies the text and finds the spans; returns their number.
    pub fn scan(&mut self, text: &str) -> usize {
        self.copy(text);
        self.chunk.buffer.resize(text.len() + PAD_BYTES, b' ');
        self.scanner.begin();
        let mut spans = 0;
        while let Some((starts, _)) = self.scanner.next_block(&self.chunk.buffer, text.len()) {
            spans += starts.len();
        }
        spans
    }

    /// Copies the text and numbers its words; returns the number of tokens and line ends.
    pub fn number(&mut self, text: &str) -> usize {
        self.copy(text);
        let numbered = self.numbering.number(&mut self.chunk, |_| Ok(usize::MAX), &|| Ok(()));
        numbered.expect("nothing asks to stop");
        self.numbering.numbers.len()
    }

    /// Sorts the distinct words of the last numbered text.
    pub fn sort(&mut self) -> usize {
        self.numbering.interner.sort(&mut self.sorted);
        self.sorted.len()
    }
}
