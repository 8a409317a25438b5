//! What goes wrong from outside: settings that cannot be followed, texts that are none, files of a
//! run that are damaged. Each has an exit code and a message that names the culprit; nothing panics,
//! and what can be rebuilt from whole files is rebuilt with the same bytes.

use std::io::Write;
use std::process::Stdio;

use crate::support::{
    Dice, Ended, Place, Tree, artefacts, assert_same, end, tiny, tiny_artefacts, wait_until,
};

/// A small pipeline over the file `text`.
const ONE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["text"]
[vocabulary]
min_count = 1
[cooccur]
window = 3
subsample = 0.0
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
negatives = 1
"#;
const GOOD: &[u8] = b"the cat sat on the mat\nthe dog sat on the cat\nthe mat and the dog\n";

/// A run of [`ONE`] with this text and these arguments ends with this code and says these words.
fn check(what: &str, text: &[u8], args: &[&str], code: i32, says: &[&str]) {
    let place = Place::new(ONE);
    place.write("text", text);
    place.write("empty/.hidden", "");
    place.run("run", args).refused(what, code, says);
}

#[test]
fn texts_that_are_none_are_refused() {
    let long = GOOD.repeat(2000);
    let gzip = gzip(&long);
    let zstd = zstd::stream::encode_all(&long[..], 1).unwrap();
    let mut flipped = gzip.clone();
    flipped[gzip.len() / 2] ^= 0x10;
    let nul = [GOOD, b"\0", GOOD].concat();
    let utf16: Vec<u8> = "\u{feff}the cat".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("an empty file", b"", &["no word"]),
        ("a file of line ends", b"\n\n\n", &["no word"]),
        ("a file of marks", b". , ; !\n", &["no word"]),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0", &["text", "a program"]),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &["text", "PNG"]),
        ("a text with a NUL", &nul, &["text", "NUL at byte 66"]),
        ("a file packed with xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4", &["text", "xz", "unpack"]),
        ("UTF-16", &utf16, &["text", "UTF-16", "convert"]),
        ("half a gzip file", &gzip[..gzip.len() / 2], &["text", "cut off"]),
        ("a damaged gzip file", &flipped, &["text", "damaged"]),
        ("half a zstd file", &zstd[..zstd.len() / 2], &["text", "cut off"]),
    ];
    for (what, text, says) in cases {
        check(what, text, &[], 3, says);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn inputs_that_are_not_there_are_refused() {
    let cases: &[(&str, i32, &[&str])] = &[
        ("corpus.inputs=['missing.txt']", 3, &["missing.txt", "no such file", "corpus.inputs"]),
        ("corpus.inputs=['empty']", 3, &["empty", "no file in the folder"]),
        ("corpus.inputs=['*.txt']", 3, &["*.txt", "no file matches"]),
        ("corpus.inputs=['builtin:novel']", 2, &["builtin:novel", "builtin:sample"]),
        ("corpus.inputs=['text', 'text']", 2, &["text", "twice"]),
        ("corpus.inputs=[]", 2, &["corpus.inputs", "no input"]),
    ];
    for (set, code, says) in cases {
        check(set, GOOD, &["--set", set], *code, says);
    }
    check("rare words", GOOD, &["--set", "vocabulary.min_count=9"], 2, &["min_count", "\"the\""]);
    check("lonely words", b"one\ntwo\nthree\n", &[], 3, &["pair"]);
}

#[test]
fn settings_that_cannot_be_followed_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("cooccur.windw=3", &["--set cooccur.windw", "did you mean \"window\""]),
        ("cooccurr.window=3", &["cooccurr", "did you mean \"cooccur\""]),
        ("train.1.dim=3", &["train.1.dim", "train.0"]),
        ("train.0.x_max=3", &["train.0.x_max", "only by GloVe"]),
        ("train.0.dim=0", &["train.0.dim", "from 1"]),
        ("train.0.dim=eight", &["train.0.dim", "whole number", "eight"]),
        ("train.0.dim=1.5", &["train.0.dim", "whole number"]),
        ("train.0.epochs=0", &["train.0.epochs", "from 1"]),
        ("train.0.rate=nan", &["train.0.rate", "above 0"]),
        ("train.0.rate=inf", &["train.0.rate", "above 0"]),
        ("train.0.rate=-0.1", &["train.0.rate", "above 0"]),
        ("train.0.negatives=100000", &["train.0.negatives", "to 1000"]),
        ("train.0.name=a/b", &["train.0.name", "a/b"]),
        ("train.0.optimizer=adamm", &["train.0.optimizer", "adam"]),
        ("train.0.init=old", &["old", "opening", "No such file"]),
        ("train.0.freeze=old", &["old", "opening", "No such file"]),
        ("cooccur.window=0", &["cooccur.window", "1 to 255"]),
        ("cooccur.window=256", &["cooccur.window", "1 to 255"]),
        ("cooccur.symmetric=3", &["cooccur.symmetric", "true or false"]),
        ("vocabulary.min_count=-1", &["vocabulary.min_count", "from 1"]),
        ("tiles.grid=257", &["tiles.grid", "0 to 256"]),
        ("run.memory=1MiB", &["run.memory", "32 MiB"]),
        ("run.memory=lots", &["run.memory", "lots"]),
        ("corpus.chunk_bytes=0", &["corpus.chunk_bytes", "64 bytes"]),
        ("window", &["--set window", "KEY=VALUE"]),
    ];
    for (set, says) in cases {
        check(set, GOOD, &["--set", set], 2, says);
    }
    let twice = "train=[{name='a'},{name='A'}]";
    check(twice, GOOD, &["--set", twice], 2, &["another trainer"]);
    check("a flag", GOOD, &["--vectorsize", "3"], 2, &["--vectorsize"]);
    check("a stage", GOOD, &["--until", "sort"], 2, &["--until", "sort", "tokenize"]);
    check("memory", GOOD, &["--memory", "1MiB"], 2, &["--memory", "32 MiB"]);
}

#[test]
fn pipelines_that_are_none_are_refused() {
    let place = Place::new("[corpus\n");
    place.run("run", &[]).refused("not TOML", 2, &["pipeline.toml:1", "TOML"]);
    let missing = place.wordmill(&["run", "missing.toml"]);
    missing.refused("no file", 2, &["missing.toml", "wordmill init"]);
    let place = Place::new("[corpus]\ninputs = [\"text\"]\n\n[vocabulary]\nmin_cuont = 2\n");
    let says = ["pipeline.toml:5", "did you mean \"min_count\""];
    place.run("run", &[]).refused("a key", 2, &says);
    let place = Place::new(ONE);
    let mut command = place.run_command("run", &[]);
    command.env("WORDMILL__COOCCUR__WINDW", "2");
    end(command, &[]).refused("a variable", 2, &["WORDMILL__COOCCUR__WINDW"]);
    let mut command = place.run_command("run", &[]);
    command.env("WORDMILL_KERNEL", "mmx");
    end(command, &[]).refused("kernels", 2, &["WORDMILL_KERNEL", "mmx", "scalar"]);
}

#[test]
fn a_model_that_does_not_fit_is_refused() {
    let sample = "corpus.inputs=builtin:sample:300KB";
    let small = ["--memory", "32MiB", "--set", sample];
    let says = ["tokenizing", "--memory", "lower corpus.chunk_bytes"];
    check("chunks of 4 MiB", b"", &small, 5, &says);
    let chunk = "corpus.chunk_bytes=1MiB";
    let whole = ["--set", chunk, "--set", "train.0.dim=10000", "--set", "tiles.grid=1"];
    let args = [&small[..], &whole].concat();
    let says = ["the model of sgns", "--memory", "tiles.grid", "train.dim of sgns"];
    check("a model of dimension 10000", b"", &args, 5, &says);
}

#[test]
fn a_rate_that_is_too_high_is_told() {
    let glove = "train=[{name='wild',model='glove',dim=4,rate=10.0,epochs=50}]";
    let sample = "corpus.inputs=builtin:sample:300KB";
    let says = ["wild", "diverged", "lower the rate"];
    check("diverging", b"", &["--set", glove, "--set", sample], 6, &says);
}

#[test]
fn a_run_directory_that_is_a_file_is_refused() {
    let place = Place::new(ONE);
    place.write("text", GOOD);
    place.run("text", &[]).refused("a file", 2, &["text", "creating the run directory"]);
    place.run("text/run", &[]).refused("below a file", 2, &["text/run"]);
}

/// A run of [`ONE`] with this text succeeds and says these words.
fn check_works(what: &str, text: &[u8], args: &[&str], says: &[&str]) -> Place {
    let place = Place::new(ONE);
    place.write("text", text);
    let done = place.run("run", args).expect(0);
    for words in says {
        assert!(done.stderr.contains(words), "{what}: {words:?} is not in:\n{}", done.stderr);
    }
    place
}

fn vocabulary(place: &Place) -> String {
    std::fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap()
}

#[test]
fn lines_that_are_not_utf8_are_replaced_skipped_or_refused() {
    let text = [GOOD, b"the c\xfft sat\n", GOOD].concat();
    let set = |value: &str| format!("corpus.invalid_utf8={value}");
    let says = ["1 line is not UTF-8", "replaced"];
    let place = check_works("replace", &text, &["--set", &set("replace")], &says);
    assert!(vocabulary(&place).starts_with("the\t13\n"));
    let says = ["1 line is not UTF-8", "skipped"];
    let place = check_works("skip", &text, &["--set", &set("skip")], &says);
    assert!(vocabulary(&place).starts_with("the\t12\n"));
    let says = ["text", "byte 71", "corpus.invalid_utf8"];
    check("fail", &text, &["--set", &set("fail")], 3, &says);
}

#[test]
fn words_longer_than_a_mebibyte_are_left_out_and_told() {
    let long = [GOOD, &b"a".repeat(1_000_000), b" ", &b"b".repeat(3_000_000), b" end\n"].concat();
    let says = ["left out as longer than 1 MiB: 1 word", "3000000 bytes"];
    let place = check_works("long words", &long, &[], &says);
    let words = vocabulary(&place);
    assert!(words.lines().any(|line| line.len() == 1_000_002), "the word of a megabyte is there");
    assert!(!words.contains("bb") && words.contains("end\t1\n"));
}

/// The highest resident memory of any stage, from the ledger.
fn peak_bytes(place: &Place) -> u64 {
    let json = std::fs::read(place.path("run/run.json")).unwrap();
    let ledger: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let stages = ledger["stages"].as_array().unwrap().iter();
    stages.map(|row| row["peak_bytes"].as_u64().unwrap()).max().unwrap()
}

#[test]
fn a_line_of_20_megabytes_keeps_to_the_memory() {
    let mut text = Place::new("").wordmill(&["sample", "--bytes", "20MB"]).expect(0).stdout;
    text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    let place = check_works("a long line", &text, &["--until", "merge"], &[]);
    // The budget of 64 MiB, and 32 MiB for the program, its stacks and mapped files.
    let peak = peak_bytes(&place);
    assert!(peak < 96 << 20, "{peak} bytes");
}

/// The finished tiny run with some files changed.
pub fn damaged(change: impl Fn(&mut Tree)) -> Place {
    let place = Place::new(crate::support::TINY);
    let mut files = tiny().clone();
    change(&mut files);
    place.put_tree("run", &files);
    place
}

fn truncate(name: &str) -> impl Fn(&mut Tree) {
    move |files| {
        let bytes = files.get_mut(name).unwrap_or_else(|| panic!("{name} is not there"));
        bytes.truncate(bytes.len() * 2 / 3);
    }
}

fn flip(name: &str, at: u64) -> impl Fn(&mut Tree) {
    move |files| {
        let bytes = files.get_mut(name).unwrap_or_else(|| panic!("{name} is not there"));
        let at = at as usize % (8 * bytes.len());
        bytes[at / 8] ^= 1 << (at % 8);
    }
}

/// One file of each kind that a finished run holds.
const KINDS: &[&str] = &[
    "tokens/shard-00000-00002.tok",
    "tokens/shard-00000-00002.words",
    "tokens/index.json",
    "vocab/vocabulary.tsv",
    "vocab/vocabulary.safetensors",
    "vocab/remap-00000-00002.bin",
    "matrix/rows-00002",
    "matrix/index.json",
    "tiles/stripe-002.tiles",
    "vectors/sgns.safetensors",
    "vectors/hs.safetensors",
    "vectors/glove.safetensors",
];

/// The full names of [`KINDS`].
fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| {
        let name = tiny().keys().find(|name| name.starts_with(kind));
        name.unwrap_or_else(|| panic!("{kind} is not there")).as_str()
    })
}

/// What is said on either stream.
pub fn said(done: &Ended) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned() + &done.stderr
}

fn check_verify(what: &str, place: &Place, name: &str) {
    let done = place.wordmill(&["verify", "run"]);
    let said = said(&done);
    assert_eq!(done.code(), Some(4), "{what}: {said}");
    assert!(said.contains(name) && !said.contains("panicked"), "{what}: {said}");
}

#[test]
fn verify_finds_every_damaged_file() {
    damaged(|_| ()).wordmill(&["verify", "run"]).expect(0);
    let mut dice = Dice(7);
    for name in kinds() {
        check_verify(&format!("{name} cut off"), &damaged(truncate(name)), name);
        let gone = damaged(|files| drop(files.remove(name)));
        check_verify(&format!("{name} removed"), &gone, name);
        for _ in 0..3 {
            let bit = dice.roll(1 << 31);
            check_verify(
                &format!("{name} with bit {bit} flipped"),
                &damaged(flip(name, bit)),
                name,
            );
        }
    }
    check_verify("run.json cut off", &damaged(truncate("run.json")), "run.json");
}

#[test]
fn a_run_replaces_files_that_are_cut_off_or_gone() {
    for name in kinds() {
        let gone = damaged(|files| drop(files.remove(name)));
        for (what, place) in [("cut off", damaged(truncate(name))), ("removed", gone)] {
            let made = place.made("run", &[]);
            assert_same(&format!("{name} {what}"), &tiny_artefacts(), &made);
        }
    }
}

#[test]
fn a_ledger_that_is_none_is_told() {
    let place = damaged(truncate("run.json"));
    place.run("run", &[]).refused("half a ledger", 4, &["run.json", "damaged"]);
    let place = damaged(|files| drop(files.insert("run.json".into(), b"[]".to_vec())));
    place.run("run", &[]).refused("another JSON", 4, &["run.json"]);
    let place = damaged(|files| drop(files.remove("run.json")));
    assert_same("no ledger", &tiny_artefacts(), &place.made("run", &[]));
}

/// A file with a flipped bit and those made from it missing: the run ends with 4 and names the
/// file; when that is deleted the next run makes the same bytes.
fn check_flipped(name: &str, bit: u64, made_from_it: &str) {
    let place = damaged(|files| {
        flip(name, bit)(files);
        files.retain(|name, _| !name.starts_with(made_from_it));
    });
    let what = format!("{name} with bit {bit} flipped");
    let done = place.run("run", &[]);
    if done.code() == Some(0) {
        // It was made anew, or nothing that is read was hit.
        let found = artefacts(&place.path("run"));
        let mut expected = tiny_artefacts();
        if found[name] != expected[name] {
            flip(name, bit)(&mut expected);
        }
        return assert_same(&what, &expected, &found);
    }
    done.refused(&what, 4, &[name]);
    std::fs::remove_file(place.path("run").join(name)).unwrap();
    assert_same(&what, &tiny_artefacts(), &place.made("run", &[]));
}

#[test]
fn a_flipped_bit_never_reaches_what_is_made_from_it() {
    let made_from = [
        ("tokens/shard-00000-00002.tok", "matrix/"),
        ("tokens/shard-00000-00002.words", "vocab/"),
        ("vocab/remap-00000-00002.bin", "matrix/"),
        ("vocab/vocabulary.safetensors", "vectors/"),
        ("matrix/rows-00002", "tiles/"),
        ("matrix/rows-00002", "vectors/hs"),
        ("matrix/index.json", "tiles/"),
        ("tiles/stripe-002.tiles", "vectors/sgns"),
        ("tiles/stripe-002.tiles", "vectors/glove"),
    ];
    let mut dice = Dice(3);
    for (kind, made) in made_from {
        let name = kinds().find(|name| name.starts_with(kind)).unwrap();
        for _ in 0..3 {
            check_flipped(name, dice.roll(1 << 31), made);
        }
    }
}

#[test]
fn queries_refuse_damaged_vectors() {
    let name = "vectors/sgns.safetensors";
    let whole = &tiny()[name];
    let header = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    let cut = |bytes: usize| whole[..bytes].to_vec();
    let token_shard = tiny()["tokens/shard-00000-00000.tok"].clone();
    let files = [
        ("empty", Vec::new()),
        ("seven bytes", cut(7)),
        ("half a header", cut(300)),
        ("half a file", cut(whole.len() / 2)),
        ("a byte short", cut(whole.len() - 1)),
        ("a header without end", header),
        ("no JSON", [&2u64.to_le_bytes()[..], b"{]"].concat()),
        ("no tensors", [&2u64.to_le_bytes()[..], b"{}"].concat()),
        ("a token shard", token_shard),
        ("a matrix", tiny()[kinds().find(|name| name.starts_with("matrix")).unwrap()].clone()),
        ("a text", GOOD.to_vec()),
    ];
    let place = Place::new("");
    for (what, bytes) in files {
        place.write("v.safetensors", bytes);
        let file = "v.safetensors";
        for args in [
            &["similar", file, "the"][..],
            &["vector", file, "the"],
            &["analogy", file, "a", "b", "c"],
            &["eval", file],
            &["export", file, "out", "--format", "glove"],
        ] {
            place.wordmill(args).refused(&format!("{what}, {}", args[0]), 4, &[file]);
        }
        // Whole files of another kind are none of these two's business.
        if !["a token shard", "a matrix", "no tensors"].contains(&what) {
            place.wordmill(&["info", file]).refused(&format!("{what}, info"), 4, &[file]);
            let done = place.wordmill(&["verify", file]);
            assert_eq!(done.code(), Some(4), "{what}, verify: {}", said(&done));
        }
    }
    place.wordmill(&["similar", "gone", "the"]).refused("no file", 2, &["gone"]);
}

#[test]
fn unknown_words_are_refused_with_close_spellings() {
    let place = damaged(|_| ());
    let file = "run/vectors/sgns.safetensors";
    let words = String::from_utf8(tiny()["vocab/vocabulary.tsv"].clone()).unwrap();
    let mut words = words.lines().filter_map(|line| line.split('\t').next());
    let known = words.find(|word| word.len() >= 7).unwrap();
    let slip = format!("{known}q");
    let says = ["sgns.safetensors", &slip, "spelled alike: ", known];
    place.wordmill(&["similar", file, &slip]).refused("a slip", 2, &says);
    place.wordmill(&["vector", file, "the", &slip]).refused("a slip", 2, &says);
    place.wordmill(&["analogy", file, "the", "of", &slip]).refused("a slip", 2, &says);
    place.wordmill(&["similar", file, &known.to_uppercase()]).expect(0);
}

/// The command ends with 0 when nobody reads what it writes.
fn check_closed(place: &Place, args: &[&str]) {
    let mut child = place.command(args).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let status = wait_until(&mut child, |_| ());
    assert_eq!(status.code(), Some(0), "{args:?}: {status}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = damaged(|_| ());
    check_closed(&place, &["sample", "--bytes", "5MB"]);
    check_closed(&place, &["similar", "run/vectors/sgns.safetensors", "the", "-n", "100000"]);
    check_closed(&place, &["info", "run/vectors/sgns.safetensors"]);
    check_closed(&place, &["eval", "run/vectors/sgns.safetensors"]);
}
