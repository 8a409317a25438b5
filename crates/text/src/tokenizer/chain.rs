//! A tokeniser: the configured chain of normalisers and splitter.

use super::config::{Normalize, Segmentation, TokenizerConfig, WordRules};
use super::lines::Lines;
use super::normal::Normalizer;
use super::{ascii, cjk, hf, program, simple, whitespace, words};

/// Which spans of ASCII a scanner may take as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spans {
    /// Words separated by white space.
    Pieces,
    /// The words of UAX 29.
    Words,
    /// None: it finds pieces separated by white space, and the tokeniser cuts them.
    ToBeCut,
}

/// Cuts lines into tokens; keeps a buffer between lines.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    config: TokenizerConfig,
    normal: Normalizer,
    line: String,
}

impl Tokenizer {
    /// A tokenizer that follows `config`.
    #[must_use]
    pub fn new(config: TokenizerConfig) -> Self {
        Self { normal: Normalizer::new(&config), config, line: String::new() }
    }

    /// Calls `emit` with every token of the line, in order. Line ends count as white space. If the tokeniser is a
    /// program or a file, this cuts at white space instead, as an estimate.
    #[inline]
    pub fn tokenize(&mut self, line: &str, mut emit: impl FnMut(&str)) {
        let mut text = std::mem::take(&mut self.line);
        text.clear();
        text.push_str(line);
        self.normal.line(&mut text);
        self.segment(&text, &mut emit);
        self.line = text;
    }

    /// Which spans a scanner may take as words without the tokeniser.
    #[must_use]
    pub fn spans(&self) -> Spans {
        match self.config.segmentation {
            Segmentation::Whitespace => Spans::Pieces,
            Segmentation::Words if self.config.rules == WordRules::default() => Spans::Words,
            Segmentation::Cjk => Spans::Words,
            Segmentation::Words | Segmentation::Hf(_) | Segmentation::Command(_) => Spans::ToBeCut,
        }
    }

    /// The tokeniser of whole lines, if this one cannot cut a single piece.
    #[must_use]
    pub fn lines(&self) -> Option<Box<dyn Lines>> {
        match &self.config.segmentation {
            Segmentation::Hf(file) => Some(hf::open(file)),
            Segmentation::Command(line) => Some(Box::new(program::Program::new(line))),
            Segmentation::Whitespace | Segmentation::Words | Segmentation::Cjk => None,
        }
    }

    /// Calls `emit` with the form of a word that was cut from unprepared text.
    pub fn finish(&self, word: &str, emit: &mut impl FnMut(&str)) {
        self.normal.word(&self.normal.piece(word), emit);
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &TokenizerConfig {
        &self.config
    }

    /// The form that a single word would have in a text of this tokeniser, without being cut; `None` if it would be
    /// left out.
    #[must_use]
    pub fn word_alone(&self, word: &str) -> Option<String> {
        self.normal.alone(word)
    }

    /// Normalises a whole text as far as possible at once, in place: ASCII letters and digits.
    pub fn prepare(&self, text: &mut [u8]) {
        self.normal.text(text);
    }

    /// Calls `emit` with every token of a prepared piece without ASCII white space.
    pub fn piece(&self, piece: &str, mut emit: impl FnMut(&str)) {
        self.segment(piece, &mut emit);
    }

    /// The last place at which `text` may be cut, if known, so that both parts have the tokens of
    /// the whole, whatever follows the text. There is none in a single long word.
    #[must_use]
    pub fn last_boundary(&self, text: &str) -> Option<usize> {
        match self.config.segmentation {
            Segmentation::Whitespace => whitespace::last_boundary(text),
            Segmentation::Words => words::last_boundary(self.config.rules, text),
            Segmentation::Cjk => cjk::last_boundary(text),
            Segmentation::Hf(_) | Segmentation::Command(_) => whitespace::last_boundary(text),
        }
    }

    #[inline]
    fn segment(&self, text: &str, emit: &mut impl FnMut(&str)) {
        if text.is_ascii() {
            return self.cut(text, emit);
        }
        let is_whole = !matches!(self.config.segmentation, Segmentation::Words | Segmentation::Cjk);
        ascii::pieces(text, |piece| match (piece.is_ascii(), is_whole) {
            (true, true) => self.normal.ready(piece, emit),
            (true, false) => self.cut(piece, emit),
            (false, _) => self.other(piece, emit),
        });
    }

    /// Cuts ASCII.
    #[inline]
    fn cut(&self, text: &str, emit: &mut impl FnMut(&str)) {
        // Case and digits are already normalised; only numbers may have to be removed.
        let mut emit = |word: &str| self.normal.ready(word, emit);
        match self.config.segmentation {
            Segmentation::Words | Segmentation::Cjk => {
                words::split(self.config.rules, text, &mut emit);
            }
            _ => whitespace::split(text, &mut emit),
        }
    }

    /// Cuts a piece that is not ASCII.
    fn other(&self, piece: &str, emit: &mut impl FnMut(&str)) {
        let Self { config, normal, .. } = self;
        let mut emit = |word: &str| normal.word(word, emit);
        match &config.segmentation {
            Segmentation::Words => {
                // Only NFKC changes these, and checking costs more than cutting.
                let is_plain = config.rules == WordRules::default();
                if is_plain && normal.form != Normalize::Nfkc && simple::is_simple(piece) {
                    return simple::words(piece, &mut emit);
                }
                words::split(config.rules, &normal.piece(piece), &mut emit);
            }
            Segmentation::Cjk => cjk::split(&normal.piece(piece), &mut emit),
            _ => whitespace::split(&normal.piece(piece), &mut emit),
        }
    }
}
