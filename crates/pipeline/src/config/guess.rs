//! The guess at what a mistyped name meant.

/// `, did you mean NAME?` if one of the names is close, otherwise nothing.
#[must_use]
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, names) {
        Some(name) => format!(", did you mean {name:?}?"),
        None => String::new(),
    }
}

/// The name that differs least from a word, if it differs in no more than a third of its letters.
fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&word, name), name);
    let close = |(distance, name): &(usize, &str)| 3 * distance <= name.len().max(word.len()) + 1;
    let names = names.into_iter().map(distance).filter(close);
    names.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}
