//! Where settings are written, and how the layers come together.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Value;

use super::draft::Draft;
use super::error::ConfigError;
use super::home;
use super::layers::{Layers, Origin, VARIABLE_PREFIX, value_of};
use super::mistaken::read_pipeline;
use super::read::read;
use super::template::TEMPLATE;
use super::types::Config;

const TEMPLATE_NAME: &str = "pipeline.toml";

/// Where settings may be written, lowest layer first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A pipeline file. Without one `pipeline.toml` of the current folder is read if it is there,
    /// otherwise the template.
    pub file: Option<PathBuf>,
    /// The environment; of it count settings, and `HOME` for paths that begin with `~/`.
    pub variables: Vec<(OsString, OsString)>,
    /// `KEY=VALUE` of each `--set`.
    pub sets: Vec<String>,
    /// Settings that have a flag of their own.
    pub flags: Vec<Flag>,
    /// `--run-dir`
    pub run_dir: Option<PathBuf>,
    /// `--memory`
    pub memory: Option<String>,
    /// `--threads`
    pub threads: Option<u32>,
    /// `--seed`
    pub seed: Option<u64>,
}

/// A setting that has a flag of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// The flag, for messages.
    pub flag: &'static str,
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: Value,
}

impl Flag {
    /// The value as it is typed: a TOML value, or a text without quotes.
    #[must_use]
    pub fn new(flag: &'static str, key: &str, typed: &str) -> Self {
        Self { flag, key: key.to_owned(), value: value_of(typed) }
    }
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// A file that cannot be read, and every setting that cannot be followed.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let (path, text) = file_text(sources.file.as_deref())?;
        Self::resolve(&path, &text, sources)
    }

    /// Reads the settings of a draft.
    ///
    /// # Errors
    /// Every setting that cannot be followed.
    pub fn of_draft(draft: &Draft) -> Result<Self, ConfigError> {
        read(&Layers::of_table(draft.place(), draft.table().clone()))
    }

    /// Reads all layers, the text of the file given; `path` is what messages call it.
    ///
    /// # Errors
    /// Every setting that cannot be followed.
    pub fn resolve(path: &Path, text: &str, sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::of_file(path, text)?;
        layers.variables(sources.variables.iter().cloned())?;
        for assignment in &sources.sets {
            layers.set(assignment)?;
        }
        for Flag { flag, key, value } in &sources.flags {
            layers.put(key, value.clone(), Origin::Flag(flag))?;
        }
        if let Some(memory) = &sources.memory {
            layers.put("run.memory", memory.as_str().into(), Origin::Flag("--memory"))?;
        }
        if let Some(threads) = sources.threads {
            layers.put("run.threads", i64::from(threads).into(), Origin::Flag("--threads"))?;
        }
        if let Some(seed) = sources.seed {
            // A seed that TOML cannot hold becomes a negative number and is refused with its range.
            let seed = i64::try_from(seed).unwrap_or(-1);
            layers.put("run.seed", seed.into(), Origin::Flag("--seed"))?;
        }
        let home = home::of(&sources.variables);
        home.inspect(|home| home::expand_table(&mut layers.table, home));
        let mut config = read(&layers)?;
        if let Some(dir) = &sources.run_dir {
            config.run.dir.clone_from(dir);
        }
        Ok(config)
    }
}

/// Whether an environment variable is a setting, by its name.
pub fn is_setting(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with(VARIABLE_PREFIX)
}

/// The file that the lowest layer is read from; none for the built-in template.
pub fn pipeline_file(file: Option<&Path>) -> Option<PathBuf> {
    let implicit = || Path::new(TEMPLATE_NAME).is_file().then(|| PathBuf::from(TEMPLATE_NAME));
    file.map(Path::to_path_buf).or_else(implicit)
}

fn file_text(file: Option<&Path>) -> Result<(PathBuf, String), ConfigError> {
    let path = file.unwrap_or(Path::new(TEMPLATE_NAME));
    match read_pipeline(path) {
        Ok(text) => Ok((path.into(), text?)),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok((PathBuf::from("built-in pipeline.toml"), TEMPLATE.into()))
        }
        Err(error) => {
            let what = format!("reading the pipeline: {error}; `wordmill init` writes a template");
            Err(ConfigError::new(path.display(), what))
        }
    }
}
