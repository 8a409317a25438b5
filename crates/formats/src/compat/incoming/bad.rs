//! Rows that cannot be used as they are: what to do with them, and their counts.

use std::fmt;

/// What to do with bad rows.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BadRows {
    /// Fail at the first one.
    #[default]
    Refuse,
    /// Leave them out.
    Skip,
    /// Repair words if possible; leave other bad rows out.
    Repair,
}

impl BadRows {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("refuse", Self::Refuse), ("skip", Self::Skip), ("repair", Self::Repair)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, bad)| *bad == self).map_or("", |(name, _)| name)
    }
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadRow {
    NoWord,
    LongWord,
    NotUtf8,
    /// The word has several parts, and the last of them is also a number.
    Unclear(String),
    /// The number of numbers is wrong, or there is something else among them.
    Numbers(String),
    NotFinite(usize),
    /// The last line does not end.
    Open,
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "only tables have such counts"))]
    Count,
}

impl fmt::Display for BadRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWord => out.write_str("it has no word"),
            Self::LongWord => out.write_str("its word is too long"),
            Self::NotUtf8 => out.write_str("its word is not UTF-8"),
            Self::Unclear(what) | Self::Numbers(what) => out.write_str(what),
            Self::NotFinite(at) => write!(out, "number {at} is not finite as f32"),
            Self::Open => {
                out.write_str("the line does not end: it is too long, or the file is cut off")
            }
            Self::Count => out.write_str("its count is not a whole number"),
        }
    }
}

/// Rows that were left out or repaired, by the problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Left out: no word, or one that is too long.
    pub no_word: u64,
    /// Left out: a word that an earlier row has.
    pub twice: u64,
    /// Left out: a word that is not UTF-8.
    pub not_utf8: u64,
    /// Left out: the wrong number of numbers, or something that is not a number.
    pub numbers: u64,
    /// Left out: a number that is not finite.
    pub not_finite: u64,
    /// Left out: a last line that does not end.
    pub open: u64,
    /// Repaired: bytes of words that are not UTF-8 became U+FFFD.
    pub replaced: u64,
    /// Repaired: a last line that does not end, or a word whose end is unclear.
    pub guessed: u64,
    /// Unchanged: words with spaces in them.
    pub spaced: u64,
    /// The number of rows in the header of a text, if it is wrong.
    pub said: Option<u64>,
}

impl RowCounts {
    /// All counts as numbers, for a file.
    pub fn to_array(&self) -> [u64; 10] {
        let Self { no_word, twice, not_utf8, numbers, not_finite, open, .. } = *self;
        let said = self.said.unwrap_or(u64::MAX);
        let kept = [self.replaced, self.guessed, self.spaced, said];
        let [replaced, guessed, spaced, said] = kept;
        [no_word, twice, not_utf8, numbers, not_finite, open, replaced, guessed, spaced, said]
    }

    /// The reverse.
    pub fn from_array(all: [u64; 10]) -> Self {
        let [no_word, twice, not_utf8, numbers, not_finite, open, replaced, guessed, spaced, said] =
            all;
        let said = (said != u64::MAX).then_some(said);
        Self {
            no_word,
            twice,
            not_utf8,
            numbers,
            not_finite,
            open,
            replaced,
            guessed,
            spaced,
            said,
        }
    }

    /// Rows that are not in the result.
    pub fn left_out(&self) -> u64 {
        let Self { no_word, twice, not_utf8, numbers, not_finite, open, .. } = self;
        no_word + twice + not_utf8 + numbers + not_finite + open
    }

    /// Rows in the result whose word differs from that in the file.
    pub fn mended(&self) -> u64 {
        self.replaced + self.guessed
    }

    pub(super) fn leave_out(&mut self, bad: &BadRow) {
        *match bad {
            BadRow::NoWord | BadRow::LongWord => &mut self.no_word,
            BadRow::NotUtf8 => &mut self.not_utf8,
            BadRow::Unclear(_) | BadRow::Numbers(_) | BadRow::Count => &mut self.numbers,
            BadRow::NotFinite(_) => &mut self.not_finite,
            BadRow::Open => &mut self.open,
        } += 1;
    }

    /// A report for people; empty if all rows were used unchanged.
    pub fn lines(&self) -> Vec<String> {
        let reasons = [
            (self.twice, "a word that an earlier row has"),
            (self.not_utf8, "a word that is not UTF-8"),
            (self.no_word, "no word, or one that is too long"),
            (self.numbers, "missing, unreadable or extra numbers"),
            (self.not_finite, "a number that is not finite"),
            (self.open, "a last line that does not end"),
        ];
        let list = |reasons: &[(u64, &str)]| {
            let some = reasons.iter().filter(|(rows, _)| *rows > 0);
            some.map(|(rows, what)| format!("{rows} with {what}")).collect::<Vec<_>>().join(", ")
        };
        let mut lines = Vec::new();
        if self.left_out() > 0 {
            lines.push(format!("rows left out: {}", list(&reasons)));
        }
        if self.mended() > 0 {
            let mended = [
                (self.replaced, "bytes that are not UTF-8 replaced by U+FFFD"),
                (self.guessed, "a word or a last line whose end was guessed"),
            ];
            lines.push(format!("rows mended: {}", list(&mended)));
        }
        if self.spaced > 0 {
            lines.push(format!("words with spaces in them: {}", self.spaced));
        }
        if let Some(said) = self.said {
            lines.push(format!("its header wrongly says {said} rows"));
        }
        lines
    }

    /// The same as settings, without zeros.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> + use<> {
        let all = [
            ("rows_left_out", self.left_out()),
            ("rows_left_out.word_twice", self.twice),
            ("rows_left_out.not_utf8", self.not_utf8),
            ("rows_left_out.no_word", self.no_word),
            ("rows_left_out.numbers", self.numbers),
            ("rows_left_out.not_finite", self.not_finite),
            ("rows_left_out.open_line", self.open),
            ("rows_mended", self.mended()),
        ];
        let all = all.into_iter().filter(|(_, rows)| *rows > 0);
        all.map(|(key, rows)| (key.to_owned(), rows.to_string()))
    }
}
