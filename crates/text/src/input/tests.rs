//! Tests of inputs: what is found, what is opened, what is refused.

use std::fs;
#[cfg(feature = "xz")]
use std::io::Read as _;
use std::io::Write;
use std::path::Path;

use super::*;
use crate::error::{ErrorKind, TextError};
use crate::packing;

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn found(base: &Path, list: &[&str]) -> Vec<String> {
    let inputs = resolve(&strings(list), base, 1).unwrap();
    inputs
        .iter()
        .map(|input| match &input.source {
            Source::File(path) => path.strip_prefix(base).unwrap().display().to_string(),
            other => format!("{other:?}"),
        })
        .collect()
}

fn refused(base: &Path, list: &[&str]) -> TextError {
    resolve(&strings(list), base, 1).unwrap_err()
}

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "b/2.txt",
        "b/10.txt",
        "b/deep/x.txt",
        "b/.hidden.txt",
        ".git/y.txt",
        "a.txt",
        "z.md",
        "empty/.keep",
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "words\n").unwrap();
    }
    dir
}

#[test]
fn inputs_are_found_in_order() {
    let dir = tree();
    let check = |list: &[&str], expected: &[&str]| {
        assert_eq!(found(dir.path(), list), expected, "{list:?}")
    };
    check(&["z.md", "a.txt"], &["z.md", "a.txt"]);
    check(&["b"], &["b/10.txt", "b/2.txt", "b/deep/x.txt"]);
    check(&["*.txt"], &["a.txt"]);
    check(&["b/*.txt"], &["b/10.txt", "b/2.txt"]);
    check(&["**/*.txt"], &["a.txt", "b/10.txt", "b/2.txt", "b/deep/x.txt"]);
    check(&["b/[0-9].txt"], &["b/2.txt"]);
    check(&["-"], &["Stdin"]);
    check(&["builtin:sample"], &["Sample { bytes: 24000000, seed: 1 }"]);
    check(&["builtin:sample:1.5MB"], &["Sample { bytes: 1500000, seed: 1 }"]);
    check(&["builtin:sample:2KiB"], &["Sample { bytes: 2048, seed: 1 }"]);
    check(&["builtin:sample:3k"], &["Sample { bytes: 3000, seed: 1 }"]);
}

#[test]
fn what_is_missing_is_an_error() {
    let dir = tree();
    let check = |list: &[&str], kind: ErrorKind, part: &str| {
        let error = refused(dir.path(), list);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(
        &["none.txt"],
        ErrorKind::Input,
        "none.txt: looking for inputs: there is no such file; check",
    );
    check(&["empty"], ErrorKind::Input, "no file in the folder");
    check(&["*.csv"], ErrorKind::Input, "no file matches");
    check(&[], ErrorKind::Config, "the list is empty");
    check(&["a.txt", "*.txt"], ErrorKind::Config, "named twice");
    check(&["builtin:sample:much"], ErrorKind::Config, "no size");
    check(&["builtin:wikipedia"], ErrorKind::Config, "no built-in text");
}

fn open_bytes(bytes: &[u8]) -> Result<Vec<u8>, TextError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.bin");
    fs::write(&path, bytes).unwrap();
    let mut reader = Input::file(&path, "check the path")?.open()?;
    let (mut all, mut buffer) = (Vec::new(), [0; 777]);
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!(reader.stored_bytes(), bytes.len() as u64);
    Ok(all)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

#[test]
fn packed_files_of_many_parts_are_read_whole() {
    let (one, two) = ("하나 둘 셋\n".repeat(9_000), "four five\n".repeat(20_000));
    let whole = format!("{one}{two}").into_bytes();
    for pack in [gzip, bzip2, zst] {
        let parts = [pack(one.as_bytes()), pack(two.as_bytes())].concat();
        assert!(open_bytes(&parts).unwrap() == whole);
    }
    assert!(open_bytes(&whole).unwrap() == whole);
}

#[test]
fn zeros_after_packed_data_are_ignored_and_other_bytes_are_reported() {
    for pack in [gzip, bzip2] {
        let one = pack(b"one\n");
        for zeros in [1, 3, 4, 70_000] {
            let padded = [&one[..], &vec![0; zeros]].concat();
            assert_eq!(open_bytes(&padded).unwrap(), b"one\n", "{zeros}");
        }
        let between = [&one[..], &[0; 7], &pack(b"two\n")].concat();
        assert_eq!(open_bytes(&between).unwrap(), b"one\ntwo\n");
        let error = open_bytes(&[&one[..], b"x"].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(&format!("from byte {} on", one.len())), "{error}");
    }
}

#[test]
fn frames_to_be_skipped_are_no_text() {
    let skip = [&[0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"meta"].concat();
    let parts = [&skip[..], &zst(b"one\n"), &skip, &zst(b"two\n"), &skip].concat();
    assert_eq!(open_bytes(&parts).unwrap(), b"one\ntwo\n");
    let known = zstd::bulk::compress(&[b'a'; 1000], 1).unwrap();
    let fixed = 512 << 10;
    let head = [&skip[..], &known].concat();
    let told = packing::unpacker_bytes(&head[..packing::FRAME_HEAD_BYTES.min(head.len())]);
    assert_eq!(told, 1000 + fixed);
    let error = open_bytes(&[&zst(b"one\n")[..], b"more"].concat()).unwrap_err();
    assert!(error.to_string().contains("on it is not packed"), "{error}");
}

#[test]
fn a_later_part_may_not_take_more_memory_than_the_first_bytes_say() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"two\n").unwrap();
    let wide = encoder.finish().unwrap();
    assert_eq!(open_bytes(&wide).unwrap(), b"two\n");
    let error = open_bytes(&[zst(b"one\n"), wide].concat()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.to_string().contains("zstd -dc --long=31"), "{error}");
}

#[test]
fn the_memory_of_unpacking_is_known_in_advance() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    let streamed = encoder.finish().unwrap();
    let fixed = 512 << 10;
    assert_eq!(packing::unpacker_bytes(&streamed), (1 << 24) + fixed);
    for bytes in [1, 255, 256, 300, 65_791, 65_792, 1_000_000] {
        let known = zstd::bulk::compress(&vec![b'b'; bytes], 1).unwrap();
        let told = packing::unpacker_bytes(&known[..known.len().min(packing::FRAME_HEAD_BYTES)]);
        assert!(told <= bytes as u64 + fixed, "{bytes}: {told}");
        assert!(told >= (bytes as u64).min(1 << 19) + fixed, "{bytes}: {told}");
    }
    // A frame of one segment that declares the largest content length in 64 bits.
    let endless = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &[0xff; 27]].concat();
    assert_eq!(packing::unpacker_bytes(&endless), (2 << 30) + fixed);
    assert_eq!(packing::unpacker_bytes(b"plain"), 0);
    assert_eq!(packing::unpacker_bytes(b""), 0);
    assert!(packing::unpacker_bytes(&streamed[..4]) > 8 << 20);
}

#[test]
fn cut_off_packed_files_are_errors() {
    let text: Vec<u8> = (0..400_000_u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761) % 9973).to_string().into_bytes())
        .collect();
    for pack in [gzip, bzip2, zst] {
        let packed = pack(&text);
        for cut in [20, packed.len() / 2, packed.len() - 1] {
            let error = open_bytes(&packed[..cut]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains("in.bin: unpacking: "), "{error}");
        }
    }
}

#[test]
fn marks_of_byte_order() {
    assert_eq!(open_bytes(b"\xef\xbb\xbfhello").unwrap(), b"hello");
    assert_eq!(open_bytes(&gzip(b"\xef\xbb\xbfhello")).unwrap(), b"hello");
    assert_eq!(open_bytes(b"").unwrap(), b"");
    let error = open_bytes(b"\xff\xfeh\0e\0").unwrap_err();
    assert!(error.to_string().contains("UTF-16"), "{error}");
}

#[test]
fn what_is_no_text_is_refused() {
    let check = |bytes: &[u8], part: &str| {
        let error = open_bytes(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(part), "{error}");
    };
    if cfg!(not(feature = "xz")) {
        check(b"\xfd7zXZ\0\0\x04", "packed with xz; build wordmill with --features xz, or unpack");
    }
    check(b"PAR1....", "Parquet");
    check(b"PK\x03\x04", "zip");
    check(b"\x89PNG\r\n\x1a\n", "PNG");
    check(b"%PDF-1.7", "PDF");
    check(b"\x7fELF\x02", "program");
    check(b"\x40\0\0\0\0\0\0\0{\"a\":1}", "safetensors");
    check(b"some words\0and more", "NUL at byte 10");
    check(&gzip(&gzip(b"twice")), "second time");
    check(&gzip(b"binary\0"), "NUL");
}

#[cfg(feature = "xz")]
#[test]
fn xz_is_unpacked_stream_by_stream() {
    let xz = |text: &[u8]| {
        let mut packed = Vec::new();
        liblzma::read::XzEncoder::new(text, 6).read_to_end(&mut packed).unwrap();
        packed
    };
    let two = [xz(b"one\n"), xz(b"two\n")].concat();
    assert_eq!(open_bytes(&two).unwrap(), b"one\ntwo\n");
    for cut in [20, two.len() - 1] {
        let error = open_bytes(&two[..cut]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("in.bin: unpacking: "), "{error}");
    }
    assert!(open_bytes(&xz(&two)).unwrap_err().to_string().contains("xz a second time"));
    for zeros in [1, 4, 9] {
        let padded = [&two[..], &vec![0; zeros]].concat();
        assert_eq!(open_bytes(&padded).unwrap(), b"one\ntwo\n", "{zeros}");
    }
    let error = open_bytes(&[&two[..], b"more"].concat()).unwrap_err();
    assert!(error.to_string().contains(&format!("from byte {} on", two.len())), "{error}");
}

#[test]
fn a_list_names_files() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let write = |name: &str, bytes: &[u8]| fs::write(base.join(name), bytes).unwrap();
    fs::create_dir(base.join("d")).unwrap();
    for name in ["b", "a", "*", "d/x", "d/y"] {
        write(name, b"words\n");
    }
    write("list", b"b\r\n\n*\nd\na");
    assert_eq!(found(base, &["@list"]), ["b", "*", "d/x", "d/y", "a"]);
    write("nul", b"a\0b\0");
    assert_eq!(found(base, &["@nul", "*"]), ["a", "b", "*"]);
    let error = |list: &[&str]| resolve(&strings(list), base, 1).unwrap_err().to_string();
    write("wrong", b"a\nnowhere\n");
    let says = error(&["@wrong"]);
    assert!(
        says.contains("nowhere: ")
            && says.contains("line 2 of")
            && says.contains("correct the list"),
        "{says}"
    );
    write("empty", b"\n");
    assert!(error(&["@empty"]).contains("names no file"));
    assert!(error(&["@missing"]).contains("reading the list of inputs"));
    assert!(error(&["@list", "a"]).contains("named twice"));
}

#[test]
fn a_folder_replaces_the_current_one() {
    let outer = tempfile::tempdir().unwrap();
    // Its own name is not a pattern.
    let folder = &outer.path().join("[ab]*");
    fs::create_dir_all(folder.join("d")).unwrap();
    for name in ["a", "d/x", "d/y"] {
        fs::write(folder.join(name), "words\n").unwrap();
    }
    let absolute = folder.join("a").display().to_string();
    fs::write(folder.join("list"), format!("d/y\n{absolute}\n")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("d/z")).unwrap();
    let names = |entries: &[&str]| -> Vec<String> {
        let inputs = resolve_in(&strings(entries), folder, 1).unwrap();
        assert!(inputs.iter().all(|input| input.open().is_ok()), "{entries:?}");
        let told = inputs.iter().flat_map(|input| input.left_out.iter().cloned());
        inputs.iter().map(|input| input.name.clone()).chain(told).collect()
    };
    assert_eq!(names(&["a"]), ["./a"]);
    assert_eq!(names(&["./a"]), ["././a"]);
    assert_eq!(names(&["../[ab]*/a"]), ["./../[ab]*/a"]);
    assert_eq!(names(&["d"]), ["./d/x", "./d/y", "./d/z: a link that leads nowhere"]);
    assert_eq!(names(&["./d/[x]"]), ["./d/x"]);
    assert_eq!(names(&[&absolute]), [absolute.as_str()]);
    assert_eq!(names(&["@list"]), ["./d/y", absolute.as_str()]);
    let error =
        |entries: &[&str]| resolve_in(&strings(entries), folder, 1).unwrap_err().to_string();
    assert!(error(&["b"]).starts_with("./b: "), "{}", error(&["b"]));
    assert!(error(&["@b"]).starts_with("./b: "), "{}", error(&["@b"]));
    assert!(error(&["d/*z"]).contains("./d/*z: "), "{}", error(&["d/*z"]));
    assert!(error(&["d/*z"]).contains("; ./d/z: a link"), "{}", error(&["d/*z"]));
}

#[cfg(feature = "xz")]
#[test]
fn the_dictionary_of_xz_is_known_in_advance() {
    let packed = |bytes: u32| {
        let mut options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
        options.dict_size(bytes);
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        let check = liblzma::stream::Check::Crc32;
        let stream = liblzma::stream::Stream::new_stream_encoder(&filters, check).unwrap();
        let mut out = Vec::new();
        liblzma::read::XzEncoder::new_stream(&b"one\n"[..], stream).read_to_end(&mut out).unwrap();
        out
    };
    assert_eq!(packing::unpacker_bytes(&packed(1 << 20)), 66 << 20);
    let large = packed(128 << 20);
    assert_eq!(packing::unpacker_bytes(&large), 129 << 20);
    assert_eq!(open_bytes(&large).unwrap(), b"one\n");
    let error = open_bytes(&[packed(1 << 20), large].concat()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
}

#[test]
fn text_that_begins_like_bzip2_is_text() {
    assert_eq!(open_bytes(b"BZh9 is how it begins").unwrap(), b"BZh9 is how it begins");
}
