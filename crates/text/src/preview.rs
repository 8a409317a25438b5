//! The first lines of an input as text and as tokens, to check reader and tokeniser. Nothing is written.

use crate::error::TextError;
use crate::format::RecordCounts;
use crate::input::Input;
use crate::lines::{InvalidUtf8, make_valid};
use crate::lists::WordSet;
use crate::tokenizer::{self, Item, Tokenizer, TokenizerConfig};

/// Limit of the text that is examined; a longer line is cut.
const MOST_BYTES: usize = 1 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Settings of a preview.
#[derive(Clone, Copy, Debug)]
pub struct PreviewConfig<'a> {
    /// How text becomes tokens.
    pub tokenizer: &'a TokenizerConfig,
    /// Words that are left out of the text.
    pub stop_words: Option<&'a WordSet>,
    /// What to do with a line that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
}

/// The beginning of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Its lines that are not blank.
    pub lines: Vec<PreviewLine>,
    /// Records that were read for them, if text is in records; some may come after the lines.
    pub records: Option<RecordCounts>,
    /// Reports of the first broken ones.
    pub broken: Vec<String>,
}

/// A line of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewLine {
    /// Its number, from 1; blank lines count.
    pub number: u64,
    /// Its text, as the tokeniser gets it.
    pub text: String,
    /// Whether it was originally UTF-8.
    pub is_valid: bool,
    /// Its tokens.
    pub words: Vec<String>,
    /// Number of its stop words, which are not among the tokens.
    pub stop_words: u64,
}

/// The first `most` lines of an input.
///
/// # Errors
/// For an input that cannot be read, and text that the settings refuse.
pub fn preview(
    input: &Input,
    config: PreviewConfig<'_>,
    most: usize,
) -> Result<Preview, TextError> {
    let mut reader = input.open()?;
    let (mut text, mut is_end) = (Vec::new(), false);
    while !is_end && text.len() < MOST_BYTES && filled_lines(&text) < most {
        let start = text.len();
        text.resize(start + READ_BYTES, 0);
        let read = reader.read(&mut text[start..])?;
        text.truncate(start + read);
        is_end = read == 0;
    }
    let (records, broken) = match reader.records() {
        Some((counts, told)) => (Some(counts), told.to_vec()),
        None => (None, Vec::new()),
    };
    let tokenizer = Tokenizer::new(config.tokenizer.clone());
    let mut shown = Lines { config, lines: tokenizer.lines(), tokenizer, offset: 0 };
    let mut lines = Vec::new();
    let mut numbers = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        numbers += 1;
        // The rest of the text belongs to the last line.
        let is_cut = line.last() != Some(&b'\n') && !is_end && text.len() < MOST_BYTES;
        if is_cut || lines.len() == most {
            break;
        }
        lines.extend(shown.line(input, numbers, line)?);
    }
    Ok(Preview { lines, records, broken })
}

fn filled_lines(text: &[u8]) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let is_filled = |line: &&[u8]| line.ends_with(b"\n") && !line.trim_ascii().is_empty();
    lines.filter(is_filled).count()
}

/// Makes lines.
struct Lines<'a> {
    config: PreviewConfig<'a>,
    tokenizer: Tokenizer,
    /// The tokeniser of whole lines, if it is one.
    lines: Option<Box<dyn tokenizer::Lines>>,
    /// Where the current line begins.
    offset: u64,
}

impl Lines<'_> {
    /// A line, unless it is blank.
    fn line(
        &mut self,
        input: &Input,
        number: u64,
        line: &[u8],
    ) -> Result<Option<PreviewLine>, TextError> {
        let mut bytes = line.to_vec();
        let wrong = make_valid(&mut bytes, self.config.invalid_utf8).map_err(|at| {
            let path = input.name.clone();
            TextError::InvalidUtf8 { path, offset: self.offset + at as u64 }
        })?;
        self.offset += line.len() as u64;
        let text = String::from_utf8(bytes).expect("it was made so");
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        if text.trim().is_empty() && wrong.lines == 0 {
            return Ok(None);
        }
        let (mut words, mut stop_words) = (Vec::new(), 0);
        let list = self.config.stop_words;
        let is_stop = |word: &str| list.is_some_and(|list| list.contains(word.as_bytes()));
        let mut take = |word: &str| match is_stop(word) {
            true => stop_words += 1,
            false => words.push(word.to_owned()),
        };
        match &mut self.lines {
            None => self.tokenizer.tokenize(&text, take),
            Some(lines) => {
                lines.split(&format!("{text}\n"), &|| Ok(()), &mut |item| match item {
                    Item::Word(word) => self.tokenizer.finish(word, &mut take),
                    Item::LineEnd => {}
                })?
            }
        }
        Ok(Some(PreviewLine { number, text, is_valid: wrong.lines == 0, words, stop_words }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;

    fn check(bytes: &[u8], most: usize, expected: &[(u64, &str, bool)]) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), bytes).unwrap();
        let inputs = input::resolve(&["a".to_owned()], folder.path(), 1).unwrap();
        let tokenizer = &TokenizerConfig::default();
        let invalid_utf8 = InvalidUtf8::Replace;
        let config = PreviewConfig { tokenizer, stop_words: None, invalid_utf8 };
        let preview = preview(&inputs[0], config, most).unwrap();
        let shown = |line: &PreviewLine| (line.number, line.words.join(" "), line.is_valid);
        let found: Vec<_> = preview.lines.iter().map(shown).collect();
        let expected = expected.iter().map(|(n, words, valid)| (*n, (*words).to_owned(), *valid));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn first_lines_are_shown() {
        let text = "\u{feff}The Cat!\r\n\n  \nDon't\nlast";
        check(text.as_bytes(), 9, &[(1, "the cat", true), (4, "don't", true), (5, "last", true)]);
        check(text.as_bytes(), 1, &[(1, "the cat", true)]);
        check(b"a\xffb\nc\n", 2, &[(1, "a b", false), (2, "c", true)]);
        check(b"", 2, &[]);
        // A line longer than the limit is cut.
        check("x ".repeat(1 << 20).as_bytes(), 1, &[(1, "x ".repeat(1 << 19).trim_end(), true)]);
    }
}
