//! Tests of the room as a whole: sums against brute force, bytes against threads and interruptions,
//! and that every objective learns a matrix whose structure is known.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wordmill_flow::{Context, Progress, ProgressMode};
use wordmill_formats::{
    CellBlock, CellSource, CsrShardWriter, MatrixIndex, MemoryStorage, RunDir, StripeFile,
    StripeLayout, StripeWriter, TileCell, TileGrid, TileSection, Vectors, Words,
};

use crate::engine::reserve_passes;
use crate::nodes::{pack, unpack};
use crate::random::{Alias, Stream};
use crate::{
    ContextRates, Discount, Divergence, Glove, GloveConfig, HuffmanTree, NodeCells, Objective,
    Plan, SkipGram, SkipGramConfig, Softmax, SoftmaxConfig, Squares, TrainError, TrainInput,
    pair_mass, train,
};

const WORDS: u32 = 60;
const UNIT: u64 = 5;

/// Three groups of words, spread over all stripes: words of a group meet often, others rarely.
fn weight(row: u32, column: u32) -> u64 {
    let jitter = u64::from(row.min(column) * 31 + row.max(column) * 17) % 7;
    let together = row % 3 == column % 3;
    if together { 40 + jitter * 5 } else { jitter % 3 }
}

pub(crate) struct Table {
    pub words: Vec<String>,
    pub counts: Vec<u64>,
    pub lookup: Vec<u32>,
}

impl Table {
    fn new() -> Self {
        let words: Vec<String> = (0..WORDS).map(|id| format!("w{id:03}")).collect();
        let counts = (0..u64::from(WORDS)).map(|id| 5000 / (id + 1) + 20).collect();
        Self { words, counts, lookup: (0..WORDS).collect() }
    }
}

impl Words for Table {
    fn len(&self) -> usize {
        self.words.len()
    }
    fn word(&self, id: usize) -> &[u8] {
        self.words[id].as_bytes()
    }
    fn counts(&self) -> &[u64] {
        &self.counts
    }
    fn lookup(&self) -> &[u32] {
        &self.lookup
    }
}

pub(crate) struct Bench {
    pub dir: RunDir,
    pub table: Table,
    index: MatrixIndex,
}

impl Bench {
    pub fn new() -> Self {
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let mut shards = Vec::new();
        for (shard, first) in [(0, 0), (1, 25)] {
            let rows = if shard == 0 { 25 } else { WORDS - 25 };
            let path = dir.matrix_shard(shard, 2);
            let (span, none) = ((first, rows, WORDS), BTreeMap::new());
            let mut writer =
                CsrShardWriter::create(dir.storage(), &path, shard, span, &none, 1 << 20).unwrap();
            for row in first..first + rows {
                let cells = (0..WORDS).map(|column| (column, weight(row, column)));
                let (columns, weights): (Vec<_>, Vec<_>) = cells.filter(|(_, w)| *w > 0).unzip();
                writer.cells(&columns, &weights).unwrap();
                writer.end_row();
            }
            shards.push(writer.finish().unwrap().1);
        }
        let index = MatrixIndex {
            words: WORDS,
            unit: UNIT,
            cells: shards.iter().map(|shard| shard.cells).sum(),
            weight: shards.iter().map(|shard| shard.weight).sum(),
            vocabulary: String::new(),
            settings: BTreeMap::new(),
            shards,
        };
        Self { dir, table: Table::new(), index }
    }

    fn discount(&self, subsample: f64) -> Discount {
        let keep = Discount::keep(&self.table.counts, subsample);
        let mass = pair_mass(&Context::for_tests(2), &self.dir, &self.index, &keep).unwrap();
        Discount::new(keep, &self.table.counts, UNIT, self.index.weight as f64, mass)
    }

    /// Tiles of cells, those with `heavy` apart; in slots or in random order.
    fn tiles(
        &self,
        (folder, columns, slots): (&str, u32, u32),
        cells: &[(u32, u32, u64)],
        heavy: impl Fn(u64) -> bool,
    ) -> Vec<StripeFile> {
        let grid = TileGrid { grid: 4, rows: WORDS, columns };
        let stripe_file = |stripe: u32| {
            let path = self.dir.stripe(folder, stripe);
            let storage = self.dir.storage();
            let layout = StripeLayout { grid, stripe, seed: 1, unit: None, slots };
            let mut writer = StripeWriter::create(storage, &path, layout).unwrap();
            for column_stripe in 0..4 {
                for section in [TileSection::Heavy, TileSection::Light] {
                    let ours = cells.iter().filter(|&&(row, column, payload)| {
                        let place = (grid.place(row).0, grid.place(column).0);
                        let is_heavy = section == TileSection::Heavy;
                        place == (stripe, column_stripe) && heavy(payload) == is_heavy
                    });
                    let local = ours.map(|&(row, column, payload)| TileCell {
                        row: grid.place(row).1,
                        column: grid.place(column).1,
                        payload,
                    });
                    let mut local: Vec<TileCell> = local.collect();
                    local.sort_by_key(|cell| (cell.row, cell.column));
                    let of = |slot: u32| {
                        let mut block = CellBlock::default();
                        let parts = if section == TileSection::Light { slots.max(1) } else { 1 };
                        let skip = slot.saturating_sub(1) as usize;
                        let ours = local.iter().skip(skip).step_by(parts as usize);
                        ours.for_each(|&cell| block.push(cell));
                        block
                    };
                    let frames = match (section, slots) {
                        (TileSection::Heavy, _) | (_, 0) => 0..1,
                        (TileSection::Light, _) => 1..slots + 1,
                    };
                    for slot in frames.filter(|&slot| !of(slot).is_empty()) {
                        match slots {
                            0 => writer.frame(column_stripe, section, &of(slot)).unwrap(),
                            _ => writer.slot((column_stripe, slot), &of(slot)).unwrap(),
                        }
                    }
                }
            }
            writer.finish().unwrap();
            StripeFile::open(storage, &path).unwrap()
        };
        (0..4).map(stripe_file).collect()
    }

    fn matrix_tiles(&self) -> Vec<StripeFile> {
        let pairs = (0..WORDS).flat_map(|row| (0..WORDS).map(move |column| (row, column)));
        let cells: Vec<_> = pairs.map(|(i, j)| (i, j, weight(i, j))).filter(|c| c.2 > 0).collect();
        self.tiles(("tiles", WORDS, 0), &cells, |weight| weight >= 8 * UNIT)
    }

    fn node_cells(&self, tree: &HuffmanTree, discount: &Discount) -> Vec<(u32, u32, u64)> {
        let source = NodeCells { dir: &self.dir, index: &self.index, tree, discount, heavy: 16.0 };
        let mut cells = Vec::new();
        for part in 0..source.parts() {
            let keep = &mut |batch: &[TileCell]| {
                cells.extend(batch.iter().map(|cell| (cell.row, cell.column, cell.payload)));
                Ok(())
            };
            source.for_each(part, keep).unwrap();
        }
        cells
    }

    pub fn objective(&self, name: &str) -> (Box<dyn Objective>, Vec<StripeFile>, Plan) {
        let ctx = Context::for_tests(1);
        let kernels = wordmill_kernels::best();
        let (dim, seed) = (20, 3);
        let tiles = self.matrix_tiles();
        let plan = Plan {
            name: name.into(),
            epochs: 4,
            rotations: 3,
            rate: 0.05,
            final_rate: 1e-4,
            seed,
            fingerprint: "f".into(),
            checkpoint_every: Duration::ZERO,
            divergence: Divergence::Stop,
        };
        let counts = &self.table.counts;
        match name {
            "glove" | "glove-rows" => {
                let squares = match name {
                    "glove" => Squares::Coordinate,
                    _ => Squares::Row,
                };
                let config = GloveConfig { dim, x_max: 10.0, alpha: 0.75, squares, seed };
                (Box::new(Glove::new(config, WORDS, UNIT, kernels)), tiles, plan)
            }
            "sgns" => {
                let context_rates = ContextRates::ByCount;
                let (negatives, noise_exponent) = (5, 0.75);
                let config = SkipGramConfig { dim, negatives, noise_exponent, context_rates, seed };
                let discount = self.discount(1e-1);
                let objective = SkipGram::new(
                    &ctx,
                    (&self.dir, "sgns"),
                    config,
                    counts,
                    &tiles,
                    discount,
                    kernels,
                )
                .unwrap();
                (Box::new(objective), tiles, plan)
            }
            _ => {
                let tree = HuffmanTree::new(counts);
                let cells = self.node_cells(&tree, &self.discount(1e-1));
                let heavy = |payload| unpack(payload).0 + unpack(payload).1 >= 16.0;
                let tiles = self.tiles(("nodes", tree.nodes(), plan.rotations), &cells, heavy);
                let config = SoftmaxConfig { dim, cap: 8.0, seed };
                (Box::new(Softmax::new(config, tree, kernels)), tiles, plan)
            }
        }
    }
}

/// Trains and returns a digest of the vectors file's bytes and the losses.
fn run(bench: &Bench, name: &str, ctx: &Context) -> Result<(u64, Vec<f64>), TrainError> {
    let (objective, stripes, plan) = bench.objective(name);
    let settings = BTreeMap::new();
    let kernels = wordmill_kernels::best();
    let input = TrainInput { stripes: &stripes, words: &bench.table, settings: &settings, kernels };
    let (published, metrics) = train(ctx, &bench.dir, &plan, &*objective, input)?;
    let file = bench.dir.storage().open(&published.path).unwrap();
    let mut bytes = vec![0; file.len() as usize];
    file.read_exact_at(0, &mut bytes).unwrap();
    Ok((wordmill_formats::xxh3(&bytes), metrics.iter().map(|row| row.loss).collect()))
}

pub(crate) const OBJECTIVES: [&str; 4] = ["glove", "glove-rows", "sgns", "hs"];

#[test]
fn every_objective_learns_which_words_meet() {
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
fn a_stopped_training_goes_on_to_the_same_bytes() {
    for name in OBJECTIVES {
        let undisturbed = run(&Bench::new(), name, &Context::for_tests(2)).unwrap();
        let bench = Bench::new();
        let mut attempts = 0;
        let resumed = loop {
            // Stopped before it begins, so that every attempt does one task, in turn with all memory and with
            // less than the model takes.
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
    let discount = bench.discount(1e-2);
    let mut expected: BTreeMap<(u32, u32), (f64, f64)> = BTreeMap::new();
    for row in 0..WORDS {
        for column in (0..WORDS).filter(|&column| weight(row, column) > 0) {
            let visits = f64::from(discount.visits(row, column, weight(row, column)));
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
    let cells = bench.node_cells(&tree, &discount);
    assert_eq!(cells.len(), expected.len());
    for (row, node, payload) in cells {
        let (left, right) = expected[&(row, node)];
        assert_eq!(payload, pack(left as f32, right as f32), "row {row}, node {node}");
    }
}

/// A context with so much memory.
pub(crate) fn with_memory(threads: usize, budget_bytes: u64) -> Context {
    let budget = wordmill_flow::Budget::new(budget_bytes);
    Context { budget, progress: Progress::new(ProgressMode::None), ..Context::for_tests(threads) }
}

/// Memory for the passes of an objective and so many sixteenths of its model.
pub(crate) fn memory_for(bench: &Bench, name: &str, threads: usize, share: u64) -> u64 {
    let (objective, stripes, plan) = bench.objective(name);
    let ctx = Context::for_tests(threads);
    let passes = reserve_passes(&ctx, &plan, &*objective, &stripes).unwrap().bytes();
    let layout = objective.layout();
    passes + layout.shape.bytes(u64::from(WORDS + layout.columns)) * share / 16
}

#[test]
fn a_model_larger_than_memory_is_trained_to_the_same_bytes() {
    for name in OBJECTIVES {
        let expected = run(&Bench::new(), name, &Context::for_tests(1)).unwrap();
        let (mut refused, mut paged) = (0, 0);
        for (threads, share) in (1..4).flat_map(|t| (1..=18).map(move |share| (t, share))) {
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
        assert!(refused > 3 && paged > 12, "{name}: {refused} {paged}");
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
/// Goldberg 2014, equation 4): what any order of visits is to bring down.
fn exact_loss(bench: &Bench, discount: &Discount, [rows, cols]: &[Vec<Vec<f64>>; 2]) -> f64 {
    let score = |row: u32, column: u32| -> f64 {
        rows[row as usize].iter().zip(&cols[column as usize]).map(|(w, c)| w * c).sum()
    };
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let noise = noise(&bench.table.counts);
    let (mut loss, mut visits) = (0.0, 0.0);
    for row in 0..WORDS {
        let of_noise = (0..WORDS).map(|k| noise[k as usize] * softplus(score(row, k))).sum::<f64>();
        for column in 0..WORDS {
            let expected = f64::from(discount.visits(row, column, weight(row, column)));
            visits += expected;
            loss += expected * (softplus(-score(row, column)) + f64::from(NEGATIVES) * of_noise);
        }
    }
    loss / visits
}

/// word2vec's own loop over all visits in random order, in f64.
fn plain_training(bench: &Bench, discount: &Discount, plan: &Plan) -> [Vec<Vec<f64>>; 2] {
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
            let expected = discount.visits(row, column, weight(row, column));
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
    let discount = bench.discount(0.0);
    let stripes = bench.matrix_tiles();
    let kernels = wordmill_kernels::best();
    for seed in 0..3 {
        let plan = Plan {
            name: "sgns".into(),
            epochs: 8,
            rotations: 4,
            rate: 0.05,
            final_rate: 1e-4,
            seed,
            fingerprint: format!("f{seed}"),
            checkpoint_every: Duration::MAX,
            divergence: Divergence::Stop,
        };
        let config = SkipGramConfig {
            dim: 20,
            negatives: NEGATIVES,
            noise_exponent: 0.75,
            context_rates: ContextRates::Even,
            seed,
        };
        let (ctx, counts) = (Context::for_tests(2), &bench.table.counts);
        let objective = SkipGram::new(
            &ctx,
            (&bench.dir, "sgns"),
            config,
            counts,
            &stripes,
            discount.clone(),
            kernels,
        )
        .unwrap();
        let settings = BTreeMap::new();
        let words = &bench.table;
        let input = TrainInput { stripes: &stripes, words, settings: &settings, kernels };
        let (published, _) = train(&ctx, &bench.dir, &plan, &objective, input).unwrap();
        let vectors = Vectors::open(bench.dir.storage(), &published.path).unwrap();
        let wide = |vector: &[f32]| vector.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let matrix = |all: &[f32]| all.chunks(20).map(wide).collect::<Vec<_>>();
        let rows = matrix(vectors.word_vectors());
        let cols = matrix(vectors.context_vectors().unwrap());
        let plain = plain_training(&bench, &discount, &plan);
        let [tiles, plain] = [[rows, cols], plain].map(|it| exact_loss(&bench, &discount, &it));
        let untrained = f64::from(NEGATIVES + 1) * std::f64::consts::LN_2;
        assert!(plain < 0.5 * untrained, "seed {seed}: {plain}");
        assert!((tiles / plain - 1.0).abs() < 0.005, "seed {seed}: {tiles} and {plain}");
    }
}
