//! Shared by tests of several stages: texts in files with a run in memory, and the words of shards read back.

pub(crate) mod reader;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use wordmill_flow::contract::{Access, Contract, Files};
use wordmill_flow::{Context, Step};
use wordmill_formats::{
    Fault, FaultyStorage, LINE_END, MemoryStorage, Operation, Record, RecordingStorage, RunDir,
    Storage, TokenShard, WordListReader, local_ids,
};
use wordmill_text::input::{self, Input};

use crate::error::VocabError;
use crate::shards::TokenShards;
use crate::tokenize::{TokenizeJob, tokenize};

/// Texts in files, and a run in memory.
pub(crate) struct TestRun {
    pub folder: tempfile::TempDir,
    pub memory: MemoryStorage,
    pub inputs: Vec<Input>,
}

impl TestRun {
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in texts.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{number:03}.txt")), text.as_ref()).unwrap();
        }
        let inputs = input::resolve(&[".".to_owned()], folder.path(), 1).unwrap();
        Self { folder, memory: MemoryStorage::default(), inputs }
    }

    pub fn run(&self) -> RunDir {
        RunDir::new(Arc::new(self.memory.clone()) as Arc<dyn Storage>, "run")
    }

    /// The shards of the texts.
    pub fn shards(&self, config: &TokenizeJob) -> TokenShards {
        tokenize(&Context::for_tests(2), config, &self.run(), &self.inputs).unwrap()
    }
}

/// A run in memory that records which files are touched.
pub(crate) struct RecordedRun {
    memory: MemoryStorage,
    recording: RecordingStorage,
    pub dir: RunDir,
}

impl RecordedRun {
    /// The run in a memory storage.
    pub fn over(memory: &MemoryStorage) -> Self {
        let recording = RecordingStorage::new(Arc::new(memory.clone()));
        let dir = RunDir::new(Arc::new(recording.clone()), "run");
        Self { memory: memory.clone(), recording, dir }
    }

    /// The files touched since this was last called.
    pub fn take(&self) -> Record {
        self.recording.take()
    }

    /// Checks a step against its contract; `is_kept` is whether it keeps the files of an earlier
    /// attempt.
    pub fn check<S: Step<Error: Debug>>(&self, step: &S, is_kept: bool) {
        let access = || {
            let Record { read, written, removed } = self.take();
            Access { read, written, removed }
        };
        let files = Files {
            access: &access,
            bytes: &|path| Some(self.memory.map(path).ok()?.to_vec()),
            remove: &|path| drop(self.memory.remove(path)),
        };
        Contract { files, shared: &[], is_kept }.check(step);
    }
}

/// Lets every rename fail once while `stage` works on the shards of the texts; the next attempt must end with the
/// expected files. Attempts are numbered: the first is 0, the next the number of the rename. There are more than
/// `least` renames.
pub(crate) fn every_rename_may_fail<T: AsRef<str>>(
    texts: &[T],
    config: &TokenizeJob,
    expected: &BTreeMap<PathBuf, Vec<u8>>,
    least: u64,
    stage: impl Fn(&TokenShards, u64) -> Result<(), VocabError>,
) {
    for nth in 0.. {
        let test = TestRun::new(texts);
        test.shards(config);
        let plain: Arc<dyn Storage> = Arc::new(test.memory.clone());
        let faulty = FaultyStorage::new(plain, Some(Fault::full(Operation::Rename, nth)));
        let run = RunDir::new(Arc::new(faulty) as Arc<dyn Storage>, "run");
        let failed = stage(&TokenShards::open(&run).unwrap(), 0).is_err();
        stage(&TokenShards::open(&test.run()).unwrap(), nth).unwrap();
        assert!(test.memory.snapshot() == *expected, "rename {nth}");
        if !failed {
            assert!(nth > least, "{nth} renames");
            return;
        }
    }
}

/// The settings of the stage with chunks of this size.
pub(crate) fn chunks_of(chunk_bytes: usize) -> TokenizeJob {
    TokenizeJob { chunk_bytes, ..TokenizeJob::default() }
}

/// The words of each shard in their order; an empty one is the end of a line. Also checks that each shard agrees with
/// its list, and its row with both.
pub(crate) fn words_of(shards: &TokenShards) -> Vec<Vec<String>> {
    let run = shards.run();
    let mut all = Vec::new();
    for row in shards.rows() {
        let mut list = WordListReader::open(run.storage(), &run.word_list(row.id)).unwrap();
        let (mut words, mut counts) = (Vec::new(), Vec::new());
        while let Some(count) = list.advance().unwrap() {
            words.push(String::from_utf8(list.word().to_vec()).unwrap());
            counts.push(count);
        }
        let mut by_id = vec![(String::new(), 0); words.len()];
        for ((word, count), id) in words.into_iter().zip(&counts).zip(local_ids(&counts)) {
            by_id[id as usize] = (word, *count);
        }
        let shard = TokenShard::open(run.storage(), &run.token_shard(row.id)).unwrap();
        let (mut buffer, mut ids, mut found, mut tokens) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for frame in 0..shard.frames() {
            shard.read(frame, &mut buffer, &mut ids).unwrap();
            for id in &ids {
                if *id == LINE_END {
                    found.push(String::new());
                    continue;
                }
                let (word, left) = &mut by_id[*id as usize];
                *left -= 1;
                tokens += 1;
                found.push(word.clone());
            }
        }
        assert!(by_id.iter().all(|(_, left)| *left == 0), "{}", row.id);
        assert_eq!((row.counts.tokens, row.counts.local_words), (tokens, by_id.len() as u64));
        all.push(found);
    }
    all
}
