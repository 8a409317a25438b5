//! What a tokeniser is made of, as settings: they identify shards, and stand with the vocabulary and the vectors as one JSON text.

use serde::{Deserialize, Serialize};

use super::entries::{Entry, TOKENIZERS};
use super::hf::HfFile;

/// Where words are cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segmentation {
    /// At Unicode white space.
    Whitespace,
    /// At the word boundaries of UAX 29.
    Words,
    /// By dictionaries of languages that write no spaces.
    Cjk,
    /// By a `tokenizer.json` of Hugging Face's library.
    Hf(HfFile),
    /// By a program that is given lines: its command line.
    Command(String),
}

impl Segmentation {
    /// Its name and version.
    #[must_use]
    pub fn entry(&self) -> Entry {
        TOKENIZERS[match self {
            Self::Whitespace => 0,
            Self::Words => 1,
            Self::Cjk => 2,
            Self::Hf(_) => 3,
            Self::Command(_) => 4,
        }]
    }
}

/// Unicode normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Composed, NFC.
    Nfc,
    /// Composed, and characters that only look different made the same, NFKC.
    Nfkc,
    /// As it is.
    None,
}

/// Letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// Lower case by Unicode's full rules.
    Lower,
    /// As it is.
    Keep,
}

/// What becomes of accents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accents {
    /// They stay.
    Keep,
    /// They are taken off.
    Strip,
}

/// What becomes of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digits {
    /// As they are.
    Keep,
    /// Tokens made of digits and the marks within numbers are left out.
    Drop,
    /// Every digit becomes `0`.
    Zero,
}

/// What becomes of a mark within a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It stays, and holds the word together.
    Keep,
    /// The word is cut there.
    Split,
    /// It is taken out, and the word holds together.
    Drop,
}

/// Rules of [`Segmentation::Words`] beside those of UAX 29.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WordRules {
    /// `corpus.apostrophes`: `'` and `’` between letters.
    pub apostrophes: Mark,
    /// `corpus.hyphens`: `-` and `‐` between letters or digits.
    pub hyphens: Mark,
}

impl Default for WordRules {
    /// Those of UAX 29.
    fn default() -> Self {
        Self { apostrophes: Mark::Keep, hyphens: Mark::Split }
    }
}

/// How text becomes tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenizerConfig {
    /// `corpus.tokenizer`.
    pub segmentation: Segmentation,
    /// `corpus.apostrophes` and `corpus.hyphens`.
    #[serde(flatten)]
    pub rules: WordRules,
    /// `corpus.normalize`.
    pub normalize: Normalize,
    /// `corpus.lowercase`.
    pub case: Case,
    /// `corpus.accents`.
    pub accents: Accents,
    /// `corpus.digits`.
    pub digits: Digits,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self {
            segmentation: Segmentation::Words,
            rules: WordRules::default(),
            normalize: Normalize::Nfc,
            case: Case::Lower,
            accents: Accents::Keep,
            digits: Digits::Keep,
        }
    }
}

impl TokenizerConfig {
    /// A digest of the file that cuts words, if one does.
    #[must_use]
    pub fn file(&self) -> Option<u64> {
        match &self.segmentation {
            Segmentation::Hf(file) => Some(file.xxh3),
            _ => None,
        }
    }

    /// Everything that tokens depend on, as text. What was not a setting once stands in it only where it is not as it was
    /// then, so shards that were made before still fit.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { segmentation, rules, normalize, case, accents, digits } = self;
        let mut text = format!(
            "TokenizerConfig {{ segmentation: {segmentation:?}, normalize: {normalize:?}, case: {case:?}, digits: {digits:?} }}"
        );
        if *rules != WordRules::default() {
            text += &format!(" {rules:?}");
        }
        if *accents != Accents::Keep {
            text += &format!(" accents: {accents:?}");
        }
        match segmentation.entry().version {
            1 => text,
            version => text + &format!(" version {version}"),
        }
    }
}
