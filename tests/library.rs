//! Pipelines and vectors in programs: the promises of the facade beside its examples.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use wordmill::{
    AnalogyMethod, Builder, Cancel, Cbow, ErrorKind, Event, Glove, HierarchicalSoftmax, Pipeline,
    SkipGram, Vectors, Which,
};

use crate::support::{Place, artefacts, assert_same};

fn builder(dir: &Path) -> Builder {
    Pipeline::builder()
        .inputs(["builtin:sample:300KB"])
        .memory("128MiB")
        .threads(2)
        .seed(5)
        .min_count(3)
        .window(3)
        .set("corpus.chunk_bytes", "32KiB")
        .trainer(SkipGram::named("sg").dim(8).epochs(2).negatives(2))
        .trainer(HierarchicalSoftmax::named("hs").dim(8).epochs(1))
        .trainer(Glove::named("gl").dim(8).epochs(2))
        .trainer(Cbow::named("cbow").dim(8).epochs(1))
        .dir(dir)
}

#[test]
fn what_cannot_be_followed_is_an_error_that_names_the_key() {
    let error = |builder: Builder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        error.to_string()
    };
    let of = || builder("run".as_ref());
    for (builder, says) in [
        (of().set("cooccur.windw", 3), "did you mean \"window\"?"),
        (of().set("cooccur.window", 0), "cooccur.window"),
        (of().memory("a lot"), "run.memory"),
        (of().memory("1KiB"), "expected a size from 32 MiB"),
        (of().trainer(SkipGram::named("sg")), "sg"),
        (of().trainer(SkipGram::named("x").dim(0)), "dim"),
        (of().trainer(SkipGram::named("x").set("x_max", 3.0)), "x_max"),
        (of().trainer(Glove::named("a/b")), "a/b"),
        (Pipeline::builder(), "corpus.inputs"),
    ] {
        let said = error(builder);
        assert!(said.contains(says), "{says:?} is not in {said:?}");
    }
    let gone = Pipeline::from_toml("nowhere/pipeline.toml").unwrap_err();
    assert!(gone.to_string().contains("nowhere/pipeline.toml"), "{gone}");
    let line = Pipeline::from_toml_str("[corpus]\ninputs = [\"a\"]\nstrct = true").unwrap_err();
    assert!(line.to_string().contains(":3:"), "{line}");
    let missing = builder("run".as_ref()).inputs(["no-such-text"]).build().unwrap();
    let missing = missing.run().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::BadInput, "{missing}");
}

#[test]
fn a_run_that_is_cancelled_resumes_with_the_same_bytes() {
    let place = Place::new("");
    let whole = builder(&place.path("whole")).build().unwrap().run().unwrap();
    assert_eq!(whole.stages().len(), 9);
    assert_eq!(whole.metrics("sg").len(), 2);
    assert!(whole.vectors("nobody").is_none());
    let dir = place.path("parts");
    let pipeline = builder(&dir).build().unwrap();
    let (mut stops, mut least) = (0, 0);
    // Each run may continue for one event more than the one before.
    let run = loop {
        let (cancel, seen) = (Cancel::new(None), Arc::new(AtomicU64::new(0)));
        least += 2;
        let (switch, counter) = (cancel.clone(), Arc::clone(&seen));
        let observed = pipeline.clone().cancelled_by(&cancel).on_event(move |event| {
            if let Event::Started(_) = event
                && counter.fetch_add(1, Ordering::Relaxed) + 1 >= least
            {
                switch.stop();
            }
        });
        match observed.run() {
            Ok(run) => break run,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Stopped, "{error}"),
        }
        stops += 1;
    };
    assert!(stops > 2, "it was stopped {stops} times");
    assert_same("cancelled", &artefacts(whole.dir()), &artefacts(run.dir()));
    let late = builder(&place.path("late")).build().unwrap().deadline(Instant::now());
    assert_eq!(late.run().unwrap_err().kind(), ErrorKind::Stopped);
}

#[test]
fn stages_are_rebuilt_only_where_the_caller_agrees() {
    let place = Place::new("");
    let dir = place.path("run");
    let counted = builder(&dir).build().unwrap().until("merge").run().unwrap();
    assert_eq!(counted.stages().last().unwrap().name, "merge");
    assert!(counted.vectors("sg").is_none());
    let wider = || builder(&dir).window(4).build().unwrap().until("merge");
    let refused = wider().run().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Stale, "{refused}");
    assert!(refused.to_string().contains("cooccur.window"), "{refused}");
    wider().rebuild(true).run().unwrap();
    let unknown = wider().until("nothing").run().unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Usage, "{unknown}");
}

#[test]
fn sentences_in_memory_give_the_vectors_of_a_file() {
    let place = Place::new("");
    let sentences: Vec<String> =
        (0..400).map(|n| format!("w{} w{}\nw{} Ж{}", n % 7, n % 11, n % 5, n % 3)).collect();
    let trainers = |builder: Builder| {
        builder
            .trainer(SkipGram::named("sg").dim(6).epochs(2))
            .trainer(Glove::named("gl").dim(6).epochs(2))
            .trainer(HierarchicalSoftmax::named("hs").dim(6).epochs(2))
            .trainer(Cbow::named("cbow").dim(6).epochs(2))
    };
    let fitted = trainers(Pipeline::builder()).fit(&sentences).unwrap();
    let text: String =
        sentences.iter().map(|line| format!("{}\n", line.replace('\n', " "))).collect();
    let path = place.write("text.txt", text);
    let of_file = Pipeline::builder().inputs([path.display().to_string()]).min_count(1);
    let run = trainers(of_file).dir(place.path("run")).build().unwrap().run().unwrap();
    for name in ["sg", "gl", "hs", "cbow"] {
        let (one, other) =
            (fitted.vectors(name).unwrap(), Vectors::open(run.vectors(name).unwrap()).unwrap());
        assert!(one.words().eq(other.words()), "{name}");
        assert_eq!(one.matrix(), other.matrix(), "{name}");
        assert!(one.contains("ж1") && one.contains("Ж1"), "{name}: spelled as the text is");
    }
    assert!(fitted.vectors("nobody").is_err());
    let nothing = Pipeline::builder().trainer(SkipGram::named("sg")).fit(["", "  "]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::BadInput, "{nothing}");
}

/// The cosine of two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn questions_are_answered_as_by_brute_force() {
    let place = Place::new("");
    let run = builder(&place.path("run")).build().unwrap().run().unwrap();
    let vectors = Vectors::open(run.vectors("sg").unwrap()).unwrap().threads(1);
    let words: Vec<String> = vectors.words().map(|(word, _)| word).collect();
    assert_eq!((vectors.len(), vectors.dim()), (words.len(), 8));
    assert_eq!(vectors.matrix().len(), 8 * words.len());
    assert!(vectors.words().zip(vectors.words().skip(1)).all(|(a, b)| a.1 >= b.1));
    let row = |word: &str| &vectors.matrix()[8 * vectors.row(word).unwrap()..][..8];
    let asked = &words[40];
    assert_eq!(vectors.vector(asked), Some(row(asked)));
    let found = vectors.similar([asked]).top(5).unwrap();
    let mut all: Vec<(f64, &String)> = words
        .iter()
        .filter(|word| *word != asked)
        .map(|word| (cosine(row(word), row(asked)), word))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    for ((word, score), (expected, best)) in found.iter().zip(&all) {
        assert_eq!(&word, best);
        assert!((f64::from(*score) - expected).abs() < 1e-5);
        assert!((vectors.similarity(asked, word).unwrap() - expected).abs() < 1e-9);
    }
    let [a, b, c] = [&words[10], &words[20], &words[30]];
    let by_analogy = vectors.analogy(a, b, c).top(3).unwrap();
    assert_eq!(by_analogy, vectors.similar([b, c]).minus([a]).top(3).unwrap());
    let used = BTreeSet::from([a, b, c]);
    assert!(by_analogy.iter().all(|(word, _)| !used.contains(word)));
    assert_eq!(vectors.analogy(a, b, c).method(AnalogyMethod::Mul).top(3).unwrap().len(), 3);
    assert_eq!(vectors.similar([a]).among(Which::Context).top(2).unwrap().len(), 2);
    let probable = vectors.predict([a, b]).top(words.len()).unwrap();
    let sum: f64 = probable.iter().map(|(_, share)| share).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    let error = vectors.similar(["nosuchword"]).top(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(error.to_string().contains("nosuchword"), "{error}");
    let glove = Vectors::open(run.vectors("gl").unwrap()).unwrap();
    assert_eq!(glove.predict([a]).top(1).unwrap_err().kind(), ErrorKind::Usage);
    assert!(vectors.settings().contains_key("cooccur.window"), "{:?}", vectors.settings().keys());
}

#[test]
fn vectors_of_other_programs_are_opened() {
    let place = Place::new("");
    let path = place.write("v.txt", "2 3\nking 1 0 0.5\nqueen 0.5 1 0\n");
    let scratch = place.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let text = fs::read(&path).unwrap();
    let packed = place.write("v.txt.zst", zstd::bulk::compress(&text, 1).unwrap());
    let with_scratch = |path: &Path| Vectors::open_with_scratch(path, &scratch);
    for vectors in [Vectors::open(&path), with_scratch(&path), with_scratch(&packed)] {
        let vectors = vectors.unwrap();
        assert_eq!(vectors.matrix(), [1.0, 0.0, 0.5, 0.5, 1.0, 0.0]);
        assert_eq!(vectors.similar(["king"]).top(5).unwrap()[0].0, "queen");
    }
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "nothing is left");
    let unpacked = Vectors::open(&packed).unwrap_err();
    assert!(unpacked.to_string().contains("packed with zstd"), "{unpacked}");
    let text = place.write("text", "This is a text.\n");
    assert_eq!(Vectors::open(text).unwrap_err().kind(), ErrorKind::BadArtefact);
    assert!(Vectors::open(place.path("gone")).unwrap_err().to_string().contains("gone"));
}
