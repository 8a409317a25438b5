//! What vectors score on evaluation sets: those of `[eval]`, or the built-in ones of the sample.

use std::path::{Path, PathBuf};

use wordmill_formats::{RunDir, Vectors, Words};
use wordmill_query::{
    AnalogySet, EvalConfig, EvalReport, OutlierSet, QueryError, SimilaritySet, score_analogies,
    score_outliers, score_similarity,
};
use wordmill_sample as sample;

use crate::config::Config;
use crate::error::Error;
use crate::normalize::spelling_of;

const BUILT_IN: &str = "builtin:sample";

/// The sets that vectors are tried on.
pub struct EvalSets {
    analogies: Vec<AnalogySet>,
    similarity: Vec<SimilaritySet>,
    outliers: Vec<OutlierSet>,
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
            true => Ok(vec![SimilaritySet::parse(BUILT_IN, &sample::similarities())?]),
            false => SimilaritySet::read_all(path),
        };
        let similarity: Vec<Vec<_>> = similarity.iter().map(pairs).collect::<Result<_, _>>()?;
        Ok(Self {
            analogies: analogies.iter().map(questions).collect::<Result<_, _>>()?,
            similarity: similarity.into_iter().flatten().collect(),
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

/// The scores of every trainer, called by its name; none without sets.
pub fn scores(dir: &RunDir, config: &Config) -> Result<Vec<EvalReport>, Error> {
    let Some(sets) = sets(config)? else {
        return Ok(Vec::new());
    };
    let (top, threads) = (config.eval.top, config.run.thread_count());
    let asked = EvalConfig { top, threads, ..EvalConfig::default() };
    let mut reports = Vec::new();
    for trainer in &config.train {
        let vectors = Vectors::open(dir.storage(), &dir.vectors(&trainer.name))?;
        let spelling = spelling_of(vectors.settings());
        let vectors = vectors.spelled(spelling);
        let mut report = sets.score(&vectors, &asked)?;
        report.vectors.clone_from(&trainer.name);
        reports.push(report);
    }
    Ok(reports)
}

/// The sets of `[eval]`; without any, those of the built-in sample if that is what was read.
fn sets(config: &Config) -> Result<Option<EvalSets>, Error> {
    let eval = &config.eval;
    let is_sample = config.corpus.inputs.iter().any(|input| input.starts_with("builtin:"));
    let named = [&eval.analogies, &eval.similarity, &eval.outliers];
    let wanted = is_sample || named.iter().any(|files| !files.is_empty());
    let locate = |path: &PathBuf| match path.to_string_lossy().starts_with("builtin:") {
        true => path.clone(),
        false => config.locate(path),
    };
    let [analogies, similarity, outliers] =
        named.map(|files| files.iter().map(locate).collect::<Vec<_>>());
    let read = || EvalSets::read(&analogies, &similarity, &outliers);
    Ok(wanted.then(read).transpose()?)
}
