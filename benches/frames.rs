//! Writing and reading framed files: `cargo bench --bench frames`.
//!
//! It is for the room `formats`: compression and checksums of what token shards and spill runs
//! consist of, in memory. `ids` are word numbers drawn from Zipf's law, which compress as tokens do;
//! `noise` does not compress and shows what checksums and copies cost alone. Rates are of raw bytes.

mod limit;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use wordmill_formats::{FormatError, FrameFile, FrameWriter, Kind, MemoryStorage, Storage};

use limit::{Batch, Yardstick};

const FRAMES: usize = 64;
const FRAME_BYTES: usize = 256 << 10;
const PATH: &str = "bench.run";

/// Frames of two-byte ids, each made from a number in 0..1 by `id`.
fn frames(id: impl Fn(f64) -> f64) -> Vec<Vec<u8>> {
    let mut random = 1_u64;
    let mut draw = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
        (id(share) as u16).to_le_bytes()
    };
    (0..FRAMES).map(|_| (0..FRAME_BYTES / 2).flat_map(|_| draw()).collect()).collect()
}

fn write(storage: &Arc<dyn Storage>, frames: &[Vec<u8>]) -> Result<u64, FormatError> {
    let mut writer = FrameWriter::create(storage, Path::new(PATH), Kind::RUN)?;
    for frame in frames {
        writer.frame(0, 0, frame)?;
    }
    Ok(writer.finish()?.bytes)
}

fn read(storage: &Arc<dyn Storage>) -> Result<(), FormatError> {
    FrameFile::open(storage, Path::new(PATH), Kind::RUN)?.verify()
}

fn timed<T>(work: impl FnOnce() -> Result<T, FormatError>) -> Duration {
    let start = Instant::now();
    work().expect("memory does not fail");
    start.elapsed()
}

fn main() -> Result<(), FormatError> {
    let yardstick = Yardstick::take();
    let mut criterion = Criterion::default().configure_from_args();
    let bytes = (FRAMES * FRAME_BYTES) as u64;
    let batch = Batch { items: FRAMES as u64, unit: "frames", bytes };
    let zipf = frames(|share| 65536_f64.powf(share) - 1.0);
    let noise = frames(|share| share * 65536.0);
    for (case, frames) in [("ids", zipf), ("noise", noise)] {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let stored = write(&storage, &frames)?;
        println!("{case}: {:.2} of the raw bytes are stored", stored as f64 / bytes as f64);
        yardstick.measure(&mut criterion, ("frames-write", case), batch, || {
            // A new storage, so that what is measured does not grow.
            let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
            timed(|| write(&storage, &frames))
        });
        yardstick
            .measure(&mut criterion, ("frames-read", case), batch, || timed(|| read(&storage)));
    }
    criterion.final_summary();
    Ok(())
}
