//! Tables of columns: Arrow's file format (Feather, version 2) and Parquet, behind the feature `parquet`.
//!
//! | column | type |
//! |---|---|
//! | `word` | text |
//! | `count` | u64 |
//! | `vector` | list of d f32, d fixed |
//!
//! Settings are in the metadata of the schema. Rows are written in batches, so memory does not grow with the table.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Rows;
use super::plain::PlainWriter;
use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;

/// Bytes of numbers in a batch.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of a row group of Parquet, which its writer buffers in memory.
const GROUP_BYTES: usize = 64 << 20;
/// One of the lowest levels of zstd: higher ones hardly make the numbers of vectors smaller.
const LEVEL: i32 = 1;

/// The format of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnsForm {
    /// Arrow's file format.
    Arrow,
    /// Parquet.
    Parquet,
}

/// Writes the table; `settings` become metadata of its schema.
///
/// # Errors
/// Storage errors.
pub fn write<'a>(
    storage: &Arc<dyn Storage>,
    path: &Path,
    form: ColumnsForm,
    rows: &Rows<'_>,
    settings: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Published, FormatError> {
    let schema = schema(rows.dim, settings);
    let mut writer = Remembering { writer: PlainWriter::create(storage, path)?, failed: None };
    let written = match form {
        ColumnsForm::Arrow => write_arrow(&mut writer, &schema, rows),
        ColumnsForm::Parquet => write_parquet(&mut writer, &schema, rows),
    };
    match (writer.failed, written) {
        // The error of the storage says more than the one of the library.
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(FormatError::io(path, "writing columns", error)),
        (None, Ok(())) => writer.writer.finish(),
    }
}

fn schema<'a>(dim: usize, settings: impl Iterator<Item = (&'a str, &'a str)>) -> SchemaRef {
    let list = DataType::FixedSizeList(Arc::new(number()), dim as i32);
    let fields = vec![
        Field::new("word", DataType::Utf8, false),
        Field::new("count", DataType::UInt64, false),
        Field::new("vector", list, false),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Arc::new(Schema::new_with_metadata(fields, settings.collect::<HashMap<_, _>>()))
}

fn number() -> Field {
    Field::new("item", DataType::Float32, false)
}

fn write_arrow(writer: &mut Remembering, schema: &SchemaRef, rows: &Rows<'_>) -> io::Result<()> {
    let told = |error: ArrowError| io::Error::other(error.to_string());
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
    let mut out =
        FileWriter::try_new_with_options(writer, schema, options.map_err(told)?).map_err(told)?;
    for batch in batches(schema, rows) {
        out.write(&batch.map_err(told)?).map_err(told)?;
    }
    out.finish().map_err(told)
}

fn write_parquet(writer: &mut Remembering, schema: &SchemaRef, rows: &Rows<'_>) -> io::Result<()> {
    let told = |error: ParquetError| io::Error::other(error.to_string());
    let level = parquet::basic::ZstdLevel::try_new(LEVEL).map_err(told)?;
    let settings = WriterProperties::builder()
        .set_created_by(concat!("wordmill ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .build();
    let mut out = ArrowWriter::try_new(writer, Arc::clone(schema), Some(settings)).map_err(told)?;
    for batch in batches(schema, rows) {
        let batch = batch.map_err(|error| io::Error::other(error.to_string()))?;
        out.write(&batch).map_err(told)?;
    }
    out.close().map(drop).map_err(told)
}

/// The rows, some at a time.
fn batches(
    schema: &SchemaRef,
    rows: &Rows<'_>,
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let some = (BATCH_BYTES / (4 * rows.dim.max(1))).max(1);
    (0..rows.len).step_by(some).map(move |first| {
        let ids = first..rows.len.min(first + some);
        let mut numbers = Vec::with_capacity(ids.len() * rows.dim);
        ids.clone().for_each(|id| (rows.vector)(id, &mut numbers));
        let words: StringArray = ids.clone().map(|id| Some((rows.word)(id))).collect();
        let counts: UInt64Array = ids.map(rows.count).collect::<Vec<u64>>().into();
        let numbers: ArrayRef = Arc::new(Float32Array::from(numbers));
        let vectors =
            FixedSizeListArray::try_new(Arc::new(number()), rows.dim as i32, numbers, None)?;
        RecordBatch::try_new(
            Arc::clone(schema),
            vec![Arc::new(words), Arc::new(counts), Arc::new(vectors)],
        )
    })
}

/// A file being written that remembers its first error.
struct Remembering {
    writer: PlainWriter,
    failed: Option<FormatError>,
}

impl Write for Remembering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.writer.append(|held| held.extend_from_slice(bytes)) {
            let told = io::Error::other(error.to_string());
            self.failed.get_or_insert(error);
            return Err(told);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
