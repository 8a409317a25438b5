//! The token shards of a run: their names, and `tokens/index.json`, which lists them.
//!
//! A [`ShardId`] is the place of a shard's text in the corpus: the number of the input and the
//! number of the chunk in it. The index is JSON: an object with `kind` ("token-index"), `version`,
//! `shards` and `xxh3`, the checksum of `shards` as compact JSON. Its rows are in the order of the
//! corpus, so a finished stage is opened by one file instead of all.
//! corpus, so opening a finished stage opens one file instead of all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::artefact::{Published, read_file, write_file};
use crate::checksum::xxh3;
use crate::error::FormatError;
use crate::storage::Storage;

const INDEX_KIND: &str = "token-index";
const INDEX_VERSION: u32 = 1;
/// Limit of the index. A row takes some 500 bytes, so this is a corpus of 8 TiB in chunks of 4 MiB.
const INDEX_LIMIT_BYTES: u64 = 1 << 30;

/// The chunk of a shard; ids ascend in the order of the corpus.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ShardId {
    /// Number of the input, from 0.
    pub input: u32,
    /// Number of the chunk in that input, from 0; some numbers may have no shard.
    pub chunk: u32,
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}-{:05}", self.input, self.chunk)
    }
}

impl ShardId {
    /// The first `shards` chunks of the first input.
    pub fn first(shards: u32) -> Vec<Self> {
        (0..shards).map(|chunk| Self { input: 0, chunk }).collect()
    }

    /// The id in `PREFIX-00000-00000.ENDING`.
    pub fn of_name(name: &str, prefix: &str) -> Option<Self> {
        let (id, _) = name.strip_prefix(prefix)?.strip_prefix('-')?.split_once('.')?;
        let (input, chunk) = id.split_once('-')?;
        Some(Self { input: input.parse().ok()?, chunk: chunk.parse().ok()? })
    }
}

/// A file as listed in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexedFile {
    /// Length in bytes.
    pub bytes: u64,
    /// Digest, 16 hexadecimal digits.
    pub xxh3: String,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIndexRow {
    /// Its chunk.
    pub id: ShardId,
    /// The file of tokens.
    pub tokens: IndexedFile,
    /// The file of words.
    pub words: IndexedFile,
    /// Its counts.
    pub counts: BTreeMap<String, u64>,
}

/// All shards of a corpus, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenIndex {
    /// The shards.
    pub shards: Vec<TokenIndexRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexFile<T> {
    kind: String,
    version: u32,
    xxh3: String,
    shards: T,
}

impl IndexedFile {
    /// The index entry of a finished file.
    pub fn of(file: &Published) -> Self {
        Self { bytes: file.bytes, xxh3: format!("{:016x}", file.xxh3) }
    }

    /// The finished file at `path`; `None` if the digest is not a number.
    pub fn published(&self, path: impl Into<std::path::PathBuf>) -> Option<Published> {
        let xxh3 = u64::from_str_radix(&self.xxh3, 16).ok()?;
        Some(Published { path: path.into(), bytes: self.bytes, xxh3 })
    }
}

impl TokenIndex {
    /// Publishes the index.
    pub fn write(&self, storage: &Arc<dyn Storage>, path: &Path) -> Result<Published, FormatError> {
        let file = IndexFile {
            kind: INDEX_KIND.to_owned(),
            version: INDEX_VERSION,
            xxh3: self.sum(),
            shards: &self.shards,
        };
        write_file(storage, path, &serde_json::to_vec(&file).expect("plain data is JSON"))
    }

    /// Reads the index and checks that its shards are in order.
    pub fn read(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let json = read_file(storage, path, INDEX_LIMIT_BYTES)?;
        let corrupt = |what: String| FormatError::corrupt(path, 0, what);
        let no_index = |e| corrupt(format!("not an index of token shards: {e}"));
        // Kind and version first: another version may have other rows.
        let head: IndexFile<IgnoredAny> = serde_json::from_slice(&json).map_err(no_index)?;
        if head.kind != INDEX_KIND {
            let what = format!("it is {:?}", head.kind);
            return Err(FormatError::foreign(path, "an index of token shards", what));
        }
        if head.version != INDEX_VERSION {
            let (found, known) = (u64::from(head.version), u64::from(INDEX_VERSION));
            return Err(FormatError::Version { path: path.to_path_buf(), found, known });
        }
        let file: IndexFile<Vec<TokenIndexRow>> =
            serde_json::from_slice(&json).map_err(no_index)?;
        let index = Self { shards: file.shards };
        if index.sum() != file.xxh3 {
            return Err(corrupt("the checksum of its shards".to_owned()));
        }
        if !index.shards.is_sorted_by(|one, two| one.id < two.id) {
            return Err(corrupt("its shards are not in order".to_owned()));
        }
        Ok(index)
    }

    fn sum(&self) -> String {
        let rows = serde_json::to_vec(&self.shards).expect("plain data is JSON");
        format!("{:016x}", xxh3(&rows))
    }

    /// Whether the file claims to be an index of token shards.
    pub fn is_at(storage: &Arc<dyn Storage>, path: &Path) -> bool {
        #[derive(Deserialize)]
        struct Head {
            kind: String,
        }
        let json = read_file(storage, path, INDEX_LIMIT_BYTES);
        json.is_ok_and(|json| {
            serde_json::from_slice::<Head>(&json).is_ok_and(|head| head.kind == INDEX_KIND)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let id = ShardId { input: 12, chunk: 345_678 };
        assert_eq!(id.to_string(), "00012-345678");
        assert_eq!(ShardId::of_name("shard-00012-345678.tok", "shard"), Some(id));
        assert_eq!(ShardId::of_name("shard-00012.tok", "shard"), None);
        assert_eq!(ShardId::of_name("index.json", "shard"), None);
    }
}
