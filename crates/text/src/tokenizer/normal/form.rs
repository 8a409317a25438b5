//! Unicode's normal forms, NFC and NFKC (UAX 15).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick, is_nfkc_quick};

use crate::tokenizer::config::Normalize;

/// Characters that show nothing and mean nothing to a word: soft hyphens, marks of direction and of byte order. NFKC leaves
/// them, while NFKC_Casefold of the same annex takes them out. Joiners stay, which tell words of Persian and Hindi apart.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text in a form; with NFKC without characters that are invisible.
pub(super) fn of(form: Normalize, text: &str) -> Cow<'_, str> {
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

/// Whether the text surely is NFC, and no part of it could be drawn to what stands before it.
pub(in crate::tokenizer) fn is_composed(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes
}
