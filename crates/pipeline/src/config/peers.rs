//! Names that settings have in other programs, and what they are called here.
//!
//! One table for word2vec, GloVe, fastText and gensim, used for keys of files, for `--set` and for flags. A name that is a setting here
//! as well, such as GloVe's `alpha`, is only looked up where it is not known.

use super::template::sections_with;

/// What a name of another program means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A setting: its section and key.
    Key(&'static str, &'static str),
    /// Anything else, in words.
    Words(&'static str),
}

use Meaning::{Key, Words};

const NO_SUBWORDS: Meaning = Words(
    "wordmill trains no subword vectors: each word has one vector; corpus.tokenizer = \"bpe\" trains on pieces of words instead",
);
const TEXT: Meaning = Words(
    "the text is corpus.inputs; `wordmill train TEXT -o vectors.safetensors` takes it without a flag",
);
const NOTHING: Meaning = Words("wordmill has no such setting; leave it out");

const PEERS: &[(&[&str], Meaning)] = &[
    (&["size", "vector_size", "vector-size", "vectorSize", "dimension"], Key("train", "dim")),
    (&["epoch", "iter", "iterations"], Key("train", "epochs")),
    (&["lr", "eta", "learning_rate", "learning-rate"], Key("train", "rate")),
    (
        &["alpha"],
        Words(
            "alpha of word2vec and gensim, the learning rate, is train.0.rate; train.0.alpha is GloVe's",
        ),
    ),
    (
        &["min_alpha"],
        Words("train.0.final_rate is the rate at the end, as a share of train.0.rate"),
    ),
    (&["negative", "neg"], Key("train", "negatives")),
    (&["ns_exponent"], Key("train", "noise_exponent")),
    (&["sample"], Key("train", "subsample")),
    (
        &["ws", "window_size", "window-size"],
        Words(
            "the window is cooccur.window of trainers of the matrix (skip-gram, GloVe), and train.0.window of CBOW and of \
             source = \"windows\"",
        ),
    ),
    (&["sg", "skipgram"], Words("train.0.model is \"skip-gram\" or \"cbow\"")),
    (&["cbow"], Words("train.0.model = \"cbow\" trains CBOW")),
    (
        &["hs"],
        Words("train.0.objective = \"hierarchical-softmax\" trains with hierarchical softmax"),
    ),
    (&["cbow_mean"], Words("train.0.context is \"mean\" or \"sum\"")),
    (&["shrink_windows"], Words("train.0.window_mode is \"dynamic\" or \"expected\"")),
    (&["grad_clip", "grad-clip"], Key("train", "clip")),
    (&["pretrainedVectors"], Key("train", "init")),
    (&["min_count", "minCount"], Key("vocabulary", "min_count")),
    (&["max_final_vocab", "max_vocab", "max-vocab"], Key("vocabulary", "max_size")),
    (
        &["max_vocab_size"],
        Words(
            "words are counted on the disk, so that no limit is needed for it; vocabulary.max_size keeps the most frequent words",
        ),
    ),
    (&["trim_rule"], Words("vocabulary.keep and vocabulary.drop are files with words")),
    (&["workers", "thread"], Key("run", "threads")),
    (&["minn", "maxn", "bucket"], NO_SUBWORDS),
    (&["wordNgrams"], Words("phrases.passes joins words that often occur together")),
    (&["train", "input", "sentences", "corpus_file", "corpus-file"], TEXT),
    (
        &["binary"],
        Words(
            "the ending of the output names the format: .bin is word2vec's binary format, .vec its text",
        ),
    ),
    (
        &["save_vocab", "read_vocab"],
        Words(
            "the run directory has vocab/vocabulary.tsv; vocabulary.keep = FILE keeps only the words of a file",
        ),
    ),
    (&["topn"], Words("-n N says how many answers there are")),
    (&["restrict_vocab"], Words("--top N asks among the most frequent words")),
    (&["debug", "verbose"], Words("--progress says how progress is shown")),
    (
        &[
            "batch_words",
            "sorted_vocab",
            "hashfxn",
            "null_word",
            "compute_loss",
            "callbacks",
            "lrUpdateRate",
            "classes",
        ],
        NOTHING,
    ),
];

/// The names that other programs have for a setting.
pub fn peer_names(section: &str, key: &str) -> impl Iterator<Item = &'static str> {
    let of =
        PEERS.iter().filter(move |(_, is)| matches!(is, Key(s, k) if (*s, *k) == (section, key)));
    of.flat_map(|(names, _)| names.iter().copied())
}

/// What to write instead of a flag that no command has: a setting of that name, here or in another program.
#[must_use]
pub fn flag_hint(flag: &str) -> Option<String> {
    let name = flag.trim_start_matches('-');
    let key = name.replace('-', "_");
    let set =
        |(section, key): (&str, &str)| format!("`--set {}=VALUE` sets it", dotted(section, key));
    match of(name) {
        Some(Key(section, key)) => Some(set((section, key))),
        Some(Words(words)) => Some(words.to_owned()),
        None => {
            let all = sections_with(&key).into_iter();
            let all: Vec<String> = all.map(|section| set((section, &key))).collect();
            (!all.is_empty()).then(|| all.join(", or "))
        }
    }
}

/// What to write instead of a key that a section does not have; `trainer` is the table of `[[train]]` that has it.
pub(super) fn key_hint(name: &str, trainer: Option<&str>) -> Option<String> {
    let here = |section: &str, key: &str| match (section, trainer) {
        ("train", Some(path)) => format!("{path}.{key}"),
        _ => dotted(section, key),
    };
    match of(name) {
        Some(Key(section, key)) => Some(format!("its name here is {}", here(section, key))),
        Some(Words(words)) => Some(words.to_owned()),
        None => {
            let key = name.replace('-', "_");
            let all: Vec<String> =
                sections_with(&key).iter().map(|section| here(section, &key)).collect();
            (!all.is_empty()).then(|| format!("it is the setting {}", all.join(" or ")))
        }
    }
}

fn of(name: &str) -> Option<Meaning> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    let wanted = plain(name);
    let found = PEERS.iter().find(|(names, _)| names.iter().any(|known| plain(known) == wanted));
    found.map(|(_, meaning)| *meaning)
}

fn dotted(section: &str, key: &str) -> String {
    match section {
        "train" => format!("train.0.{key}"),
        section => format!("{section}.{key}"),
    }
}
