//! The work of the stage, in the order of the corpus: the chunks of plain files, and inputs that are read sequentially.
//!
//! A chunk of a plain file is a unit of work that is known before anything is read. An input that must be read
//! sequentially is one unit, whose shards are known when it has been read. Both are in one list, from which workers
//! take *tasks*. The stage is not a [`wordmill_flow::Step`]: an idle worker makes shards from what another one reads.

use std::sync::Arc;

use wordmill_flow::Unit;
use wordmill_formats::{RunDir, ShardId};
use wordmill_text::chunk::{Cutter, RangeReader};
use wordmill_text::input::{Input, Source};
use wordmill_text::tokenizer::Tokenizer;

use super::config::TokenizeJob;
use crate::error::VocabError;

/// A task of a worker.
pub(super) enum Task {
    Chunk(Arc<RangeReader>, u32),
    /// An input to be read sequentially.
    Stream(usize),
}

/// The remaining tasks. One file is open at a time, however long the list is.
pub(super) struct Tasks<'a> {
    inputs: &'a [Input],
    cutter: Cutter,
    next_input: usize,
    /// The plain file whose chunks are being assigned, the next of them, and their number.
    range: Option<(Arc<RangeReader>, u32, u32)>,
}

impl<'a> Tasks<'a> {
    pub fn new(inputs: &'a [Input], cutter: Cutter) -> Self {
        Self { inputs, cutter, next_input: 0, range: None }
    }

    /// The next task.
    pub fn take(&mut self) -> Result<Option<Task>, VocabError> {
        loop {
            if let Some((reader, next, chunks)) = &mut self.range {
                if next < chunks {
                    *next += 1;
                    return Ok(Some(Task::Chunk(Arc::clone(reader), *next - 1)));
                }
                self.range = None;
            }
            let number = self.next_input;
            let Some(input) = self.inputs.get(number) else {
                return Ok(None);
            };
            self.next_input += 1;
            let Some(text) = input.open_plain()? else {
                return Ok(Some(Task::Stream(number)));
            };
            let reader = RangeReader { text, input: number as u32 };
            let chunks = reader.chunks(&self.cutter);
            self.range = Some((Arc::new(reader), 0, chunks));
        }
    }
}

impl Task {
    fn unit(&self, run: &RunDir, inputs: &[Input]) -> Unit {
        let path = |input: usize| match &inputs[input].source {
            Source::File(path) => vec![path.clone()],
            _ => Vec::new(),
        };
        match self {
            Self::Chunk(reader, chunk) => {
                let id = ShardId { input: reader.input, chunk: *chunk };
                Unit {
                    name: format!("tokenize/{id}"),
                    reads: path(reader.input as usize),
                    writes: vec![run.token_shard(id), run.word_list(id)],
                }
            }
            Self::Stream(input) => Unit {
                name: format!("tokenize/{input:05}"),
                reads: path(*input),
                writes: Vec::new(),
            },
        }
    }
}

/// The units of tokenising some inputs, in the order of the corpus. Those of a plain file are its chunks; a chunk in
/// whose range no line begins makes no shard. Any other input is one unit, which writes the shards of its number: its
/// list of files is empty, as they are only known when it has been read.
///
/// # Errors
/// If an input cannot be opened.
pub fn tokenize_units<'a>(
    config: &TokenizeJob,
    run: &'a RunDir,
    inputs: &'a [Input],
) -> impl Iterator<Item = Result<Unit, VocabError>> + use<'a> {
    let cutter = Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone()));
    let mut tasks = Tasks::new(inputs, cutter);
    std::iter::from_fn(move || tasks.take().transpose())
        .map(move |task| Ok(task?.unit(run, inputs)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use wordmill_flow::Context;
    use wordmill_formats::MemoryStorage;

    use super::super::maker::ShardMaker;
    use super::super::tokenize;
    use super::*;
    use crate::test_support::{RecordedRun, TestRun, chunks_of};

    /// Makes the shard of one chunk, without any other files.
    fn make(config: &TokenizeJob, run: &RunDir, inputs: &[Input], task: &Task) {
        let Task::Chunk(reader, chunk) = task else { panic!("a plain file has chunks") };
        let cutter = Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone()));
        let Some(mut chunk) = reader.chunk(&cutter, *chunk, Vec::new()).unwrap() else { return };
        let mut maker = ShardMaker::new(config, &Context::for_tests(1), 1 << 20);
        maker.make(run, &mut chunk, &inputs[reader.input as usize].name).unwrap();
    }

    #[test]
    fn chunks_are_units_that_can_be_made_alone_and_in_any_order() {
        let long = "one line that is much longer than a chunk ".repeat(9);
        let texts = [format!("a few words\n{long}\nand more words\n"), "b c\nd b\n".repeat(40)];
        let (test, config) = (TestRun::new(&texts), chunks_of(64));
        let whole = RecordedRun::over(&test.memory);
        tokenize(&Context::for_tests(2), &config, &whole.dir, &test.inputs).unwrap();
        let written = whole.take().written;
        let index: BTreeSet<PathBuf> = [whole.dir.token_index()].into();
        let units: Vec<Unit> =
            tokenize_units(&config, &whole.dir, &test.inputs).map(Result::unwrap).collect();
        let names: BTreeSet<&String> = units.iter().map(|unit| &unit.name).collect();
        let writes: BTreeSet<PathBuf> = units.iter().flat_map(|unit| unit.writes.clone()).collect();
        assert_eq!((names.len(), writes.len()), (units.len(), 2 * units.len()));
        assert!(written.iter().all(|path| writes.contains(path) || index.contains(path)));
        let cutter = Cutter::new(config.chunk_bytes, Tokenizer::new(config.tokenizer.clone()));
        let mut list = Tasks::new(&test.inputs, cutter);
        let tasks: Vec<Task> = std::iter::from_fn(|| list.take().unwrap()).collect();
        assert_eq!(tasks.len(), units.len());
        for (task, unit) in tasks.iter().zip(&units).rev() {
            let alone = MemoryStorage::default();
            let run = RecordedRun::over(&alone);
            make(&config, &run.dir, &test.inputs, task);
            let made = run.take().written;
            assert!(made.iter().all(|path| unit.writes.contains(path)), "{}", unit.name);
            let (alone, whole) = (alone.snapshot(), test.memory.snapshot());
            assert!(made.iter().all(|path| alone[path] == whole[path]), "{}", unit.name);
            assert_eq!(
                unit.writes.iter().filter(|path| whole.contains_key(*path)).count(),
                made.len()
            );
        }
    }

    #[test]
    fn an_input_that_is_read_sequentially_is_one_unit() {
        let inputs = [Input::in_memory(b"a b\nc d\n".repeat(40), "memory")];
        let run = RecordedRun::over(&MemoryStorage::default());
        let units = tokenize_units(&chunks_of(64), &run.dir, &inputs);
        let units: Vec<Unit> = units.map(Result::unwrap).collect();
        let name = "tokenize/00000".to_owned();
        assert_eq!(units, [Unit { name, reads: Vec::new(), writes: Vec::new() }]);
    }
}
