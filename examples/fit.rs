//! Trains on sentences in memory, without a file.
//!
//! cargo run --example fit

use wordmill::{Cbow, Error, Pipeline, SkipGram};

fn main() -> Result<(), Error> {
    let subjects = ["the cat", "the dog", "a horse", "a cow"];
    let verbs = ["eats", "drinks", "likes"];
    let objects = ["grass", "water", "milk", "meat"];
    let sentence = |n: usize| {
        let [subject, verb, object] =
            [subjects[n % 4], verbs[n / 4 % 3], objects[(n / 12 + n) % 4]];
        format!("{subject} {verb} {object}")
    };
    let fitted = Pipeline::builder()
        .window(3)
        .trainer(SkipGram::named("sg").dim(16).epochs(10))
        .trainer(Cbow::named("cbow").dim(16).epochs(10).window(3))
        .fit((0..2000).map(sentence))?;
    for trainer in ["sg", "cbow"] {
        let vectors = fitted.vectors(trainer)?;
        println!("{trainer}: {} words of {} numbers", vectors.len(), vectors.dim());
        println!("  cat and dog: {:.3}", vectors.similarity("cat", "dog")?);
        println!("  near to milk: {:?}", vectors.similar(["milk"]).top(3)?);
    }
    Ok(())
}
