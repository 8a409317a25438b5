//! Accents taken off: the marks of the block Combining Diacritical Marks, composed or not.
//!
//! Signs that are no accents to those who write them, such as the vowels of Indic scripts or the voicing marks of kana,
//! stand in other blocks and stay, as do letters like `ø` and `ł`, which have no decomposition.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::decompose_canonical;

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The word without accents. A character without one stays as it is, whatever its normal form.
pub(super) fn strip(word: &str) -> String {
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
