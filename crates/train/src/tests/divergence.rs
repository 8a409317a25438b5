//! Tests of divergence: where it is noticed and reported, what is kept, and that going back gives the same
//! bytes whatever the threads, the memory and the interruptions.

use std::collections::BTreeMap;

use wordmill_flow::Context;
use wordmill_formats::{TensorReader, Vectors, xxh3};

use crate::engine::{Pass, PassCells};
use crate::test_support::wrapped::Wrapped;
use crate::test_support::{Bench, OBJECTIVES, memory_for, with_memory};
use crate::{
    Divergence, MatrixSide, Objective, Start, Stripe, TileStripes, TrainError, TrainInput, train,
};

/// The epoch, from 0, and the tile that diverge.
const EPOCH: u64 = 2;
const TILE: TileStripes = TileStripes { row: 1, column: 2 };

/// Trains with a vector of this side made NaN in one tile, as long as the rate is above a limit.
fn run(
    bench: &Bench,
    name: &str,
    (side, limit): (MatrixSide, f32),
    divergence: Divergence,
    ctx: &Context,
) -> Result<u64, TrainError> {
    let (inner, stripes, plan) = bench.objective(name);
    let around = |inner: &dyn Objective,
                  (pass, cells): (&Pass<'_>, &PassCells),
                  rows: &mut Stripe,
                  columns: &mut Stripe| {
        if pass.epoch() == EPOCH && pass.tile == TILE && pass.rate > limit {
            let stripe = if side == MatrixSide::Rows { &mut *rows } else { &mut *columns };
            stripe.vector_mut(3).fill(f32::NAN);
        }
        inner.pass(pass, cells, rows, columns)
    };
    let objective = Wrapped { inner, around };
    let plan = crate::Plan { divergence, ..plan };
    let settings = BTreeMap::new();
    let kernels = wordmill_kernels::best();
    let (words, start) = (&bench.table, &Start::default());
    let input = TrainInput { stripes: &stripes, words, settings: &settings, start, kernels };
    let (published, _) = train(ctx, &bench.dir, &plan, &objective, input)?;
    Vectors::open(bench.dir.storage(), &published.path).unwrap().verify().unwrap();
    let file = bench.dir.storage().open(&published.path).unwrap();
    let mut bytes = vec![0; file.len() as usize];
    file.read_exact_at(0, &mut bytes).unwrap();
    Ok(xxh3(&bytes))
}

#[test]
fn a_number_that_is_not_finite_stops_training_and_names_the_place() {
    for (name, side) in OBJECTIVES.into_iter().flat_map(|it| MatrixSide::ALL.map(|side| (it, side)))
    {
        for threads in [1, 3] {
            let bench = Bench::new();
            let ctx = Context::for_tests(threads);
            let error = run(&bench, name, (side, 0.0), Divergence::Stop, &ctx).unwrap_err();
            let text = error.to_string();
            for says in ["epoch 3", "tile (1, 2)", "vector of \"w0", "rate of 0.05", "halve-rate"] {
                assert!(text.contains(says), "{name} {side:?}: {says:?} is not in {text}");
            }
            assert!(matches!(error, TrainError::Diverged { .. }));
            // The checkpoint is good: without the NaN training resumes to the right bytes.
            let resumed = run(&bench, name, (side, 1.0), Divergence::Stop, &ctx).unwrap();
            let whole = run(&Bench::new(), name, (side, 1.0), Divergence::Stop, &ctx).unwrap();
            assert_eq!(resumed, whole, "{name} {side:?}");
        }
    }
}

#[test]
fn a_halved_rate_restarts_the_epoch_and_gives_the_same_bytes() {
    for name in OBJECTIVES {
        // The third of four epochs begins with half of the rate of 0.05.
        let poison = (MatrixSide::Rows, 0.01);
        let halve = Divergence::HalveRate;
        let one = run(&Bench::new(), name, poison, halve, &Context::for_tests(1)).unwrap();
        for threads in [2, 3, 8] {
            let ctx = Context::for_tests(threads);
            assert_eq!(run(&Bench::new(), name, poison, halve, &ctx).unwrap(), one, "{name}");
        }
        let healthy =
            run(&Bench::new(), name, (MatrixSide::Rows, 1.0), halve, &Context::for_tests(2));
        assert_ne!(healthy.unwrap(), one, "{name}: the rate was halved");
        let bench = Bench::new();
        for attempt in 0.. {
            let scarce = memory_for(&bench, name, 2, 12);
            let ctx = with_memory(2, if attempt % 2 == 0 { 1 << 30 } else { scarce });
            ctx.cancel.stop();
            match run(&bench, name, poison, halve, &ctx) {
                Ok(done) => {
                    assert_eq!(done, one, "{name}, interrupted {attempt} times");
                    break;
                }
                Err(TrainError::Stopped(_)) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        let path = bench.dir.vectors(name);
        let reader = TensorReader::open(bench.dir.storage(), &path).unwrap();
        let halvings = reader.index().metadata()["rate_halvings"].parse::<u32>().unwrap();
        assert!(halvings >= 2, "{name}: {halvings} halvings are reported");
    }
}

#[test]
fn a_rate_that_never_helps_ends_training_after_some_halvings() {
    let ctx = Context::for_tests(2);
    let poison = (MatrixSide::Columns, 0.0);
    let error = run(&Bench::new(), "sgns", poison, Divergence::HalveRate, &ctx).unwrap_err();
    assert!(error.to_string().contains("rate of 0.000048828125"), "{error}");
}
