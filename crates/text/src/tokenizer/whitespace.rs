//! The tokeniser `whitespace`: words separated by Unicode white space.

use super::ascii;

/// Unicode white space, and the character that replaces bytes that were not text.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == char::REPLACEMENT_CHARACTER
}

/// Calls `emit` with each word.
#[inline]
pub(super) fn split(text: &str, emit: &mut impl FnMut(&str)) {
    if text.is_ascii() {
        return ascii::pieces(text, emit);
    }
    text.split(is_separator).filter(|word| !word.is_empty()).for_each(emit);
}

/// Where the text may be cut, whatever follows it: after the last white space.
pub(super) fn last_boundary(text: &str) -> Option<usize> {
    let (at, separator) = text.char_indices().rfind(|(_, c)| is_separator(*c))?;
    Some(at + separator.len_utf8())
}
