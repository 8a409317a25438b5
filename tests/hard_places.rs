//! Environments in which a run cannot finish: a file system that fills up, one that is read-only, too few open
//! files, a partially copied run directory. Each is reported clearly, and the next run in a better environment
//! ends with the bytes of an undisturbed one.
//!
//! File systems are mounted in the test's own name space (`unshare`), if the system allows that;
//! otherwise these tests report that they are skipped.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use crate::support::{
    Dice, Ended, Place, TINY, Tree, artefacts, assert_same, end, tiny, tiny_artefacts,
};

/// Runs a script in its own mount name space, in the folder `run`. `None` if that is not allowed.
fn unshared(place: &Place, script: &str) -> Option<Ended> {
    let may = "mount -t tmpfs -o size=64k none . || exit 1";
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command.arg(env!("CARGO_BIN_EXE_wordmill")).current_dir(place.path(""));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WORDMILL_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let allowed = run(may).output().is_ok_and(|output| output.status.success());
    if !allowed {
        println!("skipped: file systems cannot be mounted here");
        return None;
    }
    Some(end(run(script), &[]))
}

/// `$0` is the program. The file system grows by a little after every failure.
const GROWING: &str = r#"
mkdir full kept && mount -t tmpfs -o size=32k none full || exit 99
size=32
while :; do
    "$0" run pipeline.toml --run-dir full/run >kept/out 2>kept/err
    code=$?
    [ $code = 0 ] && break
    echo "$size $code $(tail -n 1 kept/err)"
    [ $code = 5 ] || exit 1
    size=$((size + 44)) && mount -o remount,size=${size}k full || exit 99
    [ $size -lt 20000 ] || exit 98
done
cp -r full/run kept/run
"#;

#[test]
fn a_file_system_that_fills_up_is_reported_until_there_is_room() {
    let place = Place::new(TINY);
    let Some(ended) = unshared(&place, GROWING) else {
        return;
    };
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let ended = ended.expect(0);
    for line in text.lines() {
        let told = line.contains("No space left") || line.contains("are free");
        assert!(told && line.contains("full/run"), "{line}");
    }
    let failures = text.lines().count();
    assert!(failures >= 10, "{failures} failures:\n{text}{}", ended.stderr);
    println!("{failures} times full, then the same bytes");
    assert_same("after a full disk", &tiny_artefacts(), &artefacts(&place.path("kept/run")));
}

/// A finished run and an empty folder, both read-only.
const READ_ONLY: &str = r#"
mkdir sealed && mount -t tmpfs none sealed && mkdir sealed/empty && cp -r run sealed/run || exit 99
mount -o remount,ro sealed || exit 99
for what in "run pipeline.toml --run-dir sealed/empty" "run pipeline.toml --run-dir sealed/run" \
            "status sealed/run" "verify sealed/run" "similar sealed/run/vectors/sgns.safetensors the"; do
    message=$("$0" $what 2>&1 >/dev/null)
    echo "$? $message"
done
"#;

#[test]
fn a_read_only_place_is_reported_and_can_be_read() {
    let place = Place::new(TINY);
    place.put_tree("run", tiny());
    let Some(ended) = unshared(&place, READ_ONLY) else {
        return;
    };
    let text = String::from_utf8_lossy(&ended.expect(0).stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[..2] {
        let told = line.contains("Read-only file system") && line.contains("you may write to");
        assert!(line.starts_with("5 ") && told, "{line}");
    }
    assert_eq!(&lines[2..], ["0 ", "0 ", "0 "], "looking needs no writing");
}

/// A folder for temporary files, and one for results, that are too small.
const SMALL: &str = r#"
mkdir small && mount -t tmpfs -o size=64k none small || exit 99
row=0; while [ $row -lt 9000 ]; do echo "word$row 0.5 $row 0.25"; row=$((row + 1)); done > many.txt
gzip -k many.txt
for what in "similar many.txt word1" "similar many.txt.gz word1" "convert many.txt.gz small/v.bin" \
            "convert many.txt small/v.bin" "convert many.txt small/v.safetensors"; do
    message=$(TMPDIR=small "$0" $what 2>&1 >/dev/null | tail -n 1)
    TMPDIR=small "$0" $what >/dev/null 2>&1
    echo "$? $(ls small | wc -l) $message"
done
"#;

#[test]
fn a_folder_that_is_too_small_for_temporary_files_is_named() {
    let place = Place::new("");
    let Some(ended) = unshared(&place, SMALL) else {
        return;
    };
    let text = String::from_utf8_lossy(&ended.expect(0).stdout).into_owned();
    assert_eq!(text.lines().count(), 5, "{text}");
    for line in text.lines() {
        let told = line.contains("No space left") && line.contains("small");
        assert!(line.starts_with("5 0 ") && told, "{line}");
    }
}

fn run_with_files(place: &Place, files: u32) -> Ended {
    let run = place.run_command("run", &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &files.to_string()]);
    command.arg(run.get_program()).args(run.get_args()).current_dir(place.path(""));
    for (name, _) in run.get_envs() {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    end(command, &[])
}

#[test]
fn too_few_open_files_are_reported_and_nothing_is_lost() {
    let expected = tiny_artefacts();
    let (mut refused, mut failed, mut done) = (0, 0, 0);
    for files in [4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 72, 128] {
        let place = Place::new(TINY);
        let what = format!("{files} open files");
        // A fresh run checks the limit first; one that has begun runs into it.
        if files < 72 {
            run_with_files(&place, files).refused(&what, 5, &["ulimit -n"]);
            refused += 1;
        }
        place.run("run", &["--until", "tokenize"]).expect(0);
        let ended = run_with_files(&place, files);
        if ended.code() == Some(0) {
            done += 1;
        } else {
            failed += 1;
            ended.refused(&what, 5, &["ulimit -n"]);
        }
        assert_same(&what, &expected, &place.made("run", &[]));
    }
    println!("{refused} refused, {failed} failed, {done} done");
    assert!(failed > 2 && done > 2, "{failed} failed, {done} done");
}

/// Some of the files, the last of them truncated, as left by an interrupted copy.
fn copied_in_part(dice: &mut Dice) -> Tree {
    let mut names: Vec<&String> = tiny().keys().collect();
    for at in (1..names.len()).rev() {
        names.swap(at, dice.roll(at as u64 + 1) as usize);
    }
    let copied = dice.roll(names.len() as u64) as usize;
    let mut tree = Tree::new();
    for (at, name) in names.into_iter().enumerate().take(copied + 1) {
        let mut bytes = tiny()[name].clone();
        if at == copied {
            bytes.truncate(dice.roll(bytes.len() as u64) as usize);
        }
        tree.insert(name.clone(), bytes);
    }
    tree
}

#[test]
fn a_run_directory_that_was_copied_in_part_is_completed() {
    let expected = tiny_artefacts();
    for seed in 1..=24 {
        let tree = copied_in_part(&mut Dice(seed));
        let place = Place::new(TINY);
        place.put_tree("run", &tree);
        let ended = place.run("run", &[]);
        let what = format!("seed {seed}, {} files", tree.len());
        if ended.code() != Some(0) {
            // A truncated ledger or index is named, and has to be removed by hand.
            ended.refused(&what, 4, &["delete it"]);
            let cut = tree.iter().find(|(name, bytes)| tiny()[*name] != **bytes);
            std::fs::remove_file(place.path("run").join(cut.unwrap().0)).unwrap();
        }
        assert_same(&what, &expected, &place.made("run", &[]));
    }
}

/// Runs the program where the system starts no more threads. Limits of processes do not apply to root.
fn without_threads(place: &Place, args: &[&str]) -> Option<Ended> {
    let program = place.path("wordmill");
    std::fs::copy(env!("CARGO_BIN_EXE_wordmill"), &program).unwrap();
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.path(""), everybody).unwrap();
    let is_root = is_root();
    let script = "ulimit -u 1 || exit 99; exec ./wordmill \"$@\"";
    let mut command = match is_root {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--clear-groups", "bash"]);
            command
        }
        false => Command::new("bash"),
    };
    command.args(["-c", script, "sh"]).args(args).current_dir(place.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let allowed = Command::new(if is_root { "setpriv" } else { "bash" }).arg("--version").output();
    if is_root && !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no setpriv to become somebody else");
        return None;
    }
    Some(end(command, &[]))
}

/// Whether files of this process belong to root.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0)
}

#[test]
fn threads_that_the_system_refuses_were_a_panic() {
    let place = Place::new(TINY);
    for args in [&["--threads", "4"][..], &["--threads", "1"], &["--progress", "json"]] {
        let args = [&["run", "pipeline.toml", "--run-dir", "run"], args].concat();
        let Some(ended) = without_threads(&place, &args) else { return };
        ended.refused("no threads", 5, &["starting it", "lower run.threads", "ulimit -u"]);
    }
    let Some(ended) = without_threads(&place, &["plan", "pipeline.toml"]) else { return };
    ended.expect(0);
    // A search continues with the thread that it has.
    place.put_tree("done", tiny());
    let similar = ["similar", "done/vectors/sgns.safetensors", "the"];
    let Some(ended) = without_threads(&place, &similar) else { return };
    ended.expect(0);
    // The files of the refused run do not get in the way.
    assert_same("afterwards", &tiny_artefacts(), &place.made("run", &[]));
}
