//! The chain of normalisers: normal form, case, accents, digits, in this order.
//!
//! The normal form (UAX 15, NFC and NFKC) is applied before words are cut, because it may join or separate them. All
//! other steps are applied to each word afterwards, so a word's form does not depend on its surroundings. ASCII letters
//! and digits are changed in the whole text at once. Lower case follows Unicode's full rules, with the final sigma, and
//! without rules of single languages, so `I` becomes `i` in Turkish, too. Accents are the marks of the block Combining
//! Diacritical Marks, composed or not. Signs that are not accents to their writers, such as the vowels of Indic scripts
//! or the voicing marks of kana, are in other blocks and stay, as do letters like `ø` and `ł`, which have no
//! decomposition.

use std::borrow::Cow;

use unicode_normalization::char::decompose_canonical;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick, is_nfkc_quick};

use super::config::{Accents, Case, Digits, Normalize, TokenizerConfig};

/// The configured normalisers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalizer {
    pub(super) form: Normalize,
    pub(super) case: Case,
    accents: Accents,
    pub(super) digits: Digits,
}

impl Normalizer {
    pub(super) fn new(config: &TokenizerConfig) -> Self {
        let TokenizerConfig { normalize, case, accents, digits, .. } = *config;
        Self { form: normalize, case, accents, digits }
    }

    /// Normalises a whole text as far as possible at once, in place: ASCII letters and digits. Lowercasing
    /// ASCII first changes no result.
    pub(super) fn text(&self, text: &mut [u8]) {
        if self.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.digits == Digits::Zero {
            zero_ascii(text);
        }
    }

    /// The same for a separate line.
    pub(super) fn line(&self, text: &mut String) {
        if self.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.digits == Digits::Zero && text.bytes().any(|byte| byte.is_ascii_digit()) {
            *text = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        }
    }

    /// The normal form of a piece of text before it is cut.
    pub(super) fn piece<'a>(&self, piece: &'a str) -> Cow<'a, str> {
        normal_form(self.form, piece)
    }

    /// Calls `emit` with the normalised word, unless it is a number and those are left out.
    #[inline]
    pub(crate) fn word(&self, word: &str, emit: &mut impl FnMut(&str)) {
        let lower = self.case == Case::Lower && has_upper(word);
        let strip = self.accents == Accents::Strip && !word.is_ascii();
        let zero = self.digits == Digits::Zero && has_digit(word);
        if !lower && !strip && !zero {
            return self.ready(word, emit);
        }
        let mut word = if lower { word.to_lowercase() } else { word.to_owned() };
        if lower && let Cow::Owned(normal) = normal_form(self.form, &word) {
            word = normal;
        }
        if strip {
            word = strip_accents(&word);
        }
        if zero {
            word = zero_digits(&word);
        }
        if !word.is_empty() {
            self.ready(&word, emit);
        }
    }

    /// The form of a single word in a text; `None` if it would be left out.
    pub(super) fn alone(&self, word: &str) -> Option<String> {
        let mut found = None;
        self.word(&self.piece(word), &mut |word| found = Some(word.to_owned()));
        found
    }

    /// Passes on a normalised word.
    #[inline]
    pub(super) fn ready(&self, word: &str, emit: &mut impl FnMut(&str)) {
        if self.digits != Digits::Drop || !is_number(word) {
            emit(word);
        }
    }
}

/// Invisible characters without meaning for a word: soft hyphens, marks of direction and of byte order. NFKC keeps
/// them, while NFKC_Casefold of the same annex removes them. Joiners stay, as they distinguish words of Persian and
/// Hindi.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text in a normal form; for NFKC without invisible characters.
fn normal_form(form: Normalize, text: &str) -> Cow<'_, str> {
    let is_normal = text.is_ascii()
        || match form {
            Normalize::None => true,
            Normalize::Nfc => is_composed(text),
            Normalize::Nfkc => {
                is_nfkc_quick(text.chars()) == IsNormalized::Yes && !text.contains(is_invisible)
            }
        };
    match form {
        _ if is_normal => Cow::Borrowed(text),
        Normalize::Nfkc => Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).nfkc().collect()),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Whether the text is certainly NFC, and no part of it can combine with the text before it.
pub(super) fn is_composed(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// Whether lowercasing changes the word.
fn has_upper(word: &str) -> bool {
    word.chars().any(lowers)
}

fn lowers(c: char) -> bool {
    // Scripts without case, checked first because the tables are slow.
    if matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return false;
    }
    let mut lower = c.to_lowercase();
    lower.next() != Some(c) || lower.next().is_some()
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The word without accents. A character without an accent stays unchanged, whatever its normal
/// form.
fn strip_accents(word: &str) -> String {
    let mut stripped = String::with_capacity(word.len());
    for c in word.chars().filter(|c| !is_accent(*c)) {
        let mut has_accent = false;
        decompose_canonical(c, |part| has_accent |= is_accent(part));
        if has_accent {
            let mut rest = String::new();
            decompose_canonical(c, |part| rest.extend((!is_accent(part)).then_some(part)));
            stripped.extend(rest.nfc());
        } else {
            stripped.push(c);
        }
    }
    stripped
}

/// Replaces every ASCII digit by `0`, in place.
fn zero_ascii(text: &mut [u8]) {
    text.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0');
}

/// Whether there is a digit of any script.
fn has_digit(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

/// The word with a `0` for each digit of any script.
fn zero_digits(word: &str) -> String {
    word.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect()
}

/// Whether a word consists of digits and the marks that occur within and around numbers.
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
