//! Foreign files read back, and errors of malformed ones.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::compat::{Rows, finalfusion, glove, npy as arrays, word2vec};
use crate::error::FormatError;
use crate::memory::MemoryStorage;
use crate::storage::Storage;
use crate::words::Words;

const FILE: &str = "a";
const WORDS: [&str; 3] = ["the", "naïve", "日本"];
const DIM: usize = 4;

fn vector(row: usize) -> [f32; DIM] {
    [row as f32, -0.1, 1.0e-30, f32::MAX]
}

type Found = (VectorForm, Vec<(String, Vec<f32>)>);

fn put(storage: &Arc<dyn Storage>, name: &str, bytes: &[u8]) {
    storage.create(Path::new(name)).unwrap().write_all(bytes).unwrap();
}

fn read(storage: &Arc<dyn Storage>) -> Result<Found, FormatError> {
    let file = VectorFile::open(storage, Path::new(FILE))?;
    let mut reader = file.reader()?;
    let mut rows = Vec::new();
    while reader.advance()? {
        rows.push((reader.word().to_owned(), reader.vector().to_vec()));
    }
    let words = ListedWords::read(&file)?;
    let listed = (0..words.len()).map(|id| words.word(id));
    assert!(listed.eq(rows.iter().map(|(word, _)| word.as_bytes())), "two readings agree");
    Ok((file.form(), rows))
}

/// Reads these bytes, with these words beside them.
fn read_bytes(bytes: &[u8], names: Option<&str>) -> Result<Found, FormatError> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    put(&storage, FILE, bytes);
    names.into_iter().for_each(|names| put(&storage, "a.vocab.txt", names.as_bytes()));
    read(&storage)
}

fn check_refused(bytes: &[u8], names: Option<&str>, says: &str) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let error = read_bytes(bytes, names).map(|_| ()).expect_err(&text);
    assert!(error.is_bad_artefact(), "{text}: {error}");
    assert!(error.to_string().contains(says), "{text}: {error}\nexpected {says}");
}

fn expected(form: VectorForm) -> Found {
    let rows = WORDS.iter().enumerate();
    (form, rows.map(|(row, word)| ((*word).to_owned(), vector(row).to_vec())).collect())
}

fn npy(version: u8, descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}   \n");
    let length = (text.len() as u32).to_le_bytes();
    let length = if version == 1 { &length[..2] } else { &length };
    [b"\x93NUMPY", &[version, 0][..], length, text.as_bytes(), data].concat()
}

#[test]
fn what_our_writers_wrote_comes_back() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = Path::new(FILE);
    let rows = Rows {
        len: WORDS.len(),
        dim: DIM,
        word: &|row| WORDS[row].to_owned(),
        count: &|row| 7 + row as u64,
        vector: &|row, out| out.extend_from_slice(&vector(row)),
    };
    word2vec::write_binary(&storage, path, &rows).unwrap();
    assert_eq!(read(&storage).unwrap(), expected(VectorForm::Word2vec));
    word2vec::write_text(&storage, path, &rows).unwrap();
    assert_eq!(read(&storage).unwrap(), expected(VectorForm::Word2vecText));
    glove::write_text(&storage, path, &rows).unwrap();
    assert_eq!(read(&storage).unwrap(), expected(VectorForm::Glove));
}

#[test]
fn arrays_of_numpy_come_back_with_the_words_beside_them() {
    let floats = WORDS.iter().enumerate().flat_map(|(row, _)| vector(row));
    let single: Vec<u8> = floats.clone().flat_map(f32::to_le_bytes).collect();
    let double: Vec<u8> = floats.flat_map(|number| f64::from(number).to_le_bytes()).collect();
    for version in [1, 2, 3] {
        for (descr, data) in [("<f4", &single), ("<f8", &double)] {
            for names in ["the\nnaïve\n日本\n", "the 9\nnaïve\t5\n日本 1\r\n"] {
                let found = read_bytes(&npy(version, descr, "3, 4", data), Some(names)).unwrap();
                assert_eq!(found, expected(VectorForm::Npy));
            }
        }
    }
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    put(&storage, FILE, &npy(1, "<f4", "3, 4", &single));
    put(&storage, "a.vocab.txt", b"a 9\nb 5\nc 1\n");
    let file = VectorFile::open(&storage, Path::new(FILE)).unwrap();
    assert_eq!(ListedWords::read(&file).unwrap().counts(), [9, 5, 1]);
}

#[test]
fn other_programs_have_other_habits() {
    let rows = |text: &[u8]| read_bytes(text, None).unwrap().1;
    let two = [("a".to_owned(), vec![1.0, 2.0]), ("b".to_owned(), vec![3.0, 4.5])];
    // fastText ends a line with a space, Windows with a carriage return; gensim writes no line feed
    // after a binary vector.
    assert_eq!(rows(b"2 2\na 1 2 \nb 3 4.5 \n"), two);
    assert_eq!(rows(b"2 2\r\na 1 2\r\nb\t3\t4.5\r\n"), two);
    assert_eq!(rows(b"a 1 2\nb 3 4.5e0\n"), two);
    let binary = |behind: &str| {
        let row = |word: &str, vector: [f32; 2]| {
            let [one, two] = vector.map(f32::to_le_bytes);
            [format!("{word} ").as_bytes(), &one, &two, behind.as_bytes()].concat()
        };
        [b"2 2\n", &row("a", [1.0, 2.0])[..], &row("b", [3.0, 4.5])].concat()
    };
    assert_eq!(rows(&binary("")), two);
    assert_eq!(rows(&binary("\n")), two);
}

#[test]
fn binary_numbers_that_look_like_text_stay_binary() {
    // A line feed as the first byte of a number.
    let tricky = f32::from_le_bytes([b'\n', b' ', b'1', 0x3f]);
    let bytes = [b"1 2\nword ", &tricky.to_le_bytes()[..], &1f32.to_le_bytes()].concat();
    let found = read_bytes(&bytes, None).unwrap();
    assert_eq!(found, (VectorForm::Word2vec, vec![("word".to_owned(), vec![tricky, 1.0])]));
}

#[test]
fn text_whose_words_do_not_look_like_text_stays_text() {
    for word in ["\u{1}", "\0", "\u{7f}\u{200b}"] {
        for (header, form) in [("1 2\n", VectorForm::Word2vecText), ("", VectorForm::Glove)] {
            let text = format!("{header}{word} 1 2\n");
            let found = read_bytes(text.as_bytes(), None).unwrap();
            assert_eq!(found, (form, vec![(word.to_owned(), vec![1.0, 2.0])]));
        }
    }
}

#[test]
fn rows_that_cannot_be_taken_over_are_named() {
    check_refused(b"2 2\na 1 2\n", None, "do not fit");
    check_refused(
        b"2 2\na 1.00000 2.00000\n",
        None,
        "line 3: the file ends, and its header says 2",
    );
    check_refused(b"1 2\na 1 2\nb 3 4\n", None, "line 3: there is more");
    check_refused(b"1 2\na 1 2.5", None, "line 2: the line does not end");
    check_refused(b"a 1 2\nb 1\n", None, "byte 6: line 2: 1 numbers, expected 2");
    check_refused(b"a 1 2\nb 1 2 3\n", None, "line 2: \"3\" is not one of 2 numbers");
    check_refused(b"a 1 2\nb 1 x\n", None, "line 2: \"x\" is not one of 2 numbers");
    check_refused(b"a 1 2\n\nb 1 2\n", None, "line 2: it has no word");
    check_refused(b"a 1 2\nb 1 nan\n", None, "line 2: number 2 is not finite");
    check_refused(b"a 1 2\nb 1e39 2\n", None, "line 2: number 1 is not finite");
    check_refused(b"a 1 2\n\xff 1 2\n", None, "line 2: its word is not UTF-8");
    check_refused(b"a 1 2\nb 1 2\na 3 4\n", None, "\"a\" is in rows 1 and 3");
    check_refused(b"99999999999 2\na 1 2\n", None, "1 to 4294967294 can be read");
    check_refused(b"9 99999999999\na 1 2\n", None, "1 to 65536 numbers");
    check_refused(b"0 2\n", None, "0 rows");
    check_refused(b"1 2\n\0\0\0\0\0\0\0\0\0\0\0", None, "row 1: there is no word");
    check_refused(b"1 1\na \0\0\x80\x7f\n", None, "row 1: number 1 is not finite");
    check_refused(b"1 1\na \0\0\0\0\nb", None, "row 2: there is more");
    check_refused(b"2 1\naaaaaaaaa \0\0\0\0\n", None, "row 2: there is no word");
    check_refused(b"the 9\na 5\n", None, "not vectors of another program");
    check_refused(b"", None, "not vectors: it is empty");
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let one = 1f32.to_le_bytes();
    let names = Some("a\n");
    check_refused(&npy(1, "<f4", "1, 1", &one), None, "a.vocab.txt");
    check_refused(&npy(1, "<f4", "1, 2", &one), names, "do not fit");
    check_refused(&npy(1, "<f4", "1, 1", &[0; 5]), names, "do not fit");
    check_refused(&npy(1, "<f4", "1,", &one), names, "two dimensions");
    check_refused(&npy(1, ">f4", "1, 1", &one), names, "type >f4");
    check_refused(&npy(4, "<f4", "1, 1", &one), names, "version 4.0");
    check_refused(&npy(1, "<f4", "1, 1", &f32::NAN.to_le_bytes()), names, "not finite");
    check_refused(&npy(1, "<f8", "1, 1", &1e300f64.to_le_bytes()), names, "not finite");
    check_refused(&npy(1, "<f4", "4294967296, 4294967296", &one), names, "1 to 65536");
    check_refused(&npy(1, "<f4", "18446744073709551615, 3", &one), names, "can be read");
    check_refused(&npy(1, "<f4", "1, 1", &one), Some("a\nb\n"), "more words");
    check_refused(&npy(1, "<f4", "1, 1", &one), Some(""), "words for 0 rows");
    check_refused(&npy(1, "<f4", "1, 1", &one), Some("a b\n"), "a word, and perhaps its count");
    let mut fortran = npy(1, "<f4", "1, 1", &one);
    let at = fortran.windows(5).position(|five| five == b"False").unwrap();
    fortran[at..at + 5].copy_from_slice(b"True ");
    check_refused(&fortran, names, "ascontiguousarray");
    check_refused(b"\x93NUMPY\x02\0\xff\xff\xff\xff", names, "a header of 4294967295 bytes");
    check_refused(b"\x93NUMPY\x01\0\x10\0{}", names, "ends early");
}

#[test]
fn every_cut_of_a_file_with_a_header_is_noticed() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let rows = Rows {
        len: WORDS.len(),
        dim: DIM,
        word: &|row| WORDS[row].to_owned(),
        count: &|row| 7 + row as u64,
        vector: &|row, out| out.extend_from_slice(&vector(row)),
    };
    for write in [word2vec::write_binary, word2vec::write_text] {
        write(&storage, Path::new(FILE), &rows).unwrap();
        let whole = storage.map(Path::new(FILE)).unwrap().to_vec();
        let last = if whole.ends_with(b"\x7f\n") { 1 } else { 0 };
        for cut in 0..whole.len() - last {
            let error = read_bytes(&whole[..cut], None).map(drop).unwrap_err();
            assert!(error.is_bad_artefact(), "cut at {cut}: {error}");
        }
    }
}

#[test]
fn arrays_and_chunks_of_wordmill_come_back() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let vector = |row: usize| [row as f32 + 1.0, -0.5, 0.25, 1024.0];
    let rows = Rows {
        len: 3,
        dim: DIM,
        word: &|row| WORDS[row].to_owned(),
        count: &|row| 7 + row as u64,
        vector: &|row, out| out.extend_from_slice(&vector(row)),
    };
    for element in [arrays::NpyElement::F32, arrays::NpyElement::F16] {
        arrays::write(&storage, Path::new(FILE), &rows, element).unwrap();
        let (form, found) = read(&storage).unwrap();
        assert_eq!(form, VectorForm::Npy);
        for (row, (word, numbers)) in found.iter().enumerate() {
            assert_eq!(
                (word.as_str(), &numbers[..]),
                (WORDS[row], &vector(row)[..]),
                "{element:?}"
            );
        }
        let file = VectorFile::open(&storage, Path::new(FILE)).unwrap();
        assert_eq!(ListedWords::read(&file).unwrap().counts(), [7, 8, 9]);
    }
    let settings = [("dim", "4"), ("a \"b\"", "c\nd")];
    finalfusion::write(&storage, Path::new(FILE), &rows, settings.into_iter()).unwrap();
    let whole = storage.map(Path::new(FILE)).unwrap().to_vec();
    let (form, found) = read(&storage).unwrap();
    assert_eq!((form, found.len()), (VectorForm::Finalfusion, 3));
    for (row, (word, numbers)) in found.iter().enumerate() {
        assert_eq!(word, WORDS[row]);
        let near = |(x, y): (&f32, f32)| (x - y).abs() <= 2e-7 * y.abs();
        assert!(numbers.iter().zip(vector(row)).all(near), "{numbers:?}");
    }
    for cut in 4..whole.len() {
        let error = read_bytes(&whole[..cut], None).map(drop).unwrap_err();
        assert!(error.is_bad_artefact(), "cut at {cut}: {error}");
    }
    // The kind of the array's chunk becomes that of quantized ones; a word becomes longer.
    let array = whole.windows(12).position(|it| {
        it.starts_with(&2u32.to_le_bytes()) && it[4] < 255 && it[5..].iter().all(|&byte| byte == 0)
    });
    let mut other = whole.clone();
    other[array.unwrap()] = 4;
    check_refused(&other, None, "quantized");
    let mut longer = whole.clone();
    let the = whole.windows(3).position(|it| it == b"the").unwrap();
    longer[the - 4] = 4;
    assert!(read_bytes(&longer, None).unwrap_err().is_bad_artefact());
}
