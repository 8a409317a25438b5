//! Words and vectors in the columns of a table: Arrow's file format and Parquet.
//!
//! The words are the column `word`, or else the only one of text; the vectors `vector`, or else the only one of lists
//! of f32 or f64; counts are `count`, if it exists. All kinds of lists are read, if all have the same length.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader as ArrowReader;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::bad::BadRow;
use super::form::{VectorForm, Wanted};
use crate::error::FormatError;
use crate::storage::{FileReader as Reader, ReadFile, Storage};

/// Rows read from a Parquet file at a time.
const BATCH_ROWS: usize = 1024;

/// A table being read.
pub(super) struct Table {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    batch: Option<RecordBatch>,
    row: usize,
    columns: Columns,
}

/// The next item of a table.
pub(super) enum TableRow {
    End,
    Row,
    Bad(BadRow),
}

/// Names of columns.
#[derive(Clone, Debug)]
struct Columns {
    word: String,
    count: Option<String>,
    vector: String,
}

/// Number of rows of a table, if it is stated, and the length of a vector.
pub(super) fn shape(
    storage: &Arc<dyn Storage>,
    path: &Path,
    form: VectorForm,
) -> Result<(Option<u64>, u64), FormatError> {
    let (mut table, rows) = Table::open(storage, path, form, Wanted::Rows)?;
    let (mut word, mut vector) = (String::new(), Vec::new());
    loop {
        match table.advance(&mut word, &mut 0, Some(&mut vector)) {
            Ok(TableRow::Row) => return Ok((rows, vector.len() as u64)),
            // The length is that of its first whole row.
            Ok(TableRow::Bad(_)) => {}
            Ok(TableRow::End) => return Err(bad(path, form, "it has no whole row")),
            Err(what) => return Err(bad(path, form, &what)),
        }
    }
}

fn bad(path: &Path, form: VectorForm, what: &str) -> FormatError {
    let (path, form, what) = (path.to_path_buf(), form.what(), what.to_owned());
    FormatError::Incoming { path, form, offset: 0, what }
}

/// A file as the libraries read it.
struct Whole(Arc<dyn ReadFile>);

impl Length for Whole {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Whole {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(Reader::new(Arc::clone(&self.0), start, self.0.len())))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF("a part of it is past its end".into()));
        }
        let mut bytes = vec![0; length];
        self.0.read_exact_at(start, &mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads a file at any offset.
struct Seeking {
    file: Arc<dyn ReadFile>,
    at: u64,
}

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = Reader::new(Arc::clone(&self.file), self.at, self.file.len()).read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Seeking {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Table {
    /// Opens the file and reads only the wanted columns; also returns its number of rows, if stated.
    pub fn open(
        storage: &Arc<dyn Storage>,
        path: &Path,
        form: VectorForm,
        wanted: Wanted,
    ) -> Result<(Self, Option<u64>), FormatError> {
        let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
        let opened = match form {
            VectorForm::Parquet => Self::parquet(file, wanted),
            _ => Self::arrow(file, wanted),
        };
        opened.map_err(|what| bad(path, form, &what))
    }

    fn parquet(file: Arc<dyn ReadFile>, wanted: Wanted) -> Result<(Self, Option<u64>), String> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(Whole(file));
        let builder = builder.map_err(|error| error.to_string())?;
        let columns = Columns::of(builder.schema())?;
        let rows = builder.metadata().file_metadata().num_rows();
        let mask = ProjectionMask::roots(
            builder.parquet_schema(),
            columns.places(builder.schema(), wanted),
        );
        let batches = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let batches = Box::new(batches.map_err(|error| error.to_string())?);
        Ok((Self { batches, batch: None, row: 0, columns }, u64::try_from(rows).ok()))
    }

    fn arrow(file: Arc<dyn ReadFile>, wanted: Wanted) -> Result<(Self, Option<u64>), String> {
        let told = |error: ArrowError| error.to_string();
        let open = || BufReader::new(Seeking { file: Arc::clone(&file), at: 0 });
        let schema = ArrowReader::try_new(open(), None).map_err(told)?.schema();
        let columns = Columns::of(&schema)?;
        let places = columns.places(&schema, wanted);
        let batches = Box::new(ArrowReader::try_new(open(), Some(places)).map_err(told)?);
        Ok((Self { batches, batch: None, row: 0, columns }, None))
    }

    /// Moves to the next row and reads the wanted columns.
    pub fn advance(
        &mut self,
        word: &mut String,
        count: &mut u64,
        vector: Option<&mut Vec<f32>>,
    ) -> Result<TableRow, String> {
        while self.batch.as_ref().is_none_or(|batch| self.row == batch.num_rows()) {
            match self.batches.next() {
                None => return Ok(TableRow::End),
                Some(batch) => self.batch = Some(batch.map_err(|error| error.to_string())?),
            }
            self.row = 0;
        }
        let (batch, row) = (self.batch.as_ref().expect("it was just looked at"), self.row);
        let column = |name: &str| batch.column_by_name(name).ok_or(format!("no column {name:?}"));
        self.row += 1;
        word.clear();
        let Some(text) = text(column(&self.columns.word)?, row) else {
            return Ok(TableRow::Bad(BadRow::NoWord));
        };
        word.push_str(text);
        if let Some(name) = &self.columns.count {
            let Some(found) = whole(column(name)?, row) else {
                return Ok(TableRow::Bad(BadRow::Count));
            };
            *count = found;
        }
        if let Some(vector) = vector {
            vector.clear();
            if numbers(column(&self.columns.vector)?, row, vector).is_none() {
                return Ok(TableRow::Bad(BadRow::Numbers("a number is missing".into())));
            }
        }
        Ok(TableRow::Row)
    }
}

impl Columns {
    fn of(schema: &SchemaRef) -> Result<Self, String> {
        let find = |name: &str, what: &str, fits: fn(&DataType) -> bool| {
            let fitting: Vec<&str> = schema
                .fields()
                .iter()
                .filter(|it| fits(it.data_type()))
                .map(|it| &it.name()[..])
                .collect();
            match fitting[..] {
                [only] => Ok(only.to_owned()),
                _ if fitting.contains(&name) => Ok(name.to_owned()),
                _ => {
                    let all: Vec<_> = schema
                        .fields()
                        .iter()
                        .map(|it| format!("{} ({})", it.name(), it.data_type()))
                        .collect();
                    Err(format!(
                        "it has no column {name:?} of {what}, nor a single column of {what}; its columns: {}",
                        all.join(", ")
                    ))
                }
            }
        };
        let count = schema.field_with_name("count").ok().filter(|it| is_whole(it.data_type()));
        Ok(Self {
            word: find("word", "text", is_text)?,
            count: count.map(|it| it.name().clone()),
            vector: find("vector", "lists of f32 or f64", is_vector)?,
        })
    }

    /// The indices of the wanted columns.
    fn places(&self, schema: &SchemaRef, wanted: Wanted) -> Vec<usize> {
        let vector = (wanted == Wanted::Rows).then_some(&self.vector);
        let names = [Some(&self.word), self.count.as_ref(), vector];
        let places = names.into_iter().flatten().filter_map(|name| schema.index_of(name).ok());
        places.collect()
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_whole(kind: &DataType) -> bool {
    matches!(kind, DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64)
}

fn is_vector(kind: &DataType) -> bool {
    let (DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) =
        kind
    else {
        return false;
    };
    matches!(item.data_type(), DataType::Float32 | DataType::Float64)
}

fn text(column: &ArrayRef, row: usize) -> Option<&str> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string_opt::<i32>().map(|it| it.value(row)),
        DataType::LargeUtf8 => column.as_string_opt::<i64>().map(|it| it.value(row)),
        _ => column.as_string_view_opt().map(|it| it.value(row)),
    }
}

fn whole(column: &ArrayRef, row: usize) -> Option<u64> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Int32 => column.as_primitive_opt::<Int32Type>()?.value(row).try_into().ok(),
        DataType::Int64 => column.as_primitive_opt::<Int64Type>()?.value(row).try_into().ok(),
        DataType::UInt32 => column.as_primitive_opt::<UInt32Type>().map(|it| it.value(row).into()),
        _ => column.as_primitive_opt::<UInt64Type>().map(|it| it.value(row)),
    }
}

/// Appends the numbers of a list, if it exists and no number is missing.
fn numbers(column: &ArrayRef, row: usize, out: &mut Vec<f32>) -> Option<()> {
    if column.is_null(row) {
        return None;
    }
    let list = match column.data_type() {
        DataType::List(_) => column.as_list_opt::<i32>()?.value(row),
        DataType::LargeList(_) => column.as_list_opt::<i64>()?.value(row),
        _ => column.as_fixed_size_list_opt()?.value(row),
    };
    if list.null_count() > 0 {
        return None;
    }
    match list.as_primitive_opt::<Float32Type>() {
        Some(list) => out.extend_from_slice(list.values()),
        None => {
            out.extend(list.as_primitive_opt::<Float64Type>()?.values().iter().map(|&x| x as f32))
        }
    }
    Some(())
}
