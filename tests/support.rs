//! Runs the program in a temporary folder, and examines the files that it leaves.
//!
//! Terms: a [`Place`] is a temporary folder in which the program works; [`Ended`] is the result of a
//! process; a [`Tree`] is the files of a run directory with their bytes. [`artefacts`] are those files
//! that must be the same for equal text, settings and seed; `run.json`, `run.lock`, the report and
//! `metrics.jsonl` also contain times and processes. This module does not know the content of files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Three trainers on so little text that a run takes about a second.
pub const TINY: &str = r#"
[run]
memory = "256MiB"
threads = 2
[corpus]
inputs = ["builtin:sample:300KB"]
chunk_bytes = "32KiB"
[vocabulary]
min_count = 3
[cooccur]
window = 3
[[train]]
name = "sgns"
dim = 8
epochs = 3
rotations = 2
negatives = 2
[[train]]
name = "hs"
objective = "hierarchical-softmax"
dim = 8
epochs = 2
rotations = 2
[[train]]
name = "glove"
model = "glove"
dim = 8
epochs = 8
rotations = 2
"#;

/// Longer than any run here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// Paths relative to the run directory, and bytes.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// A temporary folder with a pipeline.
pub struct Place {
    folder: TempDir,
}

/// The result of a process.
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

impl Place {
    /// A folder with `pipeline.toml`.
    pub fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let place = Self { folder };
        place.write("pipeline.toml", pipeline);
        place
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and creates its folder if necessary.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a run directory.
    pub fn put_tree(&self, dir: &str, tree: &Tree) {
        for (name, bytes) in tree {
            self.write(&format!("{dir}/{name}"), bytes);
        }
    }

    /// The program with arguments, without settings from the environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wordmill"));
        command.args(args).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WORDMILL_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `wordmill run pipeline.toml --run-dir DIR ARGS`, not started yet.
    pub fn run_command(&self, dir: &str, args: &[&str]) -> Command {
        let mut command = self.command(&["run", "pipeline.toml", "--run-dir", dir]);
        command.args(args);
        command
    }

    /// Runs the program to its end.
    pub fn wordmill(&self, args: &[&str]) -> Ended {
        end(self.command(args), &[])
    }

    /// Runs the pipeline to its end.
    pub fn run(&self, dir: &str, args: &[&str]) -> Ended {
        end(self.run_command(dir, args), &[])
    }

    /// Runs the pipeline, which must succeed, and returns its artefacts.
    pub fn made(&self, dir: &str, args: &[&str]) -> Tree {
        self.run(dir, args).expect(0);
        artefacts(&self.path(dir))
    }
}

impl Ended {
    /// The exit code; `None` for a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails unless this is the exit code.
    pub fn expect(self, code: i32) -> Self {
        let (status, stderr) = (self.status, &self.stderr);
        assert_eq!(self.code(), Some(code), "{status}, standard error:\n{stderr}");
        self
    }

    /// Fails unless the exit code is this one and standard error contains all of these.
    pub fn refused(&self, what: &str, code: i32, says: &[&str]) {
        let (status, stderr) = (self.status, &self.stderr);
        assert_eq!(self.code(), Some(code), "{what}: {status}, standard error:\n{stderr}");
        for words in says {
            assert!(stderr.contains(words), "{what}: {words:?} is not in:\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    }
}

/// Runs a command to its end with this standard input.
pub fn end(mut command: Command, input: &[u8]) -> Ended {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("the program starts");
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // A program that refuses its settings does not read its input.
        scope.spawn(|| stdin.map(|mut pipe| pipe.write_all(input)));
        child.wait_with_output().expect("its output is text of ours")
    });
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { status: output.status, stdout: output.stdout, stderr }
}

/// Starts a command whose output is not read, and kills it as soon as `reached` returns true. True
/// if it was killed, false if it ended before.
pub fn kill_when(mut command: Command, mut reached: impl FnMut() -> bool) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let status = wait_until(&mut child, |child| {
        if reached() {
            child.kill().expect("our own process can be killed");
        }
    });
    match status.signal() {
        Some(signal) => assert_eq!(signal, 9),
        None => assert_eq!(status.code(), Some(0)),
    }
    status.signal().is_some()
}

/// Checks that a run with these arguments has the same files for any threads and memory, and after it was killed as
/// soon as a file exists whose name begins with one of `points`. Returns the files, which are in `one`.
pub fn same_however_it_is_run(place: &Place, args: &[&str], points: &[&str]) -> Tree {
    let made = |dir: &str, flags: &[&str]| place.made(dir, &[args, flags].concat());
    let expected = made("one", &["--threads", "1"]);
    for (dir, threads, memory) in
        [("two", "2", "1GiB"), ("three", "3", "64MiB"), ("eight", "8", "32MiB")]
    {
        assert_same(dir, &expected, &made(dir, &["--threads", threads, "--memory", memory]));
    }
    for point in points {
        let dir = format!("killed-{}", point.replace('/', "-"));
        let path = place.path(&dir);
        kill_when(place.run_command(&dir, args), || {
            names(&path).iter().any(|name| name.starts_with(point))
        });
        assert_same(point, &expected, &made(&dir, &[]));
    }
    expected
}

/// Waits for a process to end and calls `look` meanwhile.
pub fn wait_until(child: &mut Child, mut look: impl FnMut(&mut Child)) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("our own process can be waited for") {
            return status;
        }
        look(child);
        if started.elapsed() > PATIENCE {
            child.kill().expect("our own process can be killed");
            panic!("the program does not come to an end");
        }
        std::thread::yield_now();
    }
}

/// The paths of all files below a folder, relative to it.
pub fn names(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        // A running process creates and removes files while they are listed.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => {
                    let path = entry.path();
                    let name = path.strip_prefix(root).expect("below the root");
                    found.push(name.to_string_lossy().into_owned());
                }
            }
        }
    }
    found.sort();
    found
}

/// All files of a run directory but the lock.
pub fn tree(root: &Path) -> Tree {
    let names = names(root).into_iter().filter(|name| name != "run.lock");
    names.map(|name| (name.clone(), fs::read(root.join(&name)).unwrap())).collect()
}

/// The files that do not depend on the time.
pub fn artefacts(root: &Path) -> Tree {
    let mut tree = tree(root);
    tree.retain(|name, _| is_artefact(name));
    tree
}

/// Whether a file is independent of times.
fn is_artefact(name: &str) -> bool {
    name != "run.json" && !name.ends_with("/metrics.jsonl") && !name.starts_with("report/")
}

/// Fails with the names of the files that differ.
pub fn assert_same(what: &str, expected: &Tree, found: &Tree) {
    let missing: Vec<&String> = expected.keys().filter(|it| !found.contains_key(*it)).collect();
    let extra: Vec<&String> = found.keys().filter(|it| !expected.contains_key(*it)).collect();
    let differs = |it: &&String| found.get(*it).is_some_and(|bytes| *bytes != expected[*it]);
    let different: Vec<&String> = expected.keys().filter(differs).collect();
    assert!(
        missing.is_empty() && extra.is_empty() && different.is_empty(),
        "{what}: missing {missing:?}, not expected {extra:?}, different {different:?}"
    );
}

/// A finished run of [`TINY`], made once.
pub fn tiny() -> &'static Tree {
    static MADE: OnceLock<Tree> = OnceLock::new();
    MADE.get_or_init(|| {
        let place = Place::new(TINY);
        place.run("run", &[]).expect(0);
        tree(&place.path("run"))
    })
}

/// Its artefacts.
pub fn tiny_artefacts() -> Tree {
    let mut tree = tiny().clone();
    tree.retain(|name, _| is_artefact(name));
    tree
}

/// Pseudorandom numbers (xorshift64*, Vigna 2016), the same for a seed.
pub struct Dice(pub u64);

impl Dice {
    /// A number below `limit`.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
