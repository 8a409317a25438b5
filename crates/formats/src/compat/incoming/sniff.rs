//! What a file of vectors is, told by its first bytes, and the sizes in its first line.

use super::source::{Source, fields};
use super::{LINE_BYTES_MAX, VectorForm, npy};
use crate::error::FormatError;

/// A header is two numbers of up to twenty digits, with space to spare.
const HEADER_BYTES_MAX: usize = 64;
/// Binary numbers give themselves away within this many bytes.
const TEXT_BYTES: usize = 4096;

/// The form of the file that begins with `head`.
pub(super) fn form_of(head: &[u8]) -> Option<VectorForm> {
    if head.starts_with(npy::MAGIC) {
        return Some(VectorForm::Npy);
    }
    let (first, rest) = match head.iter().position(|&byte| byte == b'\n') {
        Some(end) => head.split_at(end + 1),
        None => (head, &[][..]),
    };
    let is_header = first.len() <= HEADER_BYTES_MAX && first.ends_with(b"\n");
    if is_header && sizes(first).is_some() {
        let row = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        // A binary vector may have a line feed in it, and look like text up to there.
        let text = is_text(&rest[..rest.len().min(TEXT_BYTES)]) && numbers(row, usize::MAX) > 0;
        return Some(if text { VectorForm::Word2vecText } else { VectorForm::Word2vec });
    }
    // The last field of a head may be cut. A line of two fields is a word with its count.
    let cut = usize::from(!first.ends_with(b"\n"));
    let whole = fields(first).count().saturating_sub(cut);
    let is_row = whole >= 3 && numbers(first, whole) + 1 == whole;
    (is_row && is_text(&first[..first.len().min(TEXT_BYTES)])).then_some(VectorForm::Glove)
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

/// How many of the fields behind the first, up to field `end`, are numbers, until one is none.
fn numbers(line: &[u8], end: usize) -> usize {
    let is_number =
        |field: &&[u8]| std::str::from_utf8(field).is_ok_and(|text| text.parse::<f32>().is_ok());
    fields(line).take(end).skip(1).take_while(is_number).count()
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

/// Reads `ROWS DIM` off the file.
pub(super) fn sizes_of_first_line(source: &mut Source) -> Result<(u64, u64), FormatError> {
    let mut line = Vec::new();
    source.until(b'\n', HEADER_BYTES_MAX, &mut line)?;
    sizes(&line).ok_or_else(|| source.error(0, "its header is not two numbers".into()))
}

/// The number of numbers in the first line.
pub(super) fn dim_of_first_line(source: &mut Source) -> Result<u64, FormatError> {
    let mut line = Vec::new();
    if !source.until(b'\n', LINE_BYTES_MAX, &mut line)? {
        return Err(source.error(0, "the first line does not end".into()));
    }
    Ok((fields(&line).count() as u64).saturating_sub(1))
}
