//! Every level gives the bits of the scalar level, for random shapes, repeated ids and extreme values.

mod common;

use common::*;
use wordmill_kernels::*;

fn dims() -> impl Iterator<Item = usize> {
    (1..=40).chain([100, 112, 300, 304])
}

/// Runs `work` at the scalar level and at every other with the same seed, and lets `compare` see both results.
fn check<T>(seed: u64, work: impl Fn(&Kernels, &mut Random) -> T, compare: impl Fn(&T, &T, &str)) {
    let oracle = work(at(Level::Scalar).expect("scalar is always there"), &mut Random(seed));
    for level in available() {
        let result = work(at(level).expect("it is available"), &mut Random(seed));
        compare(&result, &oracle, &format!("{level}, seed {seed}"));
    }
}

#[test]
fn products() {
    for dim in (0..1).chain(dims()) {
        let work = |kernels: &Kernels, random: &mut Random| {
            // From an odd offset, since nothing promises alignment.
            let (a, b) = (random.floats(dim + 1, 2.0), random.floats(dim + 1, 2.0));
            let mut out = vec![kernels.dot(&a[1..], &b[1..])];
            let mut y = b.clone();
            kernels.axpy(random.float(), &a[1..], &mut y[1..]);
            out.extend(y);
            out
        };
        check(dim as u64, work, |a, b, what| assert_same(a, b, what));
    }
}

#[test]
fn scores_are_dots() {
    for dim in dims() {
        for (m, n) in [(0, 3), (1, 1), (2, 33), (3, 5), (4, 16), (5, 17), (9, 70)] {
            let work = |kernels: &Kernels, random: &mut Random| {
                let (queries, rows) = (random.floats(m * dim, 1.0), random.floats(n * dim, 1.0));
                let mut many = vec![0.0; m * n];
                kernels.scores_many(&queries, &rows, dim, &mut many);
                let mut one = vec![0.0; m * n];
                let mut dots = vec![0.0; m * n];
                for q in 0..m {
                    let query = &queries[q * dim..][..dim];
                    kernels.scores(query, &rows, dim, &mut one[q * n..][..n]);
                    for i in 0..n {
                        dots[q * n + i] = kernels.dot(query, &rows[i * dim..][..dim]);
                    }
                }
                assert_same(&many, &dots, &format!("scores_many at {}", kernels.level()));
                assert_same(&one, &dots, &format!("scores at {}", kernels.level()));
                dots
            };
            check((dim * 1000 + n) as u64, work, |a, b, what| assert_same(a, b, what));
        }
    }
}

/// An elementwise kernel and its scalar twin.
type Twin = (fn(&Kernels, &mut [f32]), fn(f32) -> f32);

#[test]
fn elementary_functions_and_their_twins() {
    let twins: [Twin; 5] = [
        (Kernels::exp, math::exp),
        (Kernels::ln, math::ln),
        (Kernels::sigmoid, math::sigmoid),
        (Kernels::softplus, math::softplus),
        (Kernels::rsqrt, math::rsqrt),
    ];
    // All bit patterns in coarse steps, so that NaN, infinities, subnormals and both zeros are among them, and a tail of 5 lanes.
    let inputs: Vec<f32> = (0..=u32::MAX).step_by(4001).map(f32::from_bits).collect();
    let special = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
    ];
    let mut random = Random(1);
    let mut inputs =
        [inputs, special.to_vec(), random.floats(100_000, 100.0), random.floats(100_000, 1.0)]
            .concat();
    inputs.truncate(inputs.len() / 16 * 16 - 11);
    for (kernel, twin) in twins {
        let expected: Vec<f32> = inputs.iter().map(|&x| twin(x)).collect();
        let work = |kernels: &Kernels, _: &mut Random| {
            let mut x = inputs.clone();
            kernel(kernels, &mut x);
            x
        };
        check(0, work, |result, _, what| {
            for ((x, a), b) in inputs.iter().zip(result).zip(&expected) {
                assert!(same(*a, *b), "{what}: f({x:?}) is {a:?} and {b:?}");
            }
        });
    }
}

#[test]
fn tails_stay_inside_the_slice() {
    for n in 0..40 {
        let work = |kernels: &Kernels, random: &mut Random| {
            let mut y = random.floats(n + 40, 1.0);
            let before = y.clone();
            kernels.sigmoid(&mut y[20..20 + n]);
            kernels.axpy(0.5, &before[1..n + 1], &mut y[20..20 + n]);
            let (query, rows) = (random.floats(3, 1.0), random.floats(n * 3, 1.0));
            kernels.scores(&query, &rows, 3, &mut y[20..20 + n]);
            assert_same(&y[..20], &before[..20], "before the slice");
            assert_same(&y[20 + n..], &before[20 + n..], "behind the slice");
            y
        };
        if n > 0 {
            check(n as u64, work, |a, b, what| assert_same(a, b, what));
        }
    }
}

fn compare_models(a: &(Model, Loss), b: &(Model, Loss), what: &str) {
    a.0.rows.assert_same(&b.0.rows, &format!("{what}: rows"));
    a.0.cols.assert_same(&b.0.cols, &format!("{what}: cols"));
    assert_eq!(
        a.1.loss.to_bits(),
        b.1.loss.to_bits(),
        "{what}: loss {} and {}",
        a.1.loss,
        b.1.loss
    );
    assert_eq!(a.1.weight, b.1.weight, "{what}: weight");
}

#[test]
fn sgns_groups() {
    for dim in dims() {
        for (pairs, negatives) in
            [(0, 0), (1, 0), (1, 1), (2, 16), (5, 3), (17, 5), (31, 13), (32, 16)]
        {
            // Few rows, so that ids repeat among pairs, negatives and both.
            for (rows, scale) in [(3, 1.0), (90, 0.3), (5, 30.0)] {
                let work = |kernels: &Kernels, random: &mut Random| {
                    let mut model = Model::random(random, rows, rows + 2, dim, scale);
                    let mut scratch = GroupScratch::new();
                    let mut loss = Loss::default();
                    for _ in 0..2 {
                        let pairs = Pairs::random(random, &model, pairs, negatives);
                        let (rows, cols) = (&mut model.rows.side(), &mut model.cols.side());
                        loss += kernels.sgns_group(rows, cols, &pairs.group(), 0.05, &mut scratch);
                    }
                    (model, loss)
                };
                check((dim * 100 + pairs) as u64, work, compare_models);
            }
        }
    }
}

#[test]
fn mixes_and_what_they_spread() {
    for dim in dims() {
        for len in [0, 1, 2, 10, 37] {
            let work = |kernels: &Kernels, random: &mut Random| {
                let mut model = Model::random(random, 5, 3, dim, 1.0);
                let (ids, weights) = (random.ids(len, 5), random.floats(len, 1.0));
                let mut mix = vec![0.0; padded(dim)];
                let (left, right) = ids.split_at(len / 2);
                let window = Window { left, right, weights: &weights, scale: random.float() };
                kernels.mix(&model.rows.side(), &window, &mut mix);
                let mut after = mix.clone();
                after[..dim].iter_mut().for_each(|x| *x += random.float());
                kernels.spread(
                    &mut model.rows.side(),
                    &window,
                    Change { before: &mix, after: &after },
                );
                ((model, Loss::default()), mix)
            };
            check((dim * 100 + len) as u64, work, |a, b, what| {
                compare_models(&a.0, &b.0, what);
                assert_same(&a.1, &b.1, what);
            });
        }
    }
}

#[test]
fn rows_that_are_copied_changed_and_merged() {
    for dim in dims() {
        let work = |kernels: &Kernels, random: &mut Random| {
            let mut model = Model::random(random, 9, 7, dim, 1.0);
            let (from, to) = (random.ids(12, 7), random.ids(12, 9));
            let side = &mut model.rows.side();
            let now = model.cols.vectors.clone();
            kernels.copy_rows(&now, &from, side, &to);
            let before = Matrix::random(random, 7, dim, 1.0).vectors;
            let share = random.floats(12, 1.0);
            kernels.add_changes(Change { before: &before, after: &now }, &from, side, &to, &share);
            let stride = padded(dim);
            let rows: Vec<&[f32]> = now.chunks(stride).take(3).collect();
            kernels.merge_row(&mut side.vectors[..stride], &rows, 0.3);
            (model, Loss::default())
        };
        check(dim as u64, work, compare_models);
    }
}

#[test]
fn binomial_runs_one_after_another() {
    for dim in dims() {
        for (scale, weight) in [(0.3, 2.0), (1.0, 1e4), (20.0, 50.0), (0.0, 1.0)] {
            // Few columns, so that they repeat inside a run, or more than a run holds.
            for cols in [5, 40] {
                let work = |kernels: &Kernels, random: &mut Random| {
                    let mut model = Model::random(random, 4, cols, dim, scale);
                    let cells = binomial_cells(random, &model, 90, weight);
                    let runs = binomial_runs(random, &model, cells.len());
                    let (rows, cols) = (&mut model.rows.side(), &mut model.cols.side());
                    let loss = kernels.binomial_runs(rows, cols, &runs, &cells, 0.025);
                    (model, loss)
                };
                check((dim * 100 + cols) as u64, work, compare_models);
            }
        }
    }
}

/// Runs of 1 to 40 cells of one row, columns repeat.
fn glove_runs(random: &mut Random, model: &Model) -> Vec<GloveCell> {
    let mut cells = Vec::new();
    for _ in 0..6 {
        let (count, row) = (1 + random.below(40), random.below(4) as u32);
        cells.extend(glove_cells(random, model, count).into_iter().map(|c| GloveCell { row, ..c }));
    }
    cells
}

#[test]
fn glove_cells_in_runs() {
    for dim in dims() {
        for scale in [0.0, 0.3, 1.0] {
            let work = |kernels: &Kernels, random: &mut Random| {
                let mut model = Model::random(random, 4, 5, dim, scale);
                let cells = glove_runs(random, &model);
                let (rows, cols) = (&mut model.rows.adagrad(), &mut model.cols.adagrad());
                let loss = kernels.glove_cells(rows, cols, &cells, 0.01);
                (model, loss)
            };
            check(dim as u64, work, compare_models);
        }
    }
}

#[test]
fn glove_cells_by_row_in_runs() {
    for dim in dims() {
        for scale in [0.0, 0.3, 1.0] {
            let work = |kernels: &Kernels, random: &mut Random| {
                let mut model = Model::random(random, 4, 5, dim, scale);
                let cells = glove_runs(random, &model);
                let mut squares = [Vec::new(), Vec::new()];
                let [left, right] = &mut squares;
                let rows = &mut model.rows.row_adagrad(left);
                let cols = &mut model.cols.row_adagrad(right);
                let loss = kernels.glove_cells_by_row(rows, cols, &cells, 0.01, dim);
                ((model, loss), squares)
            };
            check(dim as u64, work, |a, b, what| {
                compare_models(&a.0, &b.0, what);
                for (a, b) in a.1.iter().zip(&b.1) {
                    assert_same(a, b, &format!("{what}: squares"));
                }
            });
        }
    }
}

/// A group whose loss is that of negative sampling, computed outside.
fn open_group(
    kernels: &Kernels,
    model: &mut Model,
    pairs: &Pairs,
    scratch: &mut GroupScratch,
) -> Loss {
    let (rows, cols, rate) = (&mut model.rows.side(), &mut model.cols.side(), 0.05);
    let group = pairs.group();
    kernels.open_group(rows, cols, &group, scratch, &mut |positive, negative| {
        let mut softplus = vec![0.0; positive.len()];
        positive.iter_mut().for_each(|score| *score = -*score);
        kernels.logistic(positive, &mut softplus);
        let mut loss = Loss::default();
        for ((it, softplus), weight) in positive.iter_mut().zip(softplus).zip(group.weight) {
            *it *= rate * weight;
            loss += Loss { loss: f64::from(weight * softplus), weight: f64::from(*weight) };
        }
        for (row, weight) in negative.iter_mut().zip(group.negative_weight) {
            let mut softplus = [0.0; LANES];
            kernels.logistic(row, &mut softplus);
            for k in 0..LANES {
                let is_there = k < group.negatives.len();
                row[k] = if is_there { -(rate * weight) * row[k] } else { 0.0 };
                loss.loss += if is_there { f64::from(weight * softplus[k]) } else { 0.0 };
            }
        }
        loss
    })
}

#[test]
fn a_group_with_an_external_loss_equals_a_fused_group() {
    for dim in dims() {
        for (pairs, negatives) in [(0, 0), (1, 1), (5, 3), (31, 13), (32, 16)] {
            let work = |kernels: &Kernels, random: &mut Random| {
                let mut model = Model::random(random, 9, 11, dim, 0.5);
                let (mut fused, mut scratch) = (model.clone(), GroupScratch::new());
                let mut pairs = Pairs::random(random, &model, pairs, negatives);
                // Signs are for the loss, which here is outside.
                pairs.negative_sign.fill(1.0);
                let loss = open_group(kernels, &mut model, &pairs, &mut scratch);
                let (rows, cols) = (&mut fused.rows.side(), &mut fused.cols.side());
                let usual = kernels.sgns_group(rows, cols, &pairs.group(), 0.05, &mut scratch);
                model.rows.assert_same(&fused.rows, "rows of the fused group");
                model.cols.assert_same(&fused.cols, "columns of the fused group");
                assert!((loss.loss - usual.loss).abs() <= 1e-9 * usual.loss.abs().max(1.0));
                (model, loss)
            };
            check((dim * 100 + pairs) as u64, work, compare_models);
        }
    }
}

#[test]
fn cells_with_an_external_loss_equal_fused_cells() {
    for (dim, is_by_row) in dims().flat_map(|dim| [(dim, false), (dim, true)]) {
        let work = |kernels: &Kernels, random: &mut Random| {
            let model = Model::random(random, 4, 5, dim, 0.3);
            let cells = glove_runs(random, &model);
            let mut found = [model.clone(), model.clone()].map(|it| (it, Loss::default()));
            for (is_open, (model, loss)) in [false, true].into_iter().zip(&mut found) {
                let mut squares = [Vec::new(), Vec::new()];
                let [left, right] = &mut squares;
                let (mut rows, mut cols) = match is_by_row {
                    true => (model.rows.row_adagrad(left), model.cols.row_adagrad(right)),
                    false => (model.rows.adagrad(), model.cols.adagrad()),
                };
                let (rows, cols) = (&mut rows, &mut cols);
                // x says what log x and the weight of the usual loss are.
                let open: Vec<MatrixCell> = (0u16..)
                    .zip(&cells)
                    .map(|(i, cell)| MatrixCell { row: cell.row, col: cell.col, x: f32::from(i) })
                    .collect();
                let mut between = |run: &[MatrixCell], it: &mut RunScores| {
                    for (k, cell) in run.iter().enumerate() {
                        let usual = &cells[cell.x as usize];
                        let error = it.score[k] - usual.log_x;
                        it.slope[k] = usual.weight * error;
                        it.loss[k] = 0.5 * (it.slope[k] * error);
                    }
                    // Lanes past the run do not count.
                    it.slope[run.len()..].fill(f32::NAN);
                    it.loss[run.len()..].fill(f32::NAN);
                };
                *loss = match (is_open, is_by_row) {
                    (false, false) => kernels.glove_cells(rows, cols, &cells, 0.01),
                    (false, true) => kernels.glove_cells_by_row(rows, cols, &cells, 0.01, dim),
                    (true, false) => kernels.open_cells(rows, cols, &open, 0.01, &mut between),
                    (true, true) => kernels.open_cells_by_row(
                        rows,
                        cols,
                        &open,
                        RowRate { rate: 0.01, dim },
                        &mut between,
                    ),
                };
            }
            let [fused, open] = found;
            compare_models(&open, &fused, "the usual loss outside");
            open
        };
        check(dim as u64, work, compare_models);
    }
}

/// Every op; results of the first are read long after others took their turn.
fn all_ops() -> Vec<Op> {
    use Op::*;
    vec![
        Input(0),
        Input(1),
        Number(0.75),
        Neg(0),
        Abs(0),
        Exp(0),
        Ln(1),
        Sigmoid(0),
        Softplus(0),
        Sqrt(4),
        Add(0, 1),
        Sub(2, 1),
        Mul(0, 6),
        Div(0, 1),
        Min(0, 1),
        Max(12, 3),
        Less(0, 1, 5, 8),
        Softplus(3),
        Add(7, 17),
        Mul(18, 18),
    ]
}

#[test]
fn tapes() {
    let ops = all_ops();
    let outputs: Vec<u16> = (3..ops.len() as u16).chain([0]).collect();
    let tape = Tape::new(&ops, &outputs);
    for cells in [0, 1, 15, 16, 17, 127, 128, 129, 513] {
        let work = |kernels: &Kernels, random: &mut Random| {
            let mut a = random.floats(cells, 20.0);
            let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, 3e38];
            a.iter_mut().skip(3).step_by(5).zip(special).for_each(|(a, it)| *a = it);
            let b = random.floats(cells, 3.0);
            let mut columns = vec![vec![7.0; cells]; outputs.len()];
            let mut places: Vec<&mut [f32]> = columns.iter_mut().map(|it| &mut it[..]).collect();
            kernels.tape(&tape, &[&a, &b], &mut places, &mut TapeScratch::default());
            (a, b, columns)
        };
        check(cells as u64, work, |found, oracle, what| {
            for (found, oracle) in found.2.iter().zip(&oracle.2) {
                assert_same(found, oracle, what);
            }
            let (a, b, columns) = found;
            for i in 0..cells {
                let (a, b) = (a[i], b[i]);
                let root = if a == 0.0 { 0.0 } else { a.abs() * math::rsqrt(a.abs()) };
                let expected = [
                    (3, -a),
                    (4, a.abs()),
                    (5, math::exp(a)),
                    (6, math::ln(b)),
                    (7, math::sigmoid(a)),
                    (8, math::softplus(a)),
                    (10, a + b),
                    (11, 0.75 - b),
                    (13, a / b),
                    (17, math::softplus(-a)),
                    (ops.len(), a),
                ];
                for (op, expected) in expected {
                    assert!(same(columns[op - 3][i], expected), "{what}: op {op} of {a} and {b}");
                }
                if a.is_finite() {
                    assert!(same(columns[9 - 3][i], root), "{what}: the root of {a}");
                    let less = if a < b { math::exp(a) } else { math::softplus(a) };
                    assert!(same(columns[16 - 3][i], less), "{what}: less of {a} and {b}");
                }
            }
        });
    }
}

#[test]
fn levels_have_names() {
    for level in available() {
        assert_eq!(level.name().parse(), Ok(level));
        assert_eq!(at(level).unwrap().level(), level);
    }
    assert!("sse9".parse::<Level>().is_err());
    assert_eq!(Some(best().level()), available().last().copied());
}
