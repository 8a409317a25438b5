//! What a file is, told by its first bytes: names lie and a pipe has none.
//!
//! *Head*: the first 64 KiB of a file or of the text inside it. Nothing is unpacked here.

use super::unpack::ZSTD_WINDOW_LOG_MAX;
use crate::encoding::{Converter, foreign_text, other_text, utf16_without_mark};
use crate::records::{MostlyForeign, Records, tar};

/// Bytes looked at.
pub(super) const HEAD_BYTES: usize = 64 * 1024;

/// Enough of a file to know its packing and its window.
pub(super) const FRAME_HEAD_BYTES: usize = 32;
/// Of a head that does not tell: the window of level 19.
const ZSTD_USUAL_BYTES: u64 = 8 << 20;
/// What a decoder takes beside its window.
const ZSTD_FIXED_BYTES: u64 = 512 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Zstd,
    #[cfg(feature = "xz")]
    Xz,
}

impl Packing {
    /// The command that unpacks such a file into a pipe.
    pub(super) fn command(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip -dc"),
            Self::Bzip2 => Some("bzip2 -dc"),
            Self::Zstd => Some("zstd -dc --long=31"),
            #[cfg(feature = "xz")]
            Self::Xz => Some("xz -dc"),
        }
    }
}

/// How the file that begins with `head` is packed.
pub(super) fn packing(head: &[u8]) -> Packing {
    let skippable = head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
    if head.starts_with(&[0x1f, 0x8b]) {
        Packing::Gzip
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable {
        Packing::Zstd
    } else if is_bzip2(head) {
        Packing::Bzip2
    } else {
        other_packing(head)
    }
}

#[cfg(feature = "xz")]
fn other_packing(head: &[u8]) -> Packing {
    if head.starts_with(XZ) { Packing::Xz } else { Packing::Plain }
}

#[cfg(not(feature = "xz"))]
fn other_packing(_: &[u8]) -> Packing {
    Packing::Plain
}

/// Memory that unpacking the file that begins with `head` takes, as its first frame tells.
pub(super) fn unpacker_bytes(head: &[u8]) -> u64 {
    match packing(head) {
        Packing::Plain => 0,
        // A window of 32 KiB; four bytes of memory for each of a block of 900 kB.
        Packing::Gzip => 64 << 10,
        Packing::Bzip2 => 4 << 20,
        // At least the dictionary of level 9, the largest that xz uses by itself.
        #[cfg(feature = "xz")]
        Packing::Xz => {
            let dictionary = xz_dictionary(head).unwrap_or(0) + XZ_FIXED_BYTES;
            dictionary.max(super::unpack::XZ_MEMORY_USUAL)
        }
        Packing::Zstd => {
            // What asks for more is refused by the decoder.
            zstd_window(head).unwrap_or(ZSTD_USUAL_BYTES).min(1 << ZSTD_WINDOW_LOG_MAX)
                + ZSTD_FIXED_BYTES
        }
    }
}

/// What a decoder of xz takes beside its dictionary.
#[cfg(feature = "xz")]
const XZ_FIXED_BYTES: u64 = 1 << 20;

/// The dictionary of the first block (the .xz file format, sections 3.1 and 5.3.1).
#[cfg(feature = "xz")]
fn xz_dictionary(head: &[u8]) -> Option<u64> {
    // Behind the header of the stream: the size of that of the block, its flags, two sizes that may be there.
    let flags = *head.get(13)?;
    let mut at = 14;
    for present in [flags & 0x40, flags & 0x80] {
        while present != 0 && *head.get(at)? & 0x80 != 0 {
            at += 1;
        }
        at += usize::from(present != 0);
    }
    // A filter in front of LZMA2, such as one for programs, is passed over.
    for _ in 0..=flags & 3 {
        let [id, size] = *head.get(at..at + 2)? else { return None };
        if id == 0x21 {
            let bits = u32::from(*head.get(at + 2)? & 0x3f);
            let largest = u64::from(u32::MAX);
            return Some(if bits >= 40 {
                largest
            } else {
                (2 | u64::from(bits & 1)) << (bits / 2 + 11)
            });
        }
        at += 2 + usize::from(size);
    }
    None
}

/// The window of a frame, or its content where that is smaller (RFC 8878, section 3.1.1.1).
pub(super) fn zstd_window(head: &[u8]) -> Option<u64> {
    if head.first()? & 0xf0 == 0x50 {
        // A frame to be skipped, as pzstd writes before each other one.
        let bytes = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
        return zstd_window(head.get(8..)?.get(usize::try_from(bytes).ok()?..)?);
    }
    if head[0] != 0x28 {
        return None;
    }
    let descriptor = *head.get(4)?;
    let is_single = descriptor & 0x20 != 0;
    let window = if is_single { None } else { Some(u64::from(*head.get(5)?)) };
    let window = window.map(|byte| ((8 + (byte & 7)) << (byte >> 3)) << 7);
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let at = 5 + usize::from(!is_single) + dictionary_bytes;
    let content_bytes = [usize::from(is_single), 2, 4, 8][usize::from(descriptor >> 6)];
    let mut content = [0; 8];
    content[..content_bytes].copy_from_slice(head.get(at..at + content_bytes)?);
    let content = u64::from_le_bytes(content) + if content_bytes == 2 { 256 } else { 0 };
    Some(match window {
        Some(window) if content_bytes == 0 => window,
        Some(window) => window.min(content),
        None => content,
    })
}

/// A block or the end of a stream must follow the four letters, which text may hold too.
fn is_bzip2(head: &[u8]) -> bool {
    head.starts_with(b"BZh")
        && head.get(3).is_some_and(u8::is_ascii_digit)
        && head.get(4..10).is_some_and(|next| {
            next == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
                || next == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
        })
}

/// What to do about a NUL in a text.
pub(crate) const NO_NUL: &str = "take the NULs out, for example with tr -d '\\000' into a pipe and inputs = [\"-\"], \
    or remove it from corpus.inputs";

/// What is said of a NUL at a place of a text.
pub(super) fn nul_at(offset: u64) -> String {
    format!("it has a NUL at byte {offset}: it is not text")
}

/// Why a text that begins with `head` is not read with these settings, and what to do about it.
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
    let other = || other_text((head, &text), is_whole, records.encoding);
    let other = if records.mostly_foreign == MostlyForeign::Refuse { other() } else { None };
    Some((other?, "correct corpus.encoding, or take the file out of corpus.inputs"))
}

/// Why the bytes are no text in UTF-8, and what to do about it; `None` if they may be.
pub(crate) fn not_text(head: &[u8]) -> Option<(String, &'static str)> {
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

/// Why the bytes are no text in any encoding, and what to do about it; `None` if they may be.
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
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some((format!("it is {name}, not text"), REMOVE));
    }
    if head.get(6..10) == Some(&[0, 0, b'{', b'"']) {
        return Some(("it is a safetensors file, not text".to_owned(), REMOVE));
    }
    None
}

/// Why the bytes are not read as they are, or packed; `None` if they may be text.
pub(crate) fn not_plain_text(head: &[u8], records: &Records) -> Option<String> {
    match packing(head) {
        Packing::Plain => refused(head, records).map(|(problem, _)| problem),
        _ => Some("it is packed".to_owned()),
    }
}

/// Whether the bytes are the begin of a tar archive.
pub(super) fn is_archive(head: &[u8]) -> bool {
    tar::is_header(head)
}

const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const UNPACK_XZ: &str = "build wordmill with --features xz, or unpack it first, for example with a pipe and inputs = [\"-\"]";
const PACKED: &[(&[u8], &str)] = &[
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"PK\x03\x04", "zip"),
    (&[0x1f, 0x8b], "gzip a second time"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd a second time"),
];

const FOREIGN: &[(&[u8], &str)] = &[
    (b"PAR1", "a Parquet file"),
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
