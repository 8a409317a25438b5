//! `wordmill query`: questions one after another. On a terminal with history and completion; through a pipe each line is
//! answered as `word<tab>score`, an empty line after each question. A question that cannot be answered is reported on standard error
//! with the number of its line; its place holds the empty line alone, and the command fails at its end.

mod editor;
mod session;

use std::io::{self, IsTerminal, Write};

use wordmill_formats::Words;
use wordmill_pipeline::config::{ConfigError, threads_or_all};

use super::given::open_to_ask;
use crate::args::QueryArgs;
use session::Session;

/// Answers until there is no question any more.
pub fn run(args: &QueryArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.vectors.as_os_str() == "-" {
        let what = "reading vectors: questions come through standard input; name a file";
        return Err(ConfigError::new("-", what).into());
    }
    let vectors = open_to_ask(&args.vectors, args.raw, args.rows)?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut session = Session {
        vectors: &vectors,
        n: args.n,
        which: args.which.into(),
        method: args.method.into(),
        threads: threads_or_all(args.threads),
        is_terminal,
    };
    if is_terminal {
        let (words, dim) = (vectors.words().len(), vectors.dim());
        writeln!(out, "{}: {words} words x {dim}; :help helps", args.vectors.display())?;
        out.flush()?;
        return editor::run(&mut session, out);
    }
    session.answer_all(&mut io::stdin().lock(), out)
}
