//! What benches that move bytes are compared with: how fast one core of this machine copies memory.
//!
//! A *yardstick* is that rate, taken once a program; [`Yardstick::measure`] runs a batch under
//! criterion and prints its best rate beside the yardstick. Arithmetic has a limit of its own, in
//! `kernels`.

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};

/// Larger than a share of the last-level cache, so that the copy goes through memory.
const COPY_BYTES: usize = 64 << 20;
const COPIES: usize = 8;

/// Bytes a second that one core copies.
#[derive(Clone, Copy, Debug)]
pub struct Yardstick(f64);

/// What a batch goes through.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Number of items.
    pub items: u64,
    /// Their name: `pairs`, `tokens`.
    pub unit: &'static str,
    /// Bytes that have to be moved for them at the least.
    pub bytes: u64,
}

impl Yardstick {
    /// Copies a block of memory a few times; the best time counts.
    pub fn take() -> Self {
        let from = vec![1_u8; COPY_BYTES];
        let mut to = vec![0_u8; COPY_BYTES];
        let mut fastest = f64::INFINITY;
        for _ in 0..COPIES {
            let start = Instant::now();
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        let rate = COPY_BYTES as f64 / fastest;
        println!("one core copies {:.1} GB/s", rate / 1e9);
        Self(rate)
    }

    /// Measures `run`, which returns the time that a batch took without what it had to prepare.
    pub fn measure(
        self,
        criterion: &mut Criterion,
        (group, case): (&str, &str),
        batch: Batch,
        mut run: impl FnMut() -> Duration,
    ) {
        let fastest = Cell::new(Duration::MAX);
        let mut criterion = criterion.benchmark_group(group);
        criterion
            .throughput(Throughput::Elements(batch.items))
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(3));
        criterion.bench_function(BenchmarkId::from_parameter(case), |bencher| {
            bencher.iter_custom(|rounds| {
                let once = |_| {
                    let time = run();
                    fastest.set(fastest.get().min(time));
                    time
                };
                (0..rounds).map(once).sum()
            });
        });
        criterion.finish();
        if fastest.get() < Duration::MAX {
            self.report((group, case), batch, fastest.get().as_secs_f64());
        }
    }

    fn report(self, (group, case): (&str, &str), batch: Batch, seconds: f64) {
        let items = match batch.items as f64 / seconds {
            rate if rate < 1e6 => format!("{:.1} k", rate / 1e3),
            rate => format!("{:.1} M", rate / 1e6),
        };
        let bytes = batch.bytes as f64 / seconds;
        println!(
            "{group}/{case}: {items} {}/s, {:.0} MB/s, {:.1} % of what one core copies",
            batch.unit,
            bytes / 1e6,
            bytes / self.0 * 100.0
        );
    }
}
