//! Writes a text of many distinct words to standard output, and its counts to standard error.
//!
//! `cargo run --release -p wordmill-sample --example distinct -- 50000000 > words.txt`

use std::io::{self, BufWriter, Write as _};

use wordmill_sample::write_distinct;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().nth(1).ok_or("say how many words")?.parse()?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let counts = write_distinct(words, &mut out)?;
    out.flush()?;
    eprintln!("{counts:?}");
    Ok(())
}
