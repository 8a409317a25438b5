//! A tokeniser: the chain of normalisers and the splitter that the settings name.

use super::config::{Normalize, Segmentation, TokenizerConfig, WordRules};
use super::lines::Lines;
use super::normal::Normalizer;
use super::{ascii, cjk, hf, program, simple, whitespace, words};

/// Which spans of ASCII a scanner may take as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spans {
    /// What stands between white space.
    Pieces,
    /// The words of UAX 29.
    Words,
    /// None: it finds words separated by white space, and the tokeniser cuts it.
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

    /// Calls `emit` with every token of the line, in order. Line ends count as white space. Where a program or a file cuts
    /// lines, this cuts them at white space, for an estimate.
    #[inline]
    pub fn tokenize(&mut self, line: &str, mut emit: impl FnMut(&str)) {
        let mut text = std::mem::take(&mut self.line);
        text.clear();
        text.push_str(line);
        self.normal.line(&mut text);
        self.segment(&text, &mut emit);
        self.line = text;
    }

    /// What a scanner may take without asking.
    #[must_use]
    pub fn spans(&self) -> Spans {
        match self.config.segmentation {
            Segmentation::Whitespace => Spans::Pieces,
            Segmentation::Words if self.config.rules == WordRules::default() => Spans::Words,
            Segmentation::Cjk => Spans::Words,
            Segmentation::Words | Segmentation::Hf(_) | Segmentation::Command(_) => Spans::ToBeCut,
        }
    }

    /// What cuts whole lines, if this tokeniser cannot cut a piece by itself.
    #[must_use]
    pub fn lines(&self) -> Option<Box<dyn Lines>> {
        match &self.config.segmentation {
            Segmentation::Hf(file) => Some(hf::open(file)),
            Segmentation::Command(line) => Some(Box::new(program::Program::new(line))),
            Segmentation::Whitespace | Segmentation::Words | Segmentation::Cjk => None,
        }
    }

    /// Calls `emit` with the form of a word that was cut from a text nobody has prepared.
    pub fn finish(&self, word: &str, emit: &mut impl FnMut(&str)) {
        self.normal.word(&self.normal.piece(word), emit);
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &TokenizerConfig {
        &self.config
    }

    /// The form that a word by itself would have in a text of this tokeniser, which is not cut; `None` if it would be left out.
    #[must_use]
    pub fn word_alone(&self, word: &str) -> Option<String> {
        self.normal.alone(word)
    }

    /// Does to a whole text what may be done to it at once, in place: ASCII letters and digits.
    pub fn prepare(&self, text: &mut [u8]) {
        self.normal.text(text);
    }

    /// Calls `emit` with every token of a prepared piece without ASCII white space.
    pub fn piece(&self, piece: &str, mut emit: impl FnMut(&str)) {
        self.segment(piece, &mut emit);
    }

    /// The last place at which `text` may be cut, where it can be told, so that both parts have the
    /// tokens of the whole, whatever follows the text. There is none in a single long word.
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
        // Case and digits are as they should be; only numbers may have to go.
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
                // No normal form but NFKC changes these, and to look costs more than to cut.
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
