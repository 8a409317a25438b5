//! The content of the golden files, and how each is written and read.
//!
//! A reader returns everything it read as text, in the form of `holds`; it returns an error for a
//! damaged file and never panics. `tensors` has the files of tensors, `blocks` those of blocks of
//! cells, `old` the layouts that are no longer written.

mod blocks;
mod old;
mod plain;
mod tensors;

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    FormatError, FrameWriter, Kind, LINE_END, NO_WORD, RemapWriter, Storage, TokenShard,
    TokenShardWriter, WordListReader, WordListWriter, read_remap,
};

/// A golden file.
pub struct Golden {
    /// The file's name.
    pub name: &'static str,
    /// What sort of file it is.
    pub made: Made,
    /// Writes it.
    pub write: fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>,
    /// Reads all of it.
    pub read: fn(&Arc<dyn Storage>, &Path) -> Result<String, FormatError>,
    /// The expected result of `read`.
    pub holds: fn() -> String,
}

/// Sorts of files, by how their bytes are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Checksummed, perhaps compressed frames.
    Framed(Kind),
    /// Safetensors.
    Tensor,
    /// JSON without a checksum of its own.
    Json,
    /// Another program's format, which nothing here reads.
    Plain,
}

/// One of every format.
pub const GOLDEN: &[Golden] = &[
    Golden {
        name: "narrow.tok",
        made: Made::Framed(TOKENS_1),
        write: |storage, path| write_tokens_1(storage, path, NARROW),
        read: read_tokens,
        holds: || holds_tokens(NARROW),
    },
    Golden {
        name: "wide.tok",
        made: Made::Framed(TOKENS_1),
        write: |storage, path| write_tokens_1(storage, path, WIDE),
        read: read_tokens,
        holds: || holds_tokens(WIDE),
    },
    Golden {
        name: "shard-2.tok",
        made: Made::Framed(Kind::TOKENS),
        write: |storage, path| write_tokens(storage, path, WIDE),
        read: read_tokens,
        holds: || holds_tokens(WIDE),
    },
    Golden {
        name: "shard.words",
        made: Made::Framed(Kind::WORDS),
        write: write_word_list,
        read: read_word_list,
        holds: || format!("{LISTED:?}"),
    },
    Golden {
        name: "remap.bin",
        made: Made::Framed(Kind::REMAP),
        write: write_remap,
        read: |storage, path| read_remap(storage, path, 40_000).map(|ids| format!("{ids:?}")),
        holds: || format!("{:?}", remapped()),
    },
    blocks::SPILL_RUN,
    blocks::STRIPE,
    blocks::SLOTS,
    blocks::THINNED_RUN,
    blocks::THINNED_STRIPE,
    old::SPILL_RUN,
    old::STRIPE,
    old::BOTH_SIDES,
    old::TREE,
    tensors::NARROW_SHARD,
    tensors::WIDE_SHARD,
    tensors::VOCABULARY,
    tensors::BOTH_SIDES,
    tensors::TREE,
    plain::INDEX,
    plain::TOKEN_INDEX,
    plain::LEDGER,
    plain::RESOLVED_LEDGER,
    plain::WORD2VEC_BINARY,
    plain::WORD2VEC_TEXT,
    plain::GLOVE_TEXT,
    plain::NPZ,
    plain::MARKET,
    plain::GLOVE_VOCABULARY,
    plain::GLOVE_COUNTS,
];

/// Number of local words, and whether the shard begins within a line.
type Tokens = (u32, bool);

const NARROW: Tokens = (300, true);
const WIDE: Tokens = (70_000, false);

fn token_ids((words, _): Tokens) -> Vec<u32> {
    let id = |i: u32| if i % 9 == 8 { LINE_END } else { i * 7919 % words };
    (0..60).map(id).chain([0, words - 1, LINE_END, LINE_END]).collect()
}

/// The first version, which is no longer written.
const TOKENS_1: Kind = Kind { version: 1, ..Kind::TOKENS };

/// Two or four bytes per id.
fn write_tokens_1(
    storage: &Arc<dyn Storage>,
    path: &Path,
    tokens: Tokens,
) -> Result<(), FormatError> {
    let mut writer = FrameWriter::create(storage, path, TOKENS_1)?;
    let width = if tokens.0 > 65_535 { 4 } else { 2 };
    writer.set("chunk", "golden");
    writer.set("width", width);
    writer.set("local_words", tokens.0);
    writer.set("continues_line", u32::from(tokens.1));
    let ids = token_ids(tokens);
    let bytes: Vec<u8> =
        ids.iter().flat_map(|id| id.to_le_bytes().into_iter().take(width)).collect();
    writer.frame(0, ids.len() as u32, &bytes)?;
    writer.finish().map(drop)
}

fn write_tokens(
    storage: &Arc<dyn Storage>,
    path: &Path,
    tokens: Tokens,
) -> Result<(), FormatError> {
    let mut writer = TokenShardWriter::create(storage, path, tokens.0, tokens.1)?;
    writer.set("chunk", "golden");
    writer.tokens(&token_ids(tokens))?;
    writer.finish().map(drop)
}

fn read_tokens(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let shard = TokenShard::open(storage, path)?;
    let (mut all, mut ids, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    for frame in 0..shard.frames() {
        shard.read(frame, &mut buffer, &mut ids)?;
        all.extend_from_slice(&ids);
    }
    let head = (shard.local_words(), shard.continues_line());
    Ok(format!("{:?} {head:?} {all:?}", shard.file().setting("chunk")))
}

fn holds_tokens(tokens: Tokens) -> String {
    format!("{:?} {tokens:?} {:?}", Some("golden"), token_ids(tokens))
}

/// Sorted by bytes, with common prefixes and counts of every width.
const LISTED: [(&str, u64); 8] = [
    ("a", 1),
    ("an", 127),
    ("and", 128),
    ("andante", 16_384),
    ("b", u64::MAX),
    ("na\u{ef}f", 1 << 33),
    ("na\u{ef}ve", 2),
    ("\u{65e5}\u{672c}\u{8a9e}", 3),
];

fn write_word_list(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = WordListWriter::create(storage, path)?;
    LISTED.iter().try_for_each(|(word, count)| writer.push(word.as_bytes(), *count))?;
    writer.finish().map(drop)
}

fn read_word_list(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let mut reader = WordListReader::open(storage, path)?;
    let mut all = Vec::new();
    while let Some(count) = reader.advance()? {
        all.push((String::from_utf8_lossy(reader.word()).into_owned(), count));
    }
    Ok(format!("{all:?}"))
}

fn remapped() -> Vec<u32> {
    (0..50).map(|i| if i % 7 == 3 { NO_WORD } else { i * 7919 % 40_000 }).collect()
}

fn write_remap(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = RemapWriter::create(storage, path)?;
    writer.set("made_of", "golden");
    remapped().into_iter().try_for_each(|id| writer.push(id))?;
    writer.finish().map(drop)
}
