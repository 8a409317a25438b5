//! Training that starts from vectors, with words that never move, and going on from finished vectors.

use wordmill_formats::{Vectors, Words};

use crate::reading::disk;
use crate::support::{Ended, Place, Tree, assert_same, kill_when, names};

const PIPELINE: &str = r#"
[run]
memory = "256MiB"
threads = 2
[corpus]
inputs = ["builtin:sample:300KB"]
chunk_bytes = "32KiB"
[vocabulary]
min_count = 3
[cooccur]
window = 3
[[train]]
name = "sgns"
dim = 8
epochs = 3
rotations = 2
negatives = 2
"#;
/// Trainers of every kind that start from a file and have frozen words.
const STARTED: &str = r#"
[[train]]
name = "hs"
objective = "hierarchical-softmax"
dim = 8
epochs = 2
init = "old.bin"
freeze = "frozen"
[[train]]
name = "glove"
model = "glove"
dim = 8
epochs = 2
init = "old.bin"
freeze = "frozen"
[[train]]
name = "cbow"
model = "cbow"
dim = 8
epochs = 2
held_out = 0.05
init = "old.bin"
freeze = "frozen"
[[train]]
name = "windows"
source = "windows"
dim = 8
epochs = 2
init = "old.bin"
freeze = "frozen"
"#;
const NAMES: [&str; 4] = ["hs", "glove", "cbow", "windows"];

fn vectors(place: &Place, path: &str) -> Vectors {
    let vectors = Vectors::open(&disk(), &place.path(path)).unwrap();
    vectors.verify().unwrap();
    vectors
}

/// A finished run of [`PIPELINE`], made once.
fn old() -> &'static Tree {
    static MADE: std::sync::OnceLock<Tree> = std::sync::OnceLock::new();
    MADE.get_or_init(|| Place::new(PIPELINE).made("old", &[]))
}

/// A place with the old vectors as `old.bin` and some of their words in `frozen`.
fn place(pipeline: &str) -> Place {
    let place = Place::new(pipeline);
    place.put_tree("old", old());
    let export = ["export", "old/vectors/sgns.safetensors", "old.bin", "--format", "word2vec"];
    place.wordmill(&export).expect(0);
    place.write("frozen", words(&place, 5).join("\n") + "\nno-such-word\n");
    place
}

/// Every so many words of the old vectors.
fn words(place: &Place, step: usize) -> Vec<String> {
    let vectors = vectors(place, "old/vectors/sgns.safetensors");
    (0..vectors.words().len()).step_by(step).map(|id| vectors.words().text(id).into()).collect()
}

fn started() -> Place {
    place(&(PIPELINE.to_owned() + STARTED))
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn frozen_words_are_those_of_the_file_to_the_bit_and_all_of_it_is_told() {
    let place = started();
    let done = place.run("run", &[]).expect(0);
    let old = vectors(&place, "old/vectors/sgns.safetensors");
    let frozen = words(&place, 5);
    let (all, some) = (old.words().len(), frozen.len());
    for name in NAMES {
        let found = vectors(&place, &format!("run/vectors/{name}.safetensors"));
        let mut moved = 0;
        for id in 0..all {
            let same = bits(found.word_vector(id)) == bits(old.word_vector(id));
            let is_frozen = frozen.iter().any(|word| *word == old.words().text(id));
            assert!(same || !is_frozen, "{name}: {}", old.words().text(id));
            moved += usize::from(!same);
        }
        assert!(moved > (all - some) * 9 / 10, "{name}: {moved} of {all} have moved");
        assert_eq!(found.settings()["init_words"], all.to_string());
        assert_eq!(found.settings()["frozen_words"], some.to_string());
        assert!(found.settings()["init"].contains("xxh3"), "not where it lay");
        for says in [
            format!(
                "train {name}: {all} of {all} words begin as in old.bin (word vectors only), 0 as usual"
            ),
            format!(
                "train {name}: frozen are {some} words; lines that are no word of the vocabulary: 1"
            ),
        ] {
            assert!(done.stderr.contains(&says), "{says:?} is not in {}", done.stderr);
        }
    }
    let ledger = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    assert_eq!(ledger.matches("\"init_words\"").count(), 4, "{ledger}");
    let left = names(&place.path("run/models"));
    assert!(left.iter().all(|name| name.ends_with("metrics.jsonl")), "{left:?}");
    place.wordmill(&["verify", "run"]).expect(0);
    place.wordmill(&["plan", "pipeline.toml"]).expect(0);
}

#[test]
fn bytes_do_not_depend_on_threads_memory_or_interruptions() {
    let expected = started().made("run", &[]);
    for args in [["--threads", "1"], ["--threads", "3"], ["--threads", "8"], ["--memory", "48MiB"]]
    {
        assert_same(&format!("{args:?}"), &expected, &started().made("run", &args));
    }
    for name in NAMES {
        let place = started();
        let point = format!("models/{name}/checkpoint-");
        let seen = || names(&place.path("run")).iter().any(|it| it.starts_with(&point));
        kill_when(place.run_command("run", &[]), seen);
        assert_same(&format!("killed at {point}"), &expected, &place.made("run", &[]));
    }
}

#[test]
fn every_format_gives_the_same_vectors() {
    let pipeline = |file: &str| {
        format!("{PIPELINE}init = \"{file}\"\nfreeze = \"frozen\"\n")
            .replace("epochs = 3", "epochs = 1")
    };
    let mut expected = None;
    for (file, format) in [
        ("v.bin", "word2vec"),
        ("v.txt", "word2vec-text"),
        ("v.vec", "fasttext-vec"),
        ("g.txt", "glove"),
        ("v.npy", "npy"),
        ("v.safetensors", "safetensors"),
    ] {
        let place = place(&pipeline(file));
        let old = "old/vectors/sgns.safetensors";
        place.wordmill(&["export", old, file, "--format", format]).expect(0);
        place.run("run", &[]).expect(0);
        let found = bits(vectors(&place, "run/vectors/sgns.safetensors").word_vectors());
        assert_eq!(*expected.get_or_insert(found.clone()), found, "{format}");
    }
    // Smaller numbers are other numbers, and are read.
    for (file, more) in [
        ("v.fifu", &["--format", "finalfusion"][..]),
        ("i8.safetensors", &["--format", "safetensors", "--dtype", "int8"]),
    ] {
        let place = place(&pipeline(file));
        let export = ["export", "old/vectors/sgns.safetensors", file];
        place.wordmill(&[&export[..], more].concat()).expect(0);
        let done = place.run("run", &[]).expect(0);
        assert!(done.stderr.contains(&format!("begin as in {file}")), "{}", done.stderr);
    }
}

#[test]
fn packed_files_give_the_same_vectors_and_bad_rows_are_counted() {
    let pipeline =
        |more: &str| format!("{PIPELINE}init = \"v\"\n{more}").replace("epochs = 3", "epochs = 1");
    let made = |more: &str, bytes: &[u8]| {
        let place = place(&pipeline(more));
        place.write("v", bytes);
        let done = place.run("run", &[]).expect(0);
        (vectors(&place, "run/vectors/sgns.safetensors"), done.stderr, place)
    };
    let whole = place(PIPELINE);
    let export = ["export", "old/vectors/sgns.safetensors", "g.txt", "--format", "glove"];
    whole.wordmill(&export).expect(0);
    let text = std::fs::read(whole.path("g.txt")).unwrap();
    let (expected, ..) = made("", &text);
    let (found, said, _place) = made("", &zstd::encode_all(&text[..], 1).unwrap());
    assert_eq!(bits(found.word_vectors()), bits(expected.word_vectors()));
    assert!(said.contains("unpacked with zstd"), "{said}");
    // A mark at the beginning, a row twice, and one of no text.
    let first = text.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let row = [b"caf\xe9", &b" 1".repeat(8)[..], b"\n"].concat();
    let bad = [b"\xef\xbb\xbf", &text[..], &text[..first], &row].concat();
    let place = place(&pipeline(""));
    place.write("v", &bad);
    let says = ["v: ", "is in an earlier row", "init_bad_rows = \"skip\""];
    place.run("run", &["--set", "train.0.init_bad_rows=refuse"]).refused("bad rows", 4, &says);
    let (found, said, _place) = made("init_bad_rows = \"skip\"\n", &bad);
    assert_eq!(bits(found.word_vectors()), bits(expected.word_vectors()));
    assert!(
        said.contains("rows left out: 1 with a word that an earlier row has, 1 with"),
        "{said}"
    );
    assert_eq!(found.settings()["init_rows_left_out"], "2");
}

#[test]
fn a_mark_at_the_beginning_of_a_list_of_frozen_words_is_no_part_of_the_first() {
    let place =
        place(&format!("{PIPELINE}freeze = \"frozen\"\n").replace("epochs = 3", "epochs = 1"));
    place.write("frozen", format!("\u{feff}{}", words(&place, 50)[1]));
    let done = place.run("run", &[]).expect(0);
    assert!(done.stderr.contains("train sgns: frozen are 1 word"), "{}", done.stderr);
}

/// A run is refused with these words.
fn check(what: &str, place: &Place, args: &[&str], code: i32, says: &[&str]) {
    place.run("run", args).refused(what, code, says);
}

#[test]
fn files_that_do_not_fit_are_refused_before_anything_is_done() {
    let set = |key: &str, value: &str| format!("train.0.{key}={value}");
    let place = place(PIPELINE);
    let cut = std::fs::read(place.path("old.bin")).unwrap();
    place.write("cut.bin", &cut[..cut.len() - 100]);
    place.write("prose", "once upon a time\nthere was a king\n");
    place.write("other", "qqq 1 2 3 4 5 6 7 8\nzzz 1 2 3 4 5 6 7 8\n");
    place.write("empty", "");
    let pipe = std::process::Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(pipe.unwrap().success());
    place.write("run/vectors/sgns.safetensors", &old()["vectors/sgns.safetensors"]);
    for (key, value, code, says) in [
        ("init", "gone.bin", 2, &["gone.bin", "opening", "check the path"][..]),
        ("init", "prose", 4, &["prose", "not vectors"]),
        ("init", "empty", 4, &["empty", "not vectors"]),
        ("init", "cut.bin", 4, &["cut.bin", "the file ends early"]),
        ("init", "old/vectors", 2, &["old/vectors"]),
        ("init", "other", 2, &["other", "none of the"]),
        ("init", "", 2, &["train.0.init", "{ trainer = \"NAME\" }"]),
        ("init", "{trainer='sgns'}", 2, &["train.0.init.trainer", "this is the first one"]),
        ("init", "{fil='x'}", 2, &["train.0.init"]),
        ("init", "run/vectors/sgns.safetensors", 2, &["sgns.safetensors", "another name"]),
        ("init_bad_rows", "skip", 2, &["init_bad_rows", "only used with init"]),
        ("init", "pipe", 2, &["pipe", "read more than once", "write it to a file"]),
        ("freeze", "pipe", 2, &["pipe", "read more than once", "write it to a file"]),
        ("init", "-", 2, &["-: init of sgns", "read more than once"]),
        ("freeze", "gone", 2, &["gone", "opening"]),
        ("freeze", "empty", 2, &["empty", "no word in it"]),
        ("freeze", "prose", 2, &["prose", "none of its 2 lines"]),
        ("freeze", "old.bin", 4, &["old.bin", "not a list of words"]),
    ] {
        check(&format!("{key}={value}"), &place, &["--set", &set(key, value)], code, says);
    }
    let args = ["--set", "train.0.init=old.bin", "--set", "train.0.dim=9"];
    let says = ["old.bin", "have 8 numbers", "dim of sgns is 9", "set dim = 8"];
    let fresh = self::place(PIPELINE);
    check("another length", &fresh, &args, 2, &says);
    assert!(!fresh.path("run/tokens").exists(), "it was told before the text was read");
}

#[test]
fn a_changed_file_makes_its_stage_stale_and_a_moved_one_does_not() {
    let place = started();
    place.run("run", &[]).expect(0);
    std::fs::rename(place.path("old.bin"), place.path("moved.bin")).unwrap();
    let moved: Vec<String> = (1..5).map(|at| format!("train.{at}.init=moved.bin")).collect();
    let sets: Vec<&str> = moved.iter().flat_map(|set| ["--set", set.as_str()]).collect();
    let vectors = std::fs::metadata(place.path("run/vectors/hs.safetensors")).unwrap();
    place.run("run", &sets).expect(0);
    let still = std::fs::metadata(place.path("run/vectors/hs.safetensors")).unwrap();
    assert_eq!(vectors.modified().unwrap(), still.modified().unwrap());
    place.write("frozen", words(&place, 7).join("\n"));
    let says = ["train.glove.freeze was ", ", is ", "(stage train:glove)", "--rebuild"];
    place.run("run", &sets).refused("another list", 2, &says);
    place.run("run", &[&sets[..], &["--rebuild"]].concat()).expect(0);
}

fn stderr_of(done: Ended) -> String {
    done.stderr
}

#[test]
fn training_goes_on_from_finished_vectors() {
    let place = Place::new(PIPELINE);
    place.run("run", &[]).expect(0);
    let first = vectors(&place, "run/vectors/sgns.safetensors");
    // Who asks for more epochs is told how.
    let more = ["--set", "train.0.epochs=5"];
    let says = ["epochs was 3, is 5", "init = { trainer = \"sgns\" }, epochs = 2"];
    place.run("run", &more).refused("more epochs", 2, &says);
    let table = "[[train]]\nname = \"more\"\ninit = { trainer = \"sgns\" }\ndim = 8\nepochs = 2\n\
                 rotations = 2\nnegatives = 2\nrate = 0.02\n";
    place.write("pipeline.toml", PIPELINE.to_owned() + table);
    let said = stderr_of(place.run("run", &[]).expect(0));
    assert!(said.contains("(word vectors and contexts), 0 as usual"), "{said}");
    assert!(!said.contains("train sgns:"), "the first stays as it is: {said}");
    let made = vectors(&place, "run/vectors/more.safetensors");
    assert_ne!(made.word_vectors(), first.word_vectors());
    let losses = |name: &str| -> Vec<f64> {
        let text = std::fs::read_to_string(place.path(&format!("run/models/{name}/metrics.jsonl")));
        let text = text.unwrap();
        let rows = text.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
        rows.map(|row| row["loss"].as_f64().unwrap()).collect()
    };
    assert!(losses("more")[0] < losses("sgns")[0], "it goes on where the first ended");
    // The same in one go, and a change of the first is one of the second.
    let whole = Place::new(&(PIPELINE.to_owned() + table));
    let expected = whole.made("run", &[]);
    assert_same("one by one", &expected, &crate::support::artefacts(&place.path("run")));
    let says = ["train.sgns.rate was", "train:more"];
    place.run("run", &["--set", "train.0.rate=0.03"]).refused("a change", 2, &says);
    let args = ["--set", "train.0.rate=0.03", "--rebuild"];
    let rebuilt = place.made("run", &args);
    assert_same("rebuilt", &whole.made("other", &args[..2]), &rebuilt);
    for (set, says) in [
        ("train.1.init={trainer='sgn'}", "did you mean \"sgns\""),
        ("train.1.init={trainer='more'}", "before this one there are sgns"),
        ("train.1.dim=9", "the vectors of sgns have 8 numbers, dim here is 9"),
    ] {
        place.run("run", &["--set", set]).refused(set, 2, &[says]);
    }
}

#[test]
fn a_file_that_changes_under_a_run_is_told() {
    let late = format!(
        "{PIPELINE}on_epoch = \"echo x >> frozen\"\n[[train]]\nname = \"late\"\ndim = 8\nfreeze = \"frozen\"\n"
    );
    let place = place(&late);
    place.run("run", &[]).refused(
        "a list that grows",
        2,
        &["frozen", "changed since this run began"],
    );
    // The next run takes it as it is.
    place.run("run", &[]).expect(0);
}
