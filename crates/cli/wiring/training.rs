//! One trainer at work: its objective from its settings, its tiles, its vectors.

use std::collections::BTreeMap;

use wordmill_cooccur as cooccur;
use wordmill_formats::{MatrixIndex, Published, StripeFile, Words};
use wordmill_train as train;

use super::{Origin, Pipeline, Text, Tiles, section};
use crate::config::{LossConfig, TrainConfig, Trainer, WindowsTrainer};

/// One trainer at work.
pub(super) struct TrainJob<'a> {
    pub pipeline: &'a Pipeline<'a>,
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
    pub fn run(&self, start: &train::Start) -> anyhow::Result<Trained> {
        if let Trainer::Windows(trainer) = &self.trainer.trainer {
            return self.windows(trainer, start);
        }
        let (index, tiles) = self.matrix();
        let (dim, seed) = (self.trainer.dim, self.pipeline.config.run.seed);
        let kernels = self.pipeline.kernels;
        let counts = self.text.vocabulary.table().counts();
        let steps = super::translate::steps(&self.trainer.steps);
        match self.trainer.trainer {
            Trainer::NegativeSampling { negatives, noise_exponent, subsample, context_rates } => {
                let discount = self.discount(subsample)?;
                let context_rates = super::translate::context_rates(context_rates);
                let config = train::SkipGramConfig {
                    dim,
                    negatives,
                    noise_exponent,
                    context_rates,
                    steps,
                    seed,
                };
                let Pipeline { ctx, dir, .. } = self.pipeline;
                let (stripes, name) = (&tiles.stripes[..], self.trainer.name.as_str());
                let input = train::SkipGramInput { counts, stripes, subsampling: discount };
                let objective = train::SkipGram::new(ctx, dir, name, config, input, kernels)?;
                let objective = match self.loss()? {
                    Some(loss) => objective.with_loss(ctx, name, loss, &self.counted())?,
                    None => objective,
                };
                self.train(&objective, stripes, start)
            }
            Trainer::HierarchicalSoftmax { subsample, cap } => {
                self.softmax(subsample, cap as f32, start)
            }
            Trainer::Windows(_) => unreachable!("trained above"),
            Trainer::Glove { x_max, alpha } => {
                let config = train::GloveConfig { dim, x_max, alpha, steps, seed };
                let words = counts.len() as u32;
                let objective = train::Glove::new(config, words, index.unit, kernels);
                let (ctx, grid) = (self.pipeline.ctx, tiles.stripes.len() as u32);
                let name = self.trainer.name.as_str();
                let objective = match self.loss()? {
                    Some(loss) => objective.with_loss(ctx, name, loss, &self.counted(), grid)?,
                    None => objective,
                };
                self.train(&objective, &tiles.stripes, start)
            }
        }
    }

    fn softmax(&self, subsample: f64, cap: f32, start: &train::Start) -> anyhow::Result<Trained> {
        let Pipeline { ctx, dir, config, kernels, .. } = self.pipeline;
        let counts = self.text.vocabulary.table().counts();
        let tree = train::HuffmanTree::new(counts);
        if tree.nodes() == 0 {
            let what = "the vocabulary has one word, and hierarchical softmax decides between two; lower vocabulary.min_count, \
                        check vocabulary.max_size and vocabulary.keep, or give more text";
            let name = self.trainer.name.clone();
            return Err(train::TrainError::Empty { name, what: what.into() }.into());
        }
        let discount = self.discount(subsample)?;
        let source = train::NodeCells {
            dir,
            index: self.matrix().0,
            tree: &tree,
            subsampling: &discount,
            hot: train::HierarchicalSoftmax::hot(cap),
        };
        let folder = tiles_folder(self.trainer);
        let shuffle = cooccur::ShuffleConfig {
            folder: folder.clone(),
            grid: super::grid(self.pipeline.config, counts.len() as u64),
            seed: config.run.seed,
            fingerprint: self.fingerprint.clone(),
            slots: self.trainer.rotations,
            checkpoint_every: config.run.checkpoint_every,
        };
        let stripes = cooccur::shuffle(ctx, dir, &shuffle, &source)?;
        let (dim, seed) = (self.trainer.dim, config.run.seed);
        let steps = super::translate::steps(&self.trainer.steps);
        let softmax = train::SoftmaxConfig { dim, cap, steps, seed };
        let objective = train::HierarchicalSoftmax::new(softmax, tree, kernels);
        let trained = self.train(&objective, &stripes, start)?;
        drop(stripes);
        dir.sweep(&folder, |_| true)?;
        Ok(trained)
    }

    /// The loss that takes the place of the trainer's own.
    fn loss(&self) -> anyhow::Result<Option<Box<dyn train::CellLoss>>> {
        let kernels = self.pipeline.kernels;
        let Some(loss) = &self.trainer.loss else {
            return Ok(None);
        };
        let words = || self.counted().iter().sum::<u64>() as f64;
        let index = self.matrix().0;
        let pairs = index.weight as f64 / index.unit as f64;
        let weight = || match self.trainer.trainer {
            Trainer::Glove { x_max, alpha } => {
                train::CellWeight { x_max: x_max as f32, alpha: alpha as f32, kernels }
            }
            _ => unreachable!("cells are those of GloVe"),
        };
        Ok(Some(match *loss {
            LossConfig::Hinge { margin } => Box::new(train::Hinge { margin: margin as f32 }),
            LossConfig::Focal { gamma } => Box::new(train::Focal { gamma: gamma as f32, kernels }),
            LossConfig::Huber { delta } => {
                Box::new(train::WeightedHuber { weight: weight(), delta: delta as f32 })
            }
            LossConfig::Ppmi { shift } => {
                let scale = words().powi(2) / (pairs * shift);
                Box::new(train::ShiftedPpmi { weight: weight(), scale })
            }
            LossConfig::Sampled { .. } | LossConfig::Cell(_) => {
                let parts = loss.parts().unwrap_or_default();
                let constants = train::Constants { tokens: words(), pairs };
                Box::new(train::Written::new(&parts, constants, kernels)?)
            }
        }))
    }

    /// What is left of each word where pairs were counted.
    fn keep(&self) -> Vec<f32> {
        let share = match self.pipeline.origin {
            Origin::Text(_) => self.pipeline.config.cooccur.subsample,
            Origin::Counts => 0.0,
        };
        train::Subsampling::keep_probabilities(self.text.vocabulary.table().counts(), share)
    }

    /// How often words occur in the text whose pairs were counted.
    fn counted(&self) -> Vec<u64> {
        let left = self.text.vocabulary.table().counts().iter().zip(self.keep());
        left.map(|(&n, keep)| (n as f64 * f64::from(keep)).round() as u64).collect()
    }

    fn discount(&self, subsample: f64) -> anyhow::Result<train::Subsampling> {
        let Pipeline { ctx, dir, .. } = self.pipeline;
        let counts = self.text.vocabulary.table().counts();
        // Counts of a thinned text are those of the pairs that word2vec would draw: what was left out
        // there is not left out again.
        let thinned = self.keep();
        let more =
            train::Subsampling::keep_probabilities(counts, subsample).into_iter().zip(&thinned);
        let keep: Vec<f32> = more.map(|(keep, thinned)| (keep / thinned).min(1.0)).collect();
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
    ) -> anyhow::Result<Trained> {
        let Pipeline { ctx, dir, kernels, .. } = self.pipeline;
        let (plan, settings) = (self.plan(), self.settings(start));
        let words = self.text.vocabulary.table();
        let input = train::TrainInput { stripes, words, settings: &settings, start, kernels };
        Ok(train::train(ctx, dir, &plan, objective, input)?)
    }

    fn windows(&self, trainer: &WindowsTrainer, start: &train::Start) -> anyhow::Result<Trained> {
        let Pipeline { ctx, kernels, .. } = self.pipeline;
        let dir = self.text.vocabulary.run();
        let (plan, settings) = (self.plan(), self.settings(start));
        let config = super::translate::windows(self.trainer.dim, trainer);
        let vocabulary = &self.text.vocabulary;
        let (shards, words) = (vocabulary.shards(), vocabulary.table());
        let input = train::WindowsInput { shards, words, settings: &settings, start, kernels };
        Ok(train::train_windows(ctx, dir, &plan, &config, input)?)
    }

    fn matrix(&self) -> (&MatrixIndex, &Tiles) {
        self.matrix.expect("there is one unless no trainer reads it")
    }

    fn plan(&self) -> train::Plan {
        let config = self.pipeline.config;
        train::Plan {
            name: self.trainer.name.clone(),
            epochs: self.trainer.epochs,
            rotations: self.trainer.rotations,
            rate: self.trainer.rate,
            schedule: super::translate::schedule(self.trainer.steps.schedule),
            final_rate: self.trainer.steps.final_rate,
            seed: config.run.seed,
            fingerprint: self.fingerprint.clone(),
            checkpoint_every: config.run.checkpoint_every,
            divergence: super::translate::divergence(self.trainer.on_divergence),
            curve: super::translate::curve(&self.trainer.curve),
            on_epoch: super::callback::on_epoch(self.pipeline.ctx, self.trainer),
        }
    }

    /// Settings to be stored with the vectors.
    fn settings(&self, start: &train::Start) -> BTreeMap<String, String> {
        let config = self.pipeline.config;
        let mut settings = config.settings_of(&format!("train.{}", self.trainer.name));
        settings.remove("on_divergence");
        settings.remove("on_epoch");
        self.pipeline.given.replace(self.trainer, "", &mut settings);
        let counts = super::start::counts(start).into_iter();
        settings.extend(counts.map(|(key, count)| (key.to_owned(), count.to_string())));
        match self.pipeline.origin {
            Origin::Text(_) => {
                let counting = self.matrix.map(|_| "cooccur");
                ["corpus", "phrases", "vocabulary"]
                    .into_iter()
                    .chain(counting)
                    .for_each(|name| settings.extend(section(config, name, self.pipeline.past)));
                let description = super::translate::description(config);
                settings.insert("tokenizer".into(), description.text());
                // Vectors are the same wherever the text lay.
                settings.remove("corpus.inputs");
                settings.insert("corpus.digest".into(), self.text.digest.clone());
            }
            Origin::Counts => {
                settings.extend(self.matrix().0.settings.clone());
                settings.insert("import.digest".into(), self.text.digest.clone());
            }
        }
        settings.insert("run.seed".into(), config.run.seed.to_string());
        settings
    }
}
