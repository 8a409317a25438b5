//! Parses typed questions: `king - man + woman`, `man : king :: woman`, `? the cat on the`.
//!
//! A sign is a token alone or a prefix of a word, unless sign and word together are in the vocabulary. There may be any
//! number of positive and negative words. A sign or a mark that is the whole question is a word.

use wordmill_formats::Vectors;

use crate::error::QueryError;
use crate::lookup::{find_word, find_words};

/// A question about known words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which words are near to some words and far from others?
    Near {
        /// Words that are added.
        positive: Vec<usize>,
        /// Words that are subtracted.
        negative: Vec<usize>,
    },
    /// A is to B as C is to ?
    Analogy {
        /// A, B and C.
        words: [usize; 3],
    },
    /// Which word occurs among these?
    Predict {
        /// The words around it.
        context: Vec<usize>,
    },
}

impl Question {
    /// Parses a line.
    ///
    /// # Errors
    /// For a line without a word, a sign without one, an analogy of other than three words, and unknown words.
    pub fn parse(vectors: &Vectors, text: &str) -> Result<Self, QueryError> {
        let bad = |what: &str| QueryError::BadQuestion { text: text.into(), what: what.into() };
        let parts: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let known = |word: &str| find_word(vectors, word).is_some();
        if let [first, context @ ..] = &parts[..]
            && first == "?"
            && !context.is_empty()
        {
            return Ok(Self::Predict { context: find_words(vectors, context)? });
        }
        let is_mark = |part: &String| matches!(part.as_str(), ":" | "::") && parts.len() > 1;
        if parts.iter().any(is_mark) {
            let words: Vec<String> = parts.iter().filter(|part| !is_mark(part)).cloned().collect();
            let words = <[String; 3]>::try_from(words)
                .map_err(|_| bad("expected A : B :: C, three words"))?;
            let ids = find_words(vectors, &words)?;
            return Ok(Self::Analogy { words: [ids[0], ids[1], ids[2]] });
        }
        let (mut positive, mut negative, mut sign) = (Vec::new(), Vec::new(), None);
        for part in &parts {
            let mut word = part.as_str();
            let is_sign = matches!(word, "+" | "-") && parts.len() > 1;
            if is_sign || (word.starts_with(['+', '-']) && !known(word)) {
                if sign.is_some() {
                    return Err(bad("two signs in a row"));
                }
                sign = Some(word.starts_with('-'));
                word = &word[1..];
            }
            if word.is_empty() {
                continue;
            }
            let side = if sign.take().unwrap_or(false) { &mut negative } else { &mut positive };
            side.extend(find_words(vectors, &[word.to_owned()])?);
        }
        match (sign, positive.len() + negative.len()) {
            (Some(_), _) => Err(bad("a sign at the end; expected a word behind it")),
            (None, 0) => Err(bad("expected a word")),
            (None, _) => Ok(Self::Near { positive, negative }),
        }
    }
}
