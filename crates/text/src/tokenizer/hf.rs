//! The tokeniser `hf:FILE`: a `tokenizer.json` of Hugging Face's library, with its own normalisers (feature `hf`).
//!
//! Words are its tokens, spelled as in its vocabulary (`Ġthe`, `▁the`, `##ing`), without the marks of begin and end
//! that a model would see. White space in a token becomes `▁`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lines::Lines;

/// A `tokenizer.json`, identified by its content, not its path.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct HfFile {
    /// Its path.
    #[serde(skip)]
    pub path: PathBuf,
    /// A digest of its content.
    pub xxh3: u64,
}

impl PartialEq for HfFile {
    fn eq(&self, other: &Self) -> bool {
        self.xxh3 == other.xxh3
    }
}

impl Eq for HfFile {}

impl Hash for HfFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.xxh3.hash(state);
    }
}

impl fmt::Debug for HfFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.xxh3)
    }
}

/// The tokeniser of a file.
#[cfg(feature = "hf")]
pub(super) fn open(file: &HfFile) -> Box<dyn Lines> {
    Box::new(built::Hf::new(file.clone()))
}

/// Unavailable: without the feature this tokeniser was refused earlier.
#[cfg(not(feature = "hf"))]
pub(super) fn open(file: &HfFile) -> Box<dyn Lines> {
    Box::new(super::program::Program::new(&format!("hf:{}", file.path.display())))
}

#[cfg(feature = "hf")]
mod built {
    use tokenizers::Tokenizer;
    use wordmill_formats::xxh3;

    use crate::error::TextError;
    use crate::reread::read_list;
    use crate::tokenizer::hf::HfFile;
    use crate::tokenizer::lines::{Item, Lines, Stop};

    /// A file that is read when the first text comes.
    pub(super) struct Hf {
        file: HfFile,
        tokenizer: Option<Tokenizer>,
    }

    impl Hf {
        pub(super) fn new(file: HfFile) -> Self {
            Self { file, tokenizer: None }
        }

        fn error(&self, problem: impl ToString) -> TextError {
            TextError::Input {
                path: self.file.path.display().to_string(),
                tried: "cutting lines into words",
                problem: problem.to_string(),
                way_out: "name a tokenizer.json of Hugging Face's library",
            }
        }

        fn tokenizer(&mut self) -> Result<Tokenizer, TextError> {
            if let Some(tokenizer) = self.tokenizer.take() {
                return Ok(tokenizer);
            }
            let bytes = read_list(&self.file.path).map_err(|error| self.error(error))?;
            if xxh3(&bytes) != self.file.xxh3 {
                return Err(self.error(
                    "its content has changed since it was recorded; restore it, or run again",
                ));
            }
            let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| self.error(error))?;
            tokenizer.with_padding(None);
            tokenizer.with_truncation(None).map_err(|error| self.error(error))?;
            Ok(tokenizer)
        }
    }

    impl Lines for Hf {
        fn split(
            &mut self,
            text: &str,
            stop: &Stop<'_>,
            each: &mut dyn FnMut(Item<'_>),
        ) -> Result<(), TextError> {
            let tokenizer = self.tokenizer()?;
            for line in text.split_inclusive('\n') {
                stop()?;
                let bare = line.trim_end_matches(['\n', '\r']);
                let encoded = tokenizer.encode(bare, false).map_err(|error| self.error(error))?;
                for token in encoded.get_tokens().iter().filter(|token| !token.is_empty()) {
                    match token.contains(char::is_whitespace) {
                        true => each(Item::Word(&token.replace(char::is_whitespace, "▁"))),
                        false => each(Item::Word(token)),
                    }
                }
                if line.ends_with('\n') {
                    each(Item::LineEnd);
                }
            }
            self.tokenizer = Some(tokenizer);
            Ok(())
        }
    }
}
