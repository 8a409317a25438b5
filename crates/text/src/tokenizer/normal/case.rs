//! Lower case by Unicode's full rules, with the final sigma; no language has rules of its own, so `I` becomes `i` in Turkish, too.

/// Whether lower case changes the word.
pub(super) fn changes(word: &str) -> bool {
    word.chars().any(lowers)
}

fn lowers(c: char) -> bool {
    // Scripts without case, asked first because the tables are slow.
    if matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return false;
    }
    let mut lower = c.to_lowercase();
    lower.next() != Some(c) || lower.next().is_some()
}
