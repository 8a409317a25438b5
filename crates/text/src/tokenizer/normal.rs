//! The chain of normalisers, one file each: normal form, case, accents, digits, in this order.
//!
//! The normal form comes before words are cut, because it may join or part them; all else comes word by word afterwards, so
//! that a word's form depends on nothing outside it. ASCII letters and digits are changed in the whole text at once.

mod accents;
mod case;
mod digits;
mod form;

use std::borrow::Cow;

use super::config::{Accents, Case, Digits, Normalize, TokenizerConfig};
pub(super) use form::is_composed;

/// The normalisers that the settings ask for.
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

    /// Does to a whole text what may be done to it at once, in place: ASCII letters and digits. Lowering ASCII
    /// before anything else changes no result.
    pub(super) fn text(&self, text: &mut [u8]) {
        if self.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.digits == Digits::Zero {
            digits::zero_ascii(text);
        }
    }

    /// The same to a line of its own.
    pub(super) fn line(&self, text: &mut String) {
        if self.case == Case::Lower {
            text.make_ascii_lowercase();
        }
        if self.digits == Digits::Zero && text.bytes().any(|byte| byte.is_ascii_digit()) {
            *text = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        }
    }

    /// The normal form of a piece of text that is not yet cut.
    pub(super) fn piece<'a>(&self, piece: &'a str) -> Cow<'a, str> {
        form::of(self.form, piece)
    }

    /// Calls `emit` with the word as it will be known, unless it is a number and those are left out.
    #[inline]
    pub(crate) fn word(&self, word: &str, emit: &mut impl FnMut(&str)) {
        let lower = self.case == Case::Lower && case::changes(word);
        let strip = self.accents == Accents::Strip && !word.is_ascii();
        let zero = self.digits == Digits::Zero && digits::changes(word);
        if !lower && !strip && !zero {
            return self.ready(word, emit);
        }
        let mut word = if lower { word.to_lowercase() } else { word.to_owned() };
        if lower && let Cow::Owned(normal) = form::of(self.form, &word) {
            word = normal;
        }
        if strip {
            word = accents::strip(&word);
        }
        if zero {
            word = digits::zero(&word);
        }
        if !word.is_empty() {
            self.ready(&word, emit);
        }
    }

    /// A word by itself as it would be known if it stood in a text; `None` if it would be left out.
    pub(super) fn alone(&self, word: &str) -> Option<String> {
        let mut found = None;
        self.word(&self.piece(word), &mut |word| found = Some(word.to_owned()));
        found
    }

    /// Hands on a word that has its form.
    #[inline]
    pub(super) fn ready(&self, word: &str, emit: &mut impl FnMut(&str)) {
        if self.digits != Digits::Drop || !digits::is_number(word) {
            emit(word);
        }
    }
}
