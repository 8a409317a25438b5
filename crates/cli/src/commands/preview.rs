//! `wordmill preview`: the first lines of a text and what the tokeniser makes of them, side by side. It needs no run directory, and
//! leaves none.
//!
//! JSON is `{"input": …, "tokenizer": {…}, "pieces": …, "phrases": …, "records": …, "broken": […], "lines": [{"line": …, "text": …,
//! "words": […], "valid": …, "stop_words": …}]}`; `pieces` is the file of the model that cut the words, `phrases` that of the list
//! that joined them, or null.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use wordmill_flow::Budget;
use wordmill_formats::{RunDir, counted};
use wordmill_text::{Preview, PreviewLine, preview};
use wordmill_vocab::phrases::{Joiner, Phrases, list_path};
use wordmill_vocab::pieces::{Segmenter, model_path};

use crate::args::PreviewArgs;
use crate::commands::disk;
use crate::session;
use crate::style::{Meaning, Style};
use wordmill_pipeline::config::{Config, ConfigError};
use wordmill_pipeline::texts;

/// Columns of a terminal that does not report its width.
const COLUMNS: usize = 100;
/// Separators of words, and of text and words.
const BETWEEN: &str = " · ";
const BAR: &str = " │ ";

#[derive(Serialize)]
struct Line {
    line: u64,
    text: String,
    words: Vec<String>,
    valid: bool,
    stop_words: u64,
}

#[derive(Serialize)]
struct Shown {
    input: String,
    tokenizer: serde_json::Value,
    pieces: Option<PathBuf>,
    phrases: Option<PathBuf>,
    records: Option<u64>,
    broken: Vec<String>,
    lines: Vec<Line>,
    #[serde(skip)]
    more_inputs: usize,
}

/// Prints the lines.
pub fn run(args: &PreviewArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut config = Config::load(&args.sources())?;
    if let Some(file) = &args.file {
        config.corpus.inputs = vec![file.clone()];
    }
    let inputs = texts::inputs(&config, &session::warnings())?;
    texts::warn_of_format(&inputs[..1], &session::warnings());
    let tokenize = config.tokenize_job()?;
    let Preview { lines, records, broken } = preview(&inputs[0], tokenize.preview(), args.n)?;
    let (pieces, cutter) = cutter(&config)?.unzip();
    let (phrases, joiners) = joiners(&config)?.unzip();
    let cut = |words: Vec<String>| {
        let words = match &cutter {
            Some(cutter) => words.iter().flat_map(|word| cutter.pieces(word)).collect(),
            None => words,
        };
        joiners.iter().flatten().fold(words, |words, joiner| joiner.join(words))
    };
    let line = |PreviewLine { number: line, text, is_valid: valid, words, stop_words }| Line {
        line,
        text,
        words: cut(words),
        valid,
        stop_words,
    };
    let shown = Shown {
        input: inputs[0].name.clone(),
        tokenizer: serde_json::from_str(&config.description().text())?,
        pieces,
        phrases,
        records: records.map(|counts| counts.records),
        broken,
        lines: lines.into_iter().map(line).collect(),
        more_inputs: inputs.len() - 1,
    };
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&shown)?)?,
        false => print(&shown, &config, out)?,
    }
    Ok(())
}

/// The model of pieces: the one that is given, or that of the run directory, if it has one.
fn cutter(config: &Config) -> anyhow::Result<Option<(PathBuf, Segmenter)>> {
    let Some(pieces) = &config.corpus.pieces else {
        return Ok(None);
    };
    let run = RunDir::new(disk(), config.locate(&config.run.dir));
    let path = match pieces.learning.given.clone() {
        Some(given) if !given.exists() => {
            let what = format!("{}: there is no such file", given.display());
            return Err(ConfigError::new("corpus.pieces", what).into());
        }
        Some(given) => given,
        None => model_path(&run, pieces.learner),
    };
    if !path.exists() {
        return Ok(None);
    }
    let cutter = Segmenter::read(&run, &path, pieces.learner)?;
    Ok(Some((path, cutter)))
}

/// The phrases of each pass: of the list that is given, or that of the run directory, if it has one.
fn joiners(config: &Config) -> anyhow::Result<Option<(PathBuf, Vec<Joiner>)>> {
    let Some(phrases) = &config.phrases else {
        return Ok(None);
    };
    let path = match &phrases.list {
        Some(given) => given.clone(),
        None => list_path(&RunDir::new(disk(), config.locate(&config.run.dir))),
    };
    if !path.exists() && phrases.list.is_none() {
        return Ok(None);
    }
    let budget = Budget::new(config.run.memory_bytes);
    let list = Phrases::read(&budget, &path, &config.tokenizer())?;
    let joiner = |pass| Joiner::new(&list, pass, &phrases.delimiter);
    Ok(Some((path, (1..=list.passes()).map(joiner).collect())))
}

fn print(shown: &Shown, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let name = shown.tokenizer["name"].as_str().unwrap_or_default();
    let more = match shown.more_inputs {
        0 => String::new(),
        more => format!(", the first of {} inputs", more + 1),
    };
    writeln!(out, "{}{more}; tokenizer {name}", style.paint(Meaning::Title, &shown.input))?;
    match &shown.pieces {
        Some(path) => writeln!(out, "pieces: {}", path.display())?,
        None if config.corpus.pieces.is_some() => {
            let dir = config.run.dir.display();
            writeln!(
                out,
                "pieces are learned in a run, and {dir} has none: these are whole words"
            )?;
        }
        None => {}
    }
    match &shown.phrases {
        Some(path) => writeln!(out, "phrases: {}", path.display())?,
        None if config.phrases.is_some() => {
            let dir = config.run.dir.display();
            writeln!(
                out,
                "phrases are learned in a run, and {dir} has none: these are single words"
            )?;
        }
        None => {}
    }
    for broken in &shown.broken {
        writeln!(out, "{}", style.paint(Meaning::Bad, &format!("broken, left out: {broken}")))?;
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let columns: usize = columns.unwrap_or(COLUMNS).max(40);
    let widest = shown.lines.iter().map(|line| width(&line.text)).max().unwrap_or(0);
    let left = widest.min(columns * 2 / 5);
    for line in &shown.lines {
        let text = fit(&line.text, left);
        let pad = left - width(&text);
        let words = line.words.join(BETWEEN);
        let mut notes = String::new();
        if !line.valid {
            notes += "  (not UTF-8)";
        }
        if line.stop_words > 0 {
            notes += &format!("  ({})", counted(line.stop_words, "stop word"));
        }
        let notes = style.paint(Meaning::Quiet, &notes);
        writeln!(out, "{:>6}  {text}{:pad$}{BAR}{words}{notes}", line.line, "")?;
    }
    if shown.lines.is_empty() {
        writeln!(out, "there is no line that is not blank")?;
    }
    Ok(())
}

/// Columns that a text takes on a terminal; characters that show nothing take none, those of East Asia two.
fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

fn width_of(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' => 2,
        '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// A text cut to this many columns; control characters become spaces.
fn fit(text: &str, columns: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if width(&plain) <= columns {
        return plain;
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += width_of(*c);
        taken < columns
    };
    let mut short: String = plain.chars().take_while(fits).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_columns() {
        for (text, columns, expected) in [
            ("short", 9, "short"),
            ("exactly", 7, "exactly"),
            ("too long", 7, "too lo…"),
            ("한국어 글", 9, "한국어 글"),
            ("한국어 글", 8, "한국어 …"),
            ("한국어 글", 6, "한국…"),
            ("a\tb\u{0}", 9, "a b "),
        ] {
            assert_eq!(fit(text, columns), expected);
            assert!(width(expected) <= columns);
        }
    }
}
