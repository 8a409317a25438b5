//! Safetensors files with only the requested vectors.
//!
//! In f32 it is an ordinary vectors file that has only word vectors. In f16 or int8 its kind is `packed-vectors`,
//! version 1, and it has these tensors beside the word tensors:
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `word_vectors` | f16, or i8 | V × d | the rows |
//! | `word_scales` | f32 | V | i8 only: the factor of a row, 1/127 of its greatest absolute value |
//!
//! `convert` expands it to a vectors file.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::Rows as OutRows;
use wordmill_formats::{
    Dtype, FormatError, Published, Storage, TensorFile, TensorWriter, Vectors, VectorsWriter,
    WORD_TENSORS, WordTable, WordTensors, Words, from_f16, to_f16, write_words,
};

use super::config::{ExportConfig, ExportElement, ExportWhich};

/// The kind of files with f16 or int8 numbers.
pub(crate) const KIND: &str = "packed-vectors";

/// The most frequent words of a file, under other names.
struct Some {
    names: Vec<String>,
    counts: Vec<u64>,
    lookup: Vec<u32>,
}

impl Words for Some {
    fn len(&self) -> usize {
        self.names.len()
    }
    fn word(&self, id: usize) -> &[u8] {
        self.names[id].as_bytes()
    }
    fn counts(&self) -> &[u64] {
        &self.counts
    }
    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}

/// Writes the file.
pub(super) fn write(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &OutRows<'_>,
    element: ExportElement,
    vectors: &Vectors,
    config: &ExportConfig,
) -> Result<Published, FormatError> {
    let names: Vec<String> = (0..rows.len).map(rows.word).collect();
    let mut lookup: Vec<u32> = (0..names.len() as u32).collect();
    lookup
        .sort_unstable_by(|&a, &b| names[a as usize].as_bytes().cmp(names[b as usize].as_bytes()));
    let words = Some { names, counts: (0..rows.len).map(rows.count).collect(), lookup };
    // Metadata about abilities that only the whole model has is not written for a part of it.
    let ours = |key: &str| {
        let left_out = ["kind", "version", "dim"].contains(&key) || key.starts_with("xxh3.");
        !left_out && (config.which == ExportWhich::Word || key != "objective")
    };
    let settings = vectors.settings().iter().filter(|(key, _)| ours(key));
    let mut settings: std::collections::BTreeMap<String, String> =
        settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    settings.insert("which".into(), format!("{:?}", config.which).to_lowercase());
    if element == ExportElement::F32 {
        let mut writer = VectorsWriter::create(storage, path, &words, rows.dim, &settings)?;
        writer.matrix("word_vectors", rows.len as u32, |ids, out| {
            ids.for_each(|id| (rows.vector)(id as usize, out));
            Ok(())
        })?;
        return writer.finish(&words);
    }
    settings.insert("dim".into(), rows.dim.to_string());
    let mut names = WORD_TENSORS.to_vec();
    names.extend(["word_vectors", "word_scales"]);
    let mut writer = TensorWriter::create(storage, path, KIND, &names, &settings)?;
    write_words(&mut writer, WordTensors::Wide, &words)?;
    write_numbers(&mut writer, rows, element, &words)?;
    writer.finish()
}

/// Tensors of wider types come first: scales, ids, f16, then bytes.
fn write_numbers(
    writer: &mut TensorWriter,
    rows: &OutRows<'_>,
    element: ExportElement,
    words: &Some,
) -> Result<(), FormatError> {
    let shape = [rows.len as u64, rows.dim as u64];
    let mut vector = Vec::new();
    let mut row = |id: usize| -> Vec<f32> {
        vector.clear();
        (rows.vector)(id, &mut vector);
        vector.clone()
    };
    if element == ExportElement::Int8 {
        let scales: Vec<f32> = (0..rows.len).map(|id| scale(&row(id))).collect();
        writer.tensor("word_scales", Dtype::F32, &[rows.len as u64], &scales)?;
        writer.tensor("lookup", Dtype::U32, &[rows.len as u64], words.lookup())?;
        writer.begin("word_vectors", Dtype::I8);
        for (id, &scale) in scales.iter().enumerate() {
            let numbers: Vec<i8> = row(id).iter().map(|&x| whole(x, scale)).collect();
            writer.write(&numbers)?;
        }
    } else {
        writer.tensor("lookup", Dtype::U32, &[rows.len as u64], words.lookup())?;
        writer.begin("word_vectors", Dtype::F16);
        for id in 0..rows.len {
            let numbers: Vec<u16> = row(id).iter().map(|&x| to_f16(x)).collect();
            writer.write(&numbers)?;
        }
    }
    writer.end(&shape);
    let bytes: Vec<u8> = words.names.concat().into_bytes();
    writer.tensor("word_bytes", Dtype::U8, &[bytes.len() as u64], &bytes)
}

/// The scale of a row: the value of one unit of its whole numbers.
fn scale(row: &[f32]) -> f32 {
    row.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0
}

fn whole(x: f32, scale: f32) -> i8 {
    // Zero divided by a scale of zero is NaN, which the cast turns into 0.
    (x / scale).round().clamp(-127.0, 127.0) as i8
}

/// Decodes a row.
pub(super) fn round(row: &mut [f32], element: ExportElement) {
    let scale = scale(row);
    for x in row {
        *x = match element {
            ExportElement::F32 => *x,
            ExportElement::F16 => from_f16(to_f16(*x)),
            ExportElement::Int8 => f32::from(whole(*x, scale)) * scale,
        };
    }
}

/// Expands a packed file to a vectors file. All of it is verified.
///
/// # Errors
/// For a damaged file, and for storage errors.
pub(crate) fn unpack(
    storage: &Arc<dyn Storage>,
    input: &Path,
    to: &Arc<dyn Storage>,
    out: &Path,
) -> Result<(Published, usize, usize), FormatError> {
    let file = TensorFile::open(storage, input)?;
    file.index().expect_kind(KIND)?;
    let table = WordTable::new(file)?;
    table.verify()?;
    let file = table.file();
    let info = &file.index().tensors().get("word_vectors");
    let shape = info.map(|info| (info.dtype, info.shape.clone()));
    let corrupt = |what: &str| FormatError::corrupt(input, 8, what);
    let (dtype, dim) = match shape {
        Option::Some((dtype @ (Dtype::F16 | Dtype::I8), shape))
            if shape.len() == 2 && shape[0] == table.len() as u64 && shape[1] > 0 =>
        {
            (dtype, shape[1] as usize)
        }
        _ => return Err(corrupt("word_vectors are not f16 or i8, a row a word")),
    };
    let scales: &[f32] = match dtype {
        Dtype::I8 => file.view("word_scales", Dtype::F32, 1)?,
        _ => &[],
    };
    if dtype == Dtype::I8 && scales.len() != table.len() {
        return Err(corrupt("word_scales are not one a word"));
    }
    let settings = file.index().metadata().iter();
    let ours = |key: &str| !["kind", "version", "dim"].contains(&key) && !key.starts_with("xxh3.");
    let settings = settings.filter(|(key, _)| ours(key)).map(|(k, v)| (k.clone(), v.clone()));
    let mut writer = VectorsWriter::create(to, out, &table, dim, &settings.collect())?;
    writer.matrix("word_vectors", table.len() as u32, |ids, out| {
        let span = ids.start as usize * dim..ids.end as usize * dim;
        if dtype == Dtype::F16 {
            let numbers: &[u16] = file.view("word_vectors", dtype, 2)?;
            out.extend(numbers[span].iter().map(|&half| from_f16(half)));
        } else {
            let numbers: &[i8] = file.view("word_vectors", dtype, 2)?;
            let rows = numbers[span].chunks_exact(dim).zip(&scales[ids.start as usize..]);
            out.extend(
                rows.flat_map(|(row, &scale)| row.iter().map(move |&x| f32::from(x) * scale)),
            );
        }
        Ok(())
    })?;
    let len = table.len();
    Ok((writer.finish(&table)?, len, dim))
}
