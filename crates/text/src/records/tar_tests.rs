//! Archives, built block by block and read back.

use super::RecordText;
use super::tests::reading;
use crate::format::{RecordCounts, Records};
use crate::tar_header::BLOCK;

/// A header of a file with this type, and its bytes.
fn member(name: &str, kind: u8, size_field: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut block = [0u8; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..124 + size_field.len()].copy_from_slice(size_field);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut out = [&block[..], bytes].concat();
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

fn file(name: &str, text: &str) -> Vec<u8> {
    member(name, b'0', format!("{:011o}\0", text.len()).as_bytes(), text.as_bytes())
}

fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

fn check(parts: &[Vec<u8>], expected: &str, counts: (u64, u64)) -> Vec<String> {
    let bytes = parts.concat();
    let mut all = Vec::new();
    for step in [1, 7, 512, 1 << 16] {
        let (text, seen, told) =
            reading(RecordText::archive(&Records::default()), &bytes, step).unwrap();
        let RecordCounts { records, broken } = seen;
        assert_eq!((text.as_str(), (records, broken)), (expected, counts), "{step} bytes");
        all.push(told);
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
    all.swap_remove(0)
}

#[test]
fn files_come_one_after_another() {
    let long = "word ".repeat(40_000);
    let parts = [
        member("d/", b'5', b"00000000000\0", b""),
        file("d/a.txt", "one\ntwo"),
        file("d/empty.txt", ""),
        file("d/._a.txt", "\0\0hidden"),
        file("d/b.txt", "\u{feff}three\n"),
        file("d/c.txt", &long),
        end(),
        // Another archive behind it.
        file("e.txt", "four"),
        end(),
    ];
    check(&parts, &format!("one\ntwo\nthree\n{long}\nfour\n"), (5, 0));
}

#[test]
fn sizes_are_read_from_three_places() {
    let big = |size: u8| [&[0x80, 0, 0, 0][..], &[0; 7], &[size]].concat();
    let pax = "20 path=some/name.tx\n9 size=5\n";
    let parts = [
        member("a.txt", b'0', &big(4), b"one\n"),
        member("x", b'x', format!("{:011o}\0", pax.len()).as_bytes(), pax.as_bytes()),
        member("b.txt", b'0', b"00000000000\0", b"three"),
        end(),
    ];
    check(&parts, "one\nthree\n", (2, 0));
}

#[test]
fn files_that_are_not_text_are_reported() {
    let parts = [
        file("a.txt", "one\n"),
        file("b.gz", "\u{1f}\u{0}packed").into_iter().collect(),
        member("c.gz", b'0', b"00000000004\0", &[0x1f, 0x8b, 8, 0]),
        member("s", b'S', b"00000000004\0", b"abcd"),
        end(),
    ];
    let told = check(&parts, "one\n", (4, 3));
    assert!(told[0].contains("b.gz: it has a NUL"), "{told:?}");
    assert!(told[1].contains("c.gz: it is packed"), "{told:?}");
    assert!(told[2].contains("s: a file with holes"), "{told:?}");
}

#[test]
fn an_archive_that_is_cut_off_or_damaged_is_reported() {
    let whole = [file("a.txt", "one\n"), file("b.txt", "two two\n"), end()];
    let bytes = whole.concat();
    let told = check(&[bytes[..3 * BLOCK + 3].to_vec()], "one\ntwo\n", (2, 1));
    assert!(told[0].contains("b.txt: it is cut off, 5 bytes of it missing"), "{told:?}");
    for cut in [2 * BLOCK, 2 * BLOCK + 100, 4 * BLOCK] {
        let text = if cut == 4 * BLOCK { "one\ntwo two\n" } else { "one\n" };
        let records = if cut == 4 * BLOCK { 3 } else { 2 };
        let told = check(&[bytes[..cut].to_vec()], text, (records, 1));
        assert!(told[0].contains("the archive has no end"), "{told:?}");
    }
    let mut damaged = bytes;
    damaged[2 * BLOCK + 130] ^= 1;
    let error = reading(RecordText::archive(&Records::default()), &damaged, 1000).unwrap_err();
    assert!(error.contains("the header at byte 1024 of the archive is damaged"), "{error}");
    let none = [member("a.gz", b'0', b"00000000002\0", &[0x1f, 0x8b]), end()].concat();
    let error = reading(RecordText::archive(&Records::default()), &none, 1000).unwrap_err();
    assert!(error.contains("its only record cannot be read"), "{error}");
    let strict =
        [file("a.txt", "one\n"), member("a.gz", b'0', b"00000000002\0", &[0x1f, 0x8b]), end()]
            .concat();
    let error = reading(
        RecordText::archive(&Records { strict: true, ..Records::default() }),
        &strict,
        1000,
    )
    .unwrap_err();
    assert!(error.contains("a.gz: it is packed"), "{error}");
}
