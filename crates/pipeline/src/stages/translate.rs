//! From the words of `pipeline.toml` to the types of the rooms.

use std::path::Path;
use std::sync::Arc;

use wordmill_cooccur as cooccur;
use wordmill_formats::xxh3;
use wordmill_text::{self as text, tokenizer};
use wordmill_train as train;
use wordmill_vocab::{self as vocab, VocabError, phrases, pieces};

use crate::config::{self, Config, CooccurConfig, CorpusConfig};

/// Tokens that are to be counted in all samples of a thinned text together, and the most samples. On 22
/// million tokens of English one sample is worth 1.7 points less on the mean of four evaluation sets than four.
const SAMPLED_TOKENS: u64 = 80_000_000;
const MOST_SAMPLES: u64 = 4;

/// Settings of the stage `tokenize`; reads the stop words.
pub fn tokenize(config: &CorpusConfig) -> Result<vocab::TokenizeConfig, VocabError> {
    let stop_words = list("corpus.stop_words", config.stop_words.as_deref(), config)?;
    if config.tokenizer == config::Tokenizer::Hf
        && let Err(error) = std::fs::metadata(&config.tokenizer_of)
    {
        return Err(VocabError::Config {
            key: "corpus.tokenizer",
            problem: format!("{}: {error}", config.tokenizer_of),
            way_out: "check the path of the tokenizer.json".to_owned(),
        });
    }
    Ok(vocab::TokenizeConfig {
        tokenizer: tokenizer(config),
        stop_words,
        invalid_utf8: match config.invalid_utf8 {
            config::InvalidUtf8::Replace => text::InvalidUtf8::Replace,
            config::InvalidUtf8::Skip => text::InvalidUtf8::Skip,
            config::InvalidUtf8::Fail => text::InvalidUtf8::Fail,
        },
        chunk_bytes: usize::try_from(config.chunk_bytes).unwrap_or(usize::MAX),
    })
}

/// The list that a setting names, its words in the form that the tokeniser gives them.
fn list(
    key: &'static str,
    path: Option<&Path>,
    config: &CorpusConfig,
) -> Result<Option<Arc<text::WordSet>>, VocabError> {
    let read = |path| text::WordSet::read(path, key, &tokenizer(config)).map(Arc::new);
    Ok(path.map(read).transpose()?)
}

/// Where the text stands in the inputs.
pub fn records(config: &CorpusConfig) -> text::Records {
    let field = config.field.clone().unwrap_or_default();
    let column = || match field.parse::<usize>() {
        Ok(number) => text::Column::Numbered(number.saturating_sub(1)),
        Err(_) => text::Column::Named(field.clone()),
    };
    let format = match config.format {
        config::Format::Lines => text::RecordFormat::Lines,
        config::Format::Documents => text::RecordFormat::Documents,
        config::Format::Jsonl => {
            text::RecordFormat::JsonLines { path: field.split('.').map(str::to_owned).collect() }
        }
        config::Format::CsvColumn => {
            text::RecordFormat::Columns { delimiter: b',', column: column() }
        }
        config::Format::TsvColumn => {
            text::RecordFormat::Columns { delimiter: b'\t', column: column() }
        }
        config::Format::Parquet => text::RecordFormat::Parquet { column: field },
        config::Format::MediaWiki => text::RecordFormat::MediaWiki,
        config::Format::Wet => text::RecordFormat::Wet,
    };
    // Whoever leaves such lines out, or will have none, has thought of them.
    let mostly_foreign = match config.invalid_utf8 {
        config::InvalidUtf8::Skip => text::MostlyForeign::Accept,
        config::InvalidUtf8::Replace | config::InvalidUtf8::Fail => text::MostlyForeign::Refuse,
    };
    text::Records { format, strict: config.strict, encoding: config.encoding, mostly_foreign }
}

/// How text becomes words.
pub fn tokenizer(config: &CorpusConfig) -> tokenizer::TokenizerConfig {
    tokenizer::TokenizerConfig {
        segmentation: match config.tokenizer {
            config::Tokenizer::Whitespace => tokenizer::Segmentation::Whitespace,
            config::Tokenizer::Words | config::Tokenizer::Korean | config::Tokenizer::Bpe => {
                tokenizer::Segmentation::Words
            }
            config::Tokenizer::Cjk => tokenizer::Segmentation::Cjk,
            config::Tokenizer::Hf => tokenizer::Segmentation::Hf(tokenizer::HfFile {
                path: config.tokenizer_of.as_str().into(),
                // A file that cannot be read is told of when it is opened.
                xxh3: text::read_list(Path::new(&config.tokenizer_of)).map_or(0, |it| xxh3(&it)),
            }),
            config::Tokenizer::Command => {
                tokenizer::Segmentation::Command(config.tokenizer_of.clone())
            }
        },
        rules: tokenizer::WordRules {
            apostrophes: mark(config.apostrophes),
            hyphens: mark(config.hyphens),
        },
        accents: match config.accents {
            config::Accents::Keep => tokenizer::Accents::Keep,
            config::Accents::Strip => tokenizer::Accents::Strip,
        },
        normalize: match config.normalize {
            config::Normalize::Nfc => tokenizer::Normalize::Nfc,
            config::Normalize::Nfkc => tokenizer::Normalize::Nfkc,
            config::Normalize::None => tokenizer::Normalize::None,
        },
        case: match config.lowercase {
            true => tokenizer::Case::Lower,
            false => tokenizer::Case::Keep,
        },
        digits: match config.digits {
            config::Digits::Keep => tokenizer::Digits::Keep,
            config::Digits::Drop => tokenizer::Digits::Drop,
            config::Digits::Zero => tokenizer::Digits::Zero,
        },
    }
}

/// The tokeniser with its pieces and phrases, as it is kept with words.
pub fn description(config: &Config) -> vocab::Description {
    vocab::Description {
        tokenizer: tokenizer(&config.corpus),
        pieces: pieces(&config.corpus).map(|pieces| pieces.learner),
        delimiter: config.phrases.as_ref().map(|phrases| phrases.delimiter.clone()),
    }
}

/// Settings of the stage `pieces`, if there is one.
pub fn pieces(config: &CorpusConfig) -> Option<pieces::PiecesConfig> {
    let config::PiecesConfig { learner, min_count, given } = config.pieces.clone()?;
    let learner = match learner {
        config::Learner::Bpe(merges) => pieces::Learner::Bpe { merges },
        config::Learner::Korean(endings) => pieces::Learner::Korean {
            endings: match endings {
                config::Endings::Keep => pieces::Endings::Keep,
                config::Endings::Drop => pieces::Endings::Drop,
            },
        },
    };
    Some(pieces::PiecesConfig { learner, min_count, given })
}

/// Settings of the stage `phrases`, if there is one; reads its connectors.
pub fn phrases(config: &Config) -> Result<Option<phrases::PhrasesConfig>, VocabError> {
    let Some(config::PhrasesConfig { source, delimiter }) = config.phrases.clone() else {
        return Ok(None);
    };
    let made = phrases::PhrasesConfig {
        score: phrases::Score::Default,
        thresholds: Vec::new(),
        min_count: 1,
        connectors: None,
        delimiter,
        parts: match config.corpus.pieces {
            Some(_) => phrases::Parts::Pieces,
            None => phrases::Parts::Words,
        },
        given: None,
        tokenizer: tokenizer(&config.corpus),
    };
    Ok(Some(match source {
        config::PhrasesSource::List(path) => phrases::PhrasesConfig { given: Some(path), ..made },
        config::PhrasesSource::Learned { score, mut thresholds, passes, min_count, connectors } => {
            let last = thresholds.last().copied().unwrap_or(f64::INFINITY);
            thresholds.resize(passes as usize, last);
            let score = match score {
                config::Score::Default => phrases::Score::Default,
                config::Score::Npmi => phrases::Score::Npmi,
            };
            let key = "phrases.connectors";
            let connectors = list(key, connectors.as_deref(), &config.corpus)?;
            phrases::PhrasesConfig { score, thresholds, min_count, connectors, ..made }
        }
    }))
}

fn mark(mark: config::Mark) -> tokenizer::Mark {
    match mark {
        config::Mark::Keep => tokenizer::Mark::Keep,
        config::Mark::Split => tokenizer::Mark::Split,
        config::Mark::Drop => tokenizer::Mark::Drop,
    }
}

/// Settings of the stage `vocabulary`; reads its lists.
pub fn vocabulary(config: &Config) -> Result<vocab::VocabularyConfig, VocabError> {
    let Config { corpus: text, vocabulary, .. } = config;
    Ok(vocab::VocabularyConfig {
        min_count: vocabulary.min_count,
        max_size: usize::try_from(vocabulary.max_size).unwrap_or(usize::MAX),
        lists: vocab::WordLists {
            keep: list("vocabulary.keep", vocabulary.keep.as_deref(), text)?,
            drop: list("vocabulary.drop", vocabulary.drop.as_deref(), text)?,
        },
        tokenizer: description(config).text(),
    })
}

/// The window of the stage `cooccur`.
pub fn window(config: &CooccurConfig) -> cooccur::WindowConfig {
    cooccur::WindowConfig {
        window: config.window,
        weighting: match config.weighting {
            config::Weighting::Linear => cooccur::Weighting::Linear,
            config::Weighting::Harmonic => cooccur::Weighting::Harmonic,
            config::Weighting::Flat => cooccur::Weighting::Flat,
        },
        sides: if config.symmetric { cooccur::Sides::Both } else { cooccur::Sides::Left },
        dropped: match config.dropped {
            config::Dropped::Close => cooccur::Dropped::Close,
            config::Dropped::Gap => cooccur::Dropped::Gap,
        },
    }
}

/// How often a thinned text of so many tokens is sampled.
pub fn samples(config: &CooccurConfig, tokens: u64) -> u32 {
    match (config.subsample > 0.0, config.samples) {
        (false, _) => 1,
        (true, 0) => SAMPLED_TOKENS.div_ceil(tokens.max(1)).clamp(1, MOST_SAMPLES) as u32,
        (true, samples) => samples,
    }
}

/// Units of a pair of weight 1: those of the window in each sample of the text.
pub fn unit(config: &CooccurConfig, tokens: u64) -> u64 {
    window(config).unit() * u64::from(samples(config, tokens))
}

/// Settings of a trainer that reads the text.
pub fn windows(dim: usize, config: &config::WindowsTrainer) -> train::WindowsConfig {
    train::WindowsConfig {
        model: match config.model {
            config::WindowsModel::SkipGram => train::WindowModel::SkipGram,
            config::WindowsModel::Cbow { context, compat } => train::WindowModel::Cbow {
                mix: match context {
                    config::Context::Mean => train::Mix::Mean,
                    config::Context::Sum => train::Mix::Sum,
                },
                step: match compat {
                    true => train::MixStep::Whole,
                    false => train::MixStep::Gradient,
                },
            },
        },
        prediction: match config.objective {
            config::WindowsObjective::NegativeSampling { negatives, noise_exponent } => {
                train::Prediction::Negatives { negatives, noise_exponent }
            }
            config::WindowsObjective::HierarchicalSoftmax => train::Prediction::Tree,
        },
        dim,
        window: u32::from(config.window),
        reach: match config.window_mode {
            config::WindowMode::Dynamic => train::Reach::Dynamic,
            config::WindowMode::Expected => train::Reach::Expected,
        },
        subsample: config.subsample,
        sharing: match config.deterministic {
            true => train::Sharing::Rounds,
            false => train::Sharing::Free,
        },
    }
}

/// What happens when training diverges.
pub fn divergence(choice: config::OnDivergence) -> train::Divergence {
    match choice {
        config::OnDivergence::Stop => train::Divergence::Stop,
        config::OnDivergence::HalveRate => train::Divergence::HalveRate,
    }
}

/// Rates of contexts.
pub fn context_rates(rates: config::ContextRates) -> train::ContextRates {
    match rates {
        config::ContextRates::ByCount => train::ContextRates::ByCount,
        config::ContextRates::Even => train::ContextRates::Even,
    }
}

/// Optimiser and penalties.
pub fn steps(config: &config::StepsConfig) -> train::Steps {
    let or_off = |value: f64| if value > 0.0 { value as f32 } else { f32::INFINITY };
    let [beta1, beta2, epsilon] = config.adam.map(|value| value as f32);
    train::Steps {
        optimizer: match config.optimizer {
            config::Optimizer::Sgd => train::Optimizer::Sgd,
            config::Optimizer::Adagrad => train::Optimizer::Adagrad,
            config::Optimizer::RowAdagrad => train::Optimizer::RowAdagrad,
            config::Optimizer::Adam => train::Optimizer::Adam { beta1, beta2, epsilon },
        },
        l2: config.l2 as f32,
        clip: or_off(config.clip),
        max_norm: or_off(config.max_norm),
    }
}

/// How the rate falls.
pub fn schedule(choice: config::Schedule) -> train::Schedule {
    match choice {
        config::Schedule::Linear => train::Schedule::Linear,
        config::Schedule::Cosine => train::Schedule::Cosine,
        config::Schedule::Constant => train::Schedule::Constant,
    }
}

/// What of a learning curve is wanted.
pub fn curve(config: &config::CurveConfig) -> train::CurvePlan {
    let config::CurveConfig { held_out, log_every, patience } = *config;
    train::CurvePlan { held_out, log_every, patience }
}
