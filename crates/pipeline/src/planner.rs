//! What a pipeline will need, from a sample of its text: sizes first, then the stages' needs.

mod more;
mod pace;
mod phrases;
mod sample;

pub use pace::pace;

use std::fmt;

use wordmill_cooccur::Sides;
use wordmill_cooccur::forecast::{self, Forecast};
use wordmill_flow::format_bytes;
use wordmill_formats::{FormatError, free_bytes, open_file_limit};
use wordmill_text::{Input, greediest, unpack_first};
use wordmill_vocab::{VocabError, dedup};

use wordmill_train::{
    Optimizer, Prediction, Sharing, TrainConfig, Trainer, WindowModel, WindowsConfig,
};

use crate::config::{Config, DuplicateLines};
use crate::error::Error;
use crate::memory::PROGRAM_BYTES;

/// Sizes of a corpus and what comes of it.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Unpacked bytes.
    pub bytes: f64,
    /// Lines.
    pub lines: f64,
    /// Tokens.
    pub tokens: f64,
    /// Distinct words of the sample.
    pub local_words: f64,
    /// Words of the vocabulary.
    pub words: f64,
    /// Cells of the matrix.
    pub cells: f64,
    /// The power with which cells grow with the text.
    pub cell_growth: f64,
    /// Bytes of characters that are not ASCII.
    pub wide_bytes: f64,
    /// Memory that unpacking takes: of one file, and of as many as there are threads.
    pub unpacking_bytes: [f64; 2],
    /// Seconds that reading, unpacking or making it takes, where a worker cannot do it beside others.
    pub read_seconds: f64,
}

/// What a stage needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// The stage.
    pub stage: String,
    /// Memory that it cannot do without, in bytes.
    pub least_bytes: f64,
    /// Memory that it will take, given the budget.
    pub memory_bytes: f64,
    /// The most that the files of the run take while it runs, in bytes.
    pub disk_bytes: f64,
    /// Files open at once.
    pub files: f64,
    /// Seconds.
    pub seconds: f64,
}

/// Text that is looked at for an estimate: half a second's work.
const SAMPLE_BYTES: u64 = 32 << 20;
/// Text that is looked at to see whether there is any doubt, and what is beyond doubt even then.
const GLANCE_BYTES: u64 = 2 << 20;
const GLANCE_DOUBT: f64 = 4.0;

/// Estimates the sizes from a sample of the inputs; `None` where there is only a pipe.
pub fn sizes(config: &Config, inputs: &[Input]) -> Result<Option<Sizes>, VocabError> {
    sample::sizes(config, inputs, SAMPLE_BYTES)
}

/// Leaves out the stages after `until`.
pub fn cut_after(needs: &mut Vec<Need>, until: Option<&str>) {
    if let Some(last) = until.and_then(|last| needs.iter().position(|need| need.stage == last)) {
        needs.truncate(last + 1);
    }
}

/// What the pipeline up to stage `until` surely lacks, with so many bytes of disk and files to be
/// had; `None` if it may be done. Costs little where there is plenty of everything.
pub fn lack(
    config: &Config,
    inputs: &[Input],
    until: Option<&str>,
    (free_bytes, files): (f64, f64),
) -> Result<Option<DoesNotFit>, VocabError> {
    let find = |sizes, doubt| {
        let mut needs = needs(config, sizes, 1.0);
        cut_after(&mut needs, until);
        needs.iter().find_map(|need| need.times(doubt).lacks(config, free_bytes, files))
    };
    if let Some(lack) = unpacking_lack(config, inputs) {
        return Ok(Some(lack));
    }
    let glance = sample::sizes(config, inputs, GLANCE_BYTES)?;
    match glance.and_then(|sizes| find(sizes, GLANCE_DOUBT)) {
        Some(_) => Ok(sizes(config, inputs)?.and_then(|sizes| find(sizes, 1.0 / DOUBT))),
        None => Ok(None),
    }
}

/// What unpacking lacks where one file alone takes more memory than there is.
pub fn unpacking_lack(config: &Config, inputs: &[Input]) -> Option<DoesNotFit> {
    let (input, bytes) = greediest(inputs)?;
    let (memory, chunks) =
        (config.run.memory_bytes, 10 * config.corpus.lines.chunk_bytes + PROGRAM_BYTES);
    if bytes + chunks <= memory || chunks > memory {
        return None;
    }
    let (name, window) = (&input.name, format_bytes(bytes));
    let (memory, needed) = (format_bytes(memory), format_bytes(bytes + chunks));
    Some(DoesNotFit(format!(
        "{name}: unpacking: its window takes {window} of memory, run.memory is {memory}; raise it (--memory) to at least {needed}{}",
        unpack_first(input)
    )))
}

/// Bytes that the run directory's disk has to spare, and files that may be open at once.
pub fn disk_and_files(config: &Config) -> Result<(f64, f64), FormatError> {
    let free = free_bytes(&config.locate(&config.run.dir))?;
    Ok((free as f64, open_file_limit().map_or(f64::INFINITY, |limit| limit as f64)))
}

/// Refuses a pipeline that has not begun and cannot end, before it begins.
pub fn refuse_what_cannot_fit(
    config: &Config,
    inputs: &[Input],
    until: Option<&str>,
) -> Result<(), Error> {
    match lack(config, inputs, until, disk_and_files(config)?)? {
        Some(lack) => Err(lack.into()),
        None => Ok(()),
    }
}

/// A stage that cannot do its work with what there is.
#[derive(Debug)]
pub struct DoesNotFit(String);

impl fmt::Display for DoesNotFit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for DoesNotFit {}

/// How far an estimate may be above the truth: what fits with so much less is let through, and the
/// stage itself says exactly what it lacks.
const DOUBT: f64 = 1.25;
/// What always helps.
const FEWER_WORDS: &str = "raise vocabulary.min_count or set vocabulary.max_size";

fn reads_text(config: &Config, name: &str) -> bool {
    config.train.iter().any(|it| it.name == name && it.trainer.reads_text())
}

impl Need {
    /// What the stage lacks, and which setting would help; `None` if it fits.
    pub fn lacks(&self, config: &Config, free_bytes: f64, files: f64) -> Option<DoesNotFit> {
        let text = |bytes: f64| format_bytes(bytes as u64);
        let (who, way_out) = match self.stage.as_str() {
            "tokenize" => ("tokenizing".to_owned(), "lower corpus.chunk_bytes".to_owned()),
            stage => match stage.strip_prefix("train:") {
                Some(name) if reads_text(config, name) => (
                    format!("the model of {name} with its readers"),
                    format!("lower train.dim of {name}, {FEWER_WORDS}"),
                ),
                Some(name) => (
                    format!("the model of {name}, three stripes of it at a time,"),
                    format!("raise tiles.grid, lower train.dim of {name}, {FEWER_WORDS}"),
                ),
                None => (format!("the stage {stage}"), FEWER_WORDS.to_owned()),
            },
        };
        let memory = config.run.memory_bytes as f64;
        if self.least_bytes > memory {
            return Some(DoesNotFit(format!(
                "{who} needs about {} of memory, run.memory is {}; raise it (--memory) to at \
                 least that, or {way_out}",
                text(self.least_bytes),
                text(memory)
            )));
        }
        if self.disk_bytes > free_bytes {
            return Some(DoesNotFit(format!(
                "{}: {who} will bring the files here to about {}, {} are free; free some space, \
                 put run.dir (--run-dir) on a larger disk, lower cooccur.window or raise \
                 vocabulary.min_count",
                config.run.dir.display(),
                text(self.disk_bytes),
                text(free_bytes)
            )));
        }
        (self.files > files).then(|| {
            DoesNotFit(format!(
                "{who} will hold about {:.0} files open, the limit is {files:.0}; raise it \
                 (ulimit -n) or lower run.threads (--threads)",
                self.files
            ))
        })
    }

    /// The same if the estimate of what grows with the text is off by a factor.
    fn times(&self, factor: f64) -> Self {
        let fixed = PROGRAM_BYTES as f64;
        Self {
            least_bytes: (self.least_bytes - fixed).max(0.0) * factor + fixed,
            disk_bytes: self.disk_bytes * factor,
            ..self.clone()
        }
    }
}

/// Nanoseconds of one core of a 2023 server, of which all are busy, that its work takes a stage: of a
/// token, a pair, a cell. Fitted to 22 million tokens of English at windows of 1 to 50, 2 million of
/// Korean and the built-in text; within 15 %, cells of wide weights within 30 %.
mod cost {
    pub const TOKEN: f64 = 23.0;
    /// A byte of a character that is not ASCII.
    pub const WIDE_BYTE: f64 = 28.0;
    /// A distinct word of a shard, in `tokenize` and in `vocabulary`.
    pub const NEW_WORD: f64 = 390.0;
    pub const LOCAL_WORD: f64 = 290.0;
    /// A token, a line and a distinct word of a shard, where repeated lines are left out: half of 20 million tokens of English.
    pub const HASHED_TOKEN: f64 = 17.0;
    pub const HASHED_LINE: f64 = 190.0;
    pub const HASHED_WORD: f64 = 130.0;
    pub const PLACE: f64 = 39.0;
    pub const PAIR: f64 = 3.4;
    pub const SPILLED_CELL: f64 = 36.0;
    pub const MERGED_CELL: f64 = 7.0;
    pub const MATRIX_CELL: f64 = 28.0;
    pub const TILE_CELL: f64 = 98.0;
    /// Of a text thinned at 1e-3: what is left, the cells of a sample for one of the whole text, since windows
    /// reach further, and what another sample adds to them (English, 22 million tokens).
    pub const THINNED_TEXT: f64 = 0.76;
    pub const THINNED_CELLS: f64 = 1.22;
    pub const SAMPLE_CELLS: f64 = 0.037;
    /// A token of the text where windows are trained, at dimension 100 and, skip-gram, a window of 5.
    pub const CBOW_WORD: f64 = 420.0;
    pub const CBOW_PATH: f64 = 700.0;
    pub const PAIRED_WORD: f64 = 800.0;
    pub const PAIRED_PATH: f64 = 1600.0;
    /// More for a cell whose weight takes bytes of its own.
    pub const WIDE_MATRIX_CELL: f64 = 14.0;
    pub const WIDE_TILE_CELL: f64 = 30.0;
}

/// Resident memory of the program when it begins, and what it keeps once it has used more.
const FRESH_BYTES: f64 = 6e6;
const USED_BYTES: f64 = 20e6;

/// Stages in the order in which they run, with what the earlier ones have left on the disk.
struct Needs {
    rows: Vec<Need>,
    disk_bytes: f64,
    threads: f64,
    pace: f64,
    /// What the program itself takes.
    program_bytes: f64,
}

impl Needs {
    fn add(&mut self, stage: &str, forecast: Forecast, core_seconds: f64) {
        self.rows.push(Need {
            stage: stage.into(),
            least_bytes: PROGRAM_BYTES as f64 + forecast.least_bytes,
            memory_bytes: self.program_bytes + forecast.memory_bytes,
            disk_bytes: self.disk_bytes + forecast.scratch_bytes,
            files: 5.0 + forecast.files,
            seconds: core_seconds * self.pace / self.threads,
        });
        self.disk_bytes += forecast.left_bytes;
    }
}

/// What every stage needs, where work takes `pace` times what it took on the machine on which costs
/// were measured.
pub fn needs(config: &Config, sizes: Sizes, pace: f64) -> Vec<Need> {
    let threads = config.run.thread_count();
    let mut needs = Needs {
        rows: Vec::new(),
        disk_bytes: 0.0,
        threads: threads as f64,
        pace,
        program_bytes: FRESH_BYTES,
    };
    if sizes.bytes > 0.0 {
        text_needs(config, sizes, &mut needs);
    }
    let room = (config.run.memory_bytes.saturating_sub(PROGRAM_BYTES), threads as u64);
    let samples = f64::from(config.cooccur.samples_of(sizes.tokens as u64));
    let (mut sizes, mut counted_text) = (sizes, 1.0);
    if config.cooccur.subsample > 0.0 && sizes.bytes > 0.0 {
        sizes.cells *= cost::THINNED_CELLS + cost::SAMPLE_CELLS * (samples - 1.0);
        counted_text = cost::THINNED_TEXT * samples;
    }
    let unit = config.cooccur.unit_of(sizes.tokens as u64);
    let counted = forecast::Sizes {
        tokens: sizes.tokens * counted_text,
        shard_tokens: sizes.tokens
            * (config.corpus.lines.chunk_bytes as f64 / sizes.bytes).min(1.0),
        words: sizes.words,
        cells: sizes.cells,
        cell_growth: sizes.cell_growth,
        unit,
        grid: config.tiles.stripes(sizes.words as u64),
    };
    if config.needs_matrix() {
        matrix_needs(config, (sizes, &counted, counted_text), room, &mut needs);
    }
    for trainer in &config.train {
        train_need(config, trainer, sizes, &mut needs);
    }
    needs.rows
}

/// Adds the stages that count.
fn matrix_needs(
    config: &Config,
    (sizes, counted, counted_text): (Sizes, &forecast::Sizes, f64),
    room: (u64, u64),
    needs: &mut Needs,
) {
    let unit = counted.unit;
    let spilled = counted.spilled_cells(room);
    let window = &config.cooccur.window;
    let sides = if window.sides == Sides::Both { 2.0 } else { 1.0 };
    let pairs = counted_text * sides * sizes.tokens * f64::from(window.window);
    let seconds = cost::PLACE * sizes.tokens + cost::PAIR * pairs + cost::SPILLED_CELL * spilled;
    needs.add("cooccur", forecast::count(counted, room), 1e-9 * seconds);
    // Weights that stand in a table of whole numbers are short.
    let is_wide = f64::from(u8::from(unit > 255));
    let matrix_cell = cost::MATRIX_CELL + is_wide * cost::WIDE_MATRIX_CELL;
    let seconds = cost::MERGED_CELL * spilled + matrix_cell * sizes.cells;
    needs.add("merge", forecast::merge(counted, room), 1e-9 * seconds);
    let seconds = (cost::TILE_CELL + is_wide * cost::WIDE_TILE_CELL) * sizes.cells;
    needs.add("shuffle", forecast::shuffle(counted, room), 1e-9 * seconds);
}

/// Adds the stages that read text.
fn text_needs(config: &Config, sizes: Sizes, needs: &mut Needs) {
    let chunk = (config.corpus.lines.chunk_bytes as f64).min(sizes.bytes);
    let shards = (sizes.bytes / chunk).ceil().max(1.0);
    // Distinct words of a chunk, by the square root of its share of the sample.
    let in_chunk = sizes.local_words * (chunk / 32e6).min(1.0).powf(0.6);
    let local_words = shards * in_chunk;
    let tokenize = Forecast {
        least_bytes: 10.0 * config.corpus.lines.chunk_bytes as f64 + sizes.unpacking_bytes[0],
        memory_bytes: (2.6 * needs.threads + 3.0) * chunk + sizes.unpacking_bytes[1],
        scratch_bytes: sizes.tokens * 1.7 + local_words * 5.0,
        left_bytes: sizes.tokens * 1.7 + local_words * 5.0,
        files: 2.0 * needs.threads,
    };
    let words = cost::TOKEN * sizes.tokens + cost::NEW_WORD * local_words;
    let seconds = 1e-9 * (words + cost::WIDE_BYTE * sizes.wide_bytes);
    needs.add("tokenize", tokenize, seconds + sizes.read_seconds / needs.pace);
    needs.program_bytes = USED_BYTES;
    if config.corpus.reading.duplicate_lines == DuplicateLines::Drop {
        dedup_need(config, (sizes, local_words, in_chunk), needs);
    }
    if config.corpus.pieces.is_some() {
        pieces_need((sizes, local_words, in_chunk), needs);
    }
    if let Some(phrases) = &config.phrases {
        phrases::need(config, phrases, (sizes, local_words, in_chunk), needs);
    }
    let files = sizes.words * 30.0 + local_words * 3.0;
    // Words are counted in a table where it fits, else by merging all lists.
    let in_table = sizes.local_words * 260.0 < config.run.memory_bytes as f64;
    let vocabulary = Forecast {
        // Rows, bytes and orders of the words that are kept, in vectors that grow by doubling.
        least_bytes: 8e6 + sizes.words * 90.0,
        memory_bytes: 64.0f64.min(shards) * 80e3 + sizes.words * 90.0 + sizes.local_words * 130.0,
        scratch_bytes: files,
        left_bytes: files,
        files: if in_table { needs.threads } else { 64.0f64.min(shards) * needs.threads },
    };
    needs.add("vocabulary", vocabulary, 1e-9 * cost::LOCAL_WORD * local_words);
}

/// Adds the stage that leaves out repeated lines, as if there were none.
fn dedup_need(
    config: &Config,
    (sizes, local_words, in_chunk): (Sizes, f64, f64),
    needs: &mut Needs,
) {
    let lines = sizes.lines as u64;
    let left = config.run.memory_bytes.saturating_sub(PROGRAM_BYTES);
    let compared = dedup::comparing_bytes(lines, needs.threads as u64, left) as f64;
    let shards = sizes.tokens * 1.7 + local_words * 5.0;
    let worker = 3e6 + 130.0 * in_chunk;
    let forecast = Forecast {
        least_bytes: worker + 1e6,
        memory_bytes: compared.max(worker * needs.threads),
        // Hashes of all lines.
        scratch_bytes: shards + 20.0 * sizes.lines,
        left_bytes: shards,
        files: 3.0 * needs.threads,
    };
    let seconds = cost::HASHED_TOKEN * sizes.tokens
        + cost::HASHED_LINE * sizes.lines
        + cost::HASHED_WORD * local_words;
    needs.add("dedup", forecast, 1e-9 * seconds);
}

/// Adds the stage that cuts words into pieces; shards of 20 MB of Korean grow by a third.
fn pieces_need((sizes, local_words, in_chunk): (Sizes, f64, f64), needs: &mut Needs) {
    let model = sizes.local_words * 150.0;
    let forecast = Forecast {
        least_bytes: 8e6 + model + 320.0 * in_chunk,
        memory_bytes: 8e6 + model + 320.0 * in_chunk * needs.threads,
        scratch_bytes: sizes.tokens * 2.3 + local_words * 8.0 + sizes.local_words * 40.0,
        left_bytes: sizes.tokens * 2.3 + local_words * 5.0 + sizes.local_words * 10.0,
        files: 64.0 + 4.0 * needs.threads,
    };
    let seconds = 1e-9 * (4.0 * sizes.tokens + 700.0 * local_words + 8e3 * sizes.local_words);
    needs.add("pieces", forecast, seconds);
}

fn train_need(config: &Config, trainer: &TrainConfig, sizes: Sizes, needs: &mut Needs) {
    let row = wordmill_kernels::padded(trainer.passes.dim) as f64 * 4.0;
    let flops = trainer.passes.dim as f64 * f64::from(trainer.passes.epochs);
    // Floating-point operations a second that a core gets out of each kernel at a dimension of 100.
    let (copies, work, tiles) = match trainer.trainer {
        // Six window positions a token; each visit is a positive and half a group's negatives.
        Trainer::NegativeSampling(_) => (2.0, sizes.tokens * 4.7 * 17.0 * 6.0 / 77e9, 0.0),
        // Four node cells a matrix cell, six bytes each, dealt and put into slots.
        Trainer::HierarchicalSoftmax(_) => {
            (2.0, sizes.cells * 4.0 * 6.0 / 9e9, sizes.cells * 4.0 * 12.0)
        }
        Trainer::Glove(_) => (2.0, sizes.cells * 14.0 / 13e9, 0.0),
        Trainer::Windows(it) => return windows_need((trainer, it), sizes, needs),
    };
    // Vectors, and what the optimiser keeps of each, on both sides.
    let kept = match trainer.steps.optimizer {
        Optimizer::Sgd | Optimizer::RowAdagrad => 1.0,
        Optimizer::Adagrad => 2.0,
        Optimizer::Adam { .. } => 3.0,
    };
    let model = sizes.words * row * copies * kept;
    let tables = sizes.words * (80.0 + more::memory_a_word(trainer));
    let room = config.run.memory_bytes as f64 - PROGRAM_BYTES as f64 - tables;
    // What does not fit goes through pages, of which three are in memory at least.
    let pages = if model > room { model } else { 0.0 };
    let grid = f64::from(config.tiles.stripes(sizes.words as u64));
    let vectors = sizes.words * trainer.passes.dim as f64 * 8.0;
    // Dealt node cells stay in memory where there is room.
    let dealt = (tiles / 2.0).min(room.max(0.0) * 2.0 / 3.0);
    let forecast = Forecast {
        least_bytes: tables + 3.0 * model / (2.0 * grid),
        memory_bytes: tables + model.min(room.max(0.0)).max(dealt),
        scratch_bytes: tiles
            + vectors
            + 2.0 * model
            + pages
            + sizes.words * more::disk_a_word(trainer),
        left_bytes: vectors,
        files: 300.0,
    };
    needs.add(&format!("train:{}", trainer.name), forecast, work * flops * more::time(trainer));
}

/// Adds a trainer that reads the text: the model is in memory, and so is what each reader has copied of it.
fn windows_need((trainer, it): (&TrainConfig, WindowsConfig), sizes: Sizes, needs: &mut Needs) {
    let row = wordmill_kernels::padded(trainer.passes.dim) as f64 * 4.0;
    let window = f64::from(it.text.window);
    let is_tree = it.prediction == Prediction::Tree;
    let (nanoseconds, rows) = match (it.model, is_tree) {
        (WindowModel::Cbow(_), false) => (cost::CBOW_WORD, 2.6e3),
        (WindowModel::Cbow(_), true) => (cost::CBOW_PATH, 8e3),
        (WindowModel::SkipGram, false) => (cost::PAIRED_WORD * window / 5.0, 4.2e3),
        (WindowModel::SkipGram, true) => (cost::PAIRED_PATH * window / 5.0, 8e3),
    };
    let readers = if it.text.sharing == Sharing::Rounds { 8.0 } else { needs.threads };
    let model = 2.0 * sizes.words * row;
    let reader = 2e6 + 8.0 * sizes.words + f64::min(rows, 2.0 * sizes.words) * row * 2.0;
    let tables = sizes.words * (24.0 + more::memory_a_word(trainer));
    let memory = model + tables + readers * reader;
    let vectors = sizes.words * trainer.passes.dim as f64 * 8.0;
    let forecast = Forecast {
        least_bytes: memory,
        memory_bytes: memory,
        scratch_bytes: vectors + 2.0 * model + sizes.words * more::disk_a_word(trainer),
        left_bytes: vectors,
        files: 5.0 + readers,
    };
    let work = sizes.tokens * nanoseconds * trainer.passes.dim as f64 / 100.0
        * f64::from(trainer.passes.epochs);
    let seconds = 1e-9 * work * needs.threads / needs.threads.min(readers);
    needs.add(&format!("train:{}", trainer.name), forecast, seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_sample_is_estimated_within_a_quarter() {
        let sets = vec!["corpus.inputs=[\"builtin:sample:24MB\"]".to_owned()];
        let sources = crate::config::Sources { sets, ..Default::default() };
        let config = Config::load(&sources).unwrap();
        let inputs = crate::texts::inputs(&config, &wordmill_flow::Progress::silent()).unwrap();
        let sizes = sizes(&config, &inputs).unwrap().unwrap();
        // What a run over it counts.
        let near = |estimate: f64, counted: f64| (estimate / counted - 1.0).abs() < 0.25;
        assert!(near(sizes.tokens, 4.16e6), "{sizes:?}");
        assert!(near(sizes.words, 6473.0), "{sizes:?}");
        assert!(near(sizes.cells, 1.4e6), "{sizes:?}");
    }
}
