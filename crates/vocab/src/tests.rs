//! Tests of the two stages together: the same tokens and counts for any chunk size, thread count
//! and interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use wordmill_flow::{Budget, Context};
use wordmill_formats::{
    Fault, FaultyStorage, LINE_END, MemoryStorage, Operation, RunDir, Storage, Words as _,
};
use wordmill_sample::{Sample, write_distinct};
use wordmill_text::InvalidUtf8;
use wordmill_text::chunk::MAX_WORD_BYTES;
use wordmill_text::input::{self, Input};
use wordmill_text::tokenizer::{Segmentation, Tokenizer, TokenizerConfig};

use super::*;
use crate::test_support::reader::{OUT_OF_VOCABULARY, TokenShardReader, UnknownWords, line_before};
use crate::vocabulary::vocabulary_by_merging;

const ALL: VocabularyJob = VocabularyJob::ALL;

/// A folder of texts and a run in memory.
struct TestRun {
    folder: tempfile::TempDir,
    memory: MemoryStorage,
    run: RunDir,
    inputs: Vec<Input>,
}

impl TestRun {
    fn new(texts: &[&[u8]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (index, text) in texts.iter().enumerate() {
            fs::write(folder.path().join(format!("{index:03}.txt")), text).unwrap();
        }
        let memory = MemoryStorage::default();
        let run = RunDir::new(Arc::new(memory.clone()) as Arc<dyn Storage>, "run");
        let inputs = input::resolve(&[".".to_owned()], folder.path(), 1).unwrap();
        Self { folder, memory, run, inputs }
    }

    fn tokenize(&self, config: &TokenizeJob, threads: usize) -> Result<TokenShards, VocabError> {
        tokenize(&Context::for_tests(threads), config, &self.run, &self.inputs)
    }

    /// Both stages; words of each line, lines without words left out.
    fn lines(&self, config: &TokenizeJob) -> (Vec<Vec<String>>, TokenCounts, Vocabulary) {
        let shards = self.tokenize(config, 2).unwrap();
        let vocabulary = vocabulary_by_merging(&Context::for_tests(2), &ALL, &shards, 3).unwrap();
        let mut lines = vec![Vec::new()];
        for shard in vocabulary.shards() {
            let mut reader =
                TokenShardReader::open(&vocabulary, *shard, UnknownWords::Drop).unwrap();
            if !reader.continues_line() {
                lines.push(Vec::new());
            }
            while let Some(ids) = reader.next_frame().unwrap() {
                for id in ids {
                    match *id {
                        LINE_END => lines.push(Vec::new()),
                        id => lines
                            .last_mut()
                            .unwrap()
                            .push(vocabulary.table().text(id as usize).into_owned()),
                    }
                }
            }
        }
        lines.retain(|line| !line.is_empty());
        (lines, *shards.totals(), vocabulary)
    }
}

fn config(chunk_bytes: usize) -> TokenizeJob {
    TokenizeJob { chunk_bytes, ..TokenizeJob::default() }
}

fn expected_lines(texts: &[&str], config: TokenizerConfig) -> Vec<Vec<String>> {
    let mut tokenizer = Tokenizer::new(config);
    let mut lines = Vec::new();
    for line in texts.iter().flat_map(|text| text.split('\n')) {
        let mut words = Vec::new();
        tokenizer.tokenize(line, |word| words.push(word.to_owned()));
        lines.push(words);
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn random_text(random: &mut Xoshiro256PlusPlus) -> String {
    const PARTS: [&str; 14] = [
        "the",
        "a",
        "Cat",
        "don't",
        "3.14",
        "한국어",
        "我愛你",
        " ",
        " ",
        " ",
        "\n",
        "\r\n",
        ", ",
        "\u{3000}",
    ];
    (0..random.next_u64() % 1_500)
        .map(|_| PARTS[random.next_u64() as usize % PARTS.len()])
        .collect()
}

#[test]
fn chunk_size_changes_neither_tokens_nor_counts() {
    for seed in 0..40 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let texts: Vec<String> = (0..3).map(|_| random_text(&mut random)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for segmentation in [Segmentation::Words, Segmentation::Whitespace] {
            let tokenizer = TokenizerConfig { segmentation, ..TokenizerConfig::default() };
            let expected = expected_lines(&texts, tokenizer.clone());
            if expected.is_empty() {
                continue;
            }
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            expected.iter().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
            let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            for chunk_bytes in [200, 64 + random.next_u64() as usize % 4_000, 4_096] {
                let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
                let test = TestRun::new(&bytes);
                let (lines, totals, vocabulary) = test
                    .lines(&TokenizeJob { tokenizer: tokenizer.clone(), ..config(chunk_bytes) });
                assert_eq!(lines, expected, "seed {seed}, chunks of {chunk_bytes}");
                let found: Vec<(String, u64)> = (0..vocabulary.len())
                    .map(|id| {
                        (vocabulary.table().text(id).into_owned(), vocabulary.table().counts()[id])
                    })
                    .collect();
                assert!(
                    found
                        .iter()
                        .map(|(word, count)| (word.as_str(), *count))
                        .eq(counts.iter().copied()),
                    "seed {seed}"
                );
                let whole_lines: usize =
                    texts.iter().map(|text| text.split_terminator('\n').count()).sum();
                assert_eq!(
                    totals.lines, whole_lines as u64,
                    "seed {seed}, chunks of {chunk_bytes}"
                );
                assert_eq!(totals.tokens, expected.iter().flatten().count() as u64);
            }
        }
    }
}

#[test]
fn threads_and_budget_change_no_byte() {
    let text = sample_text(400_000);
    let files = |threads: usize, budget: u64| {
        let test = TestRun::new(&[&text]);
        let mut ctx = Context::for_tests(threads);
        ctx.budget = Budget::new(budget);
        let shards = tokenize(&ctx, &config(20_000), &test.run, &test.inputs).unwrap();
        vocabulary(&ctx, &VocabularyJob::default(), &shards).unwrap();
        test.memory.snapshot()
    };
    let one = files(1, 64 << 20);
    assert!(one.len() > 50);
    for threads in [2, 3, 8] {
        assert!(files(threads, 4 << 30) == one, "{threads} threads");
    }
}

fn sample_text(bytes: u64) -> Vec<u8> {
    let mut text = Vec::new();
    Sample::new(5).write_to(bytes, &mut text).unwrap();
    text
}

#[test]
fn shards_that_fit_are_kept_and_others_are_rebuilt() {
    let text = sample_text(100_000);
    let test = TestRun::new(&[&text]);
    let first = test.tokenize(&config(10_000), 2).unwrap();
    let before = test.memory.snapshot();
    test.run.storage().remove(&test.run.word_list(first.ids()[1])).unwrap();
    test.run.storage().remove(&test.run.token_shard(first.ids()[2])).unwrap();
    let again = test.tokenize(&config(10_000), 2).unwrap();
    assert_eq!(again.rows(), first.rows());
    assert!(test.memory.snapshot() == before);
    let opened = TokenShards::open(&test.run).unwrap();
    assert_eq!(opened.rows(), first.rows());
    assert_eq!(opened.totals(), first.totals());
    let fewer = test.tokenize(&config(50_000), 2).unwrap();
    assert_eq!(
        test.run.storage().list(Path::new("run/tokens")).unwrap().len(),
        2 * fewer.len() + 1
    );
    assert_eq!(fewer.totals().tokens, first.totals().tokens);
}

#[test]
fn a_vocabulary_is_cut_by_count_and_size() {
    let test = TestRun::new(&[b"a a a b b c c d e\n", b"f f f f\n"]);
    let shards = test.tokenize(&config(64), 1).unwrap();
    let check = |min_count, max_size, expected: &str| {
        let config = VocabularyJob { min_count, max_size, ..ALL };
        let vocabulary = vocabulary(&Context::for_tests(1), &config, &shards).unwrap();
        let text = test.memory.snapshot().remove(Path::new("run/vocab/vocabulary.tsv")).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        vocabulary.table().verify().unwrap();
        assert_eq!(vocabulary.table().find(b"f"), Some(0));
        assert_eq!((vocabulary.counts().tokens, vocabulary.counts().distinct_words), (13, 6));
        vocabulary
    };
    check(1, 0, "f\t4\na\t3\nb\t2\nc\t2\nd\t1\ne\t1\n");
    check(2, 0, "f\t4\na\t3\nb\t2\nc\t2\n");
    let cut = check(1, 3, "f\t4\na\t3\nb\t2\n");
    assert_eq!(cut.counts().kept_tokens, 9);
    let mut reader = TokenShardReader::open(&cut, cut.shards()[0], UnknownWords::Drop).unwrap();
    assert_eq!(reader.next_frame().unwrap().unwrap(), [1, 1, 1, 2, 2, LINE_END]);
    let mut reader = TokenShardReader::open(&cut, cut.shards()[0], UnknownWords::Mark).unwrap();
    let x = OUT_OF_VOCABULARY;
    assert_eq!(reader.next_frame().unwrap().unwrap(), [1, 1, 1, 2, 2, x, x, x, x, LINE_END]);
    assert!(reader.next_frame().unwrap().is_none());
}

#[test]
fn a_corpus_without_words_and_a_min_count_too_high_are_errors() {
    let check = |text: &[u8], kind: ErrorKind, part: &str| {
        let test = TestRun::new(&[text]);
        let shards = test.tokenize(&config(64), 1).unwrap();
        let error =
            vocabulary(&Context::for_tests(1), &VocabularyJob::default(), &shards).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(part), "{error}");
    };
    check(b"", ErrorKind::Input, "there is no word");
    check(b" ... \n\n", ErrorKind::Input, "there is no word");
    check(
        b"a b a",
        ErrorKind::Config,
        "no word occurs 5 times; the most frequent, \"a\", occurs 2 times",
    );
}

#[test]
fn many_distinct_words_are_counted_exactly_in_little_memory() {
    let mut text = Vec::new();
    let expected = write_distinct(20_000, &mut text).unwrap();
    let files = |threads: usize, fan_in: usize| {
        let test = TestRun::new(&[&text]);
        let mut ctx = Context::for_tests(threads);
        ctx.budget = Budget::new((threads as u64) * (4 << 20) + (6 << 20));
        let shards = tokenize(&ctx, &config(2_000), &test.run, &test.inputs).unwrap();
        assert!(shards.len() > 90);
        let config = VocabularyJob::default();
        let vocabulary = vocabulary_by_merging(&ctx, &config, &shards, fan_in).unwrap();
        let counts = *vocabulary.counts();
        assert_eq!(
            (counts.tokens, counts.distinct_words),
            (expected.tokens, expected.distinct_words)
        );
        assert_eq!((counts.words, counts.kept_tokens), (expected.words, expected.kept_tokens));
        test.memory.snapshot()
    };
    let one = files(1, 2);
    for (threads, fan_in) in [(1, 64), (2, 3), (3, 7), (8, 2)] {
        assert!(files(threads, fan_in) == one, "{threads} threads, {fan_in} lists at once");
    }
}

#[test]
fn words_counted_in_a_table_and_by_merging_make_the_same_files() {
    let mut text = sample_text(300_000);
    write_distinct(3_000, &mut text).unwrap();
    text.extend_from_slice("\nlong_words_too ".repeat(3).as_bytes());
    text.extend_from_slice(format!("{0} {0}\n", "y".repeat(1_000)).as_bytes());
    for config in [
        VocabularyJob::default(),
        ALL,
        VocabularyJob { min_count: 0, max_size: 700, ..ALL },
        VocabularyJob { min_count: 3, max_size: 100, ..ALL },
    ] {
        let files = |threads: usize, budget: u64, fan_in: Option<usize>| {
            let test = TestRun::new(&[&text]);
            let shards = test.tokenize(&self::config(8_000), 2).unwrap();
            let mut ctx = Context::for_tests(threads);
            ctx.budget = Budget::new(budget);
            match fan_in {
                Some(fan_in) => vocabulary_by_merging(&ctx, &config, &shards, fan_in).unwrap(),
                None => vocabulary(&ctx, &config, &shards).unwrap(),
            };
            assert_eq!(ctx.budget.left(), budget);
            test.memory.snapshot()
        };
        let merged = files(1, 64 << 20, Some(5));
        for (threads, budget) in [(1, 1 << 30), (2, 1 << 30), (5, 1 << 30), (7, 24 << 20)] {
            let found = files(threads, budget, None);
            assert!(found == merged, "{config:?}, {threads} threads, {budget} bytes");
        }
        // Too small for the table.
        for budget in [9 << 20, 10 << 20, 12 << 20, 16 << 20] {
            assert!(files(2, budget, None) == merged, "{config:?}, {budget} bytes");
        }
    }
}

#[test]
fn a_line_of_twenty_megabytes_is_one_line() {
    let text = sample_text(20_000_000)
        .iter()
        .map(|byte| if *byte == b'\n' { b' ' } else { *byte })
        .collect::<Vec<_>>();
    let test = TestRun::new(&[&text]);
    let shards = test.tokenize(&TokenizeJob::default(), 2).unwrap();
    assert!(shards.len() >= 2);
    assert_eq!((shards.totals().lines, shards.totals().overlong_words), (1, 0));
    let vocabulary =
        vocabulary(&Context::for_tests(2), &VocabularyJob::default(), &shards).unwrap();
    let mut line_ends = 0;
    for shard in vocabulary.shards() {
        let mut reader = TokenShardReader::open(&vocabulary, *shard, UnknownWords::Drop).unwrap();
        assert_eq!(reader.continues_line(), shard.chunk > 0);
        while let Some(ids) = reader.next_frame().unwrap() {
            line_ends += ids.iter().filter(|id| **id == LINE_END).count();
        }
    }
    assert_eq!(line_ends, 0);
}

#[test]
fn the_line_before_a_shard() {
    let text = format!("x\n{}\n{}", "a b c d e f g h i j ".repeat(30), "k l\n".repeat(5));
    let test = TestRun::new(&[text.as_bytes()]);
    let (lines, _, vocabulary) = test.lines(&config(64));
    let long = lines.iter().find(|line| line.len() > 100).unwrap();
    let mut seen = 0;
    let mut continued = 0;
    for (shard, id) in vocabulary.shards().iter().enumerate() {
        let mut reader = TokenShardReader::open(&vocabulary, *id, UnknownWords::Drop).unwrap();
        for words in [0, 1, 5, 200] {
            let before = line_before(&vocabulary, shard, words, UnknownWords::Drop).unwrap();
            let before: Vec<_> =
                before.iter().map(|id| vocabulary.table().text(*id as usize)).collect();
            let expected: &[String] =
                if reader.continues_line() { &long[seen - words.min(seen)..seen] } else { &[] };
            assert_eq!(before, expected, "{words} words before shard {shard}");
        }
        continued += usize::from(reader.continues_line());
        while let Some(ids) = reader.next_frame().unwrap() {
            for id in ids {
                seen = if *id == LINE_END { 0 } else { seen + 1 };
            }
        }
    }
    assert!(continued > 3);
}

#[test]
fn a_word_of_a_megabyte_is_kept_and_a_longer_one_is_counted() {
    let long = "x".repeat(MAX_WORD_BYTES);
    let text = format!("a {long} b\nc {long}x d\n");
    let test = TestRun::new(&[text.as_bytes()]);
    let (lines, totals, _) = test.lines(&TokenizeJob::default());
    assert_eq!(
        lines,
        [vec!["a".to_owned(), long.clone(), "b".to_owned()], vec!["c".to_owned(), "d".to_owned()]]
    );
    assert_eq!((totals.overlong_words, totals.overlong_bytes), (1, long.len() as u64 + 1));
    let (lines, totals, _) = test.lines(&config(1_000));
    assert_eq!(lines, [["a", "b"], ["c", "d"]]);
    assert_eq!((totals.overlong_words, totals.overlong_bytes), (2, 2 * long.len() as u64 + 1));
}

#[test]
fn bytes_that_are_not_utf8() {
    let test = TestRun::new(&[b"good line\r\nbad \xff bytes\nmore\xc3\n"]);
    let with = |invalid_utf8| TokenizeJob { invalid_utf8, ..TokenizeJob::default() };
    let (lines, totals, _) = test.lines(&with(InvalidUtf8::Replace));
    assert_eq!(lines, [vec!["good", "line"], vec!["bad", "bytes"], vec!["more"]]);
    assert_eq!((totals.invalid_lines, totals.lines), (2, 3));
    let (lines, totals, _) = test.lines(&with(InvalidUtf8::Skip));
    assert_eq!(lines, [["good", "line"]]);
    assert_eq!(totals.invalid_lines, 2);
    let error = test.tokenize(&with(InvalidUtf8::Fail), 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let text = error.to_string();
    assert!(text.contains("000.txt") && text.contains("byte 15 "), "{text}");
}

#[test]
fn a_damaged_input_stops_the_stage() {
    let test = TestRun::new(&[&sample_text(200_000), b"\x1f\x8b\x08\0broken"]);
    for threads in [1, 3] {
        let error = test.tokenize(&config(1_000), threads).unwrap_err();
        assert!(error.to_string().contains("001.txt: unpacking"), "{error}");
    }
    drop(test.folder);
}

#[test]
fn a_stop_is_obeyed_and_the_next_run_goes_on() {
    let text = sample_text(100_000);
    let test = TestRun::new(&[&text]);
    let ctx = Context::for_tests(2);
    ctx.cancel.stop();
    let error = tokenize(&ctx, &config(1_000), &test.run, &test.inputs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(test.tokenize(&config(1_000), 2).unwrap().len() > 90);
}

#[test]
fn a_budget_too_small_is_refused_at_once() {
    let test = TestRun::new(&[b"a b c"]);
    let mut ctx = Context::for_tests(8);
    ctx.budget = Budget::new(1 << 20);
    let error = tokenize(&ctx, &TokenizeJob::default(), &test.run, &test.inputs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
}

/// The worker that reads a stream used to wait forever for room if the only worker that made room
/// had died.
#[test]
fn a_full_disk_ends_the_reader_of_a_stream_too() {
    let inputs = input::resolve(&["builtin:sample:60KB".to_owned()], Path::new(""), 1).unwrap();
    for nth in (0..60).chain(0..60) {
        let fault = Fault::full(Operation::Write, nth);
        let storage = FaultyStorage::new(Arc::new(MemoryStorage::default()), Some(fault));
        let run = RunDir::new(Arc::new(storage), "run");
        let made = tokenize(&Context::for_tests(2), &config(1024), &run, &inputs);
        assert_eq!(made.map(drop).unwrap_err().kind(), ErrorKind::Exhausted, "write {nth}");
    }
}
