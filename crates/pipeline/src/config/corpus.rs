//! `[corpus]`: which text, and how it becomes words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wordmill_text::tokenizer::{
    FormConfig, TokenizerConfig, TokenizerName, WordRules, missing_feature, words_of,
};
use wordmill_text::{Encoding, InvalidUtf8, MostlyForeign, RecordFormat, Records};
use wordmill_vocab::LinesConfig;
use wordmill_vocab::pieces::{
    BpeConfig, Endings, KoreanConfig, Learner, LearningConfig, PiecesConfig,
};

use super::error::ConfigError;
use super::guess::did_you_mean;
use super::keys::{Variant, variants_of};
use super::layers::Layers;
use super::rows::{Rows, rows_of, tagged_rows_of};
use super::section::Section;

/// `[corpus]`: which text, and how it becomes words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CorpusConfig {
    /// Which text.
    pub inputs: Vec<String>,
    /// What a document is, and where its text stands.
    pub format: RecordFormat,
    /// How it is read.
    pub reading: ReadingConfig,
    /// How bytes represent characters.
    pub encoding: Encoding,
    /// Where words are cut.
    pub tokenizer: TokenizerName,
    /// Rules of tokenisers that cut by rules.
    pub rules: WordRules,
    /// The form that words take.
    pub form: FormConfig,
    /// How words become pieces, if they do.
    pub pieces: Option<PiecesConfig>,
    /// What is left out, and how the text is cut.
    pub lines: LinesConfig,
}

/// Settings of `[corpus]` that no room has for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReadingConfig {
    /// Whether the first broken record, or file of an archive, ends the run.
    pub strict: bool,
    /// What becomes of a line whose words are those of an earlier one.
    #[serde(skip_serializing_if = "DuplicateLines::are_kept")]
    pub duplicate_lines: DuplicateLines,
}

/// `corpus.duplicate_lines`: what becomes of a line whose words are those of an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicateLines {
    /// It is text like any other.
    #[default]
    Keep,
    /// It is left out.
    Drop,
}

/// `corpus.inputs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct InputsConfig {
    /// Files, folders, patterns, `@LIST` of paths, `-` for a pipe, `builtin:sample`; gzip, bzip2, zstd and tar by content.
    pub inputs: Vec<String>,
}

impl DuplicateLines {
    fn are_kept(&self) -> bool {
        *self == Self::Keep
    }
}

impl CorpusConfig {
    /// The tokeniser of words; reads a file of Hugging Face's library for its digest.
    #[must_use]
    pub fn tokenizer(&self) -> TokenizerConfig {
        TokenizerConfig::new(&self.tokenizer, self.rules, self.form)
    }

    /// What the readers of inputs share.
    #[must_use]
    pub fn records(&self) -> Records {
        // Whoever leaves such lines out, or will have none, has thought of them.
        let mostly_foreign = match self.lines.invalid_utf8 {
            InvalidUtf8::Skip => MostlyForeign::Accept,
            InvalidUtf8::Replace | InvalidUtf8::Fail => MostlyForeign::Refuse,
        };
        let (format, strict) = (self.format.clone(), self.reading.strict);
        Records { format, strict, encoding: self.encoding, mostly_foreign }
    }
}

/// Reads the section.
pub(super) fn corpus(layers: &Layers) -> Result<CorpusConfig, ConfigError> {
    let mut section = Section::new(layers, "corpus")?;
    let InputsConfig { inputs } = section.take(&InputsConfig::default())?;
    if inputs.is_empty() {
        let what = "no input; name files, folders, \"-\" or \"builtin:sample\"";
        return Err(section.error("inputs", what));
    }
    let format = section.tagged("format", &RecordFormat::default())?;
    let tokenizer = tokenizer(&mut section)?;
    let rules = match tokenizer.has_rules() {
        true => section.take(&WordRules::default())?,
        false => WordRules::default(),
    };
    section.rename("digits", "fold", "zero");
    // A file of Hugging Face's library says what becomes of letters.
    let form = match tokenizer {
        TokenizerName::Hf(_) => FormConfig::EXACT,
        _ => section.take(&FormConfig::default())?,
    };
    let reading = section.take(&ReadingConfig::default())?;
    let encoding = encoding(&mut section, &format)?;
    let pieces = pieces(&mut section, &tokenizer)?;
    let lines = section.take(&LinesConfig::default())?;
    section.finish(|key| Some(explain(key)? + "; remove it"))?;
    Ok(CorpusConfig { inputs, format, reading, encoding, tokenizer, rules, form, pieces, lines })
}

/// How bytes represent characters, by any of its labels.
fn encoding(section: &mut Section<'_>, format: &RecordFormat) -> Result<Encoding, ConfigError> {
    // Their texts are UTF-8 by definition.
    if matches!(format, RecordFormat::Parquet { .. } | RecordFormat::Wet) {
        return Ok(Encoding::default());
    }
    let Some(label) = section.text("encoding")? else { return Ok(Encoding::default()) };
    Encoding::parse(&label).ok_or_else(|| {
        let guess = did_you_mean(&label, Encoding::labels().iter().copied());
        let what = format!(
            "unknown encoding {label:?}{guess}; choose a label of the web's encodings, such as \"cp949\" or \"latin-1\", \
             or convert the text to UTF-8, for example with iconv"
        );
        section.error("encoding", what)
    })
}

/// Which tokeniser, and what follows its name.
fn tokenizer(section: &mut Section<'_>) -> Result<TokenizerName, ConfigError> {
    let Some(text) = section.text("tokenizer")? else { return Ok(TokenizerName::default()) };
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (format!("{name}:"), rest.trim()),
        None => (text.clone(), ""),
    };
    let wrong = |what: String| section.error("tokenizer", what);
    let Some(tokenizer) = TokenizerName::of(&name, rest) else {
        let names = TokenizerName::NAMES;
        let list = names.map(|known| format!("{known:?}")).join(" or ");
        let guess = did_you_mean(&name, names);
        return Err(wrong(format!("unknown value {name:?}{guess}; choose {list}")));
    };
    if let Some(feature) = missing_feature(name.trim_end_matches(':')) {
        let what = format!(
            "this program was built without {feature:?}; build it with `cargo install --path . --features {feature}`"
        );
        return Err(wrong(what));
    }
    match &tokenizer {
        TokenizerName::Hf(path) if path.is_empty() => {
            Err(wrong("expected a file behind it, such as \"hf:tokenizer.json\"".to_owned()))
        }
        TokenizerName::Command(line) => match words_of(line) {
            Ok(_) => Ok(tokenizer),
            Err(what) => Err(wrong(format!("{what}; expected \"command:PROGRAM ARGUMENTS\""))),
        },
        _ => Ok(tokenizer),
    }
}

/// How words become pieces.
fn pieces(
    section: &mut Section<'_>,
    tokenizer: &TokenizerName,
) -> Result<Option<PiecesConfig>, ConfigError> {
    let learner = match tokenizer {
        TokenizerName::Korean => {
            let KoreanConfig { endings } =
                section.take(&KoreanConfig { endings: Endings::Keep })?;
            Learner::Korean { endings }
        }
        TokenizerName::Bpe => {
            let BpeConfig { merges } = section.take(&BpeConfig { merges: 16_000 })?;
            Learner::Bpe { merges }
        }
        _ => return Ok(None),
    };
    let learning = section.take(&LearningConfig::default())?;
    Ok(Some(PiecesConfig { learner, learning }))
}

/// Why a key has no business here.
fn explain(key: &str) -> Option<String> {
    let why = match key {
        "field" => {
            return Some(format!("only texts in fields have one: format = {}", with_field()));
        }
        "encoding" => "not used by format = \"parquet\" and \"wet\", whose texts are always UTF-8",
        "apostrophes" | "hyphens" => {
            "only used by tokenizer = \"words\", and by \"korean\" and \"bpe\", which cut words"
        }
        "lowercase" | "normalize" | "accents" | "digits" => {
            "not used by tokenizer = \"hf:…\", whose file says what becomes of letters"
        }
        "endings" => "only used by tokenizer = \"korean\"",
        "bpe_merges" => "only used by tokenizer = \"bpe\"",
        "pieces" | "pieces_min_count" => "only used by tokenizer = \"korean\" and \"bpe\"",
        _ => return None,
    };
    Some(why.to_owned())
}

/// The formats with a field for the text.
fn with_field() -> String {
    let variants = variants_of::<RecordFormat>("format");
    let has_field = |variant: &&Variant| variant.keys.iter().any(|key| key.name == "field");
    let names = variants.iter().filter(has_field).map(|variant| format!("{:?}", variant.name.name));
    let mut names: Vec<String> = names.collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

/// The keys as they are written. Some are left out where they are the usual ones: what was made before there was a choice stays
/// valid.
pub(super) fn rows(config: &CorpusConfig) -> Rows {
    let CorpusConfig { inputs, format, reading, encoding, tokenizer, rules, form, pieces, lines } =
        config;
    let mut rows: Rows = vec![("inputs", inputs.clone().into())];
    rows.extend(tagged_rows_of("format", format));
    let is_strict = reading.strict || *format != RecordFormat::Lines;
    rows.extend(rows_of(reading).into_iter().filter(|(key, _)| *key != "strict" || is_strict));
    if !encoding.is_utf8() {
        rows.push(("encoding", encoding.name().into()));
    }
    rows.push(("tokenizer", tokenizer.to_string().into()));
    if !matches!(tokenizer, TokenizerName::Hf(_)) {
        rows.extend(rows_of(form));
    }
    if let Some(PiecesConfig { learner, learning }) = pieces {
        rows.extend(match *learner {
            Learner::Korean { endings } => rows_of(&KoreanConfig { endings }),
            Learner::Bpe { merges } => rows_of(&BpeConfig { merges }),
        });
        rows.extend(rows_of(learning));
    }
    let usual = rows_of(&WordRules::default());
    rows.extend(rows_of(rules).into_iter().filter(|row| !usual.contains(row)));
    rows.extend(rows_of(lines));
    rows
}
