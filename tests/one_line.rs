//! Training in one line: `wordmill train TEXT -o OUT`, and what is said to those who type another program's line.

use std::fs;

use wordmill_formats::{Vectors, Words};

use crate::reading::disk;
use crate::support::{Place, end, kill_when, names};

/// A place with a little text, and a pipeline that must not be read.
fn place() -> Place {
    let place = Place::new("[corpus]\ninputs = [\"not-read\"]\n");
    let sample = place.wordmill(&["sample", "--bytes", "200KB"]).expect(0);
    place.write("text.txt", sample.stdout);
    place
}

/// `wordmill train text.txt -o OUT`, small, with other arguments.
fn train(place: &Place, out: &str, args: &[&str]) -> crate::support::Ended {
    let usual = ["train", "text.txt", "-o", out, "--progress", "none"];
    place.wordmill(&[&usual[..], args].concat())
}

const SMALL: [&str; 4] = ["--dim", "6", "--epochs", "1"];

#[test]
fn one_line_makes_one_file_in_every_format_and_leaves_nothing_else() {
    let place = place();
    for out in ["v.safetensors", "v.bin", "v.vec", "v.fifu", "v.npy"] {
        let ended = train(&place, out, &SMALL).expect(0);
        let said = String::from_utf8(ended.stdout).unwrap();
        assert!(
            said.starts_with("vectors: neighbours\n") && said.ends_with(&format!("{out}\n")),
            "{said}"
        );
        place.wordmill(&["similar", out, "country"]).expect(0);
    }
    let left = names(&place.path(""));
    let expected = [
        "pipeline.toml",
        "text.txt",
        "v.bin",
        "v.fifu",
        "v.npy",
        "v.npy.vocab.txt",
        "v.safetensors",
        "v.vec",
    ];
    assert_eq!(left, expected, "nothing of a run stays");
    // What is there is replaced; through a pipe there is nothing but the vectors.
    train(&place, "v.vec", &["--dim", "3", "--epochs", "1"]).expect(0);
    let text = fs::read_to_string(place.path("v.vec")).unwrap();
    assert!(text.lines().next().unwrap().ends_with(" 3"), "{text}");
    let args = ["--dim", "3", "--epochs", "1", "--format", "word2vec-text"];
    let ended = train(&place, "-", &args).expect(0);
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), text);
    assert!(ended.stderr.contains("vectors: neighbours"), "{}", ended.stderr);
}

#[test]
fn a_text_comes_from_anywhere_that_an_input_does() {
    let place = place();
    let text = fs::read(place.path("text.txt")).unwrap();
    train(&place, "v.vec", &SMALL).expect(0);
    let expected = fs::read(place.path("v.vec")).unwrap();
    place.write("texts/a.txt.zst", zstd::encode_all(&text[..], 1).unwrap());
    for input in ["-", "texts", "texts/*.zst"] {
        let args = ["train", input, "-o", "other.vec", "--progress", "none"];
        end(place.command(&[&args[..], &SMALL].concat()), &text).expect(0);
        assert_eq!(fs::read(place.path("other.vec")).unwrap(), expected, "{input}");
    }
    let args = ["train", "builtin:sample:100KB", "-o", "s.bin", "--progress", "none"];
    let ended = place.wordmill(&[&args[..], &SMALL].concat()).expect(0);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("analogies, % right"));
}

#[test]
fn names_of_other_programs_mean_the_same_settings() {
    let place = place();
    let made = |args: &[&str]| {
        train(&place, "v.safetensors", args).expect(0);
        let vectors = Vectors::open(&disk(), &place.path("v.safetensors")).unwrap();
        (vectors.settings().clone(), vectors.dim(), vectors.words().len())
    };
    let ours =
        ["--model", "cbow", "--dim", "7", "--window", "3", "--epochs", "2", "--negatives", "4"];
    let more = ["--min-count", "4", "--rate", "0.03", "--subsample", "1e-4", "--threads", "2"];
    let expected = made(&[&ours[..], &more].concat());
    assert_eq!((expected.0["model"].as_str(), expected.1), ("cbow", 7));
    let gensim =
        ["--sg", "0", "--vector_size", "7", "--window", "3", "--epochs", "2", "--negative", "4"];
    let more = ["--min_count", "4", "--alpha", "0.03", "--sample", "1e-4", "--workers", "2"];
    assert_eq!(made(&[&gensim[..], &more].concat()), expected);
    let word2vec = [
        "--cbow",
        "1",
        "--hs",
        "0",
        "--size",
        "7",
        "--window",
        "3",
        "--iter",
        "2",
        "--negative",
        "4",
    ];
    let more = ["--min-count", "4", "--alpha", "0.03", "--sample", "1e-4"];
    assert_eq!(made(&[&word2vec[..], &more].concat()), expected);
    let fasttext = ["--cbow", "--dim", "7", "--ws", "3", "--epoch", "2", "--neg", "4"];
    let more =
        ["--minCount", "4", "--lr", "0.03", "--thread", "2", "--set", "train.0.subsample=1e-4"];
    assert_eq!(made(&[&fasttext[..], &more].concat()), expected);
    // A text behind a switch is no value of it.
    let tree = ["train", "--hs", "text.txt", "-o", "hs.safetensors", "--progress", "none"];
    place.wordmill(&[&tree[..], &SMALL].concat()).expect(0);
    let vectors = Vectors::open(&disk(), &place.path("hs.safetensors")).unwrap();
    assert_eq!(vectors.settings()["objective"], "hierarchical-softmax");
    // GloVe's alpha is none of its rates.
    let glove =
        ["--model", "glove", "--alpha", "0.5", "--eta", "0.04", "--x-max", "20", "--iter", "1"];
    let (settings, ..) = made(&glove);
    let of = |key: &str| settings[key].parse::<f64>().unwrap();
    assert_eq!([of("alpha"), of("rate"), of("x_max")], [0.5, 0.04, 20.0]);
    // word2vec's way to say so.
    train(&place, "hs.safetensors", &[&SMALL[..], &["--hs", "1", "--negative", "0"]].concat())
        .expect(0);
}

#[test]
fn a_killed_line_resumes_and_another_line_asks_first() {
    let place = place();
    let line = [
        "train",
        "text.txt",
        "-o",
        "v.vec",
        "--dim",
        "16",
        "--epochs",
        "40",
        "--progress",
        "plain",
    ];
    place.wordmill(&line).expect(0);
    let expected = fs::read(place.path("v.vec")).unwrap();
    fs::remove_file(place.path("v.vec")).unwrap();
    let matrix = place.path("v.vec.run/matrix/index.json");
    assert!(kill_when(place.command(&line), || matrix.exists()), "it ended before it was killed");
    // Something else changed, and the run says what it costs.
    let other = [&line[..4], &["--dim", "5", "--min-count", "3"]].concat();
    let says = ["v.vec.run", "vocabulary.min_count was 5, is 3", "--rebuild"];
    place.wordmill(&other).refused("another line", 2, &says);
    let resumed = place.wordmill(&line).expect(0);
    assert!(!resumed.stderr.contains("tokenize: "), "it begins again: {}", resumed.stderr);
    assert_eq!(fs::read(place.path("v.vec")).unwrap(), expected);
    assert!(!place.path("v.vec.run").exists());
    // A run that is kept is used again.
    train(&place, "k.vec", &[&SMALL[..], &["--keep-run"]].concat()).expect(0);
    assert!(place.path("k.vec.run/run.json").exists());
    place.wordmill(&["status", "k.vec.run"]).expect(0);
    train(&place, "k.vec", &["--dim", "5", "--epochs", "1"]).refused(
        "another dim",
        2,
        &["--rebuild"],
    );
    train(&place, "k.vec", &["--dim", "5", "--epochs", "1", "--rebuild"]).expect(0);
    assert!(!place.path("k.vec.run").exists());
}

#[test]
fn what_could_not_be_written_is_refused_before_anything_is_read() {
    let place = place();
    place.write("t.vec", "a text that ends like vectors\n");
    place.write("mine.bin.run/notes", "not of a run");
    fs::create_dir(place.path("d.bin")).unwrap();
    for (out, args, says) in [
        ("v.txt", &[][..], &["v.txt", "names no format", "--format"][..]),
        ("v.vec.gz", &[], &["v.vec.gz", "packed files are not written", "| gzip"]),
        ("d.bin", &[], &["d.bin"]),
        ("-", &[], &["--format"]),
        ("-", &["--format", "npy"], &["pipe"]),
        ("t.vec", &["t.vec"], &["t.vec", "a text that is read"]),
        ("v.bin", &["."], &["v.bin.run", "among the texts", "--run-dir"]),
        ("mine.bin", &[], &["mine.bin.run", "other files", "--run-dir"]),
        ("v.bin", &["--dim", "0"], &["--dim: train.0.dim: expected a whole number", "found 0"]),
        ("v.bin", &["--window", "300"], &["--window: cooccur.window"]),
        ("v.bin", &["--cbow", "--window", "300"], &["--window: train.0.window"]),
        ("v.bin", &["--model", "glove", "--negatives", "3"], &["--negatives", "not used by GloVe"]),
        ("v.bin", &["--set", "train=[]"], &["one model"]),
        ("v.bin", &["--minn", "3"], &["no subword vectors"]),
        ("v.bin", &["--tokenizer", "bpe"], &["--set corpus.tokenizer=VALUE"]),
        ("v.bin", &["-size", "10"], &["-size", "two dashes", "--size"]),
        ("v.bin", &["-train", "text.txt"], &["-train", "wordmill train TEXT -o"]),
        ("v.bin", &["--train", "text.txt"], &["wordmill train TEXT -o"]),
    ] {
        train(&place, out, args).refused(&format!("{out} {args:?}"), 2, says);
    }
    let left = names(&place.path(""));
    assert_eq!(left, ["mine.bin.run/notes", "pipeline.toml", "t.vec", "text.txt"]);
    train(&place, "v.bin", &["gone.txt"]).refused(
        "gone",
        3,
        &["gone.txt", "there is no such file"],
    );
}

#[test]
fn a_text_instead_of_a_pipeline_gets_the_command_for_it() {
    let place = place();
    let text = fs::read(place.path("text.txt")).unwrap();
    place.write("my text.zst", zstd::encode_all(&text[..], 1).unwrap());
    place.write("objects.jsonl", "{\"text\": \"a b\"}\n");
    train(&place, "v.bin", &[&SMALL[..], &["--keep-run"]].concat()).expect(0);
    let command = "`wordmill train text.txt -o vectors.safetensors`";
    let set = "--set corpus.inputs='[\"text.txt\"]'";
    for (args, says) in [
        (
            &["run", "text.txt"][..],
            &["text.txt: reading the pipeline: this is a text", command, set][..],
        ),
        (&["plan", "text.txt"], &[command, set]),
        (&["preview", "--pipeline", "text.txt"], &[command, set]),
        (&["run", "my text.zst"], &["packed with zstd", "wordmill train 'my text.zst' -o"]),
        (&["run", "objects.jsonl"], &["this is JSON", "corpus.format=jsonl"]),
        (&["run", "v.bin"], &["a file of vectors", "wordmill similar v.bin"]),
        (&["run", "v.bin.run"], &["a run directory", "wordmill status v.bin.run"]),
        (&["run", "-"], &["wordmill train - -o"]),
    ] {
        place.wordmill(args).refused(&format!("{args:?}"), 2, says);
    }
    // A pipeline with a mistake is one.
    place.write("broken", "[cooccur]\nwindow = \n");
    place.wordmill(&["run", "broken"]).refused("broken", 2, &["broken:2: not TOML"]);
    fs::remove_file(place.path("pipeline.toml")).unwrap();
    let ended = place.wordmill(&["run", "--until", "tokenize"]).expect(0);
    assert!(ended.stderr.contains("no pipeline.toml here"), "{}", ended.stderr);
    let sets = ["run", "--until", "tokenize", "--run-dir", "r", "--set", "corpus.inputs=text.txt"];
    let ended = place.wordmill(&sets).expect(0);
    assert!(!ended.stderr.contains("no pipeline.toml here"), "{}", ended.stderr);
    for (args, says) in [
        (&["run", "--vector-size", "9"][..], "--set train.0.dim=VALUE"),
        (&["plan", "--min-count", "9"], "--set vocabulary.min_count=VALUE"),
    ] {
        place.wordmill(args).refused("a flag of others", 2, &[says]);
    }
}
