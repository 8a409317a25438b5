//! Tests of the stage: learners against naive ones, shards against words cut one by one, kills, threads and memory.

use std::collections::{BTreeMap, BTreeSet};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use wordmill_flow::Budget;
use wordmill_text::CONTINUES;

use super::*;
use crate::test_support::{RecordedRun, TestRun, chunks_of, every_rename_may_fail, words_of};

const KOREAN: Learner = Learner::Korean { endings: Endings::Keep };

fn shards_of(test: &TestRun) -> TokenShards {
    test.shards(&chunks_of(3_000))
}

fn config(learner: Learner) -> PiecesConfig {
    PiecesConfig { learner, learning: LearningConfig::default() }
}

/// The words of all shards in order; an empty one is the end of a line.
fn read(shards: &TokenShards) -> Vec<String> {
    words_of(shards).concat()
}

/// Sentences of stems with endings, and a few other words.
fn korean_text(seed: u64, words: usize) -> String {
    const STEMS: [&str; 12] = [
        "학교",
        "사람",
        "나라",
        "고양이",
        "호랑이",
        "도시",
        "이야기",
        "컴퓨터",
        "사랑",
        "회의",
        "어머니",
        "물고기",
    ];
    const ENDINGS: [&str; 10] = ["", "에", "에서", "는", "은", "의", "을", "를", "으로", "이다"];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut text = String::new();
    for _ in 0..words {
        let bits = random.next_u64();
        match bits % 23 {
            0 => text.push_str("2010년에"),
            1 => text.push_str("DNA는"),
            2 => text.push_str("word"),
            _ => {
                // A new stem for every few words, so that endings follow many.
                let stem = match bits >> 8 & 1 {
                    0 => STEMS[(bits >> 9) as usize % STEMS.len()].to_owned(),
                    _ => {
                        let syllable = |at: u64| {
                            char::from_u32(0xac00 + ((bits >> at) as u32 % 7) * 588).unwrap()
                        };
                        [syllable(20), syllable(26), syllable(32)].iter().collect()
                    }
                };
                text += &stem;
                text.push_str(ENDINGS[(bits >> 40) as usize % ENDINGS.len()]);
            }
        }
        text.push(if bits >> 50 & 7 == 0 { '\n' } else { ' ' });
    }
    text
}

/// How often each word occurs.
fn counts(words: &[String]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        *counts.entry(word.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn shards_of_pieces_are_the_words_cut_one_by_one() {
    let test = TestRun::new(&[&korean_text(1, 6_000)]);
    let run = test.run();
    let shards = shards_of(&test);
    let before = read(&shards);
    for learner in [KOREAN, Learner::Korean { endings: Endings::Drop }, Learner::Bpe { merges: 60 }]
    {
        let made = pieces(&Context::for_tests(2), &config(learner), &shards).unwrap();
        let cutter = Segmenter::read(&run, &made.model.path, learner).unwrap();
        let cut = |word: &String| match word.is_empty() {
            true => vec![String::new()],
            false => cutter.pieces(word),
        };
        let expected: Vec<String> = before.iter().flat_map(cut).collect();
        let found = read(&made.shards);
        assert!(found == expected, "{learner:?}");
        assert!(found.iter().any(|piece| piece.starts_with(CONTINUES)));
        let tokens = found.iter().filter(|word| !word.is_empty()).count() as u64;
        assert_eq!(made.shards.totals().tokens, tokens);
        assert_eq!(made.words, shards.totals().tokens);
        let all = match learner {
            Learner::Korean { endings: Endings::Drop } => {
                let kept = Segmenter::read(&run, &made.model.path, KOREAN).unwrap();
                let all =
                    before.iter().filter(|word| !word.is_empty()).flat_map(|w| kept.pieces(w));
                all.count() as u64
            }
            _ => tokens,
        };
        assert_eq!(made.left_out, all - tokens);
        let again = pieces(&Context::for_tests(1), &config(learner), &shards).unwrap();
        assert_eq!((again.left_out, again.shards.digest()), (made.left_out, made.shards.digest()));
    }
}

#[test]
fn joined_pieces_are_the_word() {
    let test = TestRun::new(&[&korean_text(2, 4_000)]);
    let run = test.run();
    let shards = shards_of(&test);
    for learner in [KOREAN, Learner::Bpe { merges: 100 }] {
        let made = pieces(&Context::for_tests(2), &config(learner), &shards).unwrap();
        let cutter = Segmenter::read(&run, &made.model.path, learner).unwrap();
        let others = [
            "한국어",
            "ab한국12에서",
            "é",
            "는",
            "\u{1f600}\u{200d}a",
            "에서는",
            "#",
            "##",
            "a##b",
        ];
        let known = read(&shards).into_iter().filter(|word| !word.is_empty());
        for word in known.chain(others.map(str::to_owned)) {
            let pieces = cutter.pieces(&word);
            let mut whole = pieces[0].clone();
            pieces[1..].iter().for_each(|piece| whole += piece.strip_prefix(CONTINUES).unwrap());
            assert_eq!(whole, word, "{learner:?} {pieces:?}");
        }
    }
}

/// Stems and endings by their definition.
fn naive_korean(
    counts: &BTreeMap<String, u64>,
) -> (BTreeMap<String, f64>, BTreeMap<String, (f64, u64)>) {
    let hangul = |c: char| ('가'..='힣').contains(&c);
    let words: Vec<(Vec<char>, u64)> = counts
        .iter()
        .filter(|(word, _)| word.chars().all(hangul))
        .map(|(word, count)| (word.chars().collect(), *count))
        .collect();
    let mut follows: BTreeMap<Vec<char>, BTreeMap<Option<char>, u64>> = BTreeMap::new();
    for (word, count) in &words {
        for at in 1..=word.len() {
            let follows = follows.entry(word[..at].to_vec()).or_default();
            *follows.entry(word.get(at).copied()).or_default() += count;
        }
    }
    let count = |begin: &[char]| follows[begin].values().sum::<u64>() as f64;
    let mut stems = BTreeMap::new();
    for (begin, next) in follows.iter().filter(|(begin, _)| begin.len() > 1) {
        let all = count(begin);
        let entropy: f64 = next.values().map(|n| -(*n as f64 / all) * (*n as f64 / all).ln()).sum();
        if next.len() >= 3 && entropy >= 1.0 {
            let cohesion = (all / count(&begin[..1])).powf(1.0 / (begin.len() - 1) as f64);
            stems.insert(begin.iter().collect::<String>(), cohesion * entropy.exp());
        }
    }
    let mut tails: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (word, _) in &words {
        for at in 2..word.len() {
            if word.len() - at <= 6 {
                let tail = tails.entry(word[at..].iter().collect()).or_default();
                tail.0 += 1;
                tail.1 += u64::from(stems.contains_key(&word[..at].iter().collect::<String>()));
            }
        }
    }
    let most = tails.values().map(|tail| tail.1).max().unwrap_or(0);
    tails.retain(|_, (all, behind)| {
        *behind >= 20 && *behind * 1000 >= most && *behind as f64 / *all as f64 >= 0.25
    });
    let endings =
        tails.into_iter().map(|(tail, (all, n))| (tail, (n as f64 / all as f64, n))).collect();
    (stems, endings)
}

#[test]
fn korean_stems_and_endings_are_those_of_their_definition() {
    let test = TestRun::new(&[&korean_text(3, 9_000)]);
    let run = test.run();
    let shards = shards_of(&test);
    let made = pieces(&Context::for_tests(2), &config(KOREAN), &shards).unwrap();
    let text = read_file(run.storage(), &made.model.path, 1 << 30).unwrap();
    let (_, rows) = parse(&made.model.path, &text, "korean").unwrap();
    let rows: BTreeSet<String> = rows.map(|(_, row)| row.to_owned()).collect();
    let (stems, endings) = naive_korean(&counts(&read(&shards)));
    let stems = stems.iter().map(|(stem, score)| format!("{stem}\t{score:.4}"));
    let of_endings = endings.iter().map(|(it, (share, n))| format!("##{it}\t{share:.4}\t{n}"));
    assert_eq!(rows, stems.chain(of_endings).collect());
    for ending in ["에서", "는", "의", "으로"] {
        assert!(endings.contains_key(ending), "{ending}: {endings:?}");
    }
    let cutter = Segmenter::read(&run, &made.model.path, KOREAN).unwrap();
    for (word, expected) in [
        ("학교에서", "학교 ##에서"),
        ("고양이는", "고양이 ##는"),
        ("회의", "회의"),
        ("회의의", "회의 ##의"),
        ("이야기", "이야기"),
        ("모르는말을", "모르는말 ##을"),
        ("dna는", "dna ##는"),
        ("2010년에서", "2010 ##년 ##에서"),
        ("word", "word"),
    ] {
        assert_eq!(cutter.pieces(word).join(" "), expected);
    }
}

/// Byte pair encoding by its definition: count, merge, count again.
fn naive_bpe(counts: &BTreeMap<String, u64>, merges: usize) -> Vec<(String, String)> {
    let spell = |word: &String| -> Vec<String> {
        let name = |(at, c): (usize, char)| if at == 0 { c.to_string() } else { format!("##{c}") };
        word.chars().enumerate().map(name).collect()
    };
    let mut words: Vec<(Vec<String>, u64)> = counts.iter().map(|(w, n)| (spell(w), *n)).collect();
    let first: BTreeSet<String> = words.iter().flat_map(|(word, _)| word.clone()).collect();
    let mut age: BTreeMap<String, usize> = first.into_iter().zip(0..).collect();
    let mut made = Vec::new();
    while made.len() < merges {
        let mut pairs: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (word, count) in &words {
            for pair in word.windows(2) {
                *pairs.entry((pair[0].clone(), pair[1].clone())).or_default() += count;
            }
        }
        let key = |((left, right), count): (&(String, String), &u64)| {
            (*count, std::cmp::Reverse((age[left], age[right])))
        };
        let Some((pair, _)) = pairs.iter().max_by_key(|it| key((it.0, it.1))) else { break };
        let new = format!("{}{}", pair.0, pair.1.trim_start_matches("##"));
        for (word, _) in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if word[at] == pair.0 && word[at + 1] == pair.1 {
                    word[at] = new.clone();
                    word.remove(at + 1);
                }
                at += 1;
            }
        }
        age.insert(new, age.len());
        made.push(pair.clone());
    }
    made
}

#[test]
fn merges_are_those_of_the_naive_algorithm() {
    for seed in 0..12 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let letters = 2 + seed % 4;
        let mut word = || -> String {
            let len = 1 + random.next_u64() % 7;
            (0..len)
                .map(|_| ['a', 'b', 'é', '한', 'c'][(random.next_u64() % letters) as usize])
                .collect()
        };
        let text: String =
            (0..1_500).map(|n| word() + if n % 9 == 0 { "\n" } else { " " }).collect();
        let test = TestRun::new(&[&text]);
        let run = test.run();
        let shards = shards_of(&test);
        let learner = Learner::Bpe { merges: 80 };
        let made = pieces(&Context::for_tests(2), &config(learner), &shards).unwrap();
        let model = read_file(run.storage(), &made.model.path, 1 << 30).unwrap();
        let (_, rows) = parse(&made.model.path, &model, "bpe").unwrap();
        let rows: Vec<(String, String)> = rows
            .map(|(_, row)| {
                row.split_once('\t').map(|(l, r)| (l.to_owned(), r.to_owned())).unwrap()
            })
            .collect();
        let counts = counts(&read(&shards));
        let expected = naive_bpe(&counts, 80);
        assert_eq!(rows, expected, "seed {seed}");
        // A word is cut by repeating the merges.
        let cutter = Segmenter::read(&run, &made.model.path, learner).unwrap();
        for word in counts.keys() {
            let mut pieces: Vec<String> = bpe::symbols(word).collect();
            for (left, right) in &expected {
                let mut at = 0;
                while at + 1 < pieces.len() {
                    if pieces[at] == *left && pieces[at + 1] == *right {
                        pieces[at] = bpe::joined(left, right);
                        pieces.remove(at + 1);
                    }
                    at += 1;
                }
            }
            assert_eq!(cutter.pieces(word), pieces, "seed {seed}, {word}");
        }
    }
}

#[test]
fn neither_threads_nor_memory_nor_a_fault_change_the_files() {
    let text = korean_text(4, 5_000);
    for learner in [KOREAN, Learner::Bpe { merges: 40 }] {
        let undisturbed = TestRun::new(&[&text]);
        let shards = shards_of(&undisturbed);
        pieces(&Context::for_tests(2), &config(learner), &shards).unwrap();
        let expected = undisturbed.memory.snapshot();
        assert!(!expected.keys().any(|path| path.to_string_lossy().contains("merge-")));
        for (threads, bytes) in [(1, 1 << 30), (3, 1 << 30), (2, 24 << 20)] {
            let test = TestRun::new(&[&text]);
            let shards = shards_of(&test);
            let ctx = Context { budget: Budget::new(bytes), ..Context::for_tests(threads) };
            pieces(&ctx, &config(learner), &shards).unwrap();
            assert!(test.memory.snapshot() == expected, "{threads} threads, {bytes} bytes");
        }
        every_rename_may_fail(&[&text], &chunks_of(3_000), &expected, 4, |shards, _| {
            pieces(&Context::for_tests(1), &config(learner), shards).map(drop)
        });
    }
}

#[test]
fn a_budget_that_is_too_small_names_the_setting() {
    let test = TestRun::new(&[&korean_text(5, 3_000)]);
    let shards = shards_of(&test);
    let ctx = Context { budget: Budget::new(1 << 20), ..Context::for_tests(1) };
    let error = pieces(&ctx, &config(Learner::Bpe { merges: 40 }), &shards).unwrap_err();
    assert!(matches!(error, VocabError::OverBudget(_)), "{error}");
}

#[test]
fn a_given_model_is_used_and_a_wrong_one_refused() {
    let test = TestRun::new(&["학교에서 학교에서 바다에서\n"]);
    let shards = shards_of(&test);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tsv");
    let given = PiecesConfig {
        learning: LearningConfig { min_count: 1, given: Some(path.clone()) },
        ..config(KOREAN)
    };
    let make = |text: &str| {
        std::fs::write(&path, text).unwrap();
        pieces(&Context::for_tests(1), &given, &shards).map(|made| read(&made.shards).join(" "))
    };
    let head = "#wordmill-pieces\tkorean\t1\n";
    let text = format!("{head}##에서\t0.9\t100\n\n학교\t2.5\n");
    assert_eq!(make(&text).unwrap(), "학교 ##에서 학교 ##에서 바다 ##에서 ");
    assert_eq!(make(&format!("{head}학교\t2.5\n")).unwrap(), "학교에서 학교에서 바다에서 ");
    for (text, says) in [
        ("학교\t2.5\n", "line 1: expected #wordmill-pieces"),
        ("#wordmill-pieces\tbpe\t1\n", "line 1: it is a model of \"bpe\""),
        ("#wordmill-pieces\tkorean\t9\n", "line 1: it has version 9"),
        (&format!("{head}학교\n"), "line 2: expected a number"),
        (&format!("{head}##에\t1\n"), "line 2: expected a number of stems"),
        (&format!("{head}abc\t1\n"), "line 2: \"abc\" does not consist of Hangul"),
        (&format!("{head}학교\t1\n학교\t2\n"), "line 3: \"학교\" occurs twice"),
        (&format!("{head}학교\tnan\n"), "line 2: expected a number"),
    ] {
        let error = make(text).unwrap_err().to_string();
        assert!(error.contains("model.tsv: ") && error.contains(says), "{text:?}: {error}");
    }
}

#[test]
fn shards_of_pieces_keep_to_their_lists() {
    let test = TestRun::new(&[korean_text(5, 2_000)]);
    shards_of(&test);
    let run = RecordedRun::over(&test.memory);
    let (ctx, shards) = (Context::for_tests(1), TokenShards::open(&run.dir).unwrap());
    let (model, bytes, _) = make_model(&ctx, &config(KOREAN), &shards).unwrap();
    let cutter = cutter(&model.path, &bytes, KOREAN).unwrap();
    run.check(&encoding(&shards, KOREAN, &model, &*cutter), true);
}
