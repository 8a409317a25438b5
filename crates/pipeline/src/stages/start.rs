//! Where trainers start: the files that their settings name, known by content before anything is done, and opened when a trainer
//! begins.
//!
//! A stage depends on what these files hold, not on where they lie: its settings contain their digests in the place of their
//! paths, and in those that are stored with the vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wordmill_formats::compat::incoming::{RowConfig, VectorFile, VectorForm};
use wordmill_formats::{
    FormatError, Intake, RunDir, Storage, TensorReader, Vectors, Words, counted, digest_file,
    is_stream, is_tensor_file,
};
use wordmill_query::{ConvertConfig, ConvertFormat, ExportSpaces, convert, is_packed};
use wordmill_train as train;

use wordmill_train::{Init, TrainConfig};

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::past::Past;
use crate::stage::{Run, Text};

/// How an error about a row ends.
const ADVICE: &str = "init_bad_rows = \"skip\" of the trainer leaves such rows out, \"repair\" also mends what can be mended";

/// What the files hold: (trainer, key) → a digest.
#[derive(Clone, Debug, Default)]
pub struct GivenFiles(BTreeMap<(String, &'static str), String>);

impl GivenFiles {
    /// Reads all files that trainers start from. Of one that is gone, and whose trainer is done, what the last run recorded
    /// counts.
    ///
    /// # Errors
    /// A file that is not there, is what its trainer makes, or has vectors of another length.
    pub fn read(config: &Config, dir: &RunDir, past: &Past) -> Result<Self, Error> {
        let mut digests = BTreeMap::new();
        let storage = dir.storage();
        for trainer in &config.train {
            refuse_streams(config, trainer)?;
            let section = format!("train.{}", trainer.name);
            let done = past.done(&format!("train:{}", trainer.name)).is_some();
            let digest_of = |key, path: &Path| match known(config, storage, path) {
                Err(error) if error.is_not_found() && done => {
                    past.content(&section, key, &path.to_string_lossy()).ok_or(error)
                }
                found => found,
            };
            let mut add = |key, text: String| digests.insert((trainer.name.clone(), key), text);
            if let Some(Init::File(path)) = &trainer.start.init {
                add("init", digest_of("init", path)?);
                let place = &config.locate(path);
                if !done || place.exists() {
                    check_vectors(dir, trainer, path, place)?;
                }
            }
            if let Some(path) = &trainer.start.freeze {
                add("freeze", digest_of("freeze", path)?);
            }
        }
        Ok(Self(digests))
    }

    /// Fails where a file of a trainer holds something else by now: hours may lie between.
    fn check(
        &self,
        config: &Config,
        trainer: &TrainConfig,
        storage: &Arc<dyn Storage>,
    ) -> Result<(), Error> {
        let init = match &trainer.start.init {
            Some(Init::File(path)) => Some(("init", path)),
            _ => None,
        };
        let freeze = trainer.start.freeze.as_ref().map(|path| ("freeze", path));
        for (key, path) in init.into_iter().chain(freeze) {
            let before = self.0.get(&(trainer.name.clone(), key));
            if before != Some(&known(config, storage, path)?) {
                let what = "it has changed since this run began; run again";
                return Err(ConfigError::new(path.display(), what).into());
            }
        }
        Ok(())
    }

    /// Puts digests in the place of paths; keys of settings have `prefix` in front.
    pub(super) fn replace(
        &self,
        trainer: &TrainConfig,
        prefix: &str,
        settings: &mut BTreeMap<String, String>,
    ) {
        for ((name, key), digest) in &self.0 {
            if *name == trainer.name {
                settings.insert(format!("{prefix}{key}"), digest.clone());
            }
        }
    }
}

/// What is read once a stage, and again after an interruption, cannot come through a pipe.
fn refuse_streams(config: &Config, trainer: &TrainConfig) -> Result<(), ConfigError> {
    let init = match &trainer.start.init {
        Some(Init::File(path)) => Some(("init", path)),
        _ => None,
    };
    let freeze = trainer.start.freeze.as_ref().map(|path| ("freeze", path));
    let mut files = init.into_iter().chain(freeze);
    let Some((key, path)) = files.find(|(_, path)| is_stream(&config.locate(path))) else {
        return Ok(());
    };
    let name = &trainer.name;
    let what = format!(
        "{key} of {name}: it is a pipe or a device, and is read more than once; write it to a file first"
    );
    Err(ConfigError::new(path.display(), what))
}

/// The storage that files of users are read through: packed ones are unpacked on the disk of the run directory.
fn files(dir: &RunDir) -> Arc<Intake> {
    let root = std::path::absolute(dir.root()).unwrap_or_else(|_| dir.root().to_path_buf());
    let folder = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    Arc::new(Intake::new(Arc::clone(dir.storage()), folder))
}

/// What the file holds that a setting names.
fn known(config: &Config, storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let place = config.locate(path);
    digest(storage, &place).map_err(|error| error.called(&place, path))
}

/// What a file holds, and the list of words beside an array.
fn digest(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let of = |path: &Path| -> Result<String, FormatError> {
        let (bytes, digest) = digest_file(storage, path)?;
        Ok(format!("{bytes} bytes, xxh3 {digest:016x}"))
    };
    let text = of(path)?;
    Ok(match VectorForm::of(storage, path)? {
        Some(VectorForm::Npy) => {
            format!("{text}; words {}", of(&VectorFile::names_path(path))?)
        }
        _ => text,
    })
}

/// Checks the header of a vectors file, so that a wrong one is reported before hours of other stages.
fn check_vectors(
    dir: &RunDir,
    trainer: &TrainConfig,
    path: &Path,
    place: &Path,
) -> Result<(), Error> {
    let own = dir.vectors(&trainer.name);
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if real(place) == real(&own) {
        let what = format!(
            "init of {}: this is the file that it makes; give the trainer that goes on from it another name",
            trainer.name
        );
        return Err(ConfigError::new(path.display(), what).into());
    }
    let intake = files(dir);
    intake.take(place).map_err(|error| error.called(place, path))?;
    let storage: &Arc<dyn Storage> = &(intake as Arc<dyn Storage>);
    let dim = dim_of(storage, place, trainer).map_err(|error| error.called(place, path))?;
    let path = Some(path.to_path_buf());
    Ok(start_config(trainer, String::new(), path, Arc::clone(storage)).check_dim(dim)?)
}

/// The length of the vectors in a file.
fn dim_of(
    storage: &Arc<dyn Storage>,
    path: &Path,
    trainer: &TrainConfig,
) -> Result<usize, FormatError> {
    if is_packed(storage, path)? {
        let reader = TensorReader::open(storage, path)?;
        let tensor = reader.index().tensors().get("word_vectors");
        return Ok(tensor.and_then(|info| info.shape.get(1)).map_or(0, |&dim| dim as usize));
    }
    if VectorForm::of(storage, path)?.is_none() && is_tensor_file(storage, path)? {
        return Ok(Vectors::open(storage, path)?.dim());
    }
    Ok(VectorFile::open_with(storage, path, rows(trainer))?.dim())
}

/// How rows of another program's file are read.
fn rows(trainer: &TrainConfig) -> RowConfig {
    RowConfig { bad_rows: trainer.start.bad_rows, advice: ADVICE }
}

fn start_config(
    trainer: &TrainConfig,
    fingerprint: String,
    init: Option<PathBuf>,
    files: Arc<dyn Storage>,
) -> train::StartConfig {
    train::StartConfig {
        rows: rows(trainer),
        files,
        name: trainer.name.clone(),
        dim: trainer.passes.dim,
        fingerprint,
        init,
        freeze: trainer.start.freeze.clone(),
    }
}

/// A trainer about to begin.
pub(super) struct Beginning<'a> {
    pub run: &'a Run<'a>,
    pub given: &'a GivenFiles,
    pub trainer: &'a TrainConfig,
    pub text: &'a Text,
    pub fingerprint: &'a str,
}

impl Beginning<'_> {
    /// Opens what this trainer starts from, and reports what was found.
    pub(super) fn start(&self) -> Result<train::Start, Error> {
        let dir = self.run.dir;
        let shown = match &self.trainer.start.init {
            None => None,
            Some(Init::File(path)) => Some(self.run.config.locate(path)),
            Some(Init::Trainer(name)) => Some(dir.vectors(name)),
        };
        let intake = files(dir);
        if let Some(taken) = shown.as_ref().map(|path| intake.take(path)).transpose()?.flatten() {
            self.run.ctx.progress.say(&format!("train {}: {taken}", self.trainer.name));
        }
        let storage: Arc<dyn Storage> = intake;
        let init = match &shown {
            // Swept away with the checkpoints.
            Some(path) if is_packed(&storage, path)? => {
                let whole = dir.path(&format!("models/{}/unpacked.scratch", self.trainer.name));
                let (format, spaces) = (ConvertFormat::Safetensors, ExportSpaces::Refuse);
                let config = ConvertConfig { format, rows: rows(self.trainer), spaces };
                convert(&storage, &storage, &config, path, &whole)?;
                Some(whole)
            }
            path => path.clone(),
        };
        let mut config = start_config(self.trainer, self.fingerprint.to_owned(), init, storage);
        config.freeze = config.freeze.map(|path| self.run.config.locate(path));
        let words = self.text.vocabulary.table();
        let start = train::Start::open(self.run.ctx, dir, &config, words)?;
        self.given.check(self.run.config, self.trainer, dir.storage())?;
        self.report(&start, shown.as_deref(), words.len() as u64);
        Ok(start)
    }

    fn report(&self, start: &train::Start, path: Option<&Path>, words: u64) {
        let (name, progress) = (&self.trainer.name, &self.run.ctx.progress);
        if let (Some(has), Some(path)) = (start.given(), path) {
            let more = [(has.contexts, "contexts"), (has.biases, "biases"), (has.nodes, "nodes")];
            let more: Vec<&str> =
                more.into_iter().filter_map(|(has, what)| has.then_some(what)).collect();
            let more = match more.is_empty() {
                true => "word vectors only".to_owned(),
                false => format!("word vectors and {}", more.join(", ")),
            };
            progress.say(&format!(
                "train {name}: {} of {words} words begin as in {} ({more}), {} as usual",
                has.words,
                path.display(),
                words - has.words
            ));
            for line in has.rows.lines() {
                progress.warn(&format!("train {name}: {}: {line}", path.display()));
            }
        }
        let frozen = start.frozen();
        if frozen.words() > 0 {
            let mut text = format!("train {name}: frozen are {}", counted(frozen.words(), "word"));
            if frozen.unknown() > 0 {
                text +=
                    &format!("; lines that are no word of the vocabulary: {}", frozen.unknown());
            }
            if start.frozen_at_random() > 0 {
                let words = start.frozen_at_random();
                text += &format!("; {words} of them are in no file and stay at random values");
            }
            progress.say(&text);
        }
    }
}

/// What is counted of a start, for the ledger and for the settings that are stored with the vectors.
pub(super) fn counts(start: &train::Start) -> Vec<(&'static str, u64)> {
    let words = start.given().map(|has| ("init_words", has.words));
    let rows = start.given().map(|has| has.rows).unwrap_or_default();
    let some = |(key, rows): (&'static str, u64)| (rows > 0).then_some((key, rows));
    let rest = [
        ("init_rows_left_out", rows.left_out()),
        ("init_rows_mended", rows.mended()),
        ("frozen_words", start.frozen().words()),
    ];
    words.into_iter().chain(rest.into_iter().filter_map(some)).collect()
}
