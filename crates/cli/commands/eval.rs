//! `wordmill eval`: scores on analogies and similarity sets. Without a set, those of the built-in
//! sample are asked; `builtin:sample` names them beside others.

use std::io::Write;
use std::path::{Path, PathBuf};

use wordmill_corpus::sample;
use wordmill_formats::{Vectors, Words};
use wordmill_query::{
    AnalogySet, EvalReport, QueryError, SimilaritySet, score_analogies, score_similarity,
};

use crate::args::EvalArgs;
use crate::commands::open_vectors;
use crate::config::threads_or_all;

const BUILT_IN: &str = "builtin:sample";

/// The sets that vectors are tried on.
pub struct EvalSets {
    analogies: Vec<AnalogySet>,
    similarity: Vec<SimilaritySet>,
}

/// Prints the scores.
pub fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // Sets first: a typing error should not wait for the vectors.
    let sets = EvalSets::read(&args.analogies, &args.similarity)?;
    let vectors = open_vectors(&args.vectors)?;
    let report = sets.score(&vectors, args.top, threads_or_all(args.threads))?;
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => write!(out, "{report}")?,
    }
    Ok(())
}

impl EvalSets {
    /// Reads the sets; the built-in ones where none is named.
    pub fn read(analogies: &[PathBuf], similarity: &[PathBuf]) -> Result<Self, QueryError> {
        let built_in = [PathBuf::from(BUILT_IN)];
        let (analogies, similarity) = match analogies.is_empty() && similarity.is_empty() {
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
        })
    }

    /// All scores of one vectors file.
    pub fn score(
        &self,
        vectors: &Vectors,
        top: usize,
        threads: usize,
    ) -> Result<EvalReport, QueryError> {
        let analogies = self.analogies.iter();
        let analogies = analogies.map(|set| score_analogies(vectors, set, top, threads));
        let similarity = self.similarity.iter();
        Ok(EvalReport {
            vectors: vectors.words().path().display().to_string(),
            words: vectors.words().len(),
            dim: vectors.dim(),
            analogies: analogies.collect::<Result<_, _>>()?,
            similarity: similarity.map(|set| score_similarity(vectors, set)).collect(),
        })
    }
}
