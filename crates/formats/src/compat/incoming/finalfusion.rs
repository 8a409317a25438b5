//! The offsets within a file of finalfusion (see `compat::finalfusion`).

use super::source::Source;
use crate::compat::finalfusion::{ARRAY, F32, MAGIC, NORMS, WORDS};
use crate::error::FormatError;

/// There are ten kinds of chunks, and a file has few of them.
const CHUNKS_MAX: u32 = 64;

/// Offsets in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The first word, after the number of words.
    pub words: u64,
    /// The end of the last word.
    pub words_end: u64,
    /// The first number of the array.
    pub array: u64,
    /// The first norm of a row.
    pub norms: Option<u64>,
}

/// Reads the header and the heads of all chunks; returns rows and columns of the array, and the
/// offsets.
pub(super) fn header(source: &mut Source) -> Result<(u64, u64, Layout), FormatError> {
    let mut bytes = Vec::new();
    source.exactly(MAGIC.len(), &mut bytes)?;
    let (version, chunks) = (number(source)?, number(source)?);
    if version != 0 || chunks > CHUNKS_MAX {
        let what = format!("version {version} with {chunks} chunks; version 0 can be read");
        return Err(source.error(4, what));
    }
    source.skip(4 * u64::from(chunks))?;
    let (mut layout, mut words, mut shape) = (Layout::default(), None, None);
    for _ in 0..chunks {
        let (kind, length) = (number(source)?, long(source)?);
        let start = source.at();
        let end = start.checked_add(length).filter(|&end| end <= source.len());
        let end =
            end.ok_or_else(|| source.error(start, "a chunk ends past the end of the file".into()))?;
        match kind {
            WORDS => {
                words = Some(long(source)?);
                (layout.words, layout.words_end) = (source.at(), end);
            }
            ARRAY => {
                let (rows, columns) = (long(source)?, number(source)?);
                layout.array = floats(source, rows.checked_mul(u64::from(columns)), end)?;
                shape = Some((rows, u64::from(columns)));
            }
            NORMS => {
                let rows = long(source)?;
                layout.norms = Some(floats(source, Some(rows), end)?);
                if shape.is_some_and(|(known, _)| known != rows) {
                    return Err(
                        source.error(start, "it has norms for another number of rows".into())
                    );
                }
            }
            3 | 7 | 8 | 9 => {
                let what = "it has vectors of subwords, which cannot be converted";
                return Err(source.error(start, what.into()));
            }
            4 => {
                let what = "its vectors are quantized; `finalfusion reconstruct` writes plain ones";
                return Err(source.error(start, what.into()));
            }
            _ => {}
        }
        source.skip(end - source.at())?;
    }
    match (words, shape) {
        (Some(words), Some((rows, dim))) if words == rows => Ok((rows, dim, layout)),
        _ => Err(source.error(0, "its rows and its words differ in number".into())),
    }
}

/// Where the numbers of a chunk begin, after the padding.
fn floats(source: &mut Source, count: Option<u64>, end: u64) -> Result<u64, FormatError> {
    let (kind, at) = (number(source)?, source.at());
    let bytes = count.and_then(|count| count.checked_mul(4));
    let start = bytes.and_then(|bytes| end.checked_sub(bytes));
    match start.filter(|&start| kind == F32 && start >= at && start - at <= 4) {
        Some(start) => Ok(start),
        None => Err(source
            .error(at, "its numbers are not f32, or differ in number from what it says".into())),
    }
}

fn number(source: &mut Source) -> Result<u32, FormatError> {
    let mut bytes = Vec::new();
    source.exactly(4, &mut bytes)?;
    Ok(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

fn long(source: &mut Source) -> Result<u64, FormatError> {
    let mut bytes = Vec::new();
    source.exactly(8, &mut bytes)?;
    Ok(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}
