//! Questions about the built-in sample: analogies and similarities, from the same tables as the
//! text.
//!
//! A *relation* is a list of word pairs related in the same way; two pairs of it make a question.
//! The questions are the same for every seed. Nothing is scored here.

use std::fmt::Write as _;

use super::lexicon::{adjective_forms, noun_forms, verb_forms};
use super::tables::{COUNTRIES, PAIRS, TOPICS};

/// The most questions of one relation.
const QUESTIONS_PER_RELATION: usize = 230;

/// Pairs that are related in the same way.
struct Relation {
    name: &'static str,
    pairs: Vec<(String, String)>,
}

/// Analogy questions in the format of `questions-words.txt`: `: section` lines and `a b c d` lines,
/// lower case, about two thousand in nine sections. They hold in every sample, whatever its seed.
#[must_use]
pub fn analogies() -> String {
    let mut text = String::new();
    for relation in relations() {
        let _ = writeln!(text, ": {}", relation.name);
        write_questions(&relation.pairs, &mut text);
    }
    text
}

/// Word pairs with a planted similarity from 0 to 10, `word<TAB>word<TAB>score`: two forms of one
/// word 10, one topic and one class 8, one topic 5, only the class in common 2, nothing in common
/// 0. About 300 lines.
#[must_use]
pub fn similarities() -> String {
    let mut text = String::new();
    for (index, topic) in TOPICS.iter().enumerate() {
        let other = &TOPICS[(index + 5) % TOPICS.len()];
        let nouns = firsts(topic.nouns);
        let (verbs, far) = (firsts(topic.verbs), firsts(other.nouns));
        let (degrees, far_verbs) = (firsts(topic.gradable), firsts(other.verbs));
        for step in 0..4 {
            let plural = &noun_forms(rows(topic.nouns)[step])[1];
            let mut line = |a: &str, b: &str, score: f32| {
                let _ = writeln!(text, "{a}\t{b}\t{score:.1}");
            };
            line(nouns[step], plural, 10.0);
            line(nouns[step], nouns[step + 5], 8.0);
            line(verbs[step], verbs[step + 4], 8.0);
            line(nouns[step + 4], degrees[step], 5.0);
            line(nouns[step + 8], far[step + 8], 2.0);
            line(nouns[step + 10], far_verbs[step], 0.0);
        }
    }
    text
}

fn relations() -> Vec<Relation> {
    let countries = |form: usize| -> Vec<(String, String)> {
        COUNTRIES.iter().map(|row| (row[0].to_owned(), row[form].to_owned())).collect()
    };
    let mut currencies = countries(3);
    currencies.retain(|(_, money)| COUNTRIES.iter().filter(|row| row[3] == money).count() == 1);
    let capitals = COUNTRIES.iter().map(|row| (row[1].to_owned(), row[0].to_owned())).collect();
    let people =
        PAIRS.iter().map(|[man, woman]| ((*man).to_owned(), (*woman).to_owned())).collect();
    let forms = |list: fn(&super::tables::TopicTable) -> &'static str,
                 derive: fn(&str) -> [String; 4],
                 from: usize,
                 to: usize| {
        TOPICS
            .iter()
            .flat_map(|topic| rows(list(topic)))
            .map(|row| (derive(row)[from].clone(), derive(row)[to].clone()))
            .collect::<Vec<_>>()
    };
    vec![
        Relation { name: "capital-world", pairs: capitals },
        Relation { name: "currency", pairs: currencies },
        Relation { name: "gram-nationality-adjective", pairs: countries(2) },
        Relation { name: "family", pairs: people },
        Relation { name: "gram-plural", pairs: forms(|topic| topic.nouns, noun_forms, 0, 1) },
        Relation { name: "gram-past-tense", pairs: forms(|topic| topic.verbs, verb_forms, 3, 2) },
        Relation { name: "gram-gerund", pairs: forms(|topic| topic.verbs, verb_forms, 0, 3) },
        Relation {
            name: "gram-comparative",
            pairs: forms(|topic| topic.gradable, adjective_forms, 0, 1),
        },
        Relation {
            name: "gram-superlative",
            pairs: forms(|topic| topic.gradable, adjective_forms, 0, 2),
        },
    ]
}

/// Pairs every pair with a few others, spread over the list.
fn write_questions(pairs: &[(String, String)], text: &mut String) {
    let len = pairs.len();
    let partners = (QUESTIONS_PER_RELATION / len).clamp(1, len - 1);
    let mut written = 0;
    for (index, (a, b)) in pairs.iter().enumerate() {
        for partner in 0..partners {
            let step = 1 + (partner * (len - 1)) / partners;
            let (c, d) = &pairs[(index + step) % len];
            if written < QUESTIONS_PER_RELATION {
                let _ = writeln!(text, "{a} {b} {c} {d}");
                written += 1;
            }
        }
    }
}

fn rows(list: &'static str) -> Vec<&'static str> {
    list.split_whitespace().collect()
}

fn firsts(list: &'static str) -> Vec<&'static str> {
    list.split_whitespace().map(|row| row.split('/').next().unwrap_or(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn questions_are_well_formed_and_distinct() {
        let text = analogies();
        let mut seen = HashSet::new();
        let (mut sections, mut questions) = (0, 0);
        for line in text.lines() {
            if line.starts_with(": ") {
                sections += 1;
                continue;
            }
            questions += 1;
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words.len(), 4, "{line}");
            assert_eq!(words.iter().collect::<HashSet<_>>().len(), 4, "{line}");
            assert!(seen.insert(line), "{line} occurs twice");
        }
        assert_eq!(sections, 9);
        assert!((1_700..2_100).contains(&questions), "{questions}");
    }

    #[test]
    fn similarities_are_well_formed_and_distinct() {
        let text = similarities();
        let pairs: HashSet<&str> =
            text.lines().map(|line| line.rsplit_once('\t').unwrap().0).collect();
        assert_eq!(pairs.len(), text.lines().count());
        assert!((300..400).contains(&pairs.len()), "{}", pairs.len());
    }
}
