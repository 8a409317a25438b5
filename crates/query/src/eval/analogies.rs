//! Analogy sets: which word is to c as b is to a?
//!
//! Google's format has one question per line, `a b c d`, and a line `: NAME` before each section. BATS (Gladkova et al.
//! 2016) has one file per section and one pair per line, `word<TAB>answer/answer/…`: every pair asks about every other;
//! the first known answer of the first pair is b, any answer of the other is right. The lines of a file show which
//! format it has. A folder is read file by file.
//!
//! A question is skipped, and counted as skipped, if one of its words does not take part. All questions are asked at
//! once, so the rows are read from the map only once.

use std::collections::HashMap;
use std::path::Path;

use wordmill_formats::Vectors;
use wordmill_kernels::{Kernels, best};

use super::bootstrap::share_interval;
use super::config::EvalConfig;
use super::convention::{Convention, Lexicon};
use super::report::{AnalogyScores, Score, SectionScore};
use super::sets::{files_of, lines, read_set, stem};
use crate::analogy::AnalogyMethod;
use crate::error::QueryError;
use crate::nearest::direction;
use crate::rows::{Rows, Which};
use crate::search::{Judge, Search};

/// Limit of pairs per section, as every pair asks about every other; BATS has 50.
const PAIRS_MAX: usize = 1000;

/// Sections of questions.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalogySet {
    name: String,
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq)]
struct Section {
    name: String,
    questions: Questions,
}

#[derive(Clone, Debug, PartialEq)]
enum Questions {
    /// a, b, c, d.
    Whole(Vec<[String; 4]>),
    /// A word, and the words that may be in the relation to it.
    Pairs(Vec<(String, Vec<String>)>),
}

/// The words of a question that is asked.
struct Question {
    /// Its number in the set.
    number: u64,
    words: [usize; 3],
    expected: Vec<usize>,
}

impl AnalogySet {
    /// Reads a file, or all text files of a folder.
    ///
    /// # Errors
    /// For a file that cannot be read, a folder without questions, and the errors of
    /// [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self, QueryError> {
        let name = path.display().to_string();
        let mut sections = Vec::new();
        for file in files_of(path, &["txt"])? {
            let set = Self::parse(&file.display().to_string(), &read_set(&file)?)?;
            let titled = |mut section: Section| {
                if section.name == UNTITLED {
                    section.name = stem(&file);
                }
                section
            };
            sections.extend(set.sections.into_iter().map(titled));
        }
        let set = Self { name, sections };
        match set.is_empty() {
            true => Err(bad(&set.name, 1, "there is no question in it".to_owned())),
            false => Ok(set),
        }
    }

    /// Parses a set. `: NAME` begins a section, every other line is a question of four words or a pair;
    /// lines that begin with `//` are comments.
    ///
    /// # Errors
    /// For a line that does not have four words, or two fields in a section of pairs, and for a section of more than
    /// 1,000 pairs.
    pub fn parse(name: &str, text: &str) -> Result<Self, QueryError> {
        let mut sections: Vec<Section> = Vec::new();
        for (line, text) in lines(text).filter(|(_, line)| !line.starts_with("//")) {
            if let Some(title) = text.strip_prefix(':') {
                let questions = Questions::Whole(Vec::new());
                sections.push(Section { name: title.trim().to_owned(), questions });
                continue;
            }
            if sections.is_empty() {
                let questions = Questions::Whole(Vec::new());
                sections.push(Section { name: UNTITLED.to_owned(), questions });
            }
            let section = sections.last_mut().expect("there is one");
            section.questions.push(text).map_err(|what| bad(name, line, what))?;
        }
        sections.iter_mut().for_each(|section| section.questions.merge());
        let set = Self { name: name.to_owned(), sections };
        match set.is_empty() {
            true => Err(bad(name, 1, "there is no question in it".to_owned())),
            false => Ok(set),
        }
    }

    /// Number of questions.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|section| section.questions.len()).sum()
    }

    /// Whether there is no question.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The name of the section before the first title.
const UNTITLED: &str = "all";

fn bad(path: &str, line: usize, what: String) -> QueryError {
    QueryError::BadLine { path: path.to_owned(), line, what }
}

impl Questions {
    /// Parses a line. A line of two fields begins a section of pairs.
    fn push(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = match line.contains('\t') {
            true => line.split('\t').map(str::trim).filter(|word| !word.is_empty()).collect(),
            false => line.split_whitespace().collect(),
        };
        if let Self::Whole(questions) = self
            && questions.is_empty()
            && words.len() == 2
        {
            *self = Self::Pairs(Vec::new());
        }
        match self {
            Self::Whole(questions) => {
                let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                let words = <[String; 4]>::try_from(words).map_err(|_| {
                    format!("expected four words, a pair `word answer/answer`, or `: section`, found {line:?}")
                })?;
                questions.push(words);
            }
            Self::Pairs(pairs) => {
                let [word, answers] = words[..] else {
                    return Err(format!("expected a pair, a word and its answers, found {line:?}"));
                };
                let answers = answers.split('/').filter(|answer| !answer.is_empty());
                let answers: Vec<String> = answers.map(str::to_owned).collect();
                if answers.is_empty() || pairs.len() == PAIRS_MAX {
                    return Err(format!(
                        "expected answers, and at most {PAIRS_MAX} pairs a section"
                    ));
                }
                pairs.push((word.to_owned(), answers));
            }
        }
        Ok(())
    }

    /// Merges the pairs of the same word.
    fn merge(&mut self) {
        let Self::Pairs(pairs) = self else {
            return;
        };
        let mut at: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(String, Vec<String>)> = Vec::new();
        for (word, answers) in std::mem::take(pairs) {
            match at.get(&word) {
                Some(&at) => merged[at].1.extend(answers),
                None => {
                    at.insert(word.clone(), merged.len());
                    merged.push((word, answers));
                }
            }
        }
        *pairs = merged;
    }

    fn len(&self) -> usize {
        match self {
            Self::Whole(questions) => questions.len(),
            Self::Pairs(pairs) => pairs.len() * pairs.len().saturating_sub(1),
        }
    }

    /// The questions whose words all take part, numbered from `first` on.
    fn known(&self, lexicon: &Lexicon<'_>, first: u64) -> Vec<Question> {
        match self {
            Self::Whole(questions) => {
                let known = |(words, number): (&[String; 4], u64)| {
                    let [a, b, c, d] = words.each_ref().map(|word| lexicon.find(word));
                    Some(Question { number, words: [a?, b?, c?], expected: vec![d?] })
                };
                questions.iter().zip(first..).filter_map(known).collect()
            }
            Self::Pairs(pairs) => {
                let find = |(word, answers): &(String, Vec<String>)| {
                    let known: Vec<usize> =
                        answers.iter().filter_map(|answer| lexicon.find(answer)).collect();
                    lexicon.find(word).filter(|_| !known.is_empty()).map(|word| (word, known))
                };
                let found: Vec<_> = pairs.iter().map(find).collect();
                let mut known = Vec::new();
                for (one, of_one) in found.iter().enumerate() {
                    for (other, of_other) in found.iter().enumerate().filter(|(it, _)| *it != one) {
                        if let (Some((a, b)), Some((c, expected))) = (of_one, of_other) {
                            let at = one * (pairs.len() - 1) + other - usize::from(other > one);
                            let (number, words) = (first + at as u64, [*a, b[0], *c]);
                            known.push(Question { number, words, expected: expected.clone() });
                        }
                    }
                }
                known
            }
        }
    }
}

/// Asks the word vectors every question of a set.
///
/// # Errors
/// If the file has no word vectors.
pub fn score_analogies(
    vectors: &Vectors,
    set: &AnalogySet,
    config: &EvalConfig,
) -> Result<AnalogyScores, QueryError> {
    let lexicon = Lexicon::new(vectors, config.convention, config.top);
    let rows = Rows::new(vectors, Which::Word)?;
    let mut first = 0;
    let mut of_sections = Vec::new();
    for section in &set.sections {
        of_sections.push(section.questions.known(&lexicon, first));
        first += section.questions.len() as u64;
    }
    let right = right(&rows, &lexicon, &of_sections, config);
    let mut outcomes = of_sections.iter().flatten().map(|question| question.number).zip(right);
    let mut all = Vec::new();
    let mut sections = Vec::new();
    for (section, questions) in set.sections.iter().zip(&of_sections) {
        let some: Vec<(u64, bool)> = outcomes.by_ref().take(questions.len()).collect();
        let skipped = (section.questions.len() - some.len()) as u64;
        sections.push(SectionScore {
            name: section.name.clone(),
            score: score(&some, skipped, config.seed),
        });
        all.push(some);
    }
    Ok(put_together(set, lexicon.top, sections, all, config))
}

fn score(outcomes: &[(u64, bool)], skipped: u64, seed: u64) -> Score {
    let right: Vec<bool> = outcomes.iter().map(|(_, right)| *right).collect();
    let correct = right.iter().filter(|right| **right).count() as u64;
    let interval = share_interval(&right, seed);
    Score { interval, ..Score::new(correct, right.len() as u64, skipped) }
}

fn put_together(
    set: &AnalogySet,
    top: usize,
    sections: Vec<SectionScore>,
    outcomes: Vec<Vec<(u64, bool)>>,
    config: &EvalConfig,
) -> AnalogyScores {
    let sum = |wanted: &dyn Fn(bool) -> bool| {
        let numbered = sections.iter().zip(&outcomes).enumerate();
        let of = numbered.filter(|(number, (section, _))| {
            wanted(config.convention.is_syntactic(*number, &section.name))
        });
        let (mut some, mut skipped) = (Vec::new(), 0);
        for (_, (section, outcomes)) in of {
            some.extend_from_slice(outcomes);
            skipped += section.score.skipped;
        }
        score(&some, skipped, config.seed)
    };
    AnalogyScores {
        set: set.name.clone(),
        top,
        semantic: sum(&|is_syntactic| !is_syntactic),
        syntactic: sum(&|is_syntactic| is_syntactic),
        total: sum(&|_| true),
        outcomes: outcomes.into_iter().flatten().collect(),
        sections,
    }
}

/// Whether each question was answered correctly.
fn right(
    rows: &Rows<'_>,
    lexicon: &Lexicon<'_>,
    sections: &[Vec<Question>],
    config: &EvalConfig,
) -> Vec<bool> {
    let questions = || sections.iter().flatten();
    let judge = match config.method {
        AnalogyMethod::Add => Judge::Cosine,
        AnalogyMethod::Mul => Judge::Product { positive: 2, negative: 1 },
    };
    let kernels = best();
    let query = |question: &Question| query(rows, question.words, judge, kernels);
    let queries: Vec<f32> = questions().flat_map(query).collect();
    let left_out: Vec<Vec<usize>> = questions().map(|question| question.words.to_vec()).collect();
    let n = config.convention.answers();
    let search = Search { rows, among: lexicon.top, judge, n, threads: config.threads };
    let answers = search.answers(&queries, &left_out);
    let both = questions().zip(&answers);
    both.map(|(question, answers)| lexicon.is_right(&question.words, &question.expected, answers))
        .collect()
}

/// b − a + c, or b, c and a one after another.
fn query(rows: &Rows<'_>, [a, b, c]: [usize; 3], judge: Judge, kernels: &Kernels) -> Vec<f32> {
    match judge {
        Judge::Cosine => direction(rows, &[b, c], &[a]),
        Judge::Product { .. } => {
            [b, c, a].into_iter().flat_map(|id| rows.unit(id, kernels)).collect()
        }
    }
}

impl EvalConfig {
    /// Fails if the convention does not support the method.
    ///
    /// # Errors
    /// For 3CosMul with any convention but wordmill's.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.method == AnalogyMethod::Mul && self.convention != Convention::Wordmill {
            let text = format!("--method mul --convention {}", self.convention.name());
            let what = "it adds only; leave out one of the two".to_owned();
            return Err(QueryError::BadQuestion { text, what });
        }
        Ok(())
    }
}
