//! Files of JSON: the ledger of a run and the lists of shards.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{FormatError, Manifest, MatrixIndex, Storage, TokenIndex};

use super::{Read, Target, nothing_to_repair, repair};

/// Numbers and short texts of JSON in maps and lists.
const TIMES: usize = 128;
const BUFFER_BYTES: usize = 1 << 20;

/// The readers of JSON.
pub const TARGETS: &[Target] = &[
    Target {
        name: "manifest",
        read: Read::Stored(|storage, path| Manifest::read(storage, path).map(drop)),
        repair: nothing_to_repair,
        fixed_bytes: BUFFER_BYTES,
        times: TIMES,
    },
    Target {
        name: "indexes",
        read: Read::Stored(read_index),
        repair: repair::token_index,
        fixed_bytes: BUFFER_BYTES,
        times: TIMES,
    },
];

fn read_index(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    match TokenIndex::is_at(storage, path) {
        true => TokenIndex::read(storage, path).map(drop),
        false => MatrixIndex::read(storage, path).map(drop),
    }
}
