//! Trainers as typed configurations: what a `[[train]]` table says, with a method for each key that is often needed. What is not
//! set is as in `pipeline.toml`; every other key is reached by `set`.

use wordmill_pipeline::config::{Draft, Value};

/// A trainer of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Trainer(pub(crate) Draft);

/// Declares a trainer with the methods that all have.
macro_rules! trainer {
    ($(#[$doc:meta])* $name:ident { $($key:literal = $value:literal),* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[must_use]
        pub struct $name(Draft);

        impl $name {
            /// A trainer whose vectors have this name: letters, digits, `_` and `-`.
            pub fn named(name: &str) -> Self {
                let mut draft = Draft::new("trainer");
                draft.set("name", name);
                $(draft.set($key, $value);)*
                Self(draft)
            }

            /// Length of a vector; 1 to 10,000.
            pub fn dim(self, dim: usize) -> Self {
                self.set("dim", i64::try_from(dim).unwrap_or(i64::MAX))
            }

            /// Passes over the cells of the matrix, or over the text.
            pub fn epochs(self, epochs: u32) -> Self {
                self.set("epochs", i64::from(epochs))
            }

            /// Learning rate at the start.
            pub fn rate(self, rate: f64) -> Self {
                self.set("rate", rate)
            }

            /// The share of cells, or of the text, that is never trained on and whose loss is reported; at most 0.5.
            pub fn held_out(self, share: f64) -> Self {
                self.set("held_out", share)
            }

            /// Training ends when the held-out loss did not fall in this many epochs; the best epoch is kept.
            pub fn patience(self, epochs: u32) -> Self {
                self.set("patience", i64::from(epochs))
            }

            /// A file of vectors, of any format that is read, with which training begins.
            pub fn init(self, path: &str) -> Self {
                self.set("init", path)
            }

            /// Any other key of a `[[train]]` table.
            pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
                self.0.set(key, value);
                self
            }
        }

        impl From<$name> for Trainer {
            fn from(trainer: $name) -> Self {
                Self(trainer.0)
            }
        }
    };
}

trainer! {
    /// Skip-gram with negative sampling, from the co-occurrence matrix.
    SkipGram { "model" = "skip-gram" }
}

trainer! {
    /// Skip-gram with hierarchical softmax, from the co-occurrence matrix.
    HierarchicalSoftmax { "model" = "skip-gram", "objective" = "hierarchical-softmax" }
}

trainer! {
    /// GloVe.
    Glove { "model" = "glove" }
}

trainer! {
    /// CBOW, from the text.
    Cbow { "model" = "cbow" }
}

impl SkipGram {
    /// Noise words beside each pair.
    pub fn negatives(self, negatives: u32) -> Self {
        self.set("negatives", i64::from(negatives))
    }

    /// Words above this share of the text are subsampled; 0 is off.
    pub fn subsample(self, share: f64) -> Self {
        self.set("subsample", share)
    }

    /// Reads the text in its order, in windows of this many words on each side, instead of the matrix.
    pub fn from_windows(self, window: u8) -> Self {
        self.set("source", "windows").set("window", i64::from(window))
    }
}

impl HierarchicalSoftmax {
    /// Words above this share of the text are subsampled; 0 is off.
    pub fn subsample(self, share: f64) -> Self {
        self.set("subsample", share)
    }
}

impl Glove {
    /// Pairs of this weight and above count fully.
    pub fn x_max(self, weight: f64) -> Self {
        self.set("x_max", weight)
    }

    /// How fast lighter pairs count less.
    pub fn alpha(self, power: f64) -> Self {
        self.set("alpha", power)
    }
}

impl Cbow {
    /// Words on each side.
    pub fn window(self, words: u8) -> Self {
        self.set("window", i64::from(words))
    }

    /// Noise words beside each word.
    pub fn negatives(self, negatives: u32) -> Self {
        self.set("negatives", i64::from(negatives))
    }

    /// Words above this share of the text are subsampled; 0 is off.
    pub fn subsample(self, share: f64) -> Self {
        self.set("subsample", share)
    }

    /// Predicts words by hierarchical softmax instead of negative sampling.
    pub fn hierarchical_softmax(self) -> Self {
        self.set("objective", "hierarchical-softmax")
    }
}
