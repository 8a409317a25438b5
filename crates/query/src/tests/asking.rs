//! Tests of predictions, of typed questions, and of unknown words.

use super::*;

/// Vectors with the settings of a model that predicts; for a tree, that of the six words of `letters`.
fn predicting(settings: &[(&str, &str)], tree: Option<&[u32]>) -> Vectors {
    let (storage, path) = (storage(), Path::new("p"));
    let settings =
        settings.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let list = List::new(["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec());
    let mut writer = VectorsWriter::create(&storage, path, &list, 3, &settings).unwrap();
    let mut matrix = |name: &str, rows: u32, seed: u64| {
        let rows_of = random_rows(rows as usize, 3, seed);
        let some = |ids: Range<u32>, out: &mut Vec<f32>| {
            ids.for_each(|id| out.extend(&rows_of[id as usize]));
            Ok(())
        };
        writer.matrix(name, rows, some).unwrap();
    };
    matrix("word_vectors", 6, 21);
    match tree {
        None => matrix("context_vectors", 6, 22),
        Some(parents) => {
            matrix("node_vectors", 5, 23);
            writer.tree(parents).unwrap();
        }
    }
    writer.finish(&list).unwrap();
    Vectors::open(&storage, path).unwrap()
}

const R: u32 = 1 << 31;
const PARENTS: [u32; 11] = [4 | R, 3 | R, 1, 1 | R, 0, R, 2, 2 | R, 3, 4, 4];

/// Walks up the tree from each word and multiplies every decision by its definition.
#[test]
fn probabilities_of_a_tree_are_products_of_decisions() {
    let tree = [("objective", "hierarchical-softmax"), ("model", "skip-gram")];
    let vectors = predicting(&tree, Some(&PARENTS));
    let nodes = vectors.matrix("node_vectors").unwrap();
    for context in [vec![0], vec![1, 4, 5]] {
        let hidden: Vec<f64> = (0..3)
            .map(|k| context.iter().map(|&id| f64::from(vectors.word_vector(id)[k])).sum::<f64>())
            .map(|sum| sum / context.len() as f64)
            .collect();
        let left = |node: usize| {
            let of = nodes[node * 3..][..3].iter().zip(&hidden);
            1.0 / (1.0 + (-of.map(|(&t, h)| f64::from(t) * h).sum::<f64>()).exp())
        };
        let probability = |word: usize| {
            let (mut at, mut product) = (word, 1.0);
            while at != 10 {
                let parent = (PARENTS[at] & !R) as usize;
                product *= if PARENTS[at] & R == 0 { left(parent) } else { 1.0 - left(parent) };
                at = 6 + parent;
            }
            product
        };
        let predictor = Predictor::new(&vectors).unwrap();
        let found = predictor.probabilities(&context, 2).unwrap();
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (word, &found) in found.iter().enumerate() {
            assert!((found - probability(word)).abs() < 1e-6, "word {word}");
        }
        let best = predictor.best(&context, 3, 1).unwrap();
        let mut order: Vec<usize> = (0..6).collect();
        order.sort_by(|&a, &b| found[b].total_cmp(&found[a]));
        assert_eq!(best, order[..3].iter().map(|&id| (id, found[id])).collect::<Vec<_>>());
    }
    let mut damaged = PARENTS;
    damaged[8] = 1;
    let vectors = predicting(&tree, Some(&damaged));
    let error = Predictor::new(&vectors).unwrap().probabilities(&[0], 1).unwrap_err();
    assert!(error.to_string().contains("tree_parents"), "{error}");
}

#[test]
fn the_softmax_corrects_for_noise() {
    let noise = ("objective", "negative-sampling");
    for (context, share) in [("mean", 0.5), ("sum", 1.0)] {
        let settings = [noise, ("noise_exponent", "0.75"), ("context", context)];
        let vectors = predicting(&settings, None);
        let contexts = vectors.context_vectors().unwrap();
        let weight = |id: usize| {
            let hidden = |k: usize| {
                let of = |word: usize| f64::from(vectors.word_vector(word)[k]);
                (of(2) + of(3)) * share
            };
            let score: f64 = (0..3).map(|k| hidden(k) * f64::from(contexts[id * 3 + k])).sum();
            score.exp() * (vectors.words().counts()[id] as f64).powf(0.75)
        };
        let total: f64 = (0..6).map(weight).sum();
        let found = Predictor::new(&vectors).unwrap().probabilities(&[2, 3], 1).unwrap();
        for (id, found) in found.into_iter().enumerate() {
            assert!((found - weight(id) / total).abs() < 1e-6, "{context} {id}");
        }
    }
    for settings in [&[("model", "glove")][..], &[noise], &[]] {
        let vectors = predicting(settings, None);
        let error = Predictor::new(&vectors).err().unwrap();
        assert!(matches!(error, QueryError::NoPrediction { .. }), "{error}");
    }
}

fn check_question(text: &str, expected: Result<Question, &str>) {
    match (Question::parse(&letters(), text), expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
        (Err(error), Err(what)) => assert!(error.to_string().contains(what), "{text}: {error}"),
        (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
    }
}

#[test]
fn typed_questions_are_parsed() {
    let near = |positive: &[usize], negative: &[usize]| {
        Ok(Question::Near { positive: positive.to_vec(), negative: negative.to_vec() })
    };
    check_question("king", near(&[1], &[]));
    check_question("king - the + queen", near(&[1, 4], &[0]));
    check_question(" king -the +queen ring", near(&[1, 4, 3], &[0]));
    check_question("-king", near(&[], &[1]));
    check_question("king : kings :: ring", Ok(Question::Analogy { words: [1, 2, 3] }));
    check_question("king : kings : ring", Ok(Question::Analogy { words: [1, 2, 3] }));
    check_question("? the king", Ok(Question::Predict { context: vec![0, 1] }));
    check_question("king :: ring", Err("three words"));
    check_question("king -", Err("a sign at the end"));
    check_question("king - - ring", Err("two signs"));
    check_question("", Err("expected a word"));
    check_question("kinq", Err("spelled alike: king"));
    check_question("?", Err("not in the vocabulary"));
}

#[test]
fn prefixes_are_completed_by_frequency() {
    let vectors = letters();
    assert_eq!(complete(&vectors, "k", 9), ["king", "kings"]);
    assert_eq!(complete(&vectors, "king", 1), ["king"]);
    assert_eq!(complete(&vectors, "kingsz", 9), [""; 0]);
    assert_eq!(complete(&vectors, "", 2), ["the", "king"]);
    assert_eq!(complete(&vectors, "\u{10ffff}", 2), [""; 0]);
}

#[test]
fn errors_of_unknown_words_suggest_close_spellings() {
    let vectors = letters();
    assert_eq!(find_word(&vectors, "King"), Some(1));
    assert_eq!(find_word(&vectors, "NAÏVE"), Some(5));
    for (word, expected) in [
        ("kinf", "spelled alike: king, kings, ring"),
        ("QUEAN", "spelled alike: queen"),
        ("xylophone", "nothing is spelled alike"),
    ] {
        let error = find_words(&vectors, &["the".into(), word.into()]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("v.safetensors: looking up {word:?}: ")), "{text}");
        assert!(text.ends_with(expected), "{text}");
    }
    let error = nearest(&vectors, Which::Sum, &[0], &[], 1, 1).unwrap_err();
    assert!(matches!(error, QueryError::NoMatrix { .. }));
}
