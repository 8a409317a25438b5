//! Tensor files: vectors, vocabularies, shards of the matrix, and any other kind such as checkpoints.
//!
//! Nothing in them is packed, so the memory for them grows with their length alone.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CsrShard, CsrShardReader, FormatError, Storage, TensorFile, TensorReader, Vectors, WordTable,
    Words,
};

use super::{Read, Target, repair};

/// Buffers of the readers.
const BUFFER_BYTES: usize = 2 << 20;
/// A header of JSON takes up to some 60 times its length, as small tensors and short keys in maps.
const TIMES: usize = 128;

/// The readers of tensor files.
pub const TARGETS: &[Target] = &[
    tensors("tensors", read_tensors),
    tensors("vectors", read_vectors),
    tensors("vocabulary", read_vocabulary),
    tensors("shards", read_shard),
];

const fn tensors(
    name: &'static str,
    read: fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>,
) -> Target {
    let (fixed_bytes, times) = (BUFFER_BYTES, TIMES);
    Target { name, read: Read::Stored(read), repair: repair::tensors, fixed_bytes, times }
}

fn read_tensors(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mapped = TensorFile::open(storage, path).and_then(|file| file.verify());
    let read = TensorReader::open(storage, path).and_then(|reader| reader.verify());
    assert_eq!(mapped.is_ok(), read.is_ok(), "both readers agree: {mapped:?}, {read:?}");
    mapped
}

fn read_vectors(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let vectors = Vectors::open(storage, path)?;
    look_around(vectors.words());
    for id in 0..vectors.words().len() {
        assert_eq!(vectors.word_vector(id).len(), vectors.dim());
    }
    vectors.context_vectors();
    vectors.column("word_bias");
    vectors.verify()
}

fn read_vocabulary(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let table = WordTable::new(TensorFile::open(storage, path)?)?;
    look_around(&table);
    table.verify()?;
    for id in 0..table.len() {
        assert_eq!(table.find(table.word(id)), Some(id), "a verified table finds its words");
    }
    Ok(())
}

/// What a query does before anybody has verified the file.
fn look_around(table: &WordTable) {
    for id in 0..table.len() {
        table.text(id);
    }
    table.find(b"the");
    table.find(b"");
    assert_eq!(table.counts().len(), table.len());
}

fn read_shard(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mapped = CsrShard::open(storage, path).and_then(|shard| shard.verify());
    let reader = CsrShardReader::open(storage, path)?;
    reader.for_each_piece(|_, columns, weights| {
        assert_eq!(columns.len(), weights.len());
        Ok::<_, FormatError>(())
    })?;
    mapped
}
