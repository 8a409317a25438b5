//! Tests against brute force in f64, and of every format that is read.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    FrameWriter, Kind, MemoryStorage, Storage, Vectors, VectorsWriter, Words, write_file,
};

use crate::*;

mod asking;
mod eval;

/// Words in memory, in id order.
struct List {
    words: Vec<String>,
    counts: Vec<u64>,
    lookup: Vec<u32>,
}

impl List {
    fn new(words: Vec<String>) -> Self {
        let mut lookup: Vec<u32> = (0..words.len() as u32).collect();
        lookup.sort_by_key(|&id| words[id as usize].as_bytes());
        let counts = (0..words.len() as u64).map(|id| 1_000_000 - id).collect();
        Self { words, counts, lookup }
    }
}

impl Words for List {
    fn len(&self) -> usize {
        self.words.len()
    }
    fn word(&self, id: usize) -> &[u8] {
        self.words[id].as_bytes()
    }
    fn counts(&self) -> &[u64] {
        &self.counts
    }
    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}

fn storage() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::default())
}

/// A vectors file in which each word vector comes from `word`, each context vector from `context`.
fn write(
    storage: &Arc<dyn Storage>,
    words: Vec<String>,
    rows: &[Vec<f32>],
    context: Option<&[Vec<f32>]>,
) -> Vectors {
    let path = Path::new("v.safetensors");
    let settings = BTreeMap::from([("lowercase".to_owned(), "true".to_owned())]);
    let list = List::new(words);
    let mut writer = VectorsWriter::create(storage, path, &list, rows[0].len(), &settings).unwrap();
    for (name, rows) in [("word_vectors", Some(rows)), ("context_vectors", context)] {
        if let Some(rows) = rows {
            let some = |ids: Range<u32>, out: &mut Vec<f32>| {
                ids.for_each(|id| out.extend(&rows[id as usize]));
                Ok(())
            };
            writer.matrix(name, rows.len() as u32, some).unwrap();
        }
    }
    writer.finish(&list).unwrap();
    Vectors::open(storage, path).unwrap()
}

/// xorshift64*: enough for tests.
fn random_rows(rows: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..rows).map(|_| (0..dim).map(|_| next()).collect()).collect()
}

fn names(rows: usize) -> Vec<String> {
    (0..rows).map(|id| format!("w{id}")).collect()
}

fn unit(row: &[f32]) -> Vec<f64> {
    let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
    row.iter().map(|&x| f64::from(x) * scale).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Checks that `found` are the best `n` of `expected` scores, in order.
fn check_answers(found: &[(usize, f32)], expected: &[f64], left_out: &[usize], n: usize) {
    let mut order: Vec<usize> = (0..expected.len()).filter(|id| !left_out.contains(id)).collect();
    order.sort_by(|&a, &b| expected[b].total_cmp(&expected[a]).then(a.cmp(&b)));
    order.truncate(n);
    let ids: Vec<usize> = found.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, order);
    for (id, score) in found {
        let error = (f64::from(*score) - expected[*id]).abs();
        assert!(error < 1e-5 * expected[*id].abs().max(1.0), "word {id}: {error}");
    }
}

const SHAPES: [(usize, usize); 3] = [(50, 7), (3000, 33), (1500, 300)];

#[test]
fn nearest_agrees_with_brute_force_for_any_number_of_threads() {
    for (rows, dim) in SHAPES {
        let words = random_rows(rows, dim, 1);
        let contexts = random_rows(rows, dim, 2);
        let vectors = write(&storage(), names(rows), &words, Some(&contexts));
        let sums: Vec<Vec<f32>> = words
            .iter()
            .zip(&contexts)
            .map(|(w, c)| w.iter().zip(c).map(|(w, c)| w + c).collect())
            .collect();
        let of = [(Which::Word, &words), (Which::Context, &contexts), (Which::Sum, &sums)];
        for (which, matrix) in of {
            let units: Vec<Vec<f64>> = matrix.iter().map(|row| unit(row)).collect();
            let query: Vec<f64> =
                (0..dim).map(|k| units[3][k] + units[7][k] - units[9][k]).collect();
            let norm = dot(&query, &query).sqrt();
            let expected: Vec<f64> = units.iter().map(|row| dot(row, &query) / norm).collect();
            let one = nearest(&vectors, which, &[3, 7], &[9], 20, 1).unwrap();
            check_answers(&one, &expected, &[3, 7, 9], 20);
            for threads in [2, 3] {
                let same = nearest(&vectors, which, &[3, 7], &[9], 20, threads).unwrap();
                assert_eq!(same, one, "{threads} threads");
            }
        }
    }
}

#[test]
fn multiplied_analogies_follow_the_definition() {
    for (rows, dim) in SHAPES {
        let words = random_rows(rows, dim, 3);
        let vectors = write(&storage(), names(rows), &words, None);
        let units: Vec<Vec<f64>> = words.iter().map(|row| unit(row)).collect();
        let shifted = |row: &[f64], word: usize| (1.0 + dot(row, &units[word])) / 2.0;
        let score = |row: &Vec<f64>| shifted(row, 4) * shifted(row, 5) / (shifted(row, 2) + 1e-3);
        let expected: Vec<f64> = units.iter().map(score).collect();
        let one =
            analogy(&vectors, Analogy { a: 2, b: 4, c: 5 }, AnalogyMethod::Mul, 15, 1).unwrap();
        check_answers(&one, &expected, &[2, 4, 5], 15);
        for threads in [2, 3] {
            let same =
                analogy(&vectors, Analogy { a: 2, b: 4, c: 5 }, AnalogyMethod::Mul, 15, threads)
                    .unwrap();
            assert_eq!(same, one);
        }
    }
}

#[test]
fn equal_rows_are_sorted_by_id_and_zeros_have_no_neighbours() {
    let mut rows = vec![vec![1.0, 2.0]; 4000];
    rows[17] = vec![0.0, 0.0];
    rows[18] = vec![-1.0, -2.0];
    rows[19] = vec![f32::NAN, 1.0];
    let vectors = write(&storage(), names(4000), &rows, None);
    for threads in [1, 2, 3] {
        let found = nearest(&vectors, Which::Word, &[1], &[], 5, threads).unwrap();
        let ids: Vec<usize> = found.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [0, 2, 3, 4, 5]);
        // A row of zeros, or a sum of which only a rounding error is left, has no direction.
        let zeros: [(&[usize], &[usize]); 4] =
            [(&[17], &[]), (&[1], &[2]), (&[1, 18], &[]), (&[0, 1, 2], &[3, 4, 5])];
        for (positive, negative) in zeros {
            let found = nearest(&vectors, Which::Word, positive, negative, 3, threads);
            assert!(matches!(found, Err(QueryError::Zero { .. })), "{positive:?} {negative:?}");
        }
        let each = nearest_each(&vectors, Which::Word, &[1, 17], 3, threads).unwrap();
        assert_eq!((each[0].len(), each[1].len()), (3, 0));
        let all = nearest(&vectors, Which::Word, &[1], &[], 9999, threads).unwrap();
        assert_eq!(all.len(), 3999);
        assert_eq!(all.last().map(|(id, _)| *id), Some(18));
    }
    assert!(nearest(&vectors, Which::Word, &[1], &[], 0, 1).unwrap().is_empty());
}

#[test]
fn several_words_at_once_get_the_answers_of_each_alone() {
    for (rows, dim) in SHAPES {
        let (words, contexts) = (random_rows(rows, dim, 6), random_rows(rows, dim, 7));
        let vectors = write(&storage(), names(rows), &words, Some(&contexts));
        for which in [Which::Word, Which::Context, Which::Sum] {
            let ids: Vec<usize> = (0..rows).step_by(rows / 40).chain([3, 3]).collect();
            for threads in [1, 3] {
                let each = nearest_each(&vectors, which, &ids, 9, threads).unwrap();
                for (&id, found) in ids.iter().zip(&each) {
                    let alone = nearest(&vectors, which, &[id], &[], 9, 1).unwrap();
                    let found: Vec<usize> = found.iter().map(|(id, _)| *id).collect();
                    assert_eq!(found, alone.iter().map(|(id, _)| *id).collect::<Vec<_>>());
                }
            }
        }
        assert!(nearest_each(&vectors, Which::Word, &[], 9, 2).unwrap().is_empty());
    }
}

#[test]
fn products_of_any_words_follow_the_definition() {
    let (rows, dim) = (2500, 33);
    let words = random_rows(rows, dim, 9);
    let vectors = write(&storage(), names(rows), &words, None);
    let units: Vec<Vec<f64>> = words.iter().map(|row| unit(row)).collect();
    for (positive, negative) in [(vec![1], vec![]), (vec![], vec![2]), (vec![3, 4, 5], vec![6, 7])]
    {
        let shifted = |row: &[f64], word: &usize| (1.0 + dot(row, &units[*word])) / 2.0;
        let product =
            |row: &[f64], of: &[usize]| -> f64 { of.iter().map(|id| shifted(row, id)).product() };
        let score = |row: &Vec<f64>| product(row, &positive) / (product(row, &negative) + 1e-3);
        let expected: Vec<f64> = units.iter().map(score).collect();
        let asked = [&positive[..], &negative].concat();
        let method = AnalogyMethod::Mul;
        let found = combine(&vectors, Which::Word, &positive, &negative, method, 15, 2).unwrap();
        check_answers(&found, &expected, &asked, 15);
    }
}

fn letters() -> Vectors {
    let words = ["the", "king", "kings", "ring", "queen", "naïve"];
    let rows = random_rows(words.len(), 4, 5);
    write(&storage(), words.map(str::to_owned).to_vec(), &rows, None)
}

fn exported(config: &ExportConfig) -> Vec<u8> {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let rows = [vec![3.0, 4.0], vec![0.0, 0.0]];
    let contexts = [vec![1.0, 2.0], vec![0.5, -1.0]];
    let words = vec!["a".to_owned(), "b".to_owned()];
    let vectors = write(&storage, words, &rows, Some(&contexts));
    export(&storage, config, &vectors, Path::new("out")).unwrap();
    memory.snapshot().remove(Path::new("out")).unwrap()
}

#[test]
fn exports_contain_the_requested_vectors() {
    let config = ExportConfig::all(ExportFormat::Glove);
    let check = |config: ExportConfig, expected: &str| {
        assert_eq!(String::from_utf8(exported(&config)).unwrap(), expected, "{config:?}");
    };
    check(config, "a 3 4\nb 0 0\n");
    check(ExportConfig { top: 1, ..config }, "a 3 4\n");
    check(ExportConfig { scale: ExportScale::Unit, ..config }, "a 0.6 0.8\nb 0 0\n");
    let text = ExportConfig { format: ExportFormat::Word2vecText, ..config };
    for (which, expected) in [
        (ExportWhich::Context, "2 2\na 1 2\nb 0.5 -1\n"),
        (ExportWhich::Sum, "2 2\na 4 6\nb 0.5 -1\n"),
        (ExportWhich::Mean, "2 2\na 2 3\nb 0.25 -0.5\n"),
        (ExportWhich::Concat, "2 4\na 3 4 1 2\nb 0 0 0.5 -1\n"),
    ] {
        check(ExportConfig { which, ..text }, expected);
    }
    let binary = exported(&ExportConfig { format: ExportFormat::Word2vec, ..config });
    assert!(binary.starts_with(b"2 2\na "));
    let parse = |name| ExportFormat::parse(name).map_err(|error| error.to_string());
    assert_eq!(parse("glove"), Ok(ExportFormat::Glove));
    assert!(parse("csv").unwrap_err().contains("unknown format"));
}

#[test]
fn files_are_identified_by_their_content() {
    let storage = storage();
    let rows = [vec![3.0, 4.0], vec![0.0, 0.0]];
    let vectors = write(&storage, names(2), &rows, None);
    let about = describe(&storage, vectors.words().path()).unwrap();
    assert_eq!(about.what, "word vectors");
    assert_eq!(about.settings["dim"], "2");
    let (name, spread) = &about.spreads[0];
    assert_eq!((name.as_str(), spread.most, spread.zero_rows), ("word_vectors", 4.0, 1));
    assert!((spread.mean - 1.75).abs() < 1e-12 && (spread.norm_mean - 2.5).abs() < 1e-12);
    assert!((spread.deviation - (25.0f64 / 4.0 - 1.75 * 1.75).sqrt()).abs() < 1e-12);
    let mut frames = FrameWriter::create(&storage, Path::new("x"), Kind::RUN).unwrap();
    frames.frame(0, 7, b"seven").unwrap();
    frames.finish().unwrap();
    let about = describe(&storage, Path::new("x")).unwrap();
    assert!(about.to_string().starts_with("x: a spill run, "), "{about}");
    assert!(about.facts.contains(&("items".to_owned(), "7".to_owned())));
    for foreign in [&b"just some text, long enough"[..], b"short", b"", b"{}"] {
        write_file(&storage, Path::new("f"), foreign).unwrap();
        let error = describe(&storage, Path::new("f")).unwrap_err();
        assert!(error.is_bad_artefact(), "{foreign:?}: {error}");
    }
    assert!(describe(&storage, Path::new("absent")).unwrap_err().is_not_found());
}
