//! The middle path: words of pieces made only of characters whose rules are short.
//!
//! ASCII, composed letters of Latin, Cyrillic and Hangul, Chinese characters and the usual
//! typographic marks: none of them combines with a neighbour, and normalisation does not change
//! them. Any other character sends the piece to the tables of Unicode, which give the same result
//! but are several times slower.

use super::ascii::{CLASS, LETTER, MID_LETTER, MID_NUMBER, UNDERSCORE, WORD, holds};

/// A character that is a word of its own.
const ALONE: u8 = 64;

/// The class of a character; `None` if the tables are needed.
#[inline]
fn class(c: char) -> Option<u8> {
    match c {
        '\0'..='\x7f' => Some(CLASS[c as usize]),
        '\u{ac00}'..='\u{d7a3}' | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' => Some(LETTER),
        '\u{d7}' | '\u{f7}' => Some(0),
        '\u{c0}'..='\u{24f}' => Some(LETTER),
        '\u{4e00}'..='\u{9fef}' => Some(ALONE),
        '\u{2018}' | '\u{2019}' => Some(MID_LETTER | MID_NUMBER),
        '\u{2013}' | '\u{2014}' | '\u{201c}' | '\u{201d}' | '\u{3001}' | '\u{3002}' => Some(0),
        '\u{300a}'..='\u{300f}' => Some(0),
        _ => None,
    }
}

/// Whether [`words`] knows every character of the piece.
pub(super) fn is_simple(piece: &str) -> bool {
    piece.chars().all(|c| class(c).is_some())
}

/// Calls `emit` with each UAX 29 word of a simple piece that has a letter or a digit.
pub(super) fn words(piece: &str, mut emit: impl FnMut(&str)) {
    let mut chars = piece.char_indices().map(|(at, c)| (at, class(c).unwrap_or(0))).peekable();
    let (mut start, mut seen, mut before) = (0, 0, 0);
    while let Some((at, class)) = chars.next() {
        let inside = class & WORD != 0
            || seen != 0 && holds(class, before & chars.peek().map_or(0, |(_, after)| *after));
        before = class;
        if inside {
            start = if seen == 0 { at } else { start };
            seen |= class & WORD;
            continue;
        }
        if seen & (WORD & !UNDERSCORE) != 0 {
            emit(&piece[start..at]);
        }
        seen = 0;
        if class == ALONE {
            emit(&piece[at..chars.peek().map_or(piece.len(), |(next, _)| *next)]);
        }
    }
    if seen & (WORD & !UNDERSCORE) != 0 {
        emit(&piece[start..]);
    }
}
