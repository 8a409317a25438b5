//! `wordmill analogy`: A is to B as C is to ?. A line each: word, tab, score.

use std::io::Write;

use wordmill_query::{combine, find_words};

use super::answers::{answers, print};
use crate::args::AnalogyArgs;
use crate::commands::given::open_to_ask;
use wordmill_pipeline::config::threads_or_all;

/// Prints the answers.
pub fn run(args: &AnalogyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw, args.rows)?;
    let words = [&args.a, &args.b, &args.c].map(Clone::clone);
    let ids = find_words(&vectors, &words)?;
    let threads = threads_or_all(args.threads);
    let (which, method) = (args.which.into(), args.method.into());
    let found = combine(&vectors, which, &ids[1..], &ids[..1], method, args.n, threads)?;
    print(&answers(&vectors, &found), args.json, out)
}
