//! Answers as they are printed: a line each, word, tab, score; or JSON, a list of `{"word": …, "score": …}`. Where many questions
//! are asked at once, one that cannot be answered is reported on standard error, all others are answered, and the command fails at
//! its end.

use std::io::Write;

use serde::Serialize;
use wordmill_formats::{Vectors, counted};
use wordmill_query::{QueryError, find_known};

use super::given::say;

/// A word with its score.
#[derive(Debug, Serialize)]
pub struct Answer {
    word: String,
    score: f64,
}

impl Answer {
    /// The word.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Its score.
    pub fn score(&self) -> f64 {
        self.score
    }
}

/// Some of many questions were not answered, which was reported one by one.
#[derive(Debug, thiserror::Error)]
#[error("{unanswered} of {} could not be answered", counted(*asked as u64, "question"))]
pub struct Unanswered {
    unanswered: usize,
    asked: usize,
}

impl Unanswered {
    /// Fails where there were any.
    pub fn check(unanswered: usize, asked: usize) -> Result<(), Self> {
        if unanswered == 0 { Ok(()) } else { Err(Self { unanswered, asked }) }
    }
}

/// Ids of words, or why there is none, which is reported.
pub fn find_each(vectors: &Vectors, words: &[String]) -> Vec<Result<usize, QueryError>> {
    let find =
        |word: &String| find_known(vectors, word).inspect_err(|error| say(&error.to_string()));
    words.iter().map(find).collect()
}

/// Ids and scores as words and scores. A score of f32 keeps its digits.
pub fn answers<S: ToString + Copy>(vectors: &Vectors, found: &[(usize, S)]) -> Vec<Answer> {
    let answer = |&(id, score): &(usize, S)| Answer {
        word: vectors.words().text(id).into_owned(),
        score: score.to_string().parse().expect("a number is one when it is read back"),
    };
    found.iter().map(answer).collect()
}

/// Prints cosines, or scores that are computed from them.
pub fn print(answers: &[Answer], json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(answers)?)?;
        return Ok(());
    }
    for Answer { word, score } in answers {
        writeln!(out, "{word}\t{score:.4}")?;
    }
    Ok(())
}

/// Prints probabilities, which may be small.
pub fn print_shares(answers: &[Answer], json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        return print(answers, json, out);
    }
    for Answer { word, score } in answers {
        match *score < 1e-4 {
            true => writeln!(out, "{word}\t{score:.2e}")?,
            false => writeln!(out, "{word}\t{score:.6}")?,
        }
    }
    Ok(())
}
