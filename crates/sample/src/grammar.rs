//! The grammar of the built-in sample: patterns compiled to pieces, and the lines built from them.
//!
//! A *piece* is a literal word or a slot; *picks* are the lemmas that fill the slots of one
//! sentence. A line is a paragraph of one to four sentences about one theme. Files and sizes are in
//! `sample`.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng;

use super::lexicon::{Lemma, Lexicon, WordIndex};
use super::templates;

/// Slots of a table of picks: more slots give a finer Zipf curve.
const DRAW_SLOTS: usize = 4096;

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Literal(&'static str),
    /// `a`, or `an` before a vowel.
    Article,
    Noun(usize),
    OtherNoun(usize),
    Verb(usize),
    OtherVerb(usize),
    Degree(usize),
    Plain,
    NounRare,
    VerbRare,
    DegreeRare,
    TopicRare,
    Person,
    PersonRare,
    Pronoun([&'static str; 2]),
    Home,
    Country(usize),
    CountryRare,
    OtherCountry(usize),
    Phrase(&'static [&'static str]),
}

/// The theme of a paragraph.
#[derive(Clone, Copy, Debug)]
enum Theme {
    Topic(usize),
    Country,
    People,
}

/// The lemmas that fill the slots of one sentence.
struct Picks<'a> {
    topic: usize,
    noun: &'a Lemma,
    other_noun: &'a Lemma,
    verb: &'a Lemma,
    other_verb: &'a Lemma,
    degree: &'a Lemma,
    country: &'a Lemma,
    other_country: &'a Lemma,
    pair: &'a Lemma,
    gender: usize,
}

/// The compiled patterns with the lexicon.
#[derive(Clone, Debug)]
pub(super) struct Grammar {
    lexicon: Lexicon,
    topic: Vec<Vec<Piece>>,
    country: Vec<Vec<Piece>>,
    people: Vec<Vec<Piece>>,
    tail_draw: Vec<u16>,
}

impl Grammar {
    pub(super) fn new() -> Self {
        let lexicon = Lexicon::new();
        let tail_draw = zipf_draw(lexicon.topics[0].tail.len());
        let compile =
            |lines: &'static [&'static str]| lines.iter().map(|line| pieces(line)).collect();
        Self {
            lexicon,
            topic: compile(templates::TOPIC),
            country: compile(templates::COUNTRY),
            people: compile(templates::PEOPLE),
            tail_draw,
        }
    }

    /// Appends one paragraph with its line end.
    pub(super) fn write_line(&self, random: &mut Xoshiro256PlusPlus, out: &mut Vec<u8>) {
        let bits = random.next_u64();
        let theme = match bits % 100 {
            0..68 => Theme::Topic(below(bits >> 32, self.lexicon.topics.len())),
            68..87 => Theme::Country,
            _ => Theme::People,
        };
        let sentences = [1, 1, 1, 1, 2, 2, 3, 4][(bits >> 8) as usize & 7];
        for _ in 0..sentences {
            self.write_sentence(theme, random, out);
            out.extend_from_slice(b" . ");
        }
        out.pop();
        out.push(b'\n');
    }

    fn write_sentence(&self, theme: Theme, random: &mut Xoshiro256PlusPlus, out: &mut Vec<u8>) {
        self.write_pattern(theme, random, out);
        let bits = random.next_u64();
        if bits & 3 == 0 {
            let join = templates::JOINS[below(bits >> 32, templates::JOINS.len())];
            out.push(b' ');
            out.extend_from_slice(join.as_bytes());
            out.push(b' ');
            self.write_pattern(theme, random, out);
        }
    }

    fn write_pattern(&self, theme: Theme, random: &mut Xoshiro256PlusPlus, out: &mut Vec<u8>) {
        let (topic, patterns) = match theme {
            Theme::Topic(topic) => (topic, &self.topic),
            Theme::Country => (0, &self.country),
            Theme::People => (0, &self.people),
        };
        let picks = self.picks(topic, random);
        let pattern = &patterns[below(random.next_u64() >> 32, patterns.len())];
        let mut article = false;
        for (index, piece) in pattern.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            if *piece == Piece::Article {
                out.push(b'a');
                article = true;
                continue;
            }
            let word = self.fill(*piece, &picks, random).as_bytes();
            if article && matches!(word[0], b'a' | b'e' | b'i' | b'o' | b'u') {
                out.truncate(out.len() - 1);
                out.extend_from_slice(b"n ");
            }
            article = false;
            out.extend_from_slice(word);
        }
    }

    /// Lemmas that occur together: a noun prefers some verbs and adjectives of its topic.
    fn picks(&self, topic: usize, random: &mut Xoshiro256PlusPlus) -> Picks<'_> {
        let (first, second) = (random.next_u64(), random.next_u64());
        let lexicon = &self.lexicon;
        let words = &lexicon.topics[topic];
        let noun = skewed(first, words.nouns.len());
        let near = |shift: u32, len: usize, step: usize| {
            let bits = second >> shift;
            let friend = noun * step + (bits & 1) as usize;
            if bits & 6 == 0 { (bits >> 3) as usize % len } else { friend % len }
        };
        let country = skewed(first >> 16, lexicon.countries.len());
        let other_country = (country + 1 + (second >> 48) as usize % 5) % lexicon.countries.len();
        Picks {
            topic,
            noun: &words.nouns[noun],
            other_noun: &words.nouns[(noun + 1 + near(0, 3, 1)) % words.nouns.len()],
            verb: &words.verbs[near(10, words.verbs.len(), 3)],
            other_verb: &words.verbs[near(20, words.verbs.len(), 3)],
            degree: &words.gradable[near(30, words.gradable.len(), 2)],
            country: &lexicon.countries[country],
            other_country: &lexicon.countries[other_country],
            pair: &lexicon.pairs[skewed(first >> 32, lexicon.pairs.len())],
            gender: (second >> 63) as usize,
        }
    }

    fn fill<'a>(
        &'a self,
        piece: Piece,
        picks: &Picks<'a>,
        random: &mut Xoshiro256PlusPlus,
    ) -> &'a str {
        let words = &self.lexicon.topics[picks.topic];
        let mut draw = |len: usize| below(random.next_u64() >> 32, len);
        let index: WordIndex = match piece {
            Piece::Literal(word) => return word,
            Piece::Article => return "a",
            Piece::Pronoun(both) => return both[picks.gender],
            Piece::Phrase(list) => return list[draw(list.len())],
            Piece::Noun(form) => picks.noun.forms[form],
            Piece::OtherNoun(form) => picks.other_noun.forms[form],
            Piece::Verb(form) => picks.verb.forms[form],
            Piece::OtherVerb(form) => picks.other_verb.forms[form],
            Piece::Degree(form) => picks.degree.forms[form],
            Piece::Plain => words.plain[draw(words.plain.len())],
            Piece::NounRare => picks.noun.signature[draw(4)],
            Piece::VerbRare => picks.verb.signature[draw(4)],
            Piece::DegreeRare => picks.degree.signature[draw(4)],
            Piece::TopicRare => words.tail[usize::from(self.tail_draw[draw(DRAW_SLOTS)])],
            Piece::Person => picks.pair.forms[picks.gender],
            Piece::PersonRare => picks.pair.signature[draw(4)],
            Piece::Home => self.lexicon.home[draw(self.lexicon.home.len())],
            Piece::Country(form) => picks.country.forms[form],
            Piece::CountryRare => picks.country.signature[draw(4)],
            Piece::OtherCountry(form) => picks.other_country.forms[form],
        };
        &self.lexicon.words[index as usize]
    }
}

/// The lower 32 bits scaled to `0..len`.
fn below(bits: u64, len: usize) -> usize {
    (((bits & 0xffff_ffff) * len as u64) >> 32) as usize
}

/// 14 bits scaled to `0..len`; one draw in four is skewed towards the lower numbers.
fn skewed(bits: u64, len: usize) -> usize {
    let even = ((bits & 0x3fff) as usize * len) >> 14;
    if bits & 0xc000 == 0 { even * even / len } else { even }
}

/// A table of ranks in which rank `r` occurs about `1/(r+1)` as often as the first.
fn zipf_draw(len: usize) -> Vec<u16> {
    let weights: Vec<f64> = (0..len).map(|rank| 1.0 / (rank as f64 + 1.0)).collect();
    let total: f64 = weights.iter().sum();
    let mut table = Vec::with_capacity(DRAW_SLOTS);
    let (mut rank, mut upto) = (0, weights[0]);
    for slot in 0..DRAW_SLOTS {
        while rank + 1 < len && upto < (slot as f64 + 0.5) / DRAW_SLOTS as f64 * total {
            rank += 1;
            upto += weights[rank];
        }
        table.push(rank as u16);
    }
    table
}

fn pieces(pattern: &'static str) -> Vec<Piece> {
    pattern.split_whitespace().map(piece).collect()
}

fn piece(word: &'static str) -> Piece {
    let Some(slot) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else {
        return if word == "a" { Piece::Article } else { Piece::Literal(word) };
    };
    let (register, form) = slot.split_once('.').unwrap_or((slot, ""));
    match register {
        "N" => Piece::Noun(usize::from(form == "p")),
        "M" => Piece::OtherNoun(usize::from(form == "p")),
        "V" => Piece::Verb(verb_form(form)),
        "W" => Piece::OtherVerb(verb_form(form)),
        "A" => Piece::Degree(["b", "c", "m"].iter().position(|f| *f == form).unwrap_or(0)),
        "Q" => Piece::Plain,
        "S" => Piece::NounRare,
        "U" => Piece::VerbRare,
        "X" => Piece::DegreeRare,
        "T" => Piece::TopicRare,
        "P" => Piece::Person,
        "R" => Piece::PersonRare,
        "H" => Piece::Home,
        "he" => Piece::Pronoun(["he", "she"]),
        "his" => Piece::Pronoun(["his", "her"]),
        "him" => Piece::Pronoun(["him", "her"]),
        "self" => Piece::Pronoun(["himself", "herself"]),
        "c" => Piece::Country(0),
        "k" => Piece::Country(1),
        "n" => Piece::Country(2),
        "y" => Piece::Country(3),
        "g" => Piece::CountryRare,
        "d" => Piece::OtherCountry(0),
        "l" => Piece::OtherCountry(1),
        "past" => Piece::Phrase(templates::PAST),
        "now" => Piece::Phrase(templates::NOW),
        "soon" => Piece::Phrase(templates::SOON),
        "num" => Piece::Phrase(templates::NUM),
        "adv" => Piece::Phrase(templates::ADV),
        _ => Piece::Literal(word),
    }
}

fn verb_form(form: &str) -> usize {
    ["b", "s", "d", "g"].iter().position(|f| *f == form).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_known() {
        let grammar = Grammar::new();
        for pattern in grammar.topic.iter().chain(&grammar.country).chain(&grammar.people) {
            for piece in pattern {
                assert!(!matches!(piece, Piece::Literal(word) if word.contains('{')), "{piece:?}");
            }
        }
    }

    #[test]
    fn zipf_table_reaches_every_rank() {
        let mut ranks = zipf_draw(500);
        assert_eq!(ranks.len(), DRAW_SLOTS);
        ranks.dedup();
        assert_eq!(ranks.len(), 500);
    }
}
