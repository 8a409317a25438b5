//! Words: how a line of text is cut into tokens, and where a line may be cut without changing them.
//!
//! A *token* is a word as the vocabulary will know it. Two segmentations: `whitespace` cuts at
//! Unicode white space only; `words` cuts at ASCII white space first and then at the word
//! boundaries of Unicode's UAX 29, and keeps what holds a letter or a digit (one token a Han
//! character). Normalisation comes first, lower case and digits last. Lines of pure ASCII take a
//! fast path with the same result. Dictionaries and stop words have no place here.

pub(crate) mod ascii;
mod simple;
mod unicode;

/// Where words are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segmentation {
    /// At Unicode white space.
    Whitespace,
    /// At the word boundaries of UAX 29.
    Words,
}

/// Unicode normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalize {
    /// Composed, NFC.
    Nfc,
    /// As it is.
    None,
}

/// Letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// Lower case by Unicode's full rules.
    Lower,
    /// As it is.
    Keep,
}

/// What becomes of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digits {
    /// As they are.
    Keep,
    /// Tokens made of digits and the marks within numbers are left out.
    Drop,
    /// Every digit becomes `0`.
    Zero,
}

/// How text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenizerConfig {
    /// `corpus.tokenizer`.
    pub segmentation: Segmentation,
    /// `corpus.normalize`.
    pub normalize: Normalize,
    /// `corpus.lowercase`.
    pub case: Case,
    /// `corpus.digits`.
    pub digits: Digits,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            segmentation: Segmentation::Words,
            normalize: Normalize::Nfc,
            case: Case::Lower,
            digits: Digits::Keep,
        }
    }
}

/// Cuts lines into tokens; keeps a buffer between lines.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    config: TokenizerConfig,
    line: String,
}

impl Tokenizer {
    /// A tokenizer that follows `config`.
    #[must_use]
    pub fn new(config: TokenizerConfig) -> Self {
        Self { config, line: String::new() }
    }

    /// Calls `emit` with every token of the line, in order. Line ends count as white space.
    #[inline]
    pub fn tokenize(&mut self, line: &str, mut emit: impl FnMut(&str)) {
        let mut text = std::mem::take(&mut self.line);
        text.clear();
        text.push_str(line);
        // Lowering ASCII before normalisation changes no result, and serves the whole line at once.
        if self.config.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.config.digits == Digits::Zero && text.bytes().any(|byte| byte.is_ascii_digit()) {
            text = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        }
        if self.config.digits == Digits::Drop {
            self.segment(&text, |token| {
                if !is_number(token) {
                    emit(token);
                }
            });
        } else {
            self.segment(&text, emit);
        }
        self.line = text;
    }

    /// The settings.
    pub(crate) fn config(&self) -> &TokenizerConfig {
        &self.config
    }

    /// Does to a whole text what may be done to it at once, in place: ASCII letters and digits.
    pub(crate) fn prepare(&self, text: &mut [u8]) {
        // Lowering ASCII before normalisation changes no result, and serves the whole text at once.
        if self.config.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.config.digits == Digits::Zero {
            text.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0');
        }
    }

    /// Calls `emit` with every token of a prepared piece without ASCII white space.
    pub(crate) fn piece(&self, piece: &str, mut emit: impl FnMut(&str)) {
        self.segment(piece, |token| {
            if self.config.digits != Digits::Drop || !is_number(token) {
                emit(token);
            }
        });
    }

    /// The last place at which `text` may be cut, where it can be told, so that both parts have the
    /// tokens of the whole, whatever follows the text. There is none in a single long word.
    #[must_use]
    pub fn last_boundary(&self, text: &str) -> Option<usize> {
        match self.config.segmentation {
            Segmentation::Whitespace => {
                let (at, separator) =
                    text.char_indices().rfind(|(_, c)| unicode::is_separator(*c))?;
                Some(at + separator.len_utf8())
            }
            Segmentation::Words => unicode::last_word_boundary(text),
        }
    }

    #[inline]
    fn segment(&self, text: &str, mut emit: impl FnMut(&str)) {
        let words = self.config.segmentation == Segmentation::Words;
        if text.is_ascii() {
            if words {
                ascii::words(text, emit)
            } else {
                ascii::pieces(text, emit)
            }
            return;
        }
        ascii::pieces(text, |piece| match (piece.is_ascii(), words) {
            (true, true) => ascii::words(piece, &mut emit),
            (true, false) => emit(piece),
            (false, _) => unicode::tokens(&self.config, piece, &mut emit),
        });
    }
}

/// Digits with the marks that stand within and around numbers, and nothing else.
fn is_number(token: &str) -> bool {
    let mut digits = false;
    for c in token.chars() {
        if c.is_numeric() {
            digits = true;
        } else if !matches!(
            c,
            '.' | ',' | ':' | ';' | '\'' | '’' | '-' | '−' | '+' | '/' | '%' | '_'
        ) {
            return false;
        }
    }
    digits
}

#[cfg(test)]
mod tests;
