//! The header of a file in a tar archive: its detection, and its fields.

/// Bytes of a header; files are padded to a multiple of this.
pub(crate) const BLOCK: usize = 512;

/// Whether a block is a header: the sum of its bytes is its checksum.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..BLOCK) else { return false };
    let sum = |at: usize| if (148..156).contains(&at) { 32 } else { u64::from(block[at]) };
    block[0] != 0 && number(&block[148..156]) == Some((0..BLOCK).map(sum).sum())
}

/// A number in octal digits, or in base 256 with the first bit set, as GNU writes large ones.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let first = u64::from(field[0] & 0x7f);
        let add = |sum: u64, byte: &u8| sum.checked_mul(256)?.checked_add(u64::from(*byte));
        return field[1..].iter().try_fold(first, add);
    }
    let digits = field.iter().skip_while(|byte| **byte == b' ');
    let digits: Vec<u8> = digits.take_while(|byte| !matches!(byte, b' ' | 0)).copied().collect();
    let text = std::str::from_utf8(&digits).ok().filter(|text| !text.is_empty())?;
    u64::from_str_radix(text, 8).ok()
}

/// The text of a field that ends with a NUL.
pub(crate) fn text(field: &[u8]) -> String {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The size in a pax header, lines of `LENGTH KEY=VALUE`.
pub(crate) fn pax_size(header: &[u8]) -> Option<u64> {
    let lines = header.split(|byte| *byte == b'\n');
    let mut sizes = lines.filter_map(|line| {
        let (_, entry) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        entry.strip_prefix("size=")?.parse().ok()
    });
    sizes.next_back()
}
