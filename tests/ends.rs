//! Tests of settings at their limits: the whole pipeline on a kilobyte of text, for every setting at its least and its
//! greatest value and for all pairs of those. A run ends with vectors, or with an error of a known kind; it never
//! panics.
//!
//! A *choice* is a setting with one value. A *row* is a set of choices that the configuration accepts; rows are filled
//! greedily, so that few of them cover all pairs. If a row ends with an error, its pairs are tried again separately.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use wordmill_flow::{Budget, Context, Progress};
use wordmill_formats::{MemoryStorage, RunDir, Storage};

use wordmill_pipeline::Error;
use wordmill_pipeline::config::{Config, Sources};
use wordmill_pipeline::graph::Graph;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::past::Past;
use wordmill_pipeline::stage::Run;
use wordmill_pipeline::stages::GivenFiles;
use wordmill_pipeline::stages::kind_of_stage;
use wordmill_pipeline::{ErrorKind, scores, texts};

/// The result of a run: vectors, or an error with the problem.
const KINDS: [ErrorKind; 4] =
    [ErrorKind::Usage, ErrorKind::BadInput, ErrorKind::Exhausted, ErrorKind::Diverged];

/// Settings of all pipelines, each with the values to try.
const SHARED: &[(&str, &[&str])] = &[
    ("run.memory", &["\"32MiB\"", "\"1TiB\""]),
    ("run.threads", &["1", "9"]),
    ("run.seed", &["0", "9223372036854775807"]),
    ("run.checkpoint_every", &["\"0s\"", "\"1d\""]),
    ("corpus.format", &["\"documents\""]),
    ("corpus.encoding", &["\"cp949\"", "\"utf-16le\""]),
    ("corpus.strict", &["true"]),
    ("corpus.tokenizer", &["\"whitespace\"", "\"korean\"", "\"bpe\""]),
    ("corpus.endings", &["\"drop\""]),
    ("corpus.bpe_merges", &["0", "1", "1000000"]),
    ("corpus.pieces_min_count", &["1", "1000000"]),
    ("corpus.apostrophes", &["\"split\"", "\"drop\""]),
    ("corpus.hyphens", &["\"keep\"", "\"drop\""]),
    ("corpus.lowercase", &["false"]),
    ("corpus.normalize", &["\"nfkc\"", "\"none\""]),
    ("corpus.accents", &["\"strip\""]),
    ("corpus.digits", &["\"drop\"", "\"zero\""]),
    ("corpus.stop_words", &["\"FOLDER/list.txt\""]),
    ("corpus.duplicate_lines", &["\"drop\""]),
    ("corpus.invalid_utf8", &["\"skip\"", "\"fail\""]),
    ("corpus.chunk_bytes", &["64", "\"128MiB\""]),
    ("phrases.passes", &["1", "8"]),
    ("phrases.score", &["\"npmi\""]),
    ("phrases.threshold", &["-1.0", "1e300"]),
    ("phrases.min_count", &["1", "1000000"]),
    ("phrases.connectors", &["\"FOLDER/list.txt\""]),
    ("phrases.delimiter", &["\"\"", "\"--\""]),
    ("vocabulary.min_count", &["1", "2", "1000000"]),
    ("vocabulary.max_size", &["1", "2", "1000000"]),
    ("vocabulary.keep", &["\"FOLDER/list.txt\""]),
    ("vocabulary.drop", &["\"FOLDER/list.txt\""]),
    ("cooccur.window", &["1", "255"]),
    ("cooccur.weighting", &["\"harmonic\"", "\"flat\""]),
    ("cooccur.symmetric", &["false"]),
    ("cooccur.dropped", &["\"gap\""]),
    ("cooccur.subsample", &["0.0", "1e-12", "1.0"]),
    ("cooccur.samples", &["1", "64"]),
    // More than there are words; an epoch goes through grid² tiles in each rotation, so the greatest values have their
    // own test.
    ("tiles.grid", &["1", "61"]),
    ("eval.top", &["0", "1"]),
];

/// Settings of every trainer; those that one does not use are refused, and left out.
const TRAINER: &[(&str, &[&str])] = &[
    ("preset", &["\"word2vec\"", "\"fasttext\"", "\"glove\""]),
    ("dim", &["1", "67"]),
    ("epochs", &["1", "3"]),
    ("rate", &["1e-300", "1e30"]),
    ("optimizer", &["\"sgd\"", "\"adagrad\"", "\"row-adagrad\"", "\"adam\""]),
    ("schedule", &["\"cosine\"", "\"constant\""]),
    ("final_rate", &["0.0", "1.0"]),
    ("held_out", &["0.001", "0.9"]),
    ("patience", &["1", "1000"]),
    ("log_every", &["1", "1000000"]),
    ("l2", &["1e-300", "1e30"]),
    ("clip", &["1e-300", "1e30"]),
    ("max_norm", &["1e-300", "1e30"]),
    ("rotations", &["1", "33"]),
    ("on_divergence", &["\"halve-rate\""]),
    ("negatives", &["1", "100"]),
    ("noise_exponent", &["-2.0", "2.0"]),
    ("context_rates", &["\"even\""]),
    ("subsample", &["0.0", "1e-12", "1.0"]),
    ("loss", &["\"hinge\"", "\"focal\"", "\"huber\"", "\"ppmi\"", "{ cell = \"s^2\" }"]),
    ("cap", &["1e-30", "1e30"]),
    ("x_max", &["1e-30", "1e30"]),
    ("alpha", &["0.0", "5.0"]),
    ("window", &["1", "255"]),
    ("window_mode", &["\"expected\""]),
    ("context", &["\"sum\""]),
    ("cbow_compat", &["true"]),
    ("deterministic", &["false"]),
    ("freeze", &["\"FOLDER/list.txt\""]),
    ("init", &["\"FOLDER/vectors.txt\""]),
    ("init_bad_rows", &["\"skip\"", "\"repair\""]),
];

/// The trainers: their names in messages, and their table.
const TRAINERS: [(&str, &str); 5] = [
    ("sgns", ""),
    ("hs", "objective = \"hierarchical-softmax\""),
    ("glove", "model = \"glove\""),
    ("cbow", "model = \"cbow\""),
    ("cbow-hs", "model = \"cbow\"\nobjective = \"hierarchical-softmax\""),
];

/// Lines with words of several kinds, some twice, one of them not UTF-8.
const TEXT: &[u8] = "the mill grinds the grain and the miller's wife bakes bread\n\
a river runs by the mill, and by the river stands a well-known tree\n\
the mill grinds the grain and the miller's wife bakes bread\n\n\
\u{d559}\u{ad50}\u{c5d0}\u{c11c} \u{ce5c}\u{ad6c}\u{b97c} \u{d559}\u{ad50}\u{c5d0}\u{c11c} \u{ce5c}\u{ad6c}\u{c640}\n\
in 1890 caf\u{e9}s and \u{ff26}\u{ff35}\u{ff2c}\u{ff2c} width don't count 1,000 times\n"
    .as_bytes();

/// Choices that are added to a pair: more of them cover more pairs per run, but may be incompatible.
const ROW_CHOICES: usize = 16;

/// A key by its place, and a value.
type Choice = (usize, &'static str);

/// A folder with a text, a list of words and vectors of one dimension.
struct Bench {
    folder: tempfile::TempDir,
    trainer: &'static str,
    keys: Vec<(String, &'static [&'static str])>,
}

impl Bench {
    fn new((name, table): (&str, &'static str)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = [&TEXT.repeat(2)[..], b"a bad \xff\xfe line of the mill\n"].concat();
        fs::write(folder.path().join("text.txt"), text).unwrap();
        fs::write(folder.path().join("list.txt"), "the\nand\nmill\n").unwrap();
        fs::write(folder.path().join("vectors.txt"), "mill 0.5\nriver -0.25\n").unwrap();
        let shared = SHARED.iter().map(|(key, values)| ((*key).to_owned(), *values));
        let own = TRAINER.iter().map(|(key, values)| (format!("train.0.{key}"), *values));
        let mut bench = Self { folder, trainer: table, keys: shared.chain(own).collect() };
        // Pairs of a setting with one that its trainer does not have are skipped.
        let all = std::mem::take(&mut bench.keys);
        let needs = |key: &str| match key {
            "corpus.endings" => vec![("corpus.tokenizer", "\"korean\"")],
            "corpus.bpe_merges" => vec![("corpus.tokenizer", "\"bpe\"")],
            "corpus.pieces_min_count" => vec![("corpus.tokenizer", "\"bpe\"")],
            "train.0.patience" => vec![("train.0.held_out", "0.9")],
            "train.0.init" => vec![("train.0.dim", "1")],
            _ => Vec::new(),
        };
        for (key, values) in all {
            let sets = |value: &str| {
                let needed = needs(&key).into_iter();
                let needed = needed.map(|(key, value)| format!("{key}={value}"));
                needed.chain([format!("{key}={value}")]).collect::<Vec<_>>()
            };
            if values.iter().any(|value| bench.config(&sets(value)).is_ok()) {
                bench.keys.push((key, values));
            }
        }
        assert!(bench.keys.len() > 50, "{name}: {} settings", bench.keys.len());
        bench
    }

    fn config(&self, sets: &[String]) -> Result<Config, String> {
        let folder = self.folder.path().display().to_string();
        let text = format!(
            "[run]\ndir = \"run\"\nmemory = \"64MiB\"\nthreads = 2\n[corpus]\ninputs = [\"{folder}/text.txt\"]\n\
             [vocabulary]\nmin_count = 1\n[[train]]\nname = \"t\"\ndim = 3\nepochs = 2\n{}\n",
            self.trainer
        );
        let sets = sets.iter().map(|set| set.replace("FOLDER", &folder)).collect();
        let sources = Sources { sets, ..Sources::default() };
        Config::resolve(Path::new("p.toml"), &text, &sources).map_err(|error| error.to_string())
    }

    fn sets(&self, row: &[Choice]) -> Vec<String> {
        row.iter().map(|(key, value)| format!("{}={value}", self.keys[*key].0)).collect()
    }

    /// Runs the whole pipeline in memory; true if it ends with vectors. Fails if it panics, or ends with an error of
    /// another kind.
    fn run(&self, row: &[Choice]) -> bool {
        let sets = self.sets(row);
        let config = self.config(&sets).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| self.attempt(&config)));
        match ended.unwrap_or_else(|_| panic!("it panicked with {sets:#?}")) {
            Ok(()) => true,
            Err(error) => {
                assert!(
                    KINDS.contains(&error.kind()),
                    "{:?}, {error}, with {sets:#?}",
                    error.kind()
                );
                false
            }
        }
    }

    fn attempt(&self, config: &Config) -> Result<(), Error> {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let dir = &RunDir::new(storage, &config.run.dir);
        let mut ledger = Ledger::open(dir, kind_of_stage)?;
        let past = &Past::default();
        let texts = texts::Texts::of(texts::inputs(config, &Progress::silent())?);
        let given = &GivenFiles::read(config, dir, past)?;
        let graph = Graph::new(config, Some(&texts), given, past);
        texts::check_lists(config, |_| false)?;
        let budget = Budget::new(config.run.memory_bytes);
        let ctx = &Context { budget, ..Context::for_tests(config.run.thread_count()) };
        let (texts, kernels) = (Some(&texts), wordmill_kernels::best());
        graph.run(&Run { ctx, dir, config, texts, past, kernels }, &mut ledger, None)?;
        scores(dir, config).map(drop)
    }

    /// All pairs of choices that the configuration accepts.
    fn pairs(&self) -> BTreeSet<(Choice, Choice)> {
        let choices: Vec<Choice> = (0..self.keys.len())
            .flat_map(|key| self.keys[key].1.iter().map(move |value| (key, *value)))
            .collect();
        let mut pairs = BTreeSet::new();
        for (at, &first) in choices.iter().enumerate() {
            for &second in choices[at + 1..].iter().filter(|second| second.0 != first.0) {
                if self.config(&self.sets(&[first, second])).is_ok() {
                    pairs.insert((first, second));
                }
            }
        }
        pairs
    }

    /// A row with a pair and some more of these choices that are compatible with it.
    fn row(
        &self,
        (first, second): (Choice, Choice),
        more: &[Choice],
        dice: &mut u64,
    ) -> Vec<Choice> {
        let mut row = vec![first, second];
        for _ in 0..ROW_CHOICES {
            *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = more[(*dice >> 33) as usize % more.len()];
            if row.iter().any(|known| known.0 == choice.0) {
                continue;
            }
            row.push(choice);
            if self.config(&self.sets(&row)).is_err() {
                row.pop();
            }
        }
        row.sort_unstable();
        row
    }
}

fn in_order(a: Choice, b: Choice) -> (Choice, Choice) {
    if a < b { (a, b) } else { (b, a) }
}

/// Tries every choice alone, then rows until every pair was in one that ended well, or was tried
/// separately.
fn check((name, table): (&'static str, &'static str)) {
    let bench = Bench::new((name, table));
    let (mut runs, mut failed, mut good) = (0, 0, Vec::new());
    for key in 0..bench.keys.len() {
        for value in bench.keys[key].1 {
            let row = [(key, *value)];
            if bench.config(&bench.sets(&row)).is_ok() {
                runs += 1;
                match bench.run(&row) {
                    true => good.push((key, *value)),
                    false => failed += 1,
                }
            }
        }
    }
    let mut open: BTreeSet<(Choice, Choice)> =
        bench.pairs().into_iter().map(|(a, b)| in_order(a, b)).collect();
    let (pairs, mut dice) = (open.len(), 7);
    while let Some(&pair) = open.first() {
        // A full row first; if it ends with an error, the pair separately.
        let row = bench.row(pair, &good, &mut dice);
        runs += 1;
        if bench.run(&row) {
            for (at, &a) in row.iter().enumerate() {
                row[at + 1..].iter().for_each(|&b| {
                    open.remove(&in_order(a, b));
                });
            }
            continue;
        }
        runs += 1;
        failed += u32::from(!bench.run(&[pair.0, pair.1]));
        open.remove(&pair);
    }
    println!("{name}: {runs} runs for {pairs} pairs of choices; {failed} ended with an error");
    assert!(pairs > 1000, "{name}: {pairs} pairs");
}

#[test]
fn skip_gram_ended_badly_with_settings_at_their_ends() {
    check(TRAINERS[0]);
}

#[test]
fn hierarchical_softmax_ended_badly_with_settings_at_their_ends() {
    check(TRAINERS[1]);
}

#[test]
fn glove_ended_badly_with_settings_at_their_ends() {
    check(TRAINERS[2]);
}

#[test]
fn the_greatest_grid_and_the_most_rotations_end_well() {
    for trainer in &TRAINERS[..3] {
        let bench = Bench::new(*trainer);
        for (grid, rotations) in [(256, 1), (1, 1024)] {
            let sets = ["tiles.grid", "train.0.rotations", "train.0.epochs"];
            let sets: Vec<String> = sets
                .iter()
                .zip([grid, rotations, 1])
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            bench.attempt(&bench.config(&sets).unwrap()).unwrap();
        }
    }
}

#[test]
fn cbow_ended_badly_with_settings_at_their_ends() {
    check(TRAINERS[3]);
    check(TRAINERS[4]);
}
