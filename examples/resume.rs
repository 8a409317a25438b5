//! Stops a run, and resumes it: what is finished is kept.
//!
//! cargo run --release --example resume -- [RUN_DIR]

use std::sync::atomic::{AtomicU64, Ordering};

use wordmill::{Cancel, Error, ErrorKind, Event, Pipeline, SkipGram};

fn main() -> Result<(), Error> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "run".into());
    let pipeline = Pipeline::builder()
        .inputs(["builtin:sample:1MB"])
        .trainer(SkipGram::named("sg").dim(20).epochs(3))
        .dir(dir)
        .build()?;
    let cancel = Cancel::new(None);
    let (switch, reports) = (cancel.clone(), AtomicU64::new(0));
    let stopped = pipeline
        .clone()
        .cancelled_by(&cancel)
        .on_event(move |event| {
            if let Event::Ended(work) = event {
                println!("{}: {} {}", work.stage, work.done, work.unit);
                // Somebody has seen enough.
                if reports.fetch_add(1, Ordering::Relaxed) == 2 {
                    switch.stop();
                }
            }
        })
        .run();
    match stopped {
        Err(error) if error.kind() == ErrorKind::Stopped => println!("stopped: {error}"),
        Err(error) => return Err(error),
        Ok(_) => println!("it was faster than that"),
    }
    let run = pipeline.run()?;
    for row in run.metrics("sg") {
        println!("epoch {}: loss {:.4}", row.epoch, row.loss);
    }
    println!("{}", run.vectors("sg").expect("it was trained").display());
    Ok(())
}
