//! The tokeniser `words`: the segments of UAX 29 that have a letter or a digit, and rules for marks.
//!
//! By UAX 29 an apostrophe between letters joins them and a hyphen separates them. Other [`WordRules`] are applied to
//! the words that UAX 29 finds: two of them with a hyphen between are joined, one with an apostrophe in it is cut.

use unicode_segmentation::UnicodeSegmentation as _;

use super::config::{Mark, WordRules};
use super::normal::is_composed;
use super::{ascii, simple};

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '\u{ff07}')
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

/// Calls `emit` with each word, for any text.
#[inline]
pub(super) fn split(rules: WordRules, text: &str, emit: &mut impl FnMut(&str)) {
    match rules == WordRules::default() {
        true => plain(text, emit),
        false => ruled(rules, text, emit),
    }
}

/// The words of UAX 29, without other rules.
#[inline]
fn plain(text: &str, emit: &mut impl FnMut(&str)) {
    if text.is_ascii() {
        ascii::words(text, emit);
    } else if simple::is_simple(text) {
        simple::words(text, emit);
    } else {
        text.unicode_words().for_each(emit);
    }
}

/// The words by other rules.
fn ruled(rules: WordRules, text: &str, emit: &mut impl FnMut(&str)) {
    let mut run = Run { rules, text, start: 0, end: 0, words: 0, joined: String::new() };
    plain(text, &mut |word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        run.word(start, start + word.len(), emit);
    });
    run.flush(emit);
}

/// Words of UAX 29 that hyphens join.
struct Run<'a> {
    rules: WordRules,
    text: &'a str,
    start: usize,
    end: usize,
    words: usize,
    /// The same without marks, if these are removed.
    joined: String,
}

impl Run<'_> {
    fn word(&mut self, start: usize, end: usize, emit: &mut impl FnMut(&str)) {
        let is_joined = self.words > 0 && self.rules.hyphens != Mark::Split && {
            let mut between = self.text[self.end..start].chars();
            between.next().is_some_and(is_hyphen) && between.next().is_none()
        };
        if !is_joined {
            self.flush(emit);
            (self.start, self.words) = (start, 0);
        }
        self.end = end;
        self.words += 1;
    }

    /// Emits the current run.
    fn flush(&mut self, emit: &mut impl FnMut(&str)) {
        if self.words == 0 {
            return;
        }
        let run = &self.text[self.start..self.end];
        let WordRules { apostrophes, hyphens } = self.rules;
        let is_cut = |c: char| apostrophes == Mark::Split && is_apostrophe(c);
        for part in run.split(is_cut).filter(|part| part.contains(char::is_alphanumeric)) {
            let is_gone = |c: char| {
                apostrophes == Mark::Drop && is_apostrophe(c)
                    || hyphens == Mark::Drop && is_hyphen(c)
            };
            // A cut at an apostrophe may leave a hyphen at one end.
            let part = part.trim_matches(is_hyphen);
            if part.contains(is_gone) {
                self.joined.clear();
                self.joined.extend(part.chars().filter(|c| !is_gone(*c)));
                emit(&self.joined);
            } else {
                emit(part);
            }
        }
    }
}

/// The last place where the text may be cut between two words, whatever follows; the two segments
/// after it are all that the rules examine.
pub(super) fn last_boundary(rules: WordRules, text: &str) -> Option<usize> {
    let joins = rules.hyphens != Mark::Split;
    let (mut best, mut before, mut last) = (None, None, None);
    for (start, _) in text.split_word_bound_indices() {
        best = before.filter(|at| may_begin(text, *at, joins)).or(best);
        before = last;
        last = Some(start);
    }
    best
}

/// Whether the text at `at` cannot combine with the text before it, by normalisation or a hyphen.
fn may_begin(text: &str, at: usize, joins: bool) -> bool {
    let (before, after) = text.split_at(at);
    let (Some(last), Some(first)) = (before.chars().next_back(), after.chars().next()) else {
        return false;
    };
    !(joins && (is_hyphen(last) || is_hyphen(first))) && is_composed(first.encode_utf8(&mut [0; 4]))
}
