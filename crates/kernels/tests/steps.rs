//! Steps by every rule against their formulas in f64, and the same bits on every level.

mod common;

use common::*;
use wordmill_kernels::*;

/// A matrix with the state of a rule.
#[derive(Clone)]
struct State {
    vectors: Vec<f32>,
    squares: Vec<f32>,
    moments: Vec<f32>,
    steps: Vec<f32>,
    stride: usize,
}

impl State {
    fn new(matrix: &Matrix, rule: UpdateRule) -> Self {
        let (stride, rows) = (padded(matrix.dim), matrix.bias.len());
        let all = rows * stride;
        let (squares, moments, steps) = match rule {
            UpdateRule::Look | UpdateRule::Sgd => (vec![], vec![], vec![]),
            UpdateRule::Adagrad { .. } => (vec![1.0; all], vec![], vec![]),
            UpdateRule::RowAdagrad { .. } => (vec![1.0; rows], vec![], vec![]),
            UpdateRule::Adam { .. } => (vec![0.0; all], vec![0.0; all], vec![0.0; rows]),
        };
        Self { vectors: matrix.vectors.clone(), squares, moments, steps, stride }
    }

    fn side(&mut self) -> StepSide<'_> {
        StepSide {
            vectors: &mut self.vectors,
            squares: &mut self.squares,
            moments: &mut self.moments,
            steps: &mut self.steps,
            stride: self.stride,
        }
    }
}

/// The same in f64, step by step as it is written in the papers.
struct Exact {
    vectors: Vec<Vec<f64>>,
    squares: Vec<Vec<f64>>,
    moments: Vec<Vec<f64>>,
    steps: Vec<i32>,
}

impl Exact {
    fn new(state: &State, dim: usize) -> Self {
        let wide = |row: &[f32]| row[..dim].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let vectors: Vec<Vec<f64>> = state.vectors.chunks(state.stride).map(wide).collect();
        let first = state.squares.first().map_or(0.0, |&square| f64::from(square));
        let rows = vectors.len();
        Self {
            vectors,
            squares: vec![vec![first; dim]; rows],
            moments: vec![vec![0.0; dim]; rows],
            steps: vec![0; rows],
        }
    }

    fn step(
        &mut self,
        id: u32,
        mut d: Vec<f64>,
        (rate, visits): (f64, f64),
        plan: &StepPlan,
    ) -> f64 {
        let id = id as usize;
        let w = &mut self.vectors[id];
        d.iter_mut().zip(&*w).for_each(|(d, w)| *d -= f64::from(plan.l2) * visits * w);
        let square: f64 = d.iter().map(|d| d * d).sum();
        let scale = (f64::from(plan.clip) / square.sqrt()).min(1.0);
        d.iter_mut().for_each(|d| *d *= scale);
        let rate = f64::from(plan.rate) * rate;
        let squares = &mut self.squares[id];
        for k in 0..w.len() {
            match plan.rule {
                UpdateRule::Look => return square,
                UpdateRule::Sgd => w[k] += rate * d[k],
                UpdateRule::Adagrad { inside } => {
                    let g = f64::from(inside) * d[k];
                    squares[k] += g * g;
                    w[k] += rate * g / squares[k].sqrt();
                }
                UpdateRule::RowAdagrad { inside } => {
                    let inside = f64::from(inside);
                    if k == 0 {
                        let mean = d.iter().map(|d| d * d).sum::<f64>() / d.len() as f64;
                        squares[0] += inside * inside * mean;
                    }
                    w[k] += rate * inside * d[k] / squares[0].sqrt();
                }
                UpdateRule::Adam { beta1, beta2, epsilon } => {
                    self.steps[id] += i32::from(k == 0);
                    let [b1, b2, epsilon] = [beta1, beta2, epsilon].map(f64::from);
                    let m = &mut self.moments[id][k];
                    *m = b1 * *m + (1.0 - b1) * d[k];
                    squares[k] = b2 * squares[k] + (1.0 - b2) * d[k] * d[k];
                    let t = self.steps[id];
                    let (m, v) = (*m / (1.0 - b1.powi(t)), squares[k] / (1.0 - b2.powi(t)));
                    w[k] += rate * m / (v.sqrt() + epsilon);
                }
            }
        }
        let norm = w.iter().map(|w| w * w).sum::<f64>().sqrt();
        let scale = (f64::from(plan.max_norm) / norm).min(1.0);
        w.iter_mut().for_each(|w| *w *= scale);
        square
    }
}

/// Fixed coefficients, so that steps alone are compared.
fn coefficient(i: usize) -> f32 {
    ((i * 37 % 23) as f32 - 11.0) / 16.0
}

fn between(positive: &mut [f32], negative: &mut [[f32; LANES]], negatives: usize) -> Loss {
    (0..).zip(positive).for_each(|(i, p)| *p = coefficient(i));
    for (r, row) in negative.iter_mut().enumerate() {
        for (k, q) in row.iter_mut().enumerate() {
            *q = if k < negatives { coefficient(100 + r * 16 + k) * 0.3 } else { 0.0 };
        }
    }
    Loss { loss: 1.5, weight: 2.5 }
}

/// A group in f64: all directions from the values before, then columns, negatives, rows.
fn exact_group(rows: &mut Exact, cols: &mut Exact, pairs: &Pairs, plan: &StepPlan) -> f64 {
    let scaled = |p: f64, v: &[f64]| v.iter().map(|x| p * x).collect::<Vec<f64>>();
    let add = |to: &mut Vec<f64>, p: f64, v: &[f64]| {
        to.iter_mut().zip(v).for_each(|(to, x)| *to += p * x);
    };
    let dim = rows.vectors[0].len();
    let p = |b: usize| f64::from(coefficient(b));
    let q = |r: usize, k: usize| f64::from(coefficient(100 + r * 16 + k) * 0.3);
    let row = |r: usize| pairs.row[r] as usize;
    let mut of_rows = vec![vec![0.0; dim]; pairs.row.len()];
    let mut of_negatives = vec![vec![0.0; dim]; pairs.negatives.len()];
    let mut of_columns = Vec::new();
    for (r, range) in pairs.runs() {
        for b in range {
            add(&mut of_rows[r], p(b), &cols.vectors[pairs.col[b] as usize]);
            of_columns.push(scaled(p(b), &rows.vectors[row(r)]));
        }
        for (k, &id) in pairs.negatives.iter().enumerate() {
            add(&mut of_rows[r], q(r, k), &cols.vectors[id as usize]);
            add(&mut of_negatives[k], q(r, k), &rows.vectors[row(r)]);
        }
    }
    let wide = |x: f32| f64::from(x);
    let mut square = 0.0;
    for (b, d) in of_columns.into_iter().enumerate() {
        let share = (wide(pairs.col_rate[b]), wide(pairs.weight[b]));
        square += cols.step(pairs.col[b], d, share, plan);
    }
    for (k, d) in of_negatives.into_iter().enumerate() {
        square += cols.step(pairs.negatives[k], d, (wide(pairs.negative_rate[k]), 0.0), plan);
    }
    let runs: Vec<_> = pairs.runs().collect();
    for ((r, range), d) in runs.into_iter().zip(of_rows) {
        let visits = pairs.weight[range].iter().map(|&x| wide(x)).sum();
        square += rows.step(pairs.row[r], d, (1.0, visits), plan);
    }
    square
}

fn plans(dim: usize) -> Vec<StepPlan> {
    let off = f32::INFINITY;
    let adam = UpdateRule::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-3 };
    let rules = [
        UpdateRule::Look,
        UpdateRule::Sgd,
        UpdateRule::Adagrad { inside: 1.0 },
        UpdateRule::Adagrad { inside: 0.3 },
        UpdateRule::RowAdagrad { inside: 0.7 },
        adam,
    ];
    let plan = |rule, (l2, clip, max_norm)| StepPlan { rule, rate: 0.1, dim, l2, clip, max_norm };
    let penalties = [(0.0, off, off), (0.05, off, off), (0.0, 0.4, off), (0.02, 0.7, 0.9)];
    rules.into_iter().flat_map(|rule| penalties.map(|it| plan(rule, it))).collect()
}

/// Three groups in a row.
fn run(
    kernels: &Kernels,
    seed: u64,
    dim: usize,
    plan: &StepPlan,
) -> (State, State, f64, Vec<Pairs>) {
    let random = &mut Random(seed);
    let model = Model::random(random, 6, 9, dim, 0.5);
    let [mut rows, mut cols] = [&model.rows, &model.cols].map(|it| State::new(it, plan.rule));
    let (mut scratch, mut square, mut groups) = (StepScratch::default(), 0.0, Vec::new());
    for (pairs, negatives) in [(9, 5), (32, 16), (3, 0)] {
        let pairs = Pairs::random(random, &model, pairs, negatives);
        let loss = &mut |positive: &mut [f32], negative: &mut [[f32; LANES]]| {
            between(positive, negative, negatives)
        };
        let (rows, cols) = (&mut rows.side(), &mut cols.side());
        let found = kernels.step_group(rows, cols, &pairs.group(), plan, &mut scratch, loss);
        assert_eq!(found.loss, Loss { loss: 1.5, weight: 2.5 });
        square += found.square;
        groups.push(pairs);
    }
    (rows, cols, square, groups)
}

#[test]
fn every_rule_is_its_formula() {
    for dim in [1, 7, 16, 40, 100] {
        for plan in plans(dim) {
            let (rows, cols, square, groups) = run(best(), dim as u64, dim, &plan);
            let model = Model::random(&mut Random(dim as u64), 6, 9, dim, 0.5);
            let [mut exact_rows, mut exact_cols] =
                [&model.rows, &model.cols].map(|it| Exact::new(&State::new(it, plan.rule), dim));
            let mut expected = 0.0;
            for pairs in &groups {
                expected += exact_group(&mut exact_rows, &mut exact_cols, pairs, &plan);
            }
            assert!((square / expected - 1.0).abs() < 1e-4, "{plan:?}: {square} {expected}");
            for (state, exact) in [(&rows, &exact_rows), (&cols, &exact_cols)] {
                for (found, expected) in state.vectors.chunks(state.stride).zip(&exact.vectors) {
                    for (found, expected) in found.iter().zip(expected) {
                        let near = (f64::from(*found) - expected).abs() < 2e-4;
                        assert!(near, "dim {dim}, {plan:?}: {found} {expected}");
                    }
                    assert!(found[dim..].iter().all(|&it| it == 0.0), "padding stays zero");
                }
            }
            let moved = rows.vectors.iter().zip(&model.rows.vectors).any(|(a, b)| a != b);
            assert_eq!(moved, plan.rule != UpdateRule::Look, "{plan:?}");
        }
    }
}

#[test]
fn every_level_steps_to_the_same_bits() {
    for dim in [3, 16, 100, 130] {
        for plan in plans(dim) {
            let of = |level| run(at(level).unwrap(), 5, dim, &plan);
            let oracle = of(Level::Scalar);
            for level in available() {
                let found = of(level);
                for (a, b) in [(&found.0, &oracle.0), (&found.1, &oracle.1)] {
                    let what = format!("{level}, dim {dim}, {plan:?}");
                    assert_same(&a.vectors, &b.vectors, &what);
                    assert_same(&a.squares, &b.squares, &what);
                    assert_same(&a.moments, &b.moments, &what);
                    assert_same(&a.steps, &b.steps, &what);
                }
                assert_eq!(found.2.to_bits(), oracle.2.to_bits());
            }
        }
    }
}

#[test]
fn what_adam_divides_by_is_exact() {
    for beta in [0.0f32, 0.5, 0.9, 0.99, 0.999, 0.9999] {
        for steps in [1, 2, 3, 10, 99, 100, 101, 1000, 100_000] {
            let expected = -(f64::from(beta).ln() * f64::from(steps)).exp_m1();
            let found = f64::from(adam_rest(steps as f32, beta));
            assert!((found / expected - 1.0).abs() < 1e-5, "{beta} {steps}: {found} {expected}");
        }
    }
}

#[test]
#[should_panic(expected = "the state of a side is that of another rule")]
fn a_rule_wants_its_own_state() {
    let model = Model::random(&mut Random(1), 2, 2, 4, 1.0);
    let [mut rows, mut cols] = [&model.rows, &model.cols].map(|it| State::new(it, UpdateRule::Sgd));
    let (row, end) = (0, 1);
    let group = Group::of_row(&row, &end, &[1]);
    let rule = UpdateRule::Adagrad { inside: 1.0 };
    let plan = StepPlan { rule, rate: 0.1, dim: 4, l2: 0.0, clip: 1.0, max_norm: 1.0 };
    let (rows, cols) = (&mut rows.side(), &mut cols.side());
    let loss = &mut |_: &mut [f32], _: &mut [[f32; LANES]]| Loss::default();
    best().step_group(rows, cols, &group, &plan, &mut StepScratch::default(), loss);
}
