//! Reads exported files back and compares them with the matrix.

use super::*;
use std::collections::BTreeMap;
use std::io::Write as _;
use wordmill_formats::compat::glove::{RECORD_BYTES, parse_record};
use wordmill_formats::{CsrShardWriter, Fault, FaultyStorage, MemoryStorage, Operation};

const UNIT: u64 = 6;

type Cells = BTreeMap<(u32, u32), u64>;

struct Listed(u32, Vec<u64>);

impl Words for Listed {
    fn len(&self) -> usize {
        self.1.len()
    }

    fn word(&self, id: usize) -> &[u8] {
        &b"abcdefghijklmnopqrstuvwxyz"[id % 20..][..1 + self.0 as usize]
    }

    fn counts(&self) -> &[u64] {
        &self.1
    }

    fn lookup(&self) -> &[u32] {
        unreachable!("no word is looked up")
    }
}

/// A random matrix over `words` words, a third of its cells filled, some rows empty.
fn random(seed: u64, words: u32, symmetric: bool) -> Cells {
    let mut state = seed;
    let mut roll = |limit: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % limit
    };
    let mut cells = Cells::new();
    for row in (0..words).filter(|row| row % 5 != 3) {
        for column in (0..words).filter(|column| column % 5 != 3) {
            // Some weights do not fit into 32 bits.
            let weight = (1 + roll(100)) << (roll(20) / 19 * 33);
            if roll(3) == 0 && (!symmetric || column <= row) {
                cells.insert((row, column), weight);
                if symmetric {
                    cells.insert((column, row), weight);
                }
            }
        }
    }
    cells
}

/// Writes the matrix in shards of two rows.
fn write(dir: &RunDir, words: u32, cells: &Cells) -> MatrixIndex {
    let mut shards = Vec::new();
    for (shard, first) in (0..words).step_by(2).enumerate() {
        let path = dir.matrix_shard(shard, words.div_ceil(2) as usize);
        let rows = 2.min(words - first);
        let span = first..first + rows;
        let settings = BTreeMap::new();
        let mut writer =
            CsrShardWriter::create(dir.storage(), &path, shard, span, words, &settings, 100)
                .unwrap();
        for row in first..first + rows {
            let cells = cells.range((row, 0)..=(row, u32::MAX));
            let (columns, weights): (Vec<_>, Vec<_>) = cells.map(|((_, c), w)| (c, w)).unzip();
            writer.cells(&columns, &weights).unwrap();
            writer.end_row();
        }
        shards.push(writer.finish().unwrap().1);
    }
    MatrixIndex {
        samples: 1,
        words,
        unit: UNIT,
        cells: cells.len() as u64,
        weight: cells.values().sum(),
        vocabulary: String::new(),
        settings: BTreeMap::from([("cooccur.window".into(), "3\n4".into())]),
        shards,
    }
}

/// Exports a matrix in memory; returns the files beside the matrix by name.
fn export(words: u32, cells: &Cells, format: MatrixFormat) -> BTreeMap<PathBuf, Vec<u8>> {
    let memory = MemoryStorage::default();
    let dir = RunDir::new(Arc::new(memory.clone()), "run");
    let index = write(&dir, words, cells);
    let table = Listed(2, (1..=u64::from(words)).rev().collect());
    let input = MatrixInput { dir: &dir, index: &index, words: &table };
    let ctx = Context::for_tests(1);
    let symmetric = cells.iter().all(|((r, c), w)| cells.get(&(*c, *r)) == Some(w));
    assert_eq!(is_symmetric(&ctx, &dir, &index).unwrap(), symmetric);
    export_matrix(&ctx, input, format, Path::new("out")).unwrap();
    let mut files = memory.snapshot();
    files.retain(|path, _| !path.starts_with("run"));
    let names: Vec<_> = files.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(names, ["out", "out.vocab.txt"]);
    files
}

fn word_weights(cells: &Cells) -> Vec<(u32, u32, f64)> {
    cells.iter().map(|(&(r, c), &w)| (r, c, w as f64 / UNIT as f64)).collect()
}

fn check_glove(words: u32, cells: &Cells) {
    let files = export(words, cells, MatrixFormat::Glove);
    let records = files[Path::new("out")].chunks(RECORD_BYTES);
    let parse = |record: &[u8]| parse_record(record.try_into().unwrap());
    let found: Vec<_> =
        records.map(parse).map(|(r, c, w)| (r as u32 - 1, c as u32 - 1, w)).collect();
    assert_eq!(found, word_weights(cells));
    let text = String::from_utf8(files[Path::new("out.vocab.txt")].clone()).unwrap();
    assert_eq!(text.lines().count(), words as usize);
    assert_eq!(text.lines().next(), Some(format!("abc {words}").as_str()));
}

fn check_market(words: u32, cells: &Cells, symmetric: bool) {
    let files = export(words, cells, MatrixFormat::Mtx);
    let text = String::from_utf8(files[Path::new("out")].clone()).unwrap();
    let mut lines = text.lines();
    let kind = if symmetric { "symmetric" } else { "general" };
    let first = format!("%%MatrixMarket matrix coordinate real {kind}");
    assert_eq!(lines.next(), Some(first.as_str()));
    let mut lines = lines.skip_while(|line| line.starts_with('%'));
    let size: Vec<usize> =
        lines.next().unwrap().split(' ').map(|side| side.parse().unwrap()).collect();
    assert_eq!(size[..2], [words as usize, words as usize]);
    let mut found: Vec<(u32, u32, f64)> = Vec::new();
    for line in lines.by_ref() {
        let parts: Vec<&str> = line.split(' ').collect();
        let id = |at: usize| parts[at].parse::<u32>().unwrap() - 1;
        found.push((id(0), id(1), parts[2].parse().unwrap()));
    }
    assert_eq!(found.len(), size[2]);
    if symmetric {
        let mirrored = found.clone().into_iter().filter(|(r, c, _)| r != c);
        found.extend(mirrored.map(|(r, c, w)| (c, r, w)));
    }
    found.sort_by_key(|(row, column, _)| (*row, *column));
    assert_eq!(found, word_weights(cells));
}

/// The bytes of each array of an archive, without their headers, found by their local headers.
fn arrays(bytes: &[u8]) -> BTreeMap<String, (String, Vec<u8>)> {
    let number = |at: usize, len: usize| {
        bytes[at..at + len].iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte))
    };
    let (mut at, mut found) = (0, BTreeMap::new());
    while number(at, 4) == 0x0403_4b50 {
        let (name, extra) = (number(at + 26, 2), number(at + 28, 2));
        let length = number(at + 30 + name + 4, 8);
        let start = at + 30 + name + extra;
        let mut crc = 0xffff_ffffu32;
        for &byte in &bytes[start..start + length] {
            crc ^= u32::from(byte);
            (0..8).for_each(|_| crc = (crc >> 1) ^ ((crc & 1) * 0xedb8_8320));
        }
        assert_eq!(!crc as usize, number(at + 14, 4), "the checksum");
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8(bytes[range].to_vec()).unwrap().trim_end().to_owned()
        };
        let member = text(at + 30..at + 30 + name);
        let header = text(start + 10..start + 128);
        found.insert(member, (header, bytes[start + 128..start + length].to_vec()));
        at = start + length;
    }
    found
}

fn floats(bytes: &[u8], size: usize) -> Vec<f64> {
    let parse = |bytes: &[u8]| match size {
        4 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
        _ => f64::from_le_bytes(bytes.try_into().unwrap()),
    };
    bytes.chunks(size).map(parse).collect()
}

/// The cells of an archive of compressed sparse rows whose floats have this size.
fn read_npz(words: u32, bytes: &[u8], size: usize) -> Vec<(u32, u32, f64)> {
    let arrays = arrays(bytes);
    let header = |name: &str| arrays[name].0.clone();
    let shape = |name: &str, descr: &str, shape: &str| {
        let (fortran, order) = ("'fortran_order'", "False");
        let text = format!("{{'descr': '{descr}', {fortran}: {order}, 'shape': ({shape}), }}");
        assert_eq!(header(name), text, "{name}");
    };
    let whole = |name: &str, size: usize| -> Vec<usize> {
        let number =
            |bytes: &[u8]| bytes.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
        arrays[name].1.chunks(size).map(number).collect()
    };
    shape("format.npy", "|S3", "");
    assert_eq!(arrays["format.npy"].1, b"csr");
    shape("shape.npy", "<i8", "2,");
    assert_eq!(whole("shape.npy", 8), [words as usize; 2]);
    let (indptr, indices) = (whole("indptr.npy", 8), whole("indices.npy", 4));
    let data = floats(&arrays["data.npy"].1, size);
    shape("indptr.npy", "<i8", &format!("{},", words + 1));
    shape("indices.npy", "<i4", &format!("{},", data.len()));
    shape("data.npy", &format!("<f{size}"), &format!("{},", data.len()));
    assert_eq!((indptr.len(), indptr[0]), (words as usize + 1, 0));
    let row = |(row, span): (usize, &[usize])| {
        let cells = indices[span[0]..span[1]].iter().zip(&data[span[0]..span[1]]);
        cells.map(move |(&c, &w)| (row as u32, c as u32, w)).collect::<Vec<_>>()
    };
    indptr.windows(2).enumerate().flat_map(row).collect()
}

fn check_npz(words: u32, cells: &Cells) {
    let files = export(words, cells, MatrixFormat::Npz);
    assert_eq!(read_npz(words, &files[Path::new("out")], 8), word_weights(cells));
}

fn check_ppmi(words: u32, cells: &Cells) {
    let files = export(words, cells, MatrixFormat::Ppmi);
    let found = read_npz(words, &files[Path::new("out")], 4);
    let sum = |pick: &dyn Fn(u32, u32) -> bool| -> f64 {
        let cells = cells.iter().filter(|((r, c), _)| pick(*r, *c));
        cells.map(|(_, &weight)| weight as f64).sum()
    };
    let all = sum(&|_, _| true);
    let mut expected = Vec::new();
    for (&(row, column), &weight) in cells {
        let chance = sum(&|r, _| r == row) * sum(&|_, c| c == column);
        let information = (weight as f64 * all / chance).ln();
        if information > 0.0 {
            expected.push((row, column, information));
        }
    }
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1));
        assert!((found.2 / expected.2 - 1.0).abs() < 1e-6, "{found:?} {expected:?}");
    }
}

#[test]
fn every_format_holds_the_matrix() {
    for (seed, words) in [(1, 1), (2, 2), (3, 13), (4, 24), (5, 24)] {
        for symmetric in [true, false] {
            let cells = random(seed, words, symmetric);
            let is = cells.iter().all(|((r, c), w)| cells.get(&(*c, *r)) == Some(w));
            check_glove(words, &cells);
            check_market(words, &cells, is);
            check_npz(words, &cells);
            check_ppmi(words, &cells);
        }
    }
    let none = Cells::new();
    check_glove(3, &none);
    check_market(3, &none, true);
    check_npz(3, &none);
    check_ppmi(3, &none);
}

const FORMATS: [MatrixFormat; 4] =
    [MatrixFormat::Npz, MatrixFormat::Mtx, MatrixFormat::Glove, MatrixFormat::Ppmi];

#[test]
fn a_failing_disk_leaves_no_half_matrix() {
    for (operation, format) in
        [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::Read]
            .into_iter()
            .flat_map(|operation| FORMATS.map(|format| (operation, format)))
    {
        let mut reached = 0;
        for nth in 0.. {
            let memory = MemoryStorage::default();
            let plain: Arc<dyn Storage> = Arc::new(memory.clone());
            let cells = random(7, 5, true);
            let index = write(&RunDir::new(Arc::clone(&plain), "run"), 5, &cells);
            let fault = Fault::full(operation, nth);
            let dir = RunDir::new(Arc::new(FaultyStorage::new(plain, Some(fault))), "run");
            let table = Listed(0, vec![1; 5]);
            let input = MatrixInput { dir: &dir, index: &index, words: &table };
            let done = export_matrix(&Context::for_tests(1), input, format, Path::new("out"));
            let mut names = memory.snapshot();
            names.retain(|path, _| !path.starts_with("run"));
            if done.is_ok() {
                break;
            }
            reached += 1;
            // If a folder cannot be synced, the error comes after the file has its name.
            let there = operation == Operation::Sync && names.contains_key(Path::new("out"));
            let only = ["out", "out.vocab.txt"].map(Path::new);
            assert!(names.keys().all(|name| only.contains(&name.as_path())), "{names:?}");
            assert!(there || !names.contains_key(Path::new("out")), "{operation:?} {nth}");
        }
        assert!(reached > 0, "{operation:?} {format:?}");
    }
}

#[test]
fn damaged_shards_and_those_of_another_matrix_are_refused() {
    for format in FORMATS {
        let memory = MemoryStorage::default();
        let dir = RunDir::new(Arc::new(memory.clone()), "run");
        let index = write(&dir, 9, &random(5, 9, false));
        let path = dir.matrix_shard(2, 5);
        let whole = memory.snapshot()[&path].clone();
        write(&dir, 9, &random(6, 9, false));
        let other = memory.snapshot()[&path].clone();
        write(&dir, 9, &random(5, 9, false));
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bytes in [whole[..whole.len() - 1].to_vec(), flipped, other, Vec::new()] {
            dir.storage().create(&path).unwrap().write_all(&bytes).unwrap();
            let table = Listed(0, vec![1; 9]);
            let input = MatrixInput { dir: &dir, index: &index, words: &table };
            let done = export_matrix(&Context::for_tests(1), input, format, Path::new("out"));
            let message = done.unwrap_err().to_string();
            assert!(message.contains("rows-00002"), "{message}");
            let files = memory.snapshot();
            assert!(files.keys().all(|path| path.starts_with("run")), "{format:?}");
        }
    }
}

#[test]
fn words_with_white_space_are_refused() {
    struct Spaced;
    impl Words for Spaced {
        fn len(&self) -> usize {
            1
        }
        fn word(&self, _: usize) -> &[u8] {
            b"a b"
        }
        fn counts(&self) -> &[u64] {
            &[1]
        }
        fn lookup(&self) -> &[u32] {
            &[0]
        }
    }
    let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let index = write(&dir, 1, &Cells::new());
    let input = MatrixInput { dir: &dir, index: &index, words: &Spaced };
    let out = Path::new("out");
    let error = export_matrix(&Context::for_tests(1), input, MatrixFormat::Glove, out);
    assert!(error.unwrap_err().to_string().contains("\"a b\""));
}
