//! Vectors of other programs: what `export` writes comes back by `convert` bit for bit, from any format to
//! any other, and what is damaged or something else is refused and leaves no file behind.

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
fn slips_are_told_apart_from_damage() {
    let place = place();
    let check = |args: &[&str], code: i32, says: &[&str]| {
        let args: Vec<&str> = ["convert"].iter().chain(args).copied().collect();
        place.wordmill(&args).refused(&format!("{args:?}"), code, says);
    };
    check(&["glove.out", "made.txt"], 2, &["made.txt", "word2vec-text or glove"]);
    check(&["glove.out", "made.bin", "--format", "npy"], 2, &["npy", "choose safetensors"]);
    check(&["glove.out", "glove.out", "--format", "glove"], 2, &["glove.out", "name another"]);
    check(&["missing", "made.bin"], 2, &["missing", "check the path"]);
    for (name, text, says) in [
        ("prose", "the cat sat on the mat\n", "not vectors of another program"),
        ("counts", "the 9\nof 5\n", "not vectors of another program"),
        ("nan", "the 1 2\nof nan 1\n", "byte 8: line 2: number 1 is not finite"),
        ("twice", "the 1 2\nof 1 2\nthe 3 4\n", "stands in the rows 1 and 3"),
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
