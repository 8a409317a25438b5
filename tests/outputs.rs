//! Outputs that are not new files: pipes, devices, links, standard output. Only a regular file is replaced by a rename.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::process::{Command, Stdio};

use crate::support::{Ended, Place, end, tiny};

const VEC: &str = "3 2\nlake 0.5 -1\nhill 0.25 8\nfog -3 0.125\n";
const GLOVE: &str = "lake 0.5 -1\nhill 0.25 8\nfog -3 0.125\n";

fn place() -> Place {
    let place = Place::new("");
    place.write("v.vec", VEC);
    place.wordmill(&["convert", "v.vec", "v.safetensors"]).expect(0);
    place
}

/// Makes a special file in the place; `false` if that is not allowed.
fn make(place: &Place, program: &str, args: &[&str]) -> bool {
    let made = Command::new(program).args(args).current_dir(place.path("")).status();
    made.is_ok_and(|status| status.success())
}

/// Runs the program while a thread reads the pipe `pipe`; returns what was read.
fn with_reader(place: &Place, pipe: &str, args: &[&str]) -> (Ended, String) {
    let mut reader = Command::new("timeout");
    reader.args(["20", "cat", pipe]).current_dir(place.path("")).stdout(Stdio::piped());
    let reader = reader.spawn().unwrap();
    let ended = place.wordmill(args);
    // A reader of a pipe without a writer would wait for its timeout.
    if ended.code() != Some(0) {
        let open = fs::OpenOptions::new().read(true).write(true).open(place.path(pipe));
        drop(open);
    }
    let read = reader.wait_with_output().unwrap().stdout;
    (ended, String::from_utf8(read).unwrap())
}

/// The commands that write vectors in a format that does not need a file.
fn streamed(out: &str) -> [Vec<&str>; 2] {
    [
        vec!["convert", "v.vec", out, "--format", "glove"],
        vec!["export", "v.safetensors", out, "--format", "glove"],
    ]
}

#[test]
fn a_pipe_is_written_into_and_stays_a_pipe() {
    let place = place();
    assert!(make(&place, "mkfifo", &["p"]));
    symlink("p", place.path("link")).unwrap();
    for out in ["p", "link"] {
        for args in streamed(out) {
            let (ended, read) = with_reader(&place, "p", &args);
            assert!(ended.expect(0).stdout.is_empty(), "messages go to standard error");
            assert_eq!(read, GLOVE, "{args:?}");
        }
    }
    assert!(fs::symlink_metadata(place.path("p")).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(place.path("link")).unwrap().is_symlink());
}

#[test]
fn a_device_is_written_into_and_stays_a_device() {
    let place = place();
    // The test's own null device: as root it could destroy that of the system.
    if !make(&place, "mknod", &["null", "c", "1", "3"]) {
        println!("skipped: devices cannot be made here");
        return;
    }
    for args in streamed("null") {
        place.wordmill(&args).expect(0);
    }
    place.wordmill(&["init", "null"]).expect(0);
    let is_device =
        || fs::symlink_metadata(place.path("null")).unwrap().file_type().is_char_device();
    assert!(is_device());
    place.wordmill(&["convert", "v.vec", "null", "--format", "npy"]).refused("npy", 2, &["null"]);
    place.put_tree("run", tiny());
    for format in ["npz", "mtx", "glove", "ppmi"] {
        let args = ["matrix", "run", "--format", format, "null"];
        place.wordmill(&args).refused(format, 2, &["null", "name a regular file"]);
    }
    assert!(is_device());
    let left = crate::support::names(&place.path(""));
    assert!(left.iter().all(|name| !name.contains("vocab.txt") && !name.contains("partial")));
}

#[test]
fn a_minus_is_standard_output_and_no_file_of_that_name() {
    let place = place();
    let formats = [
        ("glove", GLOVE.as_bytes()),
        ("word2vec-text", VEC.as_bytes()),
        ("fasttext-vec", VEC.as_bytes()),
    ];
    for out in ["-", "/dev/stdout", "/proc/self/fd/1", "link"] {
        if out == "link" {
            symlink("/proc/self/fd/1", place.path(out)).unwrap();
        }
        for (format, expected) in formats {
            let ended =
                place.wordmill(&["export", "v.safetensors", out, "--format", format]).expect(0);
            assert!(ended.stdout == expected, "{format} to {out}");
            assert!(ended.stderr.contains(" bytes"), "{}", ended.stderr);
        }
        for format in ["npy", "safetensors", "projector"] {
            let args = ["convert", "v.vec", out, "--format", format];
            let ended = place.wordmill(&args);
            assert!(ended.stdout.is_empty());
            ended.refused(format, 2, &["pipe or a device", "name a regular file"]);
        }
    }
    let ended = place.wordmill(&["init", "-"]).expect(0);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("[corpus]"));
    let left = crate::support::names(&place.path(""));
    assert_eq!(left, ["link", "pipeline.toml", "v.safetensors", "v.vec"]);
}

#[test]
fn standard_output_that_is_a_file_is_written_on_not_replaced() {
    let place = place();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_wordmill")]).current_dir(place.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        end(command, &[]).expect(0)
    };
    for out in ["-", "/dev/stdout"] {
        shell(&format!(
            "{{ echo first; \"$0\" convert v.vec {out} --format glove; echo last; }} > made"
        ));
        let made = fs::read_to_string(place.path("made")).unwrap();
        assert_eq!(made, format!("first\n{GLOVE}last\n"), "{out}");
    }
    shell("echo first > made; \"$0\" convert v.vec /dev/fd/3 --format glove 3>> made");
    assert_eq!(fs::read_to_string(place.path("made")).unwrap(), format!("first\n{GLOVE}"));
}

#[test]
fn a_link_stays_a_link_and_its_target_is_replaced_when_the_new_one_is_whole() {
    let place = place();
    place.write("far/target.vec", "old");
    symlink("far/target.vec", place.path("one")).unwrap();
    symlink("one", place.path("two")).unwrap();
    symlink("far/new.vec", place.path("dangling")).unwrap();
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    place.write("bad", "lake 1 2\nhill nan 1\n");
    place.wordmill(&["convert", "bad", "two", "--format", "glove"]).refused("bad", 4, &["line 2"]);
    assert_eq!(read("far/target.vec"), "old");
    for out in ["two", "dangling"] {
        place.wordmill(&["convert", "v.vec", out, "--format", "glove"]).expect(0);
        assert_eq!(read(out), GLOVE);
    }
    place.wordmill(&["convert", "v.vec", "one", "--format", "safetensors"]).expect(0);
    place.wordmill(&["similar", "far/target.vec", "lake"]).expect(0);
    assert_eq!(read("far/new.vec"), GLOVE);
    for link in ["one", "two", "dangling"] {
        assert!(fs::symlink_metadata(place.path(link)).unwrap().is_symlink(), "{link}");
    }
    let left = crate::support::names(&place.path(""));
    assert!(left.iter().all(|name| !name.contains("partial")), "{left:?}");
    symlink("round", place.path("round")).unwrap();
    place.wordmill(&["convert", "v.vec", "round", "--format", "glove"]).refused(
        "a loop",
        2,
        &["round"],
    );
    // The page of a matrix and its words, too.
    place.put_tree("run", tiny());
    place.write("far/counts.npz", "old");
    symlink("far/counts.npz", place.path("counts")).unwrap();
    place.wordmill(&["matrix", "run", "--format", "npz", "counts"]).expect(0);
    assert!(fs::read(place.path("far/counts.npz")).unwrap().starts_with(b"PK"));
    symlink("run/matrix/index.json", place.path("inside")).unwrap();
    let args = ["matrix", "run", "--format", "npz", "inside"];
    place.wordmill(&args).refused("a file of the run", 2, &["files of its own"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let place = Place::new("");
    let rows: String = (0..20_000).map(|row| format!("word{row} {row} 0.5 0.25\n")).collect();
    place.write("many.txt", rows);
    let mut command = Command::new("bash");
    let script = "\"$0\" convert many.txt - --format glove | head -n 1; echo ${PIPESTATUS[0]}";
    command.args(["-c", script, env!("CARGO_BIN_EXE_wordmill")]).current_dir(place.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = end(command, &[]).expect(0);
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "word0 0 0.5 0.25\n0\n");
    assert!(!ended.stderr.contains("wordmill: "), "{}", ended.stderr);
}

#[test]
fn places_where_no_file_can_be_are_refused_before_anything_is_read() {
    let place = place();
    fs::create_dir(place.path("folder")).unwrap();
    for out in ["folder", "folder/", "new/"] {
        let args = ["convert", "v.vec", out, "--format", "glove"];
        place.wordmill(&args).refused(out, 2, &[out, "directory", "name a file"]);
    }
    let args = ["convert", "v.vec", "v.vec", "--format", "glove"];
    place.wordmill(&args).refused("the same", 2, &["this is the file that is read"]);
    fs::hard_link(place.path("v.vec"), place.path("other.vec")).unwrap();
    place.wordmill(&["convert", "v.vec", "other.vec", "--format", "glove"]).expect(0);
    assert_eq!(
        fs::read_to_string(place.path("v.vec")).unwrap(),
        VEC,
        "the other name is another file now"
    );
    place.wordmill(&["convert", "v.vec", "new/deep/w.vec"]).expect(0);
    place.wordmill(&["init", "pipeline.toml"]).refused("a file", 2, &["there is such a file"]);
    let ended = place.wordmill(&["init", "pipeline.toml"]);
    assert!(!ended.stderr.contains("delete"), "{}", ended.stderr);
}
