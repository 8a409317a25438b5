//! The session of `wordmill query`: what is asked line by line, and how it is answered.

use std::io::{BufRead, Write};

use wordmill_formats::{FormatError, Vectors};
use wordmill_pipeline::config::ConfigError;
use wordmill_query::{AnalogyMethod, Predictor, QueryError, Question, Which, combine};

use crate::commands::answers::{Answer, Unanswered, answers, print, print_shares};
use crate::commands::given::say;

const HELP: &str = "  \
king                    neighbours
  king - man + woman      neighbours of a sum
  man : king :: woman     man is to king as woman is to ?
  ? the cat on the        which word occurs among these
  :n 20                   as many answers
  :which word|context|sum which vectors are compared
  :method add|mul         how cosines are put together
  :help                   this
  :quit                   ends, as Ctrl-D does";

/// What the next question is answered with.
pub struct Session<'a> {
    /// What is asked.
    pub vectors: &'a Vectors,
    /// The number of answers.
    pub n: usize,
    /// Which vectors are compared.
    pub which: Which,
    /// How cosines are put together.
    pub method: AnalogyMethod,
    /// The number of threads.
    pub threads: usize,
    /// Whether a person reads.
    pub is_terminal: bool,
}

/// What a line asked for.
pub enum Reply {
    /// Answers.
    GoOn,
    /// The end.
    Quit,
}

impl Session<'_> {
    /// Answers what comes through a pipe, a line each.
    pub fn answer_all(
        &mut self,
        input: &mut dyn BufRead,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (mut asked, mut unanswered) = (0, 0);
        for number in 1.. {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            if read.map_err(|e| FormatError::io("standard input".as_ref(), "reading", e))? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text =
                text.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(&text).trim();
            asked += usize::from(!text.is_empty());
            match self.answer(text, out) {
                Ok(Reply::Quit) => break,
                Ok(Reply::GoOn) => {}
                Err(error) => {
                    let what = Self::forgive(&error).ok_or(error)?;
                    say(&format!("standard input: line {number}: {what}"));
                    writeln!(out)?;
                    unanswered += 1;
                }
            }
            out.flush()?;
        }
        Ok(Unanswered::check(unanswered, asked)?)
    }

    /// Answers a line.
    pub fn answer(&mut self, line: &str, out: &mut dyn Write) -> anyhow::Result<Reply> {
        if line.is_empty() {
            return Ok(Reply::GoOn);
        }
        if let Some(command) =
            line.strip_prefix(':').filter(|rest| rest.starts_with(char::is_alphabetic))
        {
            return self.command(command, out);
        }
        match Question::parse(self.vectors, line)? {
            Question::Near { positive, negative } => self.near(&positive, &negative, out)?,
            Question::Analogy { words: [a, b, c] } => self.near(&[b, c], &[a], out)?,
            Question::Predict { context } => {
                let found = Predictor::new(self.vectors)?.best(&context, self.n, self.threads)?;
                let found = answers(self.vectors, &found);
                match self.is_terminal {
                    true => self.table(&found, out)?,
                    false => print_shares(&found, false, out)?,
                }
            }
        }
        writeln!(out)?;
        Ok(Reply::GoOn)
    }

    fn near(
        &self,
        positive: &[usize],
        negative: &[usize],
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let Self { vectors, which, method, n, threads, .. } = *self;
        let found = combine(vectors, which, positive, negative, method, n, threads)?;
        let found = answers(self.vectors, &found);
        match self.is_terminal {
            true => self.table(&found, out),
            false => print(&found, false, out),
        }
    }

    /// For people: words in a column as wide as the longest.
    fn table(&self, found: &[Answer], out: &mut dyn Write) -> anyhow::Result<()> {
        let width = found.iter().map(|answer| answer.word().chars().count()).max().unwrap_or(0);
        for (answer, rank) in found.iter().zip(1..) {
            let (word, score) = (answer.word(), answer.score());
            let pad = width - word.chars().count();
            writeln!(out, "{rank:>4}  {word}{:pad$}  {score:.4}", "")?;
        }
        Ok(())
    }

    fn command(&mut self, command: &str, out: &mut dyn Write) -> anyhow::Result<Reply> {
        let parts: Vec<&str> = command.split_whitespace().collect();
        let bad = |what: &str| {
            let text = format!(":{command}");
            anyhow::Error::from(QueryError::BadQuestion { text, what: what.into() })
        };
        match parts[..] {
            ["quit" | "q" | "exit"] => return Ok(Reply::Quit),
            ["help" | "h"] => writeln!(out, "{HELP}")?,
            ["n", n] => self.n = n.parse().map_err(|_| bad("expected a number"))?,
            ["which", "word"] => self.which = Which::Word,
            ["which", "context"] => self.which = Which::Context,
            ["which", "sum"] => self.which = Which::Sum,
            ["method", "add"] => self.method = AnalogyMethod::Add,
            ["method", "mul"] => self.method = AnalogyMethod::Mul,
            _ => return Err(bad("there is no such command; :help lists them")),
        }
        Ok(Reply::GoOn)
    }

    /// A question that cannot be answered ends nothing on a terminal, unless the disk or the program is to blame.
    pub fn forgive(error: &anyhow::Error) -> Option<String> {
        let asked = error.downcast_ref::<QueryError>()?;
        let lenient = !matches!(asked, QueryError::Format(_));
        lenient.then(|| asked.to_string())
    }
}

/// A terminal that cannot be used.
pub fn broken(what: impl ToString) -> anyhow::Error {
    ConfigError::new("terminal", format!("reading a line: {}", what.to_string())).into()
}
