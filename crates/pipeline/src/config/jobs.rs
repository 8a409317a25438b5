//! What the stages are given of a configuration, with paths where files lie.

use std::path::{Path, PathBuf};

use wordmill_text::TextError;
use wordmill_text::tokenizer::{TokenizerConfig, TokenizerName};
use wordmill_vocab::phrases::{Parts, PhrasesJob};
use wordmill_vocab::pieces::PiecesConfig;
use wordmill_vocab::{Description, TokenizeJob, VocabularyJob};

use super::types::{Base, Config};

impl Config {
    /// The same settings, whose relative paths begin in a folder. [`Config::load`] lets them begin in the current folder.
    #[must_use]
    pub fn based_on(mut self, folder: impl Into<PathBuf>) -> Self {
        self.base = Base(folder.into());
        self
    }

    /// Where a file lies that a setting names. Messages show the path as it is written.
    #[must_use]
    pub fn locate(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.0.join(path)
    }

    /// The folder in which relative paths begin.
    pub(crate) fn base(&self) -> &Path {
        if self.base.0.as_os_str().is_empty() { Path::new(".") } else { &self.base.0 }
    }

    /// The tokeniser; reads a file of Hugging Face's library for its digest.
    #[must_use]
    pub fn tokenizer(&self) -> TokenizerConfig {
        let mut corpus = self.corpus.clone();
        if let TokenizerName::Hf(path) = &mut corpus.tokenizer {
            *path = self.locate(&*path).to_string_lossy().into_owned();
        }
        corpus.tokenizer()
    }

    /// The tokeniser with its pieces and phrases, as it is stored with words.
    pub fn description(&self) -> Description {
        Description {
            tokenizer: self.tokenizer(),
            pieces: self.corpus.pieces.as_ref().map(|pieces| pieces.learner),
            delimiter: self.phrases.as_ref().map(|phrases| phrases.delimiter.clone()),
        }
    }

    /// How the stage `tokenize` works; reads the stop words.
    ///
    /// # Errors
    /// A list, or a file of the tokeniser, that cannot be read.
    pub fn tokenize_job(&self) -> Result<TokenizeJob, TextError> {
        let mut lines = self.corpus.lines.clone();
        self.locate_in(&mut lines.stop_words);
        lines.job(self.tokenizer())
    }

    /// How the stage `vocabulary` works; reads its lists.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn vocabulary_job(&self) -> Result<VocabularyJob, TextError> {
        let mut vocabulary = self.vocabulary.clone();
        self.locate_in(&mut vocabulary.keep);
        self.locate_in(&mut vocabulary.drop);
        vocabulary.job(&self.tokenizer(), self.description().text())
    }

    /// How the stage `phrases` works, if there is one; reads its connectors.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn phrases_job(&self) -> Result<Option<PhrasesJob>, TextError> {
        let parts = if self.corpus.pieces.is_some() { Parts::Pieces } else { Parts::Words };
        let Some(mut phrases) = self.phrases.clone() else { return Ok(None) };
        self.locate_in(&mut phrases.connectors);
        self.locate_in(&mut phrases.list);
        phrases.job(self.tokenizer(), parts).map(Some)
    }

    /// How the stage `pieces` works, if there is one.
    pub fn pieces_job(&self) -> Option<PiecesConfig> {
        let mut pieces = self.corpus.pieces.clone()?;
        self.locate_in(&mut pieces.learning.given);
        Some(pieces)
    }

    fn locate_in(&self, path: &mut Option<PathBuf>) {
        *path = path.take().map(|path| self.locate(path));
    }

    /// Whether any trainer reads the co-occurrence matrix; without trainers it is what is wanted.
    pub fn needs_matrix(&self) -> bool {
        self.train.is_empty() || self.train.iter().any(|trainer| !trainer.trainer.reads_text())
    }
}
