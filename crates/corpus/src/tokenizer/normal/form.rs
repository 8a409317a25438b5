//! Unicode's normal forms, NFC and NFKC (UAX 15).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick, is_nfkc_quick};

use crate::tokenizer::config::Normalize;

/// The text in a form.
pub(super) fn of(form: Normalize, text: &str) -> Cow<'_, str> {
    let is_normal = text.is_ascii()
        || match form {
            Normalize::None => true,
            Normalize::Nfc => is_composed(text),
            Normalize::Nfkc => is_nfkc_quick(text.chars()) == IsNormalized::Yes,
        };
    match form {
        _ if is_normal => Cow::Borrowed(text),
        Normalize::Nfkc => Cow::Owned(text.nfkc().collect()),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Whether the text surely is NFC, and no part of it could be drawn to what stands before it.
pub(in crate::tokenizer) fn is_composed(text: &str) -> bool {
    is_nfc_quick(text.chars()) == IsNormalized::Yes
}
