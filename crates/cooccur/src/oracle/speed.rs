//! Ratios of times that must not grow again.

use super::*;

/// Reading a segment built a table of codes if the unit is large: a hundred times the time of linear weights.
#[test]
fn reading_tiles_of_harmonic_weights_took_a_hundred_times_as_long() {
    let stripes = |weighting| {
        let mut random = Random(SplitMix64(7));
        let mut word = |n: u64| (random.below(n) * random.below(n) / n) as u32;
        let lines: Vec<Vec<u32>> = (0..300).map(|_| (0..40).map(|_| word(200)).collect()).collect();
        let mut counts = vec![0; 200];
        lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
        let (sides, dropped) = (Sides::Both, Dropped::Close);
        let case = Case {
            lines,
            counts,
            window: WindowConfig { window: 15, weighting, sides, dropped },
            thinning: None,
            chunk_tokens: 4000,
            batch_bytes: 1 << 20,
            threads: 1,
        };
        let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
        let input = case.write_shards(&dir, &mut Random(SplitMix64(2)));
        let index = case.matrix(&Context::for_tests(1), &dir, input);
        let config = ShuffleConfig {
            folder: "tiles".into(),
            grid: 32,
            seed: 1,
            fingerprint: "f".into(),
            slots: 0,
            checkpoint_every: std::time::Duration::MAX,
        };
        shuffle(&Context::for_tests(1), &dir, &config, &MatrixCells::new(&dir, &index)).unwrap()
    };
    let (linear, harmonic) = (stripes(Weighting::Linear), stripes(Weighting::Harmonic));
    let read = |stripes: &[StripeFile]| {
        let start = std::time::Instant::now();
        let mut cells = Vec::new();
        for stripe in stripes {
            for column in 0..32 {
                for section in [TileSection::Hot, TileSection::Cold] {
                    stripe.segment(column, section, Segment::WHOLE, &mut cells).unwrap();
                }
            }
        }
        (start.elapsed(), cells.len())
    };
    // Alternating, so that a temporarily busy machine affects both.
    let times: Vec<_> = (0..9).map(|_| (read(&linear), read(&harmonic))).collect();
    let fastest = |of: &dyn Fn(&(_, _)) -> (std::time::Duration, usize)| {
        times.iter().map(|both| of(both).0).min().unwrap()
    };
    assert!(times.iter().all(|(linear, harmonic)| linear.1 == harmonic.1 && linear.1 > 10_000));
    let ratio = fastest(&|both| both.1).as_secs_f64() / fastest(&|both| both.0).as_secs_f64();
    assert!(ratio < 2.0, "harmonic weights take {ratio:.1} times as long as linear ones");
}
