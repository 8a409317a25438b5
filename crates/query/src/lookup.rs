//! Finds the row of a word, and suggestions for a mistyped word.

use std::borrow::Cow;

use wordmill_formats::{Spelling, Vectors, Words};

use crate::error::QueryError;

/// How many close spellings an error names.
const CLOSE_WORDS: usize = 5;

/// The id of a word: first as it is typed, then as the text would spell it ([`Spelling`]).
pub fn find_word(vectors: &Vectors, word: &str) -> Option<usize> {
    let words = vectors.words();
    let spelled = || words.find(spelled(vectors, word)?.as_bytes());
    words.find(word.as_bytes()).or_else(spelled)
}

/// The word in another spelling, if the vectors have it.
fn spelled(vectors: &Vectors, word: &str) -> Option<String> {
    match vectors.spelling() {
        Spelling::ByCase => is_lower_case(vectors).then(|| word.to_lowercase()),
        Spelling::Exact => None,
        Spelling::Of(spelling) => spelling(vectors.words(), word),
    }
}

/// The ids of words.
///
/// # Errors
/// [`QueryError::UnknownWord`] for the first word that is not in the vocabulary.
pub fn find_words(vectors: &Vectors, words: &[String]) -> Result<Vec<usize>, QueryError> {
    words.iter().map(|word| find_known(vectors, word)).collect()
}

/// The id of a word.
///
/// # Errors
/// [`QueryError::UnknownWord`], with words that are spelled alike.
pub fn find_known(vectors: &Vectors, word: &str) -> Result<usize, QueryError> {
    find_word(vectors, word).ok_or_else(|| QueryError::UnknownWord {
        path: vectors.words().path().to_path_buf(),
        word: word.to_owned(),
        close: close_words(vectors, word),
    })
}

/// The most frequent words with a prefix, at most `n`, most frequent first. The file stores an order of the words
/// by their bytes, so bisection finds those with the prefix.
pub fn complete(vectors: &Vectors, begin: &str, n: usize) -> Vec<String> {
    let words = vectors.words();
    let (lookup, begin) = (words.lookup(), begin.as_bytes());
    let known = |&id: &u32| if (id as usize) < words.len() { words.word(id as usize) } else { &[] };
    let first = lookup.partition_point(|id| known(id) < begin);
    let last = lookup[first..].partition_point(|id| known(id).starts_with(begin));
    let mut found = lookup[first..first + last].to_vec();
    // Ids are ranks by frequency.
    found.sort_unstable();
    let known = found.into_iter().map(|id| id as usize).filter(|&id| id < words.len());
    known.take(n).map(|id| words.text(id).into_owned()).collect()
}

/// Whether the corpus was lowercased, according to the settings in the vectors file; files of other programs have none.
fn is_lower_case(vectors: &Vectors) -> bool {
    let settings = vectors.settings();
    let says = |key: &str| settings.get(key).is_some_and(|value| value == "true");
    says("lowercase") || says("corpus.lowercase") || settings.contains_key("converted_from")
}

/// The words of the smallest edit distance, frequent ones first within a distance.
fn close_words(vectors: &Vectors, word: &str) -> Vec<String> {
    let word = spelled(vectors, word).map_or(Cow::Borrowed(word), Cow::Owned);
    let letters = word.chars().count();
    let limit = 1 + letters / 4;
    let mut close: Vec<(usize, usize)> = Vec::new();
    for id in 0..vectors.words().len() {
        let other = vectors.words().word(id);
        // The number of letters is at most the number of bytes and at least a quarter of it, so
        // most words are skipped without being decoded.
        if other.len() + limit < letters || other.len() > 4 * (letters + limit) {
            continue;
        }
        let other = String::from_utf8_lossy(other);
        if other.chars().count().abs_diff(letters) <= limit {
            let distance = strsim::osa_distance(&word, &other);
            if distance <= limit {
                close.push((distance, id));
            }
        }
    }
    // Ids are ranks by frequency.
    close.sort_unstable();
    close.truncate(CLOSE_WORDS);
    let text = |(_, id): (usize, usize)| vectors.words().text(id).into_owned();
    close.into_iter().map(text).collect()
}
