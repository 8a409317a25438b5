//! Words: how a line of text is cut into tokens, and where a line may be cut without changing them.
//!
//! A *token* is a word as the vocabulary will know it. A *tokeniser* is a chain of normalisers (`normal`) and a splitter:
//! a file each, and a line in [`TOKENIZERS`]. The splitter `whitespace` cuts at Unicode white space only; `words` cuts at ASCII
//! white space first and then at the word boundaries of Unicode's UAX 29 (one token a Han character). Lines of pure ASCII take a
//! fast path with the same result. Which words stay is not known here.

pub(crate) mod ascii;
mod cjk;
mod config;
mod hf;
mod normal;
mod program;
mod simple;
mod whitespace;
mod words;

pub use config::{
    Accents, Case, Description, Digits, Mark, Normalize, Segmentation, TokenizerConfig, WordRules,
};
pub use hf::HfFile;
use normal::Normalizer;
pub use program::words_of;

use crate::error::CorpusError;

/// A tokeniser by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, as in `corpus.tokenizer`.
    pub name: &'static str,
    /// Raised when it gives other tokens than before.
    pub version: u32,
    /// What it does, in a few words.
    pub what: &'static str,
}

/// All tokenisers.
pub const TOKENIZERS: &[Entry] = &[
    Entry { name: "whitespace", version: 1, what: "what stands between white space" },
    Entry { name: "words", version: 1, what: "words by Unicode's rules, UAX 29" },
    Entry { name: "cjk", version: 1, what: "words of languages without spaces, by dictionaries" },
    Entry { name: "hf", version: 1, what: "tokens of a tokenizer.json" },
    Entry { name: "command", version: 1, what: "what a program makes of lines" },
];

/// The feature that a tokeniser needs and this program was built without.
#[must_use]
pub fn missing_feature(name: &str) -> Option<&'static str> {
    match name {
        "cjk" if !cjk::IS_BUILT => Some("cjk"),
        "hf" if !hf::IS_BUILT => Some("hf"),
        _ => None,
    }
}

/// The entry of a segmentation.
fn entry(segmentation: &Segmentation) -> Entry {
    TOKENIZERS[match segmentation {
        Segmentation::Whitespace => 0,
        Segmentation::Words => 1,
        Segmentation::Cjk => 2,
        Segmentation::Hf(_) => 3,
        Segmentation::Command(_) => 4,
    }]
}

/// Which spans of ASCII a scanner may take as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spans {
    /// What stands between white space.
    Pieces,
    /// The words of UAX 29.
    Words,
    /// None: it finds what stands between white space, and the tokeniser cuts it.
    ToBeCut,
}

/// What a tokeniser of whole lines finds.
pub(crate) enum Item<'a> {
    /// A word, or what becomes one.
    Word(&'a str),
    /// The end of a line.
    LineEnd,
}

/// Says whether to stop.
pub(crate) type Stop<'a> = dyn Fn() -> Result<(), CorpusError> + Sync + 'a;

/// Cuts texts of whole lines that nobody has prepared.
pub(crate) trait Lines: Send {
    /// Calls `each` with the words of every line and with each line end, in order. It looks at `stop` while it is at work.
    fn split(
        &mut self,
        text: &str,
        stop: &Stop<'_>,
        each: &mut dyn FnMut(Item<'_>),
    ) -> Result<(), CorpusError>;
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
    pub(crate) fn spans(&self) -> Spans {
        match self.config.segmentation {
            Segmentation::Whitespace => Spans::Pieces,
            Segmentation::Words if self.config.rules == WordRules::default() => Spans::Words,
            Segmentation::Cjk => Spans::Words,
            Segmentation::Words | Segmentation::Hf(_) | Segmentation::Command(_) => Spans::ToBeCut,
        }
    }

    /// What cuts whole lines, if this tokeniser cannot cut a piece by itself.
    pub(crate) fn lines(&self) -> Option<Box<dyn Lines>> {
        match &self.config.segmentation {
            Segmentation::Hf(file) => Some(hf::open(file)),
            Segmentation::Command(line) => Some(Box::new(program::Program::new(line))),
            Segmentation::Whitespace | Segmentation::Words | Segmentation::Cjk => None,
        }
    }

    /// Calls `emit` with the form of a word that was cut from a text nobody has prepared.
    pub(crate) fn finish(&self, word: &str, emit: &mut impl FnMut(&str)) {
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
    pub(crate) fn prepare(&self, text: &mut [u8]) {
        self.normal.text(text);
    }

    /// Calls `emit` with every token of a prepared piece without ASCII white space.
    pub(crate) fn piece(&self, piece: &str, mut emit: impl FnMut(&str)) {
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

#[cfg(test)]
mod tests;
