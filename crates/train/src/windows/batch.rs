//! A piece of text taken apart into windows, and trained.
//!
//! Skip-gram: the word in the middle is the row, its neighbours are the columns (negative sampling: up to 32
//! pairs a group, runs of up to four of a row, 16 negatives that all share, as from the matrix). With a
//! tree the neighbour is the row and the path of the word in the middle is walked, as in word2vec.
//!
//! CBOW: the neighbours of eight windows are mixed into eight rows, these take a step against their words and
//! sixteen negatives that all share, or against the paths of their words, and what each row has learned
//! is spread over its neighbours. All eight see the words as they were before.
//!
//! However negatives are shared, they weigh together as much as asked for. A noise word that happens to be
//! the word itself stays, as in the sum that sampling stands for (Levy & Goldberg 2014).

use std::ops::Range;

use wordmill_kernels::{
    BinomialCell, BinomialRun, GROUP_NEGATIVES, GROUP_PAIRS, Group, GroupScratch, Kernels,
    RUN_CELLS, Side, padded,
};

use super::config::{Mix, MixStep, Prediction, Reach, WindowModel, WindowsConfig};
use super::local::Local;
use super::text::{END, Piece};
use crate::engine::Tally;
use crate::huffman::HuffmanTree;
use crate::random::{Alias, Stream};

/// Most pairs of a run, see `groups.rs`.
const RUN_PAIRS: usize = 4;
/// Windows of CBOW that share their negatives, and how many. On 22 million tokens of English (d = 100, 5 epochs, one
/// thread, one seed: Google analogies, WordSim-353, SimLex-999, seconds of CPU) eight negatives 34.4, 64.0, 29.1, 49;
/// sixteen 36.9, 61.5, 29.9, 67. The program word2vec: 37.5, 60.4, 27.1, 315.
const MIXES: usize = 8;
const MIX_NEGATIVES: usize = 16;

/// What a target is predicted by.
pub(crate) enum Targets {
    /// Noise to draw from, and how many words of it beside a positive.
    Noise(Alias, f32),
    /// The tree.
    Tree(HuffmanTree),
}

/// What all pieces have in common.
pub(crate) struct Recipe {
    pub config: WindowsConfig,
    pub targets: Targets,
    pub kernels: &'static Kernels,
}

/// Rows and columns that are trained at once; ids are slots.
#[derive(Clone, Copy, Default)]
struct Bundle {
    rows: usize,
    row: [u32; GROUP_PAIRS],
    end: [u32; GROUP_PAIRS],
    negative_weight: [f32; GROUP_PAIRS],
    pairs: usize,
    column: [u32; GROUP_PAIRS],
    weight: [f32; GROUP_PAIRS],
    negatives: [u32; GROUP_NEGATIVES],
}

/// The neighbours of a window, as slots, and the runs of its cells.
#[derive(Clone, Default)]
struct Around {
    words: Range<usize>,
    runs: Range<usize>,
}

/// A piece being trained, with its memory.
pub(crate) struct Batch {
    pub words: Local,
    pub outs: Local,
    /// Of which so many are in use; the others are there to be used again.
    bundles: Vec<Bundle>,
    used: usize,
    around: Vec<Around>,
    word: Vec<u32>,
    mix: Vec<f32>,
    back: Vec<f32>,
    runs: Vec<BinomialRun>,
    cells: Vec<BinomialCell>,
    mixed: Vec<f32>,
    before: Vec<f32>,
    scratch: GroupScratch,
    visits: u64,
    /// Words handed to [`Self::take`].
    pub kept: u64,
}

impl Recipe {
    /// Negatives that the rows of a bundle share.
    fn shared(&self) -> usize {
        if self.config.model == WindowModel::SkipGram { GROUP_NEGATIVES } else { MIX_NEGATIVES }
    }

    /// How far the window of a word reaches.
    fn reach(&self, stream: &mut Stream) -> usize {
        let window = self.config.window;
        (if self.config.reach == Reach::Dynamic { 1 + stream.below(window) } else { window })
            as usize
    }

    /// Weight of a neighbour at a distance.
    fn weight(&self, distance: usize) -> f32 {
        let window = self.config.window as f32;
        match self.config.reach {
            Reach::Dynamic => 1.0,
            Reach::Expected => (window + 1.0 - distance as f32) / window,
        }
    }

    /// Rows of either side that a piece of so many places needs at most.
    pub fn most_rows(&self, places: u64) -> [u64; 2] {
        let words = places + 2 * u64::from(self.config.window);
        let pairs = match (self.config.model, self.config.reach) {
            (WindowModel::SkipGram, _) => 2 * u64::from(self.config.window) * places,
            _ => places,
        };
        match &self.targets {
            Targets::Noise(..) => [words, words + pairs.div_ceil(16) * GROUP_NEGATIVES as u64],
            Targets::Tree(_) => [words, words * 64],
        }
    }
}

/// Words on one side of a place up to the end of its line, nearest first, with their distances.
fn side(
    places: &[u32],
    reach: usize,
    towards: impl Fn(usize) -> Option<usize>,
) -> impl Iterator<Item = (usize, u32)> {
    let at = move |distance| towards(distance).and_then(|at| places.get(at)).copied();
    (1..=reach).map_while(move |distance| {
        at(distance).filter(|&word| word != END).map(|word| (distance, word))
    })
}

/// The words around a place.
fn neighbours(places: &[u32], at: usize, reach: usize) -> impl Iterator<Item = (usize, u32)> {
    let left = side(places, reach, move |distance| at.checked_sub(distance));
    left.chain(side(places, reach, move |distance| Some(at + distance)))
}

impl Batch {
    pub fn new(recipe: &Recipe, words: u32, outs: u32) -> Self {
        let stride = padded(recipe.config.dim);
        Self {
            words: Local::new(words, stride),
            outs: Local::new(outs, stride),
            bundles: Vec::new(),
            used: 0,
            around: Vec::new(),
            word: Vec::new(),
            mix: Vec::new(),
            back: Vec::new(),
            runs: Vec::new(),
            cells: Vec::new(),
            mixed: vec![0.0; MIXES * stride],
            before: vec![0.0; MIXES * stride],
            scratch: GroupScratch::new(),
            visits: 0,
            kept: 0,
        }
    }

    /// Forgets the last piece.
    pub fn clear(&mut self) {
        self.words.clear();
        self.outs.clear();
        self.used = 0;
        self.around.clear();
        self.word.clear();
        self.mix.clear();
        self.back.clear();
        self.runs.clear();
        self.cells.clear();
        (self.visits, self.kept) = (0, 0);
    }

    /// Takes a piece apart: some places, of which those in a range are the middles of windows.
    pub fn take(&mut self, recipe: &Recipe, (places, middles): Piece<'_>, stream: &mut Stream) {
        self.clear();
        for at in middles {
            let word = places[at];
            if word == END {
                continue;
            }
            self.kept += 1;
            let reach = recipe.reach(stream);
            let around = neighbours(places, at, reach).map(|(d, word)| (recipe.weight(d), word));
            match (recipe.config.model, &recipe.targets) {
                (WindowModel::Cbow { mix, step }, _) => {
                    self.take_cbow(recipe, (mix, step), word, around, stream);
                }
                (WindowModel::SkipGram, Targets::Noise(..)) => {
                    self.take_pairs(recipe, word, around, stream);
                }
                (WindowModel::SkipGram, Targets::Tree(tree)) => {
                    self.take_paths(tree, word, around);
                }
            }
        }
        self.close(recipe, stream);
    }

    fn take_pairs(
        &mut self,
        recipe: &Recipe,
        word: u32,
        around: impl Iterator<Item = (f32, u32)>,
        stream: &mut Stream,
    ) {
        let Targets::Noise(_, negatives) = &recipe.targets else { return };
        let mut run = RUN_PAIRS;
        for (weight, other) in around {
            let is_full = self.used().last().is_none_or(|it| it.pairs == GROUP_PAIRS);
            if is_full {
                self.open(recipe, stream);
            }
            let (row, column) = (self.words.slot(word, weight), self.outs.slot(other, weight));
            let bundle = &mut self.bundles[self.used - 1];
            if run == RUN_PAIRS || is_full {
                bundle.row[bundle.rows] = row;
                bundle.negative_weight[bundle.rows] = 0.0;
                bundle.rows += 1;
                run = 0;
            }
            run += 1;
            bundle.column[bundle.pairs] = column;
            bundle.weight[bundle.pairs] = weight;
            bundle.pairs += 1;
            bundle.end[bundle.rows - 1] = bundle.pairs as u32;
            bundle.negative_weight[bundle.rows - 1] += weight * negatives / GROUP_NEGATIVES as f32;
            self.visits += 1;
        }
    }

    /// Draws the negatives of the last bundle and begins another.
    fn open(&mut self, recipe: &Recipe, stream: &mut Stream) {
        self.close(recipe, stream);
        if self.used == self.bundles.len() {
            self.bundles.push(Bundle::default());
        }
        let bundle = &mut self.bundles[self.used];
        (bundle.rows, bundle.pairs) = (0, 0);
        self.used += 1;
    }

    fn used(&self) -> &[Bundle] {
        &self.bundles[..self.used]
    }

    /// Draws the negatives of the last bundle.
    fn close(&mut self, recipe: &Recipe, stream: &mut Stream) {
        let last = self.bundles[..self.used].last_mut();
        if let (Some(bundle), Targets::Noise(noise, _)) = (last, &recipe.targets) {
            let weight = bundle.negative_weight[..bundle.rows].iter().sum();
            for id in &mut bundle.negatives[..recipe.shared()] {
                *id = self.outs.slot(noise.draw(stream), weight);
            }
        }
    }

    fn take_cbow(
        &mut self,
        recipe: &Recipe,
        (mix, step): (Mix, MixStep),
        word: u32,
        around: impl Iterator<Item = (f32, u32)>,
        stream: &mut Stream,
    ) {
        let first = self.word.len();
        for (weight, other) in around {
            self.word.push(other);
            self.mix.push(weight);
        }
        if self.word.len() == first {
            return;
        }
        let total: f32 = self.mix[first..].iter().sum();
        for at in first..self.word.len() {
            let whole = self.mix[at];
            if mix == Mix::Mean {
                self.mix[at] /= total;
            }
            let back = if step == MixStep::Whole { whole } else { self.mix[at] };
            self.back.push(back);
            self.word[at] = self.words.slot(self.word[at], back);
        }
        let number = self.around.len() % MIXES;
        let runs = self.runs.len();
        match &recipe.targets {
            Targets::Noise(_, negatives) => {
                if number == 0 {
                    self.open(recipe, stream);
                }
                let column = self.outs.slot(word, 1.0);
                let bundle = &mut self.bundles[self.used - 1];
                bundle.row[number] = number as u32;
                bundle.column[number] = column;
                bundle.weight[number] = 1.0;
                bundle.negative_weight[number] = negatives / MIX_NEGATIVES as f32;
                (bundle.rows, bundle.pairs) = (number + 1, number + 1);
                bundle.end[number] = number as u32 + 1;
            }
            Targets::Tree(tree) => {
                let cells = self.path(tree, word, 1.0);
                self.push_runs(number as u32, cells);
            }
        }
        self.around.push(Around { words: first..self.word.len(), runs: runs..self.runs.len() });
        self.visits += 1;
    }

    fn take_paths(
        &mut self,
        tree: &HuffmanTree,
        word: u32,
        around: impl Iterator<Item = (f32, u32)>,
    ) {
        // Neighbours of one weight walk the same cells.
        let mut cells = (0.0, 0..0);
        for (weight, other) in around {
            if cells.0 != weight {
                cells = (weight, self.path(tree, word, weight));
            } else {
                cells.1.clone().for_each(|at| {
                    let id = self.cells[at].col as usize;
                    self.outs.warm(id, weight);
                });
            }
            let row = self.words.slot(other, weight * cells.1.len() as f32);
            self.push_runs(row, cells.1.clone());
            self.visits += 1;
        }
    }

    /// The cells of the path of a word.
    fn path(&mut self, tree: &HuffmanTree, word: u32, weight: f32) -> Range<usize> {
        let first = self.cells.len();
        let mut next = (tree.nodes() > 0).then(|| tree.parent_of_word(word));
        while let Some((node, is_right)) = next {
            let (left, right) = if is_right { (0.0, weight) } else { (weight, 0.0) };
            self.cells.push(BinomialCell { col: self.outs.slot(node, weight), left, right });
            next = tree.parent_of_node(node);
        }
        first..self.cells.len()
    }

    fn push_runs(&mut self, row: u32, cells: Range<usize>) {
        for first in cells.clone().step_by(RUN_CELLS) {
            let len = (cells.end - first).min(RUN_CELLS) as u32;
            self.runs.push(BinomialRun { row, first: first as u32, len });
        }
    }

    /// Trains the piece on the copies of its rows.
    pub fn train(&mut self, recipe: &Recipe, rate: f32) -> Tally {
        let kernels = recipe.kernels;
        let mut tally = Tally { visits: self.visits, ..Tally::default() };
        let mut add = |loss: wordmill_kernels::Loss| {
            tally.loss += loss.loss;
            tally.weight += loss.weight;
        };
        let shared = recipe.shared();
        if recipe.config.model == WindowModel::SkipGram {
            let (mut words, mut outs) = (self.words.side(), self.outs.side());
            for bundle in &self.bundles[..self.used] {
                let group = bundle.group(shared);
                add(kernels.sgns_group(&mut words, &mut outs, &group, rate, &mut self.scratch));
            }
            add(kernels.binomial_runs(&mut words, &mut outs, &self.runs, &self.cells, rate));
            return tally;
        }
        for (number, windows) in self.around.chunks(MIXES).enumerate() {
            let (mut words, mut outs) = (self.words.side(), self.outs.side());
            let stride = words.stride;
            for (around, mixed) in windows.iter().zip(self.mixed.chunks_exact_mut(stride)) {
                let at = around.words.clone();
                kernels.mix(&words, &self.word[at.clone()], &self.mix[at], mixed);
            }
            let len = windows.len() * stride;
            self.before[..len].copy_from_slice(&self.mixed[..len]);
            let mut rows = Side { vectors: &mut self.mixed[..len], stride };
            match self.bundles[..self.used].get(number) {
                Some(bundle) => {
                    let group = bundle.group(shared);
                    add(kernels.sgns_group(&mut rows, &mut outs, &group, rate, &mut self.scratch));
                }
                None => {
                    let runs = windows[0].runs.start..windows[windows.len() - 1].runs.end;
                    let runs = &self.runs[runs];
                    add(kernels.binomial_runs(&mut rows, &mut outs, runs, &self.cells, rate));
                }
            }
            let steps = self.before.chunks_exact(stride).zip(self.mixed.chunks_exact(stride));
            for (around, step) in windows.iter().zip(steps) {
                let at = around.words.clone();
                kernels.spread(&mut words, &self.word[at.clone()], &self.back[at], step);
            }
        }
        tally
    }
}

impl Bundle {
    fn group(&self, shared: usize) -> Group<'_> {
        Group {
            row: &self.row[..self.rows],
            end: &self.end[..self.rows],
            col: &self.column[..self.pairs],
            weight: &self.weight[..self.pairs],
            negatives: &self.negatives[..shared],
            negative_weight: &self.negative_weight[..self.rows],
            col_rate: &[1.0; GROUP_PAIRS][..self.pairs],
            negative_rate: &[1.0; GROUP_NEGATIVES][..shared],
        }
    }
}

/// The targets of a configuration.
pub(crate) fn targets(config: &WindowsConfig, counts: &[u64]) -> Targets {
    match config.prediction {
        Prediction::Negatives { negatives, noise_exponent } => {
            let noise: Vec<f64> = counts.iter().map(|&n| (n as f64).powf(noise_exponent)).collect();
            Targets::Noise(Alias::new(&noise), negatives as f32)
        }
        Prediction::Tree => Targets::Tree(HuffmanTree::new(counts)),
    }
}

#[cfg(test)]
impl Batch {
    /// What the tests look at: the groups, the mixes with words, and the cells of each run with the bundle of its row.
    pub fn bundles(&self) -> impl Iterator<Item = Group<'_>> {
        let is_cbow = !self.around.is_empty();
        self.used()
            .iter()
            .map(move |bundle| bundle.group(if is_cbow { MIX_NEGATIVES } else { GROUP_NEGATIVES }))
    }

    pub fn mixes(&self) -> Vec<Vec<(u32, f32)>> {
        let of = |around: &Around| {
            let words = self.word[around.words.clone()].iter().map(|&slot| self.words.id(slot));
            words.zip(self.mix[around.words.clone()].iter().copied()).collect()
        };
        self.around.iter().map(of).collect()
    }

    pub fn steps(&self, is_cbow: bool) -> Vec<(usize, u32, BinomialCell)> {
        let bundle_of = |run: usize| {
            let window = self.around.iter().position(|around| around.runs.contains(&run));
            if is_cbow { window.expect("a run has a window") / MIXES } else { 0 }
        };
        let of = |(number, run): (usize, &BinomialRun)| {
            let cells = &self.cells[run.first as usize..(run.first + run.len) as usize];
            cells.iter().map(move |&cell| (bundle_of(number), run.row, cell)).collect::<Vec<_>>()
        };
        self.runs.iter().enumerate().flat_map(of).collect()
    }
}
