//! `wordmill import-counts`: counts of another program become the same matrix as those of text,
//! whatever their order and form; errors name the line or record; an interrupted import never looks
//! finished.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use wordmill_formats::{Vectors, Words};

use crate::reading::{disk, read_matrix};
use crate::support::{
    Dice, Ended, Place, TINY, Tree, artefacts, assert_same, end, kill_when, names, tiny,
};

/// A pair of words, and their weight.
type Pair = (usize, usize, f64);

/// Ids from 0 as records of GloVe.
fn records(pairs: &[Pair]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(row, column, weight) in pairs {
        out.extend_from_slice(&(row as i32 + 1).to_le_bytes());
        out.extend_from_slice(&(column as i32 + 1).to_le_bytes());
        out.extend_from_slice(&weight.to_le_bytes());
    }
    out
}

/// The same as lines of text.
fn triples(words: &[&str], pairs: &[Pair]) -> String {
    let line =
        |&(row, column, weight): &Pair| format!("{} {}\t{weight}\n", words[row], words[column]);
    pairs.iter().map(line).collect()
}

/// A place with the finished tiny run and its matrix in GloVe's format.
fn exported() -> Place {
    let place = Place::new(TINY);
    place.put_tree("run", tiny());
    place.wordmill(&["matrix", "run", "--format", "glove", "counts"]).expect(0);
    place
}

fn import(place: &Place, dir: &str, args: &[&str]) -> Ended {
    place.wordmill(&[&["import-counts"], args, &[dir]].concat())
}

/// Imports, and returns the artefacts.
fn imported(place: &Place, dir: &str, vocab: &str, counts: &str, args: &[&str]) -> Tree {
    import(place, dir, &[&[vocab, counts], args].concat()).expect(0);
    artefacts(&place.path(dir))
}

#[test]
fn an_exported_matrix_comes_back_and_is_trained() {
    let place = exported();
    let done = import(&place, "back", &["counts.vocab.txt", "counts"]).expect(0);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains("1/12") && said.contains("the matrix is symmetric"), "{said}");
    let ((unit, cells), (other, back)) =
        (read_matrix(&place.path("run")), read_matrix(&place.path("back")));
    assert_eq!((unit, other), (12, 12), "a third a sample");
    assert_eq!(cells, back);
    let tsv = "vocab/vocabulary.tsv";
    assert!(tiny()[tsv] == std::fs::read(place.path("back").join(tsv)).unwrap());
    let done = place.run("back", &[]).expect(0);
    let says = "counts were imported here; [corpus], [vocabulary] and [cooccur] do not apply";
    assert!(done.stderr.contains(says), "{}", done.stderr);
    for name in ["sgns", "hs", "glove"] {
        let open = |run: &str| {
            let path = place.path(&format!("{run}/vectors/{name}.safetensors"));
            Vectors::open(&disk(), &path).unwrap()
        };
        let (text, counts) = (open("run"), open("back"));
        assert_eq!((text.words().len(), text.dim()), (counts.words().len(), counts.dim()));
        counts.verify().unwrap();
    }
    place.wordmill(&["verify", "back"]).expect(0);
    // And exported again, the same bytes.
    place.wordmill(&["matrix", "back", "--format", "glove", "again"]).expect(0);
    assert!(
        std::fs::read(place.path("counts")).unwrap() == std::fs::read(place.path("again")).unwrap()
    );
    let files = artefacts(&place.path("back"));
    place.run("back", &[]).expect(0);
    assert_same("a second run", &files, &artefacts(&place.path("back")));
}

/// The words with their counts and the pairs of the tiny run, as its export has them.
fn counted(place: &Place) -> (Vec<(String, u64)>, Vec<Pair>) {
    let text = std::fs::read_to_string(place.path("counts.vocab.txt")).unwrap();
    let line = |line: &str| {
        let (word, count) = line.split_once(' ').unwrap();
        (word.to_owned(), count.parse().unwrap())
    };
    let bytes = std::fs::read(place.path("counts")).unwrap();
    let record = |record: &[u8]| {
        let id =
            |at: usize| i32::from_le_bytes(record[at..at + 4].try_into().unwrap()) as usize - 1;
        (id(0), id(4), f64::from_le_bytes(record[8..].try_into().unwrap()))
    };
    (text.lines().map(line).collect(), bytes.chunks(16).map(record).collect())
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut dice = Dice(seed);
    (1..items.len()).for_each(|at| items.swap(at, dice.roll(at as u64 + 1) as usize));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn order_form_packing_and_memory_make_no_difference() {
    let place = exported();
    let expected = imported(&place, "a", "counts.vocab.txt", "counts", &[]);
    let (listed, mut pairs) = counted(&place);
    shuffle(&mut pairs, 3);
    place.write("shuffled", records(&pairs));
    let words: Vec<&str> = listed.iter().map(|(word, _)| word.as_str()).collect();
    let text = triples(&words, &pairs);
    place.write("text", &text);
    place.write("text.gz", gzip(text.as_bytes()));
    place.write("packed", zstd::stream::encode_all(&records(&pairs)[..], 1).unwrap());
    place.write("marked", [b"\xef\xbb\xbf", text.replace('\n', "\r\n").as_bytes()].concat());
    for (at, counts) in ["shuffled", "text", "text.gz", "packed", "marked"].iter().enumerate() {
        let dir = format!("form-{at}");
        let made = imported(&place, &dir, "counts.vocab.txt", counts, &["--threads", "1"]);
        assert_same(counts, &expected, &made);
    }
    let small = ["--memory", "32MiB", "--threads", "3"];
    let made = imported(&place, "small", "run/vocab/vocabulary.tsv", "shuffled", &small);
    assert_same("the words of a run, little memory", &expected, &made);
    // Another order of words with equal counts, and the ids to match.
    let mut order: Vec<usize> = (0..listed.len()).collect();
    shuffle(&mut order, 5);
    order.sort_by_key(|line| std::cmp::Reverse(listed[*line].1));
    let mut numbers = vec![0; order.len()];
    order.iter().enumerate().for_each(|(number, line)| numbers[*line] = number);
    assert!(numbers.iter().enumerate().any(|(line, number)| line != *number));
    let lines = order.iter().map(|line| format!("{} {}\n", listed[*line].0, listed[*line].1));
    place.write("ties.txt", lines.collect::<String>());
    let pairs: Vec<Pair> = pairs.iter().map(|(a, b, w)| (numbers[*a], numbers[*b], *w)).collect();
    place.write("ties", records(&pairs));
    assert_same("ties", &expected, &imported(&place, "ties.run", "ties.txt", "ties", &[]));
}

const WORDS: &str = "the 9\nsat 3\ncat 3\nmat 1\n";

#[test]
fn pairs_that_occur_twice_are_added() {
    let place = Place::new(TINY);
    place.write("vocab", WORDS);
    let (third, pairs) = (1.0 / 3.0, [(0, 2, 0.5), (2, 1, 1.0), (0, 2, 0.25), (2, 1, 2.0)]);
    let pairs = [&pairs[..], &[(3, 3, third), (3, 3, third), (3, 3, third)]].concat();
    place.write("counts", records(&pairs));
    let done = import(&place, "run", &["vocab", "counts"]).expect(0);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains("7 counts of 4 words made 3 cells of weight 4.75"), "{said}");
    assert!(said.contains("not symmetric") && said.contains("1/12"), "{said}");
    // Ids here break ties by bytes: cat is 1, sat is 2. The diagonal is not doubled.
    let expected = BTreeMap::from([((0, 1), 9), ((1, 2), 36), ((3, 3), 12)]);
    assert_eq!(read_matrix(&place.path("run")), (12, expected));
    let vocabulary = std::fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap();
    assert_eq!(vocabulary, "the\t9\ncat\t3\nsat\t3\nmat\t1\n");
}

#[test]
fn weights_that_are_no_fractions_are_rounded_and_reported() {
    let place = Place::new(TINY);
    place.write("vocab", WORDS);
    place.write("counts", "the cat 1e-6\nthe sat 3.14159265\n");
    let done = import(&place, "run", &["vocab", "counts"]).expect(0);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains("1/232792560") && said.contains("1 weights are off"), "{said}");
    assert!(said.contains("8.9e-4"), "{said}");
}

/// An import of these files must end with 3 and this message; nothing there looks finished.
fn check_refused(what: &str, vocab: &[u8], counts: &[u8], says: &[&str]) {
    let place = Place::new(TINY);
    place.write("vocab", vocab);
    place.write("counts", counts);
    import(&place, "run", &["vocab", "counts"]).refused(what, 3, says);
    check_unfinished(what, &place);
}

/// Checks that an interrupted import provides neither a run nor a matrix.
fn check_unfinished(what: &str, place: &Place) {
    let says = ["run", "import-counts VOCAB COUNTS run"];
    place.run("run", &[]).refused(what, 2, &says);
    place.wordmill(&["plan", "pipeline.toml", "--run-dir", "run"]).refused(what, 2, &says);
    let matrix = place.wordmill(&["matrix", "run", "--format", "npz", "out"]);
    matrix.refused(what, 2, &says);
    let left = names(&place.path(""));
    assert!(!left.iter().any(|name| name.contains("vectors/") || name == "out"), "{left:?}");
}

#[test]
fn vocabularies_that_are_none_are_refused_by_line() {
    let counts = records(&[(0, 0, 1.0)]);
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("nothing", b"", &["vocab", "line 1", "no word"]),
        ("no count", b"the 5\ncat\n", &["vocab", "line 2", "a word and its count"]),
        ("an empty line", b"the 5\n\ncat 3\n", &["vocab", "line 2"]),
        ("no word", b" 5\n", &["vocab", "line 1", "a word and its count"]),
        ("three fields", b"new york 5\n", &["vocab", "line 1", "a word and its count"]),
        ("a count in words", b"the five\n", &["vocab", "line 1", "\"five\" is not a count"]),
        ("a count of 0", b"the 0\n", &["vocab", "line 1", "\"0\" is not a count"]),
        ("a negative count", b"the 5\ncat -3\n", &["vocab", "line 2", "\"-3\" is not a count"]),
        ("a word twice", b"the 5\ncat 3\nthe 2\n", &["line 3", "\"the\" is on line 1 too"]),
        ("counts that rise", b"the 5\ncat 7\n", &["vocab", "line 2", "larger", "sort"]),
        ("large counts", b"a 18446744073709551615\nb 1\n", &["line 2", "more than 64 bits"]),
        ("bad bytes", b"the 5\nc\xfft 3\n", &["vocab", "line 2", "UTF-8"]),
        ("records", &records(&[(0, 0, 1.0)]), &["vocab", "NUL"]),
    ];
    for (what, vocab, says) in cases {
        check_refused(what, vocab, &counts, says);
    }
}

#[test]
fn records_that_are_none_are_refused_by_number() {
    let good: &[Pair] = &[(0, 1, 1.0), (1, 0, 0.5)];
    let with = |pair: Pair| records(&[good, &[pair]].concat());
    let cut = [&records(good)[..], b"\x01\0\0\0\x01"].concat();
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("a record cut off", cut, &["counts", "record 3", "ends in the middle"]),
        ("an id too large", with((4, 0, 1.0)), &["record 3", "word 5", "words 1 to 4"]),
        ("an id of 0", with((0, usize::MAX, 1.0)), &["record 3", "word 0", "1 to 4"]),
        ("a negative id", with((usize::MAX - 1, 0, 1.0)), &["record 3", "word -1", "1 to 4"]),
        ("not a number", with((0, 0, f64::NAN)), &["record 3", "not a number"]),
        ("infinity", with((0, 0, f64::INFINITY)), &["record 3", "infinite"]),
        ("a negative weight", with((0, 0, -1.0)), &["record 3", "negative"]),
        ("a weight of 0", with((0, 0, 0.0)), &["record 3", "its weight is 0"]),
        ("a tiny weight", with((0, 0, 1e-12)), &["record 3", "1e-12", "rounds to nothing"]),
        ("a huge weight", with((0, 0, 1e30)), &["record 3", "1e30", "64 bits"]),
        ("a huge sum", records(&[(0, 0, 1e19), (0, 1, 1e19)]), &["record 2", "sum", "64 bits"]),
        ("other words", records(&[(900, 900, 1.0)]), &["record 1", "word 901"]),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), &["counts", "PNG"]),
    ];
    for (what, counts, says) in cases {
        check_refused(what, WORDS.as_bytes(), counts, says);
    }
}

#[test]
fn triples_that_are_none_are_refused_by_line() {
    let packed = gzip("the cat 1\n".repeat(5000).as_bytes());
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("nothing", b"", &["counts", "no count"]),
        ("two fields", b"the cat 1\nthe cat\n", &["counts", "line 2", "a weight"]),
        ("four fields", b"the cat 1 2\n", &["line 1", "a weight"]),
        ("an unknown word", b"the dog 1\n", &["line 1", "\"dog\" is not in VOCAB"]),
        ("an unknown first word", b"dog the 1\n", &["line 1", "\"dog\" is not in VOCAB"]),
        ("a weight in words", b"the cat one\n", &["line 1", "\"one\" is not a number"]),
        ("not a number", b"the cat 1\nthe cat nan\n", &["line 2", "not a number"]),
        ("infinity", b"the cat inf\n", &["line 1", "infinite"]),
        ("a negative weight", b"the cat -0.5\n", &["line 1", "negative"]),
        ("a weight of 0", b"the cat 0\n", &["line 1", "its weight is 0"]),
        ("half a packed file", &packed[..packed.len() / 2], &["counts", "cut off"]),
    ];
    for (what, counts, says) in cases {
        check_refused(what, WORDS.as_bytes(), counts, says);
    }
}

/// Each of these was blamed for a NUL, for its first record or for `corpus.inputs`.
#[test]
fn files_of_another_kind_are_named_with_what_is_taken() {
    let counts = records(&[(0, 0, 1.0)]);
    let takes_counts = "COUNTS is cooccurrence.bin of GloVe";
    let takes_words = "VOCAB is vocab.txt of GloVe";
    let zip = [&b"PK\x03\x04"[..], &[0; 22], &[8, 0, 0, 0], b"data.npy"].concat();
    let binary = [&b"2 2\n"[..], b"the ", &[0; 8], b"\ncat ", &[1; 8], b"\n"].concat();
    let tensors = b"\x02\0\0\0\0\0\0\0{}".to_vec();
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("npz", zip, "an npz archive of NumPy"),
        ("mtx", b"%%MatrixMarket matrix coordinate real general\n".to_vec(), "MatrixMarket"),
        ("vectors", binary, "word2vec's binary format"),
        ("text vectors", b"2 3\nthe 1 2 3\ncat 1 2 3\n".to_vec(), "word2vec's text format"),
        ("safetensors", tensors, "a safetensors file"),
    ];
    for (what, bytes, says) in cases {
        check_refused(what, WORDS.as_bytes(), &bytes, &["counts", says, takes_counts]);
        check_refused(what, &bytes, &counts, &["vocab", says, takes_words]);
    }
}

#[test]
fn files_that_are_not_there_leave_no_directory() {
    let place = Place::new(TINY);
    place.write("vocab", WORDS);
    import(&place, "run", &["vocab", "gone"]).refused("no counts", 3, &["gone", "opening"]);
    import(&place, "run", &["gone", "vocab"]).refused("no words", 3, &["gone", "opening"]);
    assert_eq!(names(&place.path("")), ["pipeline.toml", "vocab"]);
}

#[test]
fn a_directory_with_something_else_is_refused() {
    let place = exported();
    let files = ["counts.vocab.txt", "counts"];
    let before = crate::support::tree(&place.path("run"));
    import(&place, "run", &files).refused("a run of text", 2, &["run", "a run of text", "new"]);
    let without_ledger = |name: &String| name != "run.json" && !name.starts_with("spill");
    let shards: Tree = before.clone().into_iter().filter(|(n, _)| without_ledger(n)).collect();
    place.put_tree("shards", &shards);
    import(&place, "shards", &files).refused("token shards", 2, &["shards", "a run of text"]);
    assert_same("refused", &before, &crate::support::tree(&place.path("run")));
    import(&place, "back", &files).expect(0);
    let done = import(&place, "back", &files).expect(0);
    assert!(String::from_utf8(done.stdout).unwrap().contains("have been imported before"));
    place.write("other", "the and 1\n");
    let says = ["back", "other files", "import.counts was", "new"];
    import(&place, "back", &["counts.vocab.txt", "other"]).refused("other counts", 2, &says);
    let says = ["no stage is called \"merge\"", "shuffle"];
    place.run("back", &["--until", "merge"]).refused("a stage of text", 2, &says);
}

#[test]
fn status_plan_and_verify_know_an_import() {
    let place = exported();
    import(&place, "back", &["counts.vocab.txt", "counts"]).expect(0);
    let said = |args: &[&str]| String::from_utf8(place.wordmill(args).expect(0).stdout).unwrap();
    let status = said(&["status", "back"]);
    assert!(status.contains("import           done") && status.contains("symmetric 1"), "{status}");
    assert!(
        status.contains("shuffle          waiting") && !status.contains("tokenize"),
        "{status}"
    );
    let plan = said(&["plan", "pipeline.toml", "--run-dir", "back"]);
    assert!(plan.contains("counts were imported into back"), "{plan}");
    assert!(plan.contains("train:glove") && !plan.contains("tokenize  "), "{plan}");
    assert!(said(&["verify", "back"]).contains("back: whole"));
    let shard = names(&place.path("back/matrix")).pop().unwrap();
    let name = format!("back/matrix/{shard}");
    let whole = std::fs::read(place.path(&name)).unwrap();
    let mut flipped = whole.clone();
    *flipped.iter_mut().nth_back(1).unwrap() ^= 1;
    place.write(&name, flipped);
    place.wordmill(&["verify", "back"]).refused("a flipped bit", 4, &[&shard]);
    place.run("back", &[]).refused("a flipped bit", 4, &[&shard]);
    std::fs::remove_file(place.path(&name)).unwrap();
    place.wordmill(&["verify", "back"]).refused("no shard", 4, &[&shard]);
    place.run("back", &[]).refused("no shard", 4, &[&shard, "import-counts VOCAB COUNTS back"]);
    import(&place, "back", &["counts.vocab.txt", "counts"]).expect(0);
    assert!(std::fs::read(place.path(&name)).unwrap() == whole);
    place.run("back", &[]).expect(0);
}

/// Random counts that take a while to import.
fn many(place: &Place) {
    let line = |word: usize| format!("w{word} {}\n", 5000 - word);
    place.write("vocab", (0..3000).map(line).collect::<String>());
    let mut dice = Dice(9);
    let mut word = || {
        let most = 1 + dice.roll(3000);
        dice.roll(most) as usize
    };
    let pairs: Vec<Pair> = (0..600_000).map(|at| (word(), word(), f64::from(1 + at % 9))).collect();
    place.write("counts", records(&pairs));
}

#[test]
fn an_import_that_was_killed_never_looks_finished_and_goes_on() {
    let place = Place::new(TINY);
    many(&place);
    let expected = imported(&place, "whole", "vocab", "counts", &[]);
    let points = ["vocab/", "vocab/vocabulary.tsv", "spill/", "matrix/rows-00001"];
    for point in points {
        let command = || place.command(&["import-counts", "vocab", "counts", "run"]);
        let has = || names(&place.path("run")).iter().any(|name| name.starts_with(point));
        // A machine may be so busy that a file comes and goes unseen.
        let killed = (0..10).any(|_| {
            let _ = std::fs::remove_dir_all(place.path("run"));
            kill_when(command(), has)
        });
        assert!(killed, "{point}: never seen");
        check_unfinished(point, &place);
        import(&place, "run", &["vocab", "counts"]).expect(0);
        assert_same(point, &expected, &artefacts(&place.path("run")));
    }
}

#[test]
fn an_import_on_a_full_disk_says_so_and_goes_on() {
    let place = Place::new(TINY);
    many(&place);
    let expected = imported(&place, "whole", "vocab", "counts", &[]);
    for limit in ["40", "200", "800"] {
        let _ = std::fs::remove_dir_all(place.path("run"));
        let program = place.command(&["import-counts", "vocab", "counts", "run"]);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", limit]);
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(place.path("")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        end(command, &[]).refused(limit, 5, &["writing", "run"]);
        check_unfinished(limit, &place);
        import(&place, "run", &["vocab", "counts"]).expect(0);
        assert_same(limit, &expected, &artefacts(&place.path("run")));
    }
}
