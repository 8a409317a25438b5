//! Detects the packing of a file, and the memory for unpacking it, from its first bytes. Nothing is unpacked here.

/// Enough bytes to detect packing and window.
pub(crate) const FRAME_HEAD_BYTES: usize = 32;
/// The largest supported window of a zstd file: 2 GiB, as `zstd --long=31` writes it.
pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 31;
/// Memory for unpacking a file of xz -9, which every member may need.
#[cfg(feature = "xz")]
pub(crate) const XZ_MEMORY_USUAL: u64 = 66 << 20;
/// First bytes of a file packed with xz.
pub(crate) const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// The window if the head does not state one: that of level 19.
const ZSTD_USUAL_BYTES: u64 = 8 << 20;
/// Memory of a decoder beside its window.
const ZSTD_FIXED_BYTES: u64 = 512 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Zstd,
    #[cfg(feature = "xz")]
    Xz,
}

impl Packing {
    /// The command that unpacks such a file into a pipe.
    pub(crate) fn command(self) -> Option<&'static str> {
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

/// The packing of the file that begins with `head`.
pub(crate) fn packing(head: &[u8]) -> Packing {
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

/// Memory for unpacking the file that begins with `head`, as stated in its first frame.
pub(crate) fn unpacker_bytes(head: &[u8]) -> u64 {
    match packing(head) {
        Packing::Plain => 0,
        // A window of 32 KiB; four bytes of memory for each of a block of 900 kB.
        Packing::Gzip => 64 << 10,
        Packing::Bzip2 => 4 << 20,
        // At least the dictionary of level 9, the largest that xz uses by default.
        #[cfg(feature = "xz")]
        Packing::Xz => {
            let dictionary = xz_dictionary(head).unwrap_or(0) + XZ_FIXED_BYTES;
            dictionary.max(XZ_MEMORY_USUAL)
        }
        Packing::Zstd => {
            // The decoder refuses larger windows.
            zstd_window(head).unwrap_or(ZSTD_USUAL_BYTES).min(1 << ZSTD_WINDOW_LOG_MAX)
                + ZSTD_FIXED_BYTES
        }
    }
}

/// Memory of a decoder of xz beside its dictionary.
#[cfg(feature = "xz")]
const XZ_FIXED_BYTES: u64 = 1 << 20;

/// The dictionary of the first block (the .xz file format, sections 3.1 and 5.3.1).
#[cfg(feature = "xz")]
fn xz_dictionary(head: &[u8]) -> Option<u64> {
    // After the header of the stream: the size of the block header, its flags, two optional sizes.
    let flags = *head.get(13)?;
    let mut at = 14;
    for present in [flags & 0x40, flags & 0x80] {
        while present != 0 && *head.get(at)? & 0x80 != 0 {
            at += 1;
        }
        at += usize::from(present != 0);
    }
    // A filter before LZMA2, such as one for programs, is skipped.
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

/// The window of a frame, or its content if that is smaller (RFC 8878, section 3.1.1.1).
pub(crate) fn zstd_window(head: &[u8]) -> Option<u64> {
    if head.first()? & 0xf0 == 0x50 {
        // A skippable frame, as pzstd writes before every other frame.
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

/// A block or the end of a stream must follow the four letters, which text may contain, too.
fn is_bzip2(head: &[u8]) -> bool {
    head.starts_with(b"BZh")
        && head.get(3).is_some_and(u8::is_ascii_digit)
        && head.get(4..10).is_some_and(|next| {
            next == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
                || next == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
        })
}
