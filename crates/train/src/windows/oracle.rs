//! Tests of the training data and steps: windows against brute force, and steps against finite differences for
//! every model and objective.

use wordmill_kernels::{Level, at, best};

use super::batch::{Batch, Recipe, Targets};
use super::config::{
    CbowConfig, Mix, MixStep, Prediction, Reach, Sharing, TextConfig, WindowModel, WindowsConfig,
};
use super::model::Model;
use super::rows::Rows;
use super::text::END;
use crate::objective::model::NoiseConfig;
use crate::random::Stream;

pub(super) const WORDS: u32 = 30;

/// Length of the vectors.
pub(super) const DIM: usize = 20;
const SKIP_GRAM: WindowModel = WindowModel::SkipGram;
pub(super) const CBOW: WindowModel =
    WindowModel::Cbow(CbowConfig { mix: Mix::Mean, step: MixStep::Gradient });
const SUM: WindowModel = WindowModel::Cbow(CbowConfig { mix: Mix::Sum, step: MixStep::Gradient });
const COMPAT: WindowModel = WindowModel::Cbow(CbowConfig { mix: Mix::Mean, step: MixStep::Whole });
pub(super) const NOISE: Prediction =
    Prediction::Negatives(NoiseConfig { negatives: 3, noise_exponent: 0.75 });

pub(super) fn config(model: WindowModel, prediction: Prediction) -> WindowsConfig {
    WindowsConfig {
        model,
        prediction,
        text: TextConfig {
            window: 3,
            reach: Reach::Dynamic,
            subsample: 0.0,
            sharing: Sharing::Rounds,
        },
    }
}

/// Every model with every objective.
pub(super) fn all() -> impl Iterator<Item = WindowsConfig> {
    [SKIP_GRAM, CBOW, SUM, COMPAT]
        .into_iter()
        .flat_map(|model| [NOISE, Prediction::Tree].map(|prediction| config(model, prediction)))
}

fn counts() -> Vec<u64> {
    (0..u64::from(WORDS)).map(|id| 900 / (id + 1) + 20).collect()
}

fn recipe(config: WindowsConfig) -> Recipe {
    Recipe::new(config, DIM, &counts(), at(Level::Scalar).unwrap())
}

/// A model without zeros.
fn model(recipe: &Recipe) -> Model {
    let model = Model::new(recipe, WORDS);
    for (side, rows) in [&model.words, &model.outs].into_iter().enumerate() {
        for stripe in 0..super::rows::STRIPES {
            let mut rows = rows.write(stripe);
            for row in 0..rows.rows() {
                let mut stream = Stream::new(side as u64, &[u64::from(stripe), row as u64]);
                rows.vector_mut(row).iter_mut().for_each(|x| *x = stream.unit() - 0.5);
            }
        }
    }
    model
}

fn all_rows(rows: &Rows, dim: usize) -> Vec<Vec<f64>> {
    let mut flat = Vec::new();
    rows.copy(0..rows.len(), dim, &mut flat);
    flat.chunks(dim).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

/// The contents of a window, straight from the definition: each neighbour with its distance.
fn brute_neighbours(places: &[u32], at: usize, window: usize) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    for (other, &word) in places.iter().enumerate() {
        let (first, last) = (other.min(at), other.max(at));
        let is_cut = places[first..=last].contains(&END);
        if other != at && last - first <= window && !is_cut {
            found.push((last - first, word));
        }
    }
    found
}

fn text() -> Vec<u32> {
    let mut stream = Stream::new(9, &[]);
    (0..60).map(|_| if stream.below(9) == 0 { END } else { stream.below(WORDS) }).collect()
}

#[test]
fn windows_are_those_of_the_definition() {
    let (places, mut config) = (text(), config(SKIP_GRAM, NOISE));
    config.text.reach = Reach::Expected;
    let recipe = recipe(config);
    let mut batch = Batch::new(&recipe, WORDS, WORDS);
    batch.take(&recipe, (&places, 10..50), &mut Stream::new(1, &[]));
    let mut expected = Vec::new();
    for at in (10..50).filter(|&at| places[at] != END) {
        for (distance, word) in brute_neighbours(&places, at, 3) {
            expected.push((places[at], word, 4 - distance as u32));
        }
    }
    let mut thirds: Vec<_> = batch
        .pairs()
        .into_iter()
        .map(|(row, column, weight)| (row, column, (weight * 3.0).round() as u32))
        .collect();
    expected.sort_unstable();
    thirds.sort_unstable();
    assert_eq!(thirds, expected);
}

#[test]
fn a_dynamic_window_reaches_as_far_as_its_expectation() {
    let places: Vec<u32> = (0..30_000).map(|at| at % WORDS).collect();
    let recipe = recipe(config(SKIP_GRAM, NOISE));
    let mut batch = Batch::new(&recipe, WORDS, WORDS);
    let mut by_distance = [0f64; 4];
    let middles = 100..29_900;
    batch.take(&recipe, (&places, middles.clone()), &mut Stream::new(1, &[]));
    for (row, column, _) in batch.pairs() {
        let distance = (WORDS + column - row) % WORDS;
        by_distance[distance.min(WORDS - distance) as usize] += 1.0;
    }
    for (distance, found) in by_distance.into_iter().enumerate().skip(1) {
        let expected = 2.0 * (4.0 - distance as f64) / 3.0 * middles.len() as f64;
        assert!((found / expected - 1.0).abs() < 0.02, "distance {distance}: {found}, {expected}");
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Checks that the step divided by the rate is minus the slope of the loss, coordinate by
/// coordinate.
fn check_gradient(config: WindowsConfig) {
    let (places, rate) = (text(), 1e-3);
    let recipe = recipe(config);
    let model = model(&recipe);
    let mut batch = Batch::new(&recipe, WORDS, model.outs.len());
    batch.take(&recipe, (&places, 20..26), &mut Stream::new(4, &[]));
    batch.gather(best(), [&model.words, &model.outs]);
    batch.words.remember();
    batch.outs.remember();
    let tally = batch.train(&recipe, rate);
    let mut sides = [all_rows(&model.words, DIM), all_rows(&model.outs, DIM)];
    let terms = batch.terms(&recipe);
    // A term: a mix of words, a target, and its weights as a positive and as a negative.
    let loss = |[words, outs]: &[Vec<Vec<f64>>; 2]| -> f64 {
        let mut loss = 0.0;
        for (mix, target, left, right) in &terms {
            let mut row = vec![0.0; DIM];
            for (word, weight) in mix {
                let word = &words[*word as usize];
                row.iter_mut().zip(word).for_each(|(sum, x)| *sum += f64::from(*weight) * x);
            }
            let score = dot(&row, &outs[*target as usize]);
            loss += f64::from(*left) * softplus(-score) + f64::from(*right) * softplus(score);
        }
        loss
    };
    assert!(
        (tally.loss / loss(&sides) - 1.0).abs() < 1e-2,
        "{config:?}: {tally:?}, {}",
        loss(&sides)
    );
    batch.words.give_back(best(), &model.words, rate, 1, 0);
    batch.outs.give_back(best(), &model.outs, rate, 1, 0);
    let after = [all_rows(&model.words, DIM), all_rows(&model.outs, DIM)];
    for side in 0..2 {
        for id in 0..sides[side].len() {
            for i in [0, 7, DIM - 1] {
                let (x, h) = (sides[side][id][i], 1e-4);
                sides[side][id][i] = x + h;
                let above = loss(&sides);
                sides[side][id][i] = x - h;
                let slope = (above - loss(&sides)) / (2.0 * h);
                sides[side][id][i] = x;
                let step = (after[side][id][i] - x) / f64::from(rate);
                let near = (step + slope).abs() <= 0.03 * (0.3 + slope.abs());
                assert!(near, "{config:?}: side {side}, row {id}, {i}: {step}, slope {slope}");
            }
        }
    }
}

#[test]
fn steps_are_gradients_of_every_model_and_objective() {
    for mut config in all().filter(|it| it.model != COMPAT) {
        check_gradient(config);
        config.text.reach = Reach::Expected;
        check_gradient(config);
    }
}

/// As in word2vec.c each word of a mean learns what the gradient would give all of them together.
#[test]
fn without_the_correction_each_word_learns_the_whole_step() {
    let step = |model_kind| {
        let recipe = recipe(config(model_kind, Prediction::Tree));
        let model = model(&recipe);
        let before = all_rows(&model.words, 20);
        let mut batch = Batch::new(&recipe, WORDS, model.outs.len());
        // One window with two words around, whatever its reach.
        batch.take(&recipe, (&[1, 2, 3, END], 1..2), &mut Stream::new(4, &[]));
        batch.gather(best(), [&model.words, &model.outs]);
        batch.words.remember();
        batch.train(&recipe, 0.1);
        batch.words.give_back(best(), &model.words, 0.1, 1, 0);
        let after = all_rows(&model.words, 20);
        [1, 3].map(|word| after[word][5] - before[word][5])
    };
    let (gradient, whole) = (step(CBOW), step(COMPAT));
    for (gradient, whole) in gradient.into_iter().zip(whole) {
        assert!(gradient != 0.0 && (whole / gradient - 2.0).abs() < 1e-3, "{gradient} {whole}");
    }
}

/// A mix of words by weight, a target, its weight as a positive and as a negative.
type Term = (Vec<(u32, f32)>, u32, f32, f32);

impl Batch {
    /// The pairs of skip-gram with negative sampling: row, column, weight.
    fn pairs(&self) -> Vec<(u32, u32, f32)> {
        let mut pairs = Vec::new();
        for minibatch in self.groups() {
            let mut first = 0;
            for (&row, &end) in minibatch.row.iter().zip(minibatch.end) {
                for at in first..end as usize {
                    let (row, column) = (self.words.id(row), self.outs.id(minibatch.col[at]));
                    pairs.push((row, column, minibatch.weight[at]));
                }
                first = end as usize;
            }
        }
        pairs
    }

    /// The loss as a sum of terms.
    fn terms(&self, recipe: &Recipe) -> Vec<Term> {
        let mut terms = Vec::new();
        let is_cbow = recipe.config.model != SKIP_GRAM;
        let mixes: Vec<Vec<(u32, f32)>> = self.mixes(recipe);
        let mix = |minibatch: usize, row: u32| match is_cbow {
            true => mixes[minibatch * 8 + row as usize].clone(),
            false => vec![(self.words.id(row), 1.0)],
        };
        for (number, minibatch) in self.groups().enumerate() {
            let mut first = 0;
            let rows = minibatch.row.iter().zip(minibatch.end).zip(minibatch.negative_weight);
            for ((&row, &end), &weight) in rows {
                for at in first..end as usize {
                    let target = self.outs.id(minibatch.col[at]);
                    terms.push((mix(number, row), target, minibatch.weight[at], 0.0));
                }
                first = end as usize;
                for (&negative, &sign) in minibatch.negatives.iter().zip(minibatch.negative_sign) {
                    let [left, right] = if sign < 0.0 { [weight, 0.0] } else { [0.0, weight] };
                    terms.push((mix(number, row), self.outs.id(negative), left, right));
                }
            }
        }
        if let Targets::Tree(_) = recipe.targets {
            for (minibatch, row, cell) in self.steps() {
                terms.push((mix(minibatch, row), self.outs.id(cell.col), cell.left, cell.right));
            }
        }
        terms
    }
}
