//! `corpus.duplicate_lines = "drop"`: the result for a text is that for the same text without its repeated lines,
//! whatever the input and the cuts, and nothing is rebuilt without notice.

use std::collections::HashSet;

use crate::support::{Dice, Place, artefacts, assert_same, end, names, same_however_it_is_run};

const PIPELINE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["text.txt"]
chunk_bytes = "8KiB"
[vocabulary]
min_count = 1
[cooccur]
window = 3
subsample = 0
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
[[train]]
name = "cbow"
model = "cbow"
dim = 4
epochs = 1
"#;
const DROP: [&str; 2] = ["--set", "corpus.duplicate_lines=drop"];

/// Lines of one to many words in any case, many of which repeat an earlier one; some are longer than a chunk.
fn lines() -> Vec<String> {
    let mut dice = Dice(11);
    let mut line = |words: u64| {
        let word = |_| format!("word{}", dice.roll(40) * dice.roll(40));
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    };
    let mut pool: Vec<String> = (0..400).map(|n| line(1 + n % 12)).collect();
    pool.extend((0..4).map(|_| line(2_500)));
    let mut dice = Dice(12);
    let mut pick = || {
        let line = &pool[dice.roll(pool.len() as u64) as usize];
        if dice.roll(3) == 0 { line.to_uppercase() + " . " } else { line.clone() }
    };
    (0..700).map(|_| pick()).collect()
}

/// The same without those whose words occurred before.
fn without_repeats(lines: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let words = |line: &String| line.trim_end_matches(" . ").to_lowercase();
    lines.iter().filter(|line| seen.insert(words(line))).cloned().collect()
}

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    DROP.iter().chain(more).copied().collect()
}

/// Vocabulary, matrix and vectors of a run, as texts that do not depend on how they were made.
fn results(place: &Place, dir: &str) -> [Vec<u8>; 3] {
    place.wordmill(&["verify", dir]).expect(0);
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    let (matrix, vectors) = (format!("{dir}.mtx"), format!("{dir}.txt"));
    place.wordmill(&["matrix", dir, &matrix, "--format", "mtx"]).expect(0);
    let cbow = format!("{dir}/vectors/cbow.safetensors");
    place.wordmill(&["export", &cbow, &vectors, "--format", "word2vec-text"]).expect(0);
    [read(&format!("{dir}/vocab/vocabulary.tsv")), read(&matrix), read(&vectors)]
}

#[test]
fn results_are_those_of_the_text_without_repeats() {
    let place = Place::new(PIPELINE);
    let lines = lines();
    let expected = without_repeats(&lines);
    let repeats = lines.len() - expected.len();
    assert!(repeats > 200, "{repeats}");
    place.write("text.txt", lines.join("\n") + "\n");
    let ended = place.run("run", &DROP).expect(0);
    let says = format!("repeating an earlier line: {repeats} of {} lines, ", lines.len());
    assert!(ended.stderr.contains(&says), "{says} is not in {}", ended.stderr);
    let ledger = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(ledger.contains(&format!("\"dropped_lines\": {repeats}")), "{ledger}");
    let left = names(&place.path("run/dedup"));
    assert!(left.iter().all(|name| name.starts_with("shard-") || name == "index.json"), "{left:?}");
    place.write("text.txt", expected.join("\n") + "\n");
    place.run("bare", &[]).expect(0);
    let [found, expected] = [results(&place, "run"), results(&place, "bare")];
    // The matrix does not depend on where shards end, but the steps of CBOW do.
    assert!(found[..2] == expected[..2]);
    // In one chunk everything is the same.
    let whole = ["--set", "corpus.chunk_bytes=4MiB"];
    place.run("bare-whole", &whole).expect(0);
    place.write("text.txt", lines.join("\n") + "\n");
    place.run("whole", &args(&whole)).expect(0);
    assert!(results(&place, "whole") == results(&place, "bare-whole"));
}

#[test]
fn it_is_the_same_for_any_threads_and_memory_and_after_kills() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", lines().join("\n"));
    let subsampled = args(&["--set", "cooccur.subsample=1e-3"]);
    let points = [
        "dedup/lines-",
        "dedup/lines-00000-00003.hashes",
        "dedup/range-",
        "dedup/shard-00000-00003.words",
        "dedup/index",
        "vocab/remap",
    ];
    same_however_it_is_run(&place, &subsampled, &points);
}

#[test]
fn a_change_is_reported_and_words_are_kept() {
    let one = PIPELINE.split("[[train]]\nname = \"cbow\"").next().unwrap();
    let place = Place::new(&(one.to_owned() + "subsample = 0\n"));
    place.write("text.txt", "a b c\nA, b c\nc d\n");
    let plain = place.made("run", &[]);
    place.run("run", &DROP).refused(
        "a change",
        2,
        &["corpus.duplicate_lines was not set, is drop (stage vocabulary)"],
    );
    assert_same("refused", &plain, &artefacts(&place.path("run")));
    let rebuilt = place.run("run", &args(&["--rebuild"])).expect(0).stderr;
    assert!(!rebuilt.contains("tokenize: "), "{rebuilt}");
    assert!(
        rebuilt
            .contains("dedup: left out as repeating an earlier line: 1 of 3 lines, 3 of 8 tokens"),
        "{rebuilt}"
    );
    let again = place.run("run", &DROP).expect(0).stderr;
    assert!(!again.contains("dedup: "), "{again}");
    let list = std::fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap();
    assert_eq!(list, "c\t2\na\t1\nb\t1\nd\t1\n");
    place.run("run", &[]).refused("back", 2, &["duplicate_lines was drop, is not set"]);
    place.run("run", &["--rebuild"]).expect(0);
    let back = artefacts(&place.path("run"));
    assert!(plain.iter().all(|(name, bytes)| back.get(name) == Some(bytes)));
    place.run("run", &["--set", "corpus.duplicate_lines=dorp"]).refused(
        "a typo",
        2,
        &["\"drop\"?"],
    );
    let until = args(&["--until", "dedup"]);
    place.run("until", &until).expect(0);
    assert!(!place.path("until/vocab").exists());
    let status = place.wordmill(&["status", "until"]).expect(0).stdout;
    assert!(String::from_utf8(status).unwrap().contains("dropped_lines 1"));
    let plan = place.wordmill(&["plan", "--set", "corpus.duplicate_lines=drop"]).expect(0).stdout;
    assert!(String::from_utf8(plan).unwrap().contains("\ndedup "));
    // A shard that is not the recorded one is not counted.
    place.write("until/dedup/shard-00000-00000.tok", "");
    let error = place.run("until", &DROP);
    assert!(error.code() == Some(0), "an empty file is rebuilt: {}", error.stderr);
}

#[test]
fn records_documents_pipes_and_several_files_have_lines() {
    let place = Place::new(PIPELINE);
    let vocabulary = |dir: &str| {
        std::fs::read_to_string(place.path(&format!("{dir}/vocab/vocabulary.tsv"))).unwrap()
    };
    let run = |dir: &str, more: &[&str]| {
        let more = [&["--until", "vocabulary"], more].concat();
        place.run(dir, &args(&more)).expect(0);
        vocabulary(dir)
    };
    place.write(
        "a.jsonl",
        "{\"t\": \"One two\"}\n{\"x\": 1, \"t\": \"one  two\"}\n{\"t\": \"two\"}\n",
    );
    let jsonl = ["corpus.format=jsonl", "corpus.field=t", "corpus.inputs=[\"a.jsonl\"]"];
    let jsonl: Vec<&str> = jsonl.iter().flat_map(|set| ["--set", set]).collect();
    assert_eq!(run("jsonl", &jsonl), "two\t2\none\t1\n");
    // Documents are compared whole, not line by line.
    place.write("docs.txt", "a b\nc\n\na b\nd\n\n a\nB c\n\na b\n");
    let docs = ["--set", "corpus.format=documents", "--set", "corpus.inputs=[\"docs.txt\"]"];
    assert_eq!(run("docs", &docs), "a\t3\nb\t3\nc\t1\nd\t1\n");
    place.write("in/1.txt", "x y\nz");
    place.write("in/2.txt", "z\nx y\nx");
    assert_eq!(run("files", &["--set", "corpus.inputs=[\"in\"]"]), "x\t2\ny\t1\nz\t1\n");
    let text = lines().join("\n");
    place.write("text.txt", &text);
    let file = run("file", &[]);
    let piped = args(&["--until", "vocabulary", "--set", "corpus.inputs=[\"-\"]"]);
    end(place.run_command("pipe", &piped), text.as_bytes()).expect(0);
    assert_eq!(vocabulary("pipe"), file);
    // Words are compared, not their pieces, and pieces are learned from the remaining lines.
    let korean = "학교에서 나는 학교의\n".repeat(5) + "학교에서 나는\n";
    place.write("ko.txt", korean);
    let more = ["--set", "corpus.inputs=[\"ko.txt\"]", "--set", "corpus.tokenizer=korean"];
    run("korean", &more);
    place.wordmill(&["verify", "korean"]).expect(0);
    let list = vocabulary("korean");
    let tokens: u64 =
        list.lines().map(|l| l.split('\t').next_back().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(tokens, 5, "{list}");
    place.run("korean", &[&more[..], &["--until", "vocabulary"]].concat()).refused(
        "with repeats",
        2,
        &["duplicate_lines was drop, is not set (stage pieces)", "(stage vocabulary)"],
    );
}
