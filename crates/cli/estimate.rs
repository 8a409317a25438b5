//! What a pipeline will need, from a sample of its text: sizes first, then the stages' needs.
//!
//! Vocabulary and matrix grow with the text as powers of it (Heaps 1978): a count of distinct things
//! in the first half of the sample and in the whole gives the power. A word with `min_count`
//! occurrences in T tokens is one that T / min_count tokens can be expected to show once, so the
//! vocabulary is the number of distinct words in that many tokens.

use std::collections::HashSet;

use wordmill_corpus::chunk::StreamReader;
use wordmill_corpus::input::Input;
use wordmill_corpus::tokenizer::Tokenizer;
use wordmill_corpus::{CorpusError, Source};

use crate::config::{Config, TrainConfig, Trainer};
use crate::wiring::translate;

/// Text read from each of a few inputs.
const SAMPLE_BYTES: u64 = 8 << 20;
/// Inputs looked at.
const SAMPLE_INPUTS: usize = 4;

/// Sizes of a corpus and what comes of it.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Unpacked bytes.
    pub bytes: f64,
    /// Tokens.
    pub tokens: f64,
    /// Words of the vocabulary.
    pub words: f64,
    /// Cells of the matrix.
    pub cells: f64,
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
    /// Disk that its outputs and its scratch files take, in bytes.
    pub disk_bytes: f64,
    /// Files open at once.
    pub files: f64,
    /// Seconds.
    pub seconds: f64,
}

/// A growing count of distinct things: n after t is `k · t^power`.
#[derive(Clone, Copy, Debug)]
struct Growth {
    k: f64,
    power: f64,
}

impl Growth {
    fn new((half_t, half_n): (f64, f64), (t, n): (f64, f64)) -> Self {
        let power = ((n / half_n.max(1.0)).ln() / (t / half_t.max(1.0)).ln()).clamp(0.1, 1.0);
        Self { k: n / t.powf(power), power }
    }

    fn at(self, t: f64) -> f64 {
        self.k * t.max(1.0).powf(self.power)
    }
}

/// Estimates the sizes from a sample of the inputs; `None` where there is only a pipe.
pub fn sizes(config: &Config, inputs: &[Input]) -> Result<Option<Sizes>, CorpusError> {
    let files: Vec<&Input> =
        inputs.iter().filter(|it| !matches!(it.source, Source::Stdin)).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let stored: f64 = files.iter().map(|input| input.bytes.unwrap_or(0) as f64).sum();
    let step = files.len().div_ceil(SAMPLE_INPUTS);
    let mut sample = Sample::default();
    for input in files.iter().step_by(step) {
        sample.read(config, input)?;
    }
    if sample.ids.is_empty() {
        return Ok(None);
    }
    Ok(Some(sample.extrapolate(config, stored)))
}

/// Token numbers of the sampled text, and how much of the inputs it is.
#[derive(Default)]
struct Sample {
    numbers: std::collections::HashMap<String, u32>,
    ids: Vec<u32>,
    text_bytes: f64,
    stored_bytes: f64,
}

impl Sample {
    fn read(&mut self, config: &Config, input: &Input) -> Result<(), CorpusError> {
        let mut tokenizer = Tokenizer::new(translate::tokenizer(&config.corpus));
        let chunk_bytes = 1 << 20;
        let cuts = Tokenizer::new(translate::tokenizer(&config.corpus));
        let mut reader = StreamReader::open(input, chunk_bytes, cuts)?;
        let mut read = 0u64;
        while read < SAMPLE_BYTES {
            let Some(chunk) = reader.next_chunk(Vec::new())? else {
                break;
            };
            read += chunk.text().len() as u64;
            let (numbers, ids) = (&mut self.numbers, &mut self.ids);
            for line in String::from_utf8_lossy(chunk.text()).lines() {
                tokenizer.tokenize(line, |word| {
                    let next = numbers.len() as u32;
                    ids.push(*numbers.entry(word.to_owned()).or_insert(next));
                });
                ids.push(u32::MAX);
            }
        }
        self.text_bytes += read as f64;
        // A short input is read whole, whatever the reader has buffered.
        let whole = read < SAMPLE_BYTES;
        let stored = if whole { input.bytes.unwrap_or(read) } else { reader.stored_bytes() };
        self.stored_bytes += stored.max(1) as f64;
        Ok(())
    }

    fn extrapolate(&self, config: &Config, stored: f64) -> Sizes {
        let tokens = self.ids.iter().filter(|&&id| id != u32::MAX).count() as f64;
        let scale = stored / self.stored_bytes;
        let all_tokens = tokens * scale;
        let half = self.ids.len() / 2;
        let half_tokens = self.ids[..half].iter().filter(|&&id| id != u32::MAX).count() as f64;
        let half_words =
            self.ids[..half].iter().filter(|&&id| id != u32::MAX).collect::<HashSet<_>>().len();
        let growth =
            Growth::new((half_tokens, half_words as f64), (tokens, self.numbers.len() as f64));
        let min_count = config.vocabulary.min_count as f64;
        let mut words = growth.at(all_tokens / min_count.max(1.0));
        if config.vocabulary.max_size > 0 {
            words = words.min(config.vocabulary.max_size as f64);
        }
        let cells = self.cells(config, scale, words);
        Sizes { bytes: self.text_bytes * scale, tokens: all_tokens, words, cells }
    }

    /// Distinct pairs of the sample's more frequent words, extrapolated. Words are numbered by their
    /// first occurrence, so low numbers are frequent ones.
    fn cells(&self, config: &Config, scale: f64, words: f64) -> f64 {
        let window = usize::from(config.cooccur.window);
        let known = words.min(self.numbers.len() as f64) as u32;
        let mut pairs: HashSet<u64> = HashSet::new();
        let (mut half_pairs, mut half_distinct, mut seen) = (0.0, 0.0, 0.0);
        let mut line: Vec<u32> = Vec::new();
        for (at, &id) in self.ids.iter().enumerate() {
            if at == self.ids.len() / 2 {
                (half_pairs, half_distinct) = (seen, pairs.len() as f64);
            }
            if id == u32::MAX {
                line.clear();
            } else if id < known {
                for &earlier in line.iter().rev().take(window) {
                    pairs.insert(u64::from(id.min(earlier)) << 32 | u64::from(id.max(earlier)));
                    seen += 1.0;
                }
                line.push(id);
            }
        }
        let distinct = pairs.len() as f64;
        if seen < 2.0 || half_pairs < 1.0 {
            return seen;
        }
        let sides = if config.cooccur.symmetric { 2.0 } else { 1.0 };
        let growth = Growth::new((half_pairs, half_distinct), (seen, distinct));
        (sides * growth.at(seen * scale)).min(words * words)
    }
}

/// What every stage needs. Rates are those of one core of a 2023 server, measured on English
/// Wikipedia with a window of 5: see the comment beside each.
pub fn needs(config: &Config, sizes: Sizes) -> Vec<Need> {
    let (budget, threads) = (config.run.memory_bytes as f64, config.run.thread_count() as f64);
    let chunk = config.corpus.chunk_bytes as f64;
    let shards = (sizes.bytes / chunk).ceil().max(1.0);
    let window = f64::from(config.cooccur.window);
    let pairs = sizes.tokens * window;
    let base = 12e6;
    let need =
        |stage: &str, least: f64, wanted: f64, disk: f64, files: f64, core_seconds: f64| Need {
            stage: stage.into(),
            least_bytes: base + least,
            memory_bytes: base + wanted.min(budget).max(least),
            disk_bytes: disk,
            files,
            seconds: core_seconds / threads,
        };
    let mut needs = vec![
        // 100 MB of text a second; 1.8 bytes a token on disk.
        need(
            "tokenize",
            13.0 * chunk,
            (10.0 * threads + 3.0) * chunk.min(sizes.bytes),
            sizes.tokens * 1.8,
            8.0,
            sizes.bytes / 100e6,
        ),
        need(
            "vocabulary",
            16e6,
            sizes.words * 40.0 + 8e6,
            sizes.words * 30.0 + shards * 1e5,
            70.0,
            sizes.bytes / 100e6,
        ),
        // Pairs are kept in 8 bytes until they are summed; a spilled cell takes 3 bytes.
        need("cooccur", 8e6, pairs * 8.0, sizes.cells * 2.0, 8.0, pairs / 12e6),
        need("merge", 24e6, sizes.cells * 10.0, sizes.cells * 11.0, 130.0, sizes.cells / 4e6),
        // A worker deals with 64 MiB at a time. A tile cell takes 4 bytes, a loose one 6.
        need(
            "shuffle",
            16e6,
            (sizes.cells * 33.0).min(threads * 90e6),
            sizes.cells * 10.0,
            40.0,
            sizes.cells / 1.7e6,
        ),
    ];
    for trainer in &config.train {
        needs.push(train_need(trainer, sizes, threads, base));
    }
    needs
}

fn train_need(trainer: &TrainConfig, sizes: Sizes, threads: f64, base: f64) -> Need {
    let row = wordmill_kernels::padded(trainer.dim) as f64 * 4.0;
    let flops = trainer.dim as f64 * f64::from(trainer.epochs);
    // Floating-point operations a second that a core gets out of each kernel at a dimension of 100.
    let (copies, work, disk) = match trainer.trainer {
        // Six window positions a token; each visit is a positive and half a group's negatives.
        Trainer::NegativeSampling { .. } => (2.0, sizes.tokens * 4.7 * 17.0 * 6.0 / 50e9, 0.0),
        // Five node cells a matrix cell, twelve bytes each.
        Trainer::HierarchicalSoftmax { .. } => {
            (2.0, sizes.cells * 5.5 * 6.0 / 6e9, sizes.cells * 5.0 * 30.0)
        }
        Trainer::Glove { .. } => (4.0, sizes.cells * 14.0 / 8e9, 0.0),
    };
    let model = sizes.words * row * copies;
    let vectors = sizes.words * trainer.dim as f64 * 8.0;
    Need {
        stage: format!("train:{}", trainer.name),
        least_bytes: base + model,
        memory_bytes: base + model + sizes.words * 80.0,
        disk_bytes: disk + vectors + 2.0 * model,
        files: 300.0,
        seconds: work * flops / threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_follows_the_power_of_its_two_points() {
        let root = Growth::new((100.0, 10.0), (400.0, 20.0));
        assert!((root.at(10_000.0) - 100.0).abs() < 1e-6, "{root:?}");
        let straight = Growth::new((50.0, 5.0), (100.0, 10.0));
        assert!((straight.at(1000.0) - 100.0).abs() < 1e-6, "{straight:?}");
        // Where nothing new comes, a little growth is kept.
        assert!(Growth::new((50.0, 5.0), (100.0, 5.0)).at(200.0) < 6.0);
    }

    #[test]
    fn the_built_in_sample_is_estimated_within_a_quarter() {
        let sets = vec!["corpus.inputs=[\"builtin:sample:24MB\"]".to_owned()];
        let sources = crate::config::Sources { sets, ..Default::default() };
        let config = Config::load(&sources).unwrap();
        let inputs = crate::session::inputs(&config).unwrap();
        let sizes = sizes(&config, &inputs).unwrap().unwrap();
        // What a run over it counts.
        let near = |estimate: f64, counted: f64| (estimate / counted - 1.0).abs() < 0.25;
        assert!(near(sizes.tokens, 4.16e6), "{sizes:?}");
        assert!(near(sizes.words, 6473.0), "{sizes:?}");
        assert!(near(sizes.cells, 1.4e6), "{sizes:?}");
    }
}
