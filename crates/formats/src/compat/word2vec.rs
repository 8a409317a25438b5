//! word2vec's two formats.
//!
//! Both begin with a line `ROWS DIM`. Text: one line per word, `word v1 … vd`. Binary: `word`, a
//! space, d little-endian f32, a line feed (word2vec.c, Mikolov et al. 2013). Neither can escape a
//! space, so a word with white space is refused: readers would misread it, some silently. Numbers in
//! text have as many digits as are needed to read the same f32 back.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::{Rows, check_word};
use crate::artefact::{ArtefactWriter, Published};
use crate::error::FormatError;
use crate::storage::Storage;

/// Writes the binary format.
pub fn write_binary(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
) -> Result<Published, FormatError> {
    write(storage, path, rows, Header::Sizes, |word, vector, out| {
        out.extend_from_slice(word.as_bytes());
        out.push(b' ');
        out.extend_from_slice(bytemuck::cast_slice(vector));
        out.push(b'\n');
    })
}

/// Writes the text format.
pub fn write_text(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
) -> Result<Published, FormatError> {
    write(storage, path, rows, Header::Sizes, text_row)
}

/// One line of text: the word, then the numbers.
pub(super) fn text_row(word: &str, vector: &[f32], out: &mut Vec<u8>) {
    out.extend_from_slice(word.as_bytes());
    for value in vector {
        write!(out, " {value}").expect("writing to memory");
    }
    out.push(b'\n');
}

/// What precedes the first word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// A line with the number of rows and the dimension.
    Sizes,
    /// Nothing.
    None,
}

/// The loop that the formats share.
pub(super) fn write(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
    header: Header,
    row: fn(&str, &[f32], &mut Vec<u8>),
) -> Result<Published, FormatError> {
    let mut writer = ArtefactWriter::create(storage, path)?;
    let mut digest = xxhash_rust::xxh3::Xxh3::new();
    let mut out = Vec::new();
    if header == Header::Sizes {
        writeln!(out, "{} {}", rows.len, rows.dim).expect("writing to memory");
    }
    let mut vector = Vec::new();
    for index in 0..rows.len {
        let word = (rows.word)(index);
        check_word(path, &word)?;
        vector.clear();
        (rows.vector)(index, &mut vector);
        assert_eq!(vector.len(), rows.dim);
        row(&word, &vector, &mut out);
        if out.len() > 1 << 18 {
            digest.update(&out);
            writer.append(&out)?;
            out.clear();
        }
    }
    digest.update(&out);
    writer.append(&out)?;
    writer.finish(digest.digest())
}
