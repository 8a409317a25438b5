//! `[corpus]`: which text, and how it becomes words.

use wordmill_text::Encoding;
use wordmill_text::tokenizer::{missing_feature, words_of};

use super::choice::{
    Accents, Choice, Digits, DuplicateLines, Endings, Format, InvalidUtf8, Mark, Normalize,
    Tokenizer, did_you_mean,
};
use super::error::ConfigError;
use super::layers::Layers;
use super::section::Section;
use super::{CorpusConfig, Learner, PiecesConfig};

/// Reads the section.
pub(super) fn corpus(layers: &Layers) -> Result<CorpusConfig, ConfigError> {
    let mut section = Section::new(layers, "corpus")?;
    let inputs = section.list("inputs")?.unwrap_or_default();
    if inputs.is_empty() {
        let what = "no input; name files, folders, \"-\" or \"builtin:sample\"";
        return Err(section.error("inputs", what));
    }
    let format = section.choice("format", Format::Lines)?;
    let (tokenizer, tokenizer_of) = tokenizer(&mut section)?;
    let [apostrophes, hyphens] = marks(&mut section, tokenizer)?;
    let forms = Forms::read(&mut section, tokenizer)?;
    let config = CorpusConfig {
        inputs,
        format,
        field: field(&mut section, format)?,
        strict: section.flag("strict", false)?,
        encoding: encoding(&mut section, format)?,
        tokenizer,
        tokenizer_of,
        pieces: pieces(&mut section, tokenizer)?,
        apostrophes,
        hyphens,
        lowercase: forms.lowercase,
        normalize: forms.normalize,
        accents: forms.accents,
        digits: forms.digits,
        stop_words: section.path("stop_words")?,
        duplicate_lines: section.choice("duplicate_lines", DuplicateLines::Keep)?,
        invalid_utf8: section.choice("invalid_utf8", InvalidUtf8::Replace)?,
        chunk_bytes: section.size("chunk_bytes", 64..=128 << 20, 4 << 20)?,
    };
    section.finish(|key| Some(explain(key)?.to_owned() + "; remove it"))?;
    Ok(config)
}

/// How bytes stand for characters, by any of its labels.
fn encoding(section: &mut Section<'_>, format: Format) -> Result<Encoding, ConfigError> {
    // Their texts are UTF-8 by definition.
    if matches!(format, Format::Parquet | Format::Wet) {
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
fn tokenizer(section: &mut Section<'_>) -> Result<(Tokenizer, String), ConfigError> {
    let Some(text) = section.text("tokenizer")? else {
        return Ok((Tokenizer::Words, String::new()));
    };
    let (name, rest) = match text.split_once(':') {
        Some((name, rest)) => (format!("{name}:"), rest.trim()),
        None => (text.clone(), ""),
    };
    let wrong = |what: String| section.error("tokenizer", what);
    let tokenizer = Tokenizer::parse(&name).map_err(wrong)?;
    if let Some(feature) = missing_feature(name.trim_end_matches(':')) {
        let what = format!(
            "this program was built without {feature:?}; build it with `cargo install --path . --features {feature}`"
        );
        return Err(wrong(what));
    }
    match tokenizer {
        Tokenizer::Hf if rest.is_empty() => {
            Err(wrong("expected a file behind it, such as \"hf:tokenizer.json\"".to_owned()))
        }
        Tokenizer::Command => match words_of(rest) {
            Ok(_) => Ok((tokenizer, rest.to_owned())),
            Err(what) => Err(wrong(format!("{what}; expected \"command:PROGRAM ARGUMENTS\""))),
        },
        _ => Ok((tokenizer, rest.to_owned())),
    }
}

/// The form of words.
struct Forms {
    lowercase: bool,
    normalize: Normalize,
    accents: Accents,
    digits: Digits,
}

impl Forms {
    fn read(section: &mut Section<'_>, tokenizer: Tokenizer) -> Result<Self, ConfigError> {
        // Its file says what becomes of letters.
        if tokenizer == Tokenizer::Hf {
            let (normalize, accents, digits) = (Normalize::None, Accents::Keep, Digits::Keep);
            return Ok(Self { lowercase: false, normalize, accents, digits });
        }
        Ok(Self {
            lowercase: section.flag("lowercase", true)?,
            normalize: section.choice("normalize", Normalize::Nfc)?,
            accents: section.choice("accents", Accents::Keep)?,
            digits: digits(section)?,
        })
    }
}

/// Why a key has no business here.
fn explain(key: &str) -> Option<&'static str> {
    Some(match key {
        "field" => {
            "only texts in fields have one: format = \"jsonl\", \"csv-column\", \"tsv-column\" or \"parquet\""
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
    })
}

/// How words become pieces.
fn pieces(
    section: &mut Section<'_>,
    tokenizer: Tokenizer,
) -> Result<Option<PiecesConfig>, ConfigError> {
    let learner = match tokenizer {
        Tokenizer::Korean => Learner::Korean(section.choice("endings", Endings::Keep)?),
        Tokenizer::Bpe => Learner::Bpe(section.whole("bpe_merges", 1..=1 << 24, 16_000)? as u32),
        _ => return Ok(None),
    };
    let min_count = section.whole("pieces_min_count", 1..=u64::from(u32::MAX), 1)?;
    Ok(Some(PiecesConfig { learner, min_count, given: section.path("pieces")? }))
}

/// What becomes of digits; `fold` is what others call `zero`.
fn digits(section: &mut Section<'_>) -> Result<Digits, ConfigError> {
    match section.text("digits")?.as_deref() {
        None => Ok(Digits::Keep),
        Some("fold") => Ok(Digits::Zero),
        Some(name) => Digits::parse(name).map_err(|what| section.error("digits", what)),
    }
}

/// What becomes of apostrophes and hyphens, where words are cut by rules.
fn marks(section: &mut Section<'_>, tokenizer: Tokenizer) -> Result<[Mark; 2], ConfigError> {
    if !tokenizer.has_rules() {
        return Ok([Mark::Keep, Mark::Split]);
    }
    let apostrophes = section.choice("apostrophes", Mark::Keep)?;
    Ok([apostrophes, section.choice("hyphens", Mark::Split)?])
}

/// Where the text of a record stands.
fn field(section: &mut Section<'_>, format: Format) -> Result<Option<String>, ConfigError> {
    if !format.has_fields() {
        return Ok(None);
    }
    let field = section.text("field")?.unwrap_or_else(|| "text".into());
    let is_path = !field.split('.').any(str::is_empty);
    let is_column = field != "0" && !field.is_empty();
    let is_good = match format {
        Format::Jsonl => is_path,
        Format::Parquet => !field.is_empty(),
        _ => is_column,
    };
    if is_good {
        return Ok(Some(field));
    }
    let expected = match format {
        Format::Jsonl => "keys with dots between, such as \"meta.text\"",
        Format::Parquet => "the name of a column",
        _ => "the name of a column, or its number from 1",
    };
    Err(section.error("field", format!("expected {expected}, found {field:?}")))
}
