//! Scores as data (for `--json`, with a stable layout) and as a table (for people).
//!
//! ```json
//! {"vectors": "v.safetensors", "words": 80000, "dim": 100, "convention": "wordmill",
//!  "analogies": [{"set": "q.txt", "top": 30000,
//!    "sections": [{"name": "family", "correct": 3, "asked": 4, "skipped": 1, "accuracy": 0.75, "interval": [0.25, 1.0]}],
//!    "semantic": {"correct": 3, "asked": 4, "skipped": 1, "accuracy": 0.75, "interval": [0.25, 1.0]},
//!    "syntactic": {"correct": 0, "asked": 0, "skipped": 0, "accuracy": null, "interval": null}, "total": {…}}],
//!  "similarity": [{"set": "wordsim.tsv", "pairs": 350, "skipped": 3, "coverage": 0.99, "spearman": 0.61,
//!    "interval": [0.55, 0.67], "pearson": 0.58}],
//!  "outliers": [{"set": "888", "sections": [{"name": "cars", "asked": 8, "found": 7, "skipped": 0, "unknown": 1,
//!    "accuracy": 0.875, "opp": 0.98}], "accuracy": 0.875, "opp": 0.98}]}
//! ```
//!
//! Several files: `{"files": [one such object each], "comparisons": [{"set": "q.txt", "kind": "analogies", "first": "v",
//! "other": "w", "common": 4, "difference": 0.25, "interval": [0.0, 0.5], "p": 0.5}]}`.
//!
//! Ratios are shares, not per cent; a value is `null` if nothing could be asked.

use std::fmt;

use serde::Serialize;

/// Counts of right answers and of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Questions answered correctly.
    pub correct: u64,
    /// Questions asked.
    pub asked: u64,
    /// Questions skipped because one of their words is unknown or too rare.
    pub skipped: u64,
    /// Right answers per question asked.
    pub accuracy: Option<f64>,
    /// The interval that contains the score in 95 % of such sets.
    pub interval: Option<[f64; 2]>,
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
    /// Only this many of the most frequent words took part.
    pub top: usize,
    /// Every section, in the order of the set.
    pub sections: Vec<SectionScore>,
    /// Sections about meaning.
    pub semantic: Score,
    /// Sections about grammar.
    pub syntactic: Score,
    /// All sections.
    pub total: Score,
    /// The numbers of the questions that were asked, and whether each was answered correctly.
    #[serde(skip)]
    pub(crate) outcomes: Vec<(u64, bool)>,
}

/// The score on a similarity set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimilarityScores {
    /// The set.
    pub set: String,
    /// Pairs compared.
    pub pairs: u64,
    /// Pairs with an unknown word.
    pub skipped: u64,
    /// The share of pairs compared.
    pub coverage: f64,
    /// Spearman's rank correlation of cosines and scores.
    pub spearman: Option<f64>,
    /// The interval that contains it in 95 % of such sets.
    pub interval: Option<[f64; 2]>,
    /// Pearson's correlation of cosines and scores.
    pub pearson: Option<f64>,
    /// The human score and the cosine of each pair, in the order of the set.
    #[serde(skip)]
    pub(crate) pairs_scored: Vec<Option<(f64, f64)>>,
}

/// The score on one topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OutlierSection {
    /// Its name.
    pub name: String,
    /// Outliers that were added to the cluster.
    pub asked: u64,
    /// Outliers that were recognised.
    pub found: u64,
    /// Outliers that are not in the vocabulary.
    pub skipped: u64,
    /// Words of the cluster that are not in the vocabulary.
    pub unknown: u64,
    /// Outliers found per outlier asked.
    pub accuracy: Option<f64>,
    /// Mean position of the outliers, from 0 to 1.
    pub opp: Option<f64>,
}

/// The scores on an outlier set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutlierScores {
    /// The set.
    pub set: String,
    /// Every topic.
    pub sections: Vec<OutlierSection>,
    /// Accuracy over all outliers.
    pub accuracy: Option<f64>,
    /// OPP over all outliers.
    pub opp: Option<f64>,
}

/// All scores of one vectors file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalReport {
    /// The vectors file.
    pub vectors: String,
    /// Number of words.
    pub words: usize,
    /// Length of a vector.
    pub dim: usize,
    /// Whose rules applied.
    pub convention: &'static str,
    /// Analogy sets.
    pub analogies: Vec<AnalogyScores>,
    /// Similarity sets.
    pub similarity: Vec<SimilarityScores>,
    /// Outlier sets.
    pub outliers: Vec<OutlierScores>,
}

/// The scores of several vectors files on the same sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideBySide {
    /// The scores of each file.
    pub files: Vec<EvalReport>,
    /// Each of the others compared with the first.
    pub comparisons: Vec<Comparison>,
}

/// A difference on one set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The set.
    pub set: String,
    /// `analogies` or `similarity`.
    pub kind: &'static str,
    /// The vectors file that others are compared with.
    pub first: String,
    /// The other vectors file.
    pub other: String,
    /// Questions or pairs that both files know.
    pub common: u64,
    /// Score of the other minus that of the first, on these.
    pub difference: Option<f64>,
    /// The interval that contains 95 % of the differences.
    pub interval: Option<[f64; 2]>,
    /// The probability of a difference at least this large by chance.
    pub p: Option<f64>,
}

impl Score {
    /// Makes a score and computes its share of right answers.
    pub fn new(correct: u64, asked: u64, skipped: u64) -> Self {
        let accuracy = (asked > 0).then(|| correct as f64 / asked as f64);
        Self { correct, asked, skipped, accuracy, interval: None }
    }
}

impl OutlierSection {
    /// Records the position of an outlier among `words` others.
    pub(super) fn add(&mut self, position: usize, words: usize) {
        let before = self.opp.unwrap_or(0.0) * self.asked as f64;
        self.asked += 1;
        self.found += u64::from(position == words);
        self.opp = Some((before + position as f64 / words as f64) / self.asked as f64);
        self.accuracy = Some(self.found as f64 / self.asked as f64);
    }
}

impl OutlierScores {
    /// Sums the topics of a set.
    pub(super) fn new(set: &str, sections: Vec<OutlierSection>) -> Self {
        let asked: u64 = sections.iter().map(|it| it.asked).sum();
        let found: u64 = sections.iter().map(|it| it.found).sum();
        let positions: f64 =
            sections.iter().map(|it| it.opp.unwrap_or(0.0) * it.asked as f64).sum();
        let mean = |sum: f64| (asked > 0).then(|| sum / asked as f64);
        Self { set: set.to_owned(), sections, accuracy: mean(found as f64), opp: mean(positions) }
    }
}

/// Formats a share as per cent with two digits.
fn per_cent(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{:.2}", 100.0 * value))
}

fn interval(value: Option<[f64; 2]>) -> String {
    value.map_or(String::new(), |[low, high]| format!("{:.1} .. {:.1}", 100.0 * low, 100.0 * high))
}

/// The end of a path, at most 38 columns.
pub(super) fn short(set: &str) -> String {
    let name = set.trim_end_matches('/').rsplit('/').next().unwrap_or(set);
    let long = name.chars().count().saturating_sub(38);
    name.chars().skip(long).collect()
}

impl fmt::Display for EvalReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {} words x {}", self.vectors, self.words, self.dim)?;
        for scores in &self.analogies {
            write!(out, "\n{scores}")?;
        }
        if !self.similarity.is_empty() {
            let head = ["spearman", "95 % within", "pearson", "pairs", "skipped"];
            write_row(out, "similarity, x 100", head)?;
        }
        for row in &self.similarity {
            let cells = [
                per_cent(row.spearman),
                interval(row.interval),
                per_cent(row.pearson),
                row.pairs.to_string(),
                row.skipped.to_string(),
            ];
            write_row(
                out,
                &format!("  {}", short(&row.set)),
                cells.each_ref().map(String::as_str),
            )?;
        }
        self.outliers.iter().try_for_each(|scores| write!(out, "\n{scores}"))
    }
}

/// Writes a name and five columns.
fn write_row(out: &mut fmt::Formatter<'_>, name: &str, cells: [&str; 5]) -> fmt::Result {
    if !name.starts_with(' ') {
        writeln!(out)?;
    }
    let [a, b, c, d, e] = cells;
    writeln!(out, "{name:<40} {a:>9} {b:>15} {c:>8} {d:>8} {e:>8}")
}

impl fmt::Display for AnalogyScores {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{} among {} words", short(&self.set), self.top);
        let head = ["% right", "95 % within", "correct", "asked", "skipped"];
        write_row(out, &title, head)?;
        let sections = self.sections.iter().map(|it| (it.name.as_str(), it.score));
        let sums =
            [("semantic", self.semantic), ("syntactic", self.syntactic), ("total", self.total)];
        for (name, score) in sections.chain(sums) {
            let cells = [
                per_cent(score.accuracy),
                interval(score.interval),
                score.correct.to_string(),
                score.asked.to_string(),
                score.skipped.to_string(),
            ];
            write_row(out, &format!("  {name}"), cells.each_ref().map(String::as_str))?;
        }
        Ok(())
    }
}

impl fmt::Display for OutlierScores {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("outliers of {}", short(&self.set));
        write_row(out, &title, ["% found", "position", "asked", "skipped", "unknown"])?;
        for section in &self.sections {
            let cells = [
                per_cent(section.accuracy),
                per_cent(section.opp),
                section.asked.to_string(),
                section.skipped.to_string(),
                section.unknown.to_string(),
            ];
            write_row(out, &format!("  {}", section.name), cells.each_ref().map(String::as_str))?;
        }
        let sum = |count: fn(&OutlierSection) -> u64| self.sections.iter().map(count).sum::<u64>();
        let sums = [sum(|it| it.asked), sum(|it| it.skipped), sum(|it| it.unknown)];
        let [asked, skipped, unknown] = sums.map(|sum| sum.to_string());
        let (accuracy, opp) = (per_cent(self.accuracy), per_cent(self.opp));
        write_row(out, "  total", [&accuracy, &opp, &asked, &skipped, &unknown])
    }
}

impl fmt::Display for SideBySide {
    /// One row per set or section, one column per file; then the differences from the first file.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.files.first() else {
            return Ok(());
        };
        for (report, number) in self.files.iter().zip(1..) {
            let (name, words, dim) = (&report.vectors, report.words, report.dim);
            writeln!(out, "[{number}] {name}: {words} words x {dim}")?;
        }
        let row = |out: &mut fmt::Formatter<'_>, name: &str, cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
            writeln!(out, "{name:<40} {}", cells.join(" "))
        };
        let head = (1..=self.files.len()).map(|number| format!("[{number}]")).collect();
        writeln!(out)?;
        row(out, "% right, Spearman x 100, % found", head)?;
        for (at, set) in first.analogies.iter().enumerate() {
            let of = |pick: &dyn Fn(&AnalogyScores) -> Option<f64>| {
                self.files.iter().map(|file| per_cent(pick(&file.analogies[at]))).collect()
            };
            row(out, &short(&set.set), of(&|set| set.total.accuracy))?;
            for (section, score) in set.sections.iter().enumerate() {
                let cells = of(&|set| set.sections[section].score.accuracy);
                row(out, &format!("    {}", score.name), cells)?;
            }
            row(out, "  semantic", of(&|set| set.semantic.accuracy))?;
            row(out, "  syntactic", of(&|set| set.syntactic.accuracy))?;
        }
        for (at, set) in first.similarity.iter().enumerate() {
            let cells = self.files.iter().map(|file| per_cent(file.similarity[at].spearman));
            row(out, &short(&set.set), cells.collect())?;
        }
        for (at, set) in first.outliers.iter().enumerate() {
            let cells = self.files.iter().map(|file| per_cent(file.outliers[at].accuracy));
            row(out, &short(&set.set), cells.collect())?;
        }
        self.write_differences(out)
    }
}

impl SideBySide {
    fn write_differences(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.comparisons.is_empty() {
            return Ok(());
        }
        let number =
            |name: &str| 1 + self.files.iter().position(|file| file.vectors == name).unwrap_or(0);
        let head = ["points", "95 % within", "p", "", "common"];
        write_row(out, "difference from [1]", head)?;
        for it in &self.comparisons {
            let points = it.difference.map_or("-".into(), |value| format!("{:+.2}", 100.0 * value));
            let p = it.p.map_or("-".into(), |p| {
                if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
            });
            let stars = match it.p {
                Some(p) if p < 0.001 => "***",
                Some(p) if p < 0.01 => "**",
                Some(p) if p < 0.05 => "*",
                _ => "",
            };
            let name = format!("  [{}] {}", number(&it.other), short(&it.set));
            let (within, common) = (interval(it.interval), it.common.to_string());
            write_row(out, &name, [&points, &within, &p, stars, &common])?;
        }
        Ok(())
    }
}
