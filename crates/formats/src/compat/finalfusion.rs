//! finalfusion's format (finalfusion-rust, version 0): chunks, little-endian.
//!
//! ```text
//! "FiFu", version 0 u32, number of chunks u32, their kinds u32 each
//! each chunk: kind u32, length of what follows u64
//!   1 words:  number u64; each word: length u32, bytes
//!   2 array:  rows u64, columns u32, type u32 (10: f32), 1 to 4 bytes of padding, numbers
//!   5 notes:  TOML
//!   6 norms:  number u64, type u32, padding, numbers
//! ```
//!
//! finalfusion expects rows of length 1 and reads their norms from a separate chunk, so that is what is written: their
//! product is the row up to the last bit. Words may have spaces.

use std::path::Path;
use std::sync::Arc;

use super::Rows;
use super::plain::PlainWriter;
use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;

/// The first bytes.
pub(super) const MAGIC: &[u8; 4] = b"FiFu";
pub(super) const WORDS: u32 = 1;
pub(super) const ARRAY: u32 = 2;
const NOTES: u32 = 5;
pub(super) const NORMS: u32 = 6;
/// The number of the type f32.
pub(super) const F32: u32 = 10;

/// Padding to the next multiple of four; a number already there takes four bytes.
fn padding(at: u64) -> u64 {
    4 - at % 4
}

/// Writes the file; `settings` become its notes.
///
/// # Errors
/// Storage errors.
pub fn write<'a>(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
    settings: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Published, FormatError> {
    let mut writer = PlainWriter::create(storage, path)?;
    let mut at = 0;
    let mut put = |writer: &mut PlainWriter, bytes: &[u8]| {
        at += bytes.len() as u64;
        writer.append(|out| out.extend_from_slice(bytes)).map(|()| at)
    };
    let mut head = MAGIC.to_vec();
    [0, 4, NOTES, WORDS, ARRAY, NORMS].iter().for_each(|it: &u32| head.extend(it.to_le_bytes()));
    put(&mut writer, &head)?;

    let quoted = |text: &str| serde_json::to_string(text).expect("a string is JSON, and TOML");
    let notes: String =
        settings.map(|(key, value)| format!("{} = {}\n", quoted(key), quoted(value))).collect();
    put(&mut writer, &chunk(NOTES, notes.len() as u64))?;
    put(&mut writer, notes.as_bytes())?;

    let words = (0..rows.len).map(|index| (rows.word)(index).len() as u64 + 4);
    put(&mut writer, &chunk(WORDS, 8 + words.sum::<u64>()))?;
    put(&mut writer, &(rows.len as u64).to_le_bytes())?;
    for index in 0..rows.len {
        let word = (rows.word)(index);
        put(&mut writer, &(word.len() as u32).to_le_bytes())?;
        put(&mut writer, word.as_bytes())?;
    }

    let numbers = 4 * rows.len as u64 * rows.dim as u64;
    let end = put(&mut writer, &[])? + 12 + 16;
    put(&mut writer, &chunk(ARRAY, 16 + padding(end) + numbers))?;
    put(&mut writer, &(rows.len as u64).to_le_bytes())?;
    put(&mut writer, &(rows.dim as u32).to_le_bytes())?;
    put(&mut writer, &F32.to_le_bytes())?;
    put(&mut writer, &vec![0; padding(end) as usize])?;
    let mut norms = Vec::with_capacity(rows.len);
    let mut vector = Vec::new();
    for index in 0..rows.len {
        vector.clear();
        (rows.vector)(index, &mut vector);
        let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if norm > 0.0 {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        }
        norms.push(norm as f32);
        put(&mut writer, bytemuck::cast_slice(&vector))?;
    }

    let end = put(&mut writer, &[])? + 12 + 12;
    put(&mut writer, &chunk(NORMS, 12 + padding(end) + 4 * rows.len as u64))?;
    put(&mut writer, &(rows.len as u64).to_le_bytes())?;
    put(&mut writer, &F32.to_le_bytes())?;
    put(&mut writer, &vec![0; padding(end) as usize])?;
    put(&mut writer, bytemuck::cast_slice(&norms))?;
    writer.finish()
}

/// The beginning of a chunk.
fn chunk(kind: u32, bytes: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &bytes.to_le_bytes()].concat()
}
