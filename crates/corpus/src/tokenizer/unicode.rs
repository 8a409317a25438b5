//! The slow path: one piece of text without ASCII white space that is not pure ASCII.
//!
//! A *piece* is normalised, cut into words and folded word by word, so that a word's form depends
//! on nothing outside it.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Case, Digits, Normalize, Segmentation, TokenizerConfig, simple};

/// The white space of Unicode, and the mark that stands for bytes that were no text.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == char::REPLACEMENT_CHARACTER
}

/// Calls `emit` with each token of the piece, before the rule for digits.
pub(super) fn tokens(config: &TokenizerConfig, piece: &str, mut emit: impl FnMut(&str)) {
    if config.segmentation == Segmentation::Words && simple::is_simple(piece) {
        return simple::words(piece, |word| fold(config, word, &mut emit));
    }
    let normal: String;
    let piece = if config.normalize == Normalize::Nfc && !is_nfc(piece) {
        normal = piece.nfc().collect();
        &normal
    } else {
        piece
    };
    match config.segmentation {
        Segmentation::Whitespace => {
            for word in piece.split(is_separator).filter(|word| !word.is_empty()) {
                fold(config, word, &mut emit);
            }
        }
        Segmentation::Words => piece.unicode_words().for_each(|word| fold(config, word, &mut emit)),
    }
}

/// Lower case by Unicode's full rules, normalised again where that undid it, digits to zeros.
fn fold(config: &TokenizerConfig, word: &str, emit: &mut impl FnMut(&str)) {
    let lower = config.case == Case::Lower && word.chars().any(lowers);
    let zeros = config.digits == Digits::Zero && word.chars().any(char::is_numeric);
    if !lower && !zeros {
        return emit(word);
    }
    let mut word = if lower { word.to_lowercase() } else { word.to_owned() };
    if lower && config.normalize == Normalize::Nfc && !is_nfc(&word) {
        word = word.nfc().collect();
    }
    if zeros {
        word = word.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect();
    }
    emit(&word);
}

fn lowers(c: char) -> bool {
    // Scripts without case, asked first because the tables are slow.
    if matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return false;
    }
    let mut lower = c.to_lowercase();
    lower.next() != Some(c) || lower.next().is_some()
}

fn is_nfc(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// The last place where the text may be cut between two words whatever follows; the two segments
/// after it show what the rules can see.
pub(super) fn last_word_boundary(text: &str) -> Option<usize> {
    let (mut best, mut before, mut last) = (None, None, None);
    for (start, _) in text.split_word_bound_indices() {
        best = before.filter(|at| may_begin(text, *at)).or(best);
        before = last;
        last = Some(start);
    }
    best
}

/// Whether the text at `at` cannot be drawn to what stands before it by normalisation.
fn may_begin(text: &str, at: usize) -> bool {
    at > 0
        && text[at..]
            .chars()
            .next()
            .is_some_and(|c| is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes)
}
