//! What a user meets beside results: status of a run that is at work, logs, warnings, help, shells, the doctor.

use serde_json::Value;

use crate::restart::start_training;
use crate::support::{Place, TINY, wait_until};
use crate::using::says;

#[test]
fn status_of_a_run_that_is_at_work_no_longer_says_that_it_stopped() {
    let place = Place::new(TINY);
    let mut running = start_training(&place);
    let said = says(&place, &["status", "run"]);
    let process = running.0.id();
    let first = format!("running: process {process}, at the stage train:sgns\n");
    assert!(said.starts_with(&first), "{said}");
    assert!(said.contains("train:sgns       running"), "{said}");
    assert!(!said.contains("run again"), "{said}");
    let json: Value = serde_json::from_str(&says(&place, &["status", "run", "--json"])).unwrap();
    assert_eq!(json["running"]["stage"], "train:sgns");
    running.0.kill().unwrap();
    wait_until(&mut running.0, |_| ());
    let said = says(&place, &["status", "run"]);
    assert!(said.contains("partial") && said.contains("run again"), "{said}");
}

#[test]
fn vectors_that_are_damaged_are_not_listed_as_results() {
    let place = Place::new(TINY);
    place.run("run", &["-q"]).expect(0);
    let path = place.path("run/vectors/hs.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let ended = place.run("run", &["-q"]).expect(4);
    assert!(ended.stderr.contains("delete the file and run again"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hs.safetensors"), "{}", ended.stderr);
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("hs.safetensors"));
    std::fs::remove_file(&path).unwrap();
    let ended = place.run("run", &["-q"]).expect(0);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("hs.safetensors"));
}

#[test]
fn warnings_are_shown_without_progress_and_hidden_by_quiet() {
    let place = Place::new(TINY);
    place.write(
        "a.jsonl",
        "{\"text\": \"the mill grinds\"}\n{broken\n{\"text\": \"the mill grinds\"}\n",
    );
    place.write("b.txt", b"the mill \xff grinds\nthe mill grinds\n");
    let of = |input: &str, format: &str, flags: &[&str]| {
        let input = format!("corpus.inputs=[\"{input}\"]");
        let format = format!("corpus.format={format}");
        let args = ["--until", "tokenize", "--set", &input, "--set", &format];
        let dir = format!("run-{}-{}", &format[14..], flags.len());
        place.run(&dir, &[&args, flags].concat()).expect(0).stderr
    };
    let broken = of("a.jsonl", "jsonl", &["--progress", "none"]);
    assert!(broken.contains("wordmill: tokenize: 1 of 3 records"), "{broken}");
    let replaced = of("b.txt", "lines", &["--progress", "none"]);
    assert!(replaced.contains("1 line is not UTF-8"), "{replaced}");
    assert_eq!(of("a.jsonl", "jsonl", &["-q"]), "");
    assert_eq!(of("b.txt", "lines", &["-q"]), "");
    let loud = of("b.txt", "lines", &["-v", "--progress", "none", "--threads", "1"]);
    assert!(loud.contains("tokenize/00000-00000 is made"), "{loud}");
    assert!(loud.contains("chunk_bytes = "), "{loud}");
}

#[test]
fn a_log_has_times_and_levels_and_grows() {
    let place = Place::new(TINY);
    let args = ["--progress", "none", "--until", "vocabulary", "--log", "run.log"];
    place.run("run", &args).expect(0);
    let first = std::fs::read_to_string(place.path("run.log")).unwrap();
    for (line, at) in first.lines().zip(1..) {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "line {at}: {line}");
        assert!(rest.starts_with("INFO "), "line {at}: {line}");
    }
    assert!(first.contains("INFO  tokenize: done after"), "{first}");
    let args = ["--log", "run.log", "--log-level", "debug", "--set", "train.0.dim=0"];
    place.run("run", &args).expect(2);
    let second = std::fs::read_to_string(place.path("run.log")).unwrap();
    let new = second.strip_prefix(&first).expect("it was appended to");
    assert!(new.contains("ERROR "), "{new}");
    place.run("run", &["--log", "no/such/folder.log"]).expect(2);
}

#[test]
fn a_format_is_told_by_the_ending_and_packed_files_are_read_again() {
    let place = Place::new(TINY);
    place.run("run", &["-q"]).expect(0);
    let vectors = "run/vectors/sgns.safetensors";
    let near = says(&place, &["similar", vectors, "the"]);
    for out in ["a.vec", "a.vec.gz", "a.vec.zst", "a.bin.gz", "a.fifu"] {
        place.wordmill(&["export", vectors, out]).expect(0);
        let ended = place.wordmill(&["similar", out, "the", "-q"]).expect(0);
        assert_eq!(String::from_utf8_lossy(&ended.stdout), near, "{out}");
        assert_eq!(ended.stderr, "", "{out}");
    }
    let unpacked = place.wordmill(&["convert", "a.vec.gz", "b.vec"]).expect(0);
    assert!(!unpacked.stdout.is_empty());
    let [a, b] = ["a.vec", "b.vec"].map(|name| std::fs::read(place.path(name)).unwrap());
    assert!(a == b, "unpacked again it is the same");
    place.wordmill(&["export", vectors, "a.npy.gz"]).refused("npy", 2, &["npy is not packed"]);
    place.wordmill(&["export", vectors, "a.txt"]).refused("txt", 2, &["names no format"]);
}

#[test]
fn slips_of_commands_and_flags_come_with_what_is_alike() {
    let place = Place::new(TINY);
    place.wordmill(&["statsu", "run"]).refused("a command", 2, &["'status'"]);
    place.wordmill(&["run", "--unitl", "merge"]).refused("a flag", 2, &["'--until'"]);
    place.wordmill(&["run", "--progress", "jsno"]).refused("a value", 2, &["'json'"]);
    place.wordmill(&["run", "--until", "merg"]).refused("a stage", 2, &["did you mean \"merge\"?"]);
}

#[test]
fn shells_manuals_doctor_and_version_have_what_they_need() {
    let place = Place::new(TINY);
    for (shell, begins) in [
        ("bash", "_wordmill()"),
        ("zsh", "#compdef wordmill"),
        ("fish", "# "),
        ("powershell", "\nusing"),
    ] {
        let script = says(&place, &["completions", shell]);
        assert!(
            script.starts_with(begins) && script.contains("import-counts"),
            "{shell}: {script}"
        );
    }
    assert!(says(&place, &["man"]).contains(".TH wordmill 1"));
    says(&place, &["man", "pages"]);
    assert!(place.path("pages/wordmill-import-counts.1").is_file());
    let said = says(&place, &["doctor"]);
    assert!(said.lines().count() == 7 && said.contains("ok    renames"), "{said}");
    assert_eq!(std::fs::read_dir(place.path("")).unwrap().count(), 2, "nothing is left behind");
    place.wordmill(&["doctor", "nowhere"]).refused("no folder", 2, &["checks failed"]);
    let version = says(&place, &["-V", "-v"]);
    for fact in ["features: ", "target: ", "kernels: ", "threads: "] {
        assert!(version.contains(fact), "{version}");
    }
    assert_eq!(says(&place, &["-Vv"]), version);
    assert_eq!(says(&place, &["--version"]).lines().count(), 1);
}
