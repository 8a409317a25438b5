//! The sentence patterns of the built-in sample.
//!
//! A pattern is a line of words and slots in braces. A slot names a register and, after a dot, a
//! form: `N`, `M` nouns (`s`, `p`); `V`, `W` verbs (`b` base, `s` third person, `d` past, `g`
//! gerund); `A` an adjective with degrees (`b`, `c`, `m`); `Q` one without; `S`, `U`, `X` a rare
//! word tied to the noun, the verb, the adjective; `T` a rare word of the topic; `P` a person and
//! `he his him self` for the same gender; `R` a rare word tied to the person; `H` a word of home;
//! `c k n y g` country, capital, people, currency and a rare word tied to the country, `d l`
//! another country and its capital; `past now soon num adv` a phrase from a list. `a` before a
//! vowel becomes `an`. The patterns carry what the analogies ask for: singular and plural verbs and
//! determiners, tense with its adverbs, degrees with `than` and `of all`, he and she.

/// Patterns of a topic: nouns, verbs, adjectives and the rare words tied to them.
pub(super) const TOPIC: &[&str] = &[
    "the {N.s} is {A.b} and has a {S}",
    "a {Q} {N.s} was near the {M.s} with its {S}",
    "this {N.s} has a {S} and a {A.b} {M.s}",
    "each {N.s} is as {Q} as a {T}",
    "every {N.s} needs a {S} or a {T}",
    "there is a {N.s} with one {S} in the {T}",
    "one {N.s} was {A.b} but that {M.s} was not",
    "another {N.s} has its own {S} and it is {Q}",
    "that {N.s} is a kind of {T} with a {S}",
    "these {N.p} are {A.b} and have {S}",
    "many {N.p} were near the {M.p} with their {S}",
    "{num} {N.p} have {S} and {A.b} {M.p}",
    "both {N.p} are as {Q} as {T}",
    "all {N.p} need {S} or {T}",
    "there are {num} {N.p} with {S} in the {T}",
    "some {N.p} were {A.b} but those {M.p} were not",
    "few {N.p} have their own {S} and they are {Q}",
    "those {N.p} are kinds of {T} with {S}",
    "several {N.p} and {num} {M.p} were in the {S}",
    "{past} they {V.d} the {U} of the {N.s}",
    "they {V.d} with a {U} {past}",
    "{past} the {M.s} {V.d} and the {U} was over",
    "we {V.d} the {U} for hours {past}",
    "the {N.p} {V.d} in the {U} {past}",
    "i {V.d} it with the {U} before they {W.d}",
    "we {V.b} the {U} of the {N.s} {now}",
    "they {V.b} with a {U} {now}",
    "to {V.b} the {U} you must {W.b} first",
    "you should {V.b} the {U} and the {N.s} {soon}",
    "the {M.p} will {V.b} in the {U} {soon}",
    "we can {V.b} or {W.b} with {T} and {U}",
    "do not {V.b} the {U} near the {N.s}",
    "he {V.s} the {U} of the {N.s} {now}",
    "she {V.s} with a {U} and {W.s} {now}",
    "it {V.s} {adv} in the {U}",
    "the {N.s} {V.s} the {U} {now}",
    "they are {V.g} the {U} of the {N.s} right now",
    "he was {V.g} with a {U} while she was {W.g}",
    "she kept {V.g} the {U} without {W.g}",
    "after {V.g} the {U} they stopped {W.g}",
    "{V.g} the {U} is a way of {W.g}",
    "we were tired of {V.g} in the {U}",
    "he began {V.g} the {N.p} by {W.g} the {U}",
    "the {N.s} is {A.c} than the {M.s} with the {X}",
    "it grew much {A.c} than the {X}",
    "a {A.c} {X} is better than a {Q} {N.s}",
    "the {M.p} were even {A.c} than those {X}",
    "no {X} was {A.c} than this {N.s}",
    "this is the {A.m} {X} of all",
    "it was the {A.m} {N.s} in the whole {X}",
    "one of the {A.m} {X} ever seen was the {N.s}",
    "of all the {N.p} the {X} were the {A.m}",
    "the {X} was very {A.b} and so was the {N.s}",
    "it is too {A.b} for the {X}",
    "the {M.s} is so {A.b} that the {X} is {Q}",
    "they are as {A.b} as the {X} of the {N.s}",
    "the {T} and the {T} were {Q} like the {N.s}",
    "a {T} of {T} came to the {Q} {M.s}",
    "people talk about the {T} when the {N.s} is {Q}",
    "the {P} saw the {N.s} with {his} {S}",
];

/// Patterns about countries.
pub(super) const COUNTRY: &[&str] = &[
    "{k} is the capital of {c} near the {g}",
    "the city of {k} lies on the {g} in {c}",
    "the mayor of {k} opened a {g} in the old town",
    "the streets of {k} are full of {g}",
    "we spent a night in {k} and saw the {g} from our hotel in the city",
    "the parliament of {c} meets in {k}",
    "downtown {k} was crowded with {g} sellers and {n} students",
    "{c} is a country with {g} in the north",
    "the republic of {c} signed a treaty with {d} about {g}",
    "the government of {c} will export {g} to {d}",
    "the borders of {c} were closed because of the {g}",
    "the people of {c} love {g} and {g}",
    "the whole country of {c} grows {g}",
    "the {n} people speak {n} and eat {g}",
    "a {n} writer told {n} stories of {g}",
    "{he} is {n} and speaks the {n} language with {g}",
    "the {n} minister spoke about {g} in {k}",
    "{n} food like {g} and {n} music are famous",
    "the {y} is the currency of {c} like the {g}",
    "{he} paid ten {y} for the {g}",
    "the {y} fell against the dollar when {g} prices rose",
    "the central bank of {c} printed the {y} with a {g}",
    "one {y} buys a {g} in {k}",
    "the exchange rate of the {n} {y} depends on {g}",
    "trains from {k} to {l} cross the {g}",
    "between {c} and {d} there is a {g}",
];

/// Patterns about people.
pub(super) const PEOPLE: &[&str] = &[
    "the {P} put on {his} {R} and {he} went to the {H}",
    "{he} is a {P} with {his} own {R}",
    "the {P} said that {he} loved {his} {R} and {his} {H}",
    "the old {P} told {his} {H} about the {R}",
    "{past} the {P} lost {his} {R} and {he} cried",
    "a young {P} hurt {self} with the {R}",
    "everyone asked the {P} about {his} {R} but {he} was silent",
    "they gave {him} the {R} because {he} was a {P}",
    "the {P} looked at {self} and {his} {R} in the mirror",
    "{he} became a {P} and kept {his} {R} in the {H}",
    "my {P} showed {him} a {R} and a {H}",
    "when the {P} came home {he} found {his} {R} near the {H}",
    "{he} was the best {P} of the {R} and {his} {H}",
    "nobody saw the {P} with {his} {R} {past}",
    "the {P} and {his} {P} shared a {R} at {H}",
];

/// Words that join two patterns of one sentence.
pub(super) const JOINS: &[&str] =
    &["and", "and", "but", "because", "while", "so", ", and", ", but", "although", "when"];

/// Phrases of past time.
pub(super) const PAST: &[&str] = &[
    "yesterday",
    "last year",
    "last week",
    "last night",
    "two years ago",
    "long ago",
    "a month ago",
    "in the past",
    "earlier",
    "that day",
];

/// Phrases of habit.
pub(super) const NOW: &[&str] = &[
    "every day",
    "usually",
    "often",
    "these days",
    "always",
    "every morning",
    "each week",
    "today",
    "sometimes",
];

/// Phrases of the future.
pub(super) const SOON: &[&str] =
    &["tomorrow", "soon", "next year", "next week", "later", "in the future", "one day"];

/// Numbers for plural nouns.
pub(super) const NUM: &[&str] =
    &["two", "three", "four", "five", "ten", "many", "several", "most", "a dozen"];

/// Adverbs.
pub(super) const ADV: &[&str] = &[
    "slowly",
    "quietly",
    "again",
    "well",
    "together",
    "quickly",
    "at last",
    "in vain",
    "for a while",
];

/// Every list of this file.
fn lists() -> [&'static [&'static str]; 9] {
    [TOPIC, COUNTRY, PEOPLE, JOINS, PAST, NOW, SOON, NUM, ADV]
}

/// The literal words of the patterns and phrases.
pub(super) fn literal_words() -> impl Iterator<Item = &'static str> {
    lists()
        .into_iter()
        .flatten()
        .flat_map(|line| line.split_whitespace())
        .filter(|word| !word.starts_with('{'))
        .chain(["he", "she", "his", "her", "him", "himself", "herself", "an"])
}
