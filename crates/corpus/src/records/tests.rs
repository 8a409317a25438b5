//! Tests of records, against what stands in them, whole and a few bytes at a time.

use std::path::Path;

use super::*;
use crate::input;

fn input() -> Input {
    input::resolve(&["builtin:sample".to_owned()], Path::new(""), 1).unwrap().remove(0)
}

type Read = (String, RecordCounts, Vec<String>);

/// The text of an input of so many bytes at a time.
pub(super) fn read(bytes: &[u8], records: &Records, step: usize) -> Result<Read, String> {
    reading(RecordText::new(records).unwrap(), bytes, step)
}

pub(super) fn reading(mut text: RecordText, bytes: &[u8], step: usize) -> Result<Read, String> {
    let mut rest = bytes;
    let (mut out, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        let more = |to: &mut [u8]| {
            let count = to.len().min(step).min(rest.len());
            to[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        };
        match text.read(&input(), &mut buffer, more) {
            Ok(0) => break,
            Ok(count) => out.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(error.to_string()),
        }
    }
    let (counts, told) = text.counts();
    Ok((String::from_utf8_lossy(&out).into_owned(), counts, told.to_vec()))
}

/// The same however many bytes come at a time.
pub(super) fn check(
    format: RecordFormat,
    bytes: &[u8],
    expected: &str,
    counts: (u64, u64),
) -> Vec<String> {
    let records = Records { format, strict: false };
    let mut found = Vec::new();
    for step in [1, 2, 3, 7, 64, 1 << 16] {
        let (text, seen, told) = read(bytes, &records, step).unwrap();
        assert_eq!(
            (text.as_str(), (seen.records, seen.broken)),
            (expected, counts),
            "{step} bytes"
        );
        found.push(told);
    }
    assert!(found.windows(2).all(|two| two[0] == two[1]), "{found:?}");
    found.swap_remove(0)
}

fn json(path: &str) -> RecordFormat {
    RecordFormat::JsonLines { path: path.split('.').map(str::to_owned).collect() }
}

#[test]
fn objects_give_the_text_at_their_path() {
    let text = "{\"id\": 1, \"text\": \"one \\u00e9 two\"}\r\n\n  {\"text\": \"three\\nfour\", \"x\": {\"text\": 5}}\n";
    check(json("text"), text.as_bytes(), "one é two\nthree\nfour\n", (2, 0));
    let text =
        "{\"a\": [{\"b\": \"x\"}, {\"c\": 1, \"b\": [\"y\", \"z\"]}]}\n{\"a\": {\"b\": \"last\"}}";
    check(json("a.b"), text.as_bytes(), "x\ny\nz\nlast\n", (2, 0));
}

#[test]
fn objects_that_cannot_be_read_are_left_out_and_told() {
    let text = "{\"text\": \"good\"}\n{\"text\": \"cut\n{\"other\": 1}\n{\"text\": 5}\n[1]\n{\"text\": null}\n\
                {\"text\": \"a\"} {}\n{\"text\": [\"half\", 7]}\n{\"text\": \"too\"}\n";
    let told = check(json("text"), text.as_bytes(), "good\ntoo\n", (9, 7));
    assert_eq!(told.len(), TOLD);
    assert!(told[0].starts_with("record 2, byte 17: ") && told[0].contains("of it"), "{told:?}");
    assert!(told[1].contains("no text at \"text\""), "{told:?}");
    assert!(told[2].contains("expected a text"), "{told:?}");
    let strict = Records { format: json("text"), strict: true };
    let error = read(text.as_bytes(), &strict, 100).unwrap_err();
    assert!(error.contains("record 2, byte 17") && error.contains("corpus.strict"), "{error}");
    let all = Records { format: json("txt"), strict: false };
    let error = read(text.as_bytes(), &all, 100).unwrap_err();
    assert!(error.contains("none of its 9 records") && error.contains("corpus.field"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_handed_on() {
    let (text, counts, _) = read(
        b"{\"text\": \"a\xffb \\ud800 c\"}",
        &Records { format: json("text"), strict: true },
        9,
    )
    .unwrap();
    assert_eq!(counts.records, 1);
    assert!(text.starts_with("a\u{fffd}b ") && text.ends_with(" c\n"), "{text:?}");
}

#[test]
fn an_object_that_is_too_long_is_left_out() {
    let mut text = b"{\"text\": \"".to_vec();
    text.resize(MAX_RECORD_BYTES + 300, b'x');
    text.extend_from_slice(b"\"}\n{\"text\": \"short\"}\n");
    let records = Records { format: json("text"), strict: false };
    let (text, counts, told) = read(&text, &records, READ_BYTES).unwrap();
    assert_eq!((text.as_str(), counts.records, counts.broken), ("short\n", 2, 1));
    assert!(told[0].contains("longer than 64 MiB"), "{told:?}");
}

fn columns(delimiter: u8, column: Column) -> RecordFormat {
    RecordFormat::Columns { delimiter, column }
}

#[test]
fn rows_give_their_column() {
    let named = || Column::Named("body".to_owned());
    let text = "id, body ,x\n1,\"one, \"\"two\"\"\nthree\",9\n\n2,four,\r\n3\n4,last";
    let told =
        check(columns(b',', named()), text.as_bytes(), "one, \"two\"\nthree\nfour\nlast\n", (4, 1));
    assert!(told[0].contains("record 3") && told[0].contains("1 column(s), column 2"), "{told:?}");
    let text = "a\t\"one\nb\ttwo\" \tx\n";
    check(columns(b'\t', Column::Numbered(1)), text.as_bytes(), "\"one\ntwo\" \n", (2, 0));
    let missing = Records { format: columns(b',', Column::Named("text".into())), strict: false };
    let error = read(b"id,body\n1,2\n", &missing, 5).unwrap_err();
    assert!(error.contains("no column is named \"text\"; the first row has id, body"), "{error}");
}

#[test]
fn lines_of_a_document_are_one() {
    let text = "one two\nthree\n \t\n\n\nfour\r\n  five\n\nsix";
    check(RecordFormat::Documents, text.as_bytes(), "one two three\nfour\r five\nsix\n", (3, 0));
    check(RecordFormat::Documents, b"\n\n \n", "", (0, 0));
}

#[test]
fn pages_of_a_crawl_give_their_text() {
    let page = |kind: &str, body: &str| {
        let len = body.len();
        format!("WARC/1.0\r\nWARC-Type: {kind}\r\ncontent-length: {len}\r\n\r\n{body}\r\n\r\n")
    };
    let body = "WARC/1.0 is a line\n\nof text";
    let mut text = page("warcinfo", "Software: x\r\n") + &page("conversion", body);
    text += "WARC/1.0\r\nWARC-Type: conversion\r\n\r\nlost\r\n\r\n";
    text += &page("conversion", "more\n");
    let told = check(RecordFormat::Wet, text.as_bytes(), &format!("{body}\nmore\n"), (3, 1));
    assert!(told[0].contains("Content-Length"), "{told:?}");
    let cut = &text[..text.len() - 6];
    let told = check(RecordFormat::Wet, cut.as_bytes(), &format!("{body}\nmor\n"), (3, 2));
    assert!(told[1].contains("2 bytes of it are missing"), "{told:?}");
}
