//! Trains two models on a text and prints neighbours.
//!
//! cargo run --release --example train -- [TEXT] [RUN_DIR]

use wordmill::{Error, Glove, Pipeline, SkipGram, Vectors};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().unwrap_or_else(|| "builtin:sample:2MB".into());
    let dir = arguments.next().unwrap_or_else(|| "run".into());
    let run = Pipeline::builder()
        .inputs([text])
        .memory("256MiB")
        .trainer(SkipGram::named("sg").dim(50).epochs(3))
        .trainer(Glove::named("gl").dim(50).epochs(5))
        .dir(dir)
        .build()?
        .run()?;
    for stage in run.stages() {
        println!("{:12} {:6.2} s", stage.name, stage.seconds);
    }
    let vectors = Vectors::open(run.vectors("sg").expect("it was trained"))?;
    let (word, count) = vectors.words().nth(100).expect("there are more words");
    println!("{word}, which occurs {count} times, is near");
    for (word, cosine) in vectors.similar([word]).top(5)? {
        println!("  {word} {cosine:.3}");
    }
    Ok(())
}
