//! Analogy sets in Google's format: "a b c d" asks for d, the row nearest to b − a + c.
//!
//! The rules are those of word2vec's `compute-accuracy` with a threshold and of gensim's
//! `evaluate_word_analogies`: only the `top` most frequent words take part; a question with a word
//! outside them is skipped; a, b and c are never the answer. Candidates pass from the map once, block
//! by block; each block is scaled to length 1 and multiplied with all questions.

use std::path::Path;

use wordmill_formats::{Vectors, Words};
use wordmill_kernels::{Kernels, best};

use super::report::{AnalogyScores, Score, SectionScore};
use super::{lines, read_set};
use crate::error::QueryError;
use crate::lookup::find_word;
use crate::rows::{Rows, Which, normalize};
use crate::threads::over_blocks;

/// Questions multiplied at a time: they fit a first-level cache, and their scores with a block of
/// candidates a second-level one.
const BATCH: usize = 64;

/// Sections of questions.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalogySet {
    name: String,
    sections: Vec<(String, Vec<[String; 4]>)>,
}

/// The words of a question that is asked, and the section it belongs to.
struct Question {
    section: usize,
    words: [usize; 4],
}

/// The best row so far.
#[derive(Clone, Copy)]
struct Best {
    score: f32,
    id: usize,
}

impl AnalogySet {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, and what [`parse`](Self::parse) refuses.
    pub fn read(path: &Path) -> Result<Self, QueryError> {
        Self::parse(&path.display().to_string(), &read_set(path)?)
    }

    /// `: NAME` begins a section, every other line is a question of four words; lines that begin
    /// with `//` are comments.
    ///
    /// # Errors
    /// A line that does not have four words.
    pub fn parse(name: &str, text: &str) -> Result<Self, QueryError> {
        let bad =
            |line: usize, what: String| QueryError::BadLine { path: name.to_owned(), line, what };
        let mut sections = Vec::new();
        for (line, text) in lines(text).filter(|(_, line)| !line.starts_with("//")) {
            if let Some(title) = text.strip_prefix(':') {
                sections.push((title.trim().to_owned(), Vec::new()));
                continue;
            }
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let words = <[String; 4]>::try_from(words).map_err(|_| {
                bad(line, format!("expected four words or `: section`, found {text:?}"))
            })?;
            if sections.is_empty() {
                sections.push(("all".to_owned(), Vec::new()));
            }
            sections.last_mut().expect("there is one").1.push(words);
        }
        let set = Self { name: name.to_owned(), sections };
        match set.is_empty() {
            true => Err(bad(1, "there is no question in it".to_owned())),
            false => Ok(set),
        }
    }

    /// Number of questions.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|(_, questions)| questions.len()).sum()
    }

    /// Whether there is no question.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The questions whose words all have an id below `top`.
    fn questions(&self, vectors: &Vectors, top: usize) -> Vec<Question> {
        let mut known = Vec::new();
        for (section, (_, questions)) in self.sections.iter().enumerate() {
            for question in questions {
                let find = |word: &String| find_word(vectors, word).filter(|&id| id < top);
                let ids: Option<Vec<usize>> = question.iter().map(find).collect();
                if let Some(Ok(words)) = ids.map(<[usize; 4]>::try_from) {
                    known.push(Question { section, words });
                }
            }
        }
        known
    }
}

/// Asks every question of a set of the word vectors, among the `top` most frequent words (0: all),
/// by 3CosAdd.
///
/// # Errors
/// Where the file has no word vectors.
pub fn score_analogies(
    vectors: &Vectors,
    set: &AnalogySet,
    top: usize,
    threads: usize,
) -> Result<AnalogyScores, QueryError> {
    let words = vectors.words().len();
    let top = if top == 0 { words } else { top.min(words) };
    let rows = Rows::new(vectors, Which::Word)?;
    let questions = set.questions(vectors, top);
    let answers = answers(&rows, &questions, top, threads);
    let mut scores: Vec<[u64; 2]> = vec![[0; 2]; set.sections.len()];
    for (question, answer) in questions.iter().zip(answers) {
        let [correct, asked] = &mut scores[question.section];
        *asked += 1;
        *correct += u64::from(answer.id == question.words[3]);
    }
    let section = |((name, all), [correct, asked]): (&(String, Vec<_>), [u64; 2])| SectionScore {
        name: name.clone(),
        score: Score::new(correct, asked, all.len() as u64 - asked),
    };
    let sections = set.sections.iter().zip(scores).map(section).collect();
    Ok(AnalogyScores::new(&set.name, top, sections))
}

/// What a thread keeps: its block of candidates, scores, and the best answers so far.
struct State {
    sums: Vec<f32>,
    units: Vec<f32>,
    scores: Vec<f32>,
    best: Vec<Best>,
}

/// The best candidate for each question.
fn answers(rows: &Rows<'_>, questions: &[Question], top: usize, threads: usize) -> Vec<Best> {
    let (kernels, dim, block_rows) = (best(), rows.dim(), rows.block_rows());
    let queries = queries(rows, questions, kernels);
    let none = Best { score: f32::NEG_INFINITY, id: usize::MAX };
    let start = || State {
        sums: Vec::new(),
        units: Vec::new(),
        scores: Vec::new(),
        best: vec![none; questions.len()],
    };
    let work = |state: &mut State, block: usize| {
        let first = block * block_rows;
        let span = first..(first + block_rows).min(top);
        state.units.clear();
        state.units.extend_from_slice(rows.block(span.clone(), &mut state.sums));
        for row in state.units.chunks_exact_mut(dim) {
            normalize(row, kernels);
        }
        let batches = questions.chunks(BATCH).zip(queries.chunks(BATCH * dim));
        for ((batch, queries), best) in batches.zip(state.best.chunks_mut(BATCH)) {
            state.scores.resize(batch.len() * span.len(), 0.0);
            kernels.scores_many(queries, &state.units, dim, &mut state.scores);
            let scores = state.scores.chunks_exact_mut(span.len());
            for ((question, best), scores) in batch.iter().zip(best).zip(scores) {
                improve(best, question, first, scores);
            }
        }
    };
    let states = over_blocks(threads, top.div_ceil(block_rows), start, work);
    let mut all = vec![none; questions.len()];
    for state in states {
        for (best, other) in all.iter_mut().zip(state.best) {
            let ties = other.score == best.score && other.id < best.id;
            if other.score > best.score || ties {
                *best = other;
            }
        }
    }
    all
}

/// b − a + c of every question, of rows scaled to length 1.
fn queries(rows: &Rows<'_>, questions: &[Question], kernels: &Kernels) -> Vec<f32> {
    let mut queries = Vec::with_capacity(questions.len() * rows.dim());
    for question in questions {
        let [a, b, c, _] = question.words.map(|id| rows.unit(id, kernels));
        let sums = a.iter().zip(&b).zip(&c);
        queries.extend(sums.map(|((a, b), c)| b - a + c));
    }
    queries
}

/// Looks for a better answer among the scores of the rows from `first` on. Blocks come in ascending
/// order, so the first of equal scores stays.
fn improve(best: &mut Best, question: &Question, first: usize, scores: &mut [f32]) {
    for &word in &question.words[..3] {
        if let Some(score) = word.checked_sub(first).and_then(|at| scores.get_mut(at)) {
            *score = f32::NEG_INFINITY;
        }
    }
    let most = maximum(scores);
    if most > best.score {
        let at = scores.iter().position(|&score| score == most);
        *best = Best { score: most, id: first + at.expect("the maximum is one of them") };
    }
}

/// The greatest score. Sixteen running maxima, so that the compiler uses wide registers.
fn maximum(scores: &[f32]) -> f32 {
    let more = |a: f32, b: f32| if b > a { b } else { a };
    let (blocks, rest) = scores.as_chunks::<16>();
    let mut most = [f32::NEG_INFINITY; 16];
    for block in blocks {
        for (most, &score) in most.iter_mut().zip(block) {
            *most = more(*most, score);
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, more)
}
