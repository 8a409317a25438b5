//! Digits made `0`, and words that are numbers.

/// Makes every ASCII digit a `0`, in place.
pub(super) fn zero_ascii(text: &mut [u8]) {
    text.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0');
}

/// Whether there is a digit of any script.
pub(super) fn changes(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

/// The word with a `0` for each digit of any script.
pub(super) fn zero(word: &str) -> String {
    word.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect()
}

/// Digits with the marks that stand within and around numbers, and nothing else.
pub(super) fn is_number(token: &str) -> bool {
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
