//! Tests of the windows trainer as a whole: bytes against threads and interruptions, memory, and that each model
//! and objective learns a text of known structure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wordmill_flow::{Budget, Context};
use wordmill_formats::{
    LINE_END, MemoryStorage, NO_WORD, RemapWriter, RunDir, ShardId, Storage, TokenShardWriter,
    Vectors, xxh3,
};
use wordmill_kernels::best;

use super::config::{Prediction, Sharing, WindowsConfig, WindowsInput};
use super::oracle::{CBOW, DIM, NOISE, WORDS, all, config, dot};
use super::text::{END, Reading, Texts};
use super::train_windows;
use crate::engine::{Divergence, Plan};
use crate::error::TrainError;
use crate::random::Stream;
use crate::test_support::Table;
use crate::{CurvePlan, EpochRow, Frozen, Schedule, Start};

/// A run directory with token shards: lines of words of one of three groups, with an unknown word now and then.
struct Bench {
    dir: RunDir,
    shards: Vec<ShardId>,
    table: Table,
    checkpoint_every: Duration,
    rate: f64,
    divergence: Divergence,
    start: Start,
    curve: CurvePlan,
    epochs: u32,
    schedule: Schedule,
}

impl Bench {
    fn new(shards: u32) -> Self {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let dir = RunDir::new(Arc::clone(&storage), "run");
        let shards = ShardId::first(shards);
        let mut counts = vec![0; WORDS as usize];
        let mut stream = Stream::new(3, &[]);
        for &shard in &shards {
            let path = dir.token_shard(shard);
            let mut writer = TokenShardWriter::create(&storage, &path, WORDS + 1, false).unwrap();
            for _ in 0..400 {
                let group = stream.below(3);
                let word = |stream: &mut Stream| match stream.below(12) {
                    0 => WORDS,
                    _ => group + 3 * (stream.below(10) * stream.below(10) / 10),
                };
                let mut line: Vec<u32> = (0..12).map(|_| word(&mut stream)).collect();
                line.iter().filter(|&&id| id < WORDS).for_each(|&id| counts[id as usize] += 1);
                line.push(LINE_END);
                writer.tokens(&line).unwrap();
            }
            writer.finish().unwrap();
            let mut remap = RemapWriter::create(&storage, &dir.remap(shard)).unwrap();
            (0..WORDS).chain([NO_WORD]).for_each(|id| remap.push(id).unwrap());
            remap.finish().unwrap();
        }
        let words = (0..WORDS).map(|id| format!("w{id:03}")).collect();
        let table = Table { words, counts, lookup: (0..WORDS).collect() };
        Self {
            dir,
            shards,
            table,
            checkpoint_every: Duration::from_secs(1000),
            rate: 0.1,
            divergence: Divergence::Stop,
            start: Start::default(),
            curve: CurvePlan::default(),
            epochs: 4,
            schedule: Schedule::LINEAR,
        }
    }

    fn train(&self, config: &WindowsConfig, name: &str, ctx: &Context) -> Result<f64, TrainError> {
        let metrics = self.rows(config, name, ctx)?;
        assert!(metrics.len() == 4 && metrics[3].loss.is_finite(), "{metrics:?}");
        Ok(metrics[3].loss)
    }

    fn rows(
        &self,
        config: &WindowsConfig,
        name: &str,
        ctx: &Context,
    ) -> Result<Vec<EpochRow>, TrainError> {
        let plan = Plan {
            name: name.into(),
            epochs: self.epochs,
            rotations: 1,
            rate: self.rate,
            schedule: self.schedule,
            curve: self.curve,
            on_epoch: None,
            seed: 5,
            fingerprint: name.into(),
            checkpoint_every: self.checkpoint_every,
            divergence: self.divergence,
        };
        let settings = BTreeMap::new();
        let input = WindowsInput {
            shards: &self.shards,
            words: &self.table,
            settings: &settings,
            dim: DIM,
            start: &self.start,
            kernels: best(),
        };
        Ok(train_windows(ctx, &self.dir, &plan, config, input)?.1)
    }

    fn vectors(&self, name: &str) -> Vectors {
        Vectors::open(self.dir.storage(), &self.dir.vectors(name)).unwrap()
    }

    /// A digest of all vectors.
    fn digest(&self, name: &str) -> u64 {
        let vectors = self.vectors(name);
        let outs = vectors.context_vectors().or(vectors.matrix("node_vectors")).unwrap();
        let floats = [vectors.word_vectors(), outs].concat();
        xxh3(&floats.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect::<Vec<u8>>())
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let (a, b) = (wide(a), wide(b));
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

/// Mean similarity of words of one group, and of words of two.
fn similarities(vectors: &Vectors) -> [f64; 2] {
    let mut sums = [[0.0; 2]; 2];
    for a in 0..WORDS as usize {
        for b in 0..a {
            let sum = &mut sums[usize::from(a % 3 != b % 3)];
            sum[0] += cosine(vectors.word_vector(a), vectors.word_vector(b));
            sum[1] += 1.0;
        }
    }
    sums.map(|[sum, count]| sum / count)
}

#[test]
fn every_model_and_objective_learns_which_words_belong_together() {
    let bench = Bench::new(6);
    for (number, mut config) in all().enumerate() {
        config.text.subsample = 1e-2;
        for sharing in [Sharing::Rounds, Sharing::Free] {
            config.text.sharing = sharing;
            let name = format!("learns-{number}-{sharing:?}");
            bench.train(&config, &name, &Context::for_tests(2)).unwrap();
            let vectors = bench.vectors(&name);
            vectors.verify().unwrap();
            let [within, between] = similarities(&vectors);
            assert!(within > between + 0.4, "{config:?}: {within} {between}");
        }
    }
}

#[test]
fn rounds_give_the_same_bytes_for_any_number_of_threads_and_interruptions() {
    let bench = Bench::new(5);
    for (number, config) in all().enumerate() {
        let mut digests = Vec::new();
        for threads in [1, 2, 3, 8] {
            let name = format!("threads-{number}-{threads}");
            bench.train(&config, &name, &Context::for_tests(threads)).unwrap();
            digests.push(bench.digest(&name));
        }
        let name = format!("stopped-{number}");
        let mut stops = 0;
        // Each call trains a round and is stopped.
        loop {
            let ctx = Context::for_tests(2);
            ctx.cancel.stop();
            match bench.train(&config, &name, &ctx) {
                Ok(_) => break,
                Err(TrainError::Stopped(_)) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(stops > 20, "{stops}");
        digests.push(bench.digest(&name));
        assert!(digests.iter().all(|it| *it == digests[0]), "{config:?}: {digests:x?}");
    }
}

#[test]
fn one_free_thread_gives_the_same_bytes_whatever_the_instruction_set_and_interruptions() {
    let bench = Bench::new(3);
    for (number, mut config) in all().enumerate() {
        config.text.sharing = Sharing::Free;
        let names = ["once", "again"].map(|it| format!("{it}-{number}"));
        bench.train(&config, &names[0], &Context::for_tests(1)).unwrap();
        loop {
            let ctx = Context::for_tests(1);
            ctx.cancel.stop();
            match bench.train(&config, &names[1], &ctx) {
                Ok(_) => break,
                Err(TrainError::Stopped(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(bench.digest(&names[0]), bench.digest(&names[1]), "{config:?}");
    }
}

/// A reader continues with its open shard.
#[test]
fn no_text_is_trained_twice_after_a_checkpoint() {
    let mut bench = Bench::new(3);
    for sharing in [Sharing::Rounds, Sharing::Free] {
        let mut config = config(CBOW, NOISE);
        config.text.sharing = sharing;
        let names = ["never", "always"].map(|it| format!("{it}-{sharing:?}"));
        for (name, seconds) in names.iter().zip([1000, 0]) {
            bench.checkpoint_every = Duration::from_secs(seconds);
            bench.train(&config, name, &Context::for_tests(1)).unwrap();
        }
        assert_eq!(bench.digest(&names[0]), bench.digest(&names[1]), "{sharing:?}");
    }
}

#[test]
fn a_rate_that_is_too_high_is_reported_with_the_vector_or_halved() {
    let mut bench = Bench::new(3);
    for (prediction, rate) in [(Prediction::Tree, 1e12), (NOISE, 1000.0)] {
        bench.rate = rate;
        let (config, name) = (config(CBOW, prediction), format!("wild-{rate}"));
        let error = bench.train(&config, &name, &Context::for_tests(2)).unwrap_err().to_string();
        let rate = format!("rate of {rate}");
        for says in ["no longer finite in epoch 1", "vector of", &rate, "halve-rate"] {
            assert!(error.contains(says), "{says:?} is not in {error}");
        }
    }
    (bench.rate, bench.divergence) = (16.0, Divergence::HalveRate);
    let config = config(CBOW, NOISE);
    for threads in [1, 2, 3] {
        let name = format!("halved-{threads}");
        bench.train(&config, &name, &Context::for_tests(threads)).unwrap();
        assert_eq!(bench.digest(&name), bench.digest("halved-1"));
    }
    assert_ne!(bench.vectors("halved-1").settings()["rate_halvings"], "0");
    // Interrupted after every round.
    loop {
        let ctx = Context::for_tests(2);
        ctx.cancel.stop();
        match bench.train(&config, "halved-stopped", &ctx) {
            Err(TrainError::Stopped(_)) => {}
            other => {
                other.unwrap();
                break;
            }
        }
    }
    assert_eq!(bench.digest("halved-stopped"), bench.digest("halved-1"));
}

#[test]
fn a_model_beyond_the_budget_is_refused_with_the_key_to_change() {
    let bench = Bench::new(1);
    let ctx = Context { budget: Budget::new(1 << 16), ..Context::for_tests(1) };
    let error = bench.train(&config(CBOW, NOISE), "large", &ctx).unwrap_err().to_string();
    assert!(error.contains("train.dim of large") && error.contains("memory"), "{error}");
}

#[test]
fn subsampling_keeps_the_expected_number_of_words() {
    let bench = Bench::new(4);
    let texts = Texts::new(
        &bench.dir,
        &bench.shards,
        &bench.table.counts,
        Reading { subsample: 1e-3, window: 5, seed: 1 },
    );
    let mut kept = 0.0;
    for shard in 0..4 {
        let mut reader = texts.open(0, shard).unwrap();
        while let Some((places, piece)) = reader.next(&texts, 100).unwrap() {
            kept += places[piece].iter().filter(|&&place| place != END).count() as f64;
        }
    }
    let expected = texts.expected_words(&bench.table.counts);
    assert!((kept - expected).abs() < 5.0 * expected.sqrt(), "{kept} {expected}");
}

/// Every third word.
fn some_frozen() -> Frozen {
    let mut frozen = Frozen::default();
    (0..WORDS).step_by(3).for_each(|id| frozen.insert(id));
    frozen
}

#[test]
fn frozen_words_keep_their_bits_whoever_reads() {
    for (number, config) in all().enumerate() {
        // The words before any training.
        let mut bench = Bench::new(3);
        let mut everything = Frozen::default();
        (0..WORDS).for_each(|id| everything.insert(id));
        bench.start = Start::default().with_frozen(everything);
        let name = format!("still-{number}");
        bench.train(&config, &name, &Context::for_tests(2)).unwrap();
        let still = bench.vectors(&name).word_vectors().to_vec();
        bench.start = Start::default().with_frozen(some_frozen());
        let mut digests = Vec::new();
        for (sharing, threads, stops) in [
            (Sharing::Rounds, 1, false),
            (Sharing::Rounds, 2, false),
            (Sharing::Rounds, 3, true),
            (Sharing::Rounds, 8, false),
            (Sharing::Free, 3, false),
        ] {
            let mut config = config;
            config.text.sharing = sharing;
            let name = format!("frozen-{number}-{sharing:?}-{threads}");
            loop {
                let ctx = Context::for_tests(threads);
                if stops {
                    ctx.cancel.stop();
                }
                match bench.train(&config, &name, &ctx) {
                    Err(TrainError::Stopped(_)) if stops => {}
                    done => {
                        done.unwrap();
                        break;
                    }
                }
            }
            let vectors = bench.vectors(&name);
            let dim = vectors.dim();
            for (id, before) in still.chunks_exact(dim).enumerate() {
                let same = before
                    .iter()
                    .zip(vectors.word_vector(id))
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                let is_there = bench.table.counts[id] > 0;
                assert!(same == (id % 3 == 0) || !is_there, "{config:?}: word {id}");
            }
            if sharing == Sharing::Rounds {
                digests.push(bench.digest(&name));
            }
        }
        assert!(digests.iter().all(|it| *it == digests[0]), "{config:?}: {digests:x?}");
    }
}

#[test]
fn held_out_loss_is_reported_and_the_same_for_any_number_of_threads() {
    let mut bench = Bench::new(5);
    for (number, config) in all().enumerate() {
        let mut curves = Vec::new();
        for (threads, stops) in [(1, false), (2, false), (3, true), (8, false)] {
            bench.curve = CurvePlan { held_out: 0.2, log_every: 3, patience: 0 };
            let name = format!("held-{number}-{threads}");
            let rows = loop {
                let ctx = Context::for_tests(threads);
                if stops {
                    ctx.cancel.stop();
                }
                match bench.rows(&config, &name, &ctx) {
                    Err(TrainError::Stopped(_)) if stops => {}
                    done => break done.unwrap(),
                }
            };
            let figures: Vec<_> = rows
                .iter()
                .map(|row| (row.loss, row.weight, row.visits, row.rate, row.held_out_loss))
                .collect();
            let losses: Vec<f64> = rows.iter().filter_map(|row| row.held_out_loss).collect();
            println!(
                "{config:?}: {losses:?} {:?}",
                rows.iter().map(|r| r.loss).collect::<Vec<_>>()
            );
            assert!(rows.iter().all(|row| row.gradient_norm.is_none()));
            let path = bench.dir.path(&format!("models/{name}/metrics.jsonl"));
            let text = wordmill_formats::read_file(bench.dir.storage(), &path, 1 << 20).unwrap();
            let text = String::from_utf8(text).unwrap();
            let rounds: Vec<String> =
                text.lines().filter(|line| line.contains("round")).map(str::to_owned).collect();
            assert!(rounds.len() > 4, "{rounds:?}");
            curves.push((figures, rounds, bench.digest(&name)));
        }
        assert!(curves.iter().all(|curve| *curve == curves[0]), "{config:?}");
        // Rows of rounds are only reported.
        let name = format!("no-rows-{number}");
        bench.curve = CurvePlan { held_out: 0.2, ..CurvePlan::default() };
        bench.train(&config, &name, &Context::for_tests(2)).unwrap();
        assert_eq!(bench.digest(&name), curves[0].2, "{config:?}");
    }
}

/// The places that readers of both parts return, except END, by shard.
#[test]
fn every_word_is_in_one_part_of_the_text() {
    let bench = Bench::new(4);
    let texts = |share| {
        let counts = &bench.table.counts;
        Texts::new(
            &bench.dir,
            &bench.shards,
            counts,
            Reading { subsample: 0.0, window: 5, seed: 1 },
        )
        .hold_out(share)
    };
    let read = |mut reader: super::text::Reader, texts: &Texts<'_>| {
        let mut lines: Vec<Vec<u32>> = vec![Vec::new()];
        while let Some((places, piece)) = reader.next(texts, 100).unwrap() {
            for &place in &places[piece] {
                match place {
                    END => lines.push(Vec::new()),
                    word => lines.last_mut().unwrap().push(word),
                }
            }
        }
        lines.retain(|line| !line.is_empty());
        lines
    };
    let whole = texts(0.0);
    let parted = texts(0.1);
    let mut held_words = 0;
    for shard in 0..4 {
        let mut all = read(whole.open(0, shard).unwrap(), &whole);
        let trained = read(parted.open(0, shard).unwrap(), &parted);
        assert_eq!(read(parted.open(7, shard).unwrap(), &parted), trained, "in every epoch");
        let held = read(parted.open_held(shard).unwrap(), &parted);
        held_words += held.iter().map(Vec::len).sum::<usize>();
        // Lines are shorter than a stretch, so each belongs to one part as a whole.
        let mut both: Vec<Vec<u32>> = trained.into_iter().chain(held).collect();
        both.sort();
        all.sort();
        assert_eq!(both, all);
    }
    let share = held_words as f64 / bench.table.counts.iter().sum::<u64>() as f64;
    assert!((share - 0.1).abs() < 0.03, "{share}");
}

#[test]
fn patience_publishes_the_best_epoch() {
    let mut bench = Bench::new(4);
    (bench.schedule, bench.rate, bench.epochs) = (Schedule::Constant, 0.4, 12);
    bench.curve = CurvePlan { held_out: 0.2, log_every: 0, patience: 2 };
    let config = config(CBOW, NOISE);
    for stops in [false, true] {
        let name = format!("patient-{stops}");
        let rows = loop {
            let ctx = Context::for_tests(2);
            if stops {
                ctx.cancel.stop();
            }
            match bench.rows(&config, &name, &ctx) {
                Err(TrainError::Stopped(_)) if stops => {}
                done => break done.unwrap(),
            }
        };
        let loss = |row: &EpochRow| row.held_out_loss.unwrap();
        let best = rows.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap().epoch;
        assert!(rows.len() as u32 == best + 2 && best + 2 < 12, "it stops early: {rows:?}");
        assert_eq!(bench.vectors(&name).settings()["best_epoch"], best.to_string());
        let mut short = Bench::new(4);
        (short.schedule, short.rate, short.epochs) = (Schedule::Constant, 0.4, best);
        short.curve = CurvePlan { patience: 0, ..bench.curve };
        short.rows(&config, &name, &Context::for_tests(3)).unwrap();
        assert_eq!(bench.digest(&name), short.digest(&name), "stopped: {stops}");
    }
}
