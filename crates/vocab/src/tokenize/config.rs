//! The settings of the stage `tokenize`, and the memory that they take.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use wordmill_formats::xxh3;
use wordmill_text::chunk::{Cutter, DEFAULT_CHUNK_BYTES, MAX_WORD_BYTES};
use wordmill_text::tokenizer::{Segmentation, TokenizerConfig};
use wordmill_text::{InvalidUtf8, PreviewConfig, TextError, WordSet};

/// Version of the content of a shard; part of the fingerprint.
const SHARD_VERSION: u32 = 2;
/// Memory of a worker in chunks: the text (2), the numbers of a chunk of one-letter words (4), and
/// its distinct words. A chunk with more of them takes more memory from the budget.
const WORKER_CHUNKS: usize = 6 + WORDS_CHUNKS;
/// Enough for 87,000 distinct words in 4 MiB; English has 40,000.
pub(super) const WORDS_CHUNKS: usize = 2;
/// Chunks waiting for a worker.
pub(super) const WAITING_CHUNKS: usize = 1;

/// Settings of `[corpus]` about lines and chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinesConfig {
    /// A file with one word per line; these words are left out of the text, as if they were not there.
    pub stop_words: Option<PathBuf>,
    /// What to do with lines that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Text is cut into chunks of this size, at line ends.
    #[serde(with = "wordmill_flow::size")]
    #[schemars(with = "String", extend("x-kind" = "size", "minimum" = 64, "maximum" = 134_217_728))]
    pub chunk_bytes: u64,
}

impl Default for LinesConfig {
    fn default() -> Self {
        let chunk_bytes = DEFAULT_CHUNK_BYTES as u64;
        Self { stop_words: None, invalid_utf8: InvalidUtf8::Replace, chunk_bytes }
    }
}

impl LinesConfig {
    /// Reads the stop words, and brings them into the form of `tokenizer`.
    ///
    /// # Errors
    /// If a list or a file of the tokeniser cannot be read.
    pub fn job(&self, tokenizer: TokenizerConfig) -> Result<TokenizeJob, TextError> {
        if let Segmentation::Hf(file) = &tokenizer.segmentation
            && let Err(error) = std::fs::metadata(&file.path)
        {
            return Err(TextError::Config {
                key: "corpus.tokenizer",
                problem: format!("{}: {error}", file.path.display()),
                way_out: "check the path of the tokenizer.json".to_owned(),
            });
        }
        let read =
            |path: &PathBuf| WordSet::read(path, "corpus.stop_words", &tokenizer).map(Arc::new);
        let stop_words = self.stop_words.as_ref().map(read).transpose()?;
        let chunk_bytes = usize::try_from(self.chunk_bytes).unwrap_or(usize::MAX);
        Ok(TokenizeJob { tokenizer, stop_words, invalid_utf8: self.invalid_utf8, chunk_bytes })
    }
}

/// The parameters of tokenising in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizeJob {
    /// How text becomes tokens.
    pub tokenizer: TokenizerConfig,
    /// Words that are left out of the text, as if they were not there.
    pub stop_words: Option<Arc<WordSet>>,
    /// What to do with a line that is not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// The minimum size of a chunk, 64 bytes to 128 MiB; it determines where the chunks are cut.
    pub chunk_bytes: usize,
}

impl Default for TokenizeJob {
    fn default() -> Self {
        Self {
            tokenizer: TokenizerConfig::default(),
            stop_words: None,
            invalid_utf8: InvalidUtf8::Replace,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
        }
    }
}

impl TokenizeJob {
    /// A digest of everything that a shard depends on beside its text.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        xxh3(self.identity().as_bytes())
    }

    /// The settings for a preview.
    #[must_use]
    pub fn preview(&self) -> PreviewConfig<'_> {
        let Self { tokenizer, stop_words, invalid_utf8, .. } = self;
        PreviewConfig { tokenizer, stop_words: stop_words.as_deref(), invalid_utf8: *invalid_utf8 }
    }

    /// All that is part of the fingerprint.
    fn identity(&self) -> String {
        let Self { tokenizer, stop_words, invalid_utf8, chunk_bytes } = self;
        let tokenizer = tokenizer.identity();
        let rest = format!("invalid_utf8: {invalid_utf8:?}, chunk_bytes: {chunk_bytes}");
        let config = format!("TokenizeConfig {{ tokenizer: {tokenizer}, {rest} }}");
        let list = stop_words.as_ref().map_or(String::new(), |list| format!(" {list:?}"));
        format!("shard {SHARD_VERSION} {config} {MAX_WORD_BYTES}{list}")
    }

    /// Memory that the stage needs with `workers` workers, beside what unpacking takes.
    pub(super) fn needed_bytes(&self, workers: usize) -> u64 {
        needed_bytes(self.chunk_bytes, workers)
    }
}

/// Memory that the stage needs for chunks of a size, beside what unpacking takes.
pub(super) fn needed_bytes(chunk_bytes: usize, workers: usize) -> u64 {
    let worker = WORKER_CHUNKS * chunk_bytes + Cutter::peak_bytes(chunk_bytes);
    (workers * worker + 2 * WAITING_CHUNKS * chunk_bytes) as u64
}
