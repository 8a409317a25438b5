//! The sections with their keys in order, and what a key says of itself.

use std::path::Path;

use schemars::JsonSchema;
use serde_json::{Value as Json, json};
use wordmill_formats::compat::incoming::BadRows;
use wordmill_text::RecordFormat;
use wordmill_text::tokenizer::{FormConfig, WordRules};
use wordmill_train::{
    CbowConfig, CurvePlan, GloveConfig, ModelName, NoiseConfig, ObjectiveName, Optimizer,
    PassesConfig, Penalties, RotationsConfig, Schedule, SkipGramConfig, SoftmaxConfig, SourceName,
    TextConfig,
};
use wordmill_vocab::LinesConfig;
use wordmill_vocab::pieces::{BpeConfig, KoreanConfig, LearningConfig};

use crate::config::corpus::{InputsConfig, ReadingConfig};
use crate::config::keys::{Key, Kind, Name, Variant, keys_of, variants_of};
use crate::config::load::Sources;
use crate::config::preset::Preset;
use crate::config::rows::{Rows, rows_of};
use crate::config::sections::{SECTIONS, SectionKind};
use crate::config::types::Config;
use wordmill_vocab::phrases::PhrasesConfig;

/// Keys of `[corpus]` that are texts with a form of their own.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is read for its documentation")]
struct CorpusTexts {
    /// How bytes represent characters, by a label of the web's encodings such as `cp949`; a byte-order mark says more.
    #[schemars(extend("x-unset" = "utf-8"))]
    encoding: String,
    /// Where words are cut: `whitespace`; `words`, the boundaries of UAX 29; `korean`, the same and Korean words into stems and
    /// endings; `bpe`, the same and words into pieces by byte pair encoding; `cjk`, by dictionaries of languages that write no
    /// spaces; `hf:FILE`, by a file of Hugging Face's library; `command:LINE`, by a program that reads lines.
    #[schemars(extend("x-unset" = "words"))]
    tokenizer: String,
}

/// Keys of `[[train]]` that say what is trained.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is read for its documentation")]
struct TrainerTexts {
    /// The name of the vectors: the result is `vectors/NAME.safetensors` in the run directory.
    name: String,
    /// What predicts what.
    model: ModelName,
    /// How a word is predicted; GloVe has none.
    objective: ObjectiveName,
    /// What the trainer reads: skip-gram may read either.
    source: SourceName,
    /// Whose settings hold where none are written, also in `[cooccur]` if all trainers have the same.
    #[schemars(extend("x-unset" = "wordmill"))]
    preset: Preset,
}

/// Keys of `[[train]]` that say where training starts.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is read for its documentation")]
struct StartTexts {
    /// Vectors to begin with: a file of any format that `wordmill convert` reads, or `{ trainer = "NAME" }`, a trainer before this
    /// one.
    #[schemars(with = "Option<String>")]
    init: String,
    /// What becomes of rows of that file that cannot be used as they are.
    #[schemars(extend("x-unset" = "refuse"))]
    init_bad_rows: BadRows,
    /// A file with a word a line: their word vectors never move, their contexts and biases do.
    freeze: Option<String>,
}

/// The loss.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is read for its documentation")]
struct LossTexts {
    /// Another loss: a name, `{ name = "hinge", margin = 1.0 }`, or expressions,
    /// `{ positive = "-log(sigmoid(s)) + 0.1*s^2", negative = "-log(sigmoid(-s))" }` for pairs and
    /// `{ cell = "0.5 * min(1, (x/10)^0.75) * (s - log(x))^2" }` for cells.
    #[schemars(with = "Option<String>")]
    loss: String,
}

/// A key with the place where it is used, if that is not everywhere.
pub(super) struct Documented {
    pub(super) key: Key,
    pub(super) of: String,
}

impl Documented {
    /// Adds a place where it is used; of a tag that is named already, only the value.
    fn add(&mut self, of: &str) {
        let tag = self.of.split(" = ").next().unwrap_or_default();
        let value = of.strip_prefix(tag).and_then(|rest| rest.strip_prefix(" = "));
        self.of = format!("{}, {}", self.of, value.filter(|_| !tag.is_empty()).unwrap_or(of));
    }
}

/// A section with its keys, in order.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) keys: Vec<Documented>,
}

impl Part {
    fn new(name: &'static str) -> Self {
        Self { name, keys: Vec::new() }
    }

    fn keys<T: JsonSchema + 'static>(self, of: &str) -> Self {
        self.all(&keys_of::<T>(), of)
    }

    /// The keys of a type that are not there yet.
    fn more<T: JsonSchema + 'static>(self, of: &str) -> Self {
        let keys = keys_of::<T>();
        let is_new = |key: &&Key| self.keys.iter().all(|known| known.key.name != key.name);
        let new: Vec<Key> = keys.iter().filter(is_new).cloned().collect();
        self.all(&new, of)
    }

    fn all(mut self, keys: &[Key], of: &str) -> Self {
        for key in keys {
            match self.keys.iter_mut().find(|known| known.key.name == key.name) {
                Some(known) => known.add(of),
                None => self.keys.push(Documented { key: key.clone(), of: of.to_owned() }),
            }
        }
        self
    }

    /// A tag, and the keys of its variants.
    fn tagged<T: JsonSchema + 'static>(self, tag: &'static str, doc: &str) -> Self {
        let variants = variants_of::<T>(tag);
        let names: Vec<Name> = variants.iter().map(|variant| variant.name.clone()).collect();
        let schema = json!({ "enum": names.iter().map(|name| name.name).collect::<Vec<_>>() });
        let tag = Key { name: tag, doc: doc.to_owned(), kind: Kind::Choice(names), schema };
        let part = self.all(std::slice::from_ref(&tag), "");
        let of = |part: Self, variant: &Variant| {
            part.all(&variant.keys, &format!("{} = {:?}", tag.name, variant.name.name))
        };
        variants.iter().fold(part, of)
    }
}

/// All sections.
pub(super) fn parts() -> Vec<Part> {
    let part = |section: &SectionKind| match (section.name, section.keys) {
        ("corpus", _) => corpus(),
        ("train", _) => train(),
        (name, keys) => Part::new(name).all(&keys.expect("other sections are one type")(), ""),
    };
    SECTIONS.iter().map(part).collect()
}

fn corpus() -> Part {
    Part::new("corpus")
        .keys::<InputsConfig>("")
        .tagged::<RecordFormat>("format", "What a document is.")
        .keys::<ReadingConfig>("")
        .keys::<CorpusTexts>("")
        .keys::<FormConfig>("tokenizers but hf:FILE")
        .keys::<KoreanConfig>("tokenizer = \"korean\"")
        .keys::<BpeConfig>("tokenizer = \"bpe\"")
        .keys::<LearningConfig>("tokenizer = \"korean\" and \"bpe\"")
        .keys::<WordRules>("tokenizer = \"words\", \"korean\" and \"bpe\"")
        .keys::<LinesConfig>("")
}

fn train() -> Part {
    let sgns = "skip-gram with negative sampling from the matrix";
    Part::new("train")
        .keys::<TrainerTexts>("")
        .keys::<PassesConfig>("")
        .keys::<RotationsConfig>("trainers of the matrix")
        .tagged::<Optimizer>("optimizer", "What turns gradients into steps.")
        .keys::<Penalties>("trainers of the matrix")
        .tagged::<Schedule>("schedule", "How the rate falls.")
        .keys::<StartTexts>("")
        .keys::<CurvePlan>("")
        .keys::<LossTexts>("skip-gram with negative sampling from the matrix, GloVe")
        .keys::<NoiseConfig>("negative sampling")
        .more::<SkipGramConfig>(sgns)
        .keys::<SoftmaxConfig>("skip-gram with hierarchical softmax from the matrix")
        .keys::<GloveConfig>("GloVe")
        .keys::<CbowConfig>("CBOW")
        .keys::<TextConfig>("CBOW and skip-gram from windows")
}

/// Trainers as the documents show them: a name, and what makes it one.
pub(super) const TRAINERS: [(&str, &str); 5] = [
    ("sgns", ""),
    ("hs", "objective = \"hierarchical-softmax\""),
    ("glove", "model = \"glove\""),
    ("cbow", "model = \"cbow\""),
    ("windows", "source = \"windows\""),
];
/// So many of them are trained by the template; the next one is a comment.
pub(super) const TRAINED: usize = 3;

/// A configuration of the built-in sample with these trainers and nothing else written.
pub(super) fn usual(trainers: &[(&str, &str)]) -> Config {
    let table = |(name, what): &(&str, &str)| format!("[[train]]\nname = \"{name}\"\n{what}\n");
    let tables: String = trainers.iter().map(table).collect();
    let text = format!("[corpus]\ninputs = [\"builtin:sample\"]\n[phrases]\n{tables}");
    let config = Config::resolve(Path::new("defaults"), &text, &Sources::default());
    config.expect("what is usual is allowed")
}

/// The keys that a section has where nothing is written.
pub(super) fn usual_rows(config: &Config, section: &str) -> Rows {
    match section {
        "phrases" => {
            let mut rows = rows_of(&PhrasesConfig::default());
            // It depends on the score.
            rows.retain(|(key, _)| *key != "threshold");
            rows
        }
        _ => config.rows_of_section(section),
    }
}

/// What a key that is not written could be.
pub(super) fn unset(key: &Key) -> String {
    if let Some(value) = key.schema.get("x-unset") {
        return value.to_string();
    }
    match (&key.kind, key.schema.get("default")) {
        (_, Some(Json::Number(number))) => number.to_string(),
        (_, Some(Json::Bool(flag))) => flag.to_string(),
        (_, Some(Json::String(text))) => format!("{text:?}"),
        (Kind::Choice(names), _) => format!("{:?}", names[0].name),
        (Kind::Whole { least, .. }, _) => least.to_string(),
        (Kind::Real(_), _) => "0.0".to_owned(),
        _ => "\"\"".to_owned(),
    }
}

/// The documentation of a key, and where it is used.
pub(super) fn sentence(key: &Key, of: &str) -> String {
    let doc = first_paragraph(&key.doc);
    match of {
        "" => doc,
        of => format!("{doc} Only for {of}."),
    }
}

/// The first paragraph of a documentation, on one line.
pub(super) fn first_paragraph(doc: &str) -> String {
    let first = doc.split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}
