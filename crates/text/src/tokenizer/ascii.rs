//! The fast path: words of text that is pure ASCII, by a table of byte classes.
//!
//! The rules are those of UAX 29 for ASCII: letters, digits and `_` stay together; `'`, `.` and `:`
//! join letters; `'`, `.`, `,` and `;` join digits. It neither normalises nor lowercases.

pub(super) const LETTER: u8 = 1;
const DIGIT: u8 = 2;
pub(super) const UNDERSCORE: u8 = 4;
pub(super) const MID_LETTER: u8 = 8;
pub(super) const MID_NUMBER: u8 = 16;
const SPACE: u8 = 32;
pub(super) const WORD: u8 = LETTER | DIGIT | UNDERSCORE;

/// The class of each byte; bytes beyond ASCII have none.
pub(super) const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'_' => UNDERSCORE,
            b'\'' | b'.' => MID_LETTER | MID_NUMBER,
            b':' => MID_LETTER,
            b',' | b';' => MID_NUMBER,
            b' ' | 0x09..=0x0d => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// Calls `emit` with each UAX 29 word that has a letter or a digit. `text` must be ASCII.
#[inline]
pub(super) fn words(text: &str, mut emit: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let mut seen = CLASS[bytes[at] as usize];
        if seen & WORD == 0 {
            at += 1;
            continue;
        }
        let start = at;
        loop {
            at += 1;
            let class = bytes.get(at).map_or(0, |byte| CLASS[*byte as usize]);
            if class & WORD == 0 && !joins(bytes, at) {
                break;
            }
            seen |= class;
        }
        if seen & (LETTER | DIGIT) != 0 {
            emit(&text[start..at]);
        }
    }
}

/// Whether the byte at `at` is between two letters or two digits that it joins.
#[inline]
pub(crate) fn joins(bytes: &[u8], at: usize) -> bool {
    let class = bytes.get(at).map_or(0, |byte| CLASS[*byte as usize]);
    if class & (MID_LETTER | MID_NUMBER) == 0 || at + 1 >= bytes.len() {
        return false;
    }
    let both = CLASS[bytes[at - 1] as usize] & CLASS[bytes[at + 1] as usize];
    holds(class, both)
}

/// Whether a mark of this class joins two characters that have the classes `both`.
#[inline]
pub(super) fn holds(class: u8, both: u8) -> bool {
    (class & MID_LETTER != 0 && both & LETTER != 0)
        || (class & MID_NUMBER != 0 && both & DIGIT != 0)
}

/// Whether the byte is white space.
pub(crate) fn is_space(byte: u8) -> bool {
    CLASS[byte as usize] & SPACE != 0
}

/// Calls `emit` with each piece between ASCII white space, for any text.
#[inline]
pub(super) fn pieces(text: &str, mut emit: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if CLASS[bytes[at] as usize] & SPACE != 0 {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && CLASS[bytes[at] as usize] & SPACE == 0 {
            at += 1;
        }
        emit(&text[start..at]);
    }
}
