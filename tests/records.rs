//! One text in every format: texts in records become the same tokens as the plain lines.

use std::io::Write;

use crate::support::{Place, Tree, assert_same, tree};

/// A small pipeline over the folder `texts`.
const PIPELINE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["texts"]
chunk_bytes = "8KiB"
[vocabulary]
min_count = 1
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
"#;

fn lines() -> Vec<String> {
    let place = Place::new("");
    let sample = place.wordmill(&["sample", "--bytes", "60KB"]).expect(0).stdout;
    String::from_utf8(sample).unwrap().lines().map(str::to_owned).collect()
}

/// The results of the stage `tokenize` for a file in a format.
fn tokens(name: &str, bytes: &[u8], args: &[&str]) -> (Tree, String) {
    let place = Place::new(PIPELINE);
    place.write(&format!("texts/{name}"), bytes);
    let args: Vec<&str> = ["--until", "vocabulary"].iter().chain(args).copied().collect();
    let ended = place.run("run", &args).expect(0);
    let is_shard = |path: &str| path.starts_with("tokens/shard-");
    let shards = tree(&place.path("run")).into_iter().filter(|(path, _)| is_shard(path));
    (shards.collect(), ended.stderr)
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A tar archive of these files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in files {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = b'0';
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(text.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn json(line: &str) -> String {
    serde_json::json!({ "id": 7, "meta": { "text": [line] }, "text": 1 }).to_string()
}

#[test]
fn a_text_in_records_is_the_text() {
    let lines = lines();
    let join = |of: &dyn Fn(&String) -> String| lines.iter().map(of).collect::<Vec<_>>().join("\n");
    let plain = lines.join("\n") + "\n";
    let (expected, _) = tokens("a.txt", plain.as_bytes(), &[]);
    let jsonl = join(&|line| json(line));
    let gzip = gzip_of(jsonl.as_bytes());
    let quoted = |line: &String| format!("1,\"{}\"", line.replace('"', "\"\""));
    let page = |line: &String| {
        let len = line.len();
        format!("WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {len}\r\n\r\n{line}\r\n\r")
    };
    let csv = format!("id,body\n{}", join(&quoted));
    let article = |line: &String| {
        let text = line.replace('&', "&amp;").replace('<', "&lt;");
        format!("<page><ns>0</ns><revision><text>{text}</text></revision></page>")
    };
    let wiki = format!("<mediawiki>{}</mediawiki>\n", join(&article));
    let half = lines.len() / 2;
    let halves = [&lines[..half], &lines[half..]].map(|some| some.join("\n"));
    let files = archive(&[("a.txt", &halves[0]), ("b.txt", &halves[1])]);
    let objects: String = halves[0].lines().map(|line| json(line) + "\n").collect();
    let more: String = halves[1].lines().map(|line| json(line) + "\n").collect();
    let of_objects = gzip_of(&archive(&[("a.jsonl", &objects), ("b.jsonl", &more)]));
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        ("mediawiki", wiki.into_bytes(), &[]),
        ("lines", files, &[]),
        ("jsonl", of_objects, &["corpus.field=meta.text"]),
        ("jsonl", jsonl.into_bytes(), &["corpus.field=meta.text"]),
        ("jsonl", gzip, &["corpus.field=meta.text"]),
        ("csv-column", csv.into_bytes(), &["corpus.field=body"]),
        ("tsv-column", join(&|line| format!("1\t{line}\tx")).into_bytes(), &["corpus.field=2"]),
        ("documents", join(&|line| line.replacen(' ', "\n", 3) + "\n").into_bytes(), &[]),
        ("wet", join(&page).into_bytes(), &[]),
    ];
    for (format, bytes, settings) in cases {
        let format = format!("corpus.format={format}");
        let mut args = vec!["--set", &format, "--set", "corpus.strict=true"];
        settings.iter().for_each(|it| args.extend(["--set", it]));
        let (found, _) = tokens("records", &bytes, &args);
        assert!(expected.len() > 8, "there are several shards");
        assert_same(&format, &expected, &found);
    }
}

#[test]
fn broken_records_are_counted_and_reported() {
    let lines = lines();
    let mut text: String = lines.iter().map(|line| json(line) + "\n").collect();
    text += "{\"meta\": {\"text\": \"cut off\n{}\n";
    let set = ["--set", "corpus.format=jsonl", "--set", "corpus.field=meta.text"];
    let (_, said) = tokens("a.jsonl", text.as_bytes(), &set);
    let (first, all) = (lines.len() + 1, lines.len() + 2);
    assert!(said.contains(&format!("a.jsonl: record {first}, byte ")), "{said}");
    assert!(said.contains(&format!("2 of {all} records are broken and were left out")), "{said}");
    let place = Place::new(PIPELINE);
    place.write("texts/a.jsonl", &text);
    let place_of = format!("record {first}, byte ");
    let strict = [&set[..], &["--set", "corpus.strict=true"]].concat();
    place.run("run", &strict).refused("strict", 3, &["a.jsonl", &place_of, "corpus.strict"]);
    let wrong = [&set[..2], &["--set", "corpus.field=txt"]].concat();
    place.run("run", &wrong).refused("a wrong field", 3, &["none of its", "corpus.field"]);
}

#[test]
fn a_list_replaces_the_inputs() {
    let place = Place::new(PIPELINE);
    let lines = lines();
    place.write("texts/a.txt", lines.join("\n") + "\n");
    place.write("texts/b.txt", "not read\n");
    place.write("list.txt", "texts/a.txt\n");
    place.run("run", &["--until", "vocabulary", "--files-from", "list.txt"]).expect(0);
    let vocabulary = std::fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap();
    assert!(!vocabulary.lines().any(|line| line.starts_with("read\t")), "{vocabulary}");
    let words: usize =
        vocabulary.lines().filter_map(|line| line.split('\t').nth(1)?.parse::<usize>().ok()).sum();
    assert!(words > 1000, "{words}");
    place.run("other", &["--files-from", "nowhere.txt"]).refused(
        "no list",
        3,
        &["nowhere.txt", "reading the list"],
    );
}

#[test]
fn files_of_an_archive_that_are_not_text_are_reported() {
    let place = Place::new(PIPELINE);
    let text = lines().join("\n");
    place.write(
        "texts/a.tar",
        archive(&[("a.txt", &text), ("b.bin", "\0\u{1}"), ("c.txt", "last")]),
    );
    let said = place.run("run", &["--until", "vocabulary"]).expect(0).stderr;
    assert!(
        said.contains("b.bin: it has a NUL") && said.contains("1 of 3 records is broken"),
        "{said}"
    );
    let strict = ["--until", "vocabulary", "--set", "corpus.strict=true"];
    place.run("strict", &strict).refused("strict", 3, &["b.bin", "corpus.strict"]);
}

#[test]
fn a_build_without_parquet_says_so() {
    if cfg!(feature = "parquet") {
        return;
    }
    let place = Place::new(PIPELINE);
    place.write("texts/a.parquet", "PAR1 and more");
    let args = ["--set", "corpus.format=parquet"];
    place.run("run", &args).refused("parquet", 3, &["--features parquet"]);
}

/// These were counted as text, field names and marks included, without a word.
#[test]
fn records_that_are_read_as_lines_are_told_with_the_settings_for_them() {
    let objects = "{\"id\": \"a\", \"body\": \"the old mill\"}\n".repeat(30);
    let wet = "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 9\r\n\r\nthe mill\n\r\n\r\n";
    for (name, bytes, says) in [
        (
            "a.jsonl",
            objects.as_bytes().to_vec(),
            "--set corpus.format=jsonl --set corpus.field=NAME, where NAME is one of id, body",
        ),
        (
            "a.json.gz",
            gzip_of(objects.replace("body", "text").as_bytes()),
            "add --set corpus.format=jsonl",
        ),
        (
            "a.csv",
            b"id,body\n1,the old mill\n".to_vec(),
            "--set corpus.format=csv-column --set corpus.field=NAME, where NAME is one of id, body",
        ),
        ("a.tsv.gz", gzip_of(b"id\ttext\n1\tthe old mill\n"), "add --set corpus.format=tsv-column"),
        (
            "a-pages-articles.xml",
            b"<mediawiki xml:lang=\"en\">\n<page>".to_vec(),
            "--set corpus.format=mediawiki",
        ),
        ("a.warc.wet.gz", gzip_of(wet.as_bytes()), "--set corpus.format=wet"),
    ] {
        let (_, said) = tokens(name, &bytes, &[]);
        assert_eq!(said.matches("it looks like").count(), 1, "{name}: {said}");
        assert!(said.contains(name) && said.contains(says), "{name}: {said}");
        let place = Place::new(PIPELINE);
        place.write(name, &bytes);
        let ended = place.wordmill(&["preview", name]).expect(0);
        assert!(ended.stderr.contains(says), "{name}: {}", ended.stderr);
    }
    let (_, said) = tokens(
        "a.jsonl",
        objects.as_bytes(),
        &["--set", "corpus.format=jsonl", "--set", "corpus.field=body"],
    );
    assert!(!said.contains("it looks like"), "{said}");
    let (_, said) = tokens("a.txt", b"the old mill, once again\n", &[]);
    assert!(!said.contains("it looks like"), "{said}");
    let place = Place::new(PIPELINE);
    place.write("texts/a.parquet", "PAR1 and more");
    let says = ["a.parquet", "a Parquet file", "--set corpus.format=parquet"];
    place.run("run", &[]).refused("parquet", 3, &says);
    place.wordmill(&["preview", "texts/a.parquet"]).refused("preview", 3, &says);
}
