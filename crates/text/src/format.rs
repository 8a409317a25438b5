//! What the bytes of an input are: plain types, which configuration names and readers follow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;

/// What the bytes of an input are, and where the text stands in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum RecordFormat {
    /// A document a line.
    #[default]
    Lines,
    /// A document is the lines up to a blank one.
    Documents,
    /// A field of an object a line (<https://jsonlines.org>).
    Jsonl {
        /// Where the text stands: the name of a field; of JSON keys with dots between, such as `meta.text`, where each entry of a
        /// list counts; of a table the name of a column, or its number from 1.
        #[serde(default)]
        #[schemars(with = "String")]
        field: KeyPath,
    },
    /// A column between commas, with quotes as in RFC 4180.
    CsvColumn {
        /// The name of a column, or its number from 1.
        #[serde(default)]
        #[schemars(with = "String")]
        field: Column,
    },
    /// A column between tabs.
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

/// The field of a text where none is named.
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
    /// By its number, from 0; the first row is a row like others.
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
