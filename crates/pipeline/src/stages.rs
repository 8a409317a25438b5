//! The wiring of the stages: the one file that sees two stages on one screen.
//!
//! [`stages`] says which stages a configuration has and with which settings; [`Pipeline::run`] runs
//! those that are not done. What one stage hands to the next are finished artefacts and their digests.

mod callback;
mod counting;
pub mod import;
mod outputs;
mod phrases;
mod start;
mod tokens;
mod training;

use outputs::{open_stripes, published};
pub use start::GivenFiles;
pub use tokens::DUPLICATES;
use training::TrainJob;
use wordmill_cooccur as cooccur;
use wordmill_flow::Context;
use wordmill_formats::{FormatError, MatrixIndex, Published, RunDir, StripeFile, TensorReader};
use wordmill_kernels::Kernels;
use wordmill_train as train;
use wordmill_vocab as vocab;

use wordmill_train::{Init, TrainConfig};

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::ledger::{Ledger, OpenStage, Settings, Stage, fingerprint};
use crate::memory;
use crate::past::Past;
use crate::texts::Texts;

/// The name of the stage that trains `NAME`.
pub fn train_stage(trainer: &TrainConfig) -> String {
    format!("train:{}", trainer.name)
}

/// Where the matrix of a run comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// Texts.
    Text(&'a Texts),
    /// Counts that were imported into the run directory.
    Counts,
}

/// The stages of a configuration, in order, with their settings. An import is none of them: it does
/// not depend on the configuration.
pub fn stages(config: &Config, origin: Origin<'_>, given: &GivenFiles, past: &Past) -> Vec<Stage> {
    let section = |config: &Config, name: &str| section(config, name, past);
    let mut stages = match origin {
        Origin::Text(texts) => counting_stages(config, texts, past),
        Origin::Counts => Vec::new(),
    };
    if config.needs_matrix() {
        let mut shuffle = section(config, "tiles");
        shuffle.insert("run.seed".into(), config.run.seed.to_string());
        stages.push(Stage::new("shuffle", shuffle));
    }
    for trainer in &config.train {
        let mut settings = section(config, &format!("train.{}", trainer.name));
        // It only matters to a training that has not come to its end.
        settings.remove(&format!("train.{}.on_divergence", trainer.name));
        settings.remove(&format!("train.{}.on_epoch", trainer.name));
        settings.insert("run.seed".into(), config.run.seed.to_string());
        given.replace(trainer, &format!("train.{}.", trainer.name), &mut settings);
        let after = match &trainer.start.init {
            Some(Init::Trainer(name)) => Some(format!("train:{name}")),
            _ => None,
        };
        stages.push(Stage { after, ..Stage::new(&train_stage(trainer), settings) });
    }
    stages
}

/// The stages from text to matrix, or to the vocabulary if no trainer needs a matrix.
fn counting_stages(config: &Config, texts: &Texts, past: &Past) -> Vec<Stage> {
    let section = |config: &Config, name: &str| section(config, name, past);
    let mut tokenize = section(config, "corpus");
    tokenize.extend(texts.recorded.clone());
    let mut vocabulary = section(config, "vocabulary");
    let mut stages = Vec::new();
    match &config.corpus.pieces {
        None => stages.push(Stage::new("tokenize", tokenize)),
        Some(_) => {
            // Words are cut into pieces afterwards: to change how does not touch the words.
            let mut pieces = Settings::new();
            for key in PIECES_KEYS.map(|key| format!("corpus.{key}")) {
                pieces.extend(tokenize.remove_entry(&key));
            }
            vocabulary.extend(pieces.get_key_value(PIECES_OF).map(|(k, v)| (k.clone(), v.clone())));
            tokenize.insert(PIECES_OF.into(), "words".into());
            stages.extend([Stage::new("tokenize", tokenize), Stage::new("pieces", pieces)]);
        }
    }
    if config.phrases.is_some() {
        vocabulary.insert(PHRASES_OF.into(), "joined".into());
        stages.push(Stage::new("phrases", section(config, "phrases")));
    }
    tokens::add_dedup(&mut stages, &mut vocabulary);
    stages.push(Stage::new("vocabulary", vocabulary));
    if config.needs_matrix() {
        stages.push(Stage::new("cooccur", cooccur_settings(config)));
        stages.push(Stage::new("merge", Settings::new()));
    }
    stages
}

/// Settings of `[corpus]` that are those of the stage `pieces`.
const PIECES_KEYS: [&str; 5] = ["tokenizer", "endings", "bpe_merges", "pieces_min_count", "pieces"];
/// The setting that says, in the row of the vocabulary, that it is one of pieces.
pub const PIECES_OF: &str = "corpus.tokenizer";
/// The same of phrases.
pub const PHRASES_OF: &str = "phrases";

/// Counting is random only if words are thinned out.
fn cooccur_settings(config: &Config) -> Settings {
    let mut settings = section(config, "cooccur", &Past::default());
    if config.cooccur.subsample > 0.0 {
        settings.insert("run.seed".into(), config.run.seed.to_string());
    }
    settings
}

/// The settings of a section, keys with the section's name in front; of a file it is what it holds that counts, or held
/// when it was read.
fn section(config: &Config, name: &str, past: &Past) -> Settings {
    let mut settings = config.settings_of(name);
    let has_files = ["corpus", "phrases", "vocabulary"].contains(&name);
    for key in ["stop_words", "pieces", "list", "connectors", "keep", "drop"] {
        if let Some(path) = settings.get_mut(key).filter(|_| has_files) {
            *path = outputs::content(&config.locate(&*path))
                .or_else(|error| past.content(name, key, path).ok_or(format!("{path}: {error}")))
                .unwrap_or_else(|problem| problem);
        }
    }
    if let Some(tokenizer) = settings.get_mut("tokenizer")
        && let Some(file) = tokenizer.strip_prefix("hf:")
    {
        let recorded = || past.content(name, "tokenizer", tokenizer);
        *tokenizer = match outputs::content(&config.locate(file)) {
            Ok(content) => format!("hf: {content}"),
            Err(error) => recorded().unwrap_or_else(|| format!("hf: {file}: {error}")),
        };
    }
    settings.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect()
}

/// The stage that `--until` names: one of the pipeline, or `train` for the last trainer.
pub fn last_stage<'a>(name: &str, stages: &'a [Stage]) -> Result<&'a str, ConfigError> {
    let names = || stages.iter().map(|stage| stage.name.as_str());
    let found = match name {
        "train" => names().next_back(),
        name => names().find(|known| *known == name),
    };
    found.ok_or_else(|| {
        let list: Vec<&str> = names().collect();
        let what = format!("no stage is called {name:?}; choose {}, or train", list.join(", "));
        ConfigError::new("--until", what)
    })
}

/// Notes that a stage is being worked on, with what the process takes by itself at this point.
fn begin(
    ctx: &Context,
    ledger: &mut Ledger<'_>,
    name: &str,
    settings: Settings,
) -> Result<OpenStage, FormatError> {
    memory::note_program(&ctx.budget);
    ledger.begin(name, settings)
}

/// A pipeline about to run.
pub struct Pipeline<'a> {
    /// Threads, memory, cancellation, progress.
    pub ctx: &'a Context,
    /// The run directory.
    pub dir: &'a RunDir,
    /// The settings.
    pub config: &'a Config,
    /// Where the matrix comes from.
    pub origin: Origin<'a>,
    /// What the files hold that trainers start from.
    pub given: &'a GivenFiles,
    /// The last run.
    pub past: &'a Past,
    /// The stages, from [`stages`].
    pub stages: &'a [Stage],
    /// The kernels to train with.
    pub kernels: &'static Kernels,
    /// The stage after which to stop.
    pub until: Option<&'a str>,
}

/// Token shards with the vocabulary and the digests that later stages depend on.
struct Text {
    vocabulary: vocab::Vocabulary,
    digest: String,
}

/// The vocabulary, and a finished matrix with its digest where one is needed.
struct Counted {
    text: Text,
    matrix: Option<(MatrixIndex, String)>,
}

impl Pipeline<'_> {
    /// Runs every stage that is not done, up to the last one asked for.
    pub fn run(&self, ledger: &mut Ledger<'_>) -> Result<(), Error> {
        let counted = match self.origin {
            Origin::Text(texts) => self.counted(ledger, texts)?,
            Origin::Counts => {
                self.config.train.iter().try_for_each(|trainer| self.check_source(trainer))?;
                Some(self.imported(ledger)?)
            }
        };
        let Some(Counted { text, matrix }) = counted else {
            return Ok(());
        };
        let tiles = match &matrix {
            Some((index, digest)) => Some((index, self.tiles(ledger, &text, index, digest)?)),
            None => None,
        };
        if self.ends("shuffle") {
            return Ok(());
        }
        let matrix = tiles.as_ref().map(|(index, tiles)| (*index, tiles));
        for trainer in &self.config.train {
            self.train(ledger, trainer, &text, matrix)?;
            if self.ends(&train_stage(trainer)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// From text to matrix; `None` if the run ends before or there.
    fn counted(&self, ledger: &mut Ledger<'_>, texts: &Texts) -> Result<Option<Counted>, Error> {
        let Some(shards) = self.shards(ledger, texts)? else {
            return Ok(None);
        };
        let text = self.vocabulary(ledger, &shards)?;
        if self.ends("vocabulary") {
            return Ok(None);
        }
        if !self.config.needs_matrix() {
            return Ok(Some(Counted { text, matrix: None }));
        }
        let Some(matrix) = self.matrix(ledger, &text)? else {
            return Ok(None);
        };
        Ok((!self.ends("merge")).then_some(Counted { text, matrix: Some(matrix) }))
    }

    fn ends(&self, stage: &str) -> bool {
        self.until == Some(stage)
    }

    fn settings(&self, stage: &str) -> Settings {
        let found = self.stages.iter().find(|known| known.name == stage);
        found.expect("every stage of the pipeline is listed").settings.clone()
    }

    fn vocabulary(
        &self,
        ledger: &mut Ledger<'_>,
        shards: &vocab::TokenShards,
    ) -> Result<Text, Error> {
        let tokens_digest = format!("{:016x}", shards.digest());
        let mut settings = self.settings("vocabulary");
        settings.insert("input.tokens".into(), tokens_digest.clone());
        let vocabulary = match ledger.done("vocabulary", &settings)? {
            Some(_) => vocab::Vocabulary::open(shards.run(), shards.ids())?,
            None => {
                self.check_before(ledger, "vocabulary")?;
                let config = self.config.vocabulary_job()?;
                for (key, list) in [
                    ("vocabulary.keep", &config.lists.keep),
                    ("vocabulary.drop", &config.lists.drop),
                ] {
                    let digest = list.as_ref().map(|list| list.digest());
                    outputs::check_content(&settings, (key, ""), digest)?;
                }
                let stage = begin(self.ctx, ledger, "vocabulary", settings)?;
                let made = vocab::vocabulary(self.ctx, &config, shards);
                let (stage, vocabulary) = ledger.or_pause(stage, made)?;
                let rows = outputs::report_words(self.ctx, &config, vocabulary.counts());
                ledger.finish(stage, vocabulary.outputs().iter().cloned(), rows)?;
                vocabulary
            }
        };
        let digest = format!("{tokens_digest}-{:016x}", vocabulary.digest());
        Ok(Text { vocabulary, digest })
    }

    fn tiles(
        &self,
        ledger: &mut Ledger<'_>,
        text: &Text,
        index: &MatrixIndex,
        index_digest: &str,
    ) -> Result<Tiles, Error> {
        let mut settings = self.settings("shuffle");
        settings.insert("input.merge".into(), index_digest.into());
        let grid = self.config.tiles.stripes(text.vocabulary.len() as u64);
        let fingerprint = fingerprint("shuffle", &settings);
        let config = cooccur::ShuffleConfig {
            folder: "tiles".into(),
            grid,
            seed: self.config.run.seed,
            fingerprint: fingerprint.clone(),
            slots: 0,
            checkpoint_every: self.config.run.checkpoint_every,
        };
        let stripes = match ledger.done("shuffle", &settings)? {
            Some(_) => open_stripes(self.dir, "tiles", grid)?,
            None => {
                self.check_matrix(ledger)?;
                let stage = begin(self.ctx, ledger, "shuffle", settings)?;
                let source = cooccur::MatrixCells::new(self.dir, index);
                let made = cooccur::shuffle(self.ctx, self.dir, &config, &source);
                let (stage, stripes) = ledger.or_pause(stage, made)?;
                let outputs = stripes.iter().map(published);
                let counts = [("grid", u64::from(grid)), ("cells", index.cells)];
                ledger.finish(stage, outputs, counts)?;
                stripes
            }
        };
        Ok(Tiles { stripes, fingerprint })
    }

    fn train(
        &self,
        ledger: &mut Ledger<'_>,
        trainer: &TrainConfig,
        text: &Text,
        matrix: Option<(&MatrixIndex, &Tiles)>,
    ) -> Result<(), Error> {
        let name = train_stage(trainer);
        let mut settings = self.settings(&name);
        let matrix = matrix.filter(|_| !trainer.trainer.reads_text());
        match matrix {
            Some((_, tiles)) => settings.insert("input.tiles".into(), tiles.fingerprint.clone()),
            None => settings.insert("input.vocabulary".into(), text.digest.clone()),
        };
        if let Some(Init::Trainer(other)) = &trainer.start.init {
            let vectors = TensorReader::open(self.dir.storage(), &self.dir.vectors(other))?;
            settings.insert("input.init".into(), format!("{:016x}", vectors.index().digest()));
        }
        if ledger.done(&name, &settings)?.is_some() {
            return Ok(());
        }
        let fingerprint = fingerprint(&name, &settings);
        match matrix {
            Some(_) => {
                self.check_matrix(ledger)?;
                ledger.check("shuffle")?;
            }
            None => {
                self.check_before(ledger, "vocabulary")?;
                ledger.check("vocabulary")?;
            }
        }
        let published = self.published_vectors(trainer, &fingerprint)?;
        let job = TrainJob { pipeline: self, trainer, text, matrix, fingerprint };
        // A file that does not fit is told before the stage goes on record: another may take its place.
        let start = published.is_none().then(|| job.start()).transpose()?;
        let stage = begin(self.ctx, ledger, &name, settings)?;
        if let Some(vectors) = published {
            train::remove_checkpoints(self.dir, &trainer.name)?;
            self.dir.sweep(&training::tiles_folder(trainer), |_| true)?;
            ledger.finish(stage, [vectors], [])?;
            return Ok(());
        }
        let start = start.unwrap_or_default();
        let (stage, (published, metrics)) = ledger.or_pause(stage, job.run(&start))?;
        let mut counts = start::counts(&start);
        counts.push(("visits", metrics.iter().map(|row| row.visits).sum()));
        ledger.finish(stage, [published], counts)?;
        Ok(())
    }

    /// The files that all trainers and tiles are made from are those that are listed.
    fn check_matrix(&self, ledger: &Ledger<'_>) -> Result<(), FormatError> {
        ["vocabulary", "merge", import::IMPORT].iter().try_for_each(|stage| ledger.check(stage))
    }

    /// The vectors of a trainer that was killed between their publication and its row in the
    /// ledger.
    fn published_vectors(
        &self,
        trainer: &TrainConfig,
        fingerprint: &str,
    ) -> Result<Option<Published>, Error> {
        let path = self.dir.vectors(&trainer.name);
        let reader = match TensorReader::open(self.dir.storage(), &path) {
            Ok(reader) => reader,
            Err(error) if error.is_not_found() || error.is_bad_artefact() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let index = reader.index();
        let is_ours = index.metadata().get("fingerprint").is_some_and(|ours| ours == fingerprint);
        if !is_ours {
            return Ok(None);
        }
        match reader.verify() {
            Ok(()) => {}
            Err(error) if error.is_bad_artefact() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let size = self.dir.storage().size(&path);
        let bytes = size.map_err(|e| FormatError::io(&path, "looking at", e))?.unwrap_or(0);
        Ok(Some(Published { path, bytes, xxh3: index.digest() }))
    }
}

/// Stripe files and what they were made from.
struct Tiles {
    stripes: Vec<StripeFile>,
    fingerprint: String,
}
