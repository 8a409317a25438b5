//! Trainers that read the text itself: they need no matrix, give the same bytes on any machine, resume
//! where they were stopped, and refuse keys of other trainers.

use wordmill_formats::{Vectors, Words};

use crate::reading::disk;
use crate::support::{Place, Tree, artefacts, assert_same, end, kill_when, names};

const PIPELINE: &str = r#"
[run]
memory = "256MiB"
threads = 2
[corpus]
inputs = ["builtin:sample:300KB"]
chunk_bytes = "32KiB"
[vocabulary]
min_count = 3
[[train]]
name = "cbow"
model = "cbow"
dim = 8
epochs = 3
window = 3
[[train]]
name = "cbow-hs"
model = "cbow"
objective = "hierarchical-softmax"
context = "sum"
dim = 8
epochs = 2
[[train]]
name = "windows"
source = "windows"
window_mode = "expected"
dim = 8
epochs = 2
[[train]]
name = "windows-hs"
source = "windows"
objective = "hierarchical-softmax"
dim = 8
epochs = 2
"#;
const TRAINERS: [&str; 4] = ["cbow", "cbow-hs", "windows", "windows-hs"];

fn made(args: &[&str]) -> Tree {
    Place::new(PIPELINE).made("run", args)
}

#[test]
fn windows_are_trained_without_a_matrix() {
    let place = Place::new(PIPELINE);
    place.run("run", &[]).expect(0);
    for name in TRAINERS {
        let path = place.path(&format!("run/vectors/{name}.safetensors"));
        let vectors = Vectors::open(&disk(), &path).unwrap();
        vectors.verify().unwrap();
        assert!(vectors.words().len() > 100 && vectors.dim() == 8, "{name}");
        let model = if name.starts_with("cbow") { "cbow" } else { "skip-gram" };
        assert_eq!(vectors.settings()["model"], model);
        assert_eq!(vectors.settings()["source"], "windows");
    }
    for name in names(&place.path("run")) {
        let is_left = name.contains("checkpoint") || name.ends_with(".partial");
        let of_matrix = ["matrix/", "tiles/", "spill/"].iter().any(|it| name.starts_with(it));
        assert!(!is_left && !of_matrix, "{name}");
    }
    let planned = place.wordmill(&["plan", "pipeline.toml"]).expect(0);
    let planned = String::from_utf8(planned.stdout).unwrap();
    assert!(planned.contains("train:cbow ") && !planned.contains("shuffle"), "{planned}");
    place.wordmill(&["verify", "run"]).expect(0);
    place.wordmill(&["status", "run"]).expect(0);
}

#[test]
fn the_bytes_of_windows_do_not_depend_on_threads_memory_or_instruction_set() {
    let expected = made(&[]);
    for args in
        [&["--threads", "1"], &["--threads", "3"], &["--threads", "8"], &["--memory", "64MiB"]]
    {
        assert_same(&format!("{args:?}"), &expected, &made(args));
    }
    let place = Place::new(PIPELINE);
    let mut command = place.run_command("run", &[]);
    command.env("WORDMILL_KERNEL", "scalar");
    end(command, &[]).expect(0);
    assert_same("scalar", &expected, &artefacts(&place.path("run")));
}

#[test]
fn windows_that_were_killed_go_on() {
    let expected = made(&[]);
    for name in TRAINERS {
        let place = Place::new(PIPELINE);
        let point = format!("models/{name}/checkpoint-");
        let seen = || names(&place.path("run")).iter().any(|it| it.starts_with(&point));
        kill_when(place.run_command("run", &[]), seen);
        assert_same(&format!("killed at {point}"), &expected, &place.made("run", &[]));
    }
}

#[test]
fn keys_of_windows_are_refused_elsewhere_and_those_of_the_matrix_there() {
    for (set, says) in [
        ("train.0.rotations=2", "only by trainers of the matrix"),
        ("train.0.context_rates=even", "from the matrix"),
        ("train.0.cap=1", "from the matrix"),
        ("train.0.source=matrix", "\"matrix\" is not for model = \"cbow\""),
        ("train.2.cbow_compat=true", "only by CBOW"),
        ("train.1.cbow_compat=true", "word2vec.c takes the mean"),
        ("train.1.negatives=5", "with negative sampling"),
        ("train.0.window=0", "from 1 to 255"),
        ("train.0.window_mode=wide", "\"dynamic\" or \"expected\""),
        ("train.0.preset=glove", "is for model = \"glove\""),
    ] {
        let place = Place::new(PIPELINE);
        place.run("run", &["--set", set]).refused(set, 2, &[says]);
    }
    let place = Place::new(PIPELINE);
    let large = ["--memory", "40MiB", "--set", "train.0.dim=10000"];
    place.run("run", &large).refused("a large model", 5, &["cbow", "train.dim"]);
}
