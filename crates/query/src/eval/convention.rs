//! Conventions of evaluation programs: which words take part, how a word is found, when an answer is
//! right.
//!
//! | | `wordmill` | `word2vec` | `gensim` |
//! |---|---|---|---|
//! | a word is found | as written, or in lower case if the text was or may have been | in ASCII capitals | in Unicode capitals |
//! | of several spellings | each is a word | the most frequent one is found | the same |
//! | excluded | the three words | the rows found for them | the rows found, and other spellings of them |
//! | right | the expected row | the expected spelling, if its product is above 0 | the expected spelling |
//! | similarity sets | all words | all words | the `top` most frequent |
//! | semantic | names that do not begin with `gram`, `syn`, or as BATS's I and D | the first five sections | as `wordmill` |
//!
//! `word2vec` is `compute-accuracy.c` with its threshold, `gensim` is `evaluate_word_analogies` and `evaluate_word_pairs` with
//! `restrict_vocab` = `top`, `case_insensitive` and not `dummy4unknown`, their defaults.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use wordmill_formats::{Vectors, Words};

use crate::lookup::find_word;
use crate::search::Answers;

/// How many answers gensim examines to find one that is none of the three words.
const GENSIM_ANSWERS: usize = 5;
/// Sections that `compute-accuracy.c` counts as semantic.
const WORD2VEC_SEMANTIC: usize = 5;

/// Whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// Those of wordmill.
    Wordmill,
    /// Those of `compute-accuracy.c`.
    Word2vec,
    /// Those of gensim's `KeyedVectors`.
    Gensim,
}

impl Convention {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wordmill => "wordmill",
            Self::Word2vec => "word2vec",
            Self::Gensim => "gensim",
        }
    }

    /// Whether the questions of a section are about grammar.
    pub(super) fn is_syntactic(self, number: usize, name: &str) -> bool {
        let is_bats = |name: &str| {
            let mut letters = name.chars();
            let kind = letters.next();
            matches!(kind, Some('I' | 'D'))
                && letters.take(2).filter(char::is_ascii_digit).count() == 2
        };
        match self {
            Self::Word2vec => number >= WORD2VEC_SEMANTIC,
            _ => name.starts_with("gram") || name.starts_with("syn") || is_bats(name),
        }
    }

    /// How many answers are needed to decide whether one is right.
    pub(super) fn answers(self) -> usize {
        if self == Self::Gensim { GENSIM_ANSWERS } else { 1 }
    }
}

/// Caches the words as a convention finds them.
pub(super) struct Lexicon<'a> {
    vectors: &'a Vectors,
    convention: Convention,
    /// Only this many words take part.
    pub top: usize,
    folded: HashMap<String, usize>,
    found: RefCell<HashMap<String, Option<usize>>>,
}

impl<'a> Lexicon<'a> {
    pub fn new(vectors: &'a Vectors, convention: Convention, top: usize) -> Self {
        let words = vectors.words().len();
        let top = if top == 0 { words } else { top.min(words) };
        let mut lexicon =
            Self { vectors, convention, top, folded: HashMap::new(), found: RefCell::default() };
        if convention != Convention::Wordmill {
            for id in 0..top {
                let word = lexicon.fold(&vectors.words().text(id)).into_owned();
                lexicon.folded.entry(word).or_insert(id);
            }
        }
        lexicon
    }

    /// The id of a word, if it takes part.
    pub fn find(&self, word: &str) -> Option<usize> {
        if let Some(found) = self.found.borrow().get(word) {
            return *found;
        }
        let found = match self.convention {
            Convention::Wordmill => find_word(self.vectors, word),
            _ => self.folded.get(self.fold(word).as_ref()).copied(),
        };
        let found = found.filter(|&id| id < self.top);
        self.found.borrow_mut().insert(word.to_owned(), found);
        found
    }

    /// Whether the answers to a question about three words, best first, are right.
    pub fn is_right(&self, asked: &[usize; 3], expected: &[usize], answers: &Answers) -> bool {
        let Some(&(best, score)) = answers.first() else {
            return false;
        };
        let spelling = |id: usize| self.fold(&self.vectors.words().text(id)).into_owned();
        let is_expected = |id: usize| {
            let answer = spelling(id);
            expected.iter().any(|&id| spelling(id) == answer)
        };
        match self.convention {
            Convention::Wordmill => expected.contains(&best),
            Convention::Word2vec => score > 0.0 && is_expected(best),
            Convention::Gensim => {
                let is_asked = |id: usize| {
                    let answer = spelling(id);
                    asked.iter().any(|&id| spelling(id) == answer)
                };
                let ids = || answers.iter().map(|(id, _)| *id);
                // If all of them are spellings of the three words, the last one counts.
                let answer = ids().find(|&id| !is_asked(id)).or_else(|| ids().next_back());
                answer.is_some_and(is_expected)
            }
        }
    }

    fn fold<'b>(&self, word: &'b str) -> Cow<'b, str> {
        match self.convention {
            Convention::Wordmill => Cow::Borrowed(word),
            Convention::Word2vec => Cow::Owned(word.to_ascii_uppercase()),
            Convention::Gensim => Cow::Owned(word.to_uppercase()),
        }
    }
}
