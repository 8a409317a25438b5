//! The commented template.

use std::fmt::Write as _;

use super::parts::{
    Documented, Part, TRAINED, TRAINERS, first_paragraph, parts, sentence, unset, usual, usual_rows,
};
use crate::config::keys::{Kind, Name};
use crate::config::rows::Rows;

/// The columns of a comment.
const COLUMNS: usize = 100;

/// Keys that are written with their values; the defaults of all others are comments, so that a preset can set them.
const WRITTEN: [&str; 8] =
    ["dir", "memory", "inputs", "name", "model", "objective", "dim", "epochs"];

/// The commented template, `pipeline.toml`.
#[must_use]
pub fn template() -> String {
    let mut text = "\
# pipeline.toml: what `wordmill run` does. Every key is optional but corpus.inputs and the name of a
# trainer. `# key = value` shows a default: remove the `# ` to change it. A key can also be set for
# one run:
#     wordmill run --set cooccur.window=8 --set train.sgns.dim=300
#     WORDMILL__COOCCUR__WINDOW=8 wordmill run
# Relative paths begin in the folder in which wordmill is started, ~/ in your home folder.
"
    .to_owned();
    let config = usual(&TRAINERS[..TRAINED]);
    for part in parts() {
        if part.name == "train" {
            text += &trainers(&part);
            continue;
        }
        text += &format!("\n[{}]\n", part.name);
        let rows = usual_rows(&config, part.name);
        for documented in &part.keys {
            text += &commented(documented, &rows, "");
        }
    }
    text
}

/// The tables of the trainers: all keys of the first are explained, of the others those that are new.
fn trainers(part: &Part) -> String {
    let mut text = "
# One table a trainer; all of them share the counts. Written keys win over those of a preset.
"
    .to_owned();
    let mut explained: Vec<&str> = Vec::new();
    let all = usual(&TRAINERS);
    let rows_of_others = TRAINERS[1..].iter();
    let rows_of_others =
        rows_of_others.flat_map(|(name, _)| all.rows_of_section(&format!("train.{name}")));
    let of_others: Vec<&str> = rows_of_others.map(|(key, _)| key).collect();
    for (number, trainer) in TRAINERS[..=TRAINED].iter().enumerate() {
        let mark = if number < TRAINED { "" } else { "# " };
        if number == TRAINED {
            text += "
# Windows over the text itself: CBOW, or skip-gram with source = \"windows\". Without a trainer of the
# matrix nothing is counted.
#
";
        }
        let rows =
            usual(std::slice::from_ref(trainer)).rows_of_section(&format!("train.{}", trainer.0));
        text += if mark.is_empty() { "\n[[train]]\n" } else { "# [[train]]\n" };
        for documented in &part.keys {
            let name = documented.key.name;
            let row = rows.iter().find(|(key, _)| *key == name);
            if explained.contains(&name) {
                let row = row.filter(|(key, _)| WRITTEN.contains(key));
                text +=
                    &row.map_or(String::new(), |(key, value)| format!("{mark}{key} = {value}\n"));
            } else if row.is_some() || (number == 0 && !of_others.contains(&name)) {
                explained.push(name);
                text += &commented(documented, &rows, mark);
            }
        }
    }
    text
}

/// A key with its documentation as a comment above it; its default is a comment, too, unless it is one of [`WRITTEN`].
fn commented(Documented { key, of }: &Documented, rows: &Rows, mark: &str) -> String {
    let row = rows.iter().find(|(name, _)| *name == key.name);
    let mut lines = wrapped(&sentence(key, of));
    lines.extend(choices(&key.kind).iter().flat_map(|name| {
        let doc = first_paragraph(&name.doc);
        let mut lines = wrapped(&format!("  {}: {doc}", name.name));
        lines.iter_mut().skip(1).for_each(|line| line.insert_str(0, "  "));
        lines
    }));
    let mut text: String = lines.iter().map(|line| format!("{mark}# {line}\n")).collect();
    text += &match row {
        Some((name, value)) if WRITTEN.contains(name) => format!("{mark}{name} = {value}\n"),
        Some((name, value)) => format!("{mark}# {name} = {value}\n"),
        None => format!("{mark}# {} = {}\n", key.name, unset(key)),
    };
    text
}

fn choices(kind: &Kind) -> &[Name] {
    match kind {
        Kind::Choice(names) => names,
        _ => &[],
    }
}

/// A text in lines of a comment.
fn wrapped(text: &str) -> Vec<String> {
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut lines = vec![indent.clone()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        let is_first = line.trim().is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > COLUMNS - 2 {
            lines.push(format!("{indent}{word}"));
        } else {
            let between = if is_first { "" } else { " " };
            write!(line, "{between}{word}").expect("writing to a string");
        }
    }
    lines
}
