//! Where training starts: `init`, vectors to begin with, and `freeze`, words whose vectors never move.

use std::path::PathBuf;

use toml::Value;

use super::TrainConfig;
use super::choice::{Choice as _, InitBadRows, did_you_mean};
use super::error::ConfigError;
use super::section::Section;

const NO_FILE: &str = "only used with init = \"FILE\"; name a file, or leave it out";

/// Where training starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartConfig {
    /// Vectors to begin with.
    pub init: Option<InitConfig>,
    /// What becomes of bad rows of their file.
    pub bad_rows: InitBadRows,
    /// A list of words whose vectors never move.
    pub freeze: Option<PathBuf>,
}

/// Whose vectors.
#[derive(Clone, Debug, PartialEq)]
pub enum InitConfig {
    /// Those of a file of any format that is read.
    File(PathBuf),
    /// Those of a trainer before this one.
    Trainer(String),
}

#[allow(clippy::derivable_impls, reason = "the enum is made by a macro for all choices")]
impl Default for InitBadRows {
    fn default() -> Self {
        Self::Refuse
    }
}

impl StartConfig {
    /// Reads the keys of a trainer of vectors of length `dim`, which comes after others.
    pub(super) fn read(
        section: &mut Section<'_>,
        dim: usize,
        before: &[TrainConfig],
    ) -> Result<Self, ConfigError> {
        let freeze = match section.text("freeze")? {
            Some(path) if path.is_empty() => {
                let what = "expected the path of a list of words, one a line, found an empty text";
                return Err(section.error("freeze", what));
            }
            path => path.map(PathBuf::from),
        };
        let bad_rows = section.choice("init_bad_rows", InitBadRows::Refuse)?;
        let Some(mut inner) = section.inner("init", "file")? else {
            if bad_rows != InitBadRows::Refuse {
                return Err(section.error("init_bad_rows", NO_FILE));
            }
            return Ok(Self { init: None, bad_rows, freeze });
        };
        let init = match (inner.text("file")?, inner.text("trainer")?) {
            (Some(file), None) if !file.is_empty() => InitConfig::File(file.into()),
            (None, Some(name)) => {
                check_trainer(&inner, &name, dim, before)?;
                InitConfig::Trainer(name)
            }
            _ => {
                let what = "expected the path of a file of vectors, { file = \"PATH\" } or { trainer = \"NAME\" }, a trainer \
                            before this one";
                return Err(section.error("init", what));
            }
        };
        inner.finish(|_| None)?;
        if bad_rows != InitBadRows::Refuse && matches!(init, InitConfig::Trainer(_)) {
            return Err(section.error("init_bad_rows", NO_FILE));
        }
        Ok(Self { init: Some(init), bad_rows, freeze })
    }

    /// The keys as they are written.
    pub(super) fn rows(&self) -> Vec<(&'static str, Value)> {
        let text = |path: &PathBuf| Value::from(path.to_string_lossy().as_ref());
        let init = self.init.as_ref().map(|init| match init {
            InitConfig::File(path) => text(path),
            InitConfig::Trainer(name) => {
                Value::Table([("trainer".to_owned(), name.as_str().into())].into_iter().collect())
            }
        });
        let bad_rows = (self.bad_rows != InitBadRows::Refuse).then(|| self.bad_rows.name().into());
        let freeze = self.freeze.as_ref().map(text);
        let rows = [("init", init), ("init_bad_rows", bad_rows), ("freeze", freeze)];
        rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Vectors of a trainer are there before this one begins, and have its length.
fn check_trainer(
    section: &Section<'_>,
    name: &str,
    dim: usize,
    before: &[TrainConfig],
) -> Result<(), ConfigError> {
    let Some(other) = before.iter().find(|trainer| trainer.name == name) else {
        let names = || before.iter().map(|trainer| trainer.name.as_str());
        let guess = did_you_mean(name, names());
        let known: Vec<&str> = names().collect();
        let known = match known.is_empty() {
            true => "this is the first one".to_owned(),
            false => format!("before this one there are {}", known.join(", ")),
        };
        let what = format!("no trainer before this one is called {name:?}{guess}; {known}");
        return Err(section.error("trainer", what));
    };
    if other.dim != dim {
        let what = format!(
            "the vectors of {name} have {} numbers, dim here is {dim}; set dim = {}",
            other.dim, other.dim
        );
        return Err(section.error("trainer", what));
    }
    Ok(())
}
