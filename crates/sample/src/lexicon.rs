//! The lexicon of the built-in sample: the tables with every form spelled out, and the rare words
//! tied to them.
//!
//! A *lemma* is a word with its forms and its *signature*, four rare words that occur near it and
//! near nothing else. The *tail* of a topic is its list of rare words, most frequent first. The
//! lexicon is the same for every seed, so the questions of `questions` fit any sample. It writes no
//! text.

use std::collections::HashSet;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::tables::{COUNTRIES, HOME, PAIRS, TOPICS, TopicTable};

/// Rare words of one topic; at the default size of a sample the last of them fall below a count of
/// five.
const TAIL_WORDS: usize = 500;
/// The lexicon's own seed: rare words are the same in all samples.
const LEXICON_SEED: u64 = 0x0077_6f72_646d_696c;

/// An index into [`Lexicon::words`].
pub(super) type WordIndex = u32;

/// A word with its forms and the rare words tied to it.
#[derive(Clone, Debug)]
pub(super) struct Lemma {
    /// Noun: singular, plural. Verb: base, third person, past, gerund. Adjective: base,
    /// comparative, superlative.
    pub(super) forms: [WordIndex; 4],
    pub(super) signature: [WordIndex; 4],
}

/// One field of life.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) nouns: Vec<Lemma>,
    pub(super) verbs: Vec<Lemma>,
    pub(super) gradable: Vec<Lemma>,
    pub(super) plain: Vec<WordIndex>,
    pub(super) tail: Vec<WordIndex>,
}

/// Every word of the sample.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    pub(super) words: Vec<String>,
    pub(super) topics: Vec<Topic>,
    /// Forms: country, capital, adjective, currency.
    pub(super) countries: Vec<Lemma>,
    /// Forms: man, woman.
    pub(super) pairs: Vec<Lemma>,
    pub(super) home: Vec<WordIndex>,
}

impl Lexicon {
    pub(super) fn new() -> Self {
        let mut maker = Maker::new();
        let topics = TOPICS.iter().map(|table| maker.topic(table)).collect();
        let countries = COUNTRIES.iter().map(|row| maker.lemma(*row)).collect();
        let pairs =
            PAIRS.iter().map(|[man, woman]| maker.lemma([man, woman, man, woman])).collect();
        let home = HOME.split_whitespace().map(|word| maker.word(word)).collect();
        Self { words: maker.words, topics, countries, pairs, home }
    }
}

/// Adds words to the lexicon and invents rare ones.
struct Maker {
    words: Vec<String>,
    taken: HashSet<String>,
    random: Xoshiro256PlusPlus,
}

impl Maker {
    fn new() -> Self {
        let mut taken: HashSet<String> = HashSet::new();
        for table in TOPICS {
            taken.extend(all_forms(table));
        }
        taken.extend(COUNTRIES.iter().flatten().map(ToString::to_string));
        taken.extend(PAIRS.iter().flatten().map(ToString::to_string));
        taken.extend(super::templates::literal_words().map(ToString::to_string));
        taken.extend(HOME.split_whitespace().map(ToString::to_string));
        Self { words: Vec::new(), taken, random: Xoshiro256PlusPlus::seed_from_u64(LEXICON_SEED) }
    }

    fn word(&mut self, word: &str) -> WordIndex {
        self.words.push(word.to_owned());
        (self.words.len() - 1) as WordIndex
    }

    fn lemma<S: AsRef<str>>(&mut self, forms: [S; 4]) -> Lemma {
        let forms = forms.map(|form| self.word(form.as_ref()));
        Lemma { forms, signature: [(); 4].map(|()| self.rare_word()) }
    }

    fn topic(&mut self, table: &TopicTable) -> Topic {
        Topic {
            nouns: table.nouns.split_whitespace().map(|row| self.lemma(noun_forms(row))).collect(),
            verbs: table.verbs.split_whitespace().map(|row| self.lemma(verb_forms(row))).collect(),
            gradable: table
                .gradable
                .split_whitespace()
                .map(|row| self.lemma(adjective_forms(row)))
                .collect(),
            plain: table.plain.split_whitespace().map(|word| self.word(word)).collect(),
            tail: (0..TAIL_WORDS).map(|_| self.rare_word()).collect(),
        }
    }

    /// A pronounceable word that is new.
    fn rare_word(&mut self) -> WordIndex {
        loop {
            let word = invent(&mut self.random);
            if self.taken.insert(word.clone()) {
                return self.word(&word);
            }
        }
    }
}

/// Two or three syllables.
fn invent(random: &mut Xoshiro256PlusPlus) -> String {
    const ONSETS: [&str; 24] = [
        "b", "br", "d", "dr", "f", "g", "gl", "h", "k", "kr", "l", "m", "n", "p", "pl", "r", "s",
        "sk", "st", "t", "tr", "v", "w", "z",
    ];
    const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "oo"];
    const CODAS: [&str; 12] = ["", "", "", "n", "r", "l", "s", "m", "nd", "rk", "ft", "x"];
    let bits = random.next_u64();
    let mut word = String::new();
    for syllable in 0..2 + (bits & 1) {
        let part = (bits >> (1 + 20 * syllable)) as usize;
        word.push_str(ONSETS[part % 24]);
        word.push_str(VOWELS[(part >> 5) % 8]);
        word.push_str(CODAS[(part >> 8) % 12]);
    }
    word
}

fn all_forms(table: &TopicTable) -> Vec<String> {
    let mut forms = Vec::new();
    for row in table.nouns.split_whitespace() {
        forms.extend(noun_forms(row)[..2].iter().cloned());
    }
    for row in table.verbs.split_whitespace() {
        forms.extend(verb_forms(row));
    }
    for row in table.gradable.split_whitespace() {
        forms.extend(adjective_forms(row)[..3].iter().cloned());
    }
    forms.extend(table.plain.split_whitespace().map(ToOwned::to_owned));
    forms
}

/// Singular and plural, twice.
pub(super) fn noun_forms(row: &str) -> [String; 4] {
    let (singular, plural) = match row.split_once('/') {
        Some((singular, plural)) => (singular, plural.to_owned()),
        None => (row, with_s(row)),
    };
    [singular.to_owned(), plural.clone(), singular.to_owned(), plural]
}

/// Base, third person, past, gerund.
pub(super) fn verb_forms(row: &str) -> [String; 4] {
    let mut parts = row.split('/');
    let base = parts.next().unwrap_or_default();
    let past = parts.next().map_or_else(|| with_ending(base, "ed"), ToOwned::to_owned);
    let gerund = parts.next().map_or_else(|| with_ing(base), ToOwned::to_owned);
    [base.to_owned(), with_s(base), past, gerund]
}

/// Base, comparative, superlative, and the base again.
pub(super) fn adjective_forms(row: &str) -> [String; 4] {
    let mut parts = row.split('/');
    let base = parts.next().unwrap_or_default();
    let more = parts.next().map_or_else(|| with_ending(base, "er"), ToOwned::to_owned);
    let most = parts.next().map_or_else(|| with_ending(base, "est"), ToOwned::to_owned);
    [base.to_owned(), more, most, base.to_owned()]
}

fn with_s(word: &str) -> String {
    match soft_y(word) {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end)) => {
            format!("{word}es")
        }
        None => format!("{word}s"),
    }
}

/// An ending that begins with `e`.
fn with_ending(word: &str, ending: &str) -> String {
    match (soft_y(word), word.strip_suffix('e')) {
        (Some(stem), _) => format!("{stem}i{ending}"),
        (None, Some(stem)) => format!("{stem}{ending}"),
        (None, None) => format!("{word}{ending}"),
    }
}

fn with_ing(word: &str) -> String {
    format!("{}ing", word.strip_suffix('e').unwrap_or(word))
}

/// The stem of a word that ends in a consonant and `y`.
fn soft_y(word: &str) -> Option<&str> {
    let stem = word.strip_suffix('y')?;
    (!stem.ends_with(['a', 'e', 'i', 'o', 'u'])).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_belongs_to_two_lemmas() {
        let mut seen: HashSet<String> = HashSet::new();
        let mut all: Vec<String> = TOPICS.iter().flat_map(all_forms).collect();
        all.extend(PAIRS.iter().flatten().map(ToString::to_string));
        all.extend(COUNTRIES.iter().flat_map(|row| &row[..3]).map(ToString::to_string));
        let mut currencies: Vec<&str> = COUNTRIES.iter().map(|row| row[3]).collect();
        currencies.sort_unstable();
        currencies.dedup();
        all.extend(currencies.into_iter().map(ToOwned::to_owned));
        for form in all {
            assert!(seen.insert(form.clone()), "{form} occurs twice");
        }
    }

    #[test]
    fn regular_forms() {
        assert_eq!(noun_forms("jury")[1], "juries");
        assert_eq!(noun_forms("journey")[1], "journeys");
        assert_eq!(noun_forms("knife/knives")[1], "knives");
        assert_eq!(verb_forms("study")[1..], ["studies", "studied", "studying"]);
        assert_eq!(verb_forms("catch/caught/catching")[1], "catches");
        assert_eq!(verb_forms("bake")[2..], ["baked", "baking"]);
        assert_eq!(adjective_forms("muddy")[1..3], ["muddier", "muddiest"]);
        assert_eq!(adjective_forms("large")[1..3], ["larger", "largest"]);
    }

    #[test]
    fn the_lexicon_is_large_enough() {
        let lexicon = Lexicon::new();
        assert!(lexicon.words.len() > 7_000, "{}", lexicon.words.len());
        assert!(lexicon.countries.len() >= 40);
        assert!(lexicon.topics.iter().map(|topic| topic.nouns.len()).sum::<usize>() >= 60);
        assert!(lexicon.topics.iter().map(|topic| topic.verbs.len()).sum::<usize>() >= 50);
    }
}
