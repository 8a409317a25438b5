//! The examples end without errors and print the promised output.

use std::path::PathBuf;
use std::process::Command;

/// An example. `cargo test` builds them, too, in a folder beside that of this test; `cargo test --test integration` does not.
fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples").join(example)
}

/// Runs an example to its end.
fn run(example: &str, arguments: &[&str]) -> String {
    let ended = Command::new(program(example)).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(ended.stdout), text(ended.stderr));
    assert!(ended.status.success(), "{example}: {out}\n{errors}");
    assert_eq!(errors, "", "{example}: a library prints nothing on its own");
    out
}

#[test]
fn examples_do_what_they_promise() {
    if !program("train").is_file() {
        return eprintln!("skipped: `cargo build --examples` builds the examples");
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let fitted = run("fit", &[]);
    assert!(fitted.contains("sg: 13 words of 16 numbers"), "{fitted}");
    assert!(fitted.contains("near to milk"), "{fitted}");
    let trained = run("train", &["builtin:sample:500KB", &place("run")]);
    for stage in ["tokenize", "vocabulary", "cooccur", "merge", "shuffle", "train:sg", "train:gl"] {
        assert!(trained.lines().any(|line| line.starts_with(stage)), "{stage}: {trained}");
    }
    let vectors = folder.path().join("run/vectors/sg.safetensors");
    let vectors = vectors.to_str().unwrap();
    let asked = run("query", &[vectors, "the"]);
    assert!(asked.starts_with(|c: char| c.is_ascii_digit()), "{asked}");
    assert!(asked.contains("near ") && asked.contains("predicted "), "{asked}");
    let resumed = run("resume", &[&place("again")]);
    assert!(resumed.contains("stopped: ") && resumed.contains("epoch 3: loss "), "{resumed}");
}
