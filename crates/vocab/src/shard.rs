//! A finished token shard: its counts, and its files.

use std::collections::BTreeMap;

use wordmill_formats::{FormatError, FrameFile, Published, ShardId};

/// The counts of one shard, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Bytes of unpacked text.
    pub bytes: u64,
    /// Lines that begin here.
    pub lines: u64,
    /// Number of tokens.
    pub tokens: u64,
    /// Distinct words of each shard, added up; a word of two shards counts twice.
    pub local_words: u64,
    /// Lines that were not UTF-8.
    pub invalid_lines: u64,
    /// Lines that look like text in another encoding.
    pub foreign_lines: u64,
    /// Words dropped because they are longer than [`wordmill_text::chunk::MAX_WORD_BYTES`].
    pub overlong_words: u64,
    /// Bytes of these.
    pub overlong_bytes: u64,
    /// Tokens dropped because they are stop words.
    pub stop_words: u64,
}

impl TokenCounts {
    /// Names and numbers, in the order of the fields.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, u64)> {
        let mut rows = vec![
            ("bytes", self.bytes),
            ("lines", self.lines),
            ("tokens", self.tokens),
            ("local_words", self.local_words),
            ("invalid_lines", self.invalid_lines),
            ("overlong_words", self.overlong_words),
            ("overlong_bytes", self.overlong_bytes),
        ];
        // Stored only if not 0, so that older shards still fit.
        let rare = [("stop_words", self.stop_words), ("foreign_lines", self.foreign_lines)];
        rows.extend(rare.into_iter().filter(|(_, count)| *count > 0));
        rows
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.tokens += other.tokens;
        self.local_words += other.local_words;
        self.invalid_lines += other.invalid_lines;
        self.overlong_words += other.overlong_words;
        self.overlong_bytes += other.overlong_bytes;
        self.stop_words += other.stop_words;
        self.foreign_lines += other.foreign_lines;
    }

    /// The counts in an index; `None` if one is missing.
    pub(crate) fn of(rows: &BTreeMap<String, u64>) -> Option<Self> {
        let of = |key: &str| rows.get(key).copied();
        Some(Self {
            bytes: of("bytes")?,
            lines: of("lines")?,
            tokens: of("tokens")?,
            local_words: of("local_words")?,
            invalid_lines: of("invalid_lines")?,
            overlong_words: of("overlong_words")?,
            overlong_bytes: of("overlong_bytes")?,
            stop_words: of("stop_words").unwrap_or(0),
            foreign_lines: of("foreign_lines").unwrap_or(0),
        })
    }

    pub(crate) fn read(file: &FrameFile) -> Result<Self, FormatError> {
        let rare = |key| file.setting(key).map_or(Ok(0), |_| file.number(key));
        Ok(Self {
            bytes: file.number("bytes")?,
            lines: file.number("lines")?,
            tokens: file.number("tokens")?,
            local_words: file.number("local_words")?,
            invalid_lines: file.number("invalid_lines")?,
            overlong_words: file.number("overlong_words")?,
            overlong_bytes: file.number("overlong_bytes")?,
            stop_words: rare("stop_words")?,
            foreign_lines: rare("foreign_lines")?,
        })
    }
}

/// A finished shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRow {
    /// Its id, which is that of its chunk.
    pub id: ShardId,
    /// Its counts.
    pub counts: TokenCounts,
    /// The file of tokens.
    pub tokens: Published,
    /// The file of words.
    pub words: Published,
}

/// The files that were published.
pub(crate) fn published(file: &FrameFile) -> Published {
    Published { path: file.path().to_path_buf(), bytes: file.bytes(), xxh3: file.digest() }
}
