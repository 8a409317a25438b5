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
    for (id, row) in expected.iter().enumerate() {
        for (i, (a, b)) in matrix.row(id as u32).iter().zip(row).enumerate() {
            check_close(*a, *b, 1e-5, &format!("{what}: row {id}, element {i}"));
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

fn sgns_loss(model: &Model, pairs: &Pairs) -> f64 {
    let mut loss = 0.0;
    for b in 0..pairs.row.len() {
        let w = model.rows.row(pairs.row[b]);
        loss += f64::from(pairs.weight[b]) * softplus64(-dot64(&w, &model.cols.row(pairs.col[b])));
        for &k in &pairs.negatives {
            loss += f64::from(pairs.negative_weight[b]) * softplus64(dot64(&w, &model.cols.row(k)));
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
        for b in 0..b {
            let (i, j) = (pairs.row[b], pairs.col[b]);
            let (w, c) = (model.rows.row(i), model.cols.row(j));
            let p = rate * f64::from(pairs.weight[b]) * sigmoid64(-dot64(&w, &c));
            add(&mut rows[i as usize], p, &c);
            add(&mut cols[j as usize], p, &w);
            for &k in &pairs.negatives {
                let n = model.cols.row(k);
                let q = -rate * f64::from(pairs.negative_weight[b]) * sigmoid64(dot64(&w, &n));
                add(&mut rows[i as usize], q, &n);
                add(&mut cols[k as usize], q, &w);
            }
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
        let pairs = Pairs::random(random, &before, 9, 6);
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

#[test]
fn glove_cell_is_its_formula() {
    for seed in 0..50 {
        let random = &mut Random(seed);
        let dim = 1 + random.below(40);
        let mut model = Model::random(random, 1, 1, dim, 0.7);
        let before = model.clone();
        let cell = glove_cells(random, &model, 1)[0];
        let rate = 0.05f32;
        scalar().glove_cells(&mut model.rows.adagrad(), &mut model.cols.adagrad(), &[cell], rate);
        let (w, c) = (before.rows.row(0), before.cols.row(0));
        let bias = f64::from(before.rows.bias[0]) + f64::from(before.cols.bias[0]);
        let g = f64::from(cell.weight)
            * (dot64(&w, &c) + bias - f64::from(cell.log_x))
            * f64::from(rate);
        for (side, old, other) in [(&model.rows, &before.rows, &c), (&model.cols, &before.cols, &w)]
        {
            for (i, x) in other.iter().enumerate().take(dim) {
                let (step, square) = (g * x, f64::from(old.squares[i]));
                check_close(
                    f64::from(side.vectors[i]),
                    f64::from(old.vectors[i]) - step / square.sqrt(),
                    1e-5,
                    "vector",
                );
                check_close(f64::from(side.squares[i]), square + step * step, 1e-5, "square");
            }
            let square = f64::from(old.bias_square[0]);
            check_close(
                f64::from(side.bias[0]),
                f64::from(old.bias[0]) - g / square.sqrt(),
                1e-5,
                "bias",
            );
            check_close(f64::from(side.bias_square[0]), square + g * g, 1e-5, "squared bias");
        }
    }
}
