//! The examples end well and print what they promise.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example to its end. `cargo test` builds the examples, too, in a folder beside that of this test.
fn run(example: &str, arguments: &[&str]) -> String {
    let folder = std::env::current_exe().unwrap();
    let folder = folder.ancestors().nth(2).unwrap().join("examples");
    let program: PathBuf = folder.join(example);
    let ended = Command::new(&program).args(arguments).output();
    let ended = ended.unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo build --examples` builds it", program.display())
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(ended.stdout), text(ended.stderr));
    assert!(ended.status.success(), "{example}: {out}\n{errors}");
    assert_eq!(errors, "", "{example}: a library says nothing by itself");
    out
}

#[test]
fn examples_do_what_they_promise() {
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
