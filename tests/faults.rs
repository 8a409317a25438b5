//! Tests of whole runs on storage that fails: every operation of every kind, one after the other, and a
//! power cut at every one of them. After a fault there is a clear error, files under their final names
//! are complete, and the next run ends with the bytes of an undisturbed one.
//!
//! A [`World`] is a pipeline that is small enough to be run some thousand times, in memory and on one
//! thread, so that the n-th operation is the same every time. The short version, which is the default, takes
//! some of the faults of each kind; with `WORDMILL_TEST_LONG=1` every one is tried with every error. A
//! failure is reported with its fault, which is all that is needed to reproduce it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "faults/kills.rs"]
mod kills;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wordmill_flow::{Budget, Context, Progress};
use wordmill_formats::{
    Failure, Fault, FaultyStorage, MemoryStorage, Operation, RunDir, Span, Storage,
};

use wordmill_pipeline::Error;
use wordmill_pipeline::artefacts::verify as verify_file;
use wordmill_pipeline::config::{Config, Sources};
use wordmill_pipeline::graph::Graph;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::past::Past;
use wordmill_pipeline::stage::{Listed, Run};
use wordmill_pipeline::stages::GivenFiles;
use wordmill_pipeline::stages::import::Import;
use wordmill_pipeline::stages::kind_of_stage;
use wordmill_pipeline::{ErrorKind, settlement, texts};

/// Four trainers on a few thousand words, with a checkpoint after every task.
const PIPELINE: &str = r#"
[run]
dir = "run"
[corpus]
inputs = ["builtin:sample:12KB"]
chunk_bytes = "5000"
[vocabulary]
min_count = 3
[cooccur]
window = 2
samples = 1
[tiles]
grid = 2
[[train]]
name = "sgns"
dim = 4
epochs = 2
rotations = 2
[[train]]
name = "hs"
objective = "hierarchical-softmax"
dim = 4
epochs = 2
rotations = 1
[[train]]
name = "glove"
model = "glove"
dim = 4
epochs = 2
[[train]]
name = "cbow"
model = "cbow"
dim = 4
epochs = 2
"#;

/// Errors that a disk may give.
const FAILURES: [Failure; 3] = [Failure::NO_SPACE, Failure::DEVICE, Failure::QUOTA];

/// Files by path.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The last stage of a part of the run, and the memory of that part.
type Part = (Option<&'static str>, u64);

/// A pipeline with this much memory.
struct World {
    name: &'static str,
    config: Config,
    parts: Vec<Part>,
    threads: usize,
    /// A folder with `vocab.txt` and `pairs.tsv`, if counts are imported instead of text read.
    counts: Option<tempfile::TempDir>,
    /// Lists that the configuration names.
    _lists: Option<tempfile::TempDir>,
}

/// The result of an undisturbed run.
struct Undisturbed {
    files: Files,
    counts: BTreeMap<&'static str, u64>,
}

/// The results of the faults of a kind and an error.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    tried: u64,
    unnoticed: u64,
    told: u64,
}

fn is_long() -> bool {
    std::env::var_os("WORDMILL_TEST_LONG").is_some()
}

fn name_of(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Write => "write",
        Operation::Sync => "sync",
        Operation::Rename => "rename",
        Operation::Read => "read",
        Operation::Map => "map",
        Operation::Remove => "remove",
        Operation::Look => "list, size",
        Operation::Any => "any",
    }
}

fn error_of(failure: Failure) -> String {
    match failure {
        Failure::NO_SPACE => "ENOSPC".into(),
        Failure::DEVICE => "EIO".into(),
        Failure::QUOTA => "EDQUOT".into(),
        Failure::INTERRUPTED => "EINTR".into(),
        other => format!("{other:?}"),
    }
}

/// The files that depend only on text, settings and seed.
fn artefacts(files: Files) -> Files {
    let is_log = |path: &Path| path.ends_with("run.json") || path.ends_with("metrics.jsonl");
    files.into_iter().filter(|(path, _)| !is_log(path)).collect()
}

fn is_aside(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("partial" | "scratch"))
}

/// Checks that none of these files, whose paths begin at `root`, is damaged under its final name.
fn assert_whole(
    what: &str,
    storage: &Arc<dyn Storage>,
    root: &Path,
    files: &Files,
    expected: &Files,
) {
    for (name, bytes) in files.iter().filter(|(name, _)| !is_aside(name)) {
        let is_whole = expected.get(name) == Some(bytes)
            || match name.extension().and_then(|ending| ending.to_str()) {
                Some("json") => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
                Some("jsonl") => bytes.ends_with(b"\n"),
                _ => !expected.contains_key(name) && verify_file(storage, &root.join(name)).is_ok(),
            };
        assert!(is_whole, "{what}: {} is not whole", name.display());
    }
}

/// Checks that these are the files of an undisturbed run, no more and no fewer.
fn assert_same(what: &str, found: &Files, expected: &Files) {
    let names = expected.keys().chain(found.keys());
    let differ: Vec<_> = names.filter(|name| expected.get(*name) != found.get(*name)).collect();
    assert!(differ.is_empty(), "{what}: other bytes in {differ:?}");
}

impl World {
    fn new(name: &'static str, parts: Vec<Part>) -> Self {
        let sources = Sources::default();
        let mut config = Config::resolve(Path::new("faults.toml"), PIPELINE, &sources).unwrap();
        config.run.checkpoint_every = Duration::ZERO;
        Self { name, config, parts, threads: 1, counts: None, _lists: None }
    }

    /// Counts of another program, and a trainer.
    fn imported() -> Self {
        let mut world = Self::new("imported", vec![(None, 1 << 30)]);
        world.config.train.truncate(1);
        let place = tempfile::tempdir().unwrap();
        let words: String = (0..90).map(|id| format!("w{id} {}\n", 500 - id)).collect();
        let pairs = (0..90).flat_map(|row| (0..90).map(move |column| (row, column)));
        let met = pairs.filter(|(row, column)| (row * column) % 3 == 1);
        let line = |(row, column)| format!("w{row} w{column} {}.5\n", 1 + (row + column) % 5);
        let pairs: String = met.map(line).collect();
        std::fs::write(place.path().join("vocab.txt"), words).unwrap();
        std::fs::write(place.path().join("pairs.tsv"), pairs).unwrap();
        world.counts = Some(place);
        world
    }

    /// Every stage that rewrites shards, and a trainer that begins with the vectors of another.
    fn reshaped() -> Self {
        let mut world = Self::new("reshaped", vec![(None, 1 << 30)]);
        let lists = tempfile::tempdir().unwrap();
        let connectors = lists.path().join("connectors.txt");
        std::fs::write(&connectors, "the\nof\na\n").unwrap();
        let sets = [
            "corpus.duplicate_lines=drop".to_owned(),
            "corpus.tokenizer=bpe".to_owned(),
            "corpus.bpe_merges=60".to_owned(),
            "phrases.passes=2".to_owned(),
            "phrases.threshold=20".to_owned(),
            format!("phrases.connectors={}", connectors.display()),
            "train.2.init={ trainer = \"sgns\" }".to_owned(),
        ];
        let sources = Sources { sets: sets.into(), ..Sources::default() };
        world.config = Config::resolve(Path::new("faults.toml"), PIPELINE, &sources).unwrap();
        world.config.run.checkpoint_every = Duration::ZERO;
        world.config.train.remove(3);
        world.config.train.remove(1);
        world._lists = Some(lists);
        world
    }

    /// Worlds with all memory, with so little that models go through pages, with an import, and
    /// with more stages.
    fn all() -> [Self; 4] {
        let scarce = vec![
            (Some("shuffle"), COUNTING_BYTES),
            (Some("train:sgns"), TRAINING_BYTES),
            (Some("train:hs"), COUNTING_BYTES),
            (Some("train:glove"), TRAINING_BYTES + (4 << 10)),
            (None, WINDOWS_BYTES),
        ];
        let ample = Self::new("ample", vec![(None, 1 << 30)]);
        [ample, Self::new("scarce", scarce), Self::imported(), Self::reshaped()]
    }

    /// One run, as the command makes it.
    fn attempt(&self, storage: Arc<dyn Storage>) -> Result<(), Error> {
        let dir = &RunDir::new(storage, &self.config.run.dir);
        let mut texts = texts::Texts::of(texts::inputs(&self.config, &Progress::silent())?);
        let mut ledger = Ledger::open(dir, kind_of_stage)?;
        let past = &Past::of(ledger.manifest());
        if let Some(place) = &self.counts {
            let ctx = &Context::for_tests(self.threads);
            let [vocabulary, counts] = ["vocab.txt", "pairs.tsv"].map(|it| place.path().join(it));
            Import { ctx, dir, vocabulary: &vocabulary, counts: &counts }.run(&mut ledger)?;
        }
        let found = self.counts.is_none().then(|| texts.clone());
        let given = &GivenFiles::default();
        let graph = Graph::new(&self.config, found.as_ref(), given, past);
        let stages: Vec<Listed> = graph.listed().cloned().collect();
        let (ctx, config, stages) = (&Context::for_tests(self.threads), &self.config, &stages[..]);
        let settlement = settlement::Settlement { ctx, dir, config, stages, rebuild: false };
        settlement.settle(&mut ledger, &mut texts)?;
        for &(until, bytes) in &self.parts {
            let ctx = &Context { budget: Budget::new(bytes), ..Context::for_tests(self.threads) };
            let (texts, kernels) = (found.as_ref(), wordmill_kernels::best());
            graph.run(&Run { ctx, dir, config, texts, past, kernels }, &mut ledger, until)?;
        }
        Ok(())
    }

    fn undisturbed(&self) -> Undisturbed {
        let memory = MemoryStorage::default();
        let counting = FaultyStorage::new(Arc::new(memory.clone()), None);
        self.attempt(Arc::new(counting.clone())).unwrap();
        let count = |operation| (name_of(operation), counting.count(operation));
        let counts = Operation::ALL.map(count).into();
        Undisturbed { files: artefacts(memory.snapshot()), counts }
    }

    /// Checks that no file under its final name is damaged.
    fn assert_whole(&self, what: &str, memory: &MemoryStorage, expected: &Files) {
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let what = format!("{}, {what}", self.name);
        assert_whole(&what, &storage, Path::new(""), &memory.snapshot(), expected);
    }

    /// Checks that the next run ends with the right bytes.
    fn assert_goes_on(&self, what: &str, memory: &MemoryStorage, expected: &Files) {
        self.assert_whole(what, memory, expected);
        if let Err(error) = self.attempt(Arc::new(memory.clone())) {
            panic!("{}, {what}: the next run fails: {error:#}", self.name);
        }
        let found = artefacts(memory.snapshot());
        assert_same(&format!("{}, {what}", self.name), &found, expected);
        for (path, bytes) in memory.snapshot() {
            let epochs = bytes.iter().filter(|byte| **byte == b'\n').count();
            let is_whole = !path.ends_with("metrics.jsonl") || epochs == 2;
            assert!(is_whole, "{}, {what}: {epochs} epochs in {}", self.name, path.display());
        }
    }

    /// A run with a fault. True if the fault was reported; the report must be clear and have the exit
    /// code of a failing disk.
    fn disturbed(&self, fault: Fault, memory: &MemoryStorage) -> bool {
        let faulty = FaultyStorage::new(Arc::new(memory.clone()), Some(fault));
        let Err(error) = self.attempt(Arc::new(faulty)) else {
            return false;
        };
        let (kind, message) = (error.kind(), error.to_string());
        assert_eq!(kind, ErrorKind::Exhausted, "{}, {fault:?}: {message}", self.name);
        let names = message.starts_with("run") && message.contains("os error");
        assert!(names && message.contains("run again"), "{}, {fault:?}: {message}", self.name);
        true
    }

    /// One fault, from the beginning to the right end.
    fn check(&self, fault: Fault, undisturbed: &Undisturbed) -> bool {
        let memory = MemoryStorage::default();
        let told = self.disturbed(fault, &memory);
        if !told {
            // The fault was noticed and handled, or its operation was not needed.
            let is_harmless = match fault.operation {
                Operation::Read | Operation::Map | Operation::Remove | Operation::Look => true,
                Operation::Write => matches!(fault.failure, Failure::Short | Failure::INTERRUPTED),
                _ => false,
            };
            assert!(is_harmless, "{}, {fault:?} went by unnoticed", self.name);
        }
        self.assert_goes_on(&format!("{fault:?}"), &memory, &undisturbed.files);
        told
    }
}

/// Tries all of them on two threads; the first panic ends the test.
fn for_each<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(case);
                }
            });
        }
    });
}

/// Every operation of a run, each with some of the errors, or all.
fn faults(undisturbed: &Undisturbed) -> Vec<Fault> {
    let mut faults = Vec::new();
    for operation in &Operation::ALL[..8] {
        let count = undisturbed.counts[name_of(*operation)];
        for nth in 0..count {
            let mut of = |failure, span| {
                faults.push(Fault { operation: *operation, nth, span, failure });
            };
            let spans = [Span::Once, Span::FromThenOn];
            let mut all: Vec<(Failure, Span)> =
                FAILURES.into_iter().flat_map(|it| spans.map(|span| (it, span))).collect();
            // A signal interrupts once; a device that always reports it is unrealistic.
            all.push((Failure::INTERRUPTED, Span::Once));
            if *operation == Operation::Write {
                all.extend(spans.map(|span| (Failure::Short, span)));
            }
            match is_long() {
                true => all.into_iter().for_each(|(failure, span)| of(failure, span)),
                false => {
                    let (failure, span) = all[nth as usize % all.len()];
                    of(failure, span);
                }
            }
        }
    }
    // Reads and checks are many and alike: the short version takes every third.
    let is_many = |fault: &Fault| matches!(fault.operation, Operation::Read | Operation::Look);
    faults.retain(|fault| is_long() || !is_many(fault) || fault.nth.is_multiple_of(3));
    faults
}

#[test]
fn every_operation_may_fail() {
    for world in World::all() {
        let undisturbed = world.undisturbed();
        let rows: Mutex<BTreeMap<(&str, String), Row>> = Mutex::default();
        for_each(&faults(&undisturbed), |fault| {
            let told = world.check(*fault, &undisturbed);
            let mut rows = rows.lock().unwrap();
            let key = (name_of(fault.operation), error_of(fault.failure));
            let row = rows.entry(key).or_default();
            row.tried += 1;
            *(if told { &mut row.told } else { &mut row.unnoticed }) += 1;
        });
        println!("{}: operations {:?}", world.name, undisturbed.counts);
        for ((operation, error), Row { tried, unnoticed, told }) in rows.into_inner().unwrap() {
            println!(
                "{:<8} {operation:<12} {error:<12} {tried:>6} faults, {told:>6} told, \
                 {unnoticed:>5} mended, {tried:>6} ended with the same bytes",
                world.name
            );
        }
    }
}

#[test]
fn the_power_may_be_cut_at_every_operation() {
    for world in World::all() {
        let undisturbed = world.undisturbed();
        let step = if is_long() { 1 } else { 7 };
        let instants: Vec<u64> = (0..undisturbed.counts["any"]).step_by(step).collect();
        // Only the guaranteed data is kept, and then as much more as chance decides.
        let cuts: Vec<(u64, Option<u64>)> = instants
            .iter()
            .flat_map(|&nth| [(nth, None), (nth, Some(2 * nth)), (nth, Some(2 * nth + 1))])
            .collect();
        for_each(&cuts, |&(nth, chance)| {
            let memory = MemoryStorage::default();
            let (operation, span) = (Operation::Any, Span::FromThenOn);
            let fault = Fault { operation, nth, span, failure: Failure::DEVICE };
            world.disturbed(fault, &memory);
            match chance {
                None => memory.power_cut(),
                Some(seed) => memory.power_cut_by_chance(seed),
            }
            let what = format!("power cut at operation {nth}, chance {chance:?}");
            world.assert_goes_on(&what, &memory, &undisturbed.files);
        });
        println!("{}: {} power cuts, all ended with the same bytes", world.name, cuts.len());
    }
}

#[test]
fn one_fault_may_come_after_the_other() {
    let runs = if is_long() { 2000 } else { 60 };
    for world in World::all() {
        let undisturbed = world.undisturbed();
        let seeds: Vec<u64> = (0..runs).collect();
        let faults = AtomicUsize::new(0);
        for_each(&seeds, |&seed| {
            let mut draw = seed;
            let mut roll = |limit: u64| {
                draw = wordmill_kernels::random::hash(draw);
                draw % limit
            };
            let memory = MemoryStorage::default();
            for _ in 0..1 + roll(8) {
                // Later attempts have fewer operations, so the remaining ones reach their end.
                let nth = roll(undisturbed.counts["any"] / 2);
                let failure = FAILURES[roll(3) as usize];
                let fault =
                    Fault { operation: Operation::Any, nth, span: Span::FromThenOn, failure };
                world.disturbed(fault, &memory);
                if roll(2) == 1 {
                    memory.power_cut_by_chance(roll(u64::MAX));
                }
                faults.fetch_add(1, Ordering::Relaxed);
            }
            world.assert_goes_on(&format!("seed {seed}"), &memory, &undisturbed.files);
        });
        let faults = faults.into_inner();
        println!("{}: {faults} faults in {runs} runs, all ended with the same bytes", world.name);
    }
}

/// The minimum memory of the stages. The program itself is assumed to need 10 MiB.
const COUNTING_BYTES: u64 = 18 << 20;
const WINDOWS_BYTES: u64 = 20 << 20;
const TRAINING_BYTES: u64 = (10 << 20) + (40 << 10);

#[test]
fn the_scarce_world_uses_scratch_files() {
    let [ample, scarce, ..] = World::all().map(|world| world.undisturbed());
    assert_eq!(ample.files, scarce.files);
    assert!(scarce.counts["create"] > ample.counts["create"], "{:?}", scarce.counts);
}
