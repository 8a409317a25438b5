//! Lists of words from files: stop words, words to keep, words to drop.
//!
//! A list has one word per line; anything after a tab is ignored, so `vocabulary.tsv` is a list. Its words go through
//! the tokeniser of the text, so they take the form that they have there. A line that does not become exactly one word
//! is counted and left out.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use foldhash::fast::RandomState;
use wordmill_formats::xxh3;

use crate::error::TextError;
use crate::reread::read_list;
use crate::tokenizer::{Tokenizer, TokenizerConfig};

/// The longest list that is read.
const MOST_BYTES: u64 = 256 << 20;

/// The prefix of a piece that continues a word.
pub const CONTINUES: &str = "##";

/// A list of words.
#[derive(Clone, PartialEq, Eq)]
pub struct WordSet {
    words: HashSet<Vec<u8>, RandomState>,
    digest: u64,
    /// Lines that are not a single word, and the first of them.
    left_out: (u64, String),
}

impl std::fmt::Debug for WordSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} words {:016x}", self.words.len(), self.digest)
    }
}

impl WordSet {
    /// Reads the list that setting `key` names, for words of a tokeniser.
    ///
    /// # Errors
    /// For a file that is missing, not UTF-8, above 256 MiB, or without a word.
    pub fn read(
        path: &Path,
        key: &'static str,
        tokenizer: &TokenizerConfig,
    ) -> Result<Self, TextError> {
        let error = |problem: String, way_out: &str| TextError::Config {
            key,
            problem: format!("{}: {problem}", path.display()),
            way_out: way_out.to_owned(),
        };
        let io = |source| error(format!("reading the list: {source}"), "check the path");
        let size = fs::metadata(path).map_err(io)?.len();
        if size > MOST_BYTES {
            let problem = format!("{size} bytes are too many for a list of words");
            return Err(error(problem, "name a file with one word per line"));
        }
        let bytes = read_list(path).map_err(io)?;
        let digest = xxh3(&bytes);
        let text = String::from_utf8(bytes).map_err(|error_at| {
            let at = error_at.utf8_error().valid_up_to();
            error(format!("byte {at} is not UTF-8"), "convert the file")
        })?;
        let set = Self::of_text(&text, digest, tokenizer);
        match set.words.is_empty() {
            false => Ok(set),
            true => {
                let what = "there is no word in it".to_owned();
                Err(error(what, "write one word per line, or leave the setting out"))
            }
        }
    }

    fn of_text(text: &str, digest: u64, tokenizer: &TokenizerConfig) -> Self {
        let mut tokenizer = Tokenizer::new(tokenizer.clone());
        let mut set = Self { words: HashSet::default(), digest, left_out: (0, String::new()) };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines() {
            let word = line.split('\t').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let (begin, rest) = match word.strip_prefix(CONTINUES) {
                Some(rest) if !rest.is_empty() => (CONTINUES, rest),
                _ => ("", word),
            };
            if tokenizer.lines().is_some() {
                // Only the program or the file could compute the form.
                set.words.extend(tokenizer.word_alone(word).map(String::into_bytes));
                continue;
            }
            let (mut found, mut words) = (String::new(), 0);
            tokenizer.tokenize(rest, |token| {
                words += 1;
                found = format!("{begin}{token}");
            });
            if words == 1 {
                set.words.insert(found.into_bytes());
                continue;
            }
            if set.left_out.0 == 0 {
                set.left_out.1 = word.to_owned();
            }
            set.left_out.0 += 1;
        }
        set
    }

    /// Whether it contains the word.
    #[must_use]
    pub fn contains(&self, word: &[u8]) -> bool {
        self.words.contains(word)
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether it is empty; a list that was read never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A digest of the file.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Lines that are not one word for the tokeniser, and the first of them.
    #[must_use]
    pub fn left_out(&self) -> (u64, &str) {
        (self.left_out.0, &self.left_out.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, words: &[&str], left_out: (u64, &str)) {
        let set = WordSet::of_text(text, 0, &TokenizerConfig::default());
        let mut found: Vec<&[u8]> = set.words.iter().map(Vec::as_slice).collect();
        found.sort_unstable();
        assert_eq!(found, words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
        assert_eq!(set.left_out(), left_out);
    }

    #[test]
    fn words_take_the_form_that_they_have_in_the_text() {
        check("\u{feff}The\r\n\n  Cafe\u{301}\t17\n", &["café", "the"], (0, ""));
        check("don't\nNew York\n!\n##Ing\n", &["##ing", "don't"], (2, "New York"));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let read = || WordSet::read(&path, "vocabulary.keep", &TokenizerConfig::default());
        let check = |says: &str| {
            let error = read().unwrap_err().to_string();
            assert!(error.starts_with("vocabulary.keep: ") && error.contains(says), "{error}");
        };
        check("reading the list");
        fs::write(&path, "\n\n").unwrap();
        check("no word");
        fs::write(&path, b"ok\n\xff").unwrap();
        check("byte 3 is not UTF-8");
    }
}
