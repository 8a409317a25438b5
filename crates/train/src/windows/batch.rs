//! Splits a piece of text into windows, and trains them.
//!
//! Skip-gram: the centre word is the row, its neighbours are the columns (negative sampling: up to 32 pairs
//! per group, runs of up to four of a row, 16 negatives shared by all, as from the matrix). With a tree the
//! neighbours are the rows and the nodes on the path of the centre word are the columns, as in word2vec: every
//! row is paired with every column, so a window is a dense product.
//!
//! CBOW: the neighbours of eight windows are mixed into eight rows. These take a step against their words and
//! sixteen negatives shared by all, or against the paths of their words, and the change of each row is spread
//! over its neighbours. All eight windows see the words as they were before.
//!
//! A piece draws its noise once, and each group takes some consecutive draws of it: without that, rows of
//! noise would be most of the rows that a piece copies. However negatives are shared, their total weight is
//! as configured. A noise word that happens to be the positive itself stays, as in the sum that sampling
//! approximates (Levy & Goldberg 2014).

use std::ops::Range;

use wordmill_kernels::{
    BinomialCell, BinomialRun, Change, GROUP_NEGATIVES, GROUP_PAIRS, GroupScratch, Kernels, Loss,
    RUN_CELLS, Side, Window, padded, real,
};

use super::config::{CbowConfig, Mix, MixStep, Prediction, Reach, WindowModel, WindowsConfig};
use super::local_rows::LocalRows;
use super::minibatch::{Minibatch, Minibatches, Shared};
use super::rows::Rows;
use super::text::{END, Piece};
use super::window::{ContextWindow, Places, neighbours, weights};
use crate::engine::Tally;
use crate::huffman::HuffmanTree;
use crate::objective::model::NoiseConfig;
use crate::random::{Alias, Stream};
use crate::start::frozen::{Before, Frozen};

/// Most pairs of a run, see `groups.rs`.
const RUN_PAIRS: usize = 4;
/// Windows of CBOW that share their negatives. On 22 million tokens of English (d = 100, 5 epochs, one thread, one
/// seed: Google analogies, WordSim-353, SimLex-999, seconds of CPU) eight negatives for eight windows 34.4, 64.0, 29.1,
/// 49; sixteen 36.9, 61.5, 29.9, 67. The program word2vec: 37.5, 60.4, 27.1, 315.
const MIXES: usize = 8;
/// Noise words that a piece draws, half as many as it has places. Twice as many cost a tenth of the time and change no
/// score by more than another seed does.
const NOISE: usize = 512;
/// The same if every neighbour is a pair, which takes six times as many negatives. With 512 three seeds of skip-gram
/// had 38.6, 40.0 and 40.0 on Google's analogies; the first had 40.7 if each group drew its own.
const PAIR_NOISE: usize = 2048;

/// How a target is predicted.
pub(crate) enum Targets {
    /// Noise to draw from, and the number of noise words per positive.
    Noise(Alias, f32),
    /// The tree.
    Tree(HuffmanTree),
}

/// What all pieces have in common.
pub(crate) struct Recipe {
    pub config: WindowsConfig,
    /// Length of a vector.
    pub dim: usize,
    pub targets: Targets,
    pub kernels: &'static Kernels,
    weights: Vec<f32>,
    /// Words whose vectors do not move.
    pub frozen: Frozen,
}

/// A window that is mixed, and the runs of its cells.
struct Mixed {
    around: ContextWindow,
    total: f32,
    runs: Range<usize>,
}

/// A piece being trained, with its memory.
pub(crate) struct Batch {
    pub words: LocalRows,
    pub outs: LocalRows,
    places: Places,
    shared: Shared,
    minibatches: Minibatches,
    mixes: Vec<Mixed>,
    runs: Vec<BinomialRun>,
    cells: Vec<BinomialCell>,
    mixed: Vec<f32>,
    before: Vec<f32>,
    scratch: GroupScratch,
    /// Saved rows of words in a group that do not move; neighbours of a mix that move, with their weights.
    still: Before,
    moving: (Vec<u32>, Vec<f32>),
    /// Neighbours, or mixes.
    visits: u64,
    /// Weight of the neighbours, or mixes; with a tree, times nodes, if neighbours are paired with
    /// them directly.
    weight: f64,
    /// Words handed to [`Self::take`].
    pub kept: u64,
}

impl Recipe {
    /// A recipe for words of these counts.
    pub fn new(
        config: WindowsConfig,
        dim: usize,
        counts: &[u64],
        kernels: &'static Kernels,
    ) -> Self {
        let targets = match config.prediction {
            Prediction::Negatives(NoiseConfig { negatives, noise_exponent }) => {
                let noise = counts.iter().map(|&n| real::pow(n as f64, noise_exponent));
                Targets::Noise(Alias::new(&noise.collect::<Vec<f64>>()), negatives as f32)
            }
            Prediction::Tree => Targets::Tree(HuffmanTree::new(counts)),
        };
        let (weights, frozen) = (weights(config.text.reach, config.text.window), Frozen::default());
        Self { config, dim, targets, kernels, weights, frozen }
    }

    /// The same with words whose vectors do not move.
    pub fn with_frozen(self, frozen: &Frozen) -> Self {
        Self { frozen: frozen.clone(), ..self }
    }

    /// The name of the second matrix.
    pub fn columns(&self) -> &'static str {
        match self.targets {
            Targets::Noise(..) => "context_vectors",
            Targets::Tree(_) => "node_vectors",
        }
    }

    /// The reach of the window of a word.
    fn reach(&self, stream: &mut Stream) -> usize {
        let window = self.config.text.window;
        (if self.config.text.reach == Reach::Dynamic { 1 + stream.below(window) } else { window })
            as usize
    }

    /// The divisors of a mix and of the steps of its words, for neighbours of this total weight.
    fn divisors(&self, total: f32) -> [f32; 2] {
        match self.config.model {
            WindowModel::Cbow(CbowConfig { mix: Mix::Mean, step: MixStep::Gradient }) => {
                [total, total]
            }
            WindowModel::Cbow(CbowConfig { mix: Mix::Mean, step: MixStep::Whole }) => [total, 1.0],
            _ => [1.0, 1.0],
        }
    }

    /// Expected weight of the steps that a place takes as a neighbour of others.
    fn heat(&self) -> f32 {
        let window = self.config.text.window as f32;
        match (self.config.model, &self.targets) {
            (WindowModel::Cbow(CbowConfig { mix: Mix::Mean, step: MixStep::Gradient }), _) => 1.0,
            (WindowModel::SkipGram, Targets::Tree(_)) => 0.0,
            _ => window + 1.0,
        }
    }

    /// Noise words that a piece draws.
    fn noise(&self) -> usize {
        noise(&self.config)
    }
}

/// Noise words that a piece draws.
fn noise(config: &WindowsConfig) -> usize {
    if config.model == WindowModel::SkipGram { PAIR_NOISE } else { NOISE }
}

/// The most rows of either side that a piece of this many places needs.
pub(super) fn most_rows(config: &WindowsConfig, places: u64) -> [u64; 2] {
    let words = places + 2 * u64::from(config.text.window);
    match config.prediction {
        Prediction::Negatives(_) => [words, words + noise(config) as u64],
        Prediction::Tree => [words, words * 64],
    }
}

impl Batch {
    pub fn new(recipe: &Recipe, words: u32, outs: u32) -> Self {
        let stride = padded(recipe.dim);
        Self {
            words: LocalRows::new(words, stride),
            outs: LocalRows::new(outs, stride),
            places: Places::default(),
            shared: Shared::default(),
            minibatches: Minibatches::default(),
            mixes: Vec::new(),
            runs: Vec::new(),
            cells: Vec::new(),
            mixed: vec![0.0; MIXES * stride],
            before: vec![0.0; MIXES * stride],
            scratch: GroupScratch::new(),
            still: Before::default(),
            moving: Default::default(),
            visits: 0,
            weight: 0.0,
            kept: 0,
        }
    }

    /// Discards the last piece.
    pub fn clear(&mut self) {
        self.words.clear();
        self.outs.clear();
        self.shared.clear();
        self.minibatches.clear();
        self.mixes.clear();
        self.runs.clear();
        self.cells.clear();
        (self.visits, self.weight, self.kept) = (0, 0.0, 0);
    }

    /// Splits a piece into windows. Of its places, those in a range are centres of windows.
    pub fn take(&mut self, recipe: &Recipe, (places, middles): Piece<'_>, stream: &mut Stream) {
        self.clear();
        let window = recipe.config.text.window as usize;
        let first = middles.start.saturating_sub(window);
        let seen = &places[first..places.len().min(middles.end + window)];
        // The side that neighbours belong to.
        let near = match (recipe.config.model, &recipe.targets) {
            (WindowModel::SkipGram, Targets::Noise(..)) => &mut self.outs,
            _ => &mut self.words,
        };
        let heat = recipe.heat();
        let slot = |&word: &u32| if word == END { END } else { near.slot(word, heat) };
        self.places.fill(seen.iter().map(slot));
        self.draw_noise(recipe, stream);
        for at in middles {
            let word = places[at];
            if word == END {
                continue;
            }
            self.kept += 1;
            let around = self.places.around(at - first, recipe.reach(stream));
            if around.is_empty() {
                continue;
            }
            match (recipe.config.model, &recipe.targets) {
                (WindowModel::Cbow(_), _) => self.take_mix(recipe, word, around, stream),
                (WindowModel::SkipGram, Targets::Noise(_, negatives)) => {
                    self.take_pairs(recipe, *negatives, word, around, stream);
                }
                (WindowModel::SkipGram, Targets::Tree(tree)) => {
                    self.take_path(recipe, tree, word, around);
                }
            }
        }
        self.warm_noise(recipe);
    }

    /// Draws the noise. Its beginning is repeated at the end, so that a group can start anywhere.
    fn draw_noise(&mut self, recipe: &Recipe, stream: &mut Stream) {
        let Targets::Noise(noise, _) = &recipe.targets else { return };
        for _ in 0..recipe.noise() {
            self.shared.push(self.outs.slot(noise.draw(stream), 0.0), 1.0);
        }
        for k in 0..GROUP_NEGATIVES {
            self.shared.push(self.shared.columns[k], 1.0);
        }
    }

    /// Counts the steps on the noise words, each of which is used equally often in expectation.
    fn warm_noise(&mut self, recipe: &Recipe) {
        let Targets::Noise(_, negatives) = &recipe.targets else { return };
        let each = self.weight as f32 * negatives / recipe.noise() as f32;
        let drawn = &self.shared.columns[..recipe.noise()];
        drawn.iter().for_each(|&slot| self.outs.warm(slot as usize, each));
    }

    fn take_pairs(
        &mut self,
        recipe: &Recipe,
        negatives: f32,
        word: u32,
        around: ContextWindow,
        stream: &mut Stream,
    ) {
        let window = self.places.window(around, &recipe.weights, 1.0);
        let total: f32 = window.weights.iter().sum();
        let row = self.words.slot(word, total);
        // If a row occurs again in a minibatch, its second use sees it changed; a frozen row therefore occurs
        // only once.
        let stays = recipe.frozen.has(word);
        let runs = if stays { GROUP_PAIRS } else { RUN_PAIRS };
        let mut run = runs;
        for (column, weight) in neighbours(&window) {
            let again = stays && run == runs;
            let is_full = |it: &mut Minibatch| it.pairs == GROUP_PAIRS || again && it.has_row(row);
            let is_full = self.minibatches.last().is_none_or(is_full);
            if is_full {
                self.minibatches.open(some_noise(recipe, stream));
            }
            let minibatch = self.minibatches.last().expect("it was opened");
            if run == runs || is_full {
                minibatch.push_row(row, 0.0);
                run = 0;
            }
            run += 1;
            minibatch.push_pair(column, weight, weight * negatives / GROUP_NEGATIVES as f32);
        }
        self.visits += around.len() as u64;
        self.weight += f64::from(total);
    }

    fn take_mix(&mut self, recipe: &Recipe, word: u32, around: ContextWindow, stream: &mut Stream) {
        let number = self.mixes.len() % MIXES;
        let runs = self.runs.len();
        match &recipe.targets {
            Targets::Noise(_, negatives) => {
                let column = self.outs.slot(word, 1.0);
                if number == 0 {
                    self.minibatches.open(some_noise(recipe, stream));
                }
                let minibatch = self.minibatches.last().expect("it was opened");
                minibatch.push_row(number as u32, negatives / GROUP_NEGATIVES as f32);
                minibatch.push_pair(column, 1.0, 0.0);
            }
            Targets::Tree(tree) => {
                let cells = self.path(tree, word);
                for first in cells.clone().step_by(RUN_CELLS) {
                    let len = (cells.end - first).min(RUN_CELLS) as u32;
                    self.runs.push(BinomialRun { row: number as u32, first: first as u32, len });
                }
            }
        }
        let total = self.places.window(around, &recipe.weights, 1.0).weights.iter().sum();
        self.mixes.push(Mixed { around, total, runs: runs..self.runs.len() });
        self.visits += 1;
        self.weight += 1.0;
    }

    /// Adds the cells of the path of a word.
    fn path(&mut self, tree: &HuffmanTree, word: u32) -> Range<usize> {
        let first = self.cells.len();
        for (node, is_right) in tree.path(word) {
            let (left, right) = if is_right { (0.0, 1.0) } else { (1.0, 0.0) };
            self.cells.push(BinomialCell { col: self.outs.slot(node, 1.0), left, right });
        }
        first..self.cells.len()
    }

    /// Pairs all neighbours with all nodes.
    fn take_path(&mut self, recipe: &Recipe, tree: &HuffmanTree, word: u32, around: ContextWindow) {
        let window = self.places.window(around, &recipe.weights, 1.0);
        let total: f32 = window.weights.iter().sum();
        let first = self.shared.columns.len();
        for (node, is_right) in tree.path(word) {
            let sign = if is_right { 1.0 } else { -1.0 };
            self.shared.push(self.outs.slot(node, total), sign);
        }
        let nodes = first..self.shared.columns.len();
        for first in nodes.clone().step_by(GROUP_NEGATIVES) {
            let some = first..nodes.end.min(first + GROUP_NEGATIVES);
            let mut minibatch = self.minibatches.open(some.clone());
            for (row, weight) in neighbours(&window) {
                if minibatch.rows == GROUP_PAIRS {
                    minibatch = self.minibatches.open(some.clone());
                }
                minibatch.push_row(row, weight);
                self.words.warm(row as usize, weight * some.len() as f32);
            }
        }
        self.visits += around.len() as u64;
        self.weight += f64::from(total) * nodes.len() as f64;
    }

    /// After rows are copied: excludes those that do not move from being returned.
    pub fn keep_back(&mut self, recipe: &Recipe) {
        if !recipe.frozen.is_none() {
            self.words.keep_back(|id| recipe.frozen.has(id));
        }
    }

    /// Copies the rows that the piece needs.
    pub fn gather(&mut self, kernels: &Kernels, [words, outs]: [&Rows; 2]) {
        self.words.gather(kernels, words);
        self.outs.gather(kernels, outs);
    }

    /// Trains the piece on the copies of its rows.
    pub fn train(&mut self, recipe: &Recipe, rate: f32) -> Tally {
        let mut loss = Loss::default();
        if recipe.config.model != WindowModel::SkipGram {
            loss = self.train_mixes(recipe, rate);
        } else {
            let (mut words, ids) = self.words.side_and_ids();
            let mut outs = self.outs.side();
            let frozen = &recipe.frozen;
            let stays = |slot: u32| !frozen.is_none() && frozen.has(ids[slot as usize]);
            for minibatch in self.minibatches.get() {
                let (group, scratch) = (minibatch.group(&self.shared), &mut self.scratch);
                self.still.keep(&words, group.row, stays);
                loss += recipe.kernels.sgns_group(&mut words, &mut outs, &group, rate, scratch);
                self.still.put_back(&mut words);
            }
            loss.weight = self.weight;
        }
        Tally { visits: self.visits, loss: loss.loss, weight: loss.weight, ..Tally::default() }
    }

    fn train_mixes(&mut self, recipe: &Recipe, rate: f32) -> Loss {
        let (kernels, weights) = (recipe.kernels, &recipe.weights);
        let (mut words, ids) = self.words.side_and_ids();
        let mut outs = self.outs.side();
        let (stride, mut loss) = (words.stride, Loss::default());
        for (number, windows) in self.mixes.chunks(MIXES).enumerate() {
            for (window, mixed) in windows.iter().zip(self.mixed.chunks_exact_mut(stride)) {
                let scale = 1.0 / recipe.divisors(window.total)[0];
                let window = self.places.window(window.around, weights, scale);
                kernels.mix(&words, &window, mixed);
            }
            let len = windows.len() * stride;
            self.before[..len].copy_from_slice(&self.mixed[..len]);
            let mut rows = Side { vectors: &mut self.mixed[..len], stride };
            match self.minibatches.get().get(number) {
                Some(minibatch) => {
                    let (group, scratch) = (minibatch.group(&self.shared), &mut self.scratch);
                    loss += kernels.sgns_group(&mut rows, &mut outs, &group, rate, scratch);
                }
                None => {
                    let runs = windows[0].runs.start..windows[windows.len() - 1].runs.end;
                    let runs = &self.runs[runs];
                    loss += kernels.binomial_runs(&mut rows, &mut outs, runs, &self.cells, rate);
                }
            }
            let steps = self.before.chunks_exact(stride).zip(self.mixed.chunks_exact(stride));
            for (window, (before, after)) in windows.iter().zip(steps) {
                let scale = 1.0 / recipe.divisors(window.total)[1];
                let mut window = self.places.window(window.around, weights, scale);
                if !recipe.frozen.is_none() {
                    let moves = |slot: u32| !recipe.frozen.has(ids[slot as usize]);
                    window = moving(&window, moves, &mut self.moving);
                }
                kernels.spread(&mut words, &window, Change { before, after });
            }
        }
        loss
    }
}

/// The neighbours of a window that move.
fn moving<'a>(
    window: &Window<'_>,
    moves: impl Fn(u32) -> bool,
    (slots, weights): &'a mut (Vec<u32>, Vec<f32>),
) -> Window<'a> {
    slots.clear();
    weights.clear();
    for (slot, weight) in neighbours(window).filter(|&(slot, _)| moves(slot)) {
        slots.push(slot);
        weights.push(weight);
    }
    Window { left: &[], right: slots, weights, scale: window.scale }
}

/// Consecutive draws from the noise of a piece.
fn some_noise(recipe: &Recipe, stream: &mut Stream) -> Range<usize> {
    let first = stream.below(recipe.noise() as u32) as usize;
    first..first + GROUP_NEGATIVES
}

#[cfg(test)]
impl Batch {
    /// For tests: the groups, the mixes with words, and the cells of each run with the minibatch of its row.
    pub fn groups(&self) -> impl Iterator<Item = wordmill_kernels::Group<'_>> {
        self.minibatches.get().iter().map(|minibatch| minibatch.group(&self.shared))
    }

    pub fn mixes(&self, recipe: &Recipe) -> Vec<Vec<(u32, f32)>> {
        let of = |mixed: &Mixed| {
            let scale = 1.0 / recipe.divisors(mixed.total)[0];
            let window = self.places.window(mixed.around, &recipe.weights, scale);
            let words =
                neighbours(&window).map(|(slot, weight)| (self.words.id(slot), scale * weight));
            words.collect()
        };
        self.mixes.iter().map(of).collect()
    }

    /// Cells of mixes: the minibatch, the row in it, the cell.
    pub fn steps(&self) -> Vec<(usize, u32, BinomialCell)> {
        let bundle_of = |run: usize| {
            let window = self.mixes.iter().position(|window| window.runs.contains(&run));
            window.expect("a run has a window") / MIXES
        };
        let of = |(number, run): (usize, &BinomialRun)| {
            let cells = &self.cells[run.first as usize..(run.first + run.len) as usize];
            cells.iter().map(move |&cell| (bundle_of(number), run.row, cell)).collect::<Vec<_>>()
        };
        self.runs.iter().enumerate().flat_map(of).collect()
    }
}
