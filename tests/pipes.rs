//! Texts that can be read only once, and texts that are named twice: nothing is lost, nothing counts double, and a
//! signal ends a run that waits for text.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Ended, Place, artefacts, assert_same, end};

/// One small trainer; text from `corpus.inputs`.
const PIPELINE: &str = r#"
[run]
memory = "64MiB"
[corpus]
inputs = ["text.txt"]
chunk_bytes = "64KiB"
[vocabulary]
min_count = 1
[[train]]
name = "sgns"
dim = 4
epochs = 1
rotations = 1
"#;

/// More than a pipe holds at once.
fn text(place: &Place) -> Vec<u8> {
    place.wordmill(&["sample", "--bytes", "1MB"]).expect(0).stdout
}

/// Another text of the same length, with some other words in its middle.
fn another(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let middle = text.len() / 2;
    text[middle..middle + 40].fill(b'x');
    text
}

fn inputs(list: &str) -> [String; 2] {
    ["--set".into(), format!("corpus.inputs={list}")]
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Writes to a named pipe while the program runs.
fn fed(place: &Place, command: Command, pipe: &Path, text: &[u8]) -> Ended {
    let (pipe, text) = (pipe.to_path_buf(), text.to_vec());
    let writer = std::thread::spawn(move || {
        let file = OpenOptions::new().write(true).open(pipe);
        // A run that refuses closes it early.
        let _ = file.and_then(|mut file| file.write_all(&text));
    });
    let ended = end(command, &[]);
    writer.join().unwrap();
    assert!(place.path("pipeline.toml").exists());
    ended
}

#[test]
fn a_pipe_with_a_path_lost_most_of_its_text() {
    let place = Place::new(PIPELINE);
    let text = text(&place);
    place.write("text.txt", &text);
    let expected = place.made("file", &["--until", "vocabulary"]);
    let until = ["--until", "vocabulary"];
    for (dir, named) in
        [("dash", "[\"-\"]"), ("stdin", "[\"/dev/stdin\"]"), ("fd", "[\"/dev/fd/0\"]")]
    {
        let set = inputs(named);
        let mut command = place.run_command(dir, &until);
        command.args(set);
        end(command, &text).expect(0);
        assert_same(named, &expected, &artefacts(&place.path(dir)));
    }
    let pipe = place.path("named.pipe");
    fifo(&pipe);
    symlink(&pipe, place.path("link")).unwrap();
    for (dir, named) in [("by-name", "named.pipe"), ("by-link", "link")] {
        let mut command = place.run_command(dir, &until);
        command.args(inputs(&format!("[\"{named}\"]")));
        fed(&place, command, &pipe, &text).expect(0);
        assert_same(named, &expected, &artefacts(&place.path(dir)));
    }
    assert!(fs::symlink_metadata(&pipe).unwrap().len() == 0, "the pipe is still there");
    // The path that a shell creates for <(command).
    let script = "run() { \"$0\" run pipeline.toml --run-dir sub --until vocabulary --set \"corpus.inputs=[\\\"$1\\\"]\"; }";
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{script}; run <(cat text.txt)")]);
    command.arg(env!("CARGO_BIN_EXE_wordmill")).current_dir(place.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end(command, &[]).expect(0);
    assert_same("process substitution", &expected, &artefacts(&place.path("sub")));
}

#[test]
fn packed_text_through_a_pipe_is_unpacked() {
    let place = Place::new(PIPELINE);
    let text = text(&place);
    place.write("text.txt", &text);
    let expected = place.made("file", &["--until", "tokenize"]);
    let packed = zstd::encode_all(&text[..], 1).unwrap();
    let mut command = place.run_command("packed", &["--until", "tokenize"]);
    command.args(inputs("[\"/dev/stdin\"]"));
    end(command, &packed).expect(0);
    assert_same("packed", &expected, &artefacts(&place.path("packed")));
}

/// Waits until a run is at work, sends it a signal and returns how it ended.
fn stopped_while_waiting(mut command: Command) -> Ended {
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(700) {
        assert!(child.try_wait().unwrap().is_none(), "the run does not wait for text");
        std::thread::yield_now();
    }
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { status: output.status, stdout: output.stdout, stderr }
}

#[test]
fn a_run_that_waited_for_a_named_pipe_survived_the_first_signal() {
    let place = Place::new(PIPELINE);
    fifo(&place.path("named.pipe"));
    let mut command = place.run_command("run", &["--progress", "plain"]);
    command.args(inputs("[\"named.pipe\"]"));
    stopped_while_waiting(command).expect(75);
    let mut command = place.run_command("dash", &["--progress", "plain"]);
    command.args(inputs("[\"-\"]")).stdin(Stdio::piped());
    stopped_while_waiting(command).expect(75);
    // A deadline stops it, too.
    let mut command = place.run_command("clock", &["--max-time", "1s"]);
    command.args(inputs("[\"named.pipe\"]"));
    end(command, &[]).expect(75);
}

#[test]
fn a_second_text_through_a_pipe_was_ignored() {
    let place = Place::new(&PIPELINE.replace("text.txt", "-"));
    let first = text(&place);
    let second = another(&first);
    let run = |text: &[u8], args: &[&str]| end(place.run_command("run", args), text);
    run(&first, &[]).expect(0);
    let expected = artefacts(&place.path("run"));
    // The same again, and none at all: there is nothing to do.
    run(&first, &[]).expect(0);
    run(&[], &[]).expect(0);
    assert_same("the same text again", &expected, &artefacts(&place.path("run")));
    // Another text is refused, wherever it differs, and nothing changes.
    let cut = &first[..first.len() - 100];
    let longer = [&first[..], b"one more line\n"].concat();
    for other in [&second[..], cut, &longer] {
        let refused = run(other, &[]);
        refused.refused("another text", 2, &["--rebuild", "another text", "-"]);
        assert_same("another text", &expected, &artefacts(&place.path("run")));
    }
    // Settings may change without the text, and the text with --rebuild.
    let more = ["--rebuild", "--set", "train.0.epochs=2"];
    run(&[], &more).expect(0);
    let kept = artefacts(&place.path("run"));
    let tokens = |tree: &crate::support::Tree| {
        tree.iter()
            .filter(|(name, _)| name.starts_with("tokens"))
            .map(|it| it.1.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(tokens(&expected), tokens(&kept));
    run(&second, &more).expect(0);
    let fresh = end(place.run_command("fresh", &["--set", "train.0.epochs=2"]), &second);
    fresh.expect(0);
    assert_same("rebuilt", &artefacts(&place.path("fresh")), &artefacts(&place.path("run")));
}

#[test]
fn a_second_text_through_a_named_pipe_is_compared() {
    let place = Place::new(PIPELINE);
    let first = text(&place);
    let pipe = place.path("named.pipe");
    fifo(&pipe);
    let command = || {
        let mut command = place.run_command("run", &[]);
        command.args(inputs("[\"named.pipe\"]"));
        command
    };
    fed(&place, command(), &pipe, &first).expect(0);
    // Without a writer the tokens of the earlier run are used.
    end(command(), &[]).expect(0);
    fed(&place, command(), &pipe, &first).expect(0);
    fed(&place, command(), &pipe, &another(&first)).refused("another text", 2, &["named.pipe"]);
}

#[test]
fn a_file_under_two_names_was_counted_twice() {
    let place = Place::new(PIPELINE);
    place.write("d.txt", "a text of some words\n");
    place.write("folder/e.txt", "another text\n");
    symlink(place.path("d.txt"), place.path("link.txt")).unwrap();
    symlink(place.path("folder"), place.path("other")).unwrap();
    fs::hard_link(place.path("d.txt"), place.path("hard.txt")).unwrap();
    let whole = place.path("d.txt").display().to_string();
    let twice = ["d.txt", "./d.txt", "link.txt", "hard.txt", "folder/../d.txt", &whole];
    for name in twice {
        let set = inputs(&format!("[\"d.txt\", \"{name}\"]"));
        let ended = place.run("run", &["--until", "tokenize", &set[0], &set[1]]);
        ended.refused(name, 2, &["counted twice", "d.txt", name]);
    }
    let set = inputs("[\"folder\", \"other/e.txt\"]");
    let ended = place.run("run", &["--until", "tokenize", &set[0], &set[1]]);
    ended.refused("a folder", 2, &["counted twice", "e.txt"]);
    let set = inputs("[\"-\", \"d.txt\"]");
    let mut command = place.run_command("run", &["--until", "tokenize"]);
    command.args(set).stdin(fs::File::open(place.path("link.txt")).unwrap());
    end(command, &[]).refused("the standard input", 2, &["counted twice"]);
}

#[test]
fn a_list_that_is_a_pipe_was_read_twice_and_empty_the_second_time() {
    let place = Place::new(PIPELINE);
    place.write("text.txt", "some words of a text\n");
    fifo(&place.path("list.pipe"));
    let keys = [
        "corpus.stop_words=list.pipe",
        "vocabulary.keep=list.pipe",
        "vocabulary.drop=list.pipe",
        "phrases.list=list.pipe",
    ];
    for key in keys {
        let ended = place.run("run", &["--until", "vocabulary", "--set", key]);
        ended.refused(key, 2, &["list.pipe", "not a regular file", "write it to a file first"]);
    }
}
