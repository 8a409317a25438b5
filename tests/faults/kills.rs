//! Runs on a real disk, in processes that are really killed: before every rename, every sync and in the middle
//! of every write, and at instants drawn from a seed, in runs of several threads.
//!
//! A process cannot be killed from outside at an operation that a test has chosen. So the test's own
//! program is started again, with only the test [`as_a_child_process`] and an order in its environment,
//! and kills itself there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wordmill_formats::{DiskStorage, Failure, Fault, FaultyStorage, Operation, Span, Storage};

use super::{Files, World, artefacts, for_each, is_long, name_of};

const ORDER: &str = "WORDMILL_TEST_CHILD";

/// The order of a child.
#[derive(Clone, Debug)]
struct Order {
    run: PathBuf,
    /// A text, or the built-in sample.
    text: Option<PathBuf>,
    threads: usize,
    /// The operation at which it is killed.
    kill: Option<(Operation, u64)>,
}

/// A child that has ended.
struct Ended {
    killed: bool,
    /// How many operations of each kind it did.
    counts: Vec<u64>,
}

impl Order {
    fn to_text(&self) -> String {
        let (operation, nth) =
            self.kill.map_or((Operation::ALL.len(), 0), |(it, nth)| (it as usize, nth));
        let text = self.text.as_deref().unwrap_or(Path::new("")).display();
        format!("{}\n{text}\n{}\n{operation}\n{nth}", self.run.display(), self.threads)
    }

    fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let number = |at: usize| lines[at].parse::<u64>().unwrap();
        let kill = Operation::ALL.get(number(3) as usize).map(|&operation| (operation, number(4)));
        let text = (!lines[1].is_empty()).then(|| lines[1].into());
        Self { run: lines[0].into(), text, threads: number(2) as usize, kill }
    }

    fn world(&self) -> World {
        let [mut world, ..] = World::all();
        world.config.run.dir.clone_from(&self.run);
        world.threads = self.threads;
        if let Some(text) = &self.text {
            world.config.corpus.inputs = vec![text.to_string_lossy().into_owned()];
            world.config.corpus.lines.chunk_bytes = 1 << 20;
            world.config.tiles.grid = 8;
        }
        world
    }

    /// Starts the child and waits for it.
    fn run(&self) -> Ended {
        let mut command = Command::new(std::env::current_exe().unwrap());
        // The path of this module begins with the name of the binary, the name of a test does not.
        let path = module_path!().split_once("::").map_or("", |(_, inside)| inside);
        command.args(["--exact", &format!("{path}::as_a_child_process"), "--nocapture"]);
        command.env(ORDER, self.to_text()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let killed = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(9);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(killed || output.status.success(), "{self:?}: {stdout}{stderr}");
        let counts = stdout.lines().find_map(|line| line.strip_prefix("operations ")).unwrap_or("");
        let counts: Vec<u64> =
            counts.split_whitespace().map(|count| count.parse().unwrap()).collect();
        assert!(killed || counts.len() == Operation::ALL.len(), "{self:?} did nothing: {stdout}");
        Ended { killed, counts }
    }
}

/// Not a real test: the child that [`Order::run`] starts.
#[test]
fn as_a_child_process() {
    let Ok(order) = std::env::var(ORDER) else {
        return;
    };
    let order = Order::parse(&order);
    let fault = order.kill.map(|(operation, nth)| Fault {
        operation,
        nth,
        span: Span::Once,
        failure: Failure::Kill,
    });
    let faulty = FaultyStorage::new(Arc::new(DiskStorage), fault);
    if let Err(error) = order.world().attempt(Arc::new(faulty.clone())) {
        panic!("{:?}: {error}", error.kind());
    }
    let counts = Operation::ALL.map(|operation| faulty.count(operation).to_string());
    println!("\noperations {}", counts.join(" "));
}

/// The files of a run directory, by their paths inside it.
fn files(run: &Path) -> Files {
    let (mut found, mut folders) = (Files::new(), vec![run.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(run).unwrap().to_path_buf();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Checks that files under their final names are complete after a kill.
fn assert_whole(what: &str, run: &Path, expected: &Files) {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    super::assert_whole(what, &storage, run, &files(run), expected);
}

/// The run is finished and its files are these.
fn assert_same(what: &str, run: &Path, expected: &Files) {
    super::assert_same(what, &artefacts(files(run)), expected);
}

#[test]
fn a_run_is_killed_at_every_point_of_publication() {
    let place = tempfile::tempdir().unwrap();
    let order = Order { run: place.path().join("whole"), text: None, threads: 1, kill: None };
    let counts = order.run().counts;
    let expected = artefacts(files(&order.run));
    let step = if is_long() { 1 } else { 5 };
    let of = |operation: Operation, step| {
        (0..counts[operation as usize]).step_by(step).map(move |nth| (operation, nth))
    };
    // Before the file has its name, and before its name is durable. There are many writes.
    let points: Vec<(Operation, u64)> = of(Operation::Rename, 1)
        .chain(of(Operation::Sync, 1))
        .chain(of(Operation::Remove, 1))
        .chain(of(Operation::Write, step))
        .collect();
    for_each(&points, |&(operation, nth)| {
        let what = format!("killed at {} {nth}", name_of(operation));
        let run = tempfile::tempdir().unwrap();
        let order =
            Order { run: run.path().join("run"), kill: Some((operation, nth)), ..order.clone() };
        assert!(order.run().killed, "{what}: came to its end");
        assert_whole(&what, &order.run, &expected);
        assert!(!Order { kill: None, ..order.clone() }.run().killed);
        assert_same(&what, &order.run, &expected);
    });
    println!(
        "{} kills at points of publication and in writes, all ended with the same bytes",
        points.len()
    );
}

/// Kills runs of a text repeatedly, up to this number of kills.
fn kill_at_random(text: Option<PathBuf>, kills: usize) {
    let place = tempfile::tempdir().unwrap();
    let order = Order { run: place.path().join("whole"), text, threads: 2, kill: None };
    let count = order.run().counts[Operation::Any as usize];
    let expected = artefacts(files(&order.run));
    let (killed, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let seeds: Vec<u64> = (0..kills as u64).collect();
    for_each(&seeds, |&seed| {
        if killed.load(Ordering::Relaxed) >= kills {
            return;
        }
        let mut draw = seed;
        let mut roll = |limit: u64| {
            draw = wordmill_kernels::random::hash(draw);
            draw % limit
        };
        let run = tempfile::tempdir().unwrap();
        let order =
            Order { run: run.path().join("run"), threads: 1 + roll(3) as usize, ..order.clone() };
        for attempt in 0.. {
            let what = format!("seed {seed}, attempt {attempt}");
            let kill = Some((Operation::Any, roll(count)));
            if !(Order { kill, ..order.clone() }.run().killed) {
                assert_same(&what, &order.run, &expected);
                break;
            }
            killed.fetch_add(1, Ordering::Relaxed);
            assert_whole(&what, &order.run, &expected);
        }
        ended.fetch_add(1, Ordering::Relaxed);
    });
    println!("{killed:?} kills at random in {ended:?} runs, all ended with the same bytes");
    assert!(killed.into_inner() >= kills);
}

#[test]
fn runs_are_killed_at_two_hundred_random_instants() {
    kill_at_random(None, 200);
}

#[test]
fn runs_of_a_real_text_are_killed_at_random_instants() {
    let text = std::env::var_os("WORDMILL_DATA").map(PathBuf::from).filter(|_| is_long());
    let Some(text) = text.and_then(largest_file) else {
        println!(
            "skipped: WORDMILL_DATA names no folder with a text, or WORDMILL_TEST_LONG is not set"
        );
        return;
    };
    kill_at_random(Some(text), 200);
}

fn largest_file(folder: PathBuf) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.is_file());
    files.max_by_key(|path| path.metadata().map_or(0, |it| it.len()))
}
