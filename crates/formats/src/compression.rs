//! Unpacks packed files, recognised by their first bytes.
//!
//! A [`Compression`] is one of the programs whose files are unpacked while they are read: gzip, bzip2, zstd, and xz in
//! builds with that feature. Archives of several files are recognised, so that a message can name them, but not read.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};

/// The largest window of a zstd frame: 2 GiB, as `zstd --long=31` writes it.
const ZSTD_WINDOW_LOG_MAX: u32 = 31;
/// Memory limit of an xz file.
#[cfg(feature = "xz")]
const XZ_MEMORY_MAX: u64 = 2 << 30;
const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The last three bytes of the magic number of a skippable zstd frame; parallel packers begin with
/// one.
const ZSTD_PASSED_OVER: &[u8] = &[0x2a, 0x4d, 0x18];
/// First bytes of the first block of a bzip2 file, and of the end of one without blocks.
const BZIP2_BLOCKS: [&[u8]; 2] =
    [&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];
/// Containers that are not unpacked.
const ARCHIVES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive; `unzip -p FILE MEMBER` writes a member to a pipe"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (&[0x04, 0x22, 0x4d, 0x18], "packed with lz4; `lz4 -dc FILE` writes it to a pipe"),
    (&[0x1f, 0x9d], "packed with compress; `gzip -dc FILE` writes it to a pipe"),
];
/// Where a tar archive has its mark.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Number of bytes that are examined.
pub(crate) const HEAD_BYTES: usize = 512;

/// The program that packed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// zstd.
    Zstd,
    /// xz.
    Xz,
}

impl Compression {
    /// Recognised by the first bytes of a file.
    pub fn of(head: &[u8]) -> Option<Self> {
        let is_bzip2 = |rest: &[u8]| {
            rest.first().is_some_and(|level| (b'1'..=b'9').contains(level))
                && BZIP2_BLOCKS.iter().any(|block| rest[1..].starts_with(block))
        };
        let passed_over = |head: &[u8]| matches!(head, [0x50..=0x5f, rest @ ..] if rest.starts_with(ZSTD_PASSED_OVER));
        match head {
            _ if head.starts_with(GZIP) => Some(Self::Gzip),
            _ if head.starts_with(XZ) => Some(Self::Xz),
            _ if head.starts_with(ZSTD) || passed_over(head) => Some(Self::Zstd),
            [b'B', b'Z', b'h', rest @ ..] if is_bzip2(rest) => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// The program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }

    /// Whether a name has the extension of one of these programs.
    pub(crate) fn is_ending(ending: &OsStr) -> bool {
        ["gz", "bz2", "zst", "xz"].iter().any(|known| ending == *known)
    }

    /// Unpacks bytes.
    ///
    /// # Errors
    /// For a build without support for it; later, for damaged bytes.
    pub(crate) fn unpack<'a>(self, packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        let packed = BufReader::with_capacity(1 << 16, packed);
        Ok(match self {
            Self::Gzip => Box::new(Gzip { member: Some(flate2::bufread::GzDecoder::new(packed)) }),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            Self::Zstd => {
                let mut unpacked = zstd::stream::read::Decoder::with_buffer(packed)?;
                unpacked.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(unpacked)
            }
            #[cfg(feature = "xz")]
            Self::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, flags)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            #[cfg(not(feature = "xz"))]
            Self::Xz => {
                let what = "build wordmill with --features xz, or unpack it first, for example into a pipe";
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
        })
    }
}

/// The kind of archive of several files that this is, and how to get at them.
pub(crate) fn archive(head: &[u8]) -> Option<&'static str> {
    let (at, mark) = TAR;
    if head.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
        return Some("a tar archive; `tar -xOf FILE MEMBER` writes a member to a pipe");
    }
    ARCHIVES.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

/// The members of a gzip file, one after another. Zeros after the last one are padding, as for gzip itself.
struct Gzip<R> {
    /// The current member; `None` after the last one.
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let bytes = member.read(buffer)?;
            if bytes > 0 || buffer.is_empty() {
                return Ok(bytes);
            }
            let rest = self.member.take().map(flate2::bufread::GzDecoder::into_inner);
            self.member = rest.map(next_member).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The member that begins in the rest, if there is one.
fn next_member<R: BufRead>(mut rest: R) -> io::Result<Option<flate2::bufread::GzDecoder<R>>> {
    let mut padded = false;
    loop {
        let held = rest.fill_buf()?;
        let zeros = held.iter().take_while(|byte| **byte == 0).count();
        match held.get(zeros) {
            None if held.is_empty() => return Ok(None),
            None => rest.consume(zeros),
            Some(byte) if !padded && zeros == 0 && *byte == GZIP[0] => {
                return Ok(Some(flate2::bufread::GzDecoder::new(rest)));
            }
            Some(_) => {
                let what = "something else follows the last member";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        padded = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn check(packed: &[u8], expected: Option<&[u8]>) {
        let found = Compression::of(packed).expect("it is known");
        let mut unpacked = Vec::new();
        let read = found.unpack(packed).and_then(|mut it| it.read_to_end(&mut unpacked));
        assert_eq!(read.is_ok(), expected.is_some(), "{read:?}");
        assert!(expected.is_none_or(|expected| expected == unpacked));
    }

    #[test]
    fn members_and_padding_of_gzip_are_read_and_remains_are_refused() {
        let (one, two) = (gzip(b"one "), gzip(b"two"));
        check(&[&one[..], &two].concat(), Some(b"one two"));
        check(&[&one[..], &two, &[0; 1000]].concat(), Some(b"one two"));
        check(&[&one[..], &[0]].concat(), Some(b"one "));
        check(&[&one[..], b"rest"].concat(), None);
        check(&[&one[..], &[0; 3], &two].concat(), None);
        check(&one[..one.len() - 1], None);
    }

    #[test]
    fn frames_of_zstd_and_bzip2_follow_one_another() {
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let skipped = [0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        check(&[&skipped[..], &zstd(b"one "), &zstd(b"two")].concat(), Some(b"one two"));
        let bzip2 = |text: &[u8]| {
            let mut packed = Vec::new();
            bzip2::read::BzEncoder::new(text, bzip2::Compression::fast())
                .read_to_end(&mut packed)
                .unwrap();
            packed
        };
        check(&[bzip2(b"one "), bzip2(b"two")].concat(), Some(b"one two"));
        check(&bzip2(b""), Some(b""));
        check(&zstd(b"one")[..9], None);
    }

    #[test]
    fn text_that_begins_like_a_packed_file_is_text() {
        for text in ["BZh 1 2\n", "BZh91AY 1 2\n", "PK 1 2\n", "(\u{b5} 1 2\n"] {
            assert_eq!(Compression::of(text.as_bytes()), None, "{text}");
            assert_eq!(archive(text.as_bytes()), None, "{text}");
        }
    }
}
