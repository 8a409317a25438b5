//! What a run shows at its end: neighbours of a few frequent words, the scores of the evaluation
//! sets, and where the vectors and the report are.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;

use wordmill_formats::{FormatError, Manifest, RunDir, Vectors, Words};
use wordmill_pipeline::artefacts::verify;
use wordmill_pipeline::scores;
use wordmill_query::{EvalReport, Which, nearest_each};
use wordmill_train::{EpochRow, read_metrics};

use crate::report;
use wordmill_pipeline::config::Config;

/// Words shown of each vectors file.
const WORDS: usize = 5;
/// Neighbours shown of each word.
const NEIGHBOURS: usize = 6;
/// The first rank that is shown; function words have lower ones.
const FIRST_RANK: usize = 60;

/// Prints the results of a run, and writes its report; gives the path of that. A file that is gone or damaged is no result.
pub fn print(
    dir: &RunDir,
    manifest: &Manifest,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<PathBuf> {
    config.train.iter().try_for_each(|trainer| check(dir, manifest, &trainer.name))?;
    let reports = print_results(dir, config, out)?;
    let page = report::write(dir, manifest, config, &reports)?;
    for trainer in &config.train {
        writeln!(out, "{}", dir.vectors(&trainer.name).display())?;
    }
    writeln!(out, "report: {}", page.path.display())?;
    Ok(page.path)
}

/// Prints neighbours and scores of each trainer; returns the scores.
pub fn print_results(
    dir: &RunDir,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<EvalReport>> {
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
        if std::io::stdout().is_terminal() {
            write!(out, "{}", curve(&read_metrics(dir, &trainer.name)))?;
        }
    }
    let reports = scores(dir, config)?;
    if !reports.is_empty() {
        print_scores(&reports, out)?;
    }
    Ok(reports)
}

/// Fails unless the vectors of a trainer are whole, and those that the ledger lists. Nobody else has looked at them since they were
/// finished, which may be long ago.
fn check(dir: &RunDir, manifest: &Manifest, name: &str) -> Result<(), FormatError> {
    let path = dir.vectors(name);
    let outputs = manifest.stage(&format!("train:{name}")).map_or(&[][..], |row| &row.outputs);
    let listed = outputs.iter().find(|output| dir.path(&output.path) == path);
    let again = "delete the file and run again to train it again";
    let found = verify(dir.storage(), &path).map_err(|error| match error {
        FormatError::Corrupt { path, offset, what } => {
            FormatError::corrupt(&path, offset, format!("{what}; {again}"))
        }
        error if error.is_not_found() => {
            FormatError::corrupt(&path, 0, "the file is missing; run again to train it again")
        }
        error => error,
    })?;
    match listed.is_some_and(|output| output.xxh3 == format!("{found:016x}")) {
        true => Ok(()),
        false => {
            let what = format!("it is not the file that run.json lists; {again}");
            Err(FormatError::corrupt(&path, 0, what))
        }
    }
}

/// The learning curve of a trainer as bars: losses, and those of what is held out.
fn curve(epochs: &[EpochRow]) -> String {
    let line = |label: &str, values: Vec<f64>| {
        let (first, last) = (values.first()?, values.last()?);
        Some(format!("  {label:<14} {} {first:.4} to {last:.4}\n", bars(&values)))
    };
    let losses = epochs.iter().map(|row| row.loss).collect();
    let held_out = epochs.iter().filter_map(|row| row.held_out_loss).collect();
    [line("loss", losses), line("held out", held_out)].into_iter().flatten().collect()
}

/// A bar for each number, the highest for the largest; at most sixty, each of the mean of its neighbours.
fn bars(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = values.len().div_ceil(60).max(1);
    let means: Vec<f64> =
        values.chunks(width).map(|some| some.iter().sum::<f64>() / some.len() as f64).collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let most = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar =
        |mean: &f64| BARS[(((mean - least) / (most - least).max(1e-300)) * 7.0).round() as usize];
    means.iter().map(bar).collect()
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
    for (at, set) in first.outliers.iter().enumerate() {
        let name = set.set.rsplit('/').next().unwrap_or(&set.set);
        let scores = reports.iter().map(|report| cell(report.outliers[at].accuracy));
        line(&format!("{name} outliers, % found"), scores.collect())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_in_bars() {
        let row = |loss, held_out_loss| EpochRow {
            epoch: 1,
            loss,
            weight: 1.0,
            visits: 1,
            seconds: 1.0,
            visits_per_second: 1.0,
            rate: None,
            held_out_loss,
            gradient_norm: None,
            halvings: 0,
        };
        let rows = [3.0, 2.0, 1.5, 1.0].map(|loss| row(loss, None));
        assert_eq!(curve(&rows), "  loss           █▅▃▁ 3.0000 to 1.0000\n");
        let held = [row(2.0, Some(4.0)), row(1.0, Some(5.0))];
        assert_eq!(curve(&held).lines().last(), Some("  held out       ▁█ 4.0000 to 5.0000"));
        assert_eq!(bars(&[1.0; 5]), "▁▁▁▁▁");
        assert_eq!(bars(&(0..600).map(f64::from).collect::<Vec<_>>()).chars().count(), 60);
        assert_eq!(curve(&[]), "");
    }
}
