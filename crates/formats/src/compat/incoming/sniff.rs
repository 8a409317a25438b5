//! Detects the format of a file of vectors by its first bytes, and reads the sizes in its first
//! line.

use std::collections::BTreeMap;

use super::form::{LINE_BYTES_MAX, VectorForm};
use super::npy;
use super::source::{BYTE_ORDER_MARK, Source, fields};
use crate::compat::finalfusion::MAGIC;
use crate::compression::Compression;
use crate::error::FormatError;

/// The longest header: two numbers of up to twenty digits, and some space.
const HEADER_BYTES_MAX: usize = 64;
/// Binary numbers are recognisable within this many bytes.
const TEXT_BYTES: usize = 4096;
/// Lines that determine how many numbers a row of a text without a header has.
const LINES_LOOKED_AT: usize = 32;

/// The form of the file that begins with `head`.
pub(super) fn form_of(head: &[u8]) -> Option<VectorForm> {
    if head.starts_with(npy::MAGIC) {
        return Some(VectorForm::Npy);
    }
    if head.starts_with(MAGIC) {
        return Some(VectorForm::Finalfusion);
    }
    if head.starts_with(b"ARROW1") {
        return Some(VectorForm::Arrow);
    }
    if head.starts_with(b"PAR1") {
        return Some(VectorForm::Parquet);
    }
    if Compression::of(head).is_some() {
        // A small packed text is stored literally, after a few bytes.
        return None;
    }
    let head = &head[mark_bytes(head) as usize..];
    let (first, rest) = match head.iter().position(|&byte| byte == b'\n') {
        Some(end) => head.split_at(end + 1),
        None => (head, &[][..]),
    };
    let is_header = first.len() <= HEADER_BYTES_MAX && first.ends_with(b"\n");
    if let Some((_, dim)) = sizes(first).filter(|_| is_header) {
        let row = rest.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        let numbers = Numbers::of(row);
        // A correct row of text may have any word. A wrong one is still text if no byte contradicts it;
        // a binary vector with a line feed in it may look like that so far.
        let text = match numbers.whole {
            Some(_) if row.ends_with(b"\n") => numbers.last as u64 >= dim,
            Some(fields) => fields == numbers.first,
            None => false,
        };
        let some = numbers.first + numbers.last > 0;
        let text = text || some && is_text(&rest[..rest.len().min(TEXT_BYTES)]);
        return Some(if text { VectorForm::Word2vecText } else { VectorForm::Word2vec });
    }
    // A line of two fields is a word with its count.
    let numbers = Numbers::of(first);
    let is_row = numbers.first >= 2 && numbers.whole == Some(numbers.first);
    (is_row || has_rows(head)).then_some(VectorForm::Glove)
}

/// Whether most of the first lines end in the same number of numbers; a first word with spaces in it proves
/// nothing alone.
fn has_rows(head: &[u8]) -> bool {
    let lines = head.split_inclusive(|&byte| byte == b'\n').take(LINES_LOOKED_AT);
    let lines: Vec<&[u8]> = lines.filter(|line| line.ends_with(b"\n")).collect();
    let alike = most_common(lines.iter().map(|line| Numbers::of(line).last));
    alike.is_some_and(|(_, alike)| alike >= 2 && 2 * alike > lines.len())
}

/// The most common of some numbers from 2 on, the lower one of a tie, and how often it occurs.
fn most_common(numbers: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
    let mut counts = BTreeMap::<usize, usize>::new();
    numbers.filter(|&it| it >= 2).for_each(|it| *counts.entry(it).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count)
}

/// Length of a byte order mark at the beginning.
pub(super) fn mark_bytes(head: &[u8]) -> u64 {
    if head.starts_with(&BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() as u64 } else { 0 }
}

/// `ROWS DIM`.
fn sizes(line: &[u8]) -> Option<(u64, u64)> {
    let number = |field: &[u8]| {
        let digits = field.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(field).ok().filter(|_| digits).and_then(|text| text.parse().ok())
    };
    let mut fields = fields(line);
    match (fields.next().map(number), fields.next().map(number), fields.next()) {
        (Some(Some(rows)), Some(Some(dim)), None) => Some((rows, dim)),
        _ => None,
    }
}

/// The numbers of a line.
struct Numbers {
    /// Number of fields after the first, if any. The last field of a line without an end may be cut and does not count.
    whole: Option<usize>,
    /// How many of these are numbers, up to the first that is not.
    first: usize,
    /// The same from the end.
    last: usize,
}

impl Numbers {
    fn of(line: &[u8]) -> Self {
        let is_number = |field: &&[u8]| {
            std::str::from_utf8(field).is_ok_and(|text| text.parse::<f32>().is_ok())
        };
        let cut = usize::from(!line.ends_with(b"\n"));
        let fields: Vec<&[u8]> = fields(line).collect();
        let whole = fields.len().checked_sub(1 + cut).filter(|&whole| whole > 0);
        let behind = &fields[fields.len().min(1)..fields.len().min(1) + whole.unwrap_or(0)];
        Self {
            whole,
            first: behind.iter().take_while(|field| is_number(field)).count(),
            last: behind.iter().rev().take_while(|field| is_number(field)).count(),
        }
    }
}

/// Whether bytes are text, the last character perhaps cut.
fn is_text(bytes: &[u8]) -> bool {
    let control = |&byte: &u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && !bytes.iter().any(control)
}

/// Reads `ROWS DIM` from the file.
pub(super) fn sizes_of_first_line(source: &mut Source) -> Result<(u64, u64), FormatError> {
    let mut line = Vec::new();
    source.until(b'\n', HEADER_BYTES_MAX, &mut line)?;
    sizes(&line).ok_or_else(|| source.error(0, "its header is not two numbers".into()))
}

/// How many numbers most of the first lines end in.
pub(super) fn dim_of_lines(source: &mut Source) -> Result<u64, FormatError> {
    let mut line = Vec::new();
    let mut last = Vec::new();
    while last.len() < LINES_LOOKED_AT && source.until(b'\n', LINE_BYTES_MAX, &mut line)? {
        last.push(Numbers::of(&line).last);
    }
    match most_common(last.into_iter()) {
        Some((dim, _)) => Ok(dim as u64),
        None => Err(source.error(0, "the first line does not end".into())),
    }
}
