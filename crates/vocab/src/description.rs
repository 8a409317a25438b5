//! Describes how text became the words of a vocabulary or of vectors, as one JSON text.

use serde::{Deserialize, Serialize};
use wordmill_text::tokenizer::TokenizerConfig;

use crate::pieces::config::{Learner, VERSION as PIECES_VERSION};

/// A tokeniser, with the learner of pieces and the delimiter of phrases, if any. It is stored with a vocabulary and
/// with vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The tokeniser of words.
    pub tokenizer: TokenizerConfig,
    /// The learner of pieces.
    pub pieces: Option<Learner>,
    /// The delimiter between the words of phrases, if words are joined.
    pub delimiter: Option<String>,
}

/// The same as text.
#[derive(Serialize, Deserialize)]
struct Described {
    name: String,
    version: u32,
    #[serde(flatten)]
    tokenizer: TokenizerConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<Learner>,
    #[serde(rename = "phrase_delimiter", skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
}

impl Description {
    /// The name of the tokeniser, and the version of its results.
    fn name(&self) -> (&'static str, u32) {
        let entry = self.tokenizer.segmentation.entry();
        self.pieces.map_or((entry.name, entry.version), |pieces| (pieces.name(), PIECES_VERSION))
    }

    /// Name, version and settings as one JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { tokenizer, pieces, delimiter } = self.clone();
        let (name, version) = self.name();
        let described = Described { name: name.to_owned(), version, tokenizer, pieces, delimiter };
        serde_json::to_string(&described).expect("plain data is JSON")
    }

    /// Parses it; `None` if this program does not know such a tokeniser.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let Described { name, version, tokenizer, pieces, delimiter } =
            serde_json::from_str(text).ok()?;
        let found = Self { tokenizer, pieces, delimiter };
        (found.name() == (&name, version)).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use wordmill_text::tokenizer::{
        Accents, Case, Digits, Mark, Normalize, Segmentation, WordRules,
    };

    use super::*;

    const UAX29: WordRules = WordRules { apostrophes: Mark::Keep, hyphens: Mark::Split };
    const WORDS: TokenizerConfig = TokenizerConfig {
        segmentation: Segmentation::Words,
        rules: UAX29,
        normalize: Normalize::Nfc,
        case: Case::Lower,
        accents: Accents::Keep,
        digits: Digits::Keep,
    };
    const WHITESPACE: TokenizerConfig =
        TokenizerConfig { segmentation: Segmentation::Whitespace, ..WORDS };
    const HYPHENS: TokenizerConfig =
        TokenizerConfig { rules: WordRules { hyphens: Mark::Keep, ..UAX29 }, ..WORDS };
    const FOLDED: TokenizerConfig = TokenizerConfig { accents: Accents::Strip, ..WORDS };

    #[test]
    fn a_description_reads_back() {
        for config in [WORDS, WHITESPACE, HYPHENS, FOLDED] {
            for pieces in [None, Some(Learner::Bpe { merges: 9 })] {
                let delimiter = pieces.map(|_| "_".to_owned());
                let description = Description { tokenizer: config.clone(), pieces, delimiter };
                let text = description.text();
                assert_eq!(Description::of_text(&text), Some(description), "{text}");
            }
        }
        let expected = "{\"name\":\"words\",\"version\":1,\"segmentation\":\"words\",\"apostrophes\":\"keep\",\
            \"hyphens\":\"split\",\"normalize\":\"nfc\",\"case\":\"lower\",\"accents\":\"keep\",\"digits\":\"keep\"}";
        assert_eq!(
            Description { tokenizer: WORDS, pieces: None, delimiter: None }.text(),
            expected
        );
        let later = expected.replace("\"version\":1", "\"version\":2");
        assert_eq!(Description::of_text(&later), None);
        assert_eq!(Description::of_text("words"), None);
    }
}
