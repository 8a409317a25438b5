//! Tests of records against their content, whole and a few bytes at a time.

use std::path::Path;

use super::sink::TOLD;
use super::text::{MAX_RECORD_BYTES, READ_BYTES};
use super::*;
use crate::error::TextError;
use crate::format::{Column, RecordCounts, RecordFormat, Records};
use crate::input::{self, Input};

fn input() -> Input {
    input::resolve(&["builtin:sample".to_owned()], Path::new(""), 1).unwrap().remove(0)
}

fn refused(problem: String, way_out: &'static str) -> TextError {
    input().error("reading records", problem, way_out)
}

type Read = (String, RecordCounts, Vec<String>);

/// The text of an input, this many bytes at a time.
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
        match text.read(refused, &mut buffer, more) {
            Ok(0) => break,
            Ok(count) => out.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(error.to_string()),
        }
    }
    let (counts, told) = text.counts();
    Ok((String::from_utf8_lossy(&out).into_owned(), counts, told.to_vec()))
}

/// The same for any number of bytes at a time.
pub(super) fn check(
    format: RecordFormat,
    bytes: &[u8],
    expected: &str,
    counts: (u64, u64),
) -> Vec<String> {
    let records = Records { format, ..Records::default() };
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
    RecordFormat::Jsonl { field: crate::KeyPath::try_from(path.to_owned()).unwrap() }
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
fn objects_that_cannot_be_read_are_left_out_and_reported() {
    let text = "{\"text\": \"good\"}\n{\"text\": \"cut\n{\"other\": 1}\n{\"text\": 5}\n[1]\n{\"text\": null}\n\
                {\"text\": \"a\"} {}\n{\"text\": [\"half\", 7]}\n{\"text\": \"too\"}\n";
    let told = check(json("text"), text.as_bytes(), "good\ntoo\n", (9, 7));
    assert_eq!(told.len(), TOLD);
    assert!(told[0].starts_with("record 2, byte 17: ") && told[0].contains("of it"), "{told:?}");
    assert!(told[1].contains("no text at \"text\""), "{told:?}");
    assert!(told[2].contains("expected a text"), "{told:?}");
    let strict = Records { format: json("text"), strict: true, ..Records::default() };
    let error = read(text.as_bytes(), &strict, 100).unwrap_err();
    assert!(error.contains("record 2, byte 17") && error.contains("corpus.strict"), "{error}");
    let all = Records { format: json("txt"), ..Records::default() };
    let error = read(text.as_bytes(), &all, 100).unwrap_err();
    assert!(error.contains("none of its 9 records") && error.contains("corpus.field"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_handed_on() {
    let (text, counts, _) = read(
        b"{\"text\": \"a\xffb \\ud800 c\"}",
        &Records { format: json("text"), strict: true, ..Records::default() },
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
    let records = Records { format: json("text"), ..Records::default() };
    let (text, counts, told) = read(&text, &records, READ_BYTES).unwrap();
    assert_eq!((text.as_str(), counts.records, counts.broken), ("short\n", 2, 1));
    assert!(told[0].contains("longer than 64 MiB"), "{told:?}");
}

fn columns(delimiter: u8, column: Column) -> RecordFormat {
    match delimiter {
        b',' => RecordFormat::CsvColumn { field: column },
        _ => RecordFormat::TsvColumn { field: column },
    }
}

#[test]
fn rows_give_their_column() {
    let named = || Column::Named("body".to_owned());
    let text = "id, body ,x\n1,\"one, \"\"two\"\"\nthree\",9\n\n2,four,\r\n3\n4,last";
    let told =
        check(columns(b',', named()), text.as_bytes(), "one, \"two\"\nthree\nfour\nlast\n", (4, 1));
    assert!(told[0].contains("record 3") && told[0].contains("1 column, but column 2"), "{told:?}");
    let text = "a\t\"one\nb\ttwo\" \tx\n";
    check(columns(b'\t', Column::Numbered(1)), text.as_bytes(), "\"one\ntwo\" \n", (2, 0));
    let missing =
        Records { format: columns(b',', Column::Named("text".into())), ..Records::default() };
    let error = read(b"id,body\n1,2\n", &missing, 5).unwrap_err();
    assert!(error.contains("no column is named \"text\"; the first row has id, body"), "{error}");
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row() {
    let format = || columns(b',', Column::Named("body".into()));
    let text = "id,body\n0,\"two\nlines\"\n1,\"no end\r\n2,four\n3,\"a \"\"b\"\"\"\n4,five\n";
    let told = check(format(), text.as_bytes(), "two\nlines\nfour\na \"b\"\nfive\n", (5, 1));
    assert!(told[0].contains("the quote that begins in line 4 is not closed"), "{told:?}");
    let last = "id,body\n1,one\n2,\"no end";
    let told = check(format(), last.as_bytes(), "one\n", (2, 1));
    assert!(told[0].contains("record 2, byte 16: the quote that begins in line 3"), "{told:?}");
    // In another column, and a name of the first row.
    let text = "id,body\n\"1,one\n2,two\n";
    check(format(), text.as_bytes(), "two\n", (2, 1));
    let strict = Records { format: format(), strict: true, ..Records::default() };
    let error = read(last.as_bytes(), &strict, 5).unwrap_err();
    assert!(error.contains("line 3") && error.contains("corpus.strict"), "{error}");
    // A mark of inches within a field opens no quote.
    let text = "id,body\n1,a 5\" pipe\n2,\"closed\" and more\n3,two\n";
    check(format(), text.as_bytes(), "a 5\" pipe\nclosed and more\ntwo\n", (3, 0));
}

#[test]
fn a_quote_without_end_does_not_fill_the_memory() {
    let mut text = b"body\none\n\"no end\n".to_vec();
    text.extend(b"row\n".repeat(MAX_RECORD_BYTES / 4 + 100_000));
    let records =
        Records { format: columns(b',', Column::Named("body".into())), ..Records::default() };
    let (found, counts, told) = read(&text, &records, READ_BYTES).unwrap();
    assert_eq!((counts.broken, counts.records as usize), (1, MAX_RECORD_BYTES / 4 + 100_002));
    assert!(told[0].contains("line 3 is not closed within 64 MiB"), "{told:?}");
    assert!(found.starts_with("one\nrow\nrow\n"));
}

#[test]
fn lines_of_tables_may_end_with_cr_alone() {
    let text = "id,body\r1,one\r2,\"two\"\r3,\"three\n\"";
    check(
        columns(b',', Column::Named("body".into())),
        text.as_bytes(),
        "one\ntwo\nthree\n\n",
        (3, 0),
    );
}

#[test]
fn numbers_that_json_does_not_have_are_numbers() {
    let text = "{\"text\": \"NaN one\", \"x\": NaN}\n{\"x\": [-Infinity, 1, Infinity], \"text\": \"a \\\" NaN\"}\n\
                {\"text\": NaN}\n{\"text\": \"b\", \"x\": Nan}\n";
    let told = check(json("text"), text.as_bytes(), "NaN one\na \" NaN\n", (4, 2));
    assert!(told[0].contains("expected a text"), "{told:?}");
}

#[test]
fn elements_of_an_array_are_records() {
    let elements = [
        "{\"text\": \"a ] , [\"}",
        "{\"text\": [\"b\", \"\\\"c\"]}",
        "{\"x\": {\"y\": []}, \"text\": \"d\"}",
    ];
    for (open, comma, close) in
        [("[", ",", "]"), ("[\n", ",\n", "\n]\n"), (" [ ", "\n , \n", "\n\n]\n\n")]
    {
        let text = format!("{open}{}{close}", elements.join(comma));
        check(json("text"), text.as_bytes(), "a ] , [\nb\n\"c\nd\n", (3, 0));
    }
    let pretty =
        "[\n  {\n    \"text\": \"a\\nb\",\n    \"n\": NaN\n  },\n  {\n    \"text\": \"c\"\n  }\n]";
    check(json("text"), pretty.as_bytes(), "a\nb\nc\n", (2, 0));
    check(json("text"), b"[]\n", "", (0, 0));
    // One array per line, as JSON Lines allows it.
    check(
        json("text"),
        b"[{\"text\": \"a\"}]\n[{\"text\": \"b\"}, {\"text\": \"c\"}]\n",
        "a\nb\nc\n",
        (3, 0),
    );
}

#[test]
fn a_broken_element_costs_one_element() {
    let text = "[\n{\"text\": \"a\"},\n{\"text\": \"no end},\n{\"text\": \"b\"},\n{\"text\": c},\n{\"text\": \"d\"}\n]";
    let told = check(json("text"), text.as_bytes(), "a\nb\nd\n", (5, 2));
    assert!(told[0].starts_with("record 2, byte "), "{told:?}");
    let cut = "[{\"text\": \"a\"}, {\"text\": \"b\"}, {\"te";
    let told = check(json("text"), cut.as_bytes(), "a\nb\n", (4, 2));
    assert!(told[1].contains("the array has no end"), "{told:?}");
    let error = read(b"[1, 2,\n3]", &Records { format: json("text"), ..Records::default() }, 3)
        .unwrap_err();
    assert!(error.contains("none of its 3 records"), "{error}");
}

#[test]
fn an_escaped_nul_is_white_space() {
    check(json("text"), b"{\"text\": \"one\\u0000two\"}\n", "one two\n", (1, 0));
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
    assert!(told[1].contains("2 bytes of it missing"), "{told:?}");
}

#[test]
fn the_first_blank_line_ends_a_header_whatever_ends_the_lines_of_the_page() {
    let page = |end: &str, body: &str| {
        let len = body.len();
        ["WARC/1.0", "WARC-Type: conversion", &format!("Content-Length: {len}"), "", body, "", ""]
            .join(end)
    };
    let bodies = ["plum\r\n\r\nsecond", "cherry\n\nthird\n", "pear"];
    for ends in [["\n"; 3], ["\r\n"; 3], ["\n", "\r\n", "\n"]] {
        let text: String = ends.iter().zip(bodies).map(|(end, body)| page(end, body)).collect();
        let expected = format!("{}\n{}{}\n", bodies[0], bodies[1], bodies[2]);
        check(RecordFormat::Wet, text.as_bytes(), &expected, (3, 0));
    }
}

#[test]
fn a_crawl_without_text_is_refused_with_the_types_of_its_records() {
    let page = |kind: &str| {
        format!("WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Length: 2\r\n\r\nab\r\n\r\n")
    };
    let text = page("warcinfo") + &page("request") + &page("response") + &page("response");
    let wet = Records { format: RecordFormat::Wet, ..Records::default() };
    for step in [1, 1000] {
        let error = read(text.as_bytes(), &wet, step).unwrap_err();
        assert!(
            error.contains(
                "WARC records, 1 of type request, 2 of type response, 1 of type warcinfo"
            ),
            "{error}"
        );
        assert!(error.contains("none of type conversion"), "{error}");
    }
    let text = text + &page("conversion");
    check(RecordFormat::Wet, text.as_bytes(), "ab\n", (1, 0));
}
