//! What the bytes of an input are: plain types, which configuration names and readers follow.

use crate::encoding::Encoding;

/// What the bytes of an input are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RecordFormat {
    /// Text, a line is a line.
    #[default]
    Lines,
    /// Text; lines up to a blank one belong together, as one line.
    Documents,
    /// An object a line (<https://jsonlines.org>), whose text stands at a path of keys; in a list on the
    /// way, each entry counts.
    JsonLines {
        /// The keys.
        path: Vec<String>,
    },
    /// Rows of columns. Between commas as in RFC 4180, with quotes; between tabs without.
    Columns {
        /// What stands between columns.
        delimiter: u8,
        /// Which column.
        column: Column,
    },
    /// A dump of MediaWiki: the articles, without their markup.
    MediaWiki,
    /// A column of a Parquet file; read only in builds with the feature `parquet`.
    Parquet {
        /// Its name.
        column: String,
    },
    /// The records of type `conversion` of a WARC file (ISO 28500), as Common Crawl's WET files have them.
    Wet,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the first row.
    Named(String),
    /// By its number, from 0; the first row is a row like others.
    Numbered(usize),
}

/// What the readers of inputs share about their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// What the inputs are.
    pub format: RecordFormat,
    /// Whether the first broken record ends the run.
    pub strict: bool,
    /// How bytes represent characters.
    pub encoding: Encoding,
    /// What becomes of a text most of whose lines are in another encoding.
    pub mostly_foreign: MostlyForeign,
}

/// What becomes of a text most of whose lines are in another encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MostlyForeign {
    /// It is refused.
    #[default]
    Refuse,
    /// Each line is dealt with by itself.
    Accept,
}

/// Records that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// All of them.
    pub records: u64,
    /// Those left out.
    pub broken: u64,
}

impl std::ops::AddAssign for RecordCounts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.broken += other.broken;
    }
}
