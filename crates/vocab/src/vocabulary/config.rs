//! The settings of the stage `vocabulary`, and its counts.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_text::tokenizer::TokenizerConfig;
use wordmill_text::{TextError, WordSet};

/// `[vocabulary]`: which words stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VocabularyConfig {
    /// Words that occur less often are dropped.
    #[schemars(range(min = 1))]
    pub min_count: u64,
    /// At most this many words, the most frequent ones; 0 is no limit.
    #[schemars(range(min = 0, max = 4_294_967_295_u64))]
    pub max_size: usize,
    /// A file with one word per line: only these are kept, if they are frequent enough.
    pub keep: Option<PathBuf>,
    /// A file with one word per line: these are dropped; `cooccur.dropped` says whether they leave a gap.
    pub drop: Option<PathBuf>,
}

impl Default for VocabularyConfig {
    fn default() -> Self {
        Self { min_count: 5, max_size: 0, keep: None, drop: None }
    }
}

impl VocabularyConfig {
    /// Reads the lists, and brings their words into the form of `tokenizer`.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn job(
        &self,
        tokenizer: &TokenizerConfig,
        description: String,
    ) -> Result<VocabularyJob, TextError> {
        let list = |key, path: &Option<PathBuf>| {
            let read = |path: &PathBuf| WordSet::read(path, key, tokenizer).map(Arc::new);
            path.as_ref().map(read).transpose()
        };
        let lists = WordLists {
            keep: list("vocabulary.keep", &self.keep)?,
            drop: list("vocabulary.drop", &self.drop)?,
        };
        let Self { min_count, max_size, .. } = *self;
        Ok(VocabularyJob { min_count, max_size, lists, tokenizer: description })
    }
}

/// The same with the parameters of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocabularyJob {
    /// A word that occurs less often is left out; 0 and 1 keep all.
    pub min_count: u64,
    /// Only this many of the most frequent words are kept; 0 is no limit.
    pub max_size: usize,
    /// The lists of `vocabulary.keep` and `vocabulary.drop`.
    pub lists: WordLists,
    /// The tokeniser that made the shards ([`crate::Description`]), to be stored with the words;
    /// empty if it is not known.
    pub tokenizer: String,
}

impl VocabularyJob {
    /// Keeps every word, of an unknown tokeniser.
    pub const ALL: Self =
        Self { min_count: 1, max_size: 0, lists: WordLists::NONE, tokenizer: String::new() };

    /// The explicit settings that drop words, each with what it has dropped by these counts.
    #[must_use]
    pub fn left_out(&self, counts: &VocabularyCounts) -> Vec<LeftOut<'_>> {
        let WordLists { keep, drop } = &self.lists;
        let [(unlisted, of_keep), (listed, of_drop)] = counts.left_out();
        let keep = keep.as_deref().map(|list| LeftOut {
            key: "vocabulary.keep",
            list: Some(list),
            count: unlisted,
            tokens: of_keep,
        });
        let drop = drop.as_deref().map(|list| LeftOut {
            key: "vocabulary.drop",
            list: Some(list),
            count: listed,
            tokens: of_drop,
        });
        keep.into_iter().chain(drop).collect()
    }

    /// Whether any word that is frequent enough may be in the vocabulary.
    pub(super) fn admits_all(&self) -> bool {
        self.lists.is_none()
    }

    /// Whether a word may be in the vocabulary if it is frequent enough; counts its tokens if not.
    pub(super) fn admits(&self, word: &[u8], count: u64, counts: &mut VocabularyCounts) -> bool {
        self.lists.admits(word, count, counts)
    }
}

/// What a setting has dropped from the vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut<'a> {
    /// The setting.
    pub key: &'static str,
    /// The list that it names, if any.
    pub list: Option<&'a WordSet>,
    /// The name of the count of its tokens.
    pub count: &'static str,
    /// Tokens of the dropped words.
    pub tokens: u64,
}

impl Default for VocabularyJob {
    /// Drops words that occur less than five times.
    fn default() -> Self {
        Self { min_count: 5, ..Self::ALL }
    }
}

/// Which words may be in the vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordLists {
    /// Only these.
    pub keep: Option<Arc<WordSet>>,
    /// None of these.
    pub drop: Option<Arc<WordSet>>,
}

impl WordLists {
    /// Any word may.
    pub const NONE: Self = Self { keep: None, drop: None };

    /// Whether any word may.
    fn is_none(&self) -> bool {
        self.keep.is_none() && self.drop.is_none()
    }

    /// Whether a word may be in the vocabulary; counts its tokens if not.
    fn admits(&self, word: &[u8], count: u64, counts: &mut VocabularyCounts) -> bool {
        if self.drop.as_ref().is_some_and(|drop| drop.contains(word)) {
            counts.listed_drop_tokens += count;
            return false;
        }
        if self.keep.as_ref().is_some_and(|keep| !keep.contains(word)) {
            counts.unlisted_keep_tokens += count;
            return false;
        }
        true
    }
}

/// The counts of the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VocabularyCounts {
    /// Tokens of the corpus.
    pub tokens: u64,
    /// Distinct words of the corpus.
    pub distinct_words: u64,
    /// Words of the vocabulary.
    pub words: u64,
    /// Tokens that are words of the vocabulary.
    pub kept_tokens: u64,
    /// Tokens whose word is not in `vocabulary.keep`.
    pub unlisted_keep_tokens: u64,
    /// Tokens whose word is in `vocabulary.drop`.
    pub listed_drop_tokens: u64,
}

impl VocabularyCounts {
    /// Names and numbers of the counts that every vocabulary has.
    #[must_use]
    pub fn rows(&self) -> [(&'static str, u64); 4] {
        [
            ("tokens", self.tokens),
            ("distinct_words", self.distinct_words),
            ("words", self.words),
            ("kept_tokens", self.kept_tokens),
        ]
    }

    /// The same for the dropped tokens.
    pub(super) fn left_out(&self) -> [(&'static str, u64); 2] {
        [
            ("unlisted_keep_tokens", self.unlisted_keep_tokens),
            ("listed_drop_tokens", self.listed_drop_tokens),
        ]
    }

    /// Reads all of them from stored settings.
    pub(super) fn read<E>(stored: impl Fn(&str) -> Result<u64, E>) -> Result<Self, E> {
        // Stored only if something was dropped.
        let rare = |key| stored(key).unwrap_or(0);
        Ok(Self {
            tokens: stored("tokens")?,
            distinct_words: stored("distinct_words")?,
            words: stored("words")?,
            kept_tokens: stored("kept_tokens")?,
            unlisted_keep_tokens: rare("unlisted_keep_tokens"),
            listed_drop_tokens: rare("listed_drop_tokens"),
        })
    }
}
