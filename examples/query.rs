//! Asks vectors for neighbours, an analogy and a prediction.
//!
//! cargo run --release --example query -- VECTORS WORD [WORD WORD]

use wordmill::{Error, ErrorKind, Vectors};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, words)) = arguments.split_first().filter(|(_, words)| !words.is_empty()) else {
        eprintln!("usage: query VECTORS WORD [WORD WORD]");
        std::process::exit(2);
    };
    let vectors = Vectors::open(path)?;
    println!("{} words of {} numbers", vectors.len(), vectors.dim());
    for (word, cosine) in vectors.similar(words.to_vec()).top(5)? {
        println!("near      {word} {cosine:.3}");
    }
    if let [a, b, c] = words {
        for (word, score) in vectors.analogy(a, b, c).top(3)? {
            println!("analogy   {word} {score:.3}");
        }
    }
    match vectors.predict(words.to_vec()).top(3) {
        Ok(found) => found.iter().for_each(|(word, p)| println!("predicted {word} {p:.4}")),
        // GloVe predicts nothing.
        Err(error) if error.kind() == ErrorKind::Usage => println!("{error}"),
        Err(error) => return Err(error),
    }
    Ok(())
}
