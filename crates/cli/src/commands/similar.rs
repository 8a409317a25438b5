//! `wordmill similar`: the nearest neighbours of the sum of some words, or of each of them. A line each: word, tab,
//! cosine; with `--each` the word that was asked for and a tab before it.
//!
//! JSON is a list of `{"word": …, "score": …}`; with `--each` a list of `{"word": …, "neighbours": […]}`, and
//! `{"word": …, "error": …}` for a word that is not known.

use std::io::{self, Write};

use serde::Serialize;
use wordmill_formats::{Vectors, Words as _};
use wordmill_query::{combine, find_words, nearest_each};

use super::answers::{Answer, Unanswered, answers, find_each, print};
use super::given::say;
use crate::args::SimilarArgs;
use crate::commands::given::open_to_ask;
use wordmill_pipeline::config::threads_or_all;

#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Known { word: String, neighbours: Vec<Answer> },
    Unknown { word: String, error: String },
}

/// Prints the neighbours.
pub fn run(args: &SimilarArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw, args.rows)?;
    if args.each {
        return each(args, &vectors, out);
    }
    let positive = find_words(&vectors, &args.words)?;
    let negative = find_words(&vectors, &args.minus)?;
    let threads = threads_or_all(args.threads);
    let (which, method) = (args.which.into(), args.method.into());
    let found = combine(&vectors, which, &positive, &negative, method, args.n, threads)?;
    print(&answers(&vectors, &found), args.json, out)
}

fn each(args: &SimilarArgs, vectors: &Vectors, out: &mut dyn Write) -> anyhow::Result<()> {
    let asked = find_each(vectors, &args.words);
    let ids: Vec<usize> = asked.iter().filter_map(|id| id.as_ref().ok().copied()).collect();
    let threads = threads_or_all(args.threads);
    let mut found = nearest_each(vectors, args.which.into(), &ids, args.n, threads)?.into_iter();
    let mut rows = Vec::with_capacity(asked.len());
    for (word, id) in args.words.iter().zip(asked) {
        rows.push(match id {
            Err(error) => Row::Unknown { word: word.clone(), error: error.to_string() },
            Ok(id) => {
                let found = found.next().expect("as many answers as words that are known");
                let word = vectors.words().text(id).into_owned();
                if found.is_empty() && args.n > 0 && vectors.words().len() > 1 {
                    let error = "its vector is all zeros, which is near to nothing".to_owned();
                    say(&format!("{word:?}: {error}"));
                    Row::Unknown { word, error }
                } else {
                    Row::Known { word, neighbours: answers(vectors, &found) }
                }
            }
        });
    }
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&rows)?)?,
        false => rows.iter().try_for_each(|row| print_row(row, out))?,
    }
    let unknown = rows.iter().filter(|row| matches!(row, Row::Unknown { .. })).count();
    Ok(Unanswered::check(unknown, rows.len())?)
}

fn print_row(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let Row::Known { word, neighbours } = row else {
        return Ok(());
    };
    neighbours
        .iter()
        .try_for_each(|near| writeln!(out, "{word}\t{}\t{:.4}", near.word(), near.score()))
}
