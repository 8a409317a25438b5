//! `wordmill similar`: the nearest neighbours of the sum of some words, or of each of them. A line each: word, tab,
//! cosine; with `--each` the word that was asked for and a tab before it.
//!
//! JSON is a list of `{"word": …, "score": …}`; with `--each` a list of `{"word": …, "neighbours": […]}`.

use std::io::Write;

use serde::Serialize;
use wordmill_formats::Vectors;
use wordmill_query::{combine, find_words, nearest_each};

use super::answers::{Answer, answers, print};
use crate::args::SimilarArgs;
use crate::commands::open_to_ask;
use crate::config::threads_or_all;

#[derive(Serialize)]
struct Neighbours {
    word: String,
    neighbours: Vec<Answer>,
}

/// Prints the neighbours.
pub fn run(args: &SimilarArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw)?;
    let positive = find_words(&vectors, &args.words)?;
    let negative = find_words(&vectors, &args.minus)?;
    let threads = threads_or_all(args.threads);
    if args.each {
        return each(args, &vectors, &positive, threads, out);
    }
    let (which, method) = (args.which.into(), args.method.into());
    let found = combine(&vectors, which, (&positive, &negative), method, args.n, threads)?;
    print(&answers(&vectors, &found), args.json, out)
}

fn each(
    args: &SimilarArgs,
    vectors: &Vectors,
    ids: &[usize],
    threads: usize,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let found = nearest_each(vectors, args.which.into(), ids, args.n, threads)?;
    let rows = ids.iter().zip(&found).map(|(&id, found)| Neighbours {
        word: vectors.words().text(id).into_owned(),
        neighbours: answers(vectors, found),
    });
    let rows: Vec<Neighbours> = rows.collect();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&rows)?)?;
        return Ok(());
    }
    for (&id, found) in ids.iter().zip(&found) {
        for (neighbour, score) in found {
            let words = vectors.words();
            writeln!(out, "{}\t{}\t{score:.4}", words.text(id), words.text(*neighbour))?;
        }
    }
    Ok(())
}
