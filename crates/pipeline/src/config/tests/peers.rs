//! Tests of names that settings have in other programs, and of keys in the wrong section.

use super::*;

/// Each of these was an unknown key, without a word about its name here.
#[test]
fn names_of_other_programs_were_unknown_keys() {
    for (set, expected) in [
        ("train.0.vector_size=9", "unknown key; its name here is train.0.dim"),
        ("train.hs.size=9", "unknown key; its name here is train.1.dim"),
        ("train.0.lr=9", "unknown key; its name here is train.0.rate"),
        ("train.0.iter=9", "unknown key; its name here is train.0.epochs"),
        ("train.0.neg=9", "unknown key; its name here is train.0.negatives"),
        ("train.0.ns_exponent=9", "unknown key; its name here is train.0.noise_exponent"),
        ("train.0.sample=9", "unknown key; its name here is train.0.subsample"),
        ("train.2.eta=9", "unknown key; its name here is train.2.rate"),
        ("train.2.x-max=9", "unknown key; it is the setting train.2.x_max"),
        ("train.0.workers=9", "unknown key; its name here is run.threads"),
        ("vocabulary.minCount=9", "unknown key; its name here is vocabulary.min_count"),
        ("corpus.min_count=9", "unknown key; its name here is vocabulary.min_count"),
        ("vocabulary.max_final_vocab=9", "unknown key; its name here is vocabulary.max_size"),
        ("size=9", "size: this is no section; its name here is train.0.dim"),
        (
            "window=7",
            "window: this is no section; it is the setting cooccur.window or train.0.window",
        ),
        ("train.0.hs=1", "unknown key; train.0.objective = \"hierarchical-softmax\""),
        ("train.0.sg=1", "unknown key; train.0.model is \"skip-gram\" or \"cbow\""),
        ("train.0.ws=1", "unknown key; the window is cooccur.window of trainers of the matrix"),
        ("train.0.minn=1", "unknown key; wordmill trains no subword vectors"),
        ("vocabulary.max_vocab_size=1", "unknown key; words are counted on the disk"),
        ("corpus.grid=1", "unknown key; it is the setting tiles.grid"),
    ] {
        let error = resolve(TEMPLATE, &[set]).unwrap_err().to_string();
        assert!(error.contains(expected), "{set}: {error}");
    }
}

#[test]
fn a_key_of_another_trainer_says_what_holds_instead() {
    for (set, says) in [
        ("train.0.window=3", "set cooccur.window"),
        ("train.0.alpha=0.025", "which word2vec and gensim call alpha, is rate"),
        ("train.2.subsample=1e-4", "set cooccur.subsample"),
    ] {
        let error = resolve(TEMPLATE, &[set]).unwrap_err().to_string();
        assert!(error.contains(says), "{set}: {error}");
    }
    // GloVe's own are settings.
    check_set("train.2.alpha=0.5", "alpha = 0.5");
}

#[test]
fn every_name_leads_to_a_setting_that_there_is() {
    let names =
        [("train", "dim"), ("train", "rate"), ("vocabulary", "min_count"), ("run", "threads")];
    for (section, key) in names {
        assert!(peer_names(section, key).count() > 0, "{section}.{key}");
        assert!(super::super::template::sections_with(key).contains(&section));
    }
    assert_eq!(flag_hint("--vector_size").unwrap(), "`--set train.0.dim=VALUE` sets it");
    assert_eq!(flag_hint("--x-max").unwrap(), "`--set train.0.x_max=VALUE` sets it");
    assert_eq!(flag_hint("--nothing-like-it"), None);
}

/// What was wrong inside an argument was shown at a line of the file that had the key before.
#[test]
fn mistakes_inside_an_argument_are_marked_there() {
    let text =
        format!("{MINIMAL}[[train]]\nname = \"x\"\nloss = {{ name = \"hinge\", margn = 1 }}\n");
    for (layer, begins, column) in [
        ("train.0.loss={ name = 'hinge', margn = 2 }", "train.0.loss.margn: unknown key", 31),
        ("train=[{ name = 'x', dim = 0 }]", "train.0.dim: expected", 21),
        ("corpus.inputs=[\"a.txt\"", "not a TOML value: ", 22),
        ("WORDMILL__TRAIN__0__LOSS={ name = 'hinge', a = 1 }", "train.0.loss.a: unknown key", 43),
    ] {
        let error = resolve(&text, &[layer]).unwrap_err().to_string();
        let marked = format!("\n    {layer}\n    {}^", " ".repeat(column));
        assert!(error.contains(begins) && error.ends_with(&marked), "{layer}: {error}");
        assert!(!error.contains("p.toml"), "{error}");
    }
    // A pattern begins like a list.
    check_set("corpus.inputs=[ab]*.txt", "inputs = [\"[ab]*.txt\"]");
}

#[test]
fn one_trainer_has_the_settings_that_its_model_uses() {
    let load = |model: &str, window: Option<&str>, subsample: Option<&str>| {
        let flags = vec![Flag::new("--model", "train.0.model", model)];
        let asked = OneTrainer {
            texts: vec!["a [b].txt".into()],
            window: window.map(Into::into),
            subsample: subsample.map(Into::into),
            alpha: Some("0.5".into()),
        };
        one_trainer(Sources { flags, ..Sources::default() }, &asked).unwrap().0.to_toml()
    };
    let skip_gram = load("skip-gram", Some("3"), Some("0"));
    assert!(skip_gram.contains("inputs = [\"a [b].txt\"]"), "{skip_gram}");
    assert_eq!(skip_gram.matches("window = 3").count(), 1, "{skip_gram}");
    assert_eq!(skip_gram.matches("subsample = 0.0\n").count(), 2, "{skip_gram}");
    assert!(skip_gram.contains("\nrate = 0.5"), "{skip_gram}");
    let cbow = load("cbow", Some("3"), Some("1e-5"));
    assert_eq!(cbow.matches("window = 3").count(), 1, "{cbow}");
    assert!(cbow.contains("subsample = 0.00001"), "{cbow}");
    let glove = load("glove", Some("3"), Some("1e-5"));
    assert!(glove.contains("\nalpha = 0.5") && glove.contains("subsample = 0.00001"), "{glove}");
}
