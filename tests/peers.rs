//! The programs that wordmill's files and scores are meant for, if they are installed: gensim, NumPy, safetensors,
//! finalfusion.
//!
//! Python is `python3`, or the one named by `WORDMILL_PYTHON`. Missing modules are skipped with a message.

use std::process::Command;

use crate::support::{Place, tiny};

/// Runs a script in a place; `None`, with a message, if Python or a module is missing.
fn python(place: &Place, modules: &[&str], script: &str) -> Option<String> {
    let program = std::env::var_os("WORDMILL_PYTHON").unwrap_or_else(|| "python3".into());
    let imports: String = modules.iter().map(|module| format!("import {module}\n")).collect();
    let there = Command::new(&program).args(["-c", &imports]).output();
    if !there.is_ok_and(|ended| ended.status.success()) {
        println!("skipped: {} cannot import {}", program.display(), modules.join(", "));
        return None;
    }
    let script = format!("{imports}{script}");
    let ended = Command::new(&program).args(["-c", &script]).current_dir(place.path("")).output();
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{script}\n{}", String::from_utf8_lossy(&ended.stderr));
    Some(String::from_utf8(ended.stdout).unwrap())
}

fn place() -> Place {
    let place = Place::new("");
    place.write("v.safetensors", &tiny()["vectors/sgns.safetensors"]);
    place
}

/// The rows of the vectors file, read by safetensors itself.
const OURS: &str = "
from safetensors.numpy import load_file
t = load_file('v.safetensors')
o, b = t['word_offsets'], t['word_bytes'].tobytes()
words = [b[x:y].decode() for x, y in zip(o[:-1], o[1:])]
rows = t['word_vectors']
";

#[test]
fn gensim_reads_what_is_written_for_it() {
    let place = place();
    for (format, arguments) in [
        ("word2vec", "binary=True"),
        ("word2vec-text", "binary=False"),
        ("fasttext-vec", "binary=False"),
        ("glove", "binary=False, no_header=True"),
    ] {
        place.wordmill(&["export", "v.safetensors", "out", "--format", format]).expect(0);
        let script = format!(
            "{OURS}
kv = gensim.models.KeyedVectors.load_word2vec_format('out', {arguments})
assert kv.index_to_key == words
assert (kv.vectors == rows).all()
kv.save_word2vec_format('back', binary=True)
"
        );
        if python(&place, &["gensim", "safetensors"], &script).is_some() {
            place.wordmill(&["convert", "back", "back.safetensors"]).expect(0);
        }
    }
}

#[test]
fn numpy_reads_arrays_and_packed_numbers() {
    let place = place();
    for (format, dtype) in
        [("npy", "f16"), ("npy", "f32"), ("safetensors", "f16"), ("safetensors", "int8")]
    {
        let out = format!("{format}-{dtype}");
        let args = ["export", "v.safetensors", &out, "--format", format, "--dtype", dtype];
        place.wordmill(&args).expect(0);
    }
    let script = format!(
        "{OURS}
for name in 'npy-f32', 'npy-f16':
    found = numpy.load(name, mmap_mode='r')
    assert (found == rows.astype(found.dtype)).all(), name
    lines = open(name + '.vocab.txt', encoding='utf-8').read().splitlines()
    assert lines == [f'{{w}} {{c}}' for w, c in zip(words, t['counts'])]
half = load_file('safetensors-f16')['word_vectors']
assert half.dtype == numpy.float16 and (half == rows.astype(numpy.float16)).all()
small = load_file('safetensors-int8')
scales = abs(rows).max(axis=1) / numpy.float32(127)
assert (small['word_scales'] == scales).all()
assert abs(small['word_vectors'] * scales[:, None] - rows).max() <= scales.max() * 0.5001
"
    );
    python(&place, &["numpy", "safetensors"], &script);
}

#[test]
fn arrow_reads_tables() {
    if !cfg!(feature = "parquet") {
        println!("skipped: a build without the feature parquet");
        return;
    }
    let place = place();
    for format in ["arrow", "parquet"] {
        place.wordmill(&["export", "v.safetensors", "t", "--format", format]).expect(0);
        let script = format!(
            "{OURS}
import pyarrow.feather, pyarrow.parquet
feather, parquet = pyarrow.feather, pyarrow.parquet
found = feather.read_table('t') if '{format}' == 'arrow' else parquet.read_table('t')
assert found.column('word').to_pylist() == words
assert found.column('count').to_pylist() == t['counts'].tolist()
assert (numpy.stack(found.column('vector').to_numpy(zero_copy_only=False)) == rows).all()
assert found.schema.metadata[b'dim'] == str(rows.shape[1]).encode()
plain = pyarrow.table({{'token': words, 'embedding': rows.astype(numpy.float64).tolist()}})
feather.write_feather(plain, 'back') if '{format}' == 'arrow' else parquet.write_table(plain, 'back')
"
        );
        if python(&place, &["numpy", "safetensors", "pyarrow"], &script).is_some() {
            place.wordmill(&["convert", "back", "back.safetensors"]).expect(0);
            let same = format!(
                "{OURS}
assert (load_file('back.safetensors')['word_vectors'] == rows).all()
"
            );
            python(&place, &["numpy", "safetensors"], &same);
        }
    }
}

#[test]
fn finalfusion_reads_its_format() {
    let place = place();
    place.wordmill(&["export", "v.safetensors", "v.fifu", "--format", "finalfusion"]).expect(0);
    let script = format!(
        "{OURS}
e = finalfusion.load_finalfusion('v.fifu')
assert list(e.vocab.words) == words
norms = numpy.linalg.norm(rows.astype(numpy.float64), axis=1)
assert abs(numpy.asarray(e.norms) - norms).max() < 1e-6 * norms.max()
assert abs(numpy.asarray(e.storage) * norms[:, None] - rows).max() < 1e-6 * norms.max()
e.write('back.fifu')
"
    );
    if python(&place, &["numpy", "safetensors", "finalfusion"], &script).is_some() {
        place.wordmill(&["convert", "back.fifu", "back.safetensors"]).expect(0);
    }
}

/// Sections, questions and correlations on the built-in sample's sets and vectors.
#[test]
fn scores_are_those_of_gensim() {
    let place = place();
    place.write("q.txt", wordmill_sample::analogies());
    place.write("s.tsv", wordmill_sample::similarities());
    place.wordmill(&["export", "v.safetensors", "v.bin", "--format", "word2vec"]).expect(0);
    let script = "
import json
kv = gensim.models.KeyedVectors.load_word2vec_format('v.bin', binary=True)
score, sections = kv.evaluate_word_analogies('q.txt', restrict_vocab=2000)
pearson, spearman, oov = kv.evaluate_word_pairs('s.tsv', restrict_vocab=2000)
found = [[s['section'], len(s['correct']), len(s['correct']) + len(s['incorrect'])] for s in sections[:-1]]
print(json.dumps([found, pearson[0], spearman[0], oov]))
";
    let Some(theirs) = python(&place, &["gensim"], script) else {
        return;
    };
    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    let args = [
        &["eval", "v.safetensors", "--json", "--top", "2000", "--convention", "gensim"][..],
        &["--analogies", "q.txt", "--similarity", "s.tsv"],
    ];
    let ours = place.wordmill(&args.concat()).expect(0).stdout;
    let ours: serde_json::Value = serde_json::from_slice(&ours).unwrap();
    let sections = ours["analogies"][0]["sections"].as_array().unwrap().iter();
    let row = |it: &serde_json::Value| serde_json::json!([it["name"], it["correct"], it["asked"]]);
    let sections: Vec<serde_json::Value> = sections.map(row).collect();
    assert_eq!(serde_json::Value::from(sections.clone()), theirs[0]);
    assert!(sections.iter().map(|it| it[2].as_u64().unwrap()).sum::<u64>() > 100);
    let similarity = &ours["similarity"][0];
    for (name, at) in [("pearson", 1), ("spearman", 2)] {
        let (one, other) = (similarity[name].as_f64().unwrap(), theirs[at].as_f64().unwrap());
        assert!((one - other).abs() < 1e-6, "{name}: {one}, gensim {other}");
    }
}

/// Merges of byte pair encoding, and words cut by them, compared with those of Hugging Face's
/// library.
#[test]
fn pieces_are_those_of_hugging_face() {
    let place = Place::new("");
    let sample = place.wordmill(&["sample", "--bytes", "400KB"]).expect(0).stdout;
    let letters = |byte: &u8| match byte {
        b'\n' | b'a'..=b'z' => *byte,
        b'A'..=b'Z' => byte.to_ascii_lowercase(),
        _ => b' ',
    };
    place.write("text.txt", sample.iter().map(letters).collect::<Vec<u8>>());
    let sets = ["corpus.inputs=text.txt", "corpus.tokenizer=bpe", "corpus.bpe_merges=400"];
    let sets = sets.iter().flat_map(|setting| ["--set", setting]);
    place
        .wordmill(&[&["run", "--until", "pieces"][..], &sets.collect::<Vec<_>>()].concat())
        .expect(0);
    let script = "
import collections, json
from tokenizers import Tokenizer, models, trainers, pre_tokenizers
rows = [l.rstrip('\\n').split('\\t') for l in open('run/pieces/bpe.tsv', encoding='utf-8')]
ours = [tuple(r) for r in rows if not r[0].startswith('#wordmill') and r[0] not in ('#settings', '#made-of')]
learned = Tokenizer(models.BPE(continuing_subword_prefix='##'))
learned.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
trainer = trainers.BpeTrainer(vocab_size=600, continuing_subword_prefix='##', show_progress=False)
learned.train(['text.txt'], trainer)
theirs = [tuple(m) for m in json.loads(learned.to_str())['model']['merges']][:len(ours)]
assert len(theirs) == len(ours), (len(theirs), len(ours))
same = len(set(ours) & set(theirs)) / len(ours)
first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), len(ours))
words = sorted(set(open('text.txt').read().split()))
symbols = {s for l, r in ours for s in (l, r, l + r[2:])} | {c for w in words for c in [w[0]] + ['##' + c for c in w[1:]]}
cut = Tokenizer(models.BPE({s: i for i, s in enumerate(sorted(symbols))}, ours, continuing_subword_prefix='##'))
pieces = collections.Counter(p for w in open('text.txt').read().split() for p in cut.encode(w).tokens)
print(json.dumps([same, first, pieces]))
";
    let Some(theirs) = python(&place, &["tokenizers"], script) else {
        return;
    };
    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    // Pairs of equal counts come in another order there.
    assert!(theirs[0].as_f64().unwrap() > 0.95 && theirs[1].as_u64().unwrap() > 50, "{theirs}");
    let sets = ["corpus.inputs=text.txt", "corpus.tokenizer=bpe", "corpus.bpe_merges=400"];
    let sets = sets.iter().chain(&["vocabulary.min_count=1"]).flat_map(|it| ["--set", it]);
    place
        .wordmill(&[&["run", "--until", "vocabulary"][..], &sets.collect::<Vec<_>>()].concat())
        .expect(0);
    let list = std::fs::read_to_string(place.path("run/vocab/vocabulary.tsv")).unwrap();
    let ours: serde_json::Map<String, serde_json::Value> = list
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(piece, count)| (piece.to_owned(), count.parse::<u64>().unwrap().into()))
        .collect();
    assert_eq!(serde_json::Value::from(ours), theirs[2]);
}

/// Phrases of two passes with connectors, and the resulting text, compared with those of gensim with the same
/// scores.
#[test]
fn phrases_are_those_of_gensim() {
    let place = Place::new("");
    let sample = place.wordmill(&["sample", "--bytes", "600KB"]).expect(0).stdout;
    place.write("text.txt", sample.to_ascii_lowercase());
    place.write("connectors.txt", "of\nthe\na\nin\n");
    let script = "
import collections, json
from gensim.models.phrases import Phrases
def word2phrase(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    return (bigram_count - min_count) / worda_count / wordb_count * corpus_word_count
result = {}
for name, scoring, threshold in [('default', word2phrase, 20.0), ('npmi', 'npmi', 0.5)]:
    text = [line.split() for line in open('text.txt')]
    learned = {}
    for _ in range(2):
        model = Phrases(text, min_count=5, threshold=threshold, scoring=scoring, max_vocab_size=10**9,
                        connector_words=frozenset(open('connectors.txt').read().split()))
        learned = learned or {p: [model.vocab[p], '%.4f' % s] for p, s in model.export_phrases().items()}
        text = list(model[text])
    result[name] = [learned, collections.Counter(word for line in text for word in line)]
print(json.dumps(result))
";
    let Some(theirs) = python(&place, &["gensim"], script) else {
        return;
    };
    let theirs: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    for (name, threshold) in [("default", "20"), ("npmi", "0.5")] {
        let settings = [
            "corpus.inputs=text.txt",
            "corpus.tokenizer=whitespace",
            "phrases.passes=2",
            "phrases.connectors=connectors.txt",
            "vocabulary.min_count=1",
            &format!("phrases.score={name}"),
            &format!("phrases.threshold={threshold}"),
        ];
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let args = ["run", "--run-dir", name, "--until", "vocabulary"];
        place.wordmill(&[&args[..], &settings].concat()).expect(0);
        let read =
            |file: &str| std::fs::read_to_string(place.path(&format!("{name}/{file}"))).unwrap();
        let count = |text: &str| serde_json::Value::from(text.parse::<u64>().unwrap());
        let ours: serde_json::Map<String, serde_json::Value> = read("phrases/phrases.tsv")
            .lines()
            .skip(3)
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .filter(|columns| columns[3] == "1")
            .map(|row| (row[0].replace(' ', "_"), serde_json::json!([count(row[1]), row[2]])))
            .collect();
        assert!(ours.len() > 10, "{name}: {ours:?}");
        assert_eq!(serde_json::Value::from(ours), theirs[name][0], "{name}");
        let ours: serde_json::Map<String, serde_json::Value> = read("vocab/vocabulary.tsv")
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .map(|(word, n)| (word.to_owned(), count(n)))
            .collect();
        assert_eq!(serde_json::Value::from(ours), theirs[name][1], "{name}");
    }
}
