//! A column of texts of a Parquet file, row by row: each becomes lines.
//!
//! Only that column is read, a batch of rows at a time. A row without a text is an empty line.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 256;

/// Reads the texts of a column.
pub(crate) struct ColumnText {
    batches: ParquetRecordBatchReader,
    text: Vec<u8>,
    given: usize,
    /// Rows read, and all of them.
    seen: Arc<AtomicU64>,
    rows: u64,
    /// Bytes of the file that those rows correspond to, and the total.
    stored: Arc<AtomicU64>,
    bytes: u64,
}

impl ColumnText {
    /// The column of that name, or the problem.
    pub fn open(
        file: File,
        column: &str,
        seen: Arc<AtomicU64>,
        stored: Arc<AtomicU64>,
    ) -> Result<Self, String> {
        let bytes = file.metadata().map_or(0, |it| it.len());
        let table = ParquetRecordBatchReaderBuilder::try_new(file);
        let table =
            table.map_err(|error| format!("it is not a complete Parquet file ({error})"))?;
        let is_text = |kind: &DataType| {
            matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        };
        let schema = Arc::clone(table.schema());
        let place =
            schema.index_of(column).ok().filter(|at| is_text(schema.field(*at).data_type()));
        let Some(place) = place else {
            let columns: Vec<_> = schema
                .fields()
                .iter()
                .map(|it| format!("{} ({})", it.name(), it.data_type()))
                .collect();
            return Err(format!(
                "it has no column {column:?} of text; its columns: {}",
                columns.join(", ")
            ));
        };
        let rows = u64::try_from(table.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mask = ProjectionMask::roots(table.parquet_schema(), [place]);
        let batches = table.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let batches = batches.map_err(|error| error.to_string())?;
        Ok(Self { batches, text: Vec::new(), given: 0, seen, rows, stored, bytes })
    }

    fn take(&mut self, batch: &RecordBatch) {
        let column = batch.column(0);
        for row in 0..batch.num_rows() {
            let text = match column.data_type() {
                _ if column.is_null(row) => "",
                DataType::Utf8 => column.as_string::<i32>().value(row),
                DataType::LargeUtf8 => column.as_string::<i64>().value(row),
                _ => column.as_string_view().value(row),
            };
            let before = self.text.len();
            self.text.extend_from_slice(text.as_bytes());
            // A NUL in a text of a table is white space, not an error.
            for nul in memchr::memchr_iter(0, text.as_bytes()) {
                self.text[before + nul] = b' ';
            }
            self.text.push(b'\n');
        }
        let seen = self.seen.fetch_add(batch.num_rows() as u64, Ordering::Relaxed)
            + batch.num_rows() as u64;
        let share = seen.min(self.rows) as f64 / self.rows.max(1) as f64;
        self.stored.store((self.bytes as f64 * share) as u64, Ordering::Relaxed);
    }
}

impl Read for ColumnText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            self.text.clear();
            self.given = 0;
            match self.batches.next() {
                None if self.seen.load(Ordering::Relaxed) < self.rows => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                None => return Ok(0),
                Some(batch) => {
                    let batch = batch.map_err(|error| io::Error::other(error.to_string()))?;
                    self.take(&batch);
                }
            }
        }
        let count = buffer.len().min(self.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow_array::{ArrayRef, Int64Array, LargeStringArray, StringArray, StringViewArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn read(path: &Path, column: &str) -> Result<(String, u64, u64), String> {
        let (seen, stored) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let file = File::open(path).unwrap();
        let mut table = ColumnText::open(file, column, Arc::clone(&seen), Arc::clone(&stored))?;
        let mut text = String::new();
        table.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok((text, seen.load(Ordering::Relaxed), stored.load(Ordering::Relaxed)))
    }

    #[test]
    fn rows_of_any_text_become_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let rows: Vec<Option<String>> =
            (0..1000).map(|row| (row % 7 != 3).then(|| format!("row {row}\nof 일본"))).collect();
        let expected: String =
            rows.iter().map(|row| row.clone().unwrap_or_default() + "\n").collect();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(rows.clone())),
            Arc::new(LargeStringArray::from(rows.clone())),
            Arc::new(StringViewArray::from(rows)),
        ];
        for column in columns {
            write(&path, vec![("id", Arc::clone(&numbers)), ("text", column)]);
            let bytes = path.metadata().unwrap().len();
            assert_eq!(read(&path, "text"), Ok((expected.clone(), 1000, bytes)));
        }
        let error = read(&path, "body").unwrap_err();
        assert_eq!(
            error,
            "it has no column \"body\" of text; its columns: id (Int64), text (Utf8View)"
        );
        assert!(read(&path, "id").unwrap_err().contains("no column \"id\" of text"));
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path, "text").unwrap_err().contains("not a complete Parquet file"));
        }
    }
}
