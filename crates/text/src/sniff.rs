//! Detects what a file is by its first bytes, as names may be wrong and a pipe has none.
//!
//! *Head*: the first 64 KiB of a file or of the text inside it. Nothing is unpacked here.

use crate::encoding::{Converter, Head, foreign_text, other_text, utf16_without_mark};
use crate::format::{MostlyForeign, Records};
use crate::packing::{Packing, XZ, packing};
use crate::tar_header;

/// Number of bytes that are examined.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// What to do about a NUL in a text.
pub(crate) const NO_NUL: &str = "take the NULs out, for example with tr -d '\\000' into a pipe and inputs = [\"-\"], \
    or remove it from corpus.inputs";

/// The problem of a NUL at an offset of a text.
pub(crate) fn nul_at(offset: u64) -> String {
    format!("it has a NUL at byte {offset}: it is not text")
}

/// Why a text that begins with `head` cannot be read with these settings, and what to do.
pub(crate) fn refused(head: &[u8], records: &Records) -> Option<(String, &'static str)> {
    const CONVERT: &str = "or convert it, for example with iconv -t UTF-8; corpus.invalid_utf8 = \"skip\" leaves such lines out";
    let is_whole = head.len() < HEAD_BYTES;
    let Some(mut converter) = Converter::new(records.encoding) else {
        if let Some(found) = not_text(head) {
            return Some(found);
        }
        let foreign = || foreign_text(head, is_whole).map(|problem| (problem, CONVERT));
        return if records.mostly_foreign == MostlyForeign::Refuse { foreign() } else { None };
    };
    if let Some(found) = packed_or_foreign(head) {
        return Some(found);
    }
    let mut text = Vec::new();
    converter.convert(head, is_whole, &mut text);
    if let Some(at) = memchr::memchr(0, &text) {
        return Some((nul_at(at as u64), NO_NUL));
    }
    let other = || other_text(Head { raw: head, text: &text, is_whole }, records.encoding);
    let other = if records.mostly_foreign == MostlyForeign::Refuse { other() } else { None };
    Some((other?, "correct corpus.encoding, or take the file out of corpus.inputs"))
}

/// Why the bytes are not text in UTF-8, and what to do; `None` if they may be.
#[must_use]
pub fn not_text(head: &[u8]) -> Option<(String, &'static str)> {
    const READ: &str = "set corpus.encoding = \"utf-16\", or convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8";
    if let Some(found) = utf32(head) {
        return Some(found);
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Some(("it is UTF-16".to_owned(), READ));
    }
    if let Some(found) = packed_or_foreign(head) {
        return Some(found);
    }
    let at = memchr::memchr(0, head)?;
    if let Some(name) = utf16_without_mark(head) {
        let read = match name {
            "UTF-16LE" => {
                "set corpus.encoding = \"utf-16le\", or convert it to UTF-8, for example with iconv -f UTF-16LE -t UTF-8"
            }
            _ => {
                "set corpus.encoding = \"utf-16be\", or convert it to UTF-8, for example with iconv -f UTF-16BE -t UTF-8"
            }
        };
        return Some((format!("it looks like {name} (it has a NUL at byte {at})"), read));
    }
    Some((nul_at(at as u64), NO_NUL))
}

/// Whether it begins with the mark of UTF-32.
fn utf32(head: &[u8]) -> Option<(String, &'static str)> {
    let marks: [&[u8]; 2] = [&[0xff, 0xfe, 0, 0], &[0, 0, 0xfe, 0xff]];
    let convert = "convert it to UTF-8, for example with iconv -f UTF-32 -t UTF-8";
    marks.iter().any(|mark| head.starts_with(mark)).then(|| ("it is UTF-32".to_owned(), convert))
}

/// Why the bytes are not text in any encoding, and what to do; `None` if they may be.
fn packed_or_foreign(head: &[u8]) -> Option<(String, &'static str)> {
    const UNPACK: &str = "unpack it first, for example with a pipe and inputs = [\"-\"]";
    const REMOVE: &str = "remove it from corpus.inputs or extract its text first";
    if let Some(found) = utf32(head) {
        return Some(found);
    }
    if head.starts_with(XZ) {
        let what = if cfg!(feature = "xz") {
            "it is packed with xz a second time"
        } else {
            "it is packed with xz"
        };
        return Some((what.to_owned(), UNPACK_XZ));
    }
    if let Some((_, name)) = PACKED.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((format!("it is packed with {name}"), UNPACK));
    }
    if is_archive(head) {
        return Some(("it is a tar archive".to_owned(), UNPACK));
    }
    if head.starts_with(b"PAR1") {
        return Some(("it is a Parquet file, not lines of text".to_owned(), READ_PARQUET));
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((format!("it is {name}, not text"), REMOVE));
    }
    if head.get(6..10) == Some(&[0, 0, b'{', b'"']) {
        return Some(("it is a safetensors file, not text".to_owned(), REMOVE));
    }
    None
}

/// Why the bytes cannot be read directly, or packed; `None` if they may be text.
pub(crate) fn not_plain_text(head: &[u8], records: &Records) -> Option<String> {
    match packing(head) {
        Packing::Plain => refused(head, records).map(|(problem, _)| problem),
        _ => Some("it is packed".to_owned()),
    }
}

/// Whether the bytes are the beginning of a tar archive.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    tar_header::is_header(head)
}

const UNPACK_XZ: &str = "build wordmill with --features xz, or unpack it first, for example with a pipe and inputs = [\"-\"]";
const READ_PARQUET: &str = if cfg!(feature = "parquet") {
    "read a column of it: --set corpus.format=parquet --set corpus.field=COLUMN"
} else {
    "build wordmill with --features parquet, and read a column of it: --set corpus.format=parquet --set corpus.field=COLUMN"
};
const PACKED: &[(&[u8], &str)] = &[
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"PK\x03\x04", "zip"),
    (&[0x1f, 0x8b], "gzip a second time"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd a second time"),
];

const FOREIGN: &[(&[u8], &str)] = &[
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
];
