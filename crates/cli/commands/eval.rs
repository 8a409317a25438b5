//! `wordmill eval`: scores on analogies, similarity sets and outliers, of one vectors file or of several side by
//! side. Without a set, those of the built-in
//! sample are asked; `builtin:sample` names them beside others.

use std::io::Write;
use std::path::{Path, PathBuf};

use wordmill_formats::{Vectors, Words};
use wordmill_query::{
    AnalogySet, EvalConfig, EvalReport, OutlierSet, QueryError, SideBySide, SimilaritySet, compare,
    score_analogies, score_outliers, score_similarity,
};
use wordmill_sample as sample;

use crate::args::EvalArgs;
use crate::commands::given::Files;
use crate::config::threads_or_all;

const BUILT_IN: &str = "builtin:sample";

/// The sets that vectors are tried on.
pub struct EvalSets {
    analogies: Vec<AnalogySet>,
    similarity: Vec<SimilaritySet>,
    outliers: Vec<OutlierSet>,
}

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

impl EvalSets {
    /// Reads the sets; the built-in ones where none is named.
    pub fn read(
        analogies: &[PathBuf],
        similarity: &[PathBuf],
        outliers: &[PathBuf],
    ) -> Result<Self, QueryError> {
        let built_in = [PathBuf::from(BUILT_IN)];
        let (analogies, similarity) =
            match analogies.is_empty() && similarity.is_empty() && outliers.is_empty() {
                true => (&built_in[..], &built_in[..]),
                false => (analogies, similarity),
            };
        let is_built_in = |path: &Path| path.as_os_str() == BUILT_IN;
        let questions = |path: &PathBuf| match is_built_in(path) {
            true => AnalogySet::parse(BUILT_IN, &sample::analogies()),
            false => AnalogySet::read(path),
        };
        let pairs = |path: &PathBuf| match is_built_in(path) {
            true => SimilaritySet::parse(BUILT_IN, &sample::similarities()),
            false => SimilaritySet::read(path),
        };
        Ok(Self {
            analogies: analogies.iter().map(questions).collect::<Result<_, _>>()?,
            similarity: similarity.iter().map(pairs).collect::<Result<_, _>>()?,
            outliers: outliers
                .iter()
                .map(|path| OutlierSet::read(path))
                .collect::<Result<_, _>>()?,
        })
    }

    /// All scores of one vectors file.
    pub fn score(&self, vectors: &Vectors, config: &EvalConfig) -> Result<EvalReport, QueryError> {
        let analogies = self.analogies.iter().map(|set| score_analogies(vectors, set, config));
        let similarity = self.similarity.iter().map(|set| score_similarity(vectors, set, config));
        let outliers = self.outliers.iter().map(|set| score_outliers(vectors, set, config));
        Ok(EvalReport {
            vectors: vectors.words().path().display().to_string(),
            words: vectors.words().len(),
            dim: vectors.dim(),
            convention: config.convention.name(),
            analogies: analogies.collect::<Result<_, _>>()?,
            similarity: similarity.collect(),
            outliers: outliers.collect::<Result<_, _>>()?,
        })
    }
}
