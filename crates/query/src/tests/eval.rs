//! Tests of the scores: brute force, sums by hand, and the rules of each convention.

use super::*;

#[test]
fn analogies_agree_with_brute_force() {
    let (rows, dim, top) = (2500, 20, 2000);
    let words = random_rows(rows, dim, 8);
    let vectors = write(&storage(), names(rows), &words, None);
    let units: Vec<Vec<f64>> = words.iter().map(|row| unit(row)).collect();
    let best = |[a, b, c]: [usize; 3]| {
        let score = |id: &usize| {
            let row = &units[*id];
            dot(row, &units[b]) - dot(row, &units[a]) + dot(row, &units[c])
        };
        let candidates = (0..top).filter(|id| ![a, b, c].contains(id));
        candidates.max_by(|x, y| score(x).total_cmp(&score(y))).unwrap()
    };
    // Every third question has another answer than the best one, every seventh contains a word that
    // is too rare.
    let mut text = String::from("// comment\n: capital\n");
    let (mut correct, mut skipped) = (0, 0);
    for question in 0..200 {
        let [a, b, c] = [question, 3 * question + 1, 5 * question + 2];
        let answer = match (question % 7, question % 3) {
            (0, _) => rows - 1,
            (_, 0) => c,
            _ => best([a, b, c]),
        };
        skipped += u64::from(question % 7 == 0);
        correct += u64::from(question % 7 != 0 && question % 3 != 0);
        text += &format!("W{a} w{b} w{c} w{answer}\n");
    }
    text += ": gram1-plural\nw1 w2 w3 nobody\n";
    let set = AnalogySet::parse("q.txt", &text).unwrap();
    let config = EvalConfig { top, ..EvalConfig::default() };
    let one = score_analogies(&vectors, &set, &config).unwrap();
    let counts = |score: Score| (score.correct, score.asked, score.skipped);
    assert_eq!(counts(one.semantic), (correct, 200 - skipped, skipped));
    assert_eq!(counts(one.syntactic), (0, 0, 1));
    assert_eq!(counts(one.total), (correct, 200 - skipped, skipped + 1));
    let [low, high] = one.total.interval.unwrap();
    assert!(low < one.total.accuracy.unwrap() && one.total.accuracy.unwrap() < high);
    for threads in [2, 3] {
        let same = score_analogies(&vectors, &set, &EvalConfig { threads, ..config }).unwrap();
        assert_eq!(same, one);
    }
}

fn check_bad_line(text: &str, line: usize, similarity: bool) {
    let error = match similarity {
        true => SimilaritySet::parse("s", text).map(drop).unwrap_err(),
        false => AnalogySet::parse("s", text).map(drop).unwrap_err(),
    };
    assert!(error.is_bad_input());
    assert!(error.to_string().starts_with(&format!("s:{line}: ")), "{error}");
}

#[test]
fn errors_of_malformed_sets_name_the_line() {
    check_bad_line(": a\n\na b c d\na b c\n", 4, false);
    check_bad_line("a b c d e\n", 1, false);
    check_bad_line(": only a title\n", 1, false);
    check_bad_line("a\tb\t1\n# c\na\tb\n", 3, true);
    check_bad_line("a,b,1\na,b,many\n", 2, true);
    check_bad_line("a b 1\na b nan\n", 2, true);
    check_bad_line("word word score\n", 1, true);
    check_bad_line("a\tb\t1\n\t\t3\n", 2, true);
}

#[test]
fn similarity_sets_of_many_layouts_are_parsed() {
    for text in [
        "king\tqueen\t8.5\nthe\tring\t1\n",
        "\u{feff}Word 1,Word 2,Human (mean)\r\nking,queen,8.5\r\n\"the\",ring,1\r\n",
        "# comment\nKing queen 8.5\nthe ring 1",
        "word1\tword2\tPOS\tSimLex999\tSD\nking\tqueen\tN\t8.5\t0.3\nthe\tring\tN\t1\t9.9\n",
        "king queen 8.5\nthe ring 1\nking nobody 5\n",
    ] {
        let set = SimilaritySet::parse("s", text).unwrap();
        let scores = score_similarity(&letters(), &set, &EvalConfig::default());
        assert_eq!(scores.pairs, 2, "{text}");
        assert_eq!(scores.skipped, set.len() as u64 - 2);
        assert!(scores.spearman.is_some_and(|value| value.abs() == 1.0), "{text}");
    }
}

#[test]
fn ties_share_the_mean_of_their_ranks() {
    // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, spreads 4.5 and 5.
    let found = spearman(&[0.1, 0.2, 0.2, 0.9], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!((found - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-12);
    assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
    assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    assert_eq!(spearman(&[], &[]), None);
}

#[test]
fn json_and_table_are_stable() {
    let vectors = letters();
    let set = AnalogySet::parse("q", ": family\nthe king ring queen\n").unwrap();
    let config = EvalConfig { top: 0, ..EvalConfig::default() };
    let mut analogies = score_analogies(&vectors, &set, &config).unwrap();
    analogies.sections[0].score = Score::new(1, 1, 0);
    let pairs = SimilaritySet::parse("s", "the king 1\nthe queen 2\n").unwrap();
    let report = EvalReport {
        vectors: "v".into(),
        words: 6,
        dim: 4,
        analogies: vec![analogies],
        similarity: vec![SimilarityScores {
            spearman: Some(0.5),
            ..score_similarity(&vectors, &pairs, &config)
        }],
        convention: config.convention.name(),
        outliers: vec![],
    };
    let json = serde_json::to_value(&report).unwrap();
    let section = serde_json::json!(
        {"name": "family", "correct": 1, "asked": 1, "skipped": 0, "accuracy": 1.0, "interval": null}
    );
    assert_eq!(json["analogies"][0]["sections"][0], section);
    assert_eq!(json["analogies"][0]["syntactic"]["accuracy"], serde_json::Value::Null);
    let mut similarity = json["similarity"][0].as_object().unwrap().clone();
    assert!(similarity.remove("pearson").unwrap().as_f64().unwrap().abs() > 0.99);
    let expected = serde_json::json!(
        {"set": "s", "pairs": 2, "skipped": 0, "coverage": 1.0, "spearman": 0.5, "interval": null}
    );
    assert_eq!(serde_json::Value::from(similarity), expected);
    let table = report.to_string();
    assert!(table.contains("family") && table.contains("100.00"), "{table}");
    assert!(table.contains("50.00"), "{table}");
}

/// Words of several spellings, and a question whose best answer is another spelling of one of its words.
fn spelled() -> Vectors {
    let words = ["King", "man", "Woman", "queen", "QUEEN", "woman", "king", "\u{e9}t\u{e9}"];
    let angles: [f32; 8] = [0.0, 1.0, 2.0, 0.98, 1.01, 2.001, 3.0, 2.5];
    let rows: Vec<Vec<f32>> = angles.iter().map(|at| vec![at.cos(), at.sin()]).collect();
    write(&storage(), words.map(str::to_owned).to_vec(), &rows, None)
}

fn check_convention(convention: Convention, top: usize, question: &str, expected: [u64; 3]) {
    let set = AnalogySet::parse("q", question).unwrap();
    let config = EvalConfig { convention, top, ..EvalConfig::default() };
    let score = score_analogies(&spelled(), &set, &config).unwrap().total;
    let found = [score.correct, score.asked, score.skipped];
    assert_eq!(found, expected, "{convention:?}, {top}: {question}");
}

/// By hand, from the angles: man − King + Woman points to 2.035, so the best are woman, été, king, QUEEN, queen.
#[test]
fn conventions_differ_as_their_programs_do() {
    use Convention::{Gensim, Word2vec, Wordmill};
    check_convention(Wordmill, 0, "King man Woman woman", [1, 1, 0]);
    check_convention(Wordmill, 0, "King man Woman Woman", [0, 1, 0]);
    check_convention(Wordmill, 0, "Kinq man Woman woman", [0, 0, 1]);
    // The others ignore case; gensim skips other spellings of the three words.
    check_convention(Word2vec, 0, "king MAN woman Woman", [1, 1, 0]);
    check_convention(Word2vec, 0, "king MAN woman \u{e9}t\u{e9}", [0, 1, 0]);
    check_convention(Gensim, 0, "king MAN woman Woman", [0, 1, 0]);
    check_convention(Gensim, 0, "king MAN woman \u{c9}T\u{c9}", [1, 1, 0]);
    check_convention(Gensim, 7, "King man Woman Queen", [1, 1, 0]);
    check_convention(Gensim, 7, "King man Woman king", [0, 1, 0]);
    // ASCII has no capitals of accented letters.
    check_convention(Word2vec, 0, "king man woman \u{c9}T\u{c9}", [0, 0, 1]);
    // The best is QUEEN. Any spelling counts as right, except by wordmill's rules.
    check_convention(Wordmill, 0, "man man man queen", [0, 1, 0]);
    check_convention(Wordmill, 0, "man man man QUEEN", [1, 1, 0]);
    check_convention(Word2vec, 0, "man man man queen", [1, 1, 0]);
    check_convention(Gensim, 0, "man man man queen", [1, 1, 0]);
    // A spelling that is found under another one takes part; of the three words only one remains.
    check_convention(Word2vec, 3, "King man man woman", [1, 1, 0]);
    check_convention(Wordmill, 3, "King man man woman", [0, 0, 1]);
    // compute-accuracy.c accepts no answer whose product is not above 0.
    check_convention(Wordmill, 3, "man King man Woman", [1, 1, 0]);
    check_convention(Gensim, 3, "man King man Woman", [1, 1, 0]);
    check_convention(Word2vec, 3, "man King man Woman", [0, 1, 0]);
}

#[test]
fn pairs_ask_about_each_other() {
    let vectors = letters();
    let text = "king\tkings/nobody\nthe\tnobody/ring\nqueen\tnobody\nking\tring\n";
    let set = AnalogySet::parse("I01 x.txt", text).unwrap();
    assert_eq!(set.len(), 6, "a word that occurs twice is one pair");
    let config = EvalConfig { top: 0, ..EvalConfig::default() };
    let scores = score_analogies(&vectors, &set, &config).unwrap();
    assert_eq!((scores.total.asked, scores.total.skipped), (2, 4));
    // kings − king + the, and ring − the + king, computed by hand as well.
    let mut right = 0;
    for (a, b, c, expected) in [(1, 2, 0, &[3][..]), (0, 3, 1, &[2, 3])] {
        let answer = analogy(&vectors, Analogy { a, b, c }, AnalogyMethod::Add, 1, 1).unwrap()[0].0;
        right += u64::from(expected.contains(&answer));
    }
    assert_eq!(scores.total.correct, right);
    check_bad_line("a\tb\nc\td\te\n", 2, false);
    check_bad_line("a\t/\n", 1, false);
    let many: String = (0..1001).map(|at| format!("w{at} x\n")).collect();
    check_bad_line(&many, 1001, false);
}

#[test]
fn outliers_are_the_least_compact() {
    let words = ["a", "b", "c", "far", "near", "two", "parts"].map(str::to_owned).to_vec();
    let row = |x: f32, y: f32| vec![x, y];
    let rows = [
        row(1.0, 0.0),
        row(1.0, 0.1),
        row(1.0, -0.1),
        row(-1.0, 0.3),
        row(1.0, 0.01),
        row(0.0, 1.0),
        row(0.5, 1.0),
    ];
    let vectors = write(&storage(), words, &rows, None);
    let check = |text: &str, asked: [u64; 4], opp: Option<f64>| {
        let set = OutlierSet::parse("t", text).unwrap();
        let scores = score_outliers(&vectors, &set, &EvalConfig::default()).unwrap();
        let it = &scores.sections[0];
        assert_eq!([it.asked, it.found, it.skipped, it.unknown], asked, "{text}");
        assert_eq!(scores.opp, opp, "{text}");
    };
    check("a\nb\nc\n\nfar\n", [1, 1, 0, 0], Some(1.0));
    // A word in the middle of the others: one of them is more compact.
    check("a\nb\nc\n\nnear\n", [1, 0, 0, 0], Some(1.0 / 3.0));
    check("\u{feff}a\r\nb\r\nnobody\r\n\r\nfar\r\nnear\r\nno one\r\n", [2, 1, 1, 1], Some(0.5));
    check("a\nb\nc\n\ntwo parts\n", [1, 1, 0, 0], Some(1.0));
    check("a\nnobody\n\nfar\n", [0, 0, 1, 1], None);
    for text in ["a\nb\n", "a\n\nb\n", ""] {
        assert!(OutlierSet::parse("t", text).unwrap_err().is_bad_input(), "{text:?}");
    }
}

#[test]
fn comparisons_tell_better_vectors_from_chance() {
    // The cosines of the first file are the human scores, those of the second are shuffled.
    let rows = 40;
    let angles = |of: &dyn Fn(usize) -> usize| -> Vec<Vec<f32>> {
        let at = |id| of(id) as f32 * 0.03;
        (0..rows).map(|id| vec![at(id).cos(), at(id).sin()]).collect()
    };
    let text: String = (1..rows).map(|id| format!("w0 w{id} {}\n", rows - id)).collect();
    let set = SimilaritySet::parse("s", &text).unwrap();
    let report = |name: &str, rows: Vec<Vec<f32>>| {
        let vectors = write(&storage(), names(rows.len()), &rows, None);
        EvalReport {
            vectors: name.into(),
            words: rows.len(),
            dim: 2,
            convention: "wordmill",
            analogies: vec![],
            similarity: vec![score_similarity(&vectors, &set, &EvalConfig::default())],
            outliers: vec![],
        }
    };
    let right = report("right", angles(&|id| id));
    let wrong = report("wrong", angles(&|id| id * 17 % rows));
    assert_eq!(right.similarity[0].spearman, Some(1.0));
    let files = vec![wrong.clone(), right, wrong];
    let comparisons = compare(&files, 1);
    assert_eq!(comparisons.len(), 2);
    assert!(comparisons[0].p.unwrap() < 0.01 && comparisons[0].difference.unwrap() > 0.5);
    assert_eq!((comparisons[1].p, comparisons[1].difference), (Some(1.0), Some(0.0)));
    let table = SideBySide { files, comparisons }.to_string();
    assert!(table.contains("[2] right: 40 words x 2") && table.contains("**"), "{table}");
}
