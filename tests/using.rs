//! Vectors in use: neighbours, sums and differences, predictions, and the same asked through a pipe.

use serde_json::Value;

use crate::support::{Ended, Place, end, tiny};

/// A place with the vectors of the tiny run.
pub fn place() -> Place {
    let place = Place::new("");
    for name in ["sgns", "hs", "glove"] {
        place
            .write(&format!("{name}.safetensors"), &tiny()[&format!("vectors/{name}.safetensors")]);
    }
    place
}

pub fn said(ended: Ended) -> String {
    String::from_utf8(ended.expect(0).stdout).unwrap()
}

/// What the program says with these arguments.
pub fn says(place: &Place, args: &[&str]) -> String {
    said(place.wordmill(args))
}

fn json(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&says(place, args)).unwrap()
}

fn words(place: &Place) -> Vec<String> {
    let vectors = place.path("sgns.safetensors");
    let vectors = wordmill_formats::Vectors::open(&crate::reading::disk(), &vectors).unwrap();
    (0..30).map(|id| vectors.words().text(id).into_owned()).collect()
}

#[test]
fn neighbours_of_many_words_are_those_of_each() {
    let place = place();
    let words = words(&place);
    let (a, b, c) = (&words[20], &words[25], &words[29]);
    for which in ["word", "context", "sum"] {
        let alone = |word: &str| {
            let lines = says(&place, &["similar", "sgns.safetensors", word, "--which", which]);
            lines.lines().map(|line| format!("{word}\t{line}\n")).collect::<String>()
        };
        let each = ["similar", "sgns.safetensors", a, b, c, "--each", "--which", which];
        assert_eq!(says(&place, &each), [alone(a), alone(b), alone(c)].concat(), "{which}");
    }
    let each = json(&place, &["similar", "hs.safetensors", a, b, "--each", "--json", "-n", "3"]);
    assert_eq!(each[1]["word"], **b);
    assert_eq!(each[1]["neighbours"].as_array().unwrap().len(), 3);
}

#[test]
fn words_are_added_taken_away_and_multiplied() {
    let place = place();
    let words = words(&place);
    let (a, b, c) = (&words[20], &words[25], &words[29]);
    for method in ["add", "mul"] {
        let file = "glove.safetensors";
        let analogy =
            json(&place, &["analogy", file, a, b, c, "--method", method, "--json", "-n", "7"]);
        let sum = ["similar", file, b, c, "--minus", a, "--method", method, "--json", "-n", "7"];
        assert_eq!(analogy, json(&place, &sum), "{method}");
        let found = analogy.as_array().unwrap();
        assert_eq!(found.len(), 7);
        assert!(found.iter().all(|answer| ![a, b, c].iter().any(|word| answer["word"] == ***word)));
        let scores: Vec<f64> = found.iter().map(|it| it["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
}

#[test]
fn predictions_are_probabilities() {
    let place = place();
    let words = words(&place);
    for file in ["hs.safetensors", "sgns.safetensors"] {
        for context in [&words[20..21], &words[20..24]] {
            let mut args = vec!["predict", file, "--json", "-n", "1000000"];
            args.extend(context.iter().map(String::as_str));
            let all = json(&place, &args);
            let shares: Vec<f64> =
                all.as_array().unwrap().iter().map(|it| it["score"].as_f64().unwrap()).collect();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{file}");
            assert!(shares.len() > 100 && shares.is_sorted_by(|a, b| a >= b));
        }
    }
    let ended = place.wordmill(&["predict", "glove.safetensors", &words[20]]);
    ended.refused("GloVe", 2, &["glove.safetensors", "GloVe is trained on counts"]);
}

#[test]
fn a_pipe_is_answered_line_by_line() {
    let place = place();
    let words = words(&place);
    let (a, b, c) = (&words[20], &words[25], &words[29]);
    let asked =
        |file: &str, text: &str| end(place.command(&["query", file, "-n", "4"]), text.as_bytes());
    let lines = format!("{a}\n\n:n 2\n{b} - {a} + {c}\n{a} : {b} :: {c}\n? {a} {b}\n:quit\n{c}\n");
    let file = "hs.safetensors";
    let expected = [
        says(&place, &["similar", file, a, "-n", "4"]),
        says(&place, &["similar", file, b, c, "--minus", a, "-n", "2"]),
        says(&place, &["analogy", file, a, b, c, "-n", "2"]),
        says(&place, &["predict", file, a, b, "-n", "2"]),
    ];
    let expected: String = expected.iter().map(|answer| format!("{answer}\n")).collect();
    assert_eq!(said(asked(file, &lines)), expected);

    // A question that cannot be answered is told; `given` looks at those behind it.
    let unknown = format!("{a}x");
    asked(file, &unknown).refused("an unknown word", 2, &["spelled alike", a]);
    asked(file, &format!("{a} -\n")).refused("a sign", 2, &["a sign at the end"]);
    asked(file, ":which all\n").refused("a command", 2, &[":help"]);
}

#[test]
fn sets_of_every_kind_are_scored_and_files_compared() {
    let place = place();
    let words = words(&place);
    let pairs: String =
        (10..16).map(|at| format!("{}\t{}/nobody\n", words[at], words[at + 6])).collect();
    place.write("bats/1_Forms/I01 [one - other].txt", &pairs);
    place.write("bats/2_Sense/E01 [one - other].txt", &pairs);
    place.write("bats/notes.md", "no questions");
    let outliers = format!("{}\n\n{}\n", words[10..18].join("\n"), words[22..30].join("\n"));
    place.write("888/topic.txt", outliers);
    let args = ["eval", "sgns.safetensors", "--analogies", "bats", "--outliers", "888", "--json"];
    let report = json(&place, &args);
    let analogies = &report["analogies"][0];
    assert_eq!(analogies["sections"][0]["name"], "I01 [one - other]");
    for sum in ["semantic", "syntactic"] {
        assert_eq!(analogies[sum]["asked"], 30, "{sum}");
    }
    assert_eq!(analogies["total"]["asked"], 60);
    assert_eq!(report["outliers"][0]["sections"][0]["asked"], 8);
    let position = report["outliers"][0]["opp"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&position));

    let files = ["eval", "sgns.safetensors", "hs.safetensors", "sgns.safetensors"];
    let all = json(&place, &[&files[..], &["--json"]].concat());
    assert_eq!(all["files"].as_array().unwrap().len(), 3);
    let of = |set: &str, other: usize| {
        let name = files[other];
        let all = all["comparisons"].as_array().unwrap().iter();
        let mut found = all.filter(|it| it["kind"] == set && it["other"] == name);
        found.next().unwrap().clone()
    };
    for kind in ["analogies", "similarity"] {
        let same = of(kind, 3);
        assert_eq!((&same["difference"], &same["p"]), (&Value::from(0.0), &Value::from(1.0)));
        assert_ne!(of(kind, 2)["difference"], Value::from(0.0));
    }
    let table = says(&place, &files);
    assert!(
        table.contains("[3] sgns.safetensors") && table.contains("difference from [1]"),
        "{table}"
    );

    let mul = ["eval", "sgns.safetensors", "--method", "mul"];
    says(&place, &mul);
    let ended = place.wordmill(&[&mul[..], &["--convention", "gensim"]].concat());
    ended.refused("gensim by 3CosMul", 2, &["it adds only"]);
    let scored: String =
        (10..16).map(|at| format!("{} {} {at}\n", words[at], words[at + 6])).collect();
    place.write("sets/ws.tsv", scored.replace(' ', "\t"));
    place.write("sets/more/sim.csv", scored.replace(' ', ","));
    place.write("sets/notes.md", "no pairs");
    let report = json(&place, &["eval", "sgns.safetensors", "--similarity", "sets", "--json"]);
    let sets: Vec<&str> = report["similarity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["set"].as_str().unwrap())
        .collect();
    assert_eq!(sets, ["sets/more/sim.csv", "sets/ws.tsv"]);
    place.write("empty/x.md", "");
    for kind in ["--outliers", "--similarity"] {
        let empty = ["eval", "sgns.safetensors", kind, "empty"];
        place.wordmill(&empty).refused("an empty folder", 3, &["empty", ".txt"]);
    }
}
