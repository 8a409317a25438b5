//! Tests of learning curves: held-out cells are never trained on, looking changes nothing, patience keeps the best
//! epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use wordmill_flow::Context;
use wordmill_formats::{TileCell, Vectors};

use super::{CurvePlan, OnEpoch};
use crate::engine::{Pass, PassCells};
use crate::test_support::Bench;
use crate::test_support::wrapped::Wrapped;
use crate::{EpochRow, Objective, Plan, Schedule, Start, Stripe, TrainInput, train};

/// Ids of a cell.
type Ids = (u32, u32);

/// Trains on one thread with a plan. Returns the vectors, the rows, and the cells of passes that train and of those
/// that look. The losses of the first look, the second, and so on are given; after the last one the trainer's own are
/// used.
fn run(
    name: &str,
    losses: &[f64],
    change: impl Fn(Plan) -> Plan,
) -> (Vec<f32>, Vec<EpochRow>, [BTreeSet<Ids>; 2]) {
    let bench = Bench::new();
    let (inner, stripes, plan) = bench.objective(name);
    let seen: Mutex<[BTreeSet<Ids>; 2]> = Mutex::default();
    let looks = AtomicU32::new(0);
    let around = |inner: &dyn Objective,
                  (pass, cells): (&Pass<'_>, &PassCells),
                  rows: &mut Stripe,
                  columns: &mut Stripe| {
        let ids =
            |cell: &TileCell| (cell.row * 4 + pass.tile.row, cell.column * 4 + pass.tile.column);
        seen.lock().unwrap()[usize::from(pass.look)]
            .extend(cells.hot.iter().chain(&cells.cold).map(ids));
        let before = (rows.vectors().to_vec(), columns.vectors().to_vec());
        let mut tally = inner.pass(pass, cells, rows, columns)?;
        if pass.look {
            let after = (rows.vectors().to_vec(), columns.vectors().to_vec());
            assert!(before == after, "a look moves nothing");
            let look = looks.fetch_add(1, Ordering::Relaxed) / 16;
            if let Some(loss) = losses.get(look as usize) {
                (tally.loss, tally.weight) = (*loss, 1.0);
            }
        }
        Ok(tally)
    };
    let objective = Wrapped { inner, around };
    let settings = BTreeMap::new();
    let kernels = wordmill_kernels::best();
    let (words, start) = (&bench.table, &Start::default());
    let input = TrainInput { stripes: &stripes, words, settings: &settings, start, kernels };
    let ctx = Context::for_tests(1);
    let (published, rows) = train(&ctx, &bench.dir, &change(plan), &objective, input).unwrap();
    let vectors = Vectors::open(bench.dir.storage(), &published.path).unwrap();
    (vectors.word_vectors().to_vec(), rows, seen.into_inner().unwrap())
}

#[test]
fn held_out_cells_are_never_trained_on() {
    for name in ["sgns", "glove", "hs"] {
        let (_, rows, [all, sample]) = run(name, &[], |plan| plan);
        assert!(sample.is_subset(&all), "nothing is held out unless requested");
        for row in &rows {
            assert!(
                row.held_out_loss.is_none() && row.gradient_norm.unwrap() > 0.0,
                "{name}: {row:?}"
            );
        }
        let curve = CurvePlan { held_out: 0.2, ..CurvePlan::default() };
        let (_, rows, [trained, looked]) = run(name, &[], |plan| Plan { curve, ..plan });
        assert!(trained.is_disjoint(&looked), "{name}");
        let both: BTreeSet<Ids> = trained.union(&looked).copied().collect();
        assert_eq!(both, all, "{name}: every cell is one or the other");
        let share = looked.len() as f64 / all.len() as f64;
        assert!((share - 0.2).abs() < 0.05, "{name}: {share}");
        if name != "hs" {
            let mirrored = looked.iter().all(|&(row, column)| looked.contains(&(column, row)));
            assert!(mirrored, "{name}: one half of a matrix gives away the other");
        }
        for row in &rows {
            let (loss, norm) = (row.held_out_loss.unwrap(), row.gradient_norm.unwrap());
            assert!(loss > 0.0 && norm > 0.0, "{name}: {row:?}");
        }
        let held_out: Vec<f64> = rows.iter().filter_map(|row| row.held_out_loss).collect();
        assert!(
            held_out.last() < held_out.first(),
            "{name} learns what it does not see: {held_out:?}"
        );
    }
}

#[test]
fn rows_have_the_rate_and_are_passed_to_the_callback() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (_, rows, _) = run("sgns", &[], |plan| {
        let told = Arc::clone(&told);
        let call = move |row: &EpochRow| told.lock().unwrap().push(row.clone());
        Plan { on_epoch: Some(OnEpoch(Arc::new(call))), ..plan }
    });
    assert_eq!(*told.lock().unwrap(), rows);
    let rates: Vec<f64> = rows.iter().filter_map(|row| row.rate).collect();
    let expected = |epoch: usize| 0.05 * (1e-4 + (1.0 - 1e-4) * (1.0 - epoch as f64 / 4.0));
    for (epoch, rate) in (1..).zip(&rates) {
        assert!((rate - expected(epoch)).abs() < 1e-6, "{rates:?}");
    }
}

#[test]
fn patience_keeps_the_best_epoch() {
    let curve = CurvePlan { held_out: 0.1, log_every: 0, patience: 2 };
    let with = |epochs, patience| {
        move |plan| {
            let curve = CurvePlan { patience, ..curve };
            Plan { curve, epochs, schedule: Schedule::Constant, ..plan }
        }
    };
    let losses = [3.0, 1.0, 2.0, 1.5, 0.5, 0.1];
    for name in ["sgns", "glove-adam"] {
        let (best, rows, _) = run(name, &losses, with(6, 2));
        assert_eq!(rows.len(), 4, "{name}: two epochs after the second are no better");
        let (two, ..) = run(name, &losses, with(2, 0));
        assert_eq!(best, two, "{name}: the vectors are those of the second epoch");
        let (four, ..) = run(name, &losses, with(4, 0));
        assert_ne!(best, four, "{name}");
        let (patient, rows, _) = run(name, &losses, with(6, 3));
        assert_eq!(rows.len(), 6, "{name}: the fifth epoch is better in time");
        assert_eq!(patient, run(name, &losses, with(6, 0)).0, "{name}");
    }
}
