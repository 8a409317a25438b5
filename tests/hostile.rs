//! Hostile files: the fuzzer's seeds and findings, replayed with every reader, also on machines where
//! no fuzzer can be built; and damaged at random, in the same way each time.
//!
//! The checks are those of `tools/fuzz`; they fail if a reader panics, blames something other than the
//! file, or takes more memory than the file accounts for.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../tools/fuzz/checks/mod.rs"]
mod checks;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The settings of a pipeline are read inside the program; a test there replays them.
const ELSEWHERE: &str = "pipeline";
/// Damaged copies of a seed.
const COPIES: u64 = 1000;
/// One test at a time, because each counts all allocations.
static ALONE: Mutex<()> = Mutex::new(());

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/fuzz").join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Calls `each` with every target and seed of it.
fn for_each_seed(mut each: impl FnMut(&checks::Target, &[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for name in names(&folder("seeds")).iter().filter(|name| *name != ELSEWHERE) {
        let seeds = folder("seeds").join(name);
        for seed in names(&seeds) {
            each(checks::target(name), &fs::read(seeds.join(seed)).unwrap());
        }
    }
}

#[test]
fn every_seed_is_read_or_refused() {
    for_each_seed(|target, bytes| target.check(bytes));
}

#[test]
fn damaged_seeds_are_read_or_refused() {
    for_each_seed(|target, bytes| {
        let mut dice = Dice(0x9e37_79b9);
        for _ in 0..COPIES {
            target.check(&damaged(bytes, &mut dice));
        }
    });
}

#[test]
fn targets_seeds_and_programs_have_the_same_names() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut targets: Vec<String> =
        checks::TARGETS.iter().copied().flatten().map(|target| target.name.to_owned()).collect();
    targets.push(ELSEWHERE.to_owned());
    targets.sort();
    assert_eq!(names(&folder("seeds")), targets);
    let programs: Vec<String> = targets.iter().map(|target| format!("{target}.rs")).collect();
    assert_eq!(names(&folder("fuzz_targets")), programs);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
    }
}

/// Changes, removes, inserts or repeats a few bytes.
fn damaged(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() as u64 + 1) as usize;
        let end = (at + 1 + dice.roll(8) as usize).min(bytes.len());
        let odd = [0, 1, 0x7f, 0x80, 0xff, b' ', b'\n', b'"', b'9'][dice.roll(9) as usize];
        match dice.roll(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at.min(end)..end].fill(odd),
            2 => drop(bytes.drain(at..end.max(at))),
            3 => bytes.insert(at, odd),
            _ => {
                let piece = bytes[at..end.max(at)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Pseudorandom numbers (xorshift64*, Vigna 2016), the same for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
