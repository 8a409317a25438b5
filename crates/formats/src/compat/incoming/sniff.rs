//! What a file of vectors is, told by its first bytes, and the sizes in its first line.

use super::source::{Source, fields};
use super::{LINE_BYTES_MAX, VectorForm, npy};
use crate::compat::finalfusion::MAGIC;
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
    if head.starts_with(MAGIC) {
        return Some(VectorForm::Finalfusion);
    }
    if head.starts_with(b"ARROW1") {
        return Some(VectorForm::Arrow);
    }
    if head.starts_with(b"PAR1") {
        return Some(VectorForm::Parquet);
    }
    let (first, rest) = match head.iter().position(|&byte| byte == b'\n') {
        Some(end) => head.split_at(end + 1),
        None => (head, &[][..]),
    };
    let is_header = first.len() <= HEADER_BYTES_MAX && first.ends_with(b"\n");
    if let Some((_, dim)) = sizes(first).filter(|_| is_header) {
        let row = rest.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        let (numbers, whole) = numbers(row);
        // A row of text as it should be may have any word. One that is wrong somewhere is still text if
        // no byte speaks against it; a binary vector with a line feed in it may look like that so far.
        let text = match whole {
            Some(fields) => fields == numbers && (fields as u64 == dim || !row.ends_with(b"\n")),
            None => false,
        };
        let text = text || numbers > 0 && is_text(&rest[..rest.len().min(TEXT_BYTES)]);
        return Some(if text { VectorForm::Word2vecText } else { VectorForm::Word2vec });
    }
    // A line of two fields is a word with its count.
    let (numbers, whole) = numbers(first);
    (numbers >= 2 && whole == Some(numbers)).then_some(VectorForm::Glove)
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

/// How many of the fields behind the first are numbers, until one is none; and how many fields there are
/// behind it, if there is one. The last field of a line without its end may be cut and does not count.
fn numbers(line: &[u8]) -> (usize, Option<usize>) {
    let is_number =
        |field: &&[u8]| std::str::from_utf8(field).is_ok_and(|text| text.parse::<f32>().is_ok());
    let cut = usize::from(!line.ends_with(b"\n"));
    let whole = fields(line).count().checked_sub(1 + cut).filter(|&whole| whole > 0);
    let behind = fields(line).skip(1).take(whole.unwrap_or(0));
    (behind.take_while(is_number).count(), whole)
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
