//! Random data for the tests, and what they compare.
//!
//! Terms: `Random` is a splitmix64 stream; a `Model` is two padded matrices with whatever state the kernels keep beside them.

#![allow(dead_code)]

use wordmill_kernels::*;

/// A stream by its seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        let mut stream = random::SplitMix64(self.0);
        let bits = stream.bits();
        self.0 = stream.0;
        bits
    }

    /// Uniform in [-1, 1).
    pub fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn floats(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| self.float() * scale).collect()
    }

    /// In [0, scale).
    pub fn weights(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| self.float().abs() * scale).collect()
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn ids(&mut self, n: usize, rows: usize) -> Vec<u32> {
        (0..n).map(|_| self.below(rows) as u32).collect()
    }
}

/// The same bits, or NaN on both sides.
pub fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

pub fn assert_same(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(same(*a, *b), "{what}: element {i} is {a:?} and {b:?}");
    }
}

/// One side of a model: vectors, squares, biases and their squares.
#[derive(Clone)]
pub struct Matrix {
    pub dim: usize,
    pub vectors: Vec<f32>,
    pub squares: Vec<f32>,
    pub bias: Vec<f32>,
    pub bias_square: Vec<f32>,
}

impl Matrix {
    pub fn random(random: &mut Random, rows: usize, dim: usize, scale: f32) -> Self {
        let stride = padded(dim);
        let mut vectors = vec![0.0; rows * stride];
        let mut squares = vec![1.0; rows * stride];
        for row in 0..rows {
            vectors[row * stride..][..dim].copy_from_slice(&random.floats(dim, scale));
            for square in &mut squares[row * stride..][..dim] {
                *square += random.float().abs() * 3.0;
            }
        }
        let bias = random.floats(rows, scale);
        let bias_square = (0..rows).map(|_| 1.0 + random.float().abs()).collect();
        Self { dim, vectors, squares, bias, bias_square }
    }

    pub fn side(&mut self) -> Side<'_> {
        Side { vectors: &mut self.vectors, stride: padded(self.dim) }
    }

    pub fn adagrad(&mut self) -> AdagradSide<'_> {
        AdagradSide {
            vectors: &mut self.vectors,
            squares: &mut self.squares,
            bias: &mut self.bias,
            bias_square: &mut self.bias_square,
            stride: padded(self.dim),
        }
    }

    /// The same with an accumulator a row: the first square of each, in `squares`.
    pub fn row_adagrad<'a>(&'a mut self, squares: &'a mut Vec<f32>) -> AdagradSide<'a> {
        *squares = self.squares.iter().copied().step_by(padded(self.dim)).collect();
        AdagradSide { squares, ..self.adagrad() }
    }

    pub fn row(&self, id: u32) -> Vec<f64> {
        let stride = padded(self.dim);
        self.vectors[id as usize * stride..][..stride].iter().map(|&x| f64::from(x)).collect()
    }

    pub fn assert_same(&self, other: &Self, what: &str) {
        assert_same(&self.vectors, &other.vectors, &format!("{what}: vectors"));
        assert_same(&self.squares, &other.squares, &format!("{what}: squares"));
        assert_same(&self.bias, &other.bias, &format!("{what}: bias"));
        assert_same(&self.bias_square, &other.bias_square, &format!("{what}: squared bias"));
        for (i, x) in self.vectors.iter().enumerate() {
            assert!(
                i % padded(self.dim) < self.dim || *x == 0.0,
                "{what}: padding is no longer zero"
            );
        }
    }
}

#[derive(Clone)]
pub struct Model {
    pub rows: Matrix,
    pub cols: Matrix,
}

impl Model {
    pub fn random(random: &mut Random, rows: usize, cols: usize, dim: usize, scale: f32) -> Self {
        Self {
            rows: Matrix::random(random, rows, dim, scale),
            cols: Matrix::random(random, cols, dim, scale),
        }
    }
}

/// An owned `Group`.
#[derive(Clone, Debug)]
pub struct Pairs {
    pub row: Vec<u32>,
    pub end: Vec<u32>,
    pub col: Vec<u32>,
    pub weight: Vec<f32>,
    pub col_rate: Vec<f32>,
    pub negatives: Vec<u32>,
    pub negative_weight: Vec<f32>,
    pub negative_sign: Vec<f32>,
    pub negative_rate: Vec<f32>,
}

impl Pairs {
    /// Rows of none to many pairs; rates around 1.
    pub fn random(random: &mut Random, model: &Model, pairs: usize, negatives: usize) -> Self {
        let (rows, cols) = (model.rows.bias.len(), model.cols.bias.len());
        let mut end: Vec<u32> =
            (1..=pairs as u32).filter(|_| random.below(3) > 0).map(|end| end.max(1)).collect();
        if end.last() != Some(&(pairs as u32)) && pairs > 0 {
            end.push(pairs as u32);
        }
        if end.len() < pairs && random.below(2) == 0 {
            end.insert(0, 0);
        }
        // As noise, or as the nodes of a tree.
        let signs =
            |random: &mut Random| (0..negatives).map(|_| [1.0, -1.0][random.below(2)]).collect();
        let rates = |random: &mut Random, n| -> Vec<f32> {
            random.weights(n, 1.0).into_iter().map(|x| 0.5 + x).collect()
        };
        Self {
            row: random.ids(end.len(), rows),
            col: random.ids(pairs, cols),
            weight: random.weights(pairs, 2.0),
            col_rate: rates(random, pairs),
            negatives: random.ids(negatives, cols),
            negative_weight: random.weights(end.len(), 0.5),
            negative_sign: signs(random),
            negative_rate: rates(random, negatives),
            end,
        }
    }

    /// The same with every rate 1, so that a step is along the gradient.
    pub fn even(mut self) -> Self {
        self.col_rate.fill(1.0);
        self.negative_rate.fill(1.0);
        self
    }

    /// Each row with its pairs.
    pub fn runs(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let starts = std::iter::once(0).chain(self.end.iter().copied());
        let ranges = starts.zip(&self.end).map(|(start, &end)| start as usize..end as usize);
        ranges.enumerate()
    }

    pub fn group(&self) -> Group<'_> {
        Group {
            row: &self.row,
            end: &self.end,
            col: &self.col,
            weight: &self.weight,
            col_rate: &self.col_rate,
            negatives: &self.negatives,
            negative_weight: &self.negative_weight,
            negative_sign: &self.negative_sign,
            negative_rate: &self.negative_rate,
        }
    }
}

pub fn binomial_cells(
    random: &mut Random,
    model: &Model,
    n: usize,
    weight: f32,
) -> Vec<BinomialCell> {
    let cols = model.cols.bias.len();
    let mut cell = |_| BinomialCell {
        col: random.below(cols) as u32,
        left: random.float().abs() * weight,
        right: random.float().abs() * weight,
    };
    (0..n).map(&mut cell).collect()
}

/// Runs of every length, of random rows, over all of `cells` cells.
pub fn binomial_runs(random: &mut Random, model: &Model, cells: usize) -> Vec<BinomialRun> {
    let rows = model.rows.bias.len();
    let mut runs = Vec::new();
    let mut first = 0;
    while first < cells {
        let len = random.below(RUN_CELLS + 1).min(cells - first);
        runs.push(BinomialRun {
            row: random.below(rows) as u32,
            first: first as u32,
            len: len as u32,
        });
        first += len;
    }
    runs
}

pub fn glove_cells(random: &mut Random, model: &Model, n: usize) -> Vec<GloveCell> {
    let (rows, cols) = (model.rows.bias.len(), model.cols.bias.len());
    let mut cell = |_| GloveCell {
        row: random.below(rows) as u32,
        col: random.below(cols) as u32,
        log_x: random.float() * 3.0,
        weight: random.float().abs(),
    };
    (0..n).map(&mut cell).collect()
}

pub fn dot64(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub fn softplus64(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
