//! Files of a run by their names: what digest vouches for one, and whether all of it is what it says.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CsrShard, FormatError, FrameFile, Kind, MatrixIndex, Segment, Storage, StripeFile, TensorFile,
    TensorReader, TileSection, TokenIndex, TokenShard, Vectors, WordListReader, WordTable,
    read_file, xxh3,
};

/// Cells of a tile read at a time.
const PIECE_CELLS: u64 = 1 << 16;
/// The longest text or index.
const TEXT_BYTES_MAX: u64 = 1 << 40;

/// The kind of a framed file of this name.
fn frames(path: &Path) -> Option<Kind> {
    Some(match ending(path)? {
        "tok" => Kind::TOKENS,
        "words" => Kind::WORDS,
        "bin" => Kind::REMAP,
        "hashes" => Kind::HASHES,
        "dropped" => Kind::DROPPED,
        "run" => Kind::RUN,
        "cells" => Kind::LOOSE,
        "tiles" => Kind::TILES,
        _ => return None,
    })
}

fn ending(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

/// Whether a file of this name has checksums of its own, so that it can be verified without the ledger.
pub fn has_checksums(path: &Path) -> bool {
    frames(path).is_some() || ending(path) == Some("safetensors")
}

/// The digest of a file as the ledger has it; of a large one only its index is read.
pub fn digest(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    if let Some(kind) = frames(path) {
        return Ok(FrameFile::open(storage, path, kind)?.digest());
    }
    match ending(path) {
        Some("safetensors") => Ok(TensorReader::open(storage, path)?.index().digest()),
        _ => Ok(xxh3(&read_file(storage, path, TEXT_BYTES_MAX)?)),
    }
}

/// Reads a whole file of any kind and returns its digest.
pub fn verify(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    match ending(path) {
        Some("tok") => verify_tokens(storage, path),
        Some("words") => verify_words(storage, path),
        Some("tiles") => verify_tiles(storage, path),
        Some("safetensors") => verify_tensors(storage, path),
        Some("json") => {
            if TokenIndex::is_at(storage, path) {
                TokenIndex::read(storage, path)?;
            } else {
                MatrixIndex::read(storage, path)?;
            }
            digest(storage, path)
        }
        Some("tsv" | "jsonl") => digest(storage, path),
        _ => match frames(path) {
            Some(kind) => {
                let file = FrameFile::open(storage, path, kind)?;
                file.verify()?;
                Ok(file.digest())
            }
            None => {
                wordmill_query::describe(storage, path)?;
                let what = "its name does not end like one of wordmill's files";
                Err(FormatError::foreign(path, "a file that can be verified", what))
            }
        },
    }
}

fn verify_tokens(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let shard = TokenShard::open(storage, path)?;
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    (0..shard.frames()).try_for_each(|frame| shard.read(frame, &mut buffer, &mut ids))?;
    Ok(shard.file().digest())
}

fn verify_words(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let mut list = WordListReader::open(storage, path)?;
    let mut last: Option<Vec<u8>> = None;
    while list.advance()?.is_some() {
        if last.as_deref().is_some_and(|last| last >= list.word()) {
            return Err(FormatError::corrupt(path, 0, "its words are not in order"));
        }
        last = Some(list.word().to_vec());
    }
    Ok(list.file().digest())
}

fn verify_tiles(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let stripe = StripeFile::open(storage, path)?;
    for_each_tile_piece(&stripe, |_, _| Ok(()))?;
    Ok(stripe.file().digest())
}

/// Hands over the cells of a stripe in pieces: the column stripe, and cells with places in the stripes.
pub fn for_each_tile_piece(
    stripe: &StripeFile,
    mut each: impl FnMut(u32, &[wordmill_formats::TileCell]) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut cells = Vec::new();
    for column in 0..stripe.grid().grid {
        for section in [TileSection::Hot, TileSection::Cold] {
            let parts = stripe.parts(column, section, PIECE_CELLS);
            for part in 0..parts {
                cells.clear();
                stripe.segment(column, section, Segment { part, parts }, &mut cells)?;
                each(column, &cells)?;
            }
        }
    }
    Ok(())
}

fn verify_tensors(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let reader = TensorReader::open(storage, path)?;
    match reader.index().metadata().get("kind").map(String::as_str) {
        Some("vectors") => Vectors::open(storage, path)?.verify()?,
        Some("vocabulary") => WordTable::new(TensorFile::open(storage, path)?)?.verify()?,
        Some("csr-shard") => CsrShard::open(storage, path)?.verify()?,
        _ => reader.verify()?,
    }
    Ok(reader.index().digest())
}
