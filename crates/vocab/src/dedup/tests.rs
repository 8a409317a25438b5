//! Tests of the stage: its results against a set of word sequences in memory, wherever lines are cut, with any number
//! of ranges, threads and bytes, and after faults.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use wordmill_flow::Budget;
use wordmill_formats::{RunDir, Storage, TokenShard};
use wordmill_text::WordSet;

use super::ranges::{MOST_BITS, distinct_at_most};
use super::*;
use crate::test_support::{RecordedRun, TestRun, chunks_of, every_rename_may_fail, words_of};

type Line = Vec<String>;

/// The lines of all shards that have a word.
fn lines_of(shards: &TokenShards) -> Vec<Line> {
    let run = shards.run();
    let mut lines = vec![Line::new()];
    for (id, words) in shards.ids().iter().zip(words_of(shards)) {
        let shard = TokenShard::open(run.storage(), &run.token_shard(*id)).unwrap();
        if !shard.continues_line() {
            lines.push(Line::new());
        }
        for word in words {
            match word.is_empty() {
                true => lines.push(Line::new()),
                false => lines.last_mut().unwrap().push(word),
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The same lines without repeated ones, and the number of those.
fn without_repeats(lines: &[Line]) -> (Vec<Line>, u64) {
    let mut seen = HashSet::new();
    let kept: Vec<Line> = lines.iter().filter(|line| seen.insert(*line)).cloned().collect();
    (kept.clone(), (lines.len() - kept.len()) as u64)
}

struct Words(Xoshiro256PlusPlus);

impl Words {
    fn roll(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    /// Lines of words of a small alphabet, in any case, with any white space between, up to many chunks of
    /// 64 bytes long.
    fn line(&mut self, pool: &[Vec<&str>]) -> String {
        const SPACES: [&str; 5] = [" ", "  ", "\t", " , ", " . "];
        let words = pool[self.roll(pool.len() as u64) as usize].clone();
        let mut text = String::new();
        for word in words {
            match self.roll(4) {
                0 => text += &word.to_uppercase(),
                _ => text += word,
            }
            text += SPACES[self.roll(5) as usize];
        }
        text
    }

    fn pool(&mut self) -> Vec<Vec<&'static str>> {
        const ALPHABET: [&str; 4] = ["a", "bb", "é", "words"];
        let letters = 1 + self.roll(4);
        let lines = 1 + self.roll(30);
        let mut line = || {
            let len = [0, 1, 2, 5, 30, 150][self.roll(6) as usize];
            (0..len).map(|_| ALPHABET[self.roll(letters) as usize]).collect()
        };
        (0..lines).map(|_| line()).collect()
    }

    fn texts(&mut self) -> Vec<String> {
        let pool = self.pool();
        let files = 1 + self.roll(3);
        let mut text = || {
            let lines = self.roll(60);
            let mut text = String::new();
            for _ in 0..lines {
                text += &self.line(&pool);
                text += ["\n", "\n", "\r\n", "\n \n"][self.roll(4) as usize];
            }
            if self.roll(2) == 0 { text + &self.line(&pool) } else { text }
        };
        (0..files).map(|_| text()).collect()
    }
}

#[test]
fn every_step_keeps_to_its_list() {
    let line = "the same words in a line that goes on in the next chunks, ".repeat(3);
    let text = format!("a b\n{line}\nc d\na b\n{line}\ne f\nc d\n{line}\na c\n");
    let test = TestRun::new(&[text.clone(), text]);
    test.shards(&chunks_of(64));
    let run = RecordedRun::over(&test.memory);
    let (ctx, shards) = (&Context::for_tests(1), &TokenShards::open(&run.dir).unwrap());
    let dedup = Dedup { ctx, shards, bits: 2 };
    run.check(&Hashing::new(&dedup), true);
    let (ends, counts) = dedup.hash().unwrap();
    let joined = repeats::join(&ends);
    run.check(&Comparing::new(&dedup, &[0, 1, 2, 3], &joined, &counts), true);
    dedup.find(&[0, 1, 2, 3], &ends, &counts).unwrap();
    run.check(&dedup.leaving_out(), true);
    let (_, dropped) = dedup.leave_out().unwrap();
    assert!(dropped > 4, "{dropped} lines were dropped");
}

#[test]
fn the_remaining_lines_are_those_of_a_set_in_memory() {
    let (mut cut, mut dropped) = (0, 0);
    for seed in 0..150 {
        let mut words = Words(Xoshiro256PlusPlus::seed_from_u64(seed));
        let test = TestRun::new(&words.texts());
        let chunk_bytes = [64, 64, 100, 1_000][words.roll(4) as usize];
        let mut config = chunks_of(chunk_bytes);
        if words.roll(3) == 0 {
            let path = test.folder.path().join(".stop");
            std::fs::write(&path, "a\n").unwrap();
            let list = WordSet::read(&path, "corpus.stop_words", &config.tokenizer).unwrap();
            config.stop_words = Some(Arc::new(list));
        }
        let shards = test.shards(&config);
        let before = lines_of(&shards);
        let (expected, repeats) = without_repeats(&before);
        let threads = 1 + words.roll(3) as usize;
        let bits = words.roll(5) as u32;
        let made = in_ranges(&Context::for_tests(threads), &shards, bits).unwrap();
        let found = lines_of(&made.shards);
        assert!(found == expected, "seed {seed}: {found:?}\nis not\n{expected:?}");
        assert_eq!(made.dropped_lines, repeats, "seed {seed}");
        let totals = (made.shards.totals(), shards.totals());
        assert_eq!(totals.0.lines, totals.1.lines - repeats, "seed {seed}");
        assert_eq!((made.lines, made.tokens), (totals.1.lines, totals.1.tokens));
        assert_eq!(totals.0.bytes, totals.1.bytes);
        let run = shards.run();
        for row in shards.rows() {
            let open = |run: &RunDir| TokenShard::open(run.storage(), &run.token_shard(row.id));
            let [old, new] = [run, made.shards.run()].map(|run| open(run).unwrap());
            assert_eq!(old.continues_line(), new.continues_line());
            cut += u64::from(old.continues_line());
        }
        dropped += repeats;
        // The result has no repeats.
        let again = made.shards.within(".");
        assert_eq!(without_repeats(&lines_of(&again)).1, 0);
    }
    assert!(cut > 1_000 && dropped > 1_000, "{cut} cuts, {dropped} dropped lines");
}

#[test]
fn a_line_is_the_same_wherever_it_is_cut() {
    let long = "one two three four five six seven ".repeat(20);
    // A line in front moves the places of the cuts.
    for shift in 0..70 {
        let text = format!("{}\n{long}\nx\n{}\n{long}", "y".repeat(shift), long.to_uppercase());
        let test = TestRun::new(&[&text, &long, &format!("{long} eight\n")]);
        let shards = test.shards(&chunks_of(64));
        assert!(shards.len() > 30);
        let made = dedup(&Context::for_tests(2), &shards).unwrap();
        assert_eq!(made.dropped_lines, 3, "shift {shift}");
        let found = lines_of(&made.shards);
        assert_eq!(found, without_repeats(&lines_of(&shards)).0, "shift {shift}");
        assert_eq!(found.len(), 3 + usize::from(shift > 0));
    }
}

#[test]
fn of_lines_that_are_all_the_same_one_stays() {
    for (line, chunk_bytes) in
        [("to be or not to be\n", 64), ("a\n", 64_000), ("same again\n", 4_000)]
    {
        let test = TestRun::new(&[line.repeat(20_000), line.repeat(10)]);
        let shards = test.shards(&chunks_of(chunk_bytes));
        let made = in_ranges(&Context::for_tests(2), &shards, 3).unwrap();
        assert_eq!(made.dropped_lines, 20_009);
        assert_eq!(lines_of(&made.shards).len(), 1);
        assert_eq!(made.shards.totals().lines, 1);
        assert_eq!(made.shards.len(), shards.len());
    }
}

#[test]
fn a_text_without_words_stays() {
    let test = TestRun::new(&["\n\n . \n", "", "..."]);
    let shards = test.shards(&chunks_of(64));
    let made = dedup(&Context::for_tests(1), &shards).unwrap();
    assert_eq!((made.dropped_lines, made.shards.totals()), (0, shards.totals()));
}

fn repetitive(seed: u64) -> Vec<String> {
    let mut words = Words(Xoshiro256PlusPlus::seed_from_u64(seed));
    std::iter::repeat_with(|| words.texts()).find(|texts| texts.concat().len() > 20_000).unwrap()
}

#[test]
fn neither_threads_nor_memory_nor_ranges_nor_a_fault_change_the_files() {
    let texts = repetitive(3);
    let config = chunks_of(1_500);
    let undisturbed = TestRun::new(&texts);
    dedup(&Context::for_tests(2), &undisturbed.shards(&config)).unwrap();
    let expected = undisturbed.memory.snapshot();
    let is_left = |path: &std::path::Path| {
        path.extension().is_some_and(|ending| ending == "hashes" || ending == "dropped")
    };
    assert!(!expected.keys().any(|path| is_left(path)));
    for (threads, bytes, bits) in
        [(1, 1 << 30, None), (3, 1 << 30, None), (2, 20 << 20, None), (3, 1 << 30, Some(4))]
    {
        let test = TestRun::new(&texts);
        let shards = test.shards(&config);
        let ctx = Context { budget: Budget::new(bytes), ..Context::for_tests(threads) };
        match bits {
            Some(bits) => in_ranges(&ctx, &shards, bits).unwrap(),
            None => dedup(&ctx, &shards).unwrap(),
        };
        assert!(test.memory.snapshot() == expected, "{threads} threads, {bytes} bytes, {bits:?}");
    }
    every_rename_may_fail(&texts, &config, &expected, 20, |shards, attempt| {
        // The next process may have more memory, or less.
        in_ranges(&Context::for_tests(1), shards, 2 + attempt as u32 % 2).map(drop)
    });
}

#[test]
fn files_of_another_text_are_rebuilt() {
    let config = chunks_of(200);
    let test = TestRun::new(&repetitive(4));
    let shards = test.shards(&config);
    dedup(&Context::for_tests(2), &shards).unwrap();
    // The same text with a line in front: all later lines are the same, except those of the first
    // few shards.
    let mut texts = repetitive(4);
    texts[0].insert_str(0, "a bb words\n");
    let other = TestRun { memory: test.memory.clone(), ..TestRun::new(&texts) };
    let shards = other.shards(&config);
    let made = dedup(&Context::for_tests(2), &shards).unwrap();
    let (expected, repeats) = without_repeats(&lines_of(&shards));
    assert!(lines_of(&made.shards) == expected);
    assert_eq!(made.dropped_lines, repeats);
}

#[test]
fn damage_is_reported_and_a_small_budget_names_a_remedy() {
    let test = TestRun::new(&repetitive(5));
    let shards = test.shards(&chunks_of(1_500));
    let ctx = Context { budget: Budget::new(1 << 20), ..Context::for_tests(1) };
    let error = dedup(&ctx, &shards).unwrap_err();
    assert!(matches!(error, VocabError::OverBudget(_)), "{error}");
    assert!(error.to_string().contains("corpus.chunk_bytes"), "{error}");
    let paths: Vec<std::path::PathBuf> = test.memory.snapshot().into_keys().collect();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "tok")).take(3) {
        let whole = test.memory.snapshot()[path].clone();
        let storage: Arc<dyn Storage> = Arc::new(test.memory.clone());
        let write = |bytes: &[u8]| {
            use std::io::Write as _;
            storage.create(path).unwrap().write_all(bytes).unwrap();
        };
        write(&whole[..whole.len() / 2]);
        let error = dedup(&Context::for_tests(2), &shards).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "{error}");
        write(&whole);
    }
    dedup(&Context::for_tests(2), &shards).unwrap();
}

#[test]
fn there_are_as_many_ranges_as_the_memory_needs() {
    let mut known = BTreeMap::new();
    for lines in [0, 1, 1 << 15, 1 << 20, 1 << 25, 1 << 31] {
        for left in [16 << 20, 1 << 30, 1 << 34] {
            for threads in [1, 2, 8] {
                let bits = range_bits(lines, threads, left);
                let each = repeats::needed_bytes(distinct_at_most(lines, bits));
                assert!(bits == MOST_BITS || threads.min(1 << bits) * each <= left / 2);
                known.insert((lines, left, threads), bits);
            }
        }
    }
    assert_eq!(known[&(1 << 15, 1 << 30, 8)], 0);
    assert_eq!(known[&(1 << 20, 1 << 34, 2)], 2);
    assert!(known[&(1 << 31, 1 << 30, 2)] < MOST_BITS);
    // The documented maximum at MOST_BITS.
    for (lines, bytes) in [(1_000_000_000, 12 << 20), (100_000_000_000, 600 << 20)] {
        assert!(repeats::needed_bytes(distinct_at_most(lines, MOST_BITS)) <= bytes);
    }
}
