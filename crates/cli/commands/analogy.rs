//! `wordmill analogy`: A is to B as C is to ?. A line each: word, tab, score.

use std::io::Write;

use wordmill_query::{analogy, find_words};

use crate::args::AnalogyArgs;
use crate::commands::open_vectors;
use crate::commands::similar::print_answers;
use crate::config::threads_or_all;

/// Prints the answers.
pub fn run(args: &AnalogyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_vectors(&args.vectors)?;
    let words = [&args.a, &args.b, &args.c].map(Clone::clone);
    let ids = find_words(&vectors, &words)?;
    let threads = threads_or_all(args.threads);
    let question = (ids[0], ids[1], ids[2]);
    let answers = analogy(&vectors, question, args.method.into(), args.n, threads)?;
    print_answers(&vectors, &answers, out)
}
