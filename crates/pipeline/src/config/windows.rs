//! The trainers that read the text itself: CBOW, and skip-gram with `source = "windows"`.

use toml::Value;

use super::CooccurConfig;
use super::choice::{Choice, Context, Model, Objective, WindowMode};
use super::error::ConfigError;
use super::preset::Defaults;
use super::read::{exponent, subsample};
use super::section::Section;

/// A trainer that reads the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowsTrainer {
    /// What predicts what.
    pub model: WindowsModel,
    /// How a word is predicted.
    pub objective: WindowsObjective,
    /// Words on each side, 1 to 255.
    pub window: u8,
    /// How far a window reaches.
    pub window_mode: WindowMode,
    /// Words above this share of the text are thinned out; 0 is off.
    pub subsample: f64,
    /// Whether the result is the same for any number of threads.
    pub deterministic: bool,
}

/// `train.model`, of those that read the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowsModel {
    /// Skip-gram.
    SkipGram,
    /// CBOW.
    Cbow {
        /// Mean or sum of the context.
        context: Context,
        /// Whether each context word learns the whole step of their mean, as in word2vec.c.
        compat: bool,
    },
}

/// `train.objective`, of those that read the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowsObjective {
    /// Tell words from noise.
    NegativeSampling {
        /// Negatives beside each positive.
        negatives: u32,
        /// Noise is drawn in proportion to count to this power.
        noise_exponent: f64,
    },
    /// Decide left or right at each node of a Huffman tree.
    HierarchicalSoftmax,
}

impl WindowsTrainer {
    /// Reads the keys that only these trainers have.
    pub(super) fn read(
        section: &mut Section<'_>,
        (model, objective): (Model, Objective),
        defaults: &Defaults,
        counts: &CooccurConfig,
    ) -> Result<Self, ConfigError> {
        let objective = match objective {
            Objective::HierarchicalSoftmax => WindowsObjective::HierarchicalSoftmax,
            Objective::NegativeSampling => WindowsObjective::NegativeSampling {
                negatives: section.whole("negatives", 1..=1000, 5)? as u32,
                noise_exponent: exponent(section, defaults)?,
            },
        };
        let model = match model {
            Model::Cbow => {
                let context = section.choice("context", Context::Mean)?;
                let compat = section.flag("cbow_compat", defaults.cbow_compat)?;
                if compat && context == Context::Sum {
                    let what = "word2vec.c takes the mean; use context = \"mean\" or leave it out";
                    return Err(section.error("cbow_compat", what));
                }
                WindowsModel::Cbow { context, compat }
            }
            Model::SkipGram | Model::Glove => WindowsModel::SkipGram,
        };
        Ok(Self {
            model,
            objective,
            window: section.whole("window", 1..=255, u64::from(counts.window))? as u8,
            window_mode: section.choice("window_mode", WindowMode::Dynamic)?,
            subsample: subsample(section, defaults.subsample)?,
            deterministic: section.flag("deterministic", true)?,
        })
    }

    /// The keys as they are written.
    pub(super) fn rows(&self) -> Vec<(&'static str, Value)> {
        let mut rows = Vec::new();
        if let WindowsObjective::NegativeSampling { negatives, noise_exponent } = self.objective {
            rows.push(("negatives", i64::from(negatives).into()));
            rows.push(("noise_exponent", noise_exponent.into()));
        }
        if let WindowsModel::Cbow { context, compat } = self.model {
            rows.push(("context", context.name().into()));
            rows.push(("cbow_compat", compat.into()));
        }
        rows.extend([
            ("window", i64::from(self.window).into()),
            ("window_mode", self.window_mode.name().into()),
            ("subsample", self.subsample.into()),
            ("deterministic", self.deterministic.into()),
        ]);
        rows
    }
}
