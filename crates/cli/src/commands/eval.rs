//! `wordmill eval`: scores on analogies, similarity sets and outliers, of one vectors file or of several side by
//! side. Without a set, those of the built-in
//! sample are asked; `builtin:sample` names them beside others.

use std::io::Write;
use std::path::PathBuf;

use wordmill_formats::Vectors;
use wordmill_pipeline::EvalSets;
use wordmill_query::{EvalConfig, EvalReport, SideBySide, compare};

use crate::args::EvalArgs;
use crate::commands::given::Files;
use wordmill_pipeline::config::threads_or_all;

/// Prints the scores.
pub fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (top, seed, threads) = (args.top, args.seed, threads_or_all(args.threads));
    let (method, convention) = (args.method.into(), args.convention.into());
    let config = EvalConfig { top, method, convention, seed, threads };
    config.check()?;
    // Sets first: a typing error should not wait for the vectors.
    let sets = EvalSets::read(&args.analogies, &args.similarity, &args.outliers)?;
    let given = Files::to_read(args.rows.bad_rows.into());
    let open = |path: &PathBuf| given.open_to_ask(path, args.raw);
    let vectors: Vec<Vectors> = args.vectors.iter().map(open).collect::<Result<_, _>>()?;
    let scored = vectors.iter().map(|vectors| sets.score(vectors, &config));
    let files: Vec<EvalReport> = scored.collect::<Result<_, _>>()?;
    if let [report] = &files[..] {
        match args.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(report)?)?,
            false => write!(out, "{report}")?,
        }
        return Ok(());
    }
    let comparisons = compare(&files, seed);
    let all = SideBySide { files, comparisons };
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?,
        false => write!(out, "{all}")?,
    }
    Ok(())
}
