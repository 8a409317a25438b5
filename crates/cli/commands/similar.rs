//! `wordmill similar`: the nearest neighbours of the sum of some words. A line each: word, tab,
//! cosine.

use std::io::Write;

use wordmill_formats::Vectors;
use wordmill_query::{find_words, nearest};

use crate::args::SimilarArgs;
use crate::commands::open_vectors;
use crate::config::threads_or_all;

/// Prints the neighbours.
pub fn run(args: &SimilarArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_vectors(&args.vectors)?;
    let ids = find_words(&vectors, &args.words)?;
    let threads = threads_or_all(args.threads);
    let answers = nearest(&vectors, args.which.into(), &ids, &[], args.n, threads)?;
    print_answers(&vectors, &answers, out)
}

/// Words with their scores.
pub fn print_answers(
    vectors: &Vectors,
    answers: &[(usize, f32)],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for (id, score) in answers {
        writeln!(out, "{}\t{score:.4}", vectors.words().text(*id))?;
    }
    Ok(())
}
