//! The settings of a tokeniser: they identify shards, and are stored with the vocabulary and the vectors as one JSON
//! text.

use schemars::JsonSchema;
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
    /// By a program that reads lines: its command line.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Composed, NFC.
    Nfc,
    /// Composed, with compatibility characters unified, NFKC.
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

/// What to do with accents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Accents {
    /// Keep them.
    Keep,
    /// Remove them.
    Strip,
}

/// What to do with digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Digits {
    /// Keep them.
    Keep,
    /// Leave out tokens that consist of digits and marks within numbers.
    Drop,
    /// Replace every digit by `0`.
    #[serde(alias = "fold")]
    Zero,
}

/// What to do with a mark within a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Keep it; it joins its neighbours.
    Keep,
    /// Cut the word there.
    Split,
    /// Remove it; its neighbours are joined.
    Drop,
}

/// Rules of [`Segmentation::Words`] that extend UAX 29.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WordRules {
    /// What to do with `'` and `’` between letters.
    pub apostrophes: Mark,
    /// What to do with `-` and `‐` between letters or digits.
    pub hyphens: Mark,
}

impl Default for WordRules {
    /// Those of UAX 29.
    fn default() -> Self {
        Self { apostrophes: Mark::Keep, hyphens: Mark::Split }
    }
}

/// The form of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FormConfig {
    /// Whether words are lowercased.
    pub lowercase: bool,
    /// Unicode normalisation.
    pub normalize: Normalize,
    /// What to do with accents; `strip` turns é into e.
    #[serde(skip_serializing_if = "Accents::are_kept")]
    pub accents: Accents,
    /// What to do with digits.
    pub digits: Digits,
}

impl Default for FormConfig {
    fn default() -> Self {
        let (normalize, accents, digits) = (Normalize::Nfc, Accents::Keep, Digits::Keep);
        Self { lowercase: true, normalize, accents, digits }
    }
}

impl FormConfig {
    /// Leaves words unchanged.
    pub const EXACT: Self = Self {
        lowercase: false,
        normalize: Normalize::None,
        accents: Accents::Keep,
        digits: Digits::Keep,
    };
}

impl Accents {
    fn are_kept(&self) -> bool {
        *self == Self::Keep
    }
}

/// A tokeniser by its name in `corpus.tokenizer`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenizerName {
    /// `whitespace`: words are cut at white space.
    Whitespace,
    /// `words`: at the word boundaries of UAX 29.
    #[default]
    Words,
    /// `korean`: the same, then Korean words into stems and endings.
    Korean,
    /// `bpe`: the same, then words into pieces by byte pair encoding.
    Bpe,
    /// `cjk`: by dictionaries of languages that write no spaces.
    Cjk,
    /// `hf:FILE`: by a file of Hugging Face's library.
    Hf(String),
    /// `command:LINE`: by a program that reads lines.
    Command(String),
}

impl TokenizerName {
    /// The names, with a colon if an argument follows.
    pub const NAMES: [&'static str; 7] =
        ["whitespace", "words", "korean", "bpe", "cjk", "hf:", "command:"];

    /// The tokeniser of a name and its argument; `None` for an unknown name.
    #[must_use]
    pub fn of(name: &str, rest: &str) -> Option<Self> {
        Some(match name {
            "whitespace" => Self::Whitespace,
            "words" => Self::Words,
            "korean" => Self::Korean,
            "bpe" => Self::Bpe,
            "cjk" => Self::Cjk,
            "hf:" => Self::Hf(rest.to_owned()),
            "command:" => Self::Command(rest.to_owned()),
            _ => return None,
        })
    }

    /// Whether words are cut by the rules of UAX 29.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        matches!(self, Self::Words | Self::Korean | Self::Bpe)
    }

    /// The way it cuts words; reads the file of Hugging Face's library.
    #[must_use]
    pub fn segmentation(&self) -> Segmentation {
        match self {
            Self::Whitespace => Segmentation::Whitespace,
            Self::Words | Self::Korean | Self::Bpe => Segmentation::Words,
            Self::Cjk => Segmentation::Cjk,
            Self::Hf(path) => Segmentation::Hf(HfFile {
                path: path.as_str().into(),
                // An unreadable file is reported when it is opened.
                xxh3: crate::reread::read_list(std::path::Path::new(path))
                    .map_or(0, |bytes| wordmill_formats::xxh3(&bytes)),
            }),
            Self::Command(line) => Segmentation::Command(line.clone()),
        }
    }
}

impl std::fmt::Display for TokenizerName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whitespace => out.write_str("whitespace"),
            Self::Words => out.write_str("words"),
            Self::Korean => out.write_str("korean"),
            Self::Bpe => out.write_str("bpe"),
            Self::Cjk => out.write_str("cjk"),
            Self::Hf(path) => write!(out, "hf:{path}"),
            Self::Command(line) => write!(out, "command:{line}"),
        }
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
    /// A tokeniser with its rules, and the form of words.
    #[must_use]
    pub fn new(name: &TokenizerName, rules: WordRules, form: FormConfig) -> Self {
        let FormConfig { lowercase, normalize, accents, digits } = form;
        let case = if lowercase { Case::Lower } else { Case::Keep };
        Self { segmentation: name.segmentation(), rules, normalize, case, accents, digits }
    }

    /// A digest of the file that cuts words, if one does.
    #[must_use]
    pub fn file(&self) -> Option<u64> {
        match &self.segmentation {
            Segmentation::Hf(file) => Some(file.xxh3),
            _ => None,
        }
    }

    /// Everything that tokens depend on, as text. Later settings are in it only if they differ from the earlier
    /// behaviour, so older shards still fit.
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
