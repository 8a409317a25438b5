//! Phrases from text to vectors: lists and texts compared with those of a naive program, threads, memory, kills, given
//! lists.

use std::collections::{BTreeMap, HashMap};

use crate::support::{Place, names, same_however_it_is_run};

const PIPELINE: &str = r#"
[run]
memory = "64MiB"
threads = 2
[corpus]
inputs = ["text.txt"]
tokenizer = "whitespace"
chunk_bytes = "32KiB"
[phrases]
passes = 2
threshold = [30.0, 15.0]
connectors = "connectors.txt"
[vocabulary]
min_count = 1
[cooccur]
window = 2
subsample = 0
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
"#;
const CONNECTORS: [&str; 4] = ["of", "the", "a", "in"];

/// A place with the built-in sample and a list of connectors.
fn place() -> Place {
    let place = Place::new(PIPELINE);
    let text = place.wordmill(&["sample", "--bytes", "300KB"]).expect(0).stdout;
    place.write("text.txt", String::from_utf8(text).unwrap().to_lowercase());
    place.write("connectors.txt", CONNECTORS.join("\n"));
    place
}

fn text(place: &Place, path: &str) -> String {
    std::fs::read_to_string(place.path(path)).unwrap()
}

/// `word<TAB>count` of a run.
fn vocabulary(place: &Place, dir: &str) -> BTreeMap<String, u64> {
    let list = text(place, &format!("{dir}/vocab/vocabulary.tsv"));
    let row = |line: &str| {
        let (word, count) = line.split_once('\t').unwrap();
        (word.to_owned(), count.parse().unwrap())
    };
    list.lines().map(row).collect()
}

/// The phrases of a run with count, score and pass, in the order of the list.
fn listed(place: &Place, dir: &str) -> Vec<String> {
    let list = text(place, &format!("{dir}/phrases/phrases.tsv"));
    assert!(list.starts_with("#wordmill-phrases\t1\n#settings\tpass=1 "), "{list}");
    list.lines().skip(3).map(str::to_owned).collect()
}

/// Lines of words.
type Text = Vec<Vec<String>>;
/// Phrases with count and score.
type List = BTreeMap<String, (u64, f64)>;

/// The effect of a pass on a text in memory: the list, and the text with phrases. A pair begins and ends with a word
/// that is not a connector; the first good pair uses up its words.
fn naive(
    text: &Text,
    score: impl Fn(f64, f64, f64, f64) -> f64,
    (threshold, min_count): (f64, u64),
) -> (List, Text) {
    let is_connector = |word: &str| CONNECTORS.contains(&word);
    let (mut words, mut pairs) = (HashMap::<&str, u64>::new(), HashMap::<String, u64>::new());
    for line in text {
        line.iter().for_each(|word| *words.entry(word).or_default() += 1);
        let mut first = None;
        for (at, _) in line.iter().enumerate().filter(|(_, word)| !is_connector(word)) {
            if let Some(first) = first.replace(at) {
                *pairs.entry(line[first..=at].join(" ")).or_default() += 1;
            }
        }
    }
    let tokens: u64 = words.values().sum();
    let mut phrases = BTreeMap::new();
    for (pair, count) in pairs {
        let (first, second) =
            (pair.split(' ').next().unwrap(), pair.split(' ').next_back().unwrap());
        let [a, b, n] = [words[first], words[second], tokens].map(|n| n as f64);
        let score = score(count as f64, a, b, n);
        if count >= min_count && score > threshold {
            phrases.insert(pair, (count, score));
        }
    }
    let mut joined = Vec::new();
    for line in text {
        let (mut at, mut out) = (0, Vec::new());
        while at < line.len() {
            let next = (at + 1..line.len()).find(|next| !is_connector(&line[*next]));
            let phrase = next.filter(|next| {
                !is_connector(&line[at]) && phrases.contains_key(&line[at..=*next].join(" "))
            });
            let end = phrase.unwrap_or(at);
            out.push(line[at..=end].join("_"));
            at = end + 1;
        }
        joined.push(out);
    }
    (phrases, joined)
}

#[test]
fn phrases_are_those_of_a_naive_program() {
    let place = place();
    let lines: Text = text(&place, "text.txt")
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let default = |ab: f64, a: f64, b: f64, n: f64| (ab - 5.0) / a / b * n;
    let npmi = |ab: f64, a: f64, b: f64, n: f64| (ab / n / (a / n * (b / n))).ln() / -(ab / n).ln();
    type Score<'a> = &'a dyn Fn(f64, f64, f64, f64) -> f64;
    let cases: [(&str, Score<'_>, [f64; 2]); 2] =
        [("default", &default, [30.0, 15.0]), ("npmi", &npmi, [0.6, 0.5])];
    for (name, score, thresholds) in cases {
        let settings =
            [format!("phrases.score={name}"), format!("phrases.threshold={thresholds:?}")];
        let args = ["--until", "vocabulary", "--set", &settings[0], "--set", &settings[1]];
        let ended = place.run(name, &args).expect(0);
        let (mut text, mut expected) = (lines.clone(), Vec::new());
        for (pass, threshold) in (1..).zip(thresholds) {
            let (phrases, joined) = naive(&text, score, (threshold, 5));
            assert!(phrases.len() > 5, "{name}: {phrases:?}");
            assert!(
                ended.stderr.contains(&format!("pass {pass} joined {} phrases", phrases.len()))
            );
            let rows = phrases
                .into_iter()
                .map(|(pair, (count, score))| format!("{pair}\t{count}\t{score:.4}\t{pass}"));
            expected.extend(rows);
            text = joined;
        }
        let mut found = listed(&place, name);
        let counts: Vec<(u8, std::cmp::Reverse<u64>)> = found
            .iter()
            .map(|row| {
                let columns: Vec<&str> = row.split('\t').collect();
                (columns[3].parse().unwrap(), std::cmp::Reverse(columns[1].parse().unwrap()))
            })
            .collect();
        assert!(counts.is_sorted(), "{counts:?}");
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}");
        assert!(
            found
                .iter()
                .any(|row| CONNECTORS.iter().any(|word| row.contains(&format!(" {word} "))))
        );
        let mut counts = BTreeMap::<String, u64>::new();
        text.into_iter().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
        assert_eq!(vocabulary(&place, name), counts, "{name}");
        place.wordmill(&["verify", name]).expect(0);
    }
}

#[test]
fn phrases_are_the_same_for_any_threads_and_memory_and_after_kills() {
    let place = place();
    let points = [
        "phrases/units/shard-00000-00003",
        "phrases/vocab/remap",
        "phrases/spill/",
        "phrases/matrix/",
        "phrases/pass-1.tsv",
        "phrases/pass-1/shard-00000-00002.tok",
        "phrases/pass-2.tsv",
        "phrases/shard-00000-00003.words",
        "phrases/index",
        "vocab/remap",
    ];
    same_however_it_is_run(&place, &[], &points);
    let left = names(&place.path("one/phrases"));
    let is_kept = |name: &String| name.starts_with("shard-") || name.starts_with("index.json");
    assert!(left.iter().all(|name| is_kept(name) || name == "phrases.tsv"), "{left:?}");
}

#[test]
fn a_list_is_read_edited_and_given() {
    let place = place();
    place.run("run", &[]).expect(0);
    let file = "run/vectors/sgns.safetensors";
    let (phrase, _) = vocabulary(&place, "run")
        .into_iter()
        .filter(|(word, _)| word.contains('_'))
        .max_by_key(|(_, count)| *count)
        .unwrap();
    let spaced = phrase.replace('_', " ");
    // Queried as it is spelled in a sentence, or as in the vocabulary.
    place.wordmill(&["similar", file, &phrase]).expect(0);
    place.wordmill(&["similar", file, &spaced.to_uppercase()]).expect(0);
    place.wordmill(&["similar", file, &spaced, "--raw"]).refused("as it is typed", 2, &[&spaced]);
    let shown = place.wordmill(&["preview", "-n", "2000", "--json"]).expect(0).stdout;
    assert!(String::from_utf8_lossy(&shown).contains(&format!("\"{phrase}\"")));

    let about = place.wordmill(&["info", "run/phrases/phrases.tsv"]).expect(0).stdout;
    let about = String::from_utf8(about).unwrap();
    let rows = format!("rows:     {}\n", listed(&place, "run").len());
    assert!(about.contains("a list of phrases") && about.contains(&rows), "{about}");

    // The same list makes the same shards, whatever was learned before.
    place.write("same.tsv", text(&place, "run/phrases/phrases.tsv"));
    let given = |file: &str| {
        let list = format!("phrases.list={file}");
        ["phrases.passes=0".to_owned(), list].map(|set| ["--set".to_owned(), set]).concat()
    };
    let args = |file: &str, more: &[&str]| -> Vec<String> {
        given(file).into_iter().chain(more.iter().map(|&arg| arg.to_owned())).collect()
    };
    let run = |dir: &str, args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        place.run(dir, &args)
    };
    run("same", &args("same.tsv", &["--until", "vocabulary"])).expect(0);
    assert_eq!(text(&place, "same/vocab/vocabulary.tsv"), text(&place, "run/vocab/vocabulary.tsv"));
    assert_eq!(text(&place, "same/phrases/phrases.tsv"), text(&place, "same.tsv"));

    // A change of phrases is reported before anything is rebuilt.
    let changed = place.run("run", &["--set", "phrases.min_count=9"]);
    changed.refused("min_count", 2, &["phrases.min_count was 5, is 9 (stage phrases)"]);
    let without = place.run("run", &["--set", "phrases.passes=0"]);
    without.refused("none", 2, &["phrases was joined, is not set (stage vocabulary)"]);

    // A user's own list.
    place.write("mine.txt", format!("{}\nNOWHERE  ELSE\nalone\n", spaced.to_uppercase()));
    let ended = run("mine", &args("mine.txt", &["--until", "vocabulary"])).expect(0);
    assert!(ended.stderr.contains("1 rows are less than two words"), "{}", ended.stderr);
    let words = vocabulary(&place, "mine");
    assert!(words.contains_key(&phrase));
    assert_eq!(words.keys().filter(|word| word.contains('_')).count(), 1);
    place.write("mine.txt", "alone\n");
    let list = &["mine.txt: there is no phrase in it"];
    run("none", &args("mine.txt", &[])).refused("no phrase", 2, list);
    run("none", &args("gone.txt", &[])).refused("no file", 2, &["gone.txt: reading the list"]);

    // No pair is frequent enough: words stay unchanged.
    let rare = ["--set", "phrases.min_count=1000000", "--until", "vocabulary"];
    let ended = place.run("rare", &rare).expect(0);
    assert!(ended.stderr.contains("pass 1 joined 0 phrases, 0 times"), "{}", ended.stderr);
    let one_each = ["--set", "corpus.inputs=words.txt", "--until", "vocabulary"];
    place.write("words.txt", "one\ntwo\n\nthree\n".repeat(9));
    place.run("alone", &one_each).expect(0);
    assert_eq!(vocabulary(&place, "alone").len(), 3);
}

#[test]
fn pieces_of_a_word_are_not_put_together_again() {
    let place = place();
    let bpe = ["corpus.tokenizer=bpe", "corpus.bpe_merges=300", "phrases.passes=1"];
    let sets = bpe.iter().chain(&["phrases.threshold=2"]).flat_map(|set| ["--set", set]);
    let args: Vec<&str> = sets.chain(["--until", "vocabulary"]).collect();
    place.run("run", &args).expect(0);
    let words = vocabulary(&place, "run");
    assert!(words.keys().any(|word| word.starts_with("##")), "{words:?}");
    let rows = listed(&place, "run");
    let ends = |row: &String| {
        let words = row.split('\t').next().unwrap().to_owned();
        [
            words.split(' ').next().unwrap().to_owned(),
            words.split(' ').next_back().unwrap().to_owned(),
        ]
    };
    assert!(rows.len() > 10, "{rows:?}");
    assert!(rows.iter().flat_map(ends).all(|word| !word.starts_with("##")), "{rows:?}");
}
