//! What a run shows at its end: neighbours of a few frequent words, the scores of the evaluation
//! sets, and where the vectors and the report are.

use std::io::Write;

use wordmill_corpus::Source;
use wordmill_corpus::input;
use wordmill_formats::{RunDir, Vectors, Words};
use wordmill_query::{EvalConfig, EvalReport, Which, nearest_each};

use crate::commands::eval::EvalSets;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::report;

/// Words shown of each vectors file.
const WORDS: usize = 5;
/// Neighbours shown of each word.
const NEIGHBOURS: usize = 6;
/// The first rank looked at; before it stand function words.
const FIRST_RANK: usize = 60;

/// Prints the results of a run, and writes its report.
pub fn print(
    dir: &RunDir,
    ledger: &Ledger<'_>,
    config: &Config,
    inputs: &[input::Input],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let threads = config.run.thread_count();
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
    }
    let reports = scores(dir, config, inputs)?;
    if !reports.is_empty() {
        print_scores(&reports, out)?;
    }
    let page = report::write(dir, ledger, config, &reports)?;
    for trainer in &config.train {
        writeln!(out, "{}", dir.vectors(&trainer.name).display())?;
    }
    writeln!(out, "report: {}", page.path.display())?;
    Ok(())
}

/// The scores of every trainer, called by its name; none without sets.
pub fn scores(
    dir: &RunDir,
    config: &Config,
    inputs: &[input::Input],
) -> anyhow::Result<Vec<EvalReport>> {
    let Some(sets) = sets(config, inputs)? else {
        return Ok(Vec::new());
    };
    let (top, threads) = (config.eval.top, config.run.thread_count());
    let asked = EvalConfig { top, threads, ..EvalConfig::default() };
    let mut reports = Vec::new();
    for trainer in &config.train {
        let vectors = Vectors::open(dir.storage(), &dir.vectors(&trainer.name))?;
        let mut report = sets.score(&vectors, &asked)?;
        report.vectors.clone_from(&trainer.name);
        reports.push(report);
    }
    Ok(reports)
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
fn print_scores(reports: &[EvalReport], out: &mut dyn Write) -> anyhow::Result<()> {
    let cell = |value: Option<f64>| value.map_or("-".into(), |v| format!("{:.1}", 100.0 * v));
    let mut line = |name: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
        writeln!(out, "{name:<34} {}", cells.join(" "))
    };
    line("scores", reports.iter().map(|report| report.vectors.clone()).collect())?;
    let first = &reports[0];
    for (at, set) in first.analogies.iter().enumerate() {
        let name = set.set.rsplit('/').next().unwrap_or(&set.set);
        let column = |pick: fn(&wordmill_query::AnalogyScores) -> Option<f64>| {
            reports.iter().map(|report| cell(pick(&report.analogies[at]))).collect()
        };
        line(&format!("{name} analogies, % right"), column(|set| set.total.accuracy))?;
        line("  semantic", column(|set| set.semantic.accuracy))?;
        line("  syntactic", column(|set| set.syntactic.accuracy))?;
    }
    for (at, set) in first.similarity.iter().enumerate() {
        let name = set.set.rsplit('/').next().unwrap_or(&set.set);
        let scores = reports.iter().map(|report| cell(report.similarity[at].spearman));
        line(&format!("{name} similarity, Spearman"), scores.collect())?;
    }
    Ok(())
}
