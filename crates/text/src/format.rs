//! Formats of inputs: plain types, which the configuration names and readers implement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;

/// The format of an input, and where its text is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum RecordFormat {
    /// One document per line.
    #[default]
    Lines,
    /// A document is the lines up to a blank one.
    Documents,
    /// A field of an object, one per line (<https://jsonlines.org>).
    Jsonl {
        /// Where the text is: the name of a field (JSON keys with dots between, such as `meta.text`, where each entry
        /// of a list counts), or the name of a table's column, or its number from 1.
        #[serde(default)]
        #[schemars(with = "String")]
        field: KeyPath,
    },
    /// A column of a table separated by commas, with quotes as in RFC 4180.
    CsvColumn {
        /// The name of a column, or its number from 1.
        #[serde(default)]
        #[schemars(with = "String")]
        field: Column,
    },
    /// A column of a table separated by tabs.
    TsvColumn {
        /// The name of a column, or its number from 1.
        #[serde(default)]
        #[schemars(with = "String")]
        field: Column,
    },
    /// An article of a dump of MediaWiki, without its markup.
    #[serde(rename = "mediawiki")]
    MediaWiki,
    /// A column of a Parquet file; read only in builds with the feature `parquet`.
    Parquet {
        /// The name of a column.
        #[serde(default)]
        #[schemars(with = "String")]
        field: ColumnName,
    },
    /// A page of Common Crawl's WET files: records of type `conversion` of a WARC file (ISO 28500).
    Wet,
}

/// The default field of a text.
const FIELD: &str = "text";

/// Keys on the way to the text of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPath(pub Vec<String>);

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Column {
    /// By its name in the first row.
    Named(String),
    /// By its number, from 0; then the first row is data.
    Numbered(usize),
}

/// A column of a table whose columns have names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnName(pub String);

impl Default for KeyPath {
    fn default() -> Self {
        Self(vec![FIELD.to_owned()])
    }
}

impl Default for Column {
    fn default() -> Self {
        Self::Named(FIELD.to_owned())
    }
}

impl Default for ColumnName {
    fn default() -> Self {
        Self(FIELD.to_owned())
    }
}

impl TryFrom<String> for KeyPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split('.').any(str::is_empty) {
            true => Err(format!(
                "expected keys with dots between, such as \"meta.text\", found {text:?}"
            )),
            false => Ok(Self(text.split('.').map(str::to_owned).collect())),
        }
    }
}

impl TryFrom<String> for Column {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse::<usize>() {
            Ok(number @ 1..) => Ok(Self::Numbered(number - 1)),
            Err(_) if !text.is_empty() => Ok(Self::Named(text)),
            _ => {
                Err(format!("expected the name of a column, or its number from 1, found {text:?}"))
            }
        }
    }
}

impl TryFrom<String> for ColumnName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.is_empty() {
            true => Err(format!("expected the name of a column, found {text:?}")),
            false => Ok(Self(text)),
        }
    }
}

impl From<KeyPath> for String {
    fn from(path: KeyPath) -> Self {
        path.0.join(".")
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        match column {
            Column::Named(name) => name,
            Column::Numbered(number) => (number + 1).to_string(),
        }
    }
}

impl From<ColumnName> for String {
    fn from(name: ColumnName) -> Self {
        name.0
    }
}

/// Settings that the readers of inputs share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The format of the inputs.
    pub format: RecordFormat,
    /// Whether the first broken record ends the run.
    pub strict: bool,
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// What to do with a text most of whose lines are in another encoding.
    pub mostly_foreign: MostlyForeign,
}

/// What to do with a text most of whose lines are in another encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MostlyForeign {
    /// Refuse it.
    #[default]
    Refuse,
    /// Treat each line separately.
    Accept,
}

/// Counts of records that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// All of them.
    pub records: u64,
    /// Those that were left out.
    pub broken: u64,
}

impl std::ops::AddAssign for RecordCounts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.broken += other.broken;
    }
}
