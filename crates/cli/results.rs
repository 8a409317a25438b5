//! What a run shows at its end: neighbours of a few frequent words, the scores of the evaluation
//! sets, and where the vectors are.

use std::io::Write;

use wordmill_corpus::Source;
use wordmill_corpus::input;
use wordmill_formats::{RunDir, Vectors, Words};
use wordmill_query::{EvalConfig, EvalReport, Which, nearest_each};

use crate::commands::eval::EvalSets;
use crate::config::Config;

/// Words shown of each vectors file.
const WORDS: usize = 5;
/// Neighbours shown of each word.
const NEIGHBOURS: usize = 6;
/// The first rank looked at; before it stand function words.
const FIRST_RANK: usize = 60;

/// Prints the results of a run.
pub fn print(
    dir: &RunDir,
    config: &Config,
    inputs: &[input::Input],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let threads = config.run.thread_count();
    let sets = sets(config, inputs)?;
    let mut reports = Vec::new();
    for trainer in &config.train {
        let vectors = Vectors::open(dir.storage(), &dir.vectors(&trainer.name))?;
        writeln!(out, "{}: neighbours", trainer.name)?;
        let shown = shown_words(&vectors);
        let each = nearest_each(&vectors, Which::Word, &shown, NEIGHBOURS, threads)?;
        for (id, answers) in shown.into_iter().zip(each) {
            let words = vectors.words();
            let near: Vec<_> = answers.iter().map(|(id, _)| words.text(*id)).collect();
            writeln!(out, "  {:<14} {}", words.text(id), near.join(" "))?;
        }
        if let Some(sets) = &sets {
            let asked = EvalConfig { top: config.eval.top, threads, ..EvalConfig::default() };
            let report = sets.score(&vectors, &asked)?;
            reports.push((trainer.name.clone(), report));
        }
    }
    if !reports.is_empty() {
        print_scores(&reports, out)?;
    }
    for trainer in &config.train {
        writeln!(out, "{}", dir.vectors(&trainer.name).display())?;
    }
    Ok(())
}

/// The sets of `[eval]`; without any, those of the built-in sample if that is what was read.
fn sets(config: &Config, inputs: &[input::Input]) -> anyhow::Result<Option<EvalSets>> {
    let eval = &config.eval;
    let is_sample = inputs.iter().any(|input| matches!(input.source, Source::Sample { .. }));
    let wanted = is_sample || !eval.analogies.is_empty() || !eval.similarity.is_empty();
    let read = || EvalSets::read(&eval.analogies, &eval.similarity, &[]);
    Ok(wanted.then(read).transpose()?)
}

/// A few frequent words with some letters, at ranks that double.
fn shown_words(vectors: &Vectors) -> Vec<usize> {
    let words = vectors.words();
    let long = |id: &usize| words.text(*id).chars().filter(|c| c.is_alphabetic()).count() >= 4;
    let mut shown: Vec<usize> = Vec::new();
    for step in 0..WORDS {
        let rank = (FIRST_RANK << step).min(words.len() / 2);
        let next = (rank..words.len()).find(|id| long(id) && !shown.contains(id));
        shown.extend(next);
    }
    shown
}

/// One line a set, one column a trainer: per cent of right answers, and Spearman × 100.
fn print_scores(reports: &[(String, EvalReport)], out: &mut dyn Write) -> anyhow::Result<()> {
    let cell = |value: Option<f64>| value.map_or("-".into(), |v| format!("{:.1}", 100.0 * v));
    let mut line = |name: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
        writeln!(out, "{name:<34} {}", cells.join(" "))
    };
    line("scores", reports.iter().map(|(name, _)| name.clone()).collect())?;
    let first = &reports[0].1;
    for (at, set) in first.analogies.iter().enumerate() {
        let name = set.set.rsplit('/').next().unwrap_or(&set.set);
        let column = |pick: fn(&wordmill_query::AnalogyScores) -> Option<f64>| {
            reports.iter().map(|(_, report)| cell(pick(&report.analogies[at]))).collect()
        };
        line(&format!("{name} analogies, % right"), column(|set| set.total.accuracy))?;
        line("  semantic", column(|set| set.semantic.accuracy))?;
        line("  syntactic", column(|set| set.syntactic.accuracy))?;
    }
    for (at, set) in first.similarity.iter().enumerate() {
        let name = set.set.rsplit('/').next().unwrap_or(&set.set);
        let scores = reports.iter().map(|(_, report)| cell(report.similarity[at].spearman));
        line(&format!("{name} similarity, Spearman"), scores.collect())?;
    }
    Ok(())
}
