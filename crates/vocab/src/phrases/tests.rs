//! Tests of the parts: neighbours in units against a naive walk over the text, joining against a naive one, lists and
//! their errors. The whole stage, counts included, is tested in the crate that connects the stages.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use wordmill_flow::Context;
use wordmill_formats::RunDir;
use wordmill_text::WordSet;
use wordmill_text::tokenizer::TokenizerConfig;

use super::*;
use crate::shards::TokenShards;
use crate::test_support::{RecordedRun, TestRun, chunks_of, words_of};

const CONNECTORS: &str = "of\nthe\n";

fn first(shards: &TokenShards) -> Pass<'_> {
    Pass { number: 1, shards }
}

fn config(connectors: Option<&str>) -> PhrasesJob {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let tokenizer = TokenizerConfig::default();
    let connectors = connectors.map(|words| {
        std::fs::write(&path, words).unwrap();
        Arc::new(WordSet::read(&path, "phrases.connectors", &tokenizer).unwrap())
    });
    PhrasesJob {
        score: Score::Default,
        thresholds: vec![1.0],
        min_count: 1,
        connectors,
        delimiter: "_".to_owned(),
        parts: Parts::Words,
        given: None,
        tokenizer,
    }
}

/// A text of few words in lines of 0 to `longest` words, and its shards in memory.
fn shards(seed: u64, longest: u64, chunk_bytes: usize) -> (RunDir, TokenShards) {
    const WORDS: [&str; 7] = ["of", "the", "bank", "west", "coast", "a_b", "x"];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut text = String::new();
    for _ in 0..4_000 / longest {
        for _ in 0..rng.next_u64() % (longest + 1) {
            text += WORDS[(rng.next_u64() % 7) as usize];
            text.push(' ');
        }
        text.push('\n');
    }
    for connectors in [MOST_CONNECTORS, MOST_CONNECTORS + 1] {
        text += &format!("coast{} coast\n", " the".repeat(connectors));
    }
    let test = TestRun::new(&[text]);
    let shards = test.shards(&chunks_of(chunk_bytes));
    assert!(shards.len() > 1);
    (test.run(), shards)
}

/// Pairs that may become phrases, with the connectors between, and their counts.
fn naive_pairs(shards: &[Vec<String>], connectors: &[&str]) -> BTreeMap<String, u64> {
    let mut pairs = BTreeMap::new();
    for shard in shards {
        for line in shard.split(|word| word.is_empty()) {
            let ends: Vec<usize> =
                (0..line.len()).filter(|at| !connectors.contains(&&*line[*at])).collect();
            for pair in ends.windows(2).filter(|pair| pair[1] - pair[0] <= MOST_CONNECTORS + 1) {
                *pairs.entry(line[pair[0]..=pair[1]].join(" ")).or_default() += 1;
            }
        }
    }
    pairs
}

#[test]
fn neighbours_of_units_are_the_pairs_of_the_text() {
    for seed in 0..6 {
        let (longest, chunk_bytes) = if seed % 2 == 0 { (30, 300) } else { (2_000, 300) };
        let (_, words) = shards(seed, longest, chunk_bytes);
        let config = config(Some(CONNECTORS));
        let made = units(&Context::for_tests(2), &config, &words).unwrap();
        let (text, units) = (words_of(&words), words_of(&made));
        let mut found = BTreeMap::<String, u64>::new();
        for line in units.iter().flat_map(|shard| shard.split(|word| word.is_empty())) {
            for pair in line.windows(2) {
                let pair = format!("{} {}", pair[0], pair[1].replace(units::BETWEEN, " "));
                *found.entry(pair).or_default() += 1;
            }
        }
        assert_eq!(found, naive_pairs(&text, &["of", "the"]), "seed {seed}");
        assert!(found.contains_key("bank of west"), "seed {seed}");
        let most = format!("coast{} coast", " the".repeat(MOST_CONNECTORS));
        assert!(found.contains_key(&most), "seed {seed}");
        for word in ["bank", "a_b"] {
            let count = |shards: &[Vec<String>]| {
                shards.iter().flatten().filter(|found| **found == word).count()
            };
            assert_eq!(count(&units), count(&text), "seed {seed}: {word}");
        }
    }
    // Without connectors there is nothing to do.
    let (_, words) = shards(1, 30, 300);
    let same = units(&Context::for_tests(2), &config(None), &words).unwrap();
    assert_eq!(same.digest(), words.digest());
}

#[test]
fn shards_of_units_and_of_phrases_keep_to_their_lists() {
    let test = TestRun::new(&["bank of the west coast\nthe west bank of x\n".repeat(30)]);
    test.shards(&chunks_of(300));
    let run = RecordedRun::over(&test.memory);
    let (config, shards) = (config(Some(CONNECTORS)), TokenShards::open(&run.dir).unwrap());
    run.check(&units::unit_shards(&shards, config.connectors.as_ref().unwrap()), true);
    let list = parse("bank of the west\nwest coast\n");
    let joiner = Joiner::new(&list, 1, &config.delimiter);
    let folder = run.dir.reading(FOLDER);
    run.check(&join::joining(&config, first(&shards), &list, folder, &joiner), true);
}

fn parse(text: &str) -> Phrases {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.tsv");
    std::fs::write(&path, text).unwrap();
    Phrases::read(&Context::for_tests(1).budget, &path, &TokenizerConfig::default()).unwrap()
}

/// Joins the longest phrase at each word.
fn naive_join(line: &[String], phrases: &[&str]) -> Vec<String> {
    let (mut at, mut joined) = (0, Vec::new());
    while at < line.len() {
        let fits = |len: &usize| phrases.contains(&&*line[at..at + len].join(" "));
        let len = (2..=line.len() - at).rev().find(fits).unwrap_or(1);
        joined.push(line[at..at + len].join("_"));
        at += len;
    }
    joined
}

#[test]
fn the_longest_phrase_becomes_one_word() {
    let phrases = ["bank of the west", "bank of", "a_b x", "x a_b", "west coast bank x", "a_b"];
    // The first of two passes is selected; one phrase has the name of a word.
    let rows = phrases.map(|phrase| format!("{phrase}\t9\t1.5\t1\n")).concat();
    let list = parse(&(rows + "bank west\t1\t2\t2\na b\t7\t8\t1\n"));
    assert_eq!((list.passes(), list.len(), list.left_out()), (2, 7, (1, "a_b\t9\t1.5\t1")));
    let phrases = [&phrases[..5], &["a b"]].concat();
    for seed in 0..6 {
        let (longest, chunk_bytes) = if seed % 2 == 0 { (30, 300) } else { (2_000, 300) };
        let (run, words) = shards(seed, longest, chunk_bytes);
        let folder = run.reading(FOLDER);
        let ctx = Context::for_tests(2);
        let made = join(&ctx, &config(None), first(&words), &list, folder.clone()).unwrap();
        let (text, joined) = (words_of(&words), words_of(&made.shards));
        let expected: Vec<Vec<String>> = text
            .iter()
            .map(|shard| {
                let lines = shard.split(|word| word.is_empty());
                lines
                    .map(|line| naive_join(line, &phrases))
                    .collect::<Vec<_>>()
                    .join(&String::new())
            })
            .collect();
        assert_eq!(joined, expected, "seed {seed}");
        let lens =
            |shards: &[Vec<String>]| shards.iter().flatten().filter(|w| !w.is_empty()).count();
        assert_eq!(made.shards.totals().tokens, lens(&joined) as u64);
        assert_eq!(made.shards.totals().lines, words.totals().lines);
        assert!(made.joined > 20 && lens(&joined) < lens(&text));
        // A line alone, as in a preview.
        let joiner = Joiner::new(&list, 1, "_");
        let line: Vec<String> = text[0].split(|word| word.is_empty()).next().unwrap().to_vec();
        assert_eq!(joiner.join(line.clone()), naive_join(&line, &phrases));
        // Existing files that fit stay; another delimiter makes other words.
        let again = join(&ctx, &config(None), first(&words), &list, folder.clone()).unwrap();
        assert_eq!((again.shards.digest(), again.joined), (made.shards.digest(), made.joined));
        let plain = PhrasesJob { delimiter: String::new(), ..config(None) };
        let other = join(&ctx, &plain, first(&words), &list, folder).unwrap();
        assert!(words_of(&other.shards)[0].iter().any(|word| word == "xa_b" || word == "bankof"));
    }
}

#[test]
fn a_phrase_may_go_on_in_the_next_frame() {
    let words = wordmill_formats::FRAME_TOKENS as u64 * 2 + 50;
    let word = |at: u64| ["a ", "b ", "c "][(at % 3) as usize];
    let test = TestRun::new(&[(0..words).map(word).collect::<String>()]);
    let shards = test.shards(&chunks_of(4 << 20));
    let list = parse("a b c\n");
    let ctx = Context::for_tests(1);
    let folder = test.run().reading(FOLDER);
    let made = join(&ctx, &config(None), first(&shards), &list, folder).unwrap();
    assert_eq!((made.joined, made.shards.totals().tokens), (words / 3, words / 3 + words % 3));
}

#[test]
fn the_users_rows_take_the_form_of_the_text() {
    let list = parse(
        "\u{feff}New York\n\n  San   Francisco\nalone\nStraße von Wörth\nBig Apple\t3\t\t1\n",
    );
    let found: Vec<&str> = list.of_pass(1).collect();
    assert_eq!(found, ["new york", "san francisco", "straße von wörth", "Big Apple"]);
    assert_eq!((list.left_out(), list.of_pass_len(1), list.of_pass_len(2)), ((1, "alone"), 4, 0));
}

#[test]
fn a_list_that_cannot_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.tsv");
    let ctx = Context::for_tests(1);
    let check = |bytes: &[u8], says: &str| {
        std::fs::write(&path, bytes).unwrap();
        let read = Phrases::read(&ctx.budget, &path, &TokenizerConfig::default());
        let error = read.unwrap_err().to_string();
        assert!(error.contains("list.tsv: ") && error.contains(says), "{error}");
    };
    check(b"", "there is no phrase in it");
    check(b"alone\n", "there is no phrase in it");
    check(b"a b\n\xff c\n", "line 2: it is not UTF-8");
    check(b"a b\nc d\t1\n", "line 2: expected words alone, or words, count, score and pass");
    check(b"a b\t1\t2\t9\n", "line 1: \"9\" is not a pass from 1 to 8");
    check(b"#wordmill-phrases\t2\n", "line 1: it has version 2, this program reads 1");
    std::fs::remove_file(&path).unwrap();
    let error =
        Phrases::read(&ctx.budget, &path, &TokenizerConfig::default()).unwrap_err().to_string();
    assert!(error.starts_with("phrases.list: ") && error.contains("reading the list"), "{error}");
    // A list that was learned from a text without phrases is a valid list.
    std::fs::write(&path, "#wordmill-phrases\t1\n#settings\t\n#made-of\t\n").unwrap();
    assert!(Phrases::read(&ctx.budget, &path, &TokenizerConfig::default()).unwrap().is_empty());
}
