//! Bad rows of every kind and format: refused with advice, left out, or repaired, and counted; and words with spaces in
//! them.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::error::FormatError;
use crate::memory::MemoryStorage;
use crate::storage::Storage;
use crate::words::Words;

/// Words with vectors, and what was left out and repaired.
type Found = (Vec<(String, Vec<f32>)>, RowCounts);

const ADVICE: &str = "turn the handle";

/// Reads twice, as a conversion does: the words first, then the rows.
fn read(bytes: &[u8], names: Option<&[u8]>, bad_rows: BadRows) -> Result<Found, FormatError> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let put = |name: &str, bytes: &[u8]| {
        storage.create(Path::new(name)).unwrap().write_all(bytes).unwrap();
    };
    put("a", bytes);
    names.into_iter().for_each(|names| put("a.vocab.txt", names));
    let config = RowConfig { bad_rows, advice: ADVICE };
    let file = VectorFile::open_with(&storage, Path::new("a"), config)?;
    let words = ListedWords::read(&file)?;
    let mut reader = words.reader(&file)?;
    let mut rows = Vec::new();
    while reader.advance()? {
        rows.push((reader.word().to_owned(), reader.vector().to_vec()));
    }
    assert!((0..words.len()).map(|id| words.word(id)).eq(rows.iter().map(|row| row.0.as_bytes())));
    let in_order = words
        .lookup()
        .windows(2)
        .all(|pair| words.word(pair[0] as usize) < words.word(pair[1] as usize));
    assert!(in_order && words.lookup().len() == rows.len(), "its lookup is the order of its words");
    Ok((rows, *words.rows()))
}

/// Checks which rows remain of a file, and the counts; the same file must be refused, with advice,
/// if bad rows are.
fn check(bytes: &[u8], names: Option<&[u8]>, bad_rows: BadRows, words: &[&str], counts: RowCounts) {
    let text = String::from_utf8_lossy(bytes);
    let (rows, found) = read(bytes, names, bad_rows).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    let left: Vec<&str> = rows.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!((left, found), (words.to_vec(), counts), "{text:?} {bad_rows:?}");
    let refused = read(bytes, names, BadRows::Refuse);
    if counts.left_out() + counts.mended() > 0 {
        let error = refused.expect_err(&text);
        let said = error.to_string();
        // A text shorter than its header says is refused before its rows are read.
        assert!(
            error.is_bad_artefact() && (said.ends_with(ADVICE) || said.contains("do not fit")),
            "{said}"
        );
    }
}

fn counts(set: impl FnOnce(&mut RowCounts)) -> RowCounts {
    let mut counts = RowCounts::default();
    set(&mut counts);
    counts
}

/// A row of word2vec's binary format.
fn binary(word: &[u8], vector: [f32; 2]) -> Vec<u8> {
    [word, b" ", vector.map(f32::to_le_bytes).as_flattened(), b"\n"].concat()
}

#[test]
fn of_a_word_in_two_rows_the_first_row_is_kept() {
    use BadRows::{Repair, Skip};
    let twice = counts(|it| it.twice = 2);
    for bad_rows in [Skip, Repair] {
        let text = b"5 2\nb 1 2\na 3 4\nb 5 6\nc 7 8\na 9 9\n";
        check(text, None, bad_rows, &["b", "a", "c"], twice);
        check(&text[4..], None, bad_rows, &["b", "a", "c"], twice);
        let (rows, _) = read(text, None, bad_rows).unwrap();
        assert_eq!(rows[0].1, [1.0, 2.0], "the first, not the last");
    }
    let rows = [(&b"x"[..], [1.0, 2.0]), (b"y", [3.0, 4.0]), (b"x", [5.0, 6.0])];
    let rows: Vec<u8> = rows.iter().flat_map(|(word, vector)| binary(word, *vector)).collect();
    let file = [b"3 2\n", &rows[..]].concat();
    check(&file, None, Skip, &["x", "y"], counts(|it| it.twice = 1));
}

#[test]
fn words_that_are_not_utf8_are_left_out_or_mended() {
    use BadRows::{Repair, Skip};
    let left_out = counts(|it| it.not_utf8 = 1);
    let mended = counts(|it| it.replaced = 1);
    let binary = [
        b"3 2\n",
        &binary(b"a", [1.0, 2.0])[..],
        &binary(b"caf\xe9", [3.0, 4.0]),
        &binary(b"c", [5.0, 6.0]),
    ]
    .concat();
    for file in [&b"3 2\na 1 2\ncaf\xe9 3 4\nc 5 6\n"[..], b"a 1 2\ncaf\xe9 3 4\nc 5 6\n", &binary]
    {
        check(file, None, Skip, &["a", "c"], left_out);
        check(file, None, Repair, &["a", "caf\u{fffd}", "c"], mended);
    }
    // Two words may be repaired to the same one: the first stays.
    let file = b"a 1 2\ncaf\xe9 3 4\ncaf\xe8 5 6\n";
    let both = counts(|it| (it.replaced, it.twice) = (2, 1));
    check(file, None, Repair, &["a", "caf\u{fffd}"], both);
    // In the words beside an array, too.
    let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }\n";
    let numbers = [1f32, 2.0, 3.0].map(f32::to_le_bytes);
    let array = [b"\x93NUMPY\x01\0", &[header.len() as u8, 0][..], header, numbers.as_flattened()];
    let array = array.concat();
    check(&array, Some(b"a 3\ncaf\xe9 2\nc 1\n"), Skip, &["a", "c"], left_out);
    check(&array, Some(b"a 3\ncaf\xe9 2\nc 1"), Repair, &["a", "caf\u{fffd}", "c"], mended);
}

#[test]
fn rows_with_other_numbers_are_left_out() {
    let check_row = |row: &str, set: fn(&mut RowCounts)| {
        for header in ["", "3 2\n"] {
            let file = format!("{header}a 1 2\n{row}\nb 3 4\n");
            for bad_rows in [BadRows::Skip, BadRows::Repair] {
                check(file.as_bytes(), None, bad_rows, &["a", "b"], counts(set));
            }
        }
    };
    check_row("x 1", |it| it.numbers = 1);
    check_row("x 1 y", |it| it.numbers = 1);
    check_row("x 1 2 y", |it| it.numbers = 1);
    check_row("x 0x1p3 1", |it| it.numbers = 1);
    check_row("x 1,5 2", |it| it.numbers = 1);
    check_row("x nan 1", |it| it.not_finite = 1);
    check_row("x 1 -inf", |it| it.not_finite = 1);
    check_row("x 1e39 1", |it| it.not_finite = 1);
    check_row("", |it| it.no_word = 1);
    check_row(" \t ", |it| it.no_word = 1);
    check_row("1.5 2", |it| it.no_word = 1);
    let rows = [binary(b"", [1.0, 2.0]), binary(b"b", [f32::NAN, 2.0]), binary(b"c", [3.0, 4.0])];
    let file = [b"3 2\n", rows.concat().as_slice()].concat();
    let expected = counts(|it| (it.no_word, it.not_finite) = (1, 1));
    check(&file, None, BadRows::Skip, &["c"], expected);
}

#[test]
fn the_last_numbers_of_a_line_are_the_vector_whatever_the_word() {
    let spaced = counts(|it| it.spaced = 3);
    let words = [". . .", "b", "at name@example.org", "c d\te"];
    for header in ["", "4 2\n"] {
        let file = format!("{header}. . . 1 2\nb 3 4\nat name@example.org 5 6 \r\n c d\te\t7 8\n");
        for bad_rows in [BadRows::Refuse, BadRows::Skip, BadRows::Repair] {
            check(file.as_bytes(), None, bad_rows, &words, spaced);
        }
        let (rows, _) = read(file.as_bytes(), None, BadRows::Refuse).unwrap();
        assert_eq!(rows[2].1, [5.0, 6.0]);
    }
    // A number before the numbers may be the end of a word, or one number too many.
    let file = b"a 1 2\ncatch 22 1 2\nb 3 4\n";
    check(file, None, BadRows::Skip, &["a", "b"], counts(|it| it.numbers = 1));
    let guessed = counts(|it| (it.guessed, it.spaced) = (1, 1));
    check(file, None, BadRows::Repair, &["a", "catch 22", "b"], guessed);
}

#[test]
fn a_last_line_without_its_end_is_cut_or_only_sloppy() {
    for header in ["", "2 2\n"] {
        let file = format!("{header}a 1 2\nb 3 4.5");
        check(file.as_bytes(), None, BadRows::Skip, &["a"], counts(|it| it.open = 1));
        check(file.as_bytes(), None, BadRows::Repair, &["a", "b"], counts(|it| it.guessed = 1));
    }
}

#[test]
fn a_header_with_another_number_of_rows_is_refused_or_reported() {
    for said in [1, 2, 9, 1 << 40] {
        let file = format!("{said} 2\na 1 2\nb 3 4\nc 5 6\n");
        assert!(read(file.as_bytes(), None, BadRows::Refuse).is_err(), "{said}");
        if said < 1 << 32 {
            let (rows, found) = read(file.as_bytes(), None, BadRows::Skip).unwrap();
            assert_eq!((rows.len(), found.said), (3, Some(said)));
        }
    }
}

#[test]
fn a_mark_at_the_beginning_is_no_part_of_the_first_word() {
    let none = RowCounts::default();
    let words = ["the", "of"];
    check(b"\xef\xbb\xbf2 2\nthe 1 2\nof 3 4\n", None, BadRows::Refuse, &words, none);
    check(b"\xef\xbb\xbfthe 1 2\nof 3 4\n", None, BadRows::Refuse, &words, none);
    let rows = [binary(b"the", [1.0, 2.0]), binary(b"of", [3.0, 4.0])].concat();
    check(&[b"\xef\xbb\xbf2 2\n", &rows[..]].concat(), None, BadRows::Refuse, &words, none);
    let error = read(b"\xff\xfet\0h\0e\0 \x001\0 \x002\0\n\0", None, BadRows::Skip).unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn a_file_that_is_packed_or_empty_is_said_to_be() {
    for (bytes, says) in [
        (&b"\x1f\x8b\x08\0rest"[..], "packed with gzip"),
        (b"\x28\xb5\x2f\xfd 2 3\nking 1 0 0.5\nqueen 0.5 1 0\n", "packed with zstd"),
        (b"BZh91AY&SY 2 3\nking 1 0 0.5\nqueen 0.5 1 0\n", "packed with bzip2"),
        (b"\xfd7zXZ\0 2 3\nking 1 0 0.5\nqueen 0.5 1 0\n", "packed with xz"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"", "it is empty"),
    ] {
        let error = read(bytes, None, BadRows::Skip).unwrap_err();
        assert!(error.is_bad_artefact() && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn counts_come_back_from_numbers() {
    let mut all = [0; 10];
    (0u64..).zip(&mut all).for_each(|(at, number)| *number = at + 3);
    assert_eq!(RowCounts::from_array(all).to_array(), all);
    assert_eq!(RowCounts::from_array(RowCounts::default().to_array()), RowCounts::default());
}
