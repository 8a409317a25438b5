//! NumPy's arrays (numpy.lib.format, version 1.0), with the words beside them.
//!
//! `OUT` is the array, one row per word, `<f4` or `<f2`; `OUT.vocab.txt` has a line `word count` for each
//! row.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::incoming::VectorFile;
use super::plain::PlainWriter;
use super::{Rows, check_word};
use crate::artefact::{Published, check_no_stream};
use crate::error::FormatError;
use crate::float16::to_f16;
use crate::storage::Storage;

/// The type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyElement {
    /// `<f4`.
    F32,
    /// `<f2`.
    F16,
}

/// Writes both files; the words first, so that an array never exists without them.
///
/// # Errors
/// [`FormatError::Unwritable`] for a word with white space; storage errors.
pub fn write(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
    element: NpyElement,
) -> Result<Published, FormatError> {
    check_no_stream(storage, path, "npy")?;
    let mut words = PlainWriter::create(storage, &VectorFile::names_path(path))?;
    for index in 0..rows.len {
        let word = (rows.word)(index);
        check_word(path, &word)?;
        let count = (rows.count)(index);
        words.append(|out| writeln!(out, "{word} {count}").expect("writing to memory"))?;
    }
    words.finish()?;
    let mut array = PlainWriter::create(storage, path)?;
    let descr = if element == NpyElement::F16 { "<f2" } else { "<f4" };
    let (len, dim) = (rows.len, rows.dim);
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({len}, {dim}), }}");
    array.append(|out| {
        // Magic, version, length and dictionary are padded to a multiple of 64 bytes.
        let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
        out.extend_from_slice(b"\x93NUMPY\x01\x00");
        out.extend_from_slice(&(length as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
        out.resize(10 + length - 1, b' ');
        out.push(b'\n');
    })?;
    let mut vector = Vec::new();
    for index in 0..rows.len {
        vector.clear();
        (rows.vector)(index, &mut vector);
        array.append(|out| match element {
            NpyElement::F32 => out.extend_from_slice(bytemuck::cast_slice(&vector)),
            NpyElement::F16 => {
                vector.iter().for_each(|&x| out.extend_from_slice(&to_f16(x).to_le_bytes()));
            }
        })?;
    }
    array.finish()
}
