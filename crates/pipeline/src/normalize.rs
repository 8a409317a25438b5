//! The spelling of a query in the text that vectors were trained on, by the tokenizer in the settings of the vectors.

use std::collections::BTreeMap;
use std::sync::Arc;

use wordmill_formats::{Spelling, WordTable};
use wordmill_text::CONTINUES;
use wordmill_text::tokenizer::Tokenizer;
use wordmill_vocab::Description;
use wordmill_vocab::pieces::{Endings, Learner};

/// The longest ending that is looked for, in syllables.
const ENDING_SYLLABLES: usize = 6;

/// The spelling of vectors with these settings. Files that name no tokeniser, or one of another version, are asked as before
/// they did: in lower case, if the text was. Where words were joined to phrases, so are the words of one that is asked for.
pub fn spelling_of(settings: &BTreeMap<String, String>) -> Spelling {
    let Some(Description { tokenizer, pieces, delimiter }) =
        settings.get("tokenizer").and_then(|text| Description::of_text(text))
    else {
        return Spelling::ByCase;
    };
    let tokenizer = Tokenizer::new(tokenizer);
    Spelling::Of(Arc::new(move |words, word| {
        let word = tokenizer.word_alone(word)?;
        if let Some(delimiter) = &delimiter
            && word.contains(' ')
        {
            return Some(word.split_whitespace().collect::<Vec<_>>().join(delimiter));
        }
        match pieces {
            Some(Learner::Korean { endings }) => Some(stem(words, &word, endings).unwrap_or(word)),
            _ => Some(word),
        }
    }))
}

/// The longest beginning of a Korean word that is a word, if what is left of it is an ending.
fn stem(words: &WordTable, word: &str, endings: Endings) -> Option<String> {
    if words.find(word.as_bytes()).is_some() {
        return None;
    }
    let cuts: Vec<usize> = word.char_indices().map(|(at, _)| at).skip(1).collect();
    let is_ending = |ending: &str| {
        endings == Endings::Drop || words.find(format!("{CONTINUES}{ending}").as_bytes()).is_some()
    };
    let fits = |at: &&usize| {
        let (stem, ending) = word.split_at(**at);
        words.find(stem.as_bytes()).is_some() && is_ending(ending)
    };
    let cut = cuts.iter().rev().take(ENDING_SYLLABLES).find(fits)?;
    Some(word[..*cut].to_owned())
}
