//! Storage that fails: whichever operation fails, a file under its final name is complete, and a
//! second attempt gives the right bytes.
//!
//! A [`Case`] writes one artefact in two versions. A test replaces version 0 (or nothing) by
//! version 1 while the n-th operation of a kind fails, for every n that occurs, and again with a
//! power cut at that point ([`Dying`]). The behaviour of real disks is not tested here.

#![allow(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_formats::compat::{Rows, glove, word2vec};
use wordmill_formats::{
    ArtefactWriter, CsrShard, CsrShardReader, CsrShardWriter, Dtype, Failure, Fault, FaultyStorage,
    FormatError, FrameFile, FrameWriter, Kind, Manifest, Mapped, MemoryStorage, Operation,
    ReadFile, Span, StageRow, StageState, Storage, TensorFile, TensorReader, TensorWriter,
    WriteFile, write_file,
};

const OPERATIONS: [Operation; 6] = [
    Operation::Create,
    Operation::Write,
    Operation::Sync,
    Operation::Rename,
    Operation::Read,
    Operation::Map,
];

const FAILURES: [Failure; 6] = [
    Failure::NO_SPACE,
    Failure::QUOTA,
    Failure::TOO_LARGE,
    Failure::READ_ONLY,
    Failure::DENIED,
    Failure::DEVICE,
];

/// An artefact that can be written in versions 0 and 1, which differ.
struct Case {
    name: &'static str,
    path: &'static str,
    /// The kinds of operations that writing it uses, so that none is skipped unnoticed.
    takes: &'static [Operation],
    write: Write,
}

/// Writes a version of an artefact.
type Write = fn(&Arc<dyn Storage>, &Path, u32) -> Result<(), FormatError>;

const PLAIN: &[Operation] =
    &[Operation::Create, Operation::Write, Operation::Sync, Operation::Rename];
const WITH_SCRATCH: &[Operation] =
    &[Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::Read];

const CASES: &[Case] = &[
    Case { name: "a framed file", path: "spill/a.run", takes: PLAIN, write: write_frames },
    Case { name: "a tensor file", path: "vectors/a", takes: PLAIN, write: write_tensors },
    Case {
        name: "a CSR shard with scratch files",
        path: "matrix/rows-00000-of-00001.safetensors",
        takes: WITH_SCRATCH,
        write: write_shard,
    },
    Case { name: "the ledger", path: "run/run.json", takes: PLAIN, write: write_ledger },
    Case {
        name: "an export to word2vec's binary format",
        path: "out/a.bin",
        takes: PLAIN,
        write: |storage, path, version| {
            export(version, |rows| word2vec::write_binary(storage, path, rows).map(drop))
        },
    },
    Case {
        name: "an export to word2vec's text format",
        path: "out/a.txt",
        takes: PLAIN,
        write: |storage, path, version| {
            export(version, |rows| word2vec::write_text(storage, path, rows).map(drop))
        },
    },
    Case {
        name: "an export to GloVe's text format",
        path: "out/b.txt",
        takes: PLAIN,
        write: |storage, path, version| {
            export(version, |rows| glove::write_text(storage, path, rows).map(drop))
        },
    },
];

fn write_frames(storage: &Arc<dyn Storage>, path: &Path, version: u32) -> Result<(), FormatError> {
    let mut writer = FrameWriter::create(storage, path, Kind::RUN)?;
    writer.set("version", version);
    for frame in 0..3 + version {
        writer.frame(frame.into(), frame, &vec![frame as u8; 500])?;
    }
    writer.finish().map(drop)
}

fn write_tensors(storage: &Arc<dyn Storage>, path: &Path, version: u32) -> Result<(), FormatError> {
    let settings = BTreeMap::from([("version".into(), version.to_string())]);
    let mut writer = TensorWriter::create(storage, path, "thing", &["a", "b"], &settings)?;
    writer.tensor("a", Dtype::U64, &[4], &[u64::from(version); 4])?;
    writer.begin("b", Dtype::F32);
    (0..3).try_for_each(|_| writer.write(&[0.5f32, version as f32]))?;
    writer.end(&[3, 2]);
    writer.finish().map(drop)
}

fn write_shard(storage: &Arc<dyn Storage>, path: &Path, version: u32) -> Result<(), FormatError> {
    let settings = BTreeMap::new();
    let mut writer = CsrShardWriter::create(storage, path, 0, 0..3, 9, &settings, 8)?;
    for row in 0..3u64 {
        writer.cells(&[0, 3, 8], &[row, 1 << (33 * version), 7])?;
        writer.end_row();
    }
    writer.finish().map(drop)
}

fn write_ledger(storage: &Arc<dyn Storage>, path: &Path, version: u32) -> Result<(), FormatError> {
    let mut ledger = Manifest::new("wordmill");
    ledger.put(StageRow {
        name: "tokenize".into(),
        fingerprint: version.to_string(),
        settings: BTreeMap::new(),
        state: StageState::Done,
        to_rebuild: false,
        outputs: Vec::new(),
        counts: BTreeMap::new(),
        seconds: 0.0,
        peak_bytes: 0,
        peak_disk_bytes: 0,
    });
    ledger.write(storage, path).map(drop)
}

/// More than one buffer of 256 KiB, so that there are several writes.
fn export(
    version: u32,
    write: impl FnOnce(&Rows<'_>) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let vector =
        |row: usize, out: &mut Vec<f32>| out.resize(4000, row as f32 + version as f32 + 0.1);
    write(&Rows {
        len: 17,
        dim: 4000,
        word: &|row| format!("w{row}"),
        count: &|_| 0,
        vector: &vector,
    })
}

/// A storage whose process is dead after the fault: nothing can be cleaned up any more.
#[derive(Debug)]
struct Dying {
    faulty: FaultyStorage,
    fault: Fault,
}

impl Dying {
    fn is_dead(&self) -> bool {
        self.faulty.count(self.fault.operation) > self.fault.nth
    }
}

impl Storage for Dying {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.faulty.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.faulty.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.faulty.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faulty.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.is_dead() { Err(io::Error::other("dead")) } else { self.faulty.remove(path) }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.faulty.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faulty.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.faulty.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.faulty.size(path)
    }
}

/// Files by path.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What happens to changed names whose folder was not synced.
#[derive(Clone, Copy, Debug)]
enum Names {
    Forgotten,
    Kept,
}

/// One fault while version 1 of a case replaces version 0 or nothing.
struct Trial<'a> {
    case: &'a Case,
    fault: Fault,
    /// The files before the fault, after it, and after success.
    before: &'a Files,
    after: &'a Files,
    new: &'a Files,
    what: String,
}

impl Case {
    fn path(&self) -> &'static Path {
        Path::new(self.path)
    }

    /// Writes version 1.
    fn renew(&self, storage: Arc<dyn Storage>) -> Result<(), FormatError> {
        (self.write)(&storage, self.path(), 1)
    }

    /// What a storage holds after a version was written to it.
    fn files(&self, version: u32) -> Files {
        let memory = MemoryStorage::default();
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        (self.write)(&storage, self.path(), version).unwrap();
        let files = memory.snapshot();
        assert!(files.keys().eq([self.path()]), "{}: leftovers", self.name);
        files
    }

    /// How many operations of a kind it takes to write version 1.
    fn count(&self, operation: Operation) -> u64 {
        let faulty = FaultyStorage::new(Arc::new(MemoryStorage::default()), None);
        self.renew(Arc::new(faulty.clone())).unwrap();
        faulty.count(operation)
    }
}

/// A memory storage with these files, synced.
fn memory_with(files: &Files) -> MemoryStorage {
    let memory = MemoryStorage::default();
    for (path, bytes) in files {
        let mut file = memory.create(path).unwrap();
        file.write_all(bytes).unwrap();
        file.sync().unwrap();
        memory.sync_dir(path.parent().unwrap()).unwrap();
    }
    memory
}

/// Calls `check` for every case, with and without an old version, and every fault that occurs.
fn for_every_fault(failures: &[Failure], check: impl Fn(&Trial<'_>)) {
    for case in CASES {
        let (nothing, old, new) = (Files::new(), case.files(0), case.files(1));
        assert_ne!(old, new);
        for operation in OPERATIONS {
            let count = case.count(operation);
            assert_eq!(case.takes.contains(&operation), count > 0, "{} {operation:?}", case.name);
            for (nth, &failure) in
                (0..count).flat_map(|nth| failures.iter().map(move |it| (nth, it)))
            {
                let fault = Fault { operation, nth, span: Span::FromThenOn, failure };
                // The last sync is that of the folder: the file is already renamed.
                let named = operation == Operation::Sync && nth + 1 == count;
                for before in [&nothing, &old] {
                    let after = if named { &new } else { before };
                    let what = format!("{} over {} files, {fault:?}", case.name, before.len());
                    check(&Trial { case, fault, before, after, new: &new, what });
                }
            }
        }
    }
}

#[test]
fn a_fault_leaves_the_old_file_and_nothing_else() {
    for_every_fault(&FAILURES, |Trial { case, fault, before, after, new, what }| {
        let memory = memory_with(before);
        let faulty = FaultyStorage::new(Arc::new(memory.clone()), Some(*fault));
        let error = case.renew(Arc::new(faulty)).expect_err(what);
        assert!(error.is_storage_failure() && !error.is_bad_artefact(), "{what}: {error}");
        assert!(memory.snapshot() == **after, "{what}: not what should lie there");
        case.renew(Arc::new(memory.clone())).unwrap();
        assert!(memory.snapshot() == **new, "{what}: other bytes when tried again");
    });
}

#[test]
fn a_power_cut_leaves_whole_files() {
    for_every_fault(&[Failure::DEVICE], |Trial { case, fault, before, after, new, what }| {
        for names in [Names::Forgotten, Names::Kept] {
            let memory = memory_with(before);
            let faulty = FaultyStorage::new(Arc::new(memory.clone()), Some(*fault));
            let error = case.renew(Arc::new(Dying { faulty, fault: *fault })).expect_err(what);
            assert!(error.is_storage_failure(), "{what}: the first error is reported: {error}");
            let expected = match names {
                Names::Forgotten => before,
                Names::Kept => {
                    memory.sync_dir(case.path().parent().unwrap()).unwrap();
                    after
                }
            };
            memory.power_cut();
            let mut files = memory.snapshot();
            let is_aside = |path: &Path| {
                path.extension().is_some_and(|ending| ending == "partial" || ending == "scratch")
            };
            files.retain(|path, _| !is_aside(path));
            assert!(files == **expected, "{what}, names {names:?}: not what should lie there");
            case.renew(Arc::new(memory.clone())).unwrap();
            memory.power_cut();
            assert!(memory.snapshot() == **new, "{what}, names {names:?}: other bytes at last");
        }
    });
}

#[test]
fn files_of_a_killed_process_do_not_get_in_the_way() {
    for case in CASES {
        let memory = MemoryStorage::default();
        let partial = PathBuf::from(format!("{}.partial", case.path));
        let scratch = ["indices", "weights"]
            .map(|name| case.path().with_extension(format!("{name}.scratch")));
        for path in [&partial].into_iter().chain(scratch.iter().filter(|_| case.takes.len() > 4)) {
            memory.create(path).unwrap().write_all(&[b'?'; 1 << 20]).unwrap();
        }
        case.renew(Arc::new(memory.clone())).unwrap();
        assert!(memory.snapshot() == case.files(1), "{}", case.name);
    }
}

#[test]
fn a_dropped_writer_leaves_the_old_file() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let path = Path::new("out/a");
    write_file(&storage, path, b"old").unwrap();
    let old = memory.snapshot();
    let mut writer = ArtefactWriter::create(&storage, path).unwrap();
    writer.append(b"new").unwrap();
    assert_eq!(memory.snapshot().len(), 2, "the new file is written aside");
    drop(writer);
    assert_eq!(memory.snapshot(), old);
    let white = |row: usize| if row == 1 { "two words".to_owned() } else { "one".to_owned() };
    let rows =
        Rows { len: 2, dim: 1, word: &white, count: &|_| 0, vector: &|_, out| out.push(1.0) };
    for write in [word2vec::write_binary, word2vec::write_text, glove::write_text] {
        let error = write(&storage, path, &rows).unwrap_err();
        assert!(matches!(error, FormatError::Unwritable { .. }), "{error}");
        assert!(!error.is_storage_failure() && !error.is_bad_artefact());
        assert_eq!(memory.snapshot(), old);
    }
}

/// Reads a whole artefact in one of several ways.
type Read = fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>;

#[test]
fn a_read_that_fails_is_not_a_damaged_file() {
    let cases: [(&Case, Read); 6] = [
        (&CASES[0], |storage, path| FrameFile::open(storage, path, Kind::RUN)?.verify()),
        (&CASES[1], |storage, path| TensorFile::open(storage, path)?.verify()),
        (&CASES[1], |storage, path| TensorReader::open(storage, path)?.verify()),
        (&CASES[2], |storage, path| CsrShard::open(storage, path)?.verify()),
        (&CASES[2], |storage, path| {
            CsrShardReader::open(storage, path)?.for_each_piece(|_, _, _| Ok(()))
        }),
        (&CASES[3], |storage, path| Manifest::read(storage, path).map(drop)),
    ];
    for (case, read) in cases {
        let storage: Arc<dyn Storage> = Arc::new(memory_with(&case.files(1)));
        let counting = FaultyStorage::new(Arc::clone(&storage), None);
        read(&(Arc::new(counting.clone()) as Arc<dyn Storage>), case.path()).unwrap();
        let counts = OPERATIONS.map(|operation| counting.count(operation));
        assert!(counts[..4].iter().all(|&count| count == 0), "reading changes nothing");
        assert!(counts[4] + counts[5] > 0);
        for (operation, count) in OPERATIONS.into_iter().zip(counts) {
            for nth in 0..count {
                let (span, failure) = (Span::FromThenOn, Failure::DENIED);
                let fault = Some(Fault { operation, nth, span, failure });
                let faulty: Arc<dyn Storage> =
                    Arc::new(FaultyStorage::new(Arc::clone(&storage), fault));
                let error = read(&faulty, case.path()).unwrap_err();
                assert!(error.is_storage_failure(), "{} {fault:?}: {error}", case.name);
                assert!(!error.is_bad_artefact(), "{} {fault:?}: {error}", case.name);
            }
        }
    }
}
