//! The sections of the configuration, in the order in which they are documented and written.

use std::sync::Arc;

use super::keys::{Key, keys_of};
use super::rows::{Rows, rows_of};
use super::types::{Config, EvalConfig, RunConfig};
use super::{corpus, phrases};
use wordmill_cooccur::{CooccurConfig, TilesConfig};
use wordmill_vocab::VocabularyConfig;
use wordmill_vocab::phrases::PhrasesConfig;

/// A section.
pub(super) struct SectionKind {
    /// Its name.
    pub name: &'static str,
    /// Its keys, where one type has them all.
    pub keys: Option<fn() -> Arc<[Key]>>,
    /// Its keys as they are written; none where it is not there, and of `[[train]]`, which has several tables.
    pub rows: fn(&Config) -> Rows,
}

/// All sections.
pub(super) const SECTIONS: [SectionKind; 8] = [
    SectionKind {
        name: "run",
        keys: Some(keys_of::<RunConfig>),
        rows: |config| rows_of(&config.run),
    },
    SectionKind { name: "corpus", keys: None, rows: |config| corpus::rows(&config.corpus) },
    SectionKind {
        name: "phrases",
        keys: Some(keys_of::<PhrasesConfig>),
        rows: |config| config.phrases.as_ref().map_or(Vec::new(), phrases::rows),
    },
    SectionKind {
        name: "vocabulary",
        keys: Some(keys_of::<VocabularyConfig>),
        rows: |config| rows_of(&config.vocabulary),
    },
    SectionKind {
        name: "cooccur",
        keys: Some(keys_of::<CooccurConfig>),
        rows: |config| rows_of(&config.cooccur),
    },
    SectionKind {
        name: "tiles",
        keys: Some(keys_of::<TilesConfig>),
        rows: |config| rows_of(&config.tiles),
    },
    SectionKind { name: "train", keys: None, rows: |_| Vec::new() },
    SectionKind {
        name: "eval",
        keys: Some(keys_of::<EvalConfig>),
        rows: |config| rows_of(&config.eval),
    },
];

/// Their names.
pub(super) const NAMES: [&str; SECTIONS.len()] = {
    let mut names = [""; SECTIONS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = SECTIONS[at].name;
        at += 1;
    }
    names
};

/// How a section begins in a file.
pub(super) fn header(name: &str) -> String {
    match name {
        "train" => "[[train]]".to_owned(),
        name => format!("[{name}]"),
    }
}
