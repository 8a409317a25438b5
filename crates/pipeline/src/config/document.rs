//! The documents of the configuration: the commented template, the reference of keys and the JSON schema, all from what the
//! types of the settings say of themselves.

use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde_json::{Map, Value as Json, json};
use wordmill_formats::compat::incoming::BadRows;
use wordmill_text::RecordFormat;
use wordmill_text::tokenizer::{FormConfig, WordRules};
use wordmill_train::{
    CbowConfig, CellsLoss, CurvePlan, GloveConfig, ModelName, NoiseConfig, ObjectiveName,
    Optimizer, PairLoss, PassesConfig, Penalties, RotationsConfig, Schedule, SkipGramConfig,
    SoftmaxConfig, SourceName, TextConfig,
};
use wordmill_vocab::LinesConfig;
use wordmill_vocab::pieces::{BpeConfig, KoreanConfig, LearningConfig};

use super::corpus::{InputsConfig, ReadingConfig};
use super::keys::{Key, Kind, Name, Variant, keys_of, schema_of, variants_of};
use super::preset::Preset;
use super::write::Rows;
use super::{Config, CooccurConfig, EvalConfig, RunConfig, SECTIONS, Sources, TilesConfig};

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
struct Documented {
    key: Key,
    of: String,
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
struct Part {
    name: &'static str,
    keys: Vec<Documented>,
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
fn parts() -> Vec<Part> {
    let corpus = Part::new("corpus")
        .keys::<InputsConfig>("")
        .tagged::<RecordFormat>("format", "What a document is.")
        .keys::<ReadingConfig>("")
        .keys::<CorpusTexts>("")
        .keys::<FormConfig>("tokenizers but hf:FILE")
        .keys::<KoreanConfig>("tokenizer = \"korean\"")
        .keys::<BpeConfig>("tokenizer = \"bpe\"")
        .keys::<LearningConfig>("tokenizer = \"korean\" and \"bpe\"")
        .keys::<WordRules>("tokenizer = \"words\", \"korean\" and \"bpe\"")
        .keys::<LinesConfig>("");
    let sgns = "skip-gram with negative sampling from the matrix";
    let train = Part::new("train")
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
        .keys::<TextConfig>("CBOW and skip-gram from windows");
    vec![
        Part::new("run").keys::<RunConfig>(""),
        corpus,
        Part::new("phrases").keys::<super::PhrasesConfig>(""),
        Part::new("vocabulary").keys::<super::VocabularyConfig>(""),
        Part::new("cooccur").keys::<CooccurConfig>(""),
        Part::new("tiles").keys::<TilesConfig>(""),
        train,
        Part::new("eval").keys::<EvalConfig>(""),
    ]
}

/// Trainers as the documents show them: a name, and what makes it one.
const TRAINERS: [(&str, &str); 5] = [
    ("sgns", ""),
    ("hs", "objective = \"hierarchical-softmax\""),
    ("glove", "model = \"glove\""),
    ("cbow", "model = \"cbow\""),
    ("windows", "source = \"windows\""),
];
/// So many of them are trained by the template; the next one is a comment.
const TRAINED: usize = 3;

/// A configuration of the built-in sample with these trainers and nothing else written.
fn usual(trainers: &[(&str, &str)]) -> Config {
    let table = |(name, what): &(&str, &str)| format!("[[train]]\nname = \"{name}\"\n{what}\n");
    let tables: String = trainers.iter().map(table).collect();
    let text = format!("[corpus]\ninputs = [\"builtin:sample\"]\n[phrases]\n{tables}");
    let config = Config::resolve(Path::new("defaults"), &text, &Sources::default());
    config.expect("what is usual is allowed")
}

/// The keys that a section has where nothing is written.
fn usual_rows(config: &Config, section: &str) -> Rows {
    match section {
        "phrases" => {
            let mut rows = super::write::rows_of(&super::PhrasesConfig::default());
            // It depends on the score.
            rows.retain(|(key, _)| *key != "threshold");
            rows
        }
        _ => config.rows_of_section(section),
    }
}

/// The columns of a comment.
const COLUMNS: usize = 100;

/// The commented template, `pipeline.toml`.
#[must_use]
pub fn template() -> String {
    let mut text = "\
# pipeline.toml: what `wordmill run` does. Every key is optional but corpus.inputs and the name of a
# trainer; the values below are the defaults. A key can also be set for one run:
#     wordmill run --set cooccur.window=8 --set train.sgns.dim=300
#     WORDMILL__COOCCUR__WINDOW=8 wordmill run
# Paths are taken from the folder in which wordmill is started.
"
    .to_owned();
    let config = usual(&TRAINERS[..TRAINED]);
    for part in parts() {
        if part.name == "train" {
            text += &trainers(&part);
            continue;
        }
        text += &format!("\n[{}]\n", part.name);
        let rows = usual_rows(&config, part.name);
        for documented in &part.keys {
            text += &commented(documented, &rows, "");
        }
    }
    text
}

/// The tables of the trainers: all keys of the first are explained, of the others those that are new.
fn trainers(part: &Part) -> String {
    let mut text = "
# One table a trainer; all of them share the counts. Keys that are written win over those of a preset.
"
    .to_owned();
    let mut explained: Vec<&str> = Vec::new();
    let all = usual(&TRAINERS);
    let rows_of_others = TRAINERS[1..].iter();
    let rows_of_others =
        rows_of_others.flat_map(|(name, _)| all.rows_of_section(&format!("train.{name}")));
    let of_others: Vec<&str> = rows_of_others.map(|(key, _)| key).collect();
    for (number, trainer) in TRAINERS[..=TRAINED].iter().enumerate() {
        let mark = if number < TRAINED { "" } else { "# " };
        if number == TRAINED {
            text += "
# Windows over the text itself: CBOW, or skip-gram with source = \"windows\". Without a trainer of the
# matrix nothing is counted.
#
";
        }
        let rows =
            usual(std::slice::from_ref(trainer)).rows_of_section(&format!("train.{}", trainer.0));
        text += if mark.is_empty() { "\n[[train]]\n" } else { "# [[train]]\n" };
        for documented in &part.keys {
            let name = documented.key.name;
            let row = rows.iter().find(|(key, _)| *key == name);
            if explained.contains(&name) {
                text +=
                    &row.map_or(String::new(), |(key, value)| format!("{mark}{key} = {value}\n"));
            } else if row.is_some() || (number == 0 && !of_others.contains(&name)) {
                explained.push(name);
                text += &commented(documented, &rows, mark);
            }
        }
    }
    text
}

/// A key with its documentation as a comment above it, itself a comment where it is not among the rows.
fn commented(Documented { key, of }: &Documented, rows: &Rows, mark: &str) -> String {
    let row = rows.iter().find(|(name, _)| *name == key.name);
    let mut lines = wrapped(&sentence(key, of));
    lines.extend(choices(&key.kind).iter().flat_map(|name| {
        let doc = first_paragraph(&name.doc);
        let mut lines = wrapped(&format!("  {}: {doc}", name.name));
        lines.iter_mut().skip(1).for_each(|line| line.insert_str(0, "  "));
        lines
    }));
    let mut text: String = lines.iter().map(|line| format!("{mark}# {line}\n")).collect();
    text += &match row {
        Some((name, value)) => format!("{mark}{name} = {value}\n"),
        None => format!("{mark}# {} = {}\n", key.name, unset(key)),
    };
    text
}

fn choices(kind: &Kind) -> &[Name] {
    match kind {
        Kind::Choice(names) => names,
        _ => &[],
    }
}

/// What a key that is not written could be.
fn unset(key: &Key) -> String {
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
fn sentence(key: &Key, of: &str) -> String {
    let doc = first_paragraph(&key.doc);
    match of {
        "" => doc,
        of => format!("{doc} Only for {of}."),
    }
}

/// The first paragraph of a documentation, on one line.
fn first_paragraph(doc: &str) -> String {
    let first = doc.split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in lines of a comment.
fn wrapped(text: &str) -> Vec<String> {
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut lines = vec![indent.clone()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        let is_first = line.trim().is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > COLUMNS - 2 {
            lines.push(format!("{indent}{word}"));
        } else {
            let between = if is_first { "" } else { " " };
            write!(line, "{between}{word}").expect("writing to a string");
        }
    }
    lines
}

/// The reference of all keys, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = "\
# Settings

Every key of `pipeline.toml`, generated from the program; `wordmill schema` prints the same as a JSON schema. A key is written in
the file, as `--set SECTION.KEY=VALUE`, or as a variable `WORDMILL__SECTION__KEY`; of a trainer, `train.NAME.KEY`.
"
    .to_owned();
    let config = usual(&TRAINERS);
    for part in parts() {
        let header =
            if part.name == "train" { "[[train]]".to_owned() } else { format!("[{}]", part.name) };
        text += &format!("\n## `{header}`\n\n| key | values | default | |\n|---|---|---|---|\n");
        for documented in &part.keys {
            let Documented { key, of } = documented;
            let default = match part.name {
                "train" => default_of_trainers(&config, key),
                name => {
                    let rows = usual_rows(&config, name);
                    let row = rows.iter().find(|(found, _)| *found == key.name);
                    row.map_or_else(|| default_unset(key), |(_, value)| format!("`{value}`"))
                }
            };
            let (values, doc) = (values(&key.kind), sentence(key, of));
            let row = format!(
                "| `{}` | {values} | {default} | {} |\n",
                key.name,
                doc.replace('|', "\\|")
            );
            text += &row;
        }
        for Documented { key, .. } in &part.keys {
            if let Kind::Choice(names) = &key.kind {
                text += &format!("\n`{}`:\n\n", key.name);
                let line =
                    |name: &Name| format!("- `{}`: {}\n", name.name, first_paragraph(&name.doc));
                text += &names.iter().map(line).collect::<String>();
            }
        }
        if part.name == "train" {
            text += &losses();
        }
    }
    text
}

/// The losses that have names.
fn losses() -> String {
    let list = |variants: &[Variant]| {
        let line = |variant: &Variant| {
            let keys = variant.keys.iter().map(|key| {
                let default = unset(key);
                format!(" `{}` ({default}): {}", key.name, first_paragraph(&key.doc))
            });
            let doc = first_paragraph(&variant.name.doc);
            format!("- `{}`: {doc}{}\n", variant.name.name, keys.collect::<String>())
        };
        variants.iter().map(line).collect::<String>()
    };
    format!(
        "\n`loss`, of pairs:\n\n{}\nof cells:\n\n{}",
        list(&variants_of::<PairLoss>("name")),
        list(&variants_of::<CellsLoss>("name"))
    )
}

fn default_unset(key: &Key) -> String {
    match unset(key).as_str() {
        "\"\"" => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

/// The default of a key of trainers, which may differ between them.
fn default_of_trainers(config: &Config, key: &Key) -> String {
    let value_of = |(name, _): &(&'static str, &str)| {
        let rows = config.rows_of_section(&format!("train.{name}"));
        let row = rows.into_iter().find(|(found, _)| *found == key.name);
        row.map(|(_, value)| (*name, value.to_string()))
    };
    if key.name == "name" {
        return "required".to_owned();
    }
    let values: Vec<(&str, String)> = TRAINERS.iter().filter_map(value_of).collect();
    match &values[..] {
        [] => default_unset(key),
        [(_, first), more @ ..] if more.iter().all(|(_, value)| value == first) => {
            format!("`{first}`")
        }
        all => {
            let each = all.iter().map(|(name, value)| format!("{name} `{value}`"));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The values of a kind, for people.
fn values(kind: &Kind) -> String {
    match kind {
        Kind::Whole { least, most } if *most == i64::MAX as u64 => {
            format!("whole number from {least}")
        }
        Kind::Whole { least, most } => format!("{least} to {most}"),
        Kind::Real(reals) => reals.expected.clone(),
        Kind::Reals => "a number, or a list of numbers".to_owned(),
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Text | Kind::Other => "text".to_owned(),
        Kind::Path => "a file".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Size { .. } => "a size such as `1GiB`".to_owned(),
        Kind::Seconds => "a time such as `30s`".to_owned(),
        Kind::Choice(names) => {
            names.iter().map(|name| format!("`{}`", name.name)).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The JSON schema of `pipeline.toml` (draft 2020-12), for editors and other programs.
#[must_use]
pub fn schema() -> Json {
    let object = |part: &Part| {
        let property = |Documented { key, of }: &Documented| {
            let mut schema = key.schema.clone();
            if let Some(object) = schema.as_object_mut() {
                object.insert("description".to_owned(), sentence(key, of).into());
            }
            (key.name.to_owned(), schema)
        };
        let mut properties: Map<String, Json> = part.keys.iter().map(property).collect();
        if let Some(loss) = properties.get_mut("loss") {
            let named =
                json!([schema_of::<PairLoss>(), schema_of::<CellsLoss>(), { "type": "string" }]);
            *loss = json!({ "description": loss["description"], "anyOf": named });
        }
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    };
    let section = |part: &Part| match part.name {
        "train" => json!({ "type": "array", "items": object(part) }),
        _ => object(part),
    };
    let parts = parts();
    debug_assert_eq!(parts.len(), SECTIONS.len(), "every section is documented");
    let sections: Map<String, Json> =
        parts.iter().map(|part| (part.name.to_owned(), section(part))).collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipeline.toml",
        "description": "What `wordmill run` does.",
        "type": "object",
        "properties": sections,
        "additionalProperties": false,
        "required": ["corpus"],
    });
    remove_ours(&mut schema);
    schema
}

/// Removes what only this program understands.
fn remove_ours(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.retain(|key, _| !key.starts_with("x-"));
            object.values_mut().for_each(remove_ours);
        }
        Json::Array(list) => list.iter_mut().for_each(remove_ours),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Compares a document with what is generated; `WORDMILL_GOLDEN=write` writes it.
    fn check(name: &str, generated: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
        if std::env::var_os("WORDMILL_GOLDEN").is_some_and(|value| value == "write") {
            std::fs::write(&path, generated).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written, generated,
            "{name}: WORDMILL_GOLDEN=write cargo test -p wordmill-pipeline document"
        );
    }

    #[test]
    fn documents_say_what_the_types_say() {
        check("pipeline.toml", &template());
        check("docs/reference/settings.md", &reference());
    }

    #[test]
    fn every_key_has_a_documentation() {
        for part in parts() {
            for Documented { key, .. } in &part.keys {
                assert!(!key.doc.is_empty(), "{}.{}", part.name, key.name);
            }
        }
    }

    #[test]
    fn every_key_that_can_be_written_is_documented() {
        let config = usual(&TRAINERS);
        for part in parts() {
            let sections = match part.name {
                "train" => TRAINERS.map(|(name, _)| format!("train.{name}")).to_vec(),
                name => vec![name.to_owned()],
            };
            for (key, _) in sections.iter().flat_map(|section| usual_rows(&config, section)) {
                assert!(part.keys.iter().any(|known| known.key.name == key), "{}.{key}", part.name);
            }
        }
    }

    #[test]
    fn the_schema_has_every_section_and_no_words_of_ours() {
        let schema = schema();
        for section in SECTIONS {
            assert!(schema["properties"].get(section).is_some(), "{section}");
        }
        assert_eq!(schema["properties"]["cooccur"]["properties"]["window"]["maximum"], 255);
        assert!(!schema.to_string().contains("\"x-"));
    }
}
