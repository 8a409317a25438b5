//! `wordmill vector`: the numbers themselves.
//!
//! A line a word, `word v1 … vd`, with as many digits as it takes to read the same f32 back; with
//! `--json` a list of `{"word": …, "count": …, "vector": […]}`, and `{"word": …, "error": …}` for a word that is not known.

use std::io::Write;

use serde::Serialize;
use wordmill_formats::Words;

use super::answers::{Unanswered, find_each};
use crate::args::VectorArgs;
use crate::commands::given::open_to_ask;

#[derive(Serialize)]
#[serde(untagged)]
enum Row<'a> {
    Known { word: String, count: u64, vector: &'a [f32] },
    Unknown { word: &'a str, error: String },
}

/// Prints the vectors.
pub fn run(args: &VectorArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw, args.rows)?;
    let words = vectors.words();
    let found = find_each(&vectors, &args.words);
    let unknown = found.iter().filter(|found| found.is_err()).count();
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(found.len());
    for (word, id) in args.words.iter().zip(found) {
        rows.push(match id {
            Ok(id) => Row::Known {
                word: words.text(id).into_owned(),
                count: words.counts()[id],
                vector: vectors.word_vector(id),
            },
            Err(error) => Row::Unknown { word, error: error.to_string() },
        });
    }
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&rows)?)?,
        false => rows.iter().try_for_each(|row| print(row, out))?,
    }
    Ok(Unanswered::check(unknown, rows.len())?)
}

fn print(row: &Row<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let Row::Known { word, vector, .. } = row else {
        return Ok(());
    };
    write!(out, "{word}")?;
    vector.iter().try_for_each(|value| write!(out, " {value}"))?;
    writeln!(out)
}
