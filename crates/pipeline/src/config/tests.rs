//! Tests of the configuration, all through `check`.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use wordmill_cooccur::CooccurConfig;
use wordmill_train::{
    ContextRates, MixStep, Sharing, SkipGramConfig, Trainer, WindowModel, WindowsConfig,
};

use super::section::name_of;
use super::*;

#[path = "../../../../tools/fuzz/pipeline.rs"]
mod hostile;
mod losses;
mod peers;
mod steps;
mod variables;

const MINIMAL: &str = "[corpus]\ninputs = [\"a.txt\"]\n";

/// Resolves a file with other layers (`NAME=value` are variables, the rest are `--set`).
fn resolve(text: &str, layers: &[&str]) -> Result<Config, ConfigError> {
    let is_variable = |layer: &&&str| layer.starts_with("WORDMILL_");
    let variable = |layer: &&str| {
        let (name, value) = layer.split_once('=').unwrap();
        (OsString::from(name), OsString::from(value))
    };
    let sources = Sources {
        variables: layers.iter().filter(is_variable).map(variable).collect(),
        sets: layers
            .iter()
            .filter(|layer| !is_variable(layer))
            .map(|&layer| layer.to_owned())
            .collect(),
        ..Sources::default()
    };
    Config::resolve(Path::new("p.toml"), text, &sources)
}

/// `expected` is a line of the resolved TOML, or the beginning and the end of the error, with ` … `
/// between.
fn check(text: &str, layers: &[&str], expected: &str) {
    match resolve(text, layers) {
        Ok(config) => {
            let toml = config.to_toml();
            assert!(toml.lines().any(|line| line == expected), "{layers:?} {text}: {toml}");
            assert_eq!(resolve(&toml, &[]), Ok(config), "the text reads back");
        }
        Err(error) => {
            let error = error.to_string();
            let (start, end) = expected.split_once(" … ").unwrap_or((expected, ""));
            let fits = error.starts_with(start) && error.ends_with(end);
            assert!(fits, "{layers:?} {text}\n  found    {error}\n  expected {expected}");
        }
    }
}

/// Changes the template in one place.
fn check_set(layer: &str, expected: &str) {
    check(TEMPLATE, &[layer], expected);
}

#[test]
fn the_template_holds_the_defaults() {
    let config = resolve(TEMPLATE, &[]).unwrap();
    let bare = "[corpus]\ninputs = [\"builtin:sample\"]\n[[train]]\nname = \"sgns\"\n\
        [[train]]\nname = \"hs\"\nobjective = \"hierarchical-softmax\"\n\
        [[train]]\nname = \"glove\"\nmodel = \"glove\"";
    assert_eq!(resolve(bare, &[]), Ok(config.clone()));
    assert_eq!(resolve(&config.to_toml(), &[]), Ok(config));
}

#[test]
fn later_layers_win() {
    check(MINIMAL, &[], "window = 5");
    check(MINIMAL, &[], "name = \"sgns\"");
    let text = format!("{MINIMAL}[cooccur]\nwindow = 6\n");
    check(&text, &[], "window = 6");
    check(&text, &["WORDMILL__COOCCUR__WINDOW=7"], "window = 7");
    check(&text, &["WORDMILL__COOCCUR__WINDOW=7", "cooccur.window=8"], "window = 8");
    check(&text, &["cooccur.window=8", "cooccur.window = 9"], "window = 9");
    let sources = Sources {
        sets: vec!["run.memory=\"2GiB\"".into(), "run.seed=5".into()],
        memory: Some("3GiB".into()),
        seed: Some(6),
        threads: Some(2),
        run_dir: Some("else".into()),
        ..Sources::default()
    };
    let run = Config::resolve(Path::new("p.toml"), MINIMAL, &sources).unwrap().run;
    let expected = RunConfig {
        dir: "else".into(),
        memory_bytes: 3 << 30,
        threads: 2,
        seed: 6,
        checkpoint_every: Duration::from_secs(30),
    };
    assert_eq!((run.thread_count(), run), (2, expected));
}

#[test]
fn a_shell_need_not_quote() {
    check_set("cooccur.weighting=harmonic", "weighting = \"harmonic\"");
    check_set("cooccur.weighting=\"flat\"", "weighting = \"flat\"");
    check_set("run.dir=2024", "dir = \"2024\"");
    check_set("run.memory=1536MiB", "memory = \"1536MiB\"");
    check_set("corpus.inputs=a.txt", "inputs = [\"a.txt\"]");
    check_set("corpus.inputs=[\"a\", \"b\"]", "inputs = [\"a\", \"b\"]");
    check_set("WORDMILL__CORPUS__LOWERCASE=false", "lowercase = false");
    check_set("WORDMILL__TRAIN__2__X_MAX=100", "x_max = 100.0");
    check_set("train.1.cap=2.5", "cap = 2.5");
    check_set("run.checkpoint_every=2m", "checkpoint_every = \"120s\"");
    check_set("train.0.on_divergence=halve-rate", "on_divergence = \"halve-rate\"");
    check_set("train=[]", "train = []");
}

#[test]
fn reserved_variables_are_not_settings() {
    for name in
        ["WORDMILL_DATA=x", "WORDMILL_KERNEL=avx2", "WORDMILL_BENCH_ANY=1", "WORDMILL_TEST_LONG=1"]
    {
        check(TEMPLATE, &[name], "window = 5");
    }
}

#[test]
fn values_out_of_range_are_refused_where_they_stand() {
    let text = format!("{MINIMAL}[cooccur]\n\nwindow = 0\n");
    check(&text, &[], "p.toml:5: cooccur.window: expected a whole number from 1 to 255, found 0");
    check_set("train.0.dim=0", "--set train.0.dim=0: train.0.dim: expected … found 0");
    for (key, values) in [
        ("cooccur.window", &["0", "256", "-1", "5.0", "x", "true", "[]"][..]),
        ("train.0.rate", &["nan", "-0.1", "0", "inf", "11", "fast"]),
        ("train.0.epochs", &["0", "1.5"]),
        ("train.0.subsample", &["-1e-3", "1.1", "nan"]),
        ("cooccur.subsample", &["-1e-3", "1.1", "nan"]),
        ("cooccur.samples", &["-1", "65", "1.5"]),
        ("train.2.x_max", &["0", "nan"]),
        ("run.memory", &["31MiB", "0", "-5", "lots", "1.5"]),
        ("run.threads", &["5000"]),
        ("corpus.inputs", &["[]", "[1]", "[\"\"]"]),
        ("corpus.lowercase", &["yes", "1"]),
        ("tiles.grid", &["257"]),
        ("train.0.name", &["a/b", "\"\"", ".."]),
    ] {
        for value in values {
            let start = format!("--set {key}={value}: {key}: ");
            check_set(&format!("{key}={value}"), &start);
        }
    }
}

#[test]
fn unknown_names_come_with_a_guess() {
    check(
        &format!("{MINIMAL}[cooccur]\nwindwo = 5"),
        &[],
        "p.toml:4: cooccur.windwo: unknown key, did you mean \"window\"?; known are … samples",
    );
    check_set(
        "cooccur.weighting=linaer",
        "--set … \"linaer\", did you mean \"linear\"?; choose \"linear\" or \"harmonic\" or \"flat\"",
    );
    check("[copus]\ninputs = 1", &[], "p.toml:1: copus: unknown section … tiles, train, eval");
    check_set(
        "WORDMILL__COOCUR__WINDOW=7",
        "environment variable WORDMILL__COOCUR__WINDOW: coocur: unknown section, did you mean … eval",
    );
    check_set("window=7", "--set window=7: window: this is no section; it is the setting");
    check_set("train.3.dim=7", "--set train.3.dim=7: there are 3 [[train]] tables: … file first");
    check_set("train.cbow.dim=7", "--set train.cbow.dim=7: there are 3");
    check_set("train.hs.dim=0", "--set train.hs.dim=0: train.1.dim: expected a whole number");
    check_set(
        "WORDMILL_COOCCUR_WINDOW=7",
        "environment variable WORDMILL_COOCCUR_WINDOW: settings have two underscores … WORDMILL__COOCCUR__WINDOW",
    );
    check_set(
        "WORDMILL_TRAIN_0_FINAL_RATE=7",
        "environment variable WORDMILL_TRAIN_0_FINAL_RATE: … WORDMILL__TRAIN__0__FINAL_RATE",
    );
    check_set("cooccur.window", "--set cooccur.window: expected KEY=VALUE");
    check_set("cooccur.=1", "--set cooccur.=1: expected a key");
    check("[corpus\n", &[], "p.toml:1: not TOML: ");
    check("[run]\nseed = 1", &[], "p.toml: corpus.inputs: no input");
    check("train = 1\n[corpus]\ninputs = \"a\"", &[], "p.toml:1: train: expected tables [[train]]");
}

#[test]
fn phrases_are_learned_or_given() {
    for (layers, expected) in [
        (&["phrases.passes=2"][..], "passes = 2\nscore = \"default\"\nthreshold = 100.0\n"),
        (&["phrases.passes=2", "phrases.threshold=[200, 100.5]"], "threshold = [200.0, 100.5]"),
        (&["phrases.passes=1", "phrases.score=npmi"], "threshold = 0.5\n"),
        (&["phrases.passes=1", "phrases.connectors=of.txt"], "connectors = \"of.txt\""),
        (
            &["phrases.list=mine.tsv", "phrases.delimiter="],
            "delimiter = \"\"\nlist = \"mine.tsv\"\n",
        ),
        (&["phrases.passes=9"], "phrases.passes: expected a whole number from 0 to 8, found 9"),
        (
            &["phrases.passes=1", "phrases.list=mine.tsv"],
            "phrases.list says which phrases there are",
        ),
        (&["phrases.passes=3", "phrases.threshold=[9, 8]"], "2 numbers for 3 passes"),
        (&["phrases.score=npmi", "phrases.threshold=10"], "expected a number from -1 to 1"),
        (&["phrases.threshold=-1"], "expected a number from 0 up, found -1"),
        (&["phrases.threshold=[]"], "expected a number or a list of numbers, found a list"),
        (&["phrases.delimiter=\" \""], "expected a text without white space"),
        (&["phrases.score=mi"], "choose \"default\" or \"npmi\""),
        (&["phrases.pases=1"], "did you mean \"passes\"?"),
    ] {
        let config = resolve(TEMPLATE, layers);
        let text = match &config {
            Ok(config) => config.to_toml(),
            Err(error) => error.to_string(),
        };
        assert!(text.contains(expected), "{layers:?}: {text}");
        if let Ok(config) = config {
            assert_eq!(resolve(&config.to_toml(), &[]), Ok(config));
        }
    }
}

#[test]
fn words_have_settings_of_their_own() {
    for (layers, expected) in [
        (&["corpus.normalize=nfkc", "corpus.accents=strip"][..], "accents = \"strip\""),
        (&["corpus.digits=fold"], "digits = \"zero\""),
        (&["corpus.hyphens=keep", "corpus.apostrophes=drop"], "hyphens = \"keep\""),
        (&["corpus.tokenizer=korean", "corpus.hyphens=keep"], "endings = \"keep\""),
        (&["corpus.tokenizer=korean", "corpus.endings=drop"], "pieces_min_count = 1"),
        (
            &["corpus.tokenizer=command:my 'own program' -x"],
            "tokenizer = \"command:my 'own program' -x\"",
        ),
        (
            &["corpus.tokenizer=command:"],
            "--set … there is no program in it; expected \"command:PROGRAM ARGUMENTS\"",
        ),
        (
            &["corpus.tokenizer=command:a 'b"],
            "--set … the quote ' does not end; expected \"command:PROGRAM ARGUMENTS\"",
        ),
        (
            &["corpus.tokenizer=comand:a"],
            "--set corpus.tokenizer=comand:a: corpus.tokenizer: unknown value \"comand:\", did you mean … or \"command:\"",
        ),
        (&["corpus.tokenizer=bpe", "corpus.pieces=a.tsv"], "bpe_merges = 16000"),
        (
            &["corpus.tokenizer=bpe", "corpus.endings=drop"],
            "--set corpus.endings=drop: corpus.endings: only used by tokenizer = \"korean\"",
        ),
        (
            &["corpus.pieces=a.tsv"],
            "--set corpus.pieces=a.tsv: corpus.pieces: only used by tokenizer = \"korean\" and",
        ),
        (&["corpus.stop_words=a.txt"], "stop_words = \"a.txt\""),
        (&["corpus.duplicate_lines=drop"], "duplicate_lines = \"drop\""),
        (
            &["corpus.duplicate_lines=dorp"],
            "--set corpus.duplicate_lines=dorp: corpus.duplicate_lines: unknown value \"dorp\", did you mean \"drop\"?",
        ),
        (&["vocabulary.keep=a.tsv", "vocabulary.drop=b"], "drop = \"b\""),
        (
            &["corpus.tokenizer=whitespace", "corpus.hyphens=keep"],
            "--set corpus.hyphens=keep: corpus.hyphens: only used by tokenizer = \"words\"",
        ),
        (&["corpus.digits=fould"], "--set corpus.digits=fould: corpus.digits: unknown value"),
    ] {
        check(TEMPLATE, layers, expected);
    }
    let usual = [
        "corpus.hyphens=split",
        "corpus.accents=keep",
        "corpus.stop_words=",
        "corpus.duplicate_lines=keep",
    ];
    assert_eq!(resolve(TEMPLATE, &usual), resolve(TEMPLATE, &[]));
}

#[test]
fn texts_in_fields_have_a_field_and_others_none() {
    let field = |layers: &[&str]| {
        let config = resolve(TEMPLATE, layers).unwrap();
        config.settings_of("corpus").remove("field")
    };
    assert_eq!(field(&[]), None);
    assert_eq!(field(&["corpus.format=jsonl"]), Some("text".into()));
    let layers = ["corpus.format=csv-column", "corpus.field=3", "corpus.strict=true"];
    let config = resolve(TEMPLATE, &layers).unwrap();
    let number = config.settings_of("corpus").remove("field");
    assert!(config.corpus.reading.strict && number.as_deref() == Some("3"));
    assert_eq!(resolve(&config.to_toml(), &[]), Ok(config), "the text reads back");
    let wrong: [(&[&str], &str); 3] = [
        (
            &["corpus.field=text"],
            "only texts in fields have one: format = \"jsonl\", \"csv-column\", \"tsv-column\" or \"parquet\"; remove it",
        ),
        (&["corpus.format=jsonl", "corpus.field=a..b"], "expected keys with dots between"),
        (&["corpus.format=tsv-column", "corpus.field=0"], "its number from 1"),
    ];
    for (layers, says) in wrong {
        let error = resolve(TEMPLATE, layers).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn keys_that_the_trainer_does_not_use_are_refused() {
    let users = [
        ("train.0.cap=1", "not used by skip-gram with negative sampling, only by … remove it"),
        ("train.1.negatives=5", "not used by skip-gram with hierarchical softmax … remove it"),
        ("train.2.preset=word2vec", "\"word2vec\" is for model = \"skip-gram\""),
        ("train.0.preset=glove", "\"glove\" is for model = \"glove\""),
        ("train.2.subsample=0", "not used by GloVe, only by skip-gram … what is counted"),
        ("train.2.objective=negative-sampling", "not used by GloVe … remove it"),
        ("train.0.x_max=1", "not used by skip-gram with negative sampling … remove it"),
    ];
    for (layer, expected) in users {
        let (key, _) = layer.split_once('=').unwrap();
        check_set(layer, &format!("--set {layer}: {key}: {expected}"));
    }
}

#[test]
fn settings_of_a_section_are_strings() {
    let config = resolve(TEMPLATE, &[]).unwrap();
    let cooccur = config.settings_of("cooccur");
    let expected = [("dropped", "close"), ("samples", "0"), ("subsample", "0.001")];
    let expected = expected.into_iter().chain([("symmetric", "true")]);
    let expected = expected.chain([("weighting", "linear"), ("window", "5")]);
    assert!(cooccur.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
    assert_eq!(config.settings_of("train.glove")["x_max"], "10.0");
    assert_eq!(config.settings_of("train.hs")["objective"], "hierarchical-softmax");
    assert!(config.settings_of("nothing").is_empty());
}

#[test]
fn a_preset_of_all_trainers_holds_for_what_they_count() {
    let counts = |presets: &[&str]| {
        let trainer = |(number, preset): (usize, &&str)| {
            let model = if *preset == "glove" { "glove" } else { "skip-gram" };
            format!("[[train]]\nname = \"t{number}\"\nmodel = \"{model}\"\npreset = \"{preset}\"\n")
        };
        let tables: String = presets.iter().enumerate().map(trainer).collect();
        let text = format!("[corpus]\ninputs = [\"builtin:sample\"]\n{tables}");
        let config = resolve(&text, &[]).unwrap();
        assert_eq!(resolve(&config.to_toml(), &[]), Ok(config.clone()), "the text reads back");
        let CooccurConfig { window, subsample, .. } = config.cooccur;
        (window.window, name_of(&window.weighting), subsample)
    };
    let ours = (5, "linear".to_owned(), 1e-3);
    assert_eq!(counts(&["wordmill", "fasttext"]), ours);
    assert_eq!(counts(&["word2vec", "word2vec"]), ours);
    assert_eq!(counts(&["fasttext"]), (5, "linear".to_owned(), 1e-4));
    assert_eq!(counts(&["glove", "glove"]), (15, "harmonic".to_owned(), 0.0));
    assert_eq!(counts(&["glove", "fasttext"]), ours);
}

#[test]
fn trainers_thin_no_less_than_the_counts() {
    let bare = "[corpus]\ninputs = [\"builtin:sample\"]\n[cooccur]\nsubsample = 1e-4\n[[train]]\nname = \"a\"\n";
    check(bare, &[], "subsample = 0.0001");
    check(&format!("{bare}subsample = 1e-5"), &[], "subsample = 0.00001");
    for share in ["0", "1e-3"] {
        let says = "p.toml:7: train.0.subsample: … cooccur.subsample or set it to 0";
        check(&format!("{bare}subsample = {share}"), &[], says);
    }
    check(&format!("{bare}subsample = 0"), &["cooccur.subsample=0"], "subsample = 0.0");
}

#[test]
fn trainers_of_windows_are_written_as_they_are_read() {
    let load = |trainer: &str| {
        let text = format!("{MINIMAL}[cooccur]\nwindow = 7\n[[train]]\nname = \"x\"\n{trainer}");
        let config = resolve(&text, &[]).unwrap();
        assert_eq!(resolve(&config.to_toml(), &[]).unwrap(), config, "{trainer}");
        assert!(!config.needs_matrix());
        config
    };
    let windows = |trainer: &str| match load(trainer).train[0].trainer {
        Trainer::Windows(trainer) => trainer,
        other => panic!("{other:?}"),
    };
    let own = windows("model = \"cbow\"");
    assert_eq!((own.text.window, own.text.subsample), (7, 1e-3));
    assert_eq!(own.text.sharing, Sharing::Rounds);
    let step_of = |config: WindowsConfig| match config.model {
        WindowModel::Cbow(cbow) => cbow.step,
        other => panic!("{other:?}"),
    };
    assert_eq!(step_of(own), MixStep::Gradient);
    let peer = windows("model = \"cbow\"\npreset = \"word2vec\"");
    assert_eq!(step_of(peer), MixStep::Whole);
    for objective in ["negative-sampling", "hierarchical-softmax"] {
        windows(&format!("source = \"windows\"\nobjective = \"{objective}\"\nwindow = 2"));
        windows(&format!("model = \"cbow\"\nobjective = \"{objective}\"\ncontext = \"sum\""));
    }
}

#[test]
fn a_preset_stands_below_what_is_written() {
    let load = |trainer: &str| {
        let text = format!("{MINIMAL}[[train]]\nname = \"x\"\n{trainer}");
        resolve(&text, &[]).unwrap().train.remove(0)
    };
    let peer = load("preset = \"word2vec\"");
    let Trainer::NegativeSampling(config) = peer.trainer else { panic!("{peer:?}") };
    let SkipGramConfig { noise, subsample, context_rates } = config;
    assert_eq!((peer.passes.rate, noise.negatives, subsample), (0.025, 5, 1e-3));
    assert_eq!(context_rates, ContextRates::Even);
    let softmax = "objective = \"hierarchical-softmax\"";
    let (own, peer) = (load(softmax), load(&format!("{softmax}\npreset = \"word2vec\"")));
    assert_eq!((own.passes.rate, own.passes.epochs, own.rotations), (0.07, 4, 2));
    assert_eq!((peer.passes.rate, peer.passes.epochs, peer.rotations), (0.025, 5, 8));
    let peer = load("model = \"glove\"\npreset = \"glove\"");
    assert_eq!((peer.passes.dim, peer.passes.epochs), (50, 25));
    let own = load("preset = \"fasttext\"\nrate = 0.5\ndim = 7");
    assert_eq!((own.passes.rate, own.passes.dim, own.passes.epochs), (0.5, 7, 5));
}

/// What the fuzzer starts from and has found, and every cut and a change of every byte of it.
#[test]
fn hostile_pipelines_are_followed_or_refused() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/fuzz/seeds/pipeline");
    let resolve = |text: &str| Config::resolve(Path::new(hostile::NAME), text, &Sources::default());
    let check = |bytes: &[u8]| hostile::check(bytes, resolve, Config::to_toml);
    for entry in std::fs::read_dir(seeds).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        check(&bytes);
        for at in 0..bytes.len() {
            check(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] = b"0-.\"=[]#\n"[at % 9];
            check(&changed);
        }
    }
}
