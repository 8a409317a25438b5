//! Vectors of other programs: the output of `export` comes back by `convert` bit for bit, from any format
//! to any other; files that are damaged or of another kind are refused without leaving a file behind.

use std::path::Path;

use wordmill_formats::{Vectors, Words};

use crate::reading::disk;
use crate::support::{Place, tiny};

const FORMATS: [&str; 3] = ["word2vec", "word2vec-text", "glove"];

/// A place with the vectors of the tiny run, `ours.safetensors`, and exports of them.
fn place() -> Place {
    let place = Place::new("");
    place.write("ours.safetensors", &tiny()["vectors/sgns.safetensors"]);
    for format in FORMATS {
        let out = format!("{format}.out");
        place.wordmill(&["export", "ours.safetensors", &out, "--format", format]).expect(0);
    }
    place
}

fn read(path: &Path) -> Vectors {
    let vectors = Vectors::open(&disk(), path).unwrap();
    vectors.verify().unwrap();
    vectors
}

#[test]
fn vectors_come_back_from_every_format() {
    let place = place();
    let ours = read(&place.path("ours.safetensors"));
    for format in FORMATS {
        let (input, out) = (format!("{format}.out"), format!("{format}.safetensors"));
        let ended = place.wordmill(&["convert", &input, &out]).expect(0);
        let said = String::from_utf8(ended.stdout).unwrap();
        assert!(said.contains("their counts are not known"), "{said}");
        let back = read(&place.path(&out));
        assert!(back.word_vectors() == ours.word_vectors(), "{format}: other numbers");
        assert_eq!(back.words().len(), ours.words().len());
        for id in 0..ours.words().len() {
            assert_eq!(back.words().word(id), ours.words().word(id));
        }
        assert!(back.words().counts().iter().all(|&count| count == 0));
        assert_eq!(back.settings()["counts"], "unknown");
        let word = ours.words().text(3).into_owned();
        place.wordmill(&["similar", &out, &word]).expect(0);
        // It is unknown whether its text was lowercased.
        place.wordmill(&["similar", &out, &word.to_uppercase()]).expect(0);
    }
}

#[test]
fn any_format_becomes_any_other() {
    let place = place();
    let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
    for from in
        FORMATS.map(|format| format!("{format}.out")).iter().chain([&"ours.safetensors".to_owned()])
    {
        for to in FORMATS {
            place.wordmill(&["convert", from, "made", "--format", to]).expect(0);
            assert!(bytes("made") == bytes(&format!("{to}.out")), "{from} to {to}");
        }
    }
    place.wordmill(&["convert", "ours.safetensors", "copy.safetensors"]).expect(0);
    assert!(bytes("copy.safetensors") == bytes("ours.safetensors"));
    place.wordmill(&["convert", "glove.out", "made.bin"]).expect(0);
    assert!(bytes("made.bin") == bytes("word2vec.out"));
    place.wordmill(&["convert", "glove.out", "made.vec"]).expect(0);
    assert!(bytes("made.vec") == bytes("word2vec-text.out"));
    let left = crate::support::names(&place.path(""));
    assert!(left.iter().all(|name| !name.contains("partial")), "{left:?}");
}

/// An array of two rows and three columns.
fn array() -> Vec<u8> {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    let numbers = [1f32, -0.5, 1e-3, 0.25, 3e7, 0.0].map(f32::to_le_bytes);
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), numbers.as_flattened()].concat()
}

#[test]
fn arrays_bring_their_words_and_counts() {
    let place = Place::new("");
    place.write("a.npy", array());
    place.wordmill(&["convert", "a.npy", "a.vec"]).refused("no words", 4, &["a.npy.vocab.txt"]);
    place.write("a.npy.vocab.txt", "the 9\nof 5\n");
    place.wordmill(&["convert", "a.npy", "a.vec"]).expect(0);
    let text = std::fs::read_to_string(place.path("a.vec")).unwrap();
    assert_eq!(text, "2 3\nthe 1 -0.5 0.001\nof 0.25 30000000 0\n");
    place.wordmill(&["convert", "a.npy", "a.safetensors"]).expect(0);
    assert_eq!(read(&place.path("a.safetensors")).words().counts(), [9, 5]);
}

#[test]
fn info_knows_files_of_other_programs() {
    let place = place();
    place.write("a.npy", array());
    for (file, says) in [
        ("word2vec.out", "word2vec's binary format"),
        ("word2vec-text.out", "word2vec's text format"),
        ("glove.out", "GloVe's text format"),
        ("a.npy", "an array of NumPy"),
    ] {
        let ended = place.wordmill(&["info", file]).expect(0);
        let said = String::from_utf8(ended.stdout).unwrap();
        assert!(said.contains(says) && said.contains("dim: "), "{file}: {said}");
    }
}

#[test]
fn files_that_are_cut_off_are_refused_and_leave_nothing() {
    let place = place();
    place.write("array.out", array());
    place.write("cut.vocab.txt", "the\nof\n");
    for name in FORMATS.into_iter().chain(["array", "ours"]) {
        let ending = if name == "ours" { "safetensors" } else { "out" };
        let whole = std::fs::read(place.path(&format!("{name}.{ending}"))).unwrap();
        for cut in [9, whole.len() / 2, whole.len() - 3] {
            place.write("cut", &whole[..cut]);
            let what = format!("{name} cut at {cut}");
            for to in ["new.safetensors", "new.bin"] {
                place.wordmill(&["convert", "cut", to]).refused(&what, 4, &["cut: "]);
                let left = crate::support::names(&place.path(""));
                assert!(left.iter().all(|name| !name.starts_with("new")), "{what}: {left:?}");
            }
        }
    }
}

#[test]
fn slips_are_distinguished_from_damage() {
    let place = place();
    let check = |args: &[&str], code: i32, says: &[&str]| {
        let args: Vec<&str> = ["convert"].iter().chain(args).copied().collect();
        place.wordmill(&args).refused(&format!("{args:?}"), code, says);
    };
    check(&["glove.out", "made.txt"], 2, &["made.txt", "word2vec-text, glove"]);
    check(&["glove.out", "made.bin", "--format", "csv"], 2, &["csv", "choose safetensors"]);
    check(&["glove.out", "glove.out", "--format", "glove"], 2, &["glove.out", "name another"]);
    check(&["missing", "made.bin"], 2, &["missing", "check the path"]);
    for (name, text, says) in [
        ("prose", "the cat sat on the mat\n", "not vectors of another program"),
        ("counts", "the 9\nof 5\n", "not vectors of another program"),
        ("nan", "the 1 2\nof nan 1\n", "byte 8: line 2: number 1 is not finite"),
        ("twice", "the 1 2\nof 1 2\nthe 3 4\n", "is in rows 1 and 3"),
        ("spaces", "New York 1 2\n", "not vectors"),
    ] {
        place.write(name, text);
        check(&[name, "made.bin"], 4, &[name, says]);
    }
    place.write("vocabulary", &tiny()["vocab/vocabulary.safetensors"]);
    check(&["vocabulary", "made.bin"], 4, &["not a vectors file"]);
    place.write("wide", "1 1\na\u{2003}b 1\n");
    check(&["wide", "made.bin"], 2, &["white space", "choose another format"]);
}

/// Words, counts and numbers of a vectors file.
fn content(path: &Path) -> (Vec<String>, Vec<u64>, Vec<f32>) {
    let vectors = read(path);
    let words = vectors.words();
    let text = (0..words.len()).map(|id| words.text(id).into_owned());
    (text.collect(), words.counts().to_vec(), vectors.word_vectors().to_vec())
}

fn check_near(found: &[f32], expected: &[f32], dim: usize, share: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.chunks(dim).zip(expected.chunks(dim)) {
        let most = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let far = found.iter().zip(expected).any(|(x, y)| (x - y).abs() > share * most);
        assert!(!far, "{what}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn smaller_numbers_come_back_as_near_as_they_can() {
    let place = place();
    let (words, counts, numbers) = content(&place.path("ours.safetensors"));
    // Half a step: 1/2048 of a number as f16, 1/254 of the greatest of a row as int8.
    for (format, dtype, share) in [
        ("arrow", "f32", 0.0),
        ("parquet", "f32", 0.0),
        ("finalfusion", "f32", 2e-7),
        ("npy", "f32", 0.0),
        ("npy", "f16", 1.0 / 2048.0),
        ("safetensors", "f32", 0.0),
        ("safetensors", "f16", 1.0 / 2048.0),
        ("safetensors", "int8", 1.001 / 254.0),
    ] {
        let what = format!("{format} {dtype}");
        if matches!(format, "arrow" | "parquet") && !cfg!(feature = "parquet") {
            continue;
        }
        let args = ["export", "ours.safetensors", "small", "--format", format, "--dtype", dtype];
        let said = String::from_utf8(place.wordmill(&args).expect(0).stdout).unwrap();
        assert_eq!(said.contains("loss: a row's cosine"), dtype != "f32", "{said}");
        place.wordmill(&["info", "small"]).expect(0);
        place.wordmill(&["convert", "small", "back.safetensors"]).expect(0);
        let back = content(&place.path("back.safetensors"));
        let known = format != "finalfusion";
        assert_eq!((&back.0, back.1 == counts), (&words, known), "{what}");
        check_near(&back.2, &numbers, 8, share, &what);
        place.wordmill(&["similar", "back.safetensors", &words[3]]).expect(0);
    }
    let args = ["export", "ours.safetensors", "no", "--format", "glove", "--dtype", "int8"];
    place.wordmill(&args).refused("int8", 2, &["glove cannot store int8", "safetensors can"]);
    let args =
        ["export", "ours.safetensors", "few.safetensors", "--format", "safetensors", "--top", "9"];
    place.wordmill(&args).expect(0);
    assert_eq!(content(&place.path("few.safetensors")).0, words[..9]);
}

#[test]
fn words_with_spaces_are_refused_or_joined() {
    let place = Place::new("");
    place.write("a.npy", array());
    place.write("a.npy.vocab.txt", "New\u{2003}York 9\nof 5\n");
    place.wordmill(&["convert", "a.npy", "a.safetensors"]).expect(0);
    let export = |format: &str, spaces: &str| {
        place.wordmill(&["export", "a.safetensors", "out", "--format", format, "--spaces", spaces])
    };
    export("glove", "refuse").refused("a space", 2, &["white space", "--spaces underscore"]);
    export("npy", "refuse").refused("a space", 2, &["white space"]);
    export("glove", "underscore").expect(0);
    let text = std::fs::read_to_string(place.path("out")).unwrap();
    assert!(text.starts_with("New_York 1 -0.5 0.001\n"), "{text}");
    // finalfusion supports any word.
    export("finalfusion", "refuse").expect(0);
    place.wordmill(&["convert", "out", "b.safetensors"]).expect(0);
    assert_eq!(content(&place.path("b.safetensors")).0, ["New\u{2003}York", "of"]);
    place.write("a.npy.vocab.txt", "New\u{2003}York 9\nNew_York 5\n");
    place.wordmill(&["convert", "a.npy", "a.safetensors"]).expect(0);
    export("glove", "underscore").refused("two of them", 2, &["turns two words into \"New_York\""]);
}

#[test]
fn the_projector_gets_a_folder() {
    let place = place();
    let args = ["export", "ours.safetensors", "p", "--format", "projector", "--top", "5"];
    place.wordmill(&args).expect(0);
    let read = |name: &str| std::fs::read_to_string(place.path(&format!("p/{name}"))).unwrap();
    let (words, counts, numbers) = content(&place.path("ours.safetensors"));
    let mut metadata = "word\tcount\n".to_owned();
    (0..5).for_each(|id| metadata += &format!("{}\t{}\n", words[id], counts[id]));
    assert_eq!(read("metadata.tsv"), metadata);
    let found: Vec<f32> =
        read("tensors.tsv").split_whitespace().map(|text| text.parse().unwrap()).collect();
    assert_eq!(found, numbers[..40]);
    assert_eq!(read("tensors.tsv").lines().count(), 5);
    let json: serde_json::Value = serde_json::from_str(&read("projector_config.json")).unwrap();
    assert_eq!(json["embeddings"][0]["tensorShape"], serde_json::json!([5, 8]));
    assert!(read("projector_config.pbtxt").contains("metadata.tsv"));
}

#[test]
fn a_build_without_tables_says_so() {
    if cfg!(feature = "parquet") {
        return;
    }
    let place = place();
    for (format, magic) in [("arrow", "ARROW1\0\0"), ("parquet", "PAR1")] {
        let says = "--features parquet";
        place.wordmill(&["export", "ours.safetensors", "t", "--format", format]).refused(
            format,
            2,
            &[says],
        );
        place.write("t", format!("{magic}{}", "x".repeat(100)));
        place.wordmill(&["convert", "t", "t.safetensors"]).refused(format, 4, &[says]);
        place.wordmill(&["info", "t"]).refused(format, 4, &[says]);
    }
}
