//! For tests: checks that a step keeps the contract of [`Step`].
//!
//! Every unit is made twice in order, then once in reverse order without the other units. It must read and write only
//! the files that it lists, remove none, and give the same bytes each time. [`Files`] provides access to the files, so
//! this module knows no format.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::progress::{Progress, StageProgress};
use crate::step::{Step, Unit};

/// What happened to files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Files that were opened, and files and folders that were checked.
    pub read: BTreeSet<PathBuf>,
    /// Files that were published.
    pub written: BTreeSet<PathBuf>,
    /// Existing files that were removed.
    pub removed: BTreeSet<PathBuf>,
}

/// The files that a step works on.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The record since the last call.
    pub access: &'a dyn Fn() -> Access,
    /// The content of a file; `None` if there is none.
    pub bytes: &'a dyn Fn(&Path) -> Option<Vec<u8>>,
    /// Removes a file if it exists.
    pub remove: &'a dyn Fn(&Path),
}

/// Parameters of the contract.
pub struct Contract<'a> {
    /// Its files.
    pub files: Files<'a>,
    /// Files of the run that all units may read.
    pub shared: &'a [PathBuf],
    /// Whether a unit of an earlier attempt is kept.
    pub is_kept: bool,
}

/// The files of a unit, with their content.
type Made = Vec<(PathBuf, Vec<u8>)>;

impl Contract<'_> {
    /// Checks a step without existing units, and removes its files again.
    ///
    /// # Panics
    /// If the step breaks the contract.
    pub fn check<S: Step>(&self, step: &S)
    where
        S::Error: std::fmt::Debug,
    {
        let units: Vec<Unit> = (0..step.units()).map(|at| step.unit(at)).collect();
        let names: BTreeSet<&String> = units.iter().map(|unit| &unit.name).collect();
        assert_eq!(names.len(), units.len(), "names are distinct");
        let writes = || units.iter().flat_map(|unit| &unit.writes);
        assert_eq!(
            writes().collect::<BTreeSet<_>>().len(),
            writes().count(),
            "no two units write the same file"
        );
        let label = step.label();
        let progress = Progress::silent().stage(label.stage, label.noun, step.total());
        let made: Vec<Made> =
            units.iter().zip(0..).map(|(unit, at)| self.make(step, unit, at, &progress)).collect();
        for (at, unit) in units.iter().enumerate() {
            let again = self.make(step, unit, at, &progress);
            assert!(again == made[at], "{}: other bytes when it is made again", unit.name);
            let found = step.finished(at).expect("the disk says what is there");
            assert_eq!(found.is_some(), self.is_kept, "{}: whether it is kept", unit.name);
        }
        writes().for_each(|path| (self.files.remove)(path));
        for (at, unit) in units.iter().enumerate().rev() {
            let found = step.finished(at).expect("the disk says what is there");
            assert!(found.is_none(), "{} is not there, and yet finished", unit.name);
            let alone = self.make(step, unit, at, &progress);
            assert!(alone == made[at], "{}: other bytes without the other units", unit.name);
            unit.writes.iter().for_each(|path| (self.files.remove)(path));
        }
        (self.files.access)();
    }

    fn make<S: Step>(&self, step: &S, unit: &Unit, at: usize, progress: &StageProgress) -> Made
    where
        S::Error: std::fmt::Debug,
    {
        let name = &unit.name;
        (self.files.access)();
        step.make(at, progress).expect("a unit whose inputs are there can be made");
        let Access { read, written, removed } = (self.files.access)();
        let may_read = |path: &PathBuf| unit.reads.contains(path) || self.shared.contains(path);
        let stray: Vec<&PathBuf> = read.iter().filter(|path| !may_read(path)).collect();
        assert!(stray.is_empty(), "{name} reads {stray:?}, which it does not list");
        let stray: Vec<&PathBuf> =
            written.iter().filter(|path| !unit.writes.contains(path)).collect();
        assert!(stray.is_empty(), "{name} writes {stray:?}, which it does not list");
        assert!(!written.is_empty(), "{name} writes nothing");
        assert!(removed.is_empty(), "{name} removes {removed:?}");
        let bytes = |path: &PathBuf| Some((path.clone(), (self.files.bytes)(path)?));
        unit.writes.iter().filter_map(bytes).collect()
    }
}
