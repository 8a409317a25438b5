//! Scores as data (for `--json`, a stable layout) and as a table (for people).
//!
//! ```json
//! {"vectors": "v.safetensors", "words": 80000, "dim": 100,
//!  "analogies": [{"set": "q.txt", "top": 30000,
//!    "sections": [{"name": "family", "correct": 3, "asked": 4, "skipped": 1, "accuracy": 0.75}],
//!    "semantic": {"correct": 3, "asked": 4, "skipped": 1, "accuracy": 0.75},
//!    "syntactic": {"correct": 0, "asked": 0, "skipped": 0, "accuracy": null}, "total": {…}}],
//!  "similarity": [{"set": "wordsim.tsv", "pairs": 350, "skipped": 3, "spearman": 0.61}]}
//! ```
//!
//! Ratios are shares, not per cent; `null` stands where nothing could be asked.

use std::fmt;

use serde::Serialize;

/// Right answers among questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Questions answered rightly.
    pub correct: u64,
    /// Questions asked.
    pub asked: u64,
    /// Questions not asked, because one of their words is unknown or too rare.
    pub skipped: u64,
    /// Right answers per question asked.
    pub accuracy: Option<f64>,
}

/// The score of one section of a set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectionScore {
    /// Its name.
    pub name: String,
    /// Its score.
    #[serde(flatten)]
    pub score: Score,
}

/// The scores on an analogy set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnalogyScores {
    /// The set.
    pub set: String,
    /// Only so many words, the most frequent ones, took part.
    pub top: usize,
    /// Every section, in the order of the set.
    pub sections: Vec<SectionScore>,
    /// Sections whose names do not begin with `gram`.
    pub semantic: Score,
    /// Sections whose names begin with `gram`.
    pub syntactic: Score,
    /// All sections.
    pub total: Score,
}

/// The score on a similarity set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimilarityScores {
    /// The set.
    pub set: String,
    /// Pairs compared.
    pub pairs: u64,
    /// Pairs with a word that is unknown.
    pub skipped: u64,
    /// Spearman's rank correlation of cosines and scores.
    pub spearman: Option<f64>,
}

/// All scores of one vectors file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// The vectors.
    pub vectors: String,
    /// How many words they have.
    pub words: usize,
    /// Length of a vector.
    pub dim: usize,
    /// Analogy sets.
    pub analogies: Vec<AnalogyScores>,
    /// Similarity sets.
    pub similarity: Vec<SimilarityScores>,
}

impl Score {
    /// A score; its share of right answers is worked out.
    pub fn new(correct: u64, asked: u64, skipped: u64) -> Self {
        let accuracy = (asked > 0).then(|| correct as f64 / asked as f64);
        Self { correct, asked, skipped, accuracy }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self::new(
            self.correct + other.correct,
            self.asked + other.asked,
            self.skipped + other.skipped,
        )
    }
}

impl AnalogyScores {
    /// Adds up the sections of a set.
    pub(super) fn new(set: &str, top: usize, sections: Vec<SectionScore>) -> Self {
        let sum = |wanted: &dyn Fn(bool) -> bool| {
            let of = sections.iter().filter(|it| wanted(it.name.starts_with("gram")));
            of.fold(Score::default(), |sum, section| sum.plus(section.score))
        };
        Self {
            set: set.to_owned(),
            top,
            semantic: sum(&|is_grammar| !is_grammar),
            syntactic: sum(&|is_grammar| is_grammar),
            total: sum(&|_| true),
            sections,
        }
    }
}

impl fmt::Display for EvalReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {} words x {}", self.vectors, self.words, self.dim)?;
        for scores in &self.analogies {
            write!(out, "\n{scores}")?;
        }
        if !self.similarity.is_empty() {
            writeln!(
                out,
                "\n{:<40} {:>8} {:>7} {:>7}",
                "similarity", "spearman", "pairs", "skipped"
            )?;
        }
        for row in &self.similarity {
            let spearman = row.spearman.map_or("-".into(), |value| format!("{:.2}", 100.0 * value));
            writeln!(out, "{:<40} {spearman:>8} {:>7} {:>7}", row.set, row.pairs, row.skipped)?;
        }
        Ok(())
    }
}

impl fmt::Display for AnalogyScores {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{} among {} words", self.set, self.top);
        writeln!(
            out,
            "{title:<40} {:>8} {:>7} {:>7} {:>7}",
            "accuracy", "correct", "asked", "skipped"
        )?;
        let sections = self.sections.iter().map(|it| (it.name.as_str(), it.score));
        let sums =
            [("semantic", self.semantic), ("syntactic", self.syntactic), ("total", self.total)];
        for (name, score) in sections.chain(sums) {
            let share =
                score.accuracy.map_or("-".into(), |value| format!("{:.2} %", 100.0 * value));
            let Score { correct, asked, skipped, .. } = score;
            writeln!(out, "  {name:<38} {share:>8} {correct:>7} {asked:>7} {skipped:>7}")?;
        }
        Ok(())
    }
}
