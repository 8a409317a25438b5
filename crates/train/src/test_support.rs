//! A small matrix of known structure, and every objective over it, as training data of the crate's tests.

pub mod wrapped;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wordmill_flow::{Context, Progress};
use wordmill_formats::{
    CellBlock, CellSource, CsrShardWriter, MatrixIndex, MemoryStorage, RunDir, StripeFile,
    StripeLayout, StripeWriter, TileCell, TileGrid, TileSection, Words,
};

use crate::engine::reserve_passes;
use crate::objective::nodes::unpack;
use crate::{
    CellLoss, CellWeight, CompiledLoss, Constants, ContextRates, CurvePlan, Divergence, Expression,
    Focal, Glove, GloveConfig, HierarchicalSoftmax, HuffmanTree, Logistic, ModelConfig, NodeCells,
    NoiseConfig, Objective, Optimizer, OptimizerConfig, Penalties, Plan, Schedule, ShiftedPpmi,
    SkipGram, SkipGramConfig, SkipGramInput, SoftmaxConfig, Start, Subsampling, Term, TrainError,
    TrainInput, WeightedSquares, pair_mass, train,
};

pub(crate) const WORDS: u32 = 60;
pub(crate) const UNIT: u64 = 5;

/// Three groups of words, spread over all stripes: words of a group co-occur often, others rarely.
pub(crate) fn weight(row: u32, column: u32) -> u64 {
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
    pub index: MatrixIndex,
}

impl Bench {
    pub fn new() -> Self {
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let mut shards = Vec::new();
        for (shard, first) in [(0, 0), (1, 25)] {
            let rows = if shard == 0 { 25 } else { WORDS - 25 };
            let path = dir.matrix_shard(shard, 2);
            let (span, none) = (first..first + rows, BTreeMap::new());
            let mut writer =
                CsrShardWriter::create(dir.storage(), &path, shard, span, WORDS, &none, 1 << 20)
                    .unwrap();
            for row in first..first + rows {
                let cells = (0..WORDS).map(|column| (column, weight(row, column)));
                let (columns, weights): (Vec<_>, Vec<_>) = cells.filter(|(_, w)| *w > 0).unzip();
                writer.cells(&columns, &weights).unwrap();
                writer.end_row();
            }
            shards.push(writer.finish().unwrap().1);
        }
        let index = MatrixIndex {
            samples: 1,
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

    pub fn subsampling(&self, subsample: f64) -> Subsampling {
        let keep = Subsampling::keep_probabilities(&self.table.counts, subsample);
        let mass = pair_mass(&Context::for_tests(2), &self.dir, &self.index, &keep).unwrap();
        Subsampling::new(keep, &self.table.counts, UNIT, self.index.weight as f64, mass)
    }

    /// Tiles of cells, hot ones separate if `hot`; in slots or in random order.
    fn tiles(
        &self,
        (folder, columns, slots): (&str, u32, u32),
        cells: &[(u32, u32, u64)],
        hot: impl Fn(u64) -> bool,
    ) -> Vec<StripeFile> {
        let grid = TileGrid { grid: 4, rows: WORDS, columns };
        let stripe_file = |stripe: u32| {
            let path = self.dir.stripe(folder, stripe);
            let storage = self.dir.storage();
            let layout = StripeLayout { grid, stripe, seed: 1, unit: None, samples: 1, slots };
            let mut writer = StripeWriter::create(storage, &path, layout).unwrap();
            for column_stripe in 0..4 {
                for section in [TileSection::Hot, TileSection::Cold] {
                    let ours = cells.iter().filter(|&&(row, column, payload)| {
                        let place = (grid.place(row).0, grid.place(column).0);
                        let is_hot = section == TileSection::Hot;
                        place == (stripe, column_stripe) && hot(payload) == is_hot
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
                        let parts = if section == TileSection::Cold { slots.max(1) } else { 1 };
                        let skip = slot.saturating_sub(1) as usize;
                        let ours = local.iter().skip(skip).step_by(parts as usize);
                        ours.for_each(|&cell| block.push(cell));
                        block
                    };
                    let frames = match (section, slots) {
                        (TileSection::Hot, _) | (_, 0) => 0..1,
                        (TileSection::Cold, _) => 1..slots + 1,
                    };
                    for slot in frames.filter(|&slot| !of(slot).is_empty()) {
                        match slots {
                            0 => writer.frame(column_stripe, section, &of(slot)).unwrap(),
                            _ => writer.slot(column_stripe, slot, &of(slot)).unwrap(),
                        }
                    }
                }
            }
            writer.finish().unwrap();
            StripeFile::open(storage, &path).unwrap()
        };
        (0..4).map(stripe_file).collect()
    }

    pub fn matrix_tiles(&self) -> Vec<StripeFile> {
        let pairs = (0..WORDS).flat_map(|row| (0..WORDS).map(move |column| (row, column)));
        let cells: Vec<_> = pairs.map(|(i, j)| (i, j, weight(i, j))).filter(|c| c.2 > 0).collect();
        self.tiles(("tiles", WORDS, 0), &cells, |weight| weight >= 8 * UNIT)
    }

    pub fn node_cells(
        &self,
        tree: &HuffmanTree,
        subsampling: &Subsampling,
    ) -> Vec<(u32, u32, u64)> {
        let source = NodeCells { dir: &self.dir, index: &self.index, tree, subsampling, hot: 16.0 };
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
            schedule: Schedule::LINEAR,
            seed,
            fingerprint: "f".into(),
            checkpoint_every: Duration::ZERO,
            divergence: Divergence::Stop,
            on_epoch: None,
            curve: match name.ends_with("-held") {
                true => CurvePlan { held_out: 0.1, log_every: 3, patience: 5 },
                false => CurvePlan::default(),
            },
        };
        let counts = &self.table.counts;
        let model = ModelConfig { dim, steps: steps(name), seed };
        match name {
            _ if name.starts_with("glove") => {
                let config = GloveConfig { x_max: 10.0, alpha: 0.75 };
                let objective = Glove::new(model, config, WORDS, UNIT, kernels);
                let objective = match loss(name) {
                    Some(loss) => objective.with_loss(&ctx, name, loss, counts, 4).unwrap(),
                    None => objective,
                };
                (Box::new(objective), tiles, plan)
            }
            _ if name.starts_with("sgns") => {
                let context_rates = ContextRates::ByCount;
                let noise = NoiseConfig { negatives: 5, noise_exponent: 0.75 };
                let config = SkipGramConfig { noise, subsample: 0.0, context_rates };
                let subsampling = self.subsampling(1e-1);
                let input = SkipGramInput { counts, stripes: &tiles, subsampling };
                let objective =
                    SkipGram::new(&ctx, &self.dir, name, model, config, input, kernels).unwrap();
                let objective = match loss(name) {
                    Some(loss) => objective.with_loss(&ctx, name, loss, counts).unwrap(),
                    None => objective,
                };
                (Box::new(objective), tiles, plan)
            }
            _ => {
                let tree = HuffmanTree::new(counts);
                let cells = self.node_cells(&tree, &self.subsampling(1e-1));
                let hot = |payload| unpack(payload).0 + unpack(payload).1 >= 16.0;
                let tiles = self.tiles(("nodes", tree.nodes(), plan.rotations), &cells, hot);
                let config = SoftmaxConfig { subsample: 0.0, cap: 8.0 };
                (Box::new(HierarchicalSoftmax::new(model, config, tree, kernels)), tiles, plan)
            }
        }
    }
}

/// Optimiser and penalties of an objective.
fn steps(name: &str) -> OptimizerConfig {
    let optimizer = match name {
        "glove-rows" | "glove-rows-open" | "hs-rows" => Optimizer::RowAdagrad,
        _ if name.ends_with("adam") => Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        "sgns-adagrad" => Optimizer::Adagrad,
        "glove-sgd" => Optimizer::Sgd,
        _ if name.starts_with("glove") => Optimizer::Adagrad,
        _ => Optimizer::Sgd,
    };
    let steps = OptimizerConfig { optimizer, ..OptimizerConfig::default() };
    match name {
        "sgns-penalties" | "glove-penalties" => OptimizerConfig {
            penalties: Penalties { l2: 1e-5, clip: 20.0, max_norm: 5.0 },
            ..steps
        },
        // Too large to act, but it selects the general kernel.
        "sgns-stepped" => OptimizerConfig {
            penalties: Penalties { max_norm: 1e15, ..Penalties::default() },
            ..steps
        },
        _ => steps,
    }
}

/// The loss of an objective, through the trait.
fn loss(name: &str) -> Option<Box<dyn CellLoss>> {
    let kernels = wordmill_kernels::best();
    let weight = CellWeight { x_max: 10.0, alpha: 0.75, kernels };
    Some(match name {
        "glove-open" | "glove-rows-open" => Box::new(WeightedSquares(weight)),
        "glove-ppmi" => Box::new(ShiftedPpmi { weight, scale: 3e5 }),
        "glove-written" => written(&[(Term::Cell, "0.5 * min(1, (x/10)^0.75) * (s - log(x))^2")]),
        "sgns-written" => written(&[
            (Term::Positive, "-log(sigmoid(s))"),
            (Term::Negative, "-log(1 - sigmoid(s))"),
        ]),
        "sgns-open" => Box::new(Logistic { kernels }),
        "sgns-focal" => Box::new(Focal { gamma: 1.0, kernels }),
        _ => return None,
    })
}

fn written(parts: &[(Term, &str)]) -> Box<dyn CellLoss> {
    let parse = |&(term, text): &(Term, &str)| (term, Expression::parse(text, term).unwrap());
    let parts: Vec<_> = parts.iter().map(parse).collect();
    let constants = Constants { tokens: 1e5, pairs: 1e5 };
    Box::new(CompiledLoss::new(&parts, constants, wordmill_kernels::best()).unwrap())
}

/// Trains and returns a digest of the vectors file's bytes and the losses.
pub(crate) fn run(bench: &Bench, name: &str, ctx: &Context) -> Result<(u64, Vec<f64>), TrainError> {
    run_from(bench, name, ctx, &Start::default(), |plan| plan)
}

/// The same with other initial values and another plan.
pub(crate) fn run_from(
    bench: &Bench,
    name: &str,
    ctx: &Context,
    start: &Start,
    change: impl Fn(Plan) -> Plan,
) -> Result<(u64, Vec<f64>), TrainError> {
    let (objective, stripes, plan) = bench.objective(name);
    let (settings, plan) = (BTreeMap::new(), change(plan));
    let kernels = wordmill_kernels::best();
    let words = &bench.table;
    let input = TrainInput { stripes: &stripes, words, settings: &settings, start, kernels };
    let (published, metrics) = train(ctx, &bench.dir, &plan, &*objective, input)?;
    let file = bench.dir.storage().open(&published.path).unwrap();
    let mut bytes = vec![0; file.len() as usize];
    file.read_exact_at(0, &mut bytes).unwrap();
    // And all figures of the learning curve but times.
    for row in &metrics {
        let figures = (row.loss, row.visits, row.rate, row.held_out_loss, row.gradient_norm);
        bytes.extend(format!("{figures:?}").bytes());
    }
    let path = bench.dir.path(&format!("models/{name}/metrics.jsonl"));
    let text = wordmill_formats::read_file(bench.dir.storage(), &path, 1 << 20).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().filter(|line| line.contains("round")).for_each(|line| bytes.extend(line.bytes()));
    Ok((wordmill_formats::xxh3(&bytes), metrics.iter().map(|row| row.loss).collect()))
}

pub(crate) const OBJECTIVES: [&str; 16] = [
    "glove",
    "glove-rows",
    "sgns",
    "hs",
    "sgns-focal",
    "glove-ppmi",
    "sgns-written",
    "sgns-adam",
    "sgns-penalties",
    "hs-rows",
    "hs-adam",
    "glove-adam",
    "glove-penalties",
    "sgns-held",
    "hs-held",
    "glove-held",
];

/// A context with this much memory.
pub(crate) fn with_memory(threads: usize, budget_bytes: u64) -> Context {
    let budget = wordmill_flow::Budget::new(budget_bytes);
    Context { budget, progress: Progress::silent(), ..Context::for_tests(threads) }
}

/// Memory for the passes of an objective and this many sixteenths of its model.
pub(crate) fn memory_for(bench: &Bench, name: &str, threads: usize, share: u64) -> u64 {
    let (objective, stripes, plan) = bench.objective(name);
    let ctx = Context::for_tests(threads);
    let passes = reserve_passes(&ctx, &plan, &*objective, &stripes).unwrap().bytes();
    let layout = objective.layout();
    passes + layout.shape.bytes(u64::from(WORDS + layout.columns)) * share / 16
}
