//! The settings of a single trainer, as a command line of `wordmill train` has them.
//!
//! Some flags mean another setting for another model: the window of CBOW is its own, that of skip-gram and GloVe is the one that is
//! counted. The settings are first read without these flags, to find out which trainer it is.

use std::path::Path;

use toml::Value;
use wordmill_train::Trainer;

use super::error::ConfigError;
use super::load::{Flag, Sources};
use super::types::Config;

/// The name of the trainer.
const BASE: &str = "[[train]]\nname = \"vectors\"\n";
/// What messages call the command line as a whole.
const PLACE: &str = "wordmill train";

/// What is asked of a single trainer.
#[derive(Clone, Debug, Default)]
pub struct OneTrainer {
    /// The texts, as in `corpus.inputs`.
    pub texts: Vec<String>,
    /// Words on each side.
    pub window: Option<String>,
    /// The share of the text above which words are subsampled.
    pub subsample: Option<String>,
    /// GloVe's power, or the learning rate of other models.
    pub alpha: Option<String>,
}

/// Reads the settings of one trainer; no file is read. Returns them with all flags that they come from.
///
/// # Errors
/// Every setting that cannot be followed; another number of trainers.
pub fn one_trainer(
    mut sources: Sources,
    asked: &OneTrainer,
) -> Result<(Config, Sources), ConfigError> {
    let texts = asked.texts.iter().map(|text| Value::from(text.as_str())).collect();
    let key = "corpus.inputs".to_owned();
    sources.flags.push(Flag { flag: "TEXT", key, value: Value::Array(texts) });
    let config = Config::resolve(Path::new(PLACE), BASE, &sources)?;
    let [trainer] = &config.train[..] else {
        let what = format!(
            "it trains one model, found {}; `wordmill run` with a pipeline trains any number",
            config.train.len()
        );
        return Err(ConfigError::new(PLACE, what));
    };
    let mut set = |flag: &'static str, typed: &Option<String>, keys: &[&str]| {
        let typed = typed.iter().flat_map(|typed| keys.iter().map(move |key| (key, typed)));
        sources.flags.extend(typed.map(|(key, typed)| Flag::new(flag, key, typed)));
    };
    let is_glove = matches!(trainer.trainer, Trainer::Glove(_));
    let (windows, subsamples): (&[&str], &[&str]) = match trainer.trainer.reads_text() {
        true => (&["train.0.window"], &["train.0.subsample"]),
        false if is_glove => (&["cooccur.window"], &["cooccur.subsample"]),
        // The counts are subsampled first, and the trainer may subsample them further.
        false => (&["cooccur.window"], &["cooccur.subsample", "train.0.subsample"]),
    };
    set("--window", &asked.window, windows);
    set("--subsample", &asked.subsample, subsamples);
    set("--alpha", &asked.alpha, &[if is_glove { "train.0.alpha" } else { "train.0.rate" }]);
    Ok((Config::resolve(Path::new(PLACE), BASE, &sources)?, sources))
}
