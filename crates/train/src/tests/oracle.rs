//! Tests of the whole crate: sums against brute force, bytes against threads and interruptions, and
//! that every objective learns a matrix of known structure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use wordmill_flow::Context;
use wordmill_formats::Vectors;

use crate::objective::nodes::pack;
use crate::random::{Alias, Stream};
use crate::test_support::{Bench, OBJECTIVES, WORDS, memory_for, run, weight, with_memory};
use crate::{
    ContextRates, Divergence, HuffmanTree, ModelConfig, NoiseConfig, OptimizerConfig, Plan,
    Schedule, SkipGram, SkipGramConfig, SkipGramInput, Start, Subsampling, TrainError, TrainInput,
    train,
};

#[test]
fn every_objective_learns_which_words_co_occur() {
    for name in OBJECTIVES {
        let bench = Bench::new();
        let (_, losses) = run(&bench, name, &Context::for_tests(2)).unwrap();
        assert!(losses.last() < losses.first(), "{name}: {losses:?}");
        let path = Path::new("run/vectors").join(format!("{name}.safetensors"));
        let vectors = Vectors::open(bench.dir.storage(), &path).unwrap();
        vectors.verify().unwrap();
        let dot = |a: usize, b: usize| {
            let pairs = vectors.word_vector(a).iter().zip(vectors.word_vector(b));
            pairs.map(|(x, y)| x * y).sum::<f32>()
        };
        let cosine = |a, b| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        let mean =
            |shift: usize| (4..50).map(|word| cosine(word, word + shift)).sum::<f32>() / 46.0;
        assert!(mean(3) > mean(1) + 0.2, "{name}: {} {}", mean(3), mean(1));
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    for name in OBJECTIVES {
        let one = run(&Bench::new(), name, &Context::for_tests(1)).unwrap();
        for threads in [2, 3, 8] {
            assert_eq!(run(&Bench::new(), name, &Context::for_tests(threads)).unwrap(), one);
        }
    }
}

#[test]
fn a_stopped_training_resumes_to_the_same_bytes() {
    for name in OBJECTIVES {
        let undisturbed = run(&Bench::new(), name, &Context::for_tests(2)).unwrap();
        let bench = Bench::new();
        let mut attempts = 0;
        let resumed = loop {
            // Stopped before it begins, so that every attempt does one task, alternately with all memory and
            // with less than the model takes.
            let scarce = memory_for(&bench, name, 2, 12);
            let ctx = with_memory(2, if attempts % 2 == 0 { 1 << 30 } else { scarce });
            ctx.cancel.stop();
            attempts += 1;
            match run(&bench, name, &ctx) {
                Ok(done) => break done,
                Err(TrainError::Stopped(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert!(attempts >= 4 * 3 * 7, "{attempts}: four epochs of three rotations of seven tasks");
        assert_eq!(resumed, undisturbed, "{name}");
        let left = bench.dir.storage().list(&bench.dir.path(&format!("models/{name}"))).unwrap();
        assert_eq!(left.len(), 1, "checkpoints are gone, metrics stay: {left:?}");
    }
}

#[test]
fn node_cells_are_the_sums_over_all_paths() {
    let bench = Bench::new();
    let tree = HuffmanTree::new(&bench.table.counts);
    let subsampling = bench.subsampling(1e-2);
    let mut expected: BTreeMap<(u32, u32), (f64, f64)> = BTreeMap::new();
    for row in 0..WORDS {
        for column in (0..WORDS).filter(|&column| weight(row, column) > 0) {
            let visits = f64::from(subsampling.visits(row, column, weight(row, column)));
            let mut next = Some(tree.parent_of_word(column));
            while let Some((node, right)) = next {
                let sums = expected.entry((row, node)).or_default();
                if right {
                    sums.1 += visits
                } else {
                    sums.0 += visits
                }
                next = tree.parent_of_node(node);
            }
        }
    }
    let cells = bench.node_cells(&tree, &subsampling);
    assert_eq!(cells.len(), expected.len());
    for (row, node, payload) in cells {
        let (left, right) = expected[&(row, node)];
        assert_eq!(payload, pack(left as f32, right as f32), "row {row}, node {node}");
    }
}

#[test]
fn a_model_larger_than_memory_is_trained_to_the_same_bytes() {
    for name in OBJECTIVES {
        // The model determines which number of threads takes which share; the others take their turn.
        let is_whole = ["glove", "sgns", "hs"].contains(&name);
        let expected = run(&Bench::new(), name, &Context::for_tests(1)).unwrap();
        let (mut refused, mut paged) = (0, 0);
        let all = (1..4).flat_map(|threads| (1..=18).map(move |share| (threads, share)));
        for (threads, share) in
            all.filter(|(threads, share)| is_whole || (share % 3 + 1) as usize == *threads)
        {
            let bench = Bench::new();
            let budget_bytes = memory_for(&bench, name, threads, share);
            match run(&bench, name, &with_memory(threads, budget_bytes)) {
                Ok(found) => {
                    assert_eq!(found, expected, "{name} {threads} {share}");
                    paged += usize::from(share < 16);
                }
                Err(TrainError::OverBudget(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            let folder = bench.dir.path(&format!("models/{name}"));
            let left = bench.dir.storage().list(&folder).unwrap();
            assert!(left.iter().all(|path| path.ends_with("metrics.jsonl")), "{left:?}");
        }
        let [least_refused, least_paged] = if is_whole { [4, 13] } else { [1, 4] };
        assert!(refused >= least_refused && paged >= least_paged, "{name}: {refused} {paged}");
    }
}

#[test]
fn a_budget_without_room_for_three_stripes_is_refused_by_name() {
    let error = run(&Bench::new(), "glove", &with_memory(1, 9000)).unwrap_err().to_string();
    assert!(error.contains("the model of glove") && error.contains("train.dim"), "{error}");
}

const NEGATIVES: u32 = 5;

/// The noise of word2vec over the words.
fn noise(counts: &[u64]) -> Vec<f64> {
    let weights: Vec<f64> = counts.iter().map(|&count| (count as f64).powf(0.75)).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// The mean loss of negative sampling over fresh visits, with the expectation over all negatives (Levy &
/// Goldberg 2014, equation 4): what any order of visits minimises.
fn exact_loss(bench: &Bench, subsampling: &Subsampling, [rows, cols]: &[Vec<Vec<f64>>; 2]) -> f64 {
    let score = |row: u32, column: u32| -> f64 {
        rows[row as usize].iter().zip(&cols[column as usize]).map(|(w, c)| w * c).sum()
    };
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let noise = noise(&bench.table.counts);
    let (mut loss, mut visits) = (0.0, 0.0);
    for row in 0..WORDS {
        let of_noise = (0..WORDS).map(|k| noise[k as usize] * softplus(score(row, k))).sum::<f64>();
        for column in 0..WORDS {
            let expected = f64::from(subsampling.visits(row, column, weight(row, column)));
            visits += expected;
            loss += expected * (softplus(-score(row, column)) + f64::from(NEGATIVES) * of_noise);
        }
    }
    loss / visits
}

/// word2vec's own loop over all visits in random order, in f64.
fn plain_training(bench: &Bench, subsampling: &Subsampling, plan: &Plan) -> [Vec<Vec<f64>>; 2] {
    let mut stream = Stream::new(plan.seed, &[99]);
    let dim = 20;
    let mut rows: Vec<Vec<f64>> = (0..WORDS)
        .map(|_| (0..dim).map(|_| (f64::from(stream.unit()) - 0.5) / dim as f64).collect())
        .collect();
    let mut cols = vec![vec![0.0; dim]; WORDS as usize];
    let noise = Alias::new(&noise(&bench.table.counts));
    for epoch in 0..plan.epochs {
        let mut visits = Vec::new();
        for (row, column) in (0..WORDS).flat_map(|row| (0..WORDS).map(move |c| (row, c))) {
            let expected = subsampling.visits(row, column, weight(row, column));
            let times = (expected + stream.unit()) as usize;
            visits.extend(std::iter::repeat_n((row as usize, column as usize), times));
        }
        stream.shuffle(&mut visits);
        let all = visits.len() as f64;
        for (at, (row, column)) in visits.into_iter().enumerate() {
            let left = 1.0 - (f64::from(epoch) + at as f64 / all) / f64::from(plan.epochs);
            let rate = plan.rate * left;
            let old = rows[row].clone();
            for sample in 0..=NEGATIVES {
                let is_noise = sample > 0;
                let k = if is_noise { noise.draw(&mut stream) as usize } else { column };
                let score: f64 = old.iter().zip(&cols[k]).map(|(w, c)| w * c).sum();
                let label = if is_noise { 0.0 } else { 1.0 };
                let step = rate * (label - 1.0 / (1.0 + (-score).exp()));
                for d in 0..dim {
                    rows[row][d] += step * cols[k][d];
                    cols[k][d] += step * old[d];
                }
            }
        }
    }
    [rows, cols]
}

#[test]
fn tiles_end_where_random_order_does() {
    let bench = Bench::new();
    let subsampling = bench.subsampling(0.0);
    let stripes = bench.matrix_tiles();
    let kernels = wordmill_kernels::best();
    for seed in 0..3 {
        let plan = Plan {
            name: "sgns".into(),
            epochs: 8,
            rotations: 4,
            rate: 0.05,
            schedule: Schedule::LINEAR,
            seed,
            fingerprint: format!("f{seed}"),
            checkpoint_every: Duration::MAX,
            divergence: Divergence::Stop,
            curve: Default::default(),
            on_epoch: None,
        };
        let noise = NoiseConfig { negatives: NEGATIVES, noise_exponent: 0.75 };
        let context_rates = ContextRates::Even;
        let config = SkipGramConfig { noise, subsample: 0.0, context_rates };
        let model = ModelConfig { dim: 20, steps: OptimizerConfig::default(), seed };
        let (ctx, counts) = (Context::for_tests(2), &bench.table.counts);
        let input = SkipGramInput { counts, stripes: &stripes, subsampling: subsampling.clone() };
        let objective =
            SkipGram::new(&ctx, &bench.dir, "sgns", model, config, input, kernels).unwrap();
        let settings = BTreeMap::new();
        let words = &bench.table;
        let start = &Start::default();
        let input = TrainInput { stripes: &stripes, words, settings: &settings, start, kernels };
        let (published, _) = train(&ctx, &bench.dir, &plan, &objective, input).unwrap();
        let vectors = Vectors::open(bench.dir.storage(), &published.path).unwrap();
        let wide = |vector: &[f32]| vector.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let matrix = |all: &[f32]| all.chunks(20).map(wide).collect::<Vec<_>>();
        let rows = matrix(vectors.word_vectors());
        let cols = matrix(vectors.context_vectors().unwrap());
        let plain = plain_training(&bench, &subsampling, &plan);
        let [tiles, plain] = [[rows, cols], plain].map(|it| exact_loss(&bench, &subsampling, &it));
        let untrained = f64::from(NEGATIVES + 1) * std::f64::consts::LN_2;
        assert!(plain < 0.5 * untrained, "seed {seed}: {plain}");
        assert!((tiles / plain - 1.0).abs() < 0.005, "seed {seed}: {tiles} and {plain}");
    }
}
