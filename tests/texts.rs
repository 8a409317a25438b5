//! Texts as people have them: other encodings, byte order marks, NULs, linked folders, packed files with other data
//! after them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use crate::support::{Ended, Place, Tree, assert_same, end, tree};

/// A small pipeline over the file or folder `texts`.
const PIPELINE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["texts"]
chunk_bytes = "8KiB"
[vocabulary]
min_count = 1
"#;
/// Two lines of Korean in code page 949, and the same in UTF-8.
const KOREAN_949: &[u8] = b"\xb3\xaa\xb9\xab \xb0\xad\n\xb9\xb0 \xbb\xea\n";
const KOREAN: &str = "나무 강\n물 산\n";
/// Letters with accents that are one byte each in Latin-1.
const FRENCH: &str =
    "la forêt est très âgée\nl'été dernier à côté\nle château brûlé\nune rivière gelée\n";

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A tar archive with one file.
fn archive(bytes: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 512];
    block[..5].copy_from_slice(b"a.txt");
    block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut out = [&block[..], bytes].concat();
    out.resize(out.len().next_multiple_of(512) + 1024, 0);
    out
}

/// The pipeline over a file with these bytes, up to the vocabulary.
fn run(bytes: &[u8], sets: &[&str]) -> (Place, Ended) {
    let place = Place::new(PIPELINE);
    place.write("texts", bytes);
    let mut args = vec!["--until", "vocabulary"];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    let ended = place.run("run", &args);
    (place, ended)
}

/// The same through a pipe.
fn run_piped(bytes: &[u8], sets: &[&str]) -> (Place, Ended) {
    let place = Place::new(PIPELINE);
    let mut args = vec!["--until", "vocabulary", "--set", "corpus.inputs=[\"-\"]"];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    let ended = end(place.run_command("run", &args), bytes);
    (place, ended)
}

fn shards(place: &Place) -> Tree {
    let all = tree(&place.path("run")).into_iter();
    all.filter(|(path, _)| path.starts_with("tokens/shard-")).collect()
}

#[test]
fn a_text_in_another_encoding_is_refused_however_it_is_read() {
    let korean = KOREAN_949.repeat(5_000);
    let french = latin1(&FRENCH.repeat(20));
    for (bytes, says) in [(&korean, "EUC-KR (cp949)"), (&french, "windows-1252 (latin-1)")] {
        let says = ["lines are not UTF-8", says, "corpus.encoding", "iconv"];
        for sets in [&["run.threads=1"][..], &["run.threads=3", "corpus.chunk_bytes=\"1KiB\""]] {
            run(bytes, sets).1.refused("a file", 3, &says);
            run_piped(bytes, sets).1.refused("a pipe", 3, &says);
            run(&gzip(bytes), sets).1.refused("gzip", 3, &says);
            run(&archive(bytes), sets).1.refused("tar", 3, &says[..3]);
        }
    }
    let csv = [b"id,text\n".to_vec(), korean].concat();
    run(&csv, &["corpus.format=csv-column"]).1.refused("a table", 3, &["not UTF-8", "EUC-KR"]);
}

#[test]
fn a_text_in_another_encoding_is_read_as_if_it_were_utf8() {
    let check = |label: &str, stored: &[u8], text: &str| {
        let set = format!("corpus.encoding={label}");
        let (place, ended) = run(text.as_bytes(), &[]);
        ended.expect(0);
        let expected = shards(&place);
        for (what, bytes) in
            [("file", stored.to_vec()), ("gzip", gzip(stored)), ("tar", archive(stored))]
        {
            for threads in ["run.threads=1", "run.threads=3"] {
                let (place, ended) = run(&bytes, &[&set, threads]);
                ended.expect(0);
                assert_same(&format!("{label}, {what}"), &expected, &shards(&place));
            }
        }
        let (place, ended) = run_piped(stored, &[&set]);
        ended.expect(0);
        assert_same(&format!("{label}, pipe"), &expected, &shards(&place));
    };
    check("cp949", &KOREAN_949.repeat(5_000), &KOREAN.repeat(5_000));
    let french = FRENCH.repeat(1_000);
    check("latin-1", &latin1(&french), &french);
    check("utf-16le", &utf16(&french, u16::to_le_bytes), &french);
    check("utf-16be", &utf16(&french, u16::to_be_bytes), &french);
    let marked = format!("\u{feff}{french}");
    check("utf-16", &utf16(&marked, u16::to_be_bytes), &french);
    check("utf-16", &utf16(&marked, u16::to_le_bytes), &french);
}

#[test]
fn records_in_another_encoding_are_read() {
    let lines: Vec<&str> = FRENCH.lines().collect();
    let (place, ended) = run(FRENCH.as_bytes(), &[]);
    ended.expect(0);
    let expected = shards(&place);
    let json: String = lines.iter().map(|line| format!("{{\"text\": \"{line}\"}}\n")).collect();
    let csv: String = lines.iter().map(|line| format!("\"{line}\"\n")).collect();
    for (format, text) in [("jsonl", json), ("csv-column", format!("text\n{csv}"))] {
        let set = format!("corpus.format={format}");
        let (place, ended) = run(&latin1(&text), &[&set, "corpus.encoding=latin1"]);
        ended.expect(0);
        assert_same(format, &expected, &shards(&place));
    }
}

#[test]
fn a_few_lines_in_another_encoding_are_replaced_and_counted() {
    let good = FRENCH.repeat(50).into_bytes();
    let text = [good, latin1(FRENCH)].concat();
    let ended = run(&text, &[]).1.expect(0);
    assert!(ended.stderr.contains("4 lines are not UTF-8"), "{}", ended.stderr);
    // With lines left out it is not refused.
    let most = [latin1(&FRENCH.repeat(50)), b"plain\n".to_vec()].concat();
    let (place, ended) = run(&most, &["corpus.invalid_utf8=skip"]);
    assert!(ended.expect(0).stderr.contains("200 lines are not UTF-8 and were skipped"));
    assert_eq!(fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap(), "plain\t1\n");
}

#[test]
fn a_text_that_goes_on_in_another_encoding_is_refused_whatever_reads_it() {
    // The first 64 KiB are correct.
    let text = [FRENCH.repeat(800).into_bytes(), KOREAN_949.repeat(9_000)].concat();
    let says = [
        "18000 of its 21200 lines are not UTF-8",
        "although its beginning is",
        "corpus.invalid_utf8",
    ];
    for sets in [&["run.threads=1"][..], &["run.threads=3", "corpus.chunk_bytes=\"1KiB\""]] {
        run(&text, sets).1.refused("a file", 3, &says);
        run_piped(&text, sets).1.refused("a pipe", 3, &says);
        run(&gzip(&text), sets).1.refused("gzip", 3, &says);
    }
}

#[test]
fn an_encoding_that_cannot_be_followed_is_refused() {
    let check = |sets: &[&str], says: &[&str]| run(b"a b\n", sets).1.refused("a setting", 2, says);
    check(&["corpus.encoding=cp994"], &["corpus.encoding", "cp994", "did you mean \"cp949\""]);
    check(&["corpus.encoding=latin1", "corpus.format=wet"], &["encoding", "always UTF-8"]);
    let mixed = run(FRENCH.repeat(9).as_bytes(), &["corpus.encoding=cp949"]).1;
    mixed.refused("UTF-8", 3, &["it is UTF-8, and corpus.encoding says EUC-KR"]);
}

#[test]
fn the_usual_encoding_is_no_other_setting() {
    let (place, ended) = run(FRENCH.as_bytes(), &[]);
    ended.expect(0);
    let again = ["--until", "vocabulary", "--set", "corpus.encoding=UTF8"];
    place.run("run", &again).expect(0);
    let other = ["--until", "vocabulary", "--set", "corpus.encoding=latin-1"];
    place.run("run", &other).refused("another encoding", 2, &["corpus.encoding"]);
}

#[test]
fn a_nul_is_no_text_wherever_it_stands() {
    let line = "the river runs past the stone\n";
    for before in [1, 5_000] {
        let text =
            [line.repeat(before).as_bytes(), b"a\0b c\n", line.repeat(9).as_bytes()].concat();
        let place_of = format!("NUL at byte {}", before * line.len() + 1);
        let says = [place_of.as_str(), "tr -d"];
        let whitespace = ["corpus.tokenizer=whitespace", "run.threads=3"];
        run(&text, &whitespace).1.refused("a file", 3, &says);
        run(&gzip(&text), &whitespace).1.refused("gzip", 3, &says);
        run_piped(&text, &whitespace).1.refused("a pipe", 3, &says);
        run(&text, &["corpus.format=documents"]).1.refused("documents", 3, &says);
        // In an archive the rest of the file is left out and counted, like any other file that is not
        // text.
        let (_, ended) = run(&archive(&text), &["corpus.strict=true"]);
        ended.refused("tar", 3, &["a.txt: ", "NUL"]);
    }
}

#[test]
fn data_after_packed_data_is_padding_or_reported() {
    let text = FRENCH.repeat(9);
    let (place, ended) = run(text.as_bytes(), &[]);
    ended.expect(0);
    let expected = shards(&place);
    for zeros in [1, 512, 100_000] {
        let (place, ended) = run(&[gzip(text.as_bytes()), vec![0; zeros]].concat(), &[]);
        ended.expect(0);
        assert_same(&format!("{zeros} zeros"), &expected, &shards(&place));
    }
    let packed = gzip(text.as_bytes());
    let more = [&packed[..], b"\0\0more"].concat();
    let place_of = format!("from byte {} on", packed.len() + 2);
    run(&more, &[]).1.refused("more", 3, &["unpacking", &place_of]);
}

#[test]
fn a_window_that_is_larger_than_the_memory_is_named() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(FRENCH.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let says = ["its window takes 256 MiB", "--memory", "zstd -dc --long=31"];
    run(&bytes, &[]).1.refused("a file", 5, &says);
    run_piped(&bytes, &[]).1.refused("a pipe", 5, &["unpacking -", "zstd -dc"]);
    run(&bytes, &["run.memory=\"512MiB\""]).1.expect(0);
}

#[test]
fn linked_folders_are_read_once_and_broken_links_are_reported() {
    let place = Place::new(PIPELINE);
    place.write("texts/own.txt", "own\n");
    place.write("texts/deep/inner.txt", "inner\n");
    place.write("elsewhere/far.txt", "far\n");
    symlink("../elsewhere", place.path("texts/away")).unwrap();
    symlink("../elsewhere", place.path("texts/once-more")).unwrap();
    symlink("..", place.path("texts/deep/up")).unwrap();
    symlink("deep", place.path("texts/same")).unwrap();
    symlink("../texts", place.path("elsewhere/back")).unwrap();
    symlink("nowhere.txt", place.path("texts/dangling.txt")).unwrap();
    let args = ["--until", "vocabulary", "--progress", "none"];
    let ended = place.run("run", &args).expect(0);
    assert!(
        ended.stderr.contains("texts/dangling.txt: a link that leads nowhere"),
        "{}",
        ended.stderr
    );
    let words = fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap();
    assert_eq!(words, "far\t1\ninner\t1\nown\t1\n");
    let ledger = fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(ledger.contains("\"left_out_inputs\": 1"), "{ledger}");
    let pattern = ["--until", "vocabulary", "--set", "corpus.inputs=[\"texts/**/*.txt\"]"];
    place.run("other", &pattern).expect(0);
    let words = fs::read_to_string(place.path("other/vocab/vocabulary.tsv")).unwrap();
    assert_eq!(words, "far\t1\ninner\t1\nown\t1\n");
    fs::create_dir(place.path("empty")).unwrap();
    symlink("nowhere.txt", place.path("empty/dangling.txt")).unwrap();
    let empty = ["--set", "corpus.inputs=[\"empty\"]"];
    place.run("third", &empty).refused(
        "nothing else",
        3,
        &["no file in the folder", "dangling.txt"],
    );
}

#[test]
fn a_file_beside_a_link_to_it_was_counted_twice() {
    let place = Place::new(PIPELINE);
    place.write("texts/own.txt", "own\n");
    symlink("own.txt", place.path("texts/a-link.txt")).unwrap();
    place.write("far.txt", "far\n");
    symlink("../far.txt", place.path("texts/far.txt")).unwrap();
    symlink("../far.txt", place.path("texts/farther.txt")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(place.path("texts/p.pipe")).status();
    assert!(made.unwrap().success());
    for (dir, inputs) in [("folder", "texts"), ("pattern", "texts/*"), ("deep", "texts/**/*")] {
        let set = format!("corpus.inputs=[\"{inputs}\"]");
        let args = ["--until", "vocabulary", "--progress", "none", "--set", &set];
        let ended = place.run(dir, &args).expect(0);
        for told in ["a-link.txt: a link to a file", "farther.txt: a link", "p.pipe: it is no"] {
            assert!(ended.stderr.contains(told), "{inputs}: {told}: {}", ended.stderr);
        }
        let words = fs::read_to_string(place.path(&format!("{dir}/vocab/vocabulary.tsv"))).unwrap();
        assert_eq!(words, "far\t1\nown\t1\n", "{inputs}");
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_list() {
    let mark = |text: &str| format!("\u{feff}{text}");
    let place = Place::new(&mark(PIPELINE));
    place.write("a.txt", mark("the river and the sea\nnew york is old\n"));
    place.write("list", mark("a.txt\n"));
    place.write("stop", mark("the\n"));
    place.write("drop", mark("river\n"));
    place.write("keep", mark("river\nand\nsea\nnew_york\n"));
    place.write("phrases", mark("new york\n"));
    let words =
        |run: &str| fs::read_to_string(place.path(run).join("vocab/vocabulary.tsv")).unwrap();
    let until = ["--until", "vocabulary", "--files-from", "list"];
    let args = [&until[..], &["--set", "corpus.stop_words=stop", "--set", "vocabulary.drop=drop"]]
        .concat();
    place.run("one", &args).expect(0);
    assert_eq!(words("one"), "and\t1\nis\t1\nnew\t1\nold\t1\nsea\t1\nyork\t1\n");
    let args =
        [&until[..], &["--set", "phrases.list=phrases", "--set", "vocabulary.keep=keep"]].concat();
    place.run("two", &args).expect(0);
    assert_eq!(words("two"), "and\t1\nnew_york\t1\nriver\t1\nsea\t1\n");
}
