//! A finished run after a change around it: its text is moved or gone, a list is edited, a setting is reverted, the
//! folder or environment is another. Later stages depend on the results of earlier ones, not on where the text was.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{Ended, Place, Tree, artefacts, assert_same, end, names};

const PIPELINE: &str = r#"
[run]
memory = "64MiB"
[corpus]
inputs = ["text.txt"]
chunk_bytes = "32KiB"
[vocabulary]
min_count = 2
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

fn place_of(pipeline: &str) -> Place {
    let place = Place::new(pipeline);
    let text = place.wordmill(&["sample", "--bytes", "150KB"]).expect(0).stdout;
    place.write("text.txt", text);
    place
}

fn finished(pipeline: &str) -> (Place, Tree) {
    let place = place_of(pipeline);
    let made = place.made("run", &[]);
    (place, made)
}

fn set(setting: &str) -> [&str; 2] {
    ["--set", setting]
}

/// Seconds that each stage took, by name; a stage that was not touched keeps them.
fn seconds(place: &Place) -> Vec<(String, String)> {
    let ledger = fs::read_to_string(place.path("run/run.json")).unwrap();
    let ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    let row = |row: &serde_json::Value| (row["name"].to_string(), row["seconds"].to_string());
    ledger["stages"].as_array().unwrap().iter().map(row).collect()
}

fn assert_nothing_done(what: &str, place: &Place, args: &[&str], expected: &Tree) -> Ended {
    let before = seconds(place);
    let ended = place.run("run", args).expect(0);
    assert_same(what, expected, &artefacts(&place.path("run")));
    assert_eq!(seconds(place), before, "{what}: no stage ran");
    ended
}

/// Sets the modification time of the file to now.
fn touch(place: &Place, name: &str) {
    let file = fs::File::options().append(true).open(place.path(name)).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
}

#[test]
fn a_text_that_was_deleted_stopped_every_run() {
    let (place, made) = finished(PIPELINE);
    fs::remove_file(place.path("text.txt")).unwrap();
    let ended = assert_nothing_done("deleted", &place, &["--progress", "plain"], &made);
    assert!(ended.stderr.contains("text.txt") && ended.stderr.contains("tokens are here"));
    let status = place.wordmill(&["status", "run"]).expect(0);
    let text = String::from_utf8_lossy(&status.stdout);
    assert!(text.contains("text.txt") && text.contains("tokens are here"), "{text}");
    assert!(
        !text.contains("stale") && text.contains("settings") == text.contains("settings"),
        "{text}"
    );
    // A trainer is rebuilt without the text, and only that.
    let epochs = set("train.0.epochs=2");
    place.run("run", &epochs).refused("epochs", 2, &["train.sgns.epochs was 1, is 2", "--rebuild"]);
    place.run("run", &["--rebuild", epochs[0], epochs[1]]).expect(0);
    let again = artefacts(&place.path("run"));
    let differing: Vec<&String> =
        made.keys().filter(|name| again.get(*name) != made.get(*name)).collect();
    assert_eq!(differing, ["vectors/sgns.safetensors"]);
    // Stages that need the text report that it is missing.
    let lower = set("corpus.lowercase=false");
    let ended = place.run("run", &["--rebuild", epochs[0], epochs[1], lower[0], lower[1]]);
    ended.refused("another tokenizer", 3, &["text.txt", "no such file"]);
    assert_same("refused", &again, &artefacts(&place.path("run")));
    // Another missing text is not mistaken for the original one.
    let other = set("corpus.inputs=[\"other.txt\"]");
    let ended = place.run("run", &[epochs[0], epochs[1], other[0], other[1]]);
    ended.refused("another text", 3, &["other.txt", "no such file"]);
}

#[test]
fn a_text_that_was_deleted_half_way_is_not_needed() {
    let (place, made) = finished(PIPELINE);
    for until in ["tokenize", "vocabulary", "cooccur", "shuffle"] {
        let other = place_of(PIPELINE);
        other.run("run", &["--until", until]).expect(0);
        fs::remove_file(other.path("text.txt")).unwrap();
        other.run("run", &[]).expect(0);
        assert_same(until, &made, &artefacts(&other.path("run")));
    }
    fs::remove_file(place.path("text.txt")).unwrap();
    fs::remove_file(place.path("run/tokens/shard-00000-00001.tok")).unwrap();
    let ended = place.run("run", &[]);
    ended.refused("a shard is missing", 3, &["text.txt", "no such file"]);
}

#[test]
fn a_text_that_was_touched_or_moved_or_packed_rebuilt_everything() {
    let (place, made) = finished(PIPELINE);
    touch(&place, "text.txt");
    assert_nothing_done("touched", &place, &[], &made);
    // It is compared once.
    let ended = assert_nothing_done("again", &place, &["--progress", "plain"], &made);
    assert!(!ended.stderr.contains("comparing"), "{}", ended.stderr);
    fs::rename(place.path("text.txt"), place.path("moved.txt")).unwrap();
    let moved = set("corpus.inputs=[\"moved.txt\"]");
    assert_nothing_done("moved", &place, &moved, &made);
    let bytes = fs::read(place.path("moved.txt")).unwrap();
    place.write("packed.zst", zstd::encode_all(&bytes[..], 3).unwrap());
    let packed = set("corpus.inputs=[\"packed.zst\"]");
    assert_nothing_done("packed", &place, &packed, &made);
    fs::create_dir(place.path("folder")).unwrap();
    symlink(place.path("moved.txt"), place.path("folder/link.txt")).unwrap();
    let linked = set("corpus.inputs=[\"folder/link.txt\"]");
    assert_nothing_done("linked", &place, &linked, &made);
    // With --rebuild the text is read again, and the stages after it stay.
    touch(&place, "moved.txt");
    let before = seconds(&place);
    place.run("run", &["--rebuild", linked[0], linked[1]]).expect(0);
    assert_same("rebuilt", &made, &artefacts(&place.path("run")));
    let after = seconds(&place);
    let ran: Vec<&str> =
        before.iter().zip(&after).filter(|(a, b)| a != b).map(|it| it.0.0.as_str()).collect();
    assert_eq!(ran, ["\"tokenize\""]);
}

#[test]
fn other_bytes_in_a_text_are_noticed() {
    let (place, made) = finished(PIPELINE);
    let text = fs::read(place.path("text.txt")).unwrap();
    let mut changed = text.clone();
    let place_of_change = text.len() - 2000;
    changed[place_of_change..place_of_change + 3].copy_from_slice(b"zzz");
    let cases = [("changed", changed), ("cut", text[..text.len() - 40].to_vec())];
    for (what, bytes) in cases {
        place.write("text.txt", bytes);
        let ended = place.run("run", &["--progress", "plain"]);
        ended.refused(what, 2, &["text.txt", "is not what was tokenised", "--rebuild"]);
        assert_same(what, &made, &artefacts(&place.path("run")));
    }
    place.write("text.txt", text);
    assert_nothing_done("the first text is back", &place, &[], &made);
}

#[test]
fn rebuilding_up_to_a_stage_deleted_what_came_after_it() {
    let (place, made) = finished(PIPELINE);
    let text =
        [fs::read(place.path("text.txt")).unwrap(), b"a new line of text\n".to_vec()].concat();
    place.write("text.txt", text);
    place.run("run", &["--until", "vocabulary", "--rebuild"]).expect(0);
    let now = artefacts(&place.path("run"));
    let later =
        |name: &&String| ["matrix", "tiles", "vectors"].iter().any(|it| name.starts_with(it));
    for name in made.keys().filter(later) {
        assert_eq!(now.get(name), made.get(name), "{name}");
    }
    let status = place.wordmill(&["status", "run"]).expect(0).stdout;
    let status = String::from_utf8_lossy(&status).into_owned();
    assert!(status.contains("rebuilt when its turn comes"), "{status}");
    place.wordmill(&["verify", "run"]).expect(0);
    let matrix = ["matrix", "run", "m.npz", "--format", "npz"];
    place.wordmill(&matrix).refused("a matrix of other words", 2, &["merge", "is not done"]);
    // It resumes without another confirmation, and gives the result of a new run.
    place.run("run", &[]).expect(0);
    let fresh = place.made("fresh", &[]);
    assert_same("rebuilt", &fresh, &artefacts(&place.path("run")));
    place.wordmill(&["verify", "run"]).expect(0);
    let status = place.wordmill(&["status", "run"]).expect(0).stdout;
    assert!(!String::from_utf8_lossy(&status).contains("stale"));
}

#[test]
fn a_rebuild_of_any_setting_ends_as_a_new_run() {
    let (place, _) = finished(PIPELINE);
    let all = ["vocabulary.min_count=3", "cooccur.window=2", "tiles.grid=3", "run.seed=4"];
    let mut sets = Vec::new();
    for setting in all {
        sets.extend(set(setting));
        place.run("run", &sets).refused(setting, 2, &["--rebuild"]);
        place.run("run", &[&sets[..], &["--rebuild"]].concat()).expect(0);
        let dir = format!("fresh-{setting}");
        let fresh = place.made(&dir, &sets);
        assert_same(setting, &fresh, &artefacts(&place.path("run")));
    }
}

/// Whether a stage is running, according to the ledger.
fn is_at_work(place: &Place, stage: &str) -> bool {
    let text = fs::read_to_string(place.path("run/run.json")).unwrap_or_default();
    let ledger: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let rows = ledger["stages"].as_array().cloned().unwrap_or_default();
    rows.iter().any(|row| row["name"] == stage && row["state"] == "partial")
}

#[test]
fn a_rebuild_that_was_killed_goes_on_without_being_asked_again() {
    let sets =
        [set("vocabulary.min_count=3"), set("cooccur.window=2"), set("train.0.epochs=2")].concat();
    let (place, _) = finished(PIPELINE);
    let kept = crate::support::tree(&place.path("run"));
    let fresh = place.made("fresh", &sets);
    for stage in ["vocabulary", "cooccur", "merge", "shuffle", "train:sgns", "train:cbow"] {
        let other = place_of(PIPELINE);
        other.put_tree("run", &kept);
        // The text has another time there, so it is compared, too.
        let rebuild = [&sets[..], &["--rebuild"]].concat();
        let killed = crate::support::kill_when(other.run_command("run", &rebuild), || {
            is_at_work(&other, stage)
        });
        println!("{stage}: {}", if killed { "killed" } else { "it was faster" });
        other.run("run", &sets).expect(0);
        assert_same(stage, &fresh, &artefacts(&other.path("run")));
        other.wordmill(&["verify", "run"]).expect(0);
    }
}

#[test]
fn stages_that_the_pipeline_no_longer_has_stayed_for_ever() {
    let dropped = PIPELINE.replace("chunk_bytes", "duplicate_lines = \"drop\"\nchunk_bytes");
    let phrases = format!("{dropped}[phrases]\npasses = 1\nthreshold = 1.0\n");
    let (place, _) = finished(&phrases);
    place.wordmill(&["clean", "run"]).expect(0);
    place.write("pipeline.toml", PIPELINE);
    let ended = place.run("run", &["--rebuild", "--progress", "plain"]).expect(0);
    assert!(ended.stderr.contains("no longer has dedup, phrases"), "{}", ended.stderr);
    let status = place.wordmill(&["status", "run"]).expect(0).stdout;
    let status = String::from_utf8_lossy(&status).into_owned();
    assert_eq!(status.matches("the pipeline no longer has it").count(), 2, "{status}");
    let listed = place.wordmill(&["clean", "run"]).expect(0).stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    assert!(listed.contains("dedup") && listed.contains("clean run dedup phrases"), "{listed}");
    assert!(names(&place.path("run")).iter().any(|name| name.starts_with("dedup/")));
    place.wordmill(&["clean", "run", "merge"]).refused("a stage of the pipeline", 2, &["merge"]);
    place.wordmill(&["clean", "run", "nothing"]).refused("no stage", 2, &["choose dedup, phrases"]);
    place.wordmill(&["clean", "run", "dedup", "phrases"]).expect(0);
    let left = names(&place.path("run"));
    let is_gone = |name: &String| !name.starts_with("dedup/") && !name.starts_with("phrases/");
    assert!(left.iter().all(is_gone), "{left:?}");
    assert_same("cleaned", &place.made("fresh", &[]), &artefacts(&place.path("run")));
    place.wordmill(&["verify", "run"]).expect(0);
    place.wordmill(&["clean", "nowhere"]).refused("no run", 4, &["nowhere"]);
    assert!(!place.path("nowhere").exists());
}

#[test]
fn a_trainer_that_left_the_pipeline_can_be_removed() {
    let (place, _) = finished(PIPELINE);
    let one = PIPELINE.split("[[train]]\nname = \"cbow\"").next().unwrap();
    place.write("pipeline.toml", one);
    place.run("run", &[]).expect(0);
    assert!(place.path("run/vectors/cbow.safetensors").exists());
    place.wordmill(&["clean", "run", "train:cbow"]).expect(0);
    assert!(!place.path("run/vectors/cbow.safetensors").exists());
    assert!(place.path("run/vectors/sgns.safetensors").exists());
    place.wordmill(&["verify", "run"]).expect(0);
}

#[test]
fn status_called_a_run_stale_for_its_folder_or_environment() {
    let place = place_of(&PIPELINE.replace("inputs", "stop_words = \"stop.txt\"\ninputs"));
    place.write("stop.txt", "the\nof\n");
    let mut command = place.command(&["run", "--run-dir", "run", "--set", "cooccur.dropped=gap"]);
    command.env("WORDMILL__COOCCUR__WINDOW", "3").env("WORDMILL__TRAIN__SGNS__DIM", "5");
    end(command, &[]).expect(0);
    let run = place.path("run").display().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    for folder in [place.path(""), elsewhere.path().to_path_buf()] {
        for name in ["status", "verify", "report"] {
            let mut command = place.command(&[name, &run]);
            command.current_dir(&folder);
            let ended = end(command, &[]).expect(0);
            let text = String::from_utf8_lossy(&ended.stdout).into_owned() + &ended.stderr;
            assert!(!text.contains("stale") && !text.contains("cannot be read"), "{name}: {text}");
        }
    }
    // An edited file is noticed, a missing one is reported.
    let edited = fs::read_to_string(place.path("pipeline.toml")).unwrap();
    place.write("pipeline.toml", edited.replace("min_count = 2", "min_count = 3"));
    let text = place.wordmill(&["status", "run"]).expect(0).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("vocabulary.min_count was 2, is 3"), "{text}");
    fs::remove_file(place.path("pipeline.toml")).unwrap();
    fs::remove_file(place.path("stop.txt")).unwrap();
    let text = place.wordmill(&["status", "run"]).expect(0).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("the settings of the last run are compared"), "{text}");
    assert!(!text.contains("stale"), "{text}");
    place.wordmill(&["report", "run"]).expect(0);
}

#[test]
fn files_of_settings_lie_in_the_folder_of_the_run_for_every_command() {
    let pipeline = PIPELINE
        .replace("inputs", "stop_words = \"lists/stop.txt\"\ninputs")
        .replace("\"text.txt\"", "\"text.txt\", \"@more\", \"texts/*.txt\"")
        .replace(
            "[vocabulary]",
            "[phrases]\nlist = \"phrases.txt\"\n[vocabulary]\ndrop = \"drop.txt\"",
        )
        .replacen("dim = 4", "dim = 4\nfreeze = \"freeze.txt\"\ninit = \"start.vec\"", 1)
        + "[eval]\nanalogies = [\"questions.txt\"]\n";
    let files = [
        ("lists/stop.txt", "the\n"),
        ("drop.txt", "of\n"),
        ("freeze.txt", "and\n"),
        ("start.vec", "2 4\nand 1 2 3 4\nin 4 3 2 1\n"),
        ("phrases.txt", "in which\n"),
        ("more", "texts/a.text\n"),
        ("texts/a.text", "one word\n"),
        ("texts/b.txt", "another word\n"),
        ("questions.txt", ": words\nand in with from\n"),
    ];
    let place = place_of(&pipeline);
    // Files of the same names with other content must not be read.
    let elsewhere = Place::new("[nothing]");
    for (name, text) in files {
        place.write(name, text);
        elsewhere.write(name, "\0 other");
    }
    end(place.command(&["run", "--run-dir", "run"]), &[]).expect(0);
    let run = place.path("run").display().to_string();
    let both = |args: &[&str]| {
        let [here, there] = [&place, &elsewhere].map(|from| {
            let mut command = place.command(args);
            command.current_dir(from.path(""));
            let ended = end(command, &[]).expect(0);
            String::from_utf8(ended.stdout).unwrap() + &ended.stderr
        });
        assert_eq!(here, there, "{args:?}");
        there
    };
    let says = both(&["status", &run]);
    assert!(!says.contains("stale") && !says.contains("was"), "{says}");
    assert!(both(&["clean", &run]).contains("nothing to remove"));
    both(&["report", &run]);
    both(&["verify", &run]);
    for (name, key) in
        [("lists/stop.txt", "stop_words"), ("drop.txt", "drop"), ("start.vec", "init")]
    {
        let text = fs::read_to_string(place.path(name)).unwrap();
        place.write(name, text.replace('1', "2") + "on 1 1 1 1\n");
        let says = both(&["status", &run]);
        assert!(says.contains(&format!("{key} was ")), "{name}: {says}");
        place.write(name, text);
    }
    fs::remove_file(place.path("texts/b.txt")).unwrap();
    let says = both(&["status", &run]);
    assert!(says.contains("./texts/*.txt: ") && says.contains("tokens are here"), "{says}");
    place.write("pipeline.toml", pipeline.replace("freeze.txt", "missing.txt"));
    let says = both(&["status", &run]);
    assert!(says.contains("not compared: missing.txt: "), "{says}");
    place.write("pipeline.toml", pipeline.replace("name = \"cbow\"", "name = \"cbow2\""));
    assert!(both(&["clean", &run]).contains("train:cbow"));
}

#[test]
fn a_list_that_was_deleted_made_its_stage_stale() {
    let lists = PIPELINE
        .replace("inputs", "stop_words = \"stop.txt\"\ninputs")
        .replace("min_count = 2", "min_count = 2\ndrop = \"drop.txt\"")
        .replacen("dim = 4", "dim = 4\nfreeze = \"freeze.txt\"", 1);
    let place = place_of(&lists);
    for (name, words) in
        [("stop.txt", "the\n"), ("drop.txt", "of\n"), ("freeze.txt", "and\nwith\n")]
    {
        place.write(name, words);
    }
    let made = place.made("run", &[]);
    for name in ["stop.txt", "drop.txt", "freeze.txt"] {
        fs::remove_file(place.path(name)).unwrap();
        assert_nothing_done(name, &place, &[], &made);
    }
    // A newly named list that is missing is an error, and an edited one is noticed.
    place.run("run", &set("corpus.stop_words=other.txt")).refused(
        "another list",
        2,
        &["other.txt"],
    );
    place.write("drop.txt", "of\nthe\n");
    place.run("run", &[]).refused("edited", 2, &["vocabulary.drop was xxh3"]);
    assert_same("refused", &made, &artefacts(&place.path("run")));
}

#[test]
fn a_list_that_changes_during_a_run_was_recorded_as_it_was_before() {
    let lists = PIPELINE.replace("min_count = 2", "min_count = 2\ndrop = \"drop.txt\"");
    let place = place_of(&lists);
    place.write("drop.txt", "of\n");
    // The list changes when the tokens are finished: after it was checked, before it is used.
    let command = place.run_command("run", &[]);
    let mut changed = false;
    let mut child = { command }.spawn().unwrap();
    let status = crate::support::wait_until(&mut child, |_| {
        if !changed && names(&place.path("run")).iter().any(|it| it.starts_with("tokens/shard")) {
            place.write("drop.txt", "of\nthe\nand\n");
            changed = true;
        }
    });
    if status.success() {
        // The machine was faster than this test: the words of the list are the recorded ones.
        println!("skipped: the vocabulary was made before the list could be changed");
        return;
    }
    assert_eq!(status.code(), Some(2));
    place.run("run", &[]).expect(0);
    assert_same("run again", &place.made("fresh", &[]), &artefacts(&place.path("run")));
}

#[test]
fn a_variable_in_its_old_spelling_is_an_error_that_names_the_new_one() {
    let place = place_of(PIPELINE);
    let with = |name: &str, value: &str| {
        let mut command: Command = place.run_command("run", &["--until", "tokenize"]);
        command.env(name, value);
        end(command, &[])
    };
    let old = with("WORDMILL_COOCCUR_WINDOW", "3");
    old.refused("the old spelling", 2, &["WORDMILL_COOCCUR_WINDOW", "WORDMILL__COOCCUR__WINDOW"]);
    with("WORDMILL_PYTHON", "/usr/bin/python3").expect(0);
    with("WORDMILL_CHROMIUM", "chromium").expect(0);
    with("WORDMILL__COOCCUR__WINDW", "3").refused("a typo", 2, &["did you mean \"window\""]);
}
