//! Where training starts: `init`, vectors to begin with, and `freeze`, words whose vectors never move.

use std::path::PathBuf;

use toml::Value;
use wordmill_formats::compat::incoming::BadRows;
use wordmill_train::{Init, StartFiles, TrainConfig};

use super::error::ConfigError;
use super::guess::did_you_mean;
use super::rows::Rows;
use super::section::{Section, name_of};

const NO_FILE: &str = "only used with init = \"FILE\"; name a file, or leave it out";

/// Reads the keys of a trainer of vectors of length `dim`, which comes after others.
pub(super) fn read(
    section: &mut Section<'_>,
    dim: usize,
    before: &[TrainConfig],
) -> Result<StartFiles, ConfigError> {
    let freeze = match section.text("freeze")? {
        Some(path) if path.is_empty() => {
            let what = "expected the path of a list of words, one a line, found an empty text";
            return Err(section.error("freeze", what));
        }
        path => path.map(PathBuf::from),
    };
    let bad_rows = section.choice("init_bad_rows", BadRows::Refuse)?;
    let Some(mut inner) = section.inner("init", "file")? else {
        if bad_rows != BadRows::Refuse {
            return Err(section.error("init_bad_rows", NO_FILE));
        }
        return Ok(StartFiles { init: None, bad_rows, freeze });
    };
    let init = match (inner.text("file")?, inner.text("trainer")?) {
        (Some(file), None) if !file.is_empty() => Init::File(file.into()),
        (None, Some(name)) => {
            check_trainer(&inner, &name, dim, before)?;
            Init::Trainer(name)
        }
        _ => {
            let what = "expected the path of a file of vectors, { file = \"PATH\" } or { trainer = \"NAME\" }, a trainer \
                        before this one";
            return Err(section.error("init", what));
        }
    };
    inner.finish(|_| None)?;
    if bad_rows != BadRows::Refuse && matches!(init, Init::Trainer(_)) {
        return Err(section.error("init_bad_rows", NO_FILE));
    }
    Ok(StartFiles { init: Some(init), bad_rows, freeze })
}

/// The keys as they are written.
pub(super) fn rows(start: &StartFiles) -> Rows {
    let text = |path: &PathBuf| Value::from(path.to_string_lossy().as_ref());
    let init = start.init.as_ref().map(|init| match init {
        Init::File(path) => text(path),
        Init::Trainer(name) => {
            Value::Table([("trainer".to_owned(), name.as_str().into())].into_iter().collect())
        }
    });
    let is_usual = start.bad_rows == BadRows::Refuse;
    let bad_rows = (!is_usual).then(|| name_of(&start.bad_rows).into());
    let freeze = start.freeze.as_ref().map(text);
    let rows = [("init", init), ("init_bad_rows", bad_rows), ("freeze", freeze)];
    rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
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
    let other_dim = other.passes.dim;
    if other_dim != dim {
        let what = format!(
            "the vectors of {name} have {other_dim} numbers, dim here is {dim}; set dim = {other_dim}"
        );
        return Err(section.error("trainer", what));
    }
    Ok(())
}
