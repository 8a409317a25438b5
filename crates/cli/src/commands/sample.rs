//! `wordmill sample`: the built-in corpus as text.

use std::io::Write;

use wordmill_sample::Sample;

use crate::args::SampleArgs;

/// Writes the sample.
pub fn run(args: &SampleArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    Ok(Sample::new(args.seed).write_to(args.bytes, out)?)
}
