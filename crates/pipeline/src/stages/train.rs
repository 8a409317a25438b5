//! The stages `train:NAME`: an objective from its settings, its tiles, its vectors.

use std::collections::BTreeMap;

use wordmill_cooccur as cooccur;
use wordmill_flow::Need;
use wordmill_formats::{
    FormatError, MatrixIndex, Published, StageRow, StripeFile, TensorReader, Words,
};
use wordmill_train::{self as train, Init, TrainConfig, Trainer};

use super::settings::{section, without};
use super::{GivenFiles, shuffle, start, vocabulary};
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::outlook::Outlook;
use crate::past::Past;
use crate::stage::{
    Artefacts, Folder, Kind, Listed, Made, Run, Settings, Stage, Text, Tiles, Work,
};

/// What is known of them by their names.
pub const KIND: Kind = Kind { name: "train:", version: 5, folders };

/// Models are there while a trainer is at work; a vectors file stays until another takes its place.
fn folders(name: &str) -> Vec<Folder> {
    let name = name.strip_prefix(KIND.name).unwrap_or(name);
    vec![
        Folder::whole(format!("models/{name}")),
        Folder::scratch(format!("models/{name}/tiles")),
        Folder { only: Some(format!("{name}.safetensors")), ..Folder::whole("vectors") },
    ]
}

/// The name of the stage that trains `NAME`.
#[must_use]
pub fn stage_name(trainer: &str) -> String {
    format!("{}{trainer}", KIND.name)
}

/// The stage of a trainer.
pub struct Train {
    listed: Listed,
    trainer: TrainConfig,
    given: GivenFiles,
    /// The stage that makes the token shards, if there is a text.
    tokens: Option<String>,
}

impl Train {
    /// For a trainer of a configuration.
    #[must_use]
    pub fn new(
        config: &Config,
        trainer: &TrainConfig,
        given: &GivenFiles,
        past: &Past,
        tokens: Option<String>,
    ) -> Self {
        let name = format!("train.{}", trainer.name);
        // These only matter to a training that has not come to its end.
        let unfinished = ["on_divergence", "on_epoch"].map(|key| format!("{name}.{key}"));
        let unfinished = unfinished.each_ref().map(String::as_str);
        let mut settings = without(section(config, &name, past), &unfinished);
        settings.insert("run.seed".into(), config.run.seed.to_string());
        given.replace(trainer, &format!("{name}."), &mut settings);
        let after = match &trainer.start.init {
            Some(Init::Trainer(other)) => Some(stage_name(other)),
            _ => None,
        };
        let listed = Listed { after, ..Listed::new(&stage_name(&trainer.name), settings) };
        Self { listed, trainer: trainer.clone(), given: given.clone(), tokens }
    }

    /// The vectors of a trainer that was killed between their publication and its row in the
    /// ledger.
    fn published(&self, run: &Run<'_>, fingerprint: &str) -> Result<Option<Published>, Error> {
        let path = run.dir.vectors(&self.trainer.name);
        let reader = match TensorReader::open(run.dir.storage(), &path) {
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
        let size = run.dir.storage().size(&path);
        let bytes = size.map_err(|e| FormatError::io(&path, "looking at", e))?.unwrap_or(0);
        Ok(Some(Published { path, bytes, xxh3: index.digest() }))
    }
}

impl Stage for Train {
    fn listed(&self) -> &Listed {
        &self.listed
    }

    fn reads(&self) -> Vec<String> {
        match self.trainer.trainer.reads_text() {
            false => {
                let tiles = shuffle::KIND.name.to_owned();
                shuffle::matrix_stages().into_iter().chain([tiles]).collect()
            }
            true => self.tokens.clone().into_iter().chain([vocabulary::KIND.name.into()]).collect(),
        }
    }

    fn inputs(&self, run: &Run<'_>, so_far: &Artefacts) -> Result<Settings, Error> {
        let read = match (&so_far.tiles, self.trainer.trainer.reads_text()) {
            (Some(tiles), false) => ("input.tiles", tiles.fingerprint.clone()),
            _ => ("input.vocabulary", so_far.text().digest.clone()),
        };
        let mut inputs = Settings::from([(read.0.to_owned(), read.1)]);
        if let Some(Init::Trainer(other)) = &self.trainer.start.init {
            let vectors = TensorReader::open(run.dir.storage(), &run.dir.vectors(other))?;
            inputs.insert("input.init".into(), format!("{:016x}", vectors.index().digest()));
        }
        Ok(inputs)
    }

    fn need(&self, outlook: &Outlook<'_>) -> Need {
        let grid = outlook.config.tiles.stripes(outlook.sizes.words as u64);
        train::need(&self.trainer, &outlook.sizes, outlook.room, grid)
    }

    fn prepare<'a>(
        &'a self,
        run: &'a Run<'a>,
        so_far: &'a Artefacts,
        fingerprint: &str,
    ) -> Result<Work<'a>, Error> {
        let trainer = &self.trainer;
        if let Some(vectors) = self.published(run, fingerprint)? {
            return Ok(Box::new(move || {
                train::remove_checkpoints(run.dir, &trainer.name)?;
                run.dir.sweep(&tiles_folder(trainer), |_| true)?;
                Ok(Made { outputs: vec![vectors], ..Made::default() })
            }));
        }
        let matrix = so_far.matrix.as_ref().zip(so_far.tiles.as_ref());
        let matrix = matrix.filter(|_| !trainer.trainer.reads_text());
        let (given, text) = (&self.given, so_far.text());
        let job = TrainJob {
            run,
            given,
            trainer,
            text,
            matrix: matrix.map(|((index, _), tiles)| (index, tiles)),
            fingerprint: fingerprint.to_owned(),
        };
        // A file that does not fit is reported before the stage goes on record: another may take its place.
        let start = start::Beginning { run, given, trainer, text, fingerprint }.start()?;
        Ok(Box::new(move || {
            let (published, metrics) = job.run(&start)?;
            let mut counts = start::counts(&start);
            counts.push(("visits", metrics.iter().map(|row| row.visits).sum()));
            Ok(Made { outputs: vec![published], counts, says: None })
        }))
    }

    fn open(
        &self,
        _: &Run<'_>,
        _: Option<&StageRow>,
        _: &str,
        _: &mut Artefacts,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// One trainer at work.
pub(super) struct TrainJob<'a> {
    pub run: &'a Run<'a>,
    pub given: &'a GivenFiles,
    pub trainer: &'a TrainConfig,
    pub text: &'a Text,
    /// What it is trained on, but for a trainer that reads the text.
    pub matrix: Option<(&'a MatrixIndex, &'a Tiles)>,
    pub fingerprint: String,
}

/// Where a trainer keeps tiles of its own while it is at work.
pub(super) fn tiles_folder(trainer: &TrainConfig) -> String {
    format!("models/{}/tiles", trainer.name)
}

/// The vectors file and the learning curve.
type Trained = (Published, Vec<train::EpochRow>);

impl TrainJob<'_> {
    /// Trains, and publishes the vectors.
    pub fn run(&self, start: &train::Start) -> Result<Trained, Error> {
        if let Trainer::Windows(trainer) = &self.trainer.trainer {
            return self.windows(trainer, start);
        }
        let (index, tiles) = self.matrix();
        let Run { ctx, dir, config: all, kernels, .. } = *self.run;
        let counts = self.text.vocabulary.table().counts();
        let (name, stripes) = (self.trainer.name.as_str(), &tiles.stripes[..]);
        let model = self.model(all.run.seed);
        match &self.trainer.trainer {
            Trainer::NegativeSampling(config) => {
                let subsampling = self.subsampling(config.subsample)?;
                let input = train::SkipGramInput { counts, stripes, subsampling };
                let objective =
                    train::SkipGram::new(ctx, dir, name, model, *config, input, kernels)?;
                let objective = match self.loss()? {
                    Some(loss) => objective.with_loss(ctx, name, loss, &self.counted())?,
                    None => objective,
                };
                self.train(&objective, stripes, start)
            }
            Trainer::HierarchicalSoftmax(config) => self.softmax(config, start),
            Trainer::Windows(_) => unreachable!("trained above"),
            Trainer::Glove(config) => {
                let words = counts.len() as u32;
                let objective = train::Glove::new(model, *config, words, index.unit, kernels);
                let grid = stripes.len() as u32;
                let objective = match self.loss()? {
                    Some(loss) => objective.with_loss(ctx, name, loss, &self.counted(), grid)?,
                    None => objective,
                };
                self.train(&objective, stripes, start)
            }
        }
    }

    /// The shape of the vectors, and how they move.
    fn model(&self, seed: u64) -> train::ModelConfig {
        train::ModelConfig { dim: self.trainer.passes.dim, steps: self.trainer.steps, seed }
    }

    fn softmax(
        &self,
        config: &train::SoftmaxConfig,
        start: &train::Start,
    ) -> Result<Trained, Error> {
        let Run { ctx, dir, config: all, kernels, .. } = *self.run;
        let counts = self.text.vocabulary.table().counts();
        let tree = train::HuffmanTree::new(counts);
        if tree.nodes() == 0 {
            let what = "the vocabulary has one word, and hierarchical softmax decides between two; lower vocabulary.min_count, \
                        check vocabulary.max_size and vocabulary.keep, or give more text";
            let name = self.trainer.name.clone();
            return Err(train::TrainError::Empty { name, what: what.into() }.into());
        }
        let subsampling = self.subsampling(config.subsample)?;
        let source = train::NodeCells {
            dir,
            index: self.matrix().0,
            tree: &tree,
            subsampling: &subsampling,
            hot: train::HierarchicalSoftmax::hot(config.cap as f32),
        };
        let folder = tiles_folder(self.trainer);
        let shuffle = cooccur::ShuffleConfig {
            folder: folder.clone(),
            grid: all.tiles.stripes(counts.len() as u64),
            seed: all.run.seed,
            fingerprint: self.fingerprint.clone(),
            slots: self.trainer.rotations,
            checkpoint_every: all.run.checkpoint_every,
        };
        let stripes = cooccur::shuffle(ctx, dir, &shuffle, &source)?;
        let model = self.model(all.run.seed);
        let objective = train::HierarchicalSoftmax::new(model, *config, tree, kernels);
        let trained = self.train(&objective, &stripes, start)?;
        drop(stripes);
        dir.sweep(&folder, |_| true)?;
        Ok(trained)
    }

    /// The loss that takes the place of the trainer's own.
    fn loss(&self) -> Result<Option<Box<dyn train::CellLoss>>, Error> {
        let kernels = self.run.kernels;
        let Some(loss) = &self.trainer.loss else {
            return Ok(None);
        };
        let index = self.matrix().0;
        let tokens = self.counted().iter().sum::<u64>() as f64;
        let constants = train::Constants { tokens, pairs: index.weight as f64 / index.unit as f64 };
        let weight = match self.trainer.trainer {
            Trainer::Glove(train::GloveConfig { x_max, alpha }) => (x_max, alpha),
            // Losses of pairs have no use for it.
            _ => (1.0, 0.0),
        };
        let weight = train::CellWeight { x_max: weight.0 as f32, alpha: weight.1 as f32, kernels };
        let built = loss.build(constants, weight, kernels).map_err(|error| {
            ConfigError::new(format!("train.{}.loss", self.trainer.name), error)
        })?;
        Ok(Some(built))
    }

    /// What is left of each word where pairs were counted.
    fn keep(&self) -> Vec<f32> {
        let share = match self.run.texts {
            Some(_) => self.run.config.cooccur.subsample,
            None => 0.0,
        };
        train::Subsampling::keep_probabilities(self.text.vocabulary.table().counts(), share)
    }

    /// How often words occur in the text whose pairs were counted.
    fn counted(&self) -> Vec<u64> {
        let left = self.text.vocabulary.table().counts().iter().zip(self.keep());
        left.map(|(&n, keep)| (n as f64 * f64::from(keep)).round() as u64).collect()
    }

    fn subsampling(&self, subsample: f64) -> Result<train::Subsampling, Error> {
        let Run { ctx, dir, .. } = *self.run;
        let counts = self.text.vocabulary.table().counts();
        // Counts of a subsampled text are those of the pairs that word2vec would draw: what was left out
        // there is not left out again.
        let counted = self.keep();
        let more =
            train::Subsampling::keep_probabilities(counts, subsample).into_iter().zip(&counted);
        let keep: Vec<f32> = more.map(|(keep, counted)| (keep / counted).min(1.0)).collect();
        let left = self.counted();
        let index = self.matrix().0;
        let (unit, weight) = (index.unit, index.weight as f64);
        let mass = match keep.iter().all(|&keep| keep == 1.0) {
            true => weight,
            false => train::pair_mass(ctx, dir, index, &keep)?,
        };
        Ok(train::Subsampling::new(keep, &left, unit, weight, mass))
    }

    fn train(
        &self,
        objective: &dyn train::Objective,
        stripes: &[StripeFile],
        start: &train::Start,
    ) -> Result<Trained, Error> {
        let Run { ctx, dir, kernels, .. } = *self.run;
        let (plan, settings) = (self.plan(), self.settings(start));
        let words = self.text.vocabulary.table();
        let input = train::TrainInput { stripes, words, settings: &settings, start, kernels };
        Ok(train::train(ctx, dir, &plan, objective, input)?)
    }

    fn windows(
        &self,
        config: &train::WindowsConfig,
        start: &train::Start,
    ) -> Result<Trained, Error> {
        let Run { ctx, kernels, .. } = *self.run;
        let dir = self.text.vocabulary.run();
        let (plan, settings) = (self.plan(), self.settings(start));
        let dim = self.trainer.passes.dim;
        let vocabulary = &self.text.vocabulary;
        let (shards, words) = (vocabulary.shards(), vocabulary.table());
        let input = train::WindowsInput { shards, words, settings: &settings, dim, start, kernels };
        Ok(train::train_windows(ctx, dir, &plan, config, input)?)
    }

    fn matrix(&self) -> (&MatrixIndex, &Tiles) {
        self.matrix.expect("there is one unless no trainer reads it")
    }

    fn plan(&self) -> train::Plan {
        let config = self.run.config;
        train::Plan {
            name: self.trainer.name.clone(),
            epochs: self.trainer.passes.epochs,
            rotations: self.trainer.rotations,
            rate: self.trainer.passes.rate,
            schedule: self.trainer.schedule,
            seed: config.run.seed,
            fingerprint: self.fingerprint.clone(),
            checkpoint_every: config.run.checkpoint_every,
            divergence: self.trainer.passes.on_divergence,
            curve: self.trainer.curve,
            on_epoch: super::callback::on_epoch(self.run.ctx, self.trainer),
        }
    }

    /// Settings to be stored with the vectors.
    fn settings(&self, start: &train::Start) -> BTreeMap<String, String> {
        let config = self.run.config;
        let mut settings = config.settings_of(&format!("train.{}", self.trainer.name));
        settings.remove("on_divergence");
        settings.remove("on_epoch");
        self.given.replace(self.trainer, "", &mut settings);
        let counts = super::start::counts(start).into_iter();
        settings.extend(counts.map(|(key, count)| (key.to_owned(), count.to_string())));
        match self.run.texts {
            Some(_) => {
                let counting = self.matrix.map(|_| "cooccur");
                ["corpus", "phrases", "vocabulary"]
                    .into_iter()
                    .chain(counting)
                    .for_each(|name| settings.extend(section(config, name, self.run.past)));
                let description = config.description();
                settings.insert("tokenizer".into(), description.text());
                // Vectors are the same wherever the text lay.
                settings.remove("corpus.inputs");
                settings.insert("corpus.digest".into(), self.text.digest.clone());
            }
            None => {
                settings.extend(self.matrix().0.settings.clone());
                settings.insert("import.digest".into(), self.text.digest.clone());
            }
        }
        settings.insert("run.seed".into(), config.run.seed.to_string());
        settings
    }
}
