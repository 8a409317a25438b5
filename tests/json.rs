//! What programs read: events and `--json`, compared with `docs/reference/json.md`, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Place, TINY, kill_when, names};

const PAGE: &str = include_str!("../docs/reference/json.md");

/// The documented fields below a heading: their paths, and whether each is there always.
fn documented(heading: &str) -> BTreeMap<String, bool> {
    let level = heading.split(' ').next().unwrap();
    let begin = PAGE.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &PAGE[begin + heading.len() + 2..];
    let is_end =
        |line: &&str| line.starts_with('#') && line.split(' ').next().unwrap().len() <= level.len();
    let lines: Vec<&str> = rest.lines().take_while(|line| !is_end(line)).collect();
    let text = lines.join("\n");
    let items = text.split("\n- `").skip(1).map(|item| {
        let (path, about) = item.split_once('`').unwrap();
        let kinds = about.split_once(')').unwrap().0;
        (path.to_owned(), !kinds.contains("optional") && !path.contains(['[', '*', '.']))
    });
    items.collect()
}

/// The paths of everything that is no object or list, or is an empty one.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                paths(value, &format!("{path}{dot}{}", key.replace('.', "_")), found);
            }
        }
        Value::Array(list) => list.iter().for_each(|it| paths(it, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

/// Whether a path is the documented one, in which `*` is any key.
fn fits(found: &str, known: &str) -> bool {
    let (found, known) = (found.split('.'), known.split('.'));
    found.clone().count() == known.clone().count()
        && found.zip(known).all(|(found, known)| known == "*" || found == known)
}

/// Fails unless a value has the documented fields and no others; what is below `opaque` may have any.
fn check(what: &str, value: &Value, known: &BTreeMap<String, bool>, opaque: &[&str]) {
    let mut found = BTreeSet::new();
    paths(value, "", &mut found);
    for path in &found {
        let is_opaque = opaque.iter().any(|it| path.starts_with(it));
        assert!(
            is_opaque
                || known.keys().any(|known| fits(path, known) || fits(&format!("{path}[]"), known)),
            "{what}: {path} is not documented"
        );
    }
    for (path, _) in known.iter().filter(|(_, is_always)| **is_always) {
        assert!(value.get(path).is_some(), "{what}: {path} is documented, but not there");
    }
}

/// The events of a run; everything on standard error is one.
fn events(stderr: &str) -> Vec<Value> {
    let event =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not an event: {line}"));
    stderr.lines().map(event).collect()
}

fn check_events(events: &[Value]) {
    let common = documented("## Events");
    for event in events {
        let kind = event["type"].as_str().unwrap();
        let mut known = documented(&format!("### `{kind}`"));
        known.extend(["type", "time", "stage"].map(|key| (key.to_owned(), common[key])));
        check(kind, event, &known, &[]);
        let time = event["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && &time[10..11] == "T", "{time}");
    }
}

/// The last event of each work: it has done all there is to do.
fn ends(events: &[Value]) -> Vec<String> {
    let ends = events.iter().filter(|event| event["ended"] == true);
    ends.map(|event| {
        assert!(event["total"].as_u64().unwrap() > 0, "{event}");
        assert_eq!(event["done"], event["total"], "{event}");
        event["work"].as_str().unwrap().to_owned()
    })
    .collect()
}

/// Every kind of stage: lines left out, pieces, phrases, tiles, windows, vectors to begin with.
const ALL: &str = r#"
[run]
memory = "256MiB"
threads = 2
[corpus]
inputs = ["builtin:sample:400KB"]
chunk_bytes = "16KiB"
duplicate_lines = "drop"
tokenizer = "bpe"
bpe_merges = 300
[phrases]
passes = 2
threshold = 5
[vocabulary]
min_count = 3
[cooccur]
window = 3
[[train]]
name = "sgns"
dim = 8
epochs = 3
rotations = 2
on_epoch = "echo epoch {epoch}; echo to standard error >&2"
[[train]]
name = "hs"
objective = "hierarchical-softmax"
dim = 8
epochs = 2
held_out = 0.1
patience = 1
[[train]]
name = "glove"
model = "glove"
dim = 8
epochs = 4
init = { trainer = "sgns" }
[[train]]
name = "cbow"
model = "cbow"
dim = 8
epochs = 2
"#;

#[test]
fn every_work_counts_to_its_end_and_every_event_is_documented() {
    let place = Place::new(ALL);
    let ended = place.run("run", &["--progress", "json", "-v"]).expect(0);
    let events = events(&ended.stderr);
    check_events(&events);
    let works = ends(&events);
    for work in [
        "tokenize",
        "dedup: hashing",
        "bpe",
        "vocabulary",
        "cooccur",
        "merge",
        "deal cells",
        "shuffle",
        "train sgns",
        "train hs",
        "train glove",
        "train cbow",
    ] {
        assert!(works.iter().any(|it| it == work), "no end of {work} among {works:?}");
    }
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    assert_eq!(events[0]["type"], "run_begin");
    assert_eq!(events.last().unwrap()["type"], "run_end");
    assert_eq!(of("stage_begin").len(), of("stage_end").len());
    assert_eq!(of("metrics").iter().filter(|row| row["stage"] == "train:sgns").count(), 3);
    let output: Vec<_> = of("output").iter().map(|event| event["message"].clone()).collect();
    assert!(output.iter().any(|line| line == "epoch 3"), "{output:?}");
    assert!(output.iter().any(|line| line == "to standard error"), "{output:?}");
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("epoch 3"));
    let result = of("result")[0];
    for path in result["vectors"].as_array().unwrap().iter().chain([&result["report"]]) {
        assert!(place.path(path.as_str().unwrap()).is_file(), "{path}");
    }
}

#[test]
fn every_work_counts_to_its_end_after_a_run_that_was_killed() {
    let points = [
        "tokens/shard",
        "dedup/shard",
        "spill/",
        "matrix/rows",
        "tiles/",
        "models/sgns/checkpoint",
    ];
    for point in points {
        let place = Place::new(ALL);
        let path = place.path("run");
        kill_when(place.run_command("run", &[]), || {
            names(&path).iter().any(|name| name.starts_with(point))
        });
        let ended = place.run("run", &["--progress", "json"]).expect(0);
        let events = events(&ended.stderr);
        ends(&events);
        check_events(&events);
    }
}

#[test]
fn errors_and_quiet_runs_are_events_too() {
    let place = Place::new("[corpus]\ninputs = [\"nowhere.txt\"]\n[[train]]\nname = \"a\"\n");
    let ended = place.run("run", &["--progress", "json"]).expect(3);
    let told = events(&ended.stderr);
    check_events(&told);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run_begin", "error", "run_end"]);
    assert_eq!(told[1]["exit_code"], 3);
    let place = Place::new(TINY);
    let ended = place.run("run", &["--progress", "json", "-q", "--until", "tokenize"]).expect(0);
    let kinds: Vec<_> = events(&ended.stderr).iter().map(|it| it["type"].clone()).collect();
    assert_eq!(kinds, ["result"]);
    let ended = place.run("run", &["-q"]).expect(0);
    assert_eq!(ended.stderr, "");
    assert!(!ended.stdout.is_empty());
}

#[test]
fn a_training_in_one_line_reports_the_same_events() {
    let place = Place::new(TINY);
    let text = "the mill grinds the grain and the miller bakes the bread\n".repeat(200);
    place.write("text.txt", text);
    let args = ["train", "text.txt", "-o", "v.bin", "--dim", "4", "--progress", "json"];
    let events = events(&place.wordmill(&args).expect(0).stderr);
    check_events(&events);
    ends(&events);
    let result = events.iter().find(|event| event["type"] == "result").unwrap();
    assert_eq!(result["vectors"][0], "v.bin");
}

#[test]
fn the_json_of_each_command_is_documented() {
    let place = Place::new(TINY);
    place.run("run", &["-q"]).expect(0);
    let vectors = "run/vectors/sgns.safetensors";
    let (same, each) = (
        "## `wordmill similar VECTORS WORD... --json`",
        "## `wordmill similar VECTORS WORD... --each --json`",
    );
    let eval = "## `wordmill eval VECTORS --json`";
    let cases: &[(&str, &[&str], i32)] = &[
        ("## `wordmill status RUN --json`", &["status", "run"], 0),
        ("## `wordmill plan --json`", &["plan", "pipeline.toml"], 0),
        ("## `wordmill info FILE --json`", &["info", vectors], 0),
        ("## `wordmill info FILE --json`", &["info", "run"], 0),
        ("## `wordmill verify RUN|FILE... --json`", &["verify", "run", vectors], 0),
        ("## `wordmill report RUN --json`", &["report", "run"], 0),
        ("## `wordmill doctor --json`", &["doctor"], 0),
        ("## `wordmill preview --json`", &["preview", "--pipeline", "pipeline.toml"], 0),
        ("## `wordmill vector VECTORS WORD... --json`", &["vector", vectors, "the", "xyzzy"], 2),
        (same, &["similar", vectors, "the"], 0),
        (same, &["analogy", vectors, "the", "a", "and"], 0),
        (same, &["predict", vectors, "the"], 0),
        (each, &["similar", vectors, "the", "xyzzy", "--each"], 2),
        (eval, &["eval", vectors], 0),
    ];
    for (heading, args, code) in cases {
        let ended = place.wordmill(&[args, &["--json"][..]].concat()).expect(*code);
        let value: Value = serde_json::from_slice(&ended.stdout).unwrap();
        check(heading, &value, &documented(heading), &["tokenizer", "scores[]"]);
    }
}
