//! Tests that a loss through the trait, also one written as an expression, trains the same vectors as the kernel into
//! which it is fused.

use wordmill_formats::Vectors;

use crate::test_support::{Bench, run};
use crate::{CellLoss, Cells, Logistic, Outcome, Term};
use wordmill_flow::Context;
use wordmill_kernels::{BinomialCell, BinomialRun, LANES, Side};

/// All numbers of both matrices at the end of training, and its losses.
fn trained(name: &str) -> (Vec<f32>, Vec<f64>) {
    let bench = Bench::new();
    let (_, losses) = run(&bench, name, &Context::for_tests(2)).unwrap();
    let vectors = Vectors::open(bench.dir.storage(), &bench.dir.vectors(name)).unwrap();
    let contexts = vectors.context_vectors().unwrap();
    (vectors.word_vectors().iter().chain(contexts).copied().collect(), losses)
}

#[test]
fn a_loss_by_the_trait_trains_the_same_vectors_as_its_kernel() {
    let pairs = [
        ("sgns", "sgns-open"),
        ("sgns", "sgns-written"),
        ("glove", "glove-open"),
        ("glove", "glove-written"),
        ("glove-rows", "glove-rows-open"),
    ];
    for (fused, open) in pairs {
        let ((expected, losses), (found, their_losses)) = (trained(fused), trained(open));
        let size = expected.iter().fold(0.0f32, |most, it| most.max(it.abs()));
        assert!(size > 0.04, "{fused} is trained: {size}");
        for (expected, found) in expected.iter().zip(&found) {
            assert!((expected - found).abs() <= 1e-5 * size, "{open}: {found} for {expected}");
        }
        for (expected, found) in losses.iter().zip(&their_losses) {
            assert!((found / expected - 1.0).abs() < 1e-6, "{open}: {found} for {expected}");
        }
    }
}

#[test]
fn general_steps_along_the_gradient_end_where_the_fused_kernel_does() {
    // If a column occurs twice in a group, the fused kernel shows its second row the column as changed by the
    // first.
    let ((_, fused), (_, general)) = (trained("sgns"), trained("sgns-stepped"));
    for (fused, general) in fused.iter().zip(&general) {
        assert!((general / fused - 1.0).abs() < 0.01, "{general} for {fused}");
    }
}

#[test]
fn hierarchical_softmax_descends_the_logistic_loss() {
    let kernels = wordmill_kernels::best();
    let value = |seed: usize| ((seed * 37 % 101) as f32 / 50.0 - 1.0) * 0.4;
    let mut row: Vec<f32> = (0..LANES).map(value).collect();
    let mut columns: Vec<f32> = (LANES..LANES * 6).map(value).collect();
    let cells: Vec<BinomialCell> = (0..5)
        .map(|col| BinomialCell { col, left: col as f32 * 0.7, right: 3.0 - col as f32 * 0.5 })
        .collect();
    let scores: Vec<f32> = columns.chunks(LANES).map(|column| kernels.dot(&row, column)).collect();
    let (mut expected_loss, mut expected) = (0.0, vec![0.0; LANES]);
    let mut moves = Vec::new();
    for (cell, score) in cells.iter().zip(&scores) {
        let mut slope = 0.0;
        for (term, weight) in [(Term::Positive, cell.left), (Term::Negative, cell.right)] {
            let (mut loss, mut its_slope) = ([0.0], [0.0]);
            let ones = &[1.0][..];
            let of = Cells { score: &[*score], x: ones, i_count: ones, j_count: ones };
            let out = Outcome { loss: &mut loss, slope: &mut its_slope };
            Logistic { kernels }.eval(term, of, out);
            expected_loss += f64::from(weight * loss[0]);
            slope += weight * its_slope[0];
        }
        let column = &columns[cell.col as usize * LANES..][..LANES];
        expected.iter_mut().zip(column).for_each(|(sum, c)| *sum -= slope * c);
        moves.extend(row.iter().map(|w| -slope * w));
    }
    // So small that an implicit step equals an explicit one.
    let rate = 1e-3;
    let (row_before, columns_before) = (row.clone(), columns.clone());
    let run = BinomialRun { row: 0, first: 0, len: 5 };
    let mut rows = Side { vectors: &mut row, stride: LANES };
    let mut cols = Side { vectors: &mut columns, stride: LANES };
    let loss = kernels.binomial_runs(&mut rows, &mut cols, &[run], &cells, rate);
    assert!((loss.loss - expected_loss).abs() < 1e-5, "{} {expected_loss}", loss.loss);
    let moved = |after: &[f32], before: &[f32], expected: &[f32]| {
        for ((after, before), expected) in after.iter().zip(before).zip(expected) {
            let found = (after - before) / rate;
            assert!((found - expected).abs() < 3e-3, "{found} {expected}");
        }
    };
    moved(&columns, &columns_before, &moves);
    moved(&row, &row_before, &expected);
}
