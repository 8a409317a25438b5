//! `wordmill vector`: the numbers themselves.
//!
//! A line a word, `word v1 … vd`, with as many digits as it takes to read the same f32 back; with
//! `--json` a list of `{"word": …, "count": …, "vector": […]}`.

use std::io::Write;

use serde::Serialize;
use wordmill_formats::Words;
use wordmill_query::find_words;

use crate::args::VectorArgs;
use crate::commands::open_to_ask;

#[derive(Serialize)]
struct Row<'a> {
    word: String,
    count: u64,
    vector: &'a [f32],
}

/// Prints the vectors.
pub fn run(args: &VectorArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw)?;
    let words = vectors.words();
    let row = |id: usize| Row {
        word: words.text(id).into_owned(),
        count: words.counts()[id],
        vector: vectors.word_vector(id),
    };
    let ids = find_words(&vectors, &args.words)?;
    let rows: Vec<Row<'_>> = ids.into_iter().map(row).collect();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&rows)?)?;
        return Ok(());
    }
    for row in rows {
        write!(out, "{}", row.word)?;
        for value in row.vector {
            write!(out, " {value}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
