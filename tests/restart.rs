//! Runs that do not come to their end: killed, stopped by a signal or a clock, out of disk, or asked
//! to go on with other settings. What stands under its final name is always whole, and the run that
//! follows ends with the bytes of one that was never disturbed.
//!
//! Instants are told by the files that a run makes and by its progress, never by the clock.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use crate::support::{
    Dice, Ended, Place, TINY, Tree, artefacts, assert_same, end, kill_when, names, tiny,
    tiny_artefacts, tree, wait_until,
};

/// A stage at work, told by the beginning of the name of a file that it makes.
const POINTS: &[&str] = &[
    "run.json",
    "tokens/shard-00000-00003.tok",
    "vocab/remap-00000-00004.bin",
    "vocab/vocabulary.safetensors",
    "spill/",
    "matrix/rows-00001",
    "matrix/rows-00009",
    "matrix/index.json",
    "tiles/stripe-004",
    "models/sgns/checkpoint-a",
    "vectors/sgns",
    "models/hs/tiles/stripe-006",
    "models/hs/checkpoint-a",
    "models/glove/checkpoint-a",
];
/// A machine may be so busy that a file comes and goes unseen.
const ATTEMPTS: usize = 10;

fn has(place: &Place, prefix: &str) -> bool {
    names(&place.path("run")).iter().any(|name| name.starts_with(prefix))
}

/// Every file under its final name is that of the undisturbed run.
fn assert_whole(what: &str, place: &Place, expected: &Tree) {
    for (name, bytes) in artefacts(&place.path("run")) {
        let same = expected.get(&name).is_none_or(|whole| *whole == bytes);
        assert!(same, "{what}: {name} is not whole");
    }
}

/// Runs to the end and compares.
fn assert_goes_on(what: &str, place: &Place, expected: &Tree) {
    assert_whole(what, place, expected);
    assert_same(what, expected, &place.made("run", &[]));
}

#[test]
fn a_run_that_was_killed_at_any_stage_goes_on() {
    let expected = tiny_artefacts();
    for point in POINTS {
        let killed = (0..ATTEMPTS).find_map(|_| {
            let place = Place::new(TINY);
            kill_when(place.run_command("run", &[]), || has(&place, point)).then_some(place)
        });
        let place = killed.unwrap_or_else(|| panic!("{point}: never seen"));
        assert_goes_on(&format!("killed at {point}"), &place, &expected);
    }
}

#[test]
fn a_run_that_was_killed_again_and_again_goes_on() {
    let (place, expected) = (Place::new(TINY), tiny_artefacts());
    for point in POINTS {
        if !has(&place, point) {
            kill_when(place.run_command("run", &[]), || has(&place, point));
            assert_whole(&format!("killed at {point}"), &place, &expected);
        }
    }
    assert_goes_on("killed at each point in turn", &place, &expected);
}

/// Starts a run and kills it when so many files were seen that were not there before. True if it
/// was killed.
fn kill_after_files(place: &Place, args: &[&str], files: u64) -> bool {
    let mut seen: BTreeSet<String> = names(&place.path("run")).into_iter().collect();
    let mut left = files;
    kill_when(place.run_command("run", args), || {
        let new = names(&place.path("run")).into_iter().filter(|name| seen.insert(name.clone()));
        left = left.saturating_sub(new.count() as u64);
        left == 0
    })
}

#[test]
fn runs_that_were_killed_at_random_instants_go_on() {
    let expected = tiny_artefacts();
    for seed in 1..=6 {
        let (place, mut dice) = (Place::new(TINY), Dice(seed));
        let mut kills = 0;
        while kills < 12 && kill_after_files(&place, &[], 1 + dice.roll(60)) {
            kills += 1;
            assert_whole(&format!("seed {seed}, kill {kills}"), &place, &expected);
        }
        println!("seed {seed}: {kills} kills");
        assert_goes_on(&format!("seed {seed}, {kills} kills"), &place, &expected);
    }
}

/// Between the publication of vectors and their row in the ledger, checkpoints are still there.
#[test]
fn a_trainer_killed_after_its_vectors_leaves_nothing_behind() {
    let expected = tiny_artefacts();
    let place = Place::new(TINY);
    place.run("run", &[]).expect(0);
    let ledger = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    let mut ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    for row in ledger["stages"].as_array_mut().unwrap() {
        if row["name"].as_str().unwrap().starts_with("train:") {
            row["state"] = "partial".into();
            row["outputs"] = serde_json::Value::Array(Vec::new());
        }
    }
    place.write("run/run.json", ledger.to_string());
    place.write("run/models/sgns/checkpoint-b.safetensors", "left over");
    place.write("run/models/hs/checkpoint-a.safetensors.partial", "left over");
    place.write("run/models/hs/tiles/stripe-000.tiles", "left over");
    assert_goes_on("published, not on record", &place, &expected);
}

fn send(process: u32, signals: &[&str]) {
    for signal in signals {
        let script = ["-c", "kill -\"$1\" \"$0\"", &process.to_string(), signal];
        assert!(Command::new("sh").args(script).status().unwrap().success());
    }
}

/// Asks a run to stop once it has reported this stage; gives its exit code.
fn stop_after(place: &Place, stage: &str) -> Option<i32> {
    let mut command = place.run_command("run", &["--progress", "json"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut asked = false;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else {
            panic!("not an event: {line}");
        };
        if !asked && event["stage"] == stage && event["type"] == "progress" {
            send(child.id(), &["TERM"]);
            asked = true;
        }
    }
    assert!(asked, "no event of {stage}");
    wait_until(&mut child, |_| ()).code()
}

#[test]
fn a_run_that_was_asked_to_stop_ends_with_75_and_goes_on() {
    let expected = tiny_artefacts();
    for stage in ["tokenize", "cooccur", "merge", "shuffle", "train:sgns", "train:hs"] {
        let stopped = (0..ATTEMPTS).find_map(|_| {
            let place = Place::new(TINY);
            let code = stop_after(&place, stage);
            // The request may come when nothing is left to do.
            assert!(matches!(code, Some(0 | 75)), "{stage}: {code:?}");
            (code == Some(75)).then_some(place)
        });
        let place = stopped.unwrap_or_else(|| panic!("{stage}: never stopped in time"));
        let names = names(&place.path("run"));
        assert!(!names.iter().any(|name| name.ends_with(".partial")), "{stage}: {names:?}");
        assert_goes_on(&format!("stopped after {stage}"), &place, &expected);
    }
}

/// A trainer that is at work for an hour.
const LONG: [&str; 4] = ["--set", "train.0.epochs=100000", "--progress", "none"];

/// A run that is at work, and is killed where a test ends without waiting for it.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, and waits until it trains.
pub fn start_training(place: &Place) -> Running {
    let child = place.run_command("run", &LONG).stdout(Stdio::null()).spawn().unwrap();
    let mut running = Running(child);
    while !has(place, "models/sgns/checkpoint-a") {
        assert!(running.0.try_wait().unwrap().is_none(), "it ended before it trained");
        std::thread::yield_now();
    }
    running
}

#[test]
fn a_run_that_is_asked_says_how_far_it_is() {
    let place = Place::new(TINY);
    let mut running = start_training(&place);
    let child = &mut running.0;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    send(child.id(), &["USR1"]);
    let answer = lines.next().unwrap();
    for says in ["train sgns: ", " tiles, ", "loss", " left"] {
        assert!(answer.contains(says), "{says:?} is not in {answer:?}");
    }
    send(child.id(), &["TERM"]);
    let last: Vec<String> = lines.collect();
    assert!(last.len() == 1 && last[0].contains("stopped on request"), "{last:?}");
    assert_eq!(child.wait().unwrap().code(), Some(75));
}

#[test]
fn a_second_signal_ends_a_run_at_once_and_without_harm() {
    let place = Place::new(TINY);
    let mut running = start_training(&place);
    // Both wait until it may go on: it cannot end in between.
    send(running.0.id(), &["STOP", "TERM", "INT", "CONT"]);
    let status = running.0.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}");
    let changed = ["--set", "train.0.epochs=3", "--rebuild"];
    assert_same("after a second signal", &tiny_artefacts(), &place.made("run", &changed));
}

#[test]
fn a_long_run_can_be_cut_into_pieces_of_a_second() {
    let long = ["--set", "train.2.dim=64", "--set", "train.2.epochs=120"];
    let place = Place::new(TINY);
    let expected = place.made("whole", &long);
    let mut pieces = 0;
    loop {
        pieces += 1;
        let done = place.run("pieces", &[&long[..], &["--max-time", "1s"]].concat());
        if done.code() == Some(0) {
            break;
        }
        done.refused("a piece", 75, &["stopped on request", "run again to resume"]);
        assert!(pieces < 500, "no end after {pieces} pieces");
    }
    assert!(pieces > 1, "the run is too short for this test");
    assert_same(&format!("{pieces} pieces"), &expected, &artefacts(&place.path("pieces")));
}

/// Runs with a limit on the size of a file, in units of 512 bytes: what a full disk looks like.
fn run_limited(place: &Place, limit: u32) -> Ended {
    let run = place.run_command("run", &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", &limit.to_string()]);
    command.arg(run.get_program()).args(run.get_args());
    command.current_dir(place.path("")).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in run.get_envs() {
        command.env_remove(name);
    }
    end(command, &[])
}

#[test]
fn a_run_that_cannot_write_says_so_and_goes_on() {
    let expected = tiny_artefacts();
    for limit in [8, 20, 80, 160, 240, 400] {
        let place = Place::new(TINY);
        let what = format!("files of at most {limit} half kilobytes");
        run_limited(&place, limit).refused(&what, 5, &["writing", "run"]);
        assert_goes_on(&what, &place, &expected);
    }
}

fn inodes(place: &Place, prefixes: &[&str]) -> Vec<(String, u64)> {
    let root = place.path("run");
    let ours = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let inode = |name: String| (name.clone(), root.join(name).metadata().unwrap().ino());
    names(&root).into_iter().filter(ours).map(inode).collect()
}

/// Changes a setting of a finished run: it is refused and nothing is touched; with `--rebuild` the
/// files are those of a fresh run, and files with these prefixes are the ones that were there.
fn check_change(setting: &str, says: &[&str], untouched: &[&str]) {
    let place = Place::new(TINY);
    place.put_tree("run", tiny());
    let kept = inodes(&place, untouched);
    assert_eq!(kept.is_empty(), untouched.is_empty());
    place.run("run", &["--set", setting]).refused(setting, 2, says);
    assert_same(&format!("{setting}, refused"), tiny(), &tree(&place.path("run")));
    let fresh = place.made("fresh", &["--set", setting]);
    let rebuilt = place.made("run", &["--set", setting, "--rebuild"]);
    assert_same(&format!("{setting}, rebuilt"), &fresh, &rebuilt);
    assert_eq!(kept, inodes(&place, untouched), "{setting}: files were replaced");
}

#[test]
fn a_changed_setting_is_refused_until_a_rebuild() {
    let says = ["cooccur.window was 3, is 4 (stage cooccur)", "--rebuild", "--run-dir", "train:hs"];
    check_change("cooccur.window=4", &says, &["tokens/", "vocab/"]);
    let says = ["vocabulary.min_count was 3, is 9 (stage vocabulary)", "--rebuild", "merge"];
    check_change("vocabulary.min_count=9", &says, &["tokens/"]);
    let says = ["corpus.lowercase was true, is false (stage tokenize)", "--rebuild"];
    check_change("corpus.lowercase=false", &says, &[]);
}

#[test]
fn a_changed_trainer_leaves_the_others_alone() {
    let says = ["train.sgns.dim was 8, is 12 (stage train:sgns)", "--rebuild"];
    let others = ["tokens/", "vocab/", "matrix/", "tiles/", "vectors/hs", "vectors/glove"];
    check_change("train.0.dim=12", &says, &others);
    let says = ["train.glove.x_max was 10.0, is 20.0 (stage train:glove)"];
    let others = ["tokens/", "vocab/", "matrix/", "tiles/", "vectors/hs", "vectors/sgns"];
    check_change("train.2.x_max=20.0", &says, &others);
}

#[test]
fn a_rebuild_that_was_killed_goes_on_without_being_asked_again() {
    let change = ["--set", "vocabulary.min_count=9"];
    let fresh = Place::new(TINY).made("run", &change);
    for seed in 1..=6 {
        let (place, mut dice) = (Place::new(TINY), Dice(seed));
        place.put_tree("run", tiny());
        let rebuild = [change[0], change[1], "--rebuild"];
        if seed % 2 == 0 {
            kill_after_files(&place, &rebuild, 1 + dice.roll(30));
        } else {
            let doomed = ["vocab/vocabulary.tsv", "matrix/rows-00003", "vectors/sgns"];
            let doomed = doomed[dice.roll(3) as usize];
            kill_when(place.run_command("run", &rebuild), || !has(&place, doomed));
        }
        // It may have been killed before it had forgotten anything.
        let went_on = place.run("run", &change).code() == Some(0);
        let made = place.made("run", &rebuild[..if went_on { 2 } else { 3 }]);
        assert_same(&format!("seed {seed}"), &fresh, &made);
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let place = Place::new(TINY);
    let long = ["--set", "train.2.epochs=100000"];
    let mut first = place.run_command("run", &long);
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let holder = format!("process {}", first.id());
    let mut told = false;
    wait_until(&mut first, |first| {
        let lock = std::fs::read_to_string(place.path("run/run.lock")).unwrap_or_default();
        if !told && lock.trim() == holder {
            let says = ["run.lock", &holder, "another run directory"];
            place.run("run", &long).refused("a second process", 2, &says);
            told = true;
            first.kill().unwrap();
        }
    });
    assert!(told, "the first process never took its lock");
    // The lock goes with the process, whatever the file says.
    place.run("run", &[&long[..], &["--until", "tokenize"]].concat()).expect(0);
}
