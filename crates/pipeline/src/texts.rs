//! The texts of a run and the lists that its settings name: found, or known from the last run.

use std::sync::Arc;

use wordmill_flow::{Budget, Progress};
use wordmill_text as text;
use wordmill_vocab as vocab;

use crate::config::Config;
use crate::error::Error;
use crate::past::{Past, text_key};
use crate::stage::Settings;

/// Texts whose first bytes are looked at for a warning.
const TEXTS_LOOKED_AT: usize = 16;

/// The texts of a run.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// The inputs, found; none where they are gone and their tokens are there.
    pub inputs: Option<Vec<text::Input>>,
    /// The settings of `tokenize` that say which text was read.
    pub recorded: Settings,
    /// Whether a pipe brings text that takes the place of what was tokenised.
    pub is_new: bool,
}

impl Texts {
    /// Finds the texts of a configuration, or what the last run recorded of them if they are gone.
    ///
    /// # Errors
    /// Inputs that cannot be found and whose tokens are not there.
    pub fn find(config: &Config, past: &Past, progress: &Progress) -> Result<Self, Error> {
        match inputs(config, progress) {
            Ok(inputs) => Ok(Self::of(inputs)),
            Err(error) => match past.texts(config).filter(|_| is_gone(&error)) {
                Some(recorded) => Ok(Self { inputs: None, recorded, is_new: false }),
                None => Err(error.into()),
            },
        }
    }

    /// Texts that were found.
    pub fn of(inputs: Vec<text::Input>) -> Self {
        let entry = |input: &text::Input| {
            let size = input.bytes.map_or("unknown size".into(), |bytes| format!("{bytes} bytes"));
            let time = input.modified_ns.map(|time| format!(", changed at {time}"));
            (text_key(&input.name), size + &time.unwrap_or_default())
        };
        let recorded = inputs.iter().map(entry).collect();
        Self { inputs: Some(inputs), recorded, is_new: false }
    }
}

/// Whether a text could not be found, rather than named wrongly.
fn is_gone(error: &vocab::VocabError) -> bool {
    error.kind() == text::ErrorKind::Input
}

/// The inputs of a configuration, found.
pub fn inputs(config: &Config, progress: &Progress) -> Result<Vec<text::Input>, vocab::VocabError> {
    let mut inputs =
        text::input::resolve_in(&config.corpus.inputs, config.base(), config.run.seed)?;
    let records = Arc::new(config.corpus.records());
    inputs.iter_mut().for_each(|input| input.records = Arc::clone(&records));
    // Whatever is said of progress: it may have been meant as text.
    for told in inputs.iter().flat_map(|input| input.left_out.iter()) {
        progress.warn(&format!("{told}, left out of corpus.inputs"));
    }
    Ok(inputs)
}

/// Warns of the first text that seems to be in another format than lines. It is read as it was asked for.
pub fn warn_of_format(inputs: &[text::Input], progress: &Progress) {
    // Whoever opens a text to read it says what is wrong with it.
    let guess = |input: &text::Input| Some((input.name.clone(), input.guess().ok()??));
    let Some((name, guess)) = inputs.iter().take(TEXTS_LOOKED_AT).find_map(guess) else { return };
    let settings: String = guess.settings.iter().map(|it| format!(" --set {it}")).collect();
    let fields = match &guess.fields[..] {
        [] => String::new(),
        fields => format!(", where NAME is one of {}", fields.join(", ")),
    };
    let what = guess.what;
    progress.warn(&format!(
        "{name}: it looks like {what}, and is read as lines of text; to read it as what it is, add{settings}{fields}"
    ));
}

/// Reads the lists of stages that are not done: a slip in a path should not wait for the stage that uses it.
pub fn check_lists(
    config: &Config,
    is_done: impl Fn(&str) -> bool,
) -> Result<(), vocab::VocabError> {
    if !is_done("tokenize") {
        config.tokenize_job()?;
    }
    if !is_done("vocabulary") {
        config.vocabulary_job()?;
    }
    if is_done("phrases") {
        return Ok(());
    }
    let phrases = config.phrases_job()?;
    if let Some((list, tokenizer)) = phrases.and_then(|it| Some((it.given?, it.tokenizer))) {
        vocab::phrases::Phrases::read(&Budget::new(config.run.memory_bytes), &list, &tokenizer)?;
    }
    Ok(())
}
