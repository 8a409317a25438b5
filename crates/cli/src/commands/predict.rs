//! `wordmill predict`: which word occurs among these. A line each: word, tab, probability.

use std::io::Write;

use wordmill_query::{Predictor, find_words};

use super::answers::{answers, print_shares};
use crate::args::PredictArgs;
use crate::commands::given::open_to_ask;
use wordmill_pipeline::config::threads_or_all;

/// Prints the most probable words.
pub fn run(args: &PredictArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let vectors = open_to_ask(&args.vectors, args.raw, args.rows)?;
    let predictor = Predictor::new(&vectors)?;
    let context = find_words(&vectors, &args.words)?;
    let found = predictor.best(&context, args.n, threads_or_all(args.threads))?;
    print_shares(&answers(&vectors, &found), args.json, out)
}
