//! How words that are asked for are spelled in the text that vectors are made of: by the tokeniser that stands in their settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use wordmill_corpus::tokenizer::{Tokenizer, TokenizerConfig};
use wordmill_formats::Spelling;

/// The spelling of vectors with these settings. Files that name no tokeniser, or one of another version, are asked as before
/// they did: in lower case, if the text was.
pub fn of(settings: &BTreeMap<String, String>) -> Spelling {
    let described =
        settings.get("tokenizer").and_then(|text| TokenizerConfig::of_description(text));
    match described.map(Tokenizer::new) {
        None => Spelling::ByCase,
        Some(tokenizer) => Spelling::Of(Arc::new(move |_, word| tokenizer.word_alone(word))),
    }
}
