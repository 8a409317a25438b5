//! Tables read back, and errors of malformed ones.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;

use crate::compat::Rows;
use crate::compat::columns::{ColumnsForm, write};
use crate::compat::incoming::{ListedWords, VectorFile, VectorForm};
use crate::error::FormatError;
use crate::memory::MemoryStorage;
use crate::storage::Storage;
use crate::words::Words;

const FILE: &str = "a";
const FORMS: [(ColumnsForm, VectorForm); 2] =
    [(ColumnsForm::Arrow, VectorForm::Arrow), (ColumnsForm::Parquet, VectorForm::Parquet)];

type Found = Vec<(String, u64, Vec<f32>)>;

fn storage(bytes: &[u8]) -> Arc<dyn Storage> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    storage.create(Path::new(FILE)).unwrap().write_all(bytes).unwrap();
    storage
}

fn read(storage: &Arc<dyn Storage>) -> Result<(VectorForm, Found), FormatError> {
    let file = VectorFile::open(storage, Path::new(FILE))?;
    let mut reader = file.reader()?;
    let mut rows = Vec::new();
    while reader.advance()? {
        rows.push((reader.word().to_owned(), reader.count(), reader.vector().to_vec()));
    }
    let words = ListedWords::read(&file)?;
    let listed = (0..words.len()).map(|id| (words.word(id), words.counts()[id]));
    assert!(listed.eq(rows.iter().map(|(word, count, _)| (word.as_bytes(), *count))));
    Ok((file.form(), rows))
}

/// Enough rows for several batches.
fn rows(len: usize) -> Found {
    let row = |id: usize| {
        (format!("a word {id}"), 9 - id as u64 % 9, vec![id as f32, -0.1, 1e-30, f32::MAX])
    };
    (0..len).map(row).collect()
}

fn written(form: ColumnsForm, rows: &Found) -> Vec<u8> {
    let storage = storage(&[]);
    let out = Rows {
        len: rows.len(),
        dim: 4,
        word: &|id| rows[id].0.clone(),
        count: &|id| rows[id].1,
        vector: &|id, out| out.extend_from_slice(&rows[id].2),
    };
    let settings = [("dim", "4"), ("a \"b\"", "c\nd")];
    write(&storage, Path::new(FILE), form, &out, settings.into_iter()).unwrap();
    storage.map(Path::new(FILE)).unwrap().to_vec()
}

/// A table of these columns.
fn table(form: ColumnsForm, columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let (batch, mut bytes) = (RecordBatch::try_from_iter(columns).unwrap(), Vec::new());
    match form {
        ColumnsForm::Arrow => {
            let mut writer = FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        ColumnsForm::Parquet => {
            let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
    }
    bytes
}

fn lists(rows: [Option<Vec<Option<f32>>>; 2]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
}

#[test]
fn what_was_written_comes_back() {
    for (form, expected) in FORMS {
        for len in [1, 3000] {
            let rows = rows(len);
            assert_eq!(read(&storage(&written(form, &rows))).unwrap(), (expected, rows));
        }
    }
}

#[test]
fn tables_of_others_have_other_names_and_types() {
    let words: ArrayRef = Arc::new(StringArray::from(vec!["the", "日本"]));
    let doubles = [Some(vec![Some(1.0), Some(2.5)]), Some(vec![Some(-1.0), Some(0.0)])];
    let doubles: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(doubles));
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![7, 3]));
    let all = vec![("embedding", doubles), ("count", counts), ("token", words)];
    let expected = vec![("the".into(), 7, vec![1.0, 2.5]), ("日本".into(), 3, vec![-1.0, 0.0])];
    for (form, known) in FORMS {
        assert_eq!(read(&storage(&table(form, all.clone()))).unwrap(), (known, expected.clone()));
    }
}

#[test]
fn errors_name_the_problem() {
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("the"), Some("of")]));
    let gap: ArrayRef = Arc::new(StringArray::from(vec![Some("the"), None]));
    let good = || lists([Some(vec![Some(1.0), Some(2.0)]), Some(vec![Some(1.0), Some(2.0)])]);
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![7, -3]));
    let bad: [(Vec<(&str, ArrayRef)>, &str); 8] = [
        (vec![("word", words.clone())], "no column \"vector\" of lists of f32 or f64"),
        (
            vec![("vector", good()), ("n", counts.clone())],
            "its columns: vector (List(Float32)), n (Int64)",
        ),
        (
            vec![("a", words.clone()), ("b", words.clone()), ("vector", good())],
            "no column \"word\" of text",
        ),
        (vec![("word", gap), ("vector", good())], "row 2: it has no word"),
        (
            vec![("word", words.clone()), ("count", counts), ("vector", good())],
            "not a whole number",
        ),
        (
            vec![("word", words.clone()), ("v", lists([Some(vec![Some(1.0)]), None]))],
            "row 2: a number is missing",
        ),
        (
            vec![("word", words.clone()), ("v", lists([Some(vec![Some(1.0)]), Some(vec![None])]))],
            "row 2: a number is missing",
        ),
        (
            vec![
                ("word", words),
                ("v", lists([Some(vec![Some(1.0)]), Some(vec![Some(f32::NAN)])])),
            ],
            "row 2: number 1 is not finite",
        ),
    ];
    for (form, _) in FORMS {
        for (columns, says) in &bad {
            let error = read(&storage(&table(form, columns.clone()))).unwrap_err();
            assert!(error.is_bad_artefact(), "{error}");
            assert!(error.to_string().contains(says), "{error}\nexpected {says}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for (form, _) in FORMS {
        let whole = written(form, &rows(3));
        for cut in 8..whole.len() {
            let error = read(&storage(&whole[..cut])).map(drop).unwrap_err();
            assert!(error.is_bad_artefact(), "{form:?}, cut at {cut}: {error}");
        }
    }
}
