//! The scalar level against plain f64 formulas, and the steps against finite differences of the losses.

mod common;

use common::*;
use wordmill_kernels::*;

const SHAPES: [(usize, usize, usize); 6] =
    [(1, 1, 0), (7, 3, 2), (16, 5, 4), (40, 17, 9), (100, 32, 16), (304, 32, 16)];

fn scalar() -> &'static Kernels {
    at(Level::Scalar).expect("scalar is always there")
}

fn check_close(result: f64, exact: f64, tolerance: f64, what: &str) {
    assert!(
        (result - exact).abs() <= tolerance * (1.0 + exact.abs()),
        "{what}: {result} and {exact}"
    );
}

fn check_matrix(matrix: &Matrix, expected: &[Vec<f64>], what: &str) {
    check_matrix_within(matrix, expected, 1e-5, what);
}

fn check_matrix_within(matrix: &Matrix, expected: &[Vec<f64>], tolerance: f64, what: &str) {
    for (id, row) in expected.iter().enumerate() {
        for (i, (a, b)) in matrix.row(id as u32).iter().zip(row).enumerate() {
            check_close(*a, *b, tolerance, &format!("{what}: row {id}, element {i}"));
        }
    }
}

fn all_rows(matrix: &Matrix) -> Vec<Vec<f64>> {
    (0..matrix.bias.len() as u32).map(|id| matrix.row(id)).collect()
}

fn add(to: &mut [f64], g: f64, x: &[f64]) {
    for (to, x) in to.iter_mut().zip(x) {
        *to += g * x;
    }
}

#[test]
fn products() {
    for dim in [0, 1, 15, 16, 17, 300, 1000] {
        let mut random = Random(dim as u64);
        let (a, b) = (random.floats(dim, 1.0), random.floats(dim, 1.0));
        let exact: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        check_close(f64::from(scalar().dot(&a, &b)), exact, 1e-5, "dot");
    }
}

#[test]
fn mixes_are_weighted_sums() {
    for dim in [1, 16, 17, 100, 304] {
        let random = &mut Random(dim as u64);
        let mut model = Model::random(random, 6, 1, dim, 1.0);
        let (ids, weights) = (random.ids(9, 6), random.floats(9, 1.0));
        let mut rows = all_rows(&model.rows);
        let mut mix = vec![0.0; padded(dim)];
        let (left, right) = ids.split_at(4);
        let window = Window { left, right, weights: &weights, scale: 0.25 };
        scalar().mix(&model.rows.side(), &window, &mut mix);
        let sum = |i: usize| -> f64 {
            let term = |(&id, &w): (&u32, &f32)| 0.25 * f64::from(w) * rows[id as usize][i];
            ids.iter().zip(&weights).map(term).sum()
        };
        (0..dim).for_each(|i| check_close(f64::from(mix[i]), sum(i), 1e-5, "mix"));
        let after: Vec<f32> = mix.iter().map(|x| x + 0.5).collect();
        scalar().spread(&mut model.rows.side(), &window, Change { before: &mix, after: &after });
        for (&id, &weight) in ids.iter().zip(&weights) {
            rows[id as usize].iter_mut().for_each(|x| *x += 0.125 * f64::from(weight));
        }
        // The padding of a step is zero in training, here it is not.
        for (id, row) in rows.iter().enumerate() {
            for (found, exact) in model.rows.row(id as u32).iter().zip(row) {
                check_close(*found, *exact, 1e-5, "spread");
            }
        }
    }
}

#[test]
fn changes_are_added_and_merged() {
    let (now, before) = ([[3.0; 16], [5.0; 16]].concat(), [[1.0; 16], [1.5; 16]].concat());
    let mut vectors = vec![10.0; 48];
    let to = &mut Side { vectors: &mut vectors, stride: 16 };
    scalar().copy_rows(&now, &[1, 0], to, &[2, 1]);
    assert_eq!([to.vectors[0], to.vectors[16], to.vectors[32]], [10.0, 3.0, 5.0]);
    let change = Change { before: &before, after: &now };
    scalar().add_changes(change, &[1, 0, 1], to, &[0, 0, 2], &[1.0, 0.5, 0.0]);
    assert_eq!([to.vectors[0], to.vectors[16], to.vectors[32]], [14.5, 3.0, 5.0]);
    scalar().merge_row(&mut vectors[32..], &[&now[..16], &before[..16]], 0.5);
    assert_eq!(vectors[47], 5.0 + 0.5 * (-2.0 - 4.0));
}

fn sgns_loss(model: &Model, pairs: &Pairs) -> f64 {
    let mut loss = 0.0;
    for (r, run) in pairs.runs() {
        let w = model.rows.row(pairs.row[r]);
        for b in run {
            let score = dot64(&w, &model.cols.row(pairs.col[b]));
            loss += f64::from(pairs.weight[b]) * softplus64(-score);
        }
        for (&k, &sign) in pairs.negatives.iter().zip(&pairs.negative_sign) {
            let score = f64::from(sign) * dot64(&w, &model.cols.row(k));
            loss += f64::from(pairs.negative_weight[r]) * softplus64(score);
        }
    }
    loss
}

#[test]
fn sgns_group_is_its_formula() {
    for (dim, b, n) in SHAPES {
        let seed = dim as u64;
        let random = &mut Random(seed);
        let mut model = Model::random(random, 6, 7, dim, 0.5);
        let pairs = Pairs::random(random, &model, b, n);
        let (mut rows, mut cols) = (all_rows(&model.rows), all_rows(&model.cols));
        let rate = 0.1;
        // What rows and negatives do to each other is a sum of the values before.
        let mut row_steps = vec![vec![0.0; dim]; pairs.row.len()];
        let mut negative_steps = vec![vec![0.0; dim]; n];
        for (r, step) in row_steps.iter_mut().enumerate() {
            let w = model.rows.row(pairs.row[r]);
            for (k, &id) in pairs.negatives.iter().enumerate() {
                let n = model.cols.row(id);
                let sign = f64::from(pairs.negative_sign[k]);
                let slope = sign * sigmoid64(sign * dot64(&w, &n));
                let q = -rate * f64::from(pairs.negative_weight[r]) * slope;
                add(step, q, &n);
                add(&mut negative_steps[k], q, &w);
            }
        }
        for (r, run) in pairs.runs() {
            let id = pairs.row[r] as usize;
            let before = rows[id].clone();
            for b in run {
                let (w, c) = (model.rows.row(pairs.row[r]), model.cols.row(pairs.col[b]));
                let p = rate * f64::from(pairs.weight[b]) * sigmoid64(-dot64(&w, &c));
                let col = &mut cols[pairs.col[b] as usize];
                add(&mut row_steps[r], p, col);
                add(col, p * f64::from(pairs.col_rate[b]), &before);
            }
            add(&mut rows[id], 1.0, &row_steps[r]);
        }
        for (k, step) in negative_steps.iter().enumerate() {
            add(&mut cols[pairs.negatives[k] as usize], f64::from(pairs.negative_rate[k]), step);
        }
        let exact = sgns_loss(&model, &pairs);
        let (side_rows, side_cols) = (&mut model.rows.side(), &mut model.cols.side());
        let loss = scalar().sgns_group(
            side_rows,
            side_cols,
            &pairs.group(),
            rate as f32,
            &mut GroupScratch::new(),
        );
        check_close(loss.loss, exact, 1e-5, &format!("loss, seed {seed}"));
        check_close(loss.weight, pairs.weight.iter().map(|&x| f64::from(x)).sum(), 1e-9, "weight");
        check_matrix(&model.rows, &rows, &format!("rows, seed {seed}"));
        check_matrix(&model.cols, &cols, &format!("cols, seed {seed}"));
    }
}

/// For every coordinate: the step that `work` takes, divided by the rate, is minus the central difference of `loss`.
fn check_gradient(
    seed: u64,
    before: &Model,
    after: &Model,
    rate: f64,
    loss: impl Fn(&Model) -> f64,
) {
    let sides: [fn(&mut Model) -> &mut Vec<f32>; 2] =
        [|m| &mut m.rows.vectors, |m| &mut m.cols.vectors];
    for side in sides {
        let (old, new) = (side(&mut before.clone()).clone(), side(&mut after.clone()).clone());
        for i in 0..old.len() {
            let moved = |h: f32| {
                let mut model = before.clone();
                side(&mut model)[i] += h;
                (f64::from(side(&mut model)[i]), loss(&model))
            };
            let ((x1, l1), (x2, l2)) = (moved(1e-2), moved(-1e-2));
            let slope = (l1 - l2) / (x1 - x2);
            let step = (f64::from(new[i]) - f64::from(old[i])) / rate;
            assert!(
                (step + slope).abs() < 2e-3 * (1.0 + slope.abs()),
                "seed {seed}, {i}: step {step}, slope {slope}"
            );
        }
    }
}

#[test]
fn sgns_group_descends_its_gradient() {
    for seed in 0..4 {
        let random = &mut Random(seed);
        let before = Model::random(random, 4, 5, 6, 0.7);
        let pairs = Pairs::random(random, &before, 9, 6).even();
        let mut after = before.clone();
        let rate = 2f32.powi(-10);
        let (rows, cols) = (&mut after.rows.side(), &mut after.cols.side());
        scalar().sgns_group(rows, cols, &pairs.group(), rate, &mut GroupScratch::new());
        check_gradient(seed, &before, &after, f64::from(rate), |model| sgns_loss(model, &pairs));
    }
}

/// Of a cell of row 0.
fn binomial_loss(model: &Model, cell: &BinomialCell) -> f64 {
    let s = dot64(&model.rows.row(0), &model.cols.row(cell.col));
    f64::from(cell.left) * softplus64(-s) + f64::from(cell.right) * softplus64(s)
}

/// One run of all cells, of row 0.
fn one_run(model: &mut Model, cells: &[BinomialCell], rate: f32) -> Loss {
    let run = BinomialRun { row: 0, first: 0, len: cells.len() as u32 };
    let (rows, cols) = (&mut model.rows.side(), &mut model.cols.side());
    scalar().binomial_runs(rows, cols, &[run], cells, rate)
}

#[test]
fn binomial_run_descends_its_gradient() {
    for seed in 0..40 {
        let random = &mut Random(seed);
        let before = Model::random(random, 1, 7, 6, 0.7);
        let count = 1 + random.below(RUN_CELLS);
        let cells = binomial_cells(random, &before, count, 2.0);
        let mut after = before.clone();
        let rate = 2f32.powi(-12);
        let loss = one_run(&mut after, &cells, rate);
        let all = |model: &Model| cells.iter().map(|cell| binomial_loss(model, cell)).sum();
        let weight = cells.iter().map(|cell| f64::from(cell.left) + f64::from(cell.right)).sum();
        check_close(loss.loss, all(&before), 1e-6, "loss");
        check_close(loss.weight, weight, 1e-6, "weight");
        check_gradient(seed, &before, &after, f64::from(rate), all);
    }
}

#[test]
fn binomial_run_is_its_formula() {
    for (dim, count) in [(1, 1), (7, 3), (16, 16), (40, 9), (100, 16), (300, 5)] {
        let random = &mut Random(dim as u64);
        // Few columns, so that they repeat.
        let mut model = Model::random(random, 1, 6, dim, 0.5);
        let cells = binomial_cells(random, &model, count, 1.0);
        let (mut rows, mut cols) = (all_rows(&model.rows), all_rows(&model.cols));
        let (rate, w) = (0.05, model.rows.row(0));
        for cell in &cells {
            let (id, c) = (cell.col as usize, model.cols.row(cell.col));
            let (score, norms) = (dot64(&w, &c), dot64(&w, &w) + dot64(&c, &c));
            let (left, right) = (f64::from(cell.left), f64::from(cell.right));
            let z = implicit64(score, rate * norms, left, right);
            let g = rate * (left - (left + right) * sigmoid64(z));
            add(&mut rows[0], g, &cols[id]);
            add(&mut cols[id], g, &w);
        }
        let exact = cells.iter().map(|cell| binomial_loss(&model, cell)).sum();
        let loss = one_run(&mut model, &cells, rate as f32);
        check_close(loss.loss, exact, 1e-5, &format!("loss, dim {dim}"));
        check_matrix(&model.rows, &rows, &format!("rows, dim {dim}"));
        check_matrix(&model.cols, &cols, &format!("cols, dim {dim}"));
    }
}

/// The root of the implicit equation by bisection.
fn implicit64(score: f64, kappa: f64, left: f64, right: f64) -> f64 {
    let (mut low, mut high) = (score - kappa * right, score + kappa * left);
    for _ in 0..200 {
        let z = 0.5 * (low + high);
        if z - score < kappa * (left - (left + right) * sigmoid64(z)) { low = z } else { high = z }
    }
    low
}

#[test]
fn implicit_step_solves_its_equation_and_never_overshoots() {
    for seed in 0..3000 {
        let random = &mut Random(seed);
        let scale = [0.0, 0.1, 0.5, 3.0][random.below(4)];
        let weight = [0.1, 1.0, 10.0, 1e3, 1e6][random.below(5)];
        let mut model = Model::random(random, 1, 1, 8, scale);
        let cell = binomial_cells(random, &model, 1, weight)[0];
        let (w, c) = (model.rows.row(0), model.cols.row(0));
        let (left, right, rate) = (f64::from(cell.left), f64::from(cell.right), 0.025);
        let (score, norms) = (dot64(&w, &c), dot64(&w, &w) + dot64(&c, &c));
        let gradient = left - (left + right) * sigmoid64(score);
        one_run(&mut model, &[cell], rate as f32);
        if norms < 1e-3 {
            continue;
        }
        // w' − w = g·c, so g by projection.
        let moved: Vec<f64> =
            model.rows.row(0).iter().zip(&w).map(|(new, old)| new - old).collect();
        let g = dot64(&moved, &c) / dot64(&c, &c);
        let exact = (implicit64(score, rate * norms, left, right) - score) / norms;
        // left − (left+right)·σ cancels, so its rounding is that of the weights.
        let noise = 1e-5 * (1.0 + g.abs()) + rate * (left + right) * 2e-7;
        assert!(
            g * gradient >= -noise * gradient.abs(),
            "seed {seed}: {g} against the gradient {gradient}"
        );
        assert!(
            g.abs() <= (rate * gradient).abs() + noise,
            "seed {seed}: {g} is more than the explicit step"
        );
        let stiffness = rate * norms * (left + right);
        if stiffness < 4.0 {
            assert!(
                (g - exact).abs() <= 2e-3 * exact.abs() + noise,
                "seed {seed}: {g} and {exact}, stiffness {stiffness}"
            );
        } else {
            assert!(
                g.abs() <= exact.abs() * 1.001 + noise,
                "seed {seed}: {g} is past {exact}, stiffness {stiffness}"
            );
        }
    }
}

#[test]
fn binomial_cell_at_zero_vectors_loses_ln_2_and_stays() {
    let mut model = Model::random(&mut Random(0), 1, 1, 8, 0.0);
    let cell = BinomialCell { col: 0, left: 3.0, right: 1.0 };
    let loss = one_run(&mut model, &[cell], 0.1);
    check_close(loss.loss, 4.0 * 2f64.ln(), 1e-6, "loss");
    assert_eq!(model.rows.vectors, [0.0; 16]);
}

fn glove_loss(model: &Model, cell: &GloveCell) -> f64 {
    let score = dot64(&model.rows.row(cell.row), &model.cols.row(cell.col));
    let bias = f64::from(model.rows.bias[cell.row as usize])
        + f64::from(model.cols.bias[cell.col as usize]);
    0.5 * f64::from(cell.weight) * (score + bias - f64::from(cell.log_x)).powi(2)
}

#[test]
fn glove_cell_descends_its_gradient() {
    for seed in 0..20 {
        let random = &mut Random(seed);
        let mut before = Model::random(random, 1, 1, 6, 0.7);
        // Squares of 1 make the first AdaGrad step the plain gradient step.
        for matrix in [&mut before.rows, &mut before.cols] {
            matrix.squares.fill(1.0);
            matrix.bias_square.fill(1.0);
        }
        let cell = glove_cells(random, &before, 1)[0];
        let mut after = before.clone();
        let rate = 2f32.powi(-12);
        let loss = scalar().glove_cells(
            &mut after.rows.adagrad(),
            &mut after.cols.adagrad(),
            &[cell],
            rate,
        );
        check_close(loss.loss, glove_loss(&before, &cell), 1e-5, "loss");
        check_gradient(seed, &before, &after, f64::from(rate), |model| glove_loss(model, &cell));
    }
}

/// A model after one run of cells of row 0, in f64, from the formulas; `by_row` with one accumulator a row.
struct GloveOracle {
    vectors: [Vec<Vec<f64>>; 2],
    squares: [Vec<Vec<f64>>; 2],
    bias: [Vec<f64>; 2],
    bias_square: [Vec<f64>; 2],
    loss: f64,
}

impl GloveOracle {
    fn new(model: &Model) -> Self {
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let chunks = |m: &Matrix, x: &[f32]| x.chunks(padded(m.dim)).map(wide).collect();
        let both = [&model.rows, &model.cols];
        Self {
            vectors: both.map(|m| chunks(m, &m.vectors)),
            squares: both.map(|m| chunks(m, &m.squares)),
            bias: both.map(|m| wide(&m.bias)),
            bias_square: both.map(|m| wide(&m.bias_square)),
            loss: 0.0,
        }
    }

    /// One AdaGrad step of a vector along `steps`, whose squares are `squares`; a part of them counts
    /// already.
    fn step(
        &mut self,
        (side, id): (usize, usize),
        (steps, squares): (&[f64], &[f64]),
        late: f64,
        by_row: Option<f64>,
    ) {
        let (vector, held) = (&mut self.vectors[side][id], &mut self.squares[side][id]);
        for i in 0..steps.len() {
            let square = match by_row {
                Some(dim) => held[0] + late * squares.iter().sum::<f64>() / dim,
                None => held[i] + late * squares[i],
            };
            vector[i] -= steps[i] / square.sqrt();
        }
        match by_row {
            Some(dim) => held[0] += squares.iter().sum::<f64>() / dim,
            None => add(held, 1.0, squares),
        }
    }

    fn step_bias(&mut self, (side, id): (usize, usize), step: f64, square: f64, late: f64) {
        self.bias[side][id] -= step / (self.bias_square[side][id] + late * square).sqrt();
        self.bias_square[side][id] += square;
    }

    fn run(&mut self, before: &Model, cells: &[GloveCell], rate: f64, by_row: Option<f64>) {
        let w = before.rows.row(0);
        let (mut steps, mut squares) = (vec![0.0; w.len()], vec![0.0; w.len()]);
        let (mut bias, mut bias_square) = (0.0, 0.0);
        for cell in cells {
            let (id, c) = (cell.col as usize, before.cols.row(cell.col));
            let biases = f64::from(before.rows.bias[0]) + f64::from(before.cols.bias[id]);
            let diff = dot64(&w, &c) + biases - f64::from(cell.log_x);
            let g = f64::from(cell.weight) * diff * rate;
            self.loss += 0.5 * f64::from(cell.weight) * diff * diff;
            let (step, square): (Vec<f64>, Vec<f64>) =
                w.iter().map(|w| (g * w, g * g * w * w)).unzip();
            self.step((1, id), (&step, &square), 0.0, by_row);
            self.step_bias((1, id), g, g * g, 0.0);
            add(&mut steps, g, &c);
            add(&mut squares, g * g, &c.iter().map(|c| c * c).collect::<Vec<_>>());
            (bias, bias_square) = (bias + g, bias_square + g * g);
        }
        let late = (cells.len() - 1) as f64 / cells.len() as f64;
        self.step((0, 0), (&steps, &squares), late, by_row);
        self.step_bias((0, 0), bias, bias_square, late);
    }

    fn check(&self, model: &Model, row_squares: Option<&[Vec<f32>; 2]>, seed: u64) {
        for (side, matrix) in [&model.rows, &model.cols].into_iter().enumerate() {
            let what = format!("seed {seed}, side {side}");
            check_matrix_within(matrix, &self.vectors[side], 2e-4, &what);
            let stride = padded(matrix.dim);
            for id in 0..matrix.bias.len() {
                let near = |a: f32, b: f64, what: &str| check_close(f64::from(a), b, 1e-5, what);
                near(matrix.bias[id], self.bias[side][id], &format!("{what}: bias"));
                near(matrix.bias_square[id], self.bias_square[side][id], &what);
                match row_squares {
                    Some(squares) => near(squares[side][id], self.squares[side][id][0], &what),
                    None => (0..matrix.dim).for_each(|i| {
                        near(matrix.squares[id * stride + i], self.squares[side][id][i], &what);
                    }),
                }
            }
        }
    }
}

/// One run of distinct columns.
fn glove_run(random: &mut Random, model: &Model) -> Vec<GloveCell> {
    let count = 1 + random.below(16);
    let cells = glove_cells(random, model, count).into_iter().enumerate();
    cells.map(|(col, cell)| GloveCell { col: col as u32, ..cell }).collect()
}

#[test]
fn glove_run_is_its_formula() {
    for seed in 0..50 {
        let random = &mut Random(seed);
        let dim = 1 + random.below(100);
        let mut model = Model::random(random, 1, 16, dim, 0.7);
        let cells = glove_run(random, &model);
        let mut oracle = GloveOracle::new(&model);
        oracle.run(&model, &cells, f64::from(0.05f32), None);
        let (rows, cols) = (&mut model.rows.adagrad(), &mut model.cols.adagrad());
        let loss = scalar().glove_cells(rows, cols, &cells, 0.05);
        check_close(loss.loss, oracle.loss, 1e-5, "loss");
        assert_eq!(loss.weight, cells.len() as f64);
        oracle.check(&model, None, seed);
    }
}

#[test]
fn glove_run_by_row_is_its_formula() {
    for seed in 0..50 {
        let random = &mut Random(seed);
        let dim = 1 + random.below(100);
        let mut model = Model::random(random, 1, 16, dim, 0.7);
        let cells = glove_run(random, &model);
        let mut oracle = GloveOracle::new(&model);
        oracle.run(&model, &cells, f64::from(0.05f32), Some(dim as f64));
        let mut squares = [Vec::new(), Vec::new()];
        let [left, right] = &mut squares;
        let rows = &mut model.rows.row_adagrad(left);
        let cols = &mut model.cols.row_adagrad(right);
        let loss = scalar().glove_cells_by_row(rows, cols, &cells, 0.05, dim);
        check_close(loss.loss, oracle.loss, 1e-5, "loss");
        oracle.check(&model, Some(&squares), seed);
    }
}
