//! Writes the built-in sample, or with `analogies` or `similarities` its questions, to standard
//! output.
//!
//! `cargo run --release -p wordmill-sample --example sample -- BYTES [SEED]`

use std::io::{self, Write as _};

use wordmill_sample::{Sample, analogies, similarities};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().ok_or("say how many bytes, analogies or similarities")?;
    let mut out = io::stdout().lock();
    match what.as_str() {
        "analogies" => out.write_all(analogies().as_bytes())?,
        "similarities" => out.write_all(similarities().as_bytes())?,
        bytes => {
            let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
            Sample::new(seed).write_to(bytes.parse()?, &mut out)?;
        }
    }
    Ok(())
}
