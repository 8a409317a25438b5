//! The tokenisers by their names.

/// A tokeniser by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, as in `corpus.tokenizer`.
    pub name: &'static str,
    /// Raised when its tokens change.
    pub version: u32,
    /// What it does, in a few words.
    pub what: &'static str,
}

/// All tokenisers.
pub const TOKENIZERS: &[Entry] = &[
    Entry { name: "whitespace", version: 1, what: "words separated by white space" },
    Entry { name: "words", version: 1, what: "words by Unicode's rules, UAX 29" },
    Entry { name: "cjk", version: 1, what: "words of languages without spaces, by dictionaries" },
    Entry { name: "hf", version: 1, what: "tokens of a tokenizer.json" },
    Entry { name: "command", version: 1, what: "what a program writes for each line" },
];

/// The feature that a tokeniser needs and this build lacks.
#[must_use]
pub fn missing_feature(name: &str) -> Option<&'static str> {
    match name {
        "cjk" if !cfg!(feature = "cjk") => Some("cjk"),
        "hf" if !cfg!(feature = "hf") => Some("hf"),
        _ => None,
    }
}
